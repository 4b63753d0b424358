// SPDX-License-Identifier: MIT
package millrace.peers.flink;

import java.io.IOException;
import millrace.peers.EventParser.Wanted;
import millrace.peers.Rows;
import millrace.peers.Sales;
import org.apache.flink.api.common.functions.AggregateFunction;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.functions.windowing.WindowFunction;
import org.apache.flink.streaming.api.windowing.assigners.TumblingEventTimeWindows;
import org.apache.flink.streaming.api.windowing.windows.TimeWindow;
import org.apache.flink.util.Collector;

/** Purchases per currency and window, with the products of most revenue. */
final class Revenue {
    private Revenue() {}

    static void build(EventJob job) throws IOException {
        RecordType<Purchase> type = new RecordType<>(Purchase.class, new Purchase.Serializer());
        DataStream<Purchase> purchases = job.events(Wanted.PURCHASES, type, Purchase.selection());
        job.results(Keyed.by(purchase -> purchase.currency, Types.STRING, purchases, job.arguments)
                .window(TumblingEventTimeWindows.of(job.millis("window-ms")))
                .aggregate(new Sum(), new Tell(), new RecordType<>(Sales.class, new SalesSerializer()), Types.STRING));
    }

    private static final class Sum implements AggregateFunction<Purchase, Sales, Sales> {
        private static final long serialVersionUID = 1;

        @Override
        public Sales createAccumulator() {
            return new Sales();
        }

        @Override
        public Sales add(Purchase purchase, Sales sales) {
            sales.add(purchase.product, purchase.amount);
            return sales;
        }

        @Override
        public Sales getResult(Sales sales) {
            return sales;
        }

        @Override
        public Sales merge(Sales into, Sales other) {
            into.add(other);
            return into;
        }
    }

    private static final class Tell implements WindowFunction<Sales, String, String, TimeWindow> {
        private static final long serialVersionUID = 1;

        @Override
        public void apply(String currency, TimeWindow window, Iterable<Sales> sums, Collector<String> out) {
            for (Sales sales : sums) out.collect(Rows.revenue(window.getStart(), window.getEnd(), currency, sales));
        }
    }
}
