// SPDX-License-Identifier: MIT
package millrace.peers.yahoo;

/** What the Yahoo Streaming Benchmark looks at of an event; one object serves for all of them. */
public final class AdEvent {
    public String ad;
    public boolean isView;
    public long time;
}
