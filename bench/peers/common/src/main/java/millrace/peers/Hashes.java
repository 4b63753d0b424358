// SPDX-License-Identifier: MIT
package millrace.peers;

/** The arithmetic by which both sides make the same records. */
public final class Hashes {
    private Hashes() {}

    /** As mixHash() of millrace/base/hash.hpp. */
    public static long mix(long x) {
        x += 0x9e3779b97f4a7c15L;
        x = (x ^ (x >>> 30)) * 0xbf58476d1ce4e5b9L;
        x = (x ^ (x >>> 27)) * 0x94d049bb133111ebL;
        return x ^ (x >>> 31);
    }

    /** Spreads a hash over 0 .. range - 1: the high half of the unsigned product. */
    public static long spread(long hash, long range) {
        // Java 17 has only the signed product, which lacks `range` where the hash counts as negative.
        return Math.multiplyHigh(hash, range) + ((hash >> 63) & range);
    }
}
