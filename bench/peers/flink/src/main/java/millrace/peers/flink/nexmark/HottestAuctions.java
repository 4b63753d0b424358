// SPDX-License-Identifier: MIT
package millrace.peers.flink.nexmark;

import java.time.Duration;
import millrace.peers.Arguments;
import millrace.peers.flink.Count;
import millrace.peers.flink.CountRow;
import millrace.peers.flink.CountTold;
import millrace.peers.flink.Keyed;
import millrace.peers.nexmark.NexmarkEvent;
import org.apache.flink.api.common.functions.AggregateFunction;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.java.typeutils.ValueTypeInfo;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.functions.windowing.WindowFunction;
import org.apache.flink.streaming.api.windowing.assigners.SlidingEventTimeWindows;
import org.apache.flink.streaming.api.windowing.assigners.TumblingEventTimeWindows;
import org.apache.flink.streaming.api.windowing.windows.TimeWindow;
import org.apache.flink.util.Collector;

/** q5: the auctions with the most bids of the last ten seconds, each two seconds. */
final class HottestAuctions {
    private HottestAuctions() {}

    static void build(DataStream<NexmarkEvent> events, Arguments arguments) {
        DataStream<Id> auctions = Nexmark.taken(events, Id::new, HottestAuctions::take, Id.TYPE);
        DataStream<CountRow> counts = Keyed.by(auction -> auction.value, Types.LONG, auctions, arguments)
                .window(SlidingEventTimeWindows.of(Duration.ofSeconds(10), Duration.ofSeconds(2)))
                .aggregate(new Count<>(), new CountTold(), ValueTypeInfo.LONG_VALUE_TYPE_INFO, CountTold.TYPE);
        Nexmark.told(Keyed.by(row -> row.end, Types.LONG, counts, arguments)
                .window(TumblingEventTimeWindows.of(Duration.ofSeconds(2)))
                .aggregate(new Hottest(), new Tell(), Auctions.TYPE, Numbers.TYPE));
    }

    private static boolean take(NexmarkEvent event, Id id) {
        id.value = event.bid.auction;
        return Nexmark.isBid(event);
    }

    private static final class Hottest implements AggregateFunction<CountRow, Auctions, Auctions> {
        private static final long serialVersionUID = 1;

        @Override
        public Auctions createAccumulator() {
            return new Auctions();
        }

        @Override
        public Auctions add(CountRow counted, Auctions hottest) {
            hottest.add(counted.key, counted.count, counted.start);
            return hottest;
        }

        @Override
        public Auctions getResult(Auctions hottest) {
            return hottest;
        }

        @Override
        public Auctions merge(Auctions into, Auctions other) {
            for (int i = 0; i < other.count; ++i) into.add(other.ids[i], other.bids, other.windowStart);
            return into;
        }
    }

    private static final class Tell implements WindowFunction<Auctions, Numbers, Long, TimeWindow> {
        private static final long serialVersionUID = 1;

        @Override
        public void apply(Long end, TimeWindow window, Iterable<Auctions> found, Collector<Numbers> out) {
            for (Auctions hottest : found)
                for (int i = 0; i < hottest.count; ++i)
                    out.collect(new Numbers(hottest.ids[i], hottest.bids, hottest.windowStart, end));
        }
    }
}
