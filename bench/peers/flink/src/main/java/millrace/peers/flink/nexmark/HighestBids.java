// SPDX-License-Identifier: MIT
package millrace.peers.flink.nexmark;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import millrace.peers.Arguments;
import millrace.peers.flink.Keyed;
import millrace.peers.nexmark.NexmarkEvent;
import org.apache.flink.api.common.functions.AggregateFunction;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.java.typeutils.ListTypeInfo;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.functions.windowing.WindowFunction;
import org.apache.flink.streaming.api.windowing.assigners.TumblingEventTimeWindows;
import org.apache.flink.streaming.api.windowing.windows.TimeWindow;
import org.apache.flink.util.Collector;

/** q7: the highest bids of each ten seconds: one, or several alike. */
final class HighestBids {
    private HighestBids() {}

    static void build(DataStream<NexmarkEvent> events, Arguments arguments) {
        DataStream<PlainBid> bids = Nexmark.taken(events, PlainBid::new, OneByOne::asItIs, PlainBid.TYPE);
        Nexmark.told(Keyed.by(bid -> 0, Types.INT, bids, arguments)
                .window(TumblingEventTimeWindows.of(Duration.ofSeconds(10)))
                .aggregate(new Highest(), new Tell(), new ListTypeInfo<>(PlainBid.TYPE), PlainBid.TYPE));
    }

    private static final class Highest implements AggregateFunction<PlainBid, List<PlainBid>, List<PlainBid>> {
        private static final long serialVersionUID = 1;

        @Override
        public List<PlainBid> createAccumulator() {
            return new ArrayList<>(1);
        }

        @Override
        public List<PlainBid> add(PlainBid bid, List<PlainBid> highest) {
            if (!highest.isEmpty() && bid.price < highest.get(0).price) return highest;
            if (!highest.isEmpty() && bid.price > highest.get(0).price) highest.clear();
            highest.add(bid.copy());
            return highest;
        }

        @Override
        public List<PlainBid> getResult(List<PlainBid> highest) {
            return highest;
        }

        @Override
        public List<PlainBid> merge(List<PlainBid> into, List<PlainBid> other) {
            for (PlainBid bid : other) add(bid, into);
            return into;
        }
    }

    private static final class Tell implements WindowFunction<List<PlainBid>, PlainBid, Integer, TimeWindow> {
        private static final long serialVersionUID = 1;

        @Override
        public void apply(Integer all, TimeWindow window, Iterable<List<PlainBid>> found, Collector<PlainBid> out) {
            for (List<PlainBid> highest : found) highest.forEach(out::collect);
        }
    }
}
