// SPDX-License-Identifier: MIT
package millrace.peers;

import java.util.HashMap;
import java.util.Map;

/** The command line of a program: {@code --name value} pairs. */
public final class Arguments {
    private final Map<String, String> values = new HashMap<>();

    public Arguments(String[] words) {
        if (words.length % 2 != 0) throw new IllegalArgumentException("arguments come in pairs: --name value");
        for (int i = 0; i < words.length; i += 2) {
            if (!words[i].startsWith("--")) throw new IllegalArgumentException("not a name: " + words[i]);
            values.put(words[i].substring(2), words[i + 1]);
        }
    }

    public String text(String name) {
        String value = values.get(name);
        if (value == null) throw new IllegalArgumentException("--" + name + " is missing");
        return value;
    }

    public String text(String name, String fallback) {
        return values.getOrDefault(name, fallback);
    }

    public long number(String name) {
        return Long.parseLong(text(name));
    }

    public long number(String name, long fallback) {
        return values.containsKey(name) ? number(name) : fallback;
    }
}
