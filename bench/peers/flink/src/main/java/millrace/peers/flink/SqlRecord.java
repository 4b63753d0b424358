// SPDX-License-Identifier: MIT
package millrace.peers.flink;

/** A typed record as Flink's Table API takes it: a POJO. */
public final class SqlRecord {
    public long key;
}
