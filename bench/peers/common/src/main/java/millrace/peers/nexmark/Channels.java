// SPDX-License-Identifier: MIT
package millrace.peers.nexmark;

/** Where bids come from: names and addresses, the hot ones first. */
final class Channels {
    static final String[] HOT = {"Google", "Facebook", "Baidu", "Apple"};
    static final int OTHERS = 10_000;

    final String[] names = new String[HOT.length + OTHERS];
    final String[] urls = new String[HOT.length + OTHERS];

    Channels(SplitRandom random) {
        for (int i = 0; i < HOT.length; ++i) {
            names[i] = HOT[i];
            urls[i] = address(random);
        }
        for (int i = 0; i < OTHERS; ++i) {
            names[HOT.length + i] = "channel-" + i;
            String address = address(random);
            urls[HOT.length + i] = random.nextInt(10) > 0
                    ? address + "&channel_id=" + Math.abs((long) Integer.reverse(i)) : address;
        }
    }

    private static String address(SplitRandom random) {
        StringBuilder out = new StringBuilder("https://www.nexmark.com/");
        for (int i = 0; i < 3; ++i) out.append(Words.word(random, 5, '_')).append('/');
        return out.append("item.htm?query=1").toString();
    }
}
