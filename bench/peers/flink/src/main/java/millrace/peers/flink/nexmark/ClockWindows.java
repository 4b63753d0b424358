// SPDX-License-Identifier: MIT
package millrace.peers.flink.nexmark;

import java.io.IOException;
import millrace.peers.Arguments;
import millrace.peers.Outcome;
import millrace.peers.flink.Keyed;
import millrace.peers.flink.OutcomeSink;
import millrace.peers.nexmark.NexmarkEvent;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.java.typeutils.ValueTypeInfo;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.types.LongValue;
import org.apache.flink.util.Collector;

/**
 * q12: bids per bidder and ten seconds of the wall clock, and what is left at the end, which Flink's own windows of the
 * wall clock would not tell. How they fall apart is another in each run: only their sum is told.
 */
final class ClockWindows {
    private static final long MILLIS = 10_000;

    private ClockWindows() {}

    static void build(DataStream<NexmarkEvent> events, Arguments arguments) {
        DataStream<Id> bidders = BidderSessions.bidders(events);
        Nexmark.told(Keyed.by(bidder -> bidder.value, Types.LONG, bidders, arguments)
                .process(new Counting(), ChainedOnly.of(Row.class)));
    }

    private static final class Counting extends KeyedProcessFunction<Long, Id, Row> {
        private static final long serialVersionUID = 1;

        private transient ValueState<LongValue> bids;

        @Override
        public void open(OpenContext context) {
            bids = getRuntimeContext().getState(new ValueStateDescriptor<>("bids", ValueTypeInfo.LONG_VALUE_TYPE_INFO));
        }

        @Override
        public void processElement(Id bidder, Context context, Collector<Row> out) throws IOException {
            LongValue count = bids.value();
            if (count != null) {
                count.setValue(count.getValue() + 1); // in place: the heap's state is the object itself
                return;
            }
            bids.update(new LongValue(1));
            long now = context.timerService().currentProcessingTime();
            context.timerService().registerProcessingTimeTimer((Math.floorDiv(now, MILLIS) + 1) * MILLIS);
            context.timerService().registerEventTimeTimer(Long.MAX_VALUE);
        }

        @Override
        public void onTimer(long time, OnTimerContext context, Collector<Row> out) throws IOException {
            LongValue count = bids.value();
            if (count == null) return;
            out.collect(new Row(context.getCurrentKey(), count.getValue()));
            bids.clear();
            context.timerService().deleteEventTimeTimer(Long.MAX_VALUE);
        }
    }

    private record Row(long bidder, long bids) implements OutcomeSink.Row {
        @Override
        public void addTo(Outcome outcome) {
            outcome.addSum(bids, bidder * bids);
        }
    }
}
