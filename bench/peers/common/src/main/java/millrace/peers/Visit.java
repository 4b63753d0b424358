// SPDX-License-Identifier: MIT
package millrace.peers;

import java.util.Arrays;

/** One session of one user. */
public final class Visit {
    public long first = Long.MAX_VALUE;
    public long last = Long.MIN_VALUE;
    public long events;
    public long purchases;
    /** The first so many of each array, in the order of the names: nearly always one or none. */
    public int currencies;
    public String[] currency = new String[1];
    public long[] amount = new long[1];

    /** {@code currency} is null where the event is no purchase. */
    public void add(long time, String currency, long amount) {
        first = Math.min(first, time);
        last = Math.max(last, time);
        ++events;
        if (currency == null) return;
        ++purchases;
        addRevenue(currency, amount);
    }

    public void add(Visit other) {
        first = Math.min(first, other.first);
        last = Math.max(last, other.last);
        events += other.events;
        purchases += other.purchases;
        for (int i = 0; i < other.currencies; ++i) addRevenue(other.currency[i], other.amount[i]);
    }

    public void addRevenue(String name, long more) {
        int at = 0;
        while (at < currencies && currency[at].compareTo(name) < 0) ++at;
        if (at == currencies || !currency[at].equals(name)) insert(at, name);
        amount[at] = Math.addExact(amount[at], more);
    }

    private void insert(int at, String name) {
        if (currencies == currency.length) {
            currency = Arrays.copyOf(currency, currencies + 2);
            amount = Arrays.copyOf(amount, currencies + 2);
        }
        System.arraycopy(currency, at, currency, at + 1, currencies - at);
        System.arraycopy(amount, at, amount, at + 1, currencies - at);
        ++currencies;
        currency[at] = name;
        amount[at] = 0;
    }
}
