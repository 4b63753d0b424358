// SPDX-License-Identifier: MIT
package millrace.peers.flink.nexmark;

import java.time.Duration;
import millrace.peers.Arguments;
import millrace.peers.flink.Count;
import millrace.peers.flink.CountTold;
import millrace.peers.flink.Keyed;
import millrace.peers.nexmark.NexmarkEvent;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.java.typeutils.ValueTypeInfo;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.windowing.assigners.EventTimeSessionWindows;

/** q11: bids per bidder and session. */
final class BidderSessions {
    private BidderSessions() {}

    static void build(DataStream<NexmarkEvent> events, Arguments arguments) {
        Nexmark.told(Keyed.by(bidder -> bidder.value, Types.LONG, bidders(events), arguments)
                .window(EventTimeSessionWindows.withGap(Duration.ofSeconds(10)))
                .aggregate(new Count<>(), new CountTold(), ValueTypeInfo.LONG_VALUE_TYPE_INFO, CountTold.TYPE));
    }

    static DataStream<Id> bidders(DataStream<NexmarkEvent> events) {
        return Nexmark.taken(events, Id::new, BidderSessions::take, Id.TYPE);
    }

    private static boolean take(NexmarkEvent event, Id id) {
        id.value = event.bid.bidder;
        return Nexmark.isBid(event);
    }
}
