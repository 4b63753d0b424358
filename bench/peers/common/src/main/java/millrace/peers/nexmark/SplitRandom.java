// SPDX-License-Identifier: MIT
package millrace.peers.nexmark;

/** As SplitRandom of bench/peers/native/nexmark: java.util.SplittableRandom, but seeded anew without a new object. */
final class SplitRandom {
    private long seed;

    SplitRandom(long seed) {
        this.seed = seed;
    }

    void restart(long newSeed) {
        seed = newSeed;
    }

    int nextInt() {
        long z = next();
        z = (z ^ (z >>> 33)) * 0x62a9d9ed799705f5L;
        return (int) (((z ^ (z >>> 28)) * 0xcb24d0a5c88c35b3L) >>> 32);
    }

    /** 0 .. bound - 1. */
    int nextInt(int bound) {
        int mask = bound - 1;
        int random = nextInt();
        if ((bound & mask) == 0) return random & mask;
        int drawn = random >>> 1;
        while (drawn + mask - (random = drawn % bound) < 0) drawn = nextInt() >>> 1;
        return random;
    }

    /** 0 up to 1, without 1. */
    double nextDouble() {
        long z = next();
        z = (z ^ (z >>> 30)) * 0xbf58476d1ce4e5b9L;
        z = (z ^ (z >>> 27)) * 0x94d049bb133111ebL;
        return ((z ^ (z >>> 31)) >>> 11) * 0x1p-53;
    }

    private long next() {
        return seed += 0x9e3779b97f4a7c15L;
    }
}
