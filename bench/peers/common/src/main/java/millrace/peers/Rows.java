// SPDX-License-Identifier: MIT
package millrace.peers;

import com.fasterxml.jackson.core.io.JsonStringEncoder;
import java.util.List;

/** The rows of the three jobs as JSON, member for member as examples/common/rows.cpp writes them. */
public final class Rows {
    private static final JsonStringEncoder QUOTED = JsonStringEncoder.getInstance();

    private Rows() {}

    public static String eventCount(long start, long end, String type, long count) {
        StringBuilder out = new StringBuilder(128);
        window(out, start, end);
        text(out.append(",\"event_type\":"), type);
        return out.append(",\"count\":").append(count).append('}').toString();
    }

    public static String revenue(long start, long end, String currency, Sales sales) {
        StringBuilder out = new StringBuilder(512);
        window(out, start, end);
        text(out.append(",\"currency\":"), currency);
        Money.append(out.append(",\"revenue\":"), sales.revenue);
        out.append(",\"orders\":").append(sales.orders);
        Money.append(out.append(",\"average_order_value\":"), Money.average(sales.revenue, sales.orders));
        out.append(",\"top_products\":[");
        List<Sales.OfProduct> top = sales.top();
        for (int i = 0; i < top.size(); ++i) {
            text(out.append(i == 0 ? "{\"product_id\":" : ",{\"product_id\":"), top.get(i).product());
            Money.append(out.append(",\"revenue\":"), top.get(i).sold().revenue);
            out.append(",\"orders\":").append(top.get(i).sold().orders).append('}');
        }
        return out.append("]}").toString();
    }

    public static String session(String user, Visit visit) {
        StringBuilder out = new StringBuilder(256);
        text(out.append("{\"user_id\":"), user);
        UtcTime.append(out.append(",\"session_start\":\""), visit.first);
        UtcTime.append(out.append("\",\"session_end\":\""), visit.last);
        out.append("\",\"duration_ms\":").append(visit.last - visit.first);
        out.append(",\"events\":").append(visit.events);
        out.append(",\"purchases\":").append(visit.purchases);
        out.append(",\"revenue\":{");
        for (int i = 0; i < visit.currencies; ++i) {
            if (i > 0) out.append(',');
            text(out, visit.currency[i]);
            Money.append(out.append(':'), visit.amount[i]);
        }
        return out.append("}}").toString();
    }

    private static void window(StringBuilder out, long start, long end) {
        UtcTime.append(out.append("{\"window_start\":\""), start);
        UtcTime.append(out.append("\",\"window_end\":\""), end);
        out.append('"');
    }

    private static void text(StringBuilder out, String value) {
        out.append('"');
        QUOTED.quoteAsString(value, out);
        out.append('"');
    }
}
