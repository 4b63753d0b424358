// SPDX-License-Identifier: MIT
package millrace.peers;

/**
 * What a job has found out, made comparable: the order in which rows come does not matter. The same arithmetic as
 * Outcome of bench/macro/contest.hpp, so that both sides' digests can be held against each other.
 */
public final class Outcome {
    private static final long FACTOR = 0x9e3779b97f4a7c15L;

    private long rows;
    private long digest;

    public void add(long a, long b) {
        addRow(mix(mix(0, a), b));
    }

    public void add(long a, long b, long c, long d) {
        addRow(mix(mix(mix(mix(0, a), b), c), d));
    }

    public void add(long... members) {
        long row = 0;
        for (long member : members) row = mix(row, member);
        addRow(row);
    }

    /** So many rows of which only the sum is told. */
    public void addSum(long count, long sum) {
        rows += count;
        digest += sum;
    }

    public void add(Outcome other) {
        rows += other.rows;
        digest += other.digest;
    }

    public long rows() {
        return rows;
    }

    public long digest() {
        return digest;
    }

    private static long mix(long row, long member) {
        return (row ^ member) * FACTOR;
    }

    private void addRow(long row) {
        ++rows;
        digest += row ^ (row >>> 32);
    }
}
