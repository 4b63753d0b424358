// SPDX-License-Identifier: MIT
package millrace.peers;

/** Few names that come again and again, so that each becomes a string only once. */
public final class Names {
    private static final int SLOTS = 1 << 16;

    private final String[] known = new String[SLOTS];

    public String of(char[] text, int from, int length) {
        int hash = length;
        for (int i = from; i < from + length; ++i) hash = hash * 31 + text[i];
        int slot = (hash ^ (hash >>> 16)) & (SLOTS - 1);
        String name = known[slot];
        if (name == null || !isSame(name, text, from, length)) known[slot] = name = new String(text, from, length);
        return name;
    }

    private static boolean isSame(String name, char[] text, int from, int length) {
        if (name.length() != length) return false;
        for (int i = 0; i < length; ++i) if (name.charAt(i) != text[from + i]) return false;
        return true;
    }
}
