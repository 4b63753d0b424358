// SPDX-License-Identifier: MIT
package millrace.peers.nexmark;

/** Text that nobody reads. */
final class Words {
    private static final int FILLING = 1024 * 1024;

    private final String filling;

    Words(SplitRandom random) {
        // Some are no letters: the remainder may be negative.
        StringBuilder made = new StringBuilder(FILLING);
        int number = 0;
        for (int i = 0; i < FILLING; ++i) {
            if (i % 6 == 0) number = random.nextInt();
            made.append((char) ('a' + number % 26));
            number /= 26;
        }
        filling = made.toString();
    }

    /** Three letters to fewer than {@code most}, one in 13 of them {@code special}; blanks at the ends go. */
    static String word(SplitRandom random, int most, char special) {
        int length = 3 + random.nextInt(most - 3);
        StringBuilder out = new StringBuilder(length);
        for (int left = length; left > 0; --left)
            out.append(random.nextInt(13) == 0 ? special : (char) ('a' + random.nextInt(26)));
        return out.toString().trim();
    }

    /** Fills up to {@code average} bytes, a fifth more or less. */
    String extra(SplitRandom random, int size, int average) {
        if (size > average) return "";
        int wanted = average - size;
        int delta = (int) Math.floor(wanted * 0.2 + 0.5);
        int length = wanted - delta + (delta == 0 ? 0 : random.nextInt(2 * delta));
        int offset = random.nextInt(FILLING - length);
        return filling.substring(offset, offset + length);
    }
}
