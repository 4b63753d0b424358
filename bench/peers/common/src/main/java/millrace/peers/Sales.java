// SPDX-License-Identifier: MIT
package millrace.peers;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Purchases of one currency in one window. */
public final class Sales {
    private static final int TOP = 5;

    public static final class Sold {
        public long revenue;
        public long orders;

        public void add(long amount, long count) {
            revenue = Math.addExact(revenue, amount);
            orders += count;
        }
    }

    public record OfProduct(String product, Sold sold) {}

    public long revenue;
    public long orders;
    public final Map<String, Sold> products = new HashMap<>();

    /** {@code product} may be null. */
    public void add(String product, long amount) {
        revenue = Math.addExact(revenue, amount);
        ++orders;
        if (product != null) products.computeIfAbsent(product, key -> new Sold()).add(amount, 1);
    }

    public void add(Sales other) {
        revenue = Math.addExact(revenue, other.revenue);
        orders += other.orders;
        other.products.forEach(
                (product, sold) -> products.computeIfAbsent(product, key -> new Sold()).add(sold.revenue, sold.orders));
    }

    /** Those of most revenue, the highest first; of equals, by name. */
    List<OfProduct> top() {
        List<OfProduct> all = new ArrayList<>(products.size());
        products.forEach((product, sold) -> all.add(new OfProduct(product, sold)));
        all.sort(Comparator.comparingLong((OfProduct each) -> -each.sold.revenue).thenComparing(OfProduct::product));
        return all.subList(0, Math.min(TOP, all.size()));
    }
}
