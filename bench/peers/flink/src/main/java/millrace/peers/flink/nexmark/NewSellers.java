// SPDX-License-Identifier: MIT
package millrace.peers.flink.nexmark;

import java.time.Duration;
import millrace.peers.Arguments;
import millrace.peers.flink.Keyed;
import millrace.peers.nexmark.NexmarkEvent;
import millrace.peers.nexmark.NexmarkEvent.Kind;
import org.apache.flink.api.common.functions.AggregateFunction;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.functions.windowing.WindowFunction;
import org.apache.flink.streaming.api.windowing.assigners.TumblingEventTimeWindows;
import org.apache.flink.streaming.api.windowing.windows.TimeWindow;
import org.apache.flink.util.Collector;

/**
 * q8: who came and opened an auction within the same ten seconds. As an aggregate of both kinds of event, which keeps
 * a row a person where Flink's join of windows would keep all events.
 */
final class NewSellers {
    private NewSellers() {}

    static void build(DataStream<NexmarkEvent> events, Arguments arguments) {
        DataStream<Newcomer> newcomers = Nexmark.taken(events, Newcomer::new, NewSellers::take, Newcomer.TYPE);
        Nexmark.told(Keyed.by(one -> one.id, Types.LONG, newcomers, arguments)
                .window(TumblingEventTimeWindows.of(Duration.ofSeconds(10)))
                .aggregate(new See(), new Tell(), Seen.TYPE, Numbers.TYPE));
    }

    private static boolean take(NexmarkEvent event, Newcomer one) {
        if (Nexmark.isBid(event)) return false;
        boolean isPerson = event.kind == Kind.PERSON;
        one.id = isPerson ? event.person.id : event.auction.seller;
        one.name = isPerson ? event.person.name : null;
        return true;
    }

    private static final class See implements AggregateFunction<Newcomer, Seen, Seen> {
        private static final long serialVersionUID = 1;

        @Override
        public Seen createAccumulator() {
            return new Seen();
        }

        @Override
        public Seen add(Newcomer one, Seen seen) {
            if (one.name == null) seen.hasAuction = true;
            else seen.name = one.name;
            return seen;
        }

        @Override
        public Seen getResult(Seen seen) {
            return seen;
        }

        @Override
        public Seen merge(Seen into, Seen other) {
            if (other.name != null) into.name = other.name;
            into.hasAuction |= other.hasAuction;
            return into;
        }
    }

    private static final class Tell implements WindowFunction<Seen, Numbers, Long, TimeWindow> {
        private static final long serialVersionUID = 1;

        @Override
        public void apply(Long id, TimeWindow window, Iterable<Seen> found, Collector<Numbers> out) {
            for (Seen seen : found)
                if (seen.name != null && seen.hasAuction)
                    out.collect(new Numbers(id, Numbers.textDigest(seen.name), window.getStart()));
        }
    }
}
