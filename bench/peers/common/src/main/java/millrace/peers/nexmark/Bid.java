// SPDX-License-Identifier: MIT
package millrace.peers.nexmark;

public final class Bid {
    public long auction;
    public long bidder;
    public long price;
    public String channel;
    public String url;
    public String extra;
}
