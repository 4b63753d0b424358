// SPDX-License-Identifier: MIT
package millrace.peers.flink;

import java.io.IOException;
import millrace.peers.EventParser.Wanted;
import millrace.peers.Rows;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.java.typeutils.ValueTypeInfo;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.functions.windowing.WindowFunction;
import org.apache.flink.streaming.api.windowing.assigners.TumblingEventTimeWindows;
import org.apache.flink.streaming.api.windowing.windows.TimeWindow;
import org.apache.flink.types.LongValue;
import org.apache.flink.util.Collector;

/** Events per type and window. Of an event only its type travels: the time goes with every record of Flink's. */
final class EventCount {
    private EventCount() {}

    static void build(EventJob job) throws IOException {
        DataStream<String> types = job.events(Wanted.NOTHING, Types.STRING, event -> event.type);
        job.results(Keyed.by(type -> type, Types.STRING, types, job.arguments)
                .window(TumblingEventTimeWindows.of(job.millis("window-ms")))
                .aggregate(new Count<>(), new Tell(), ValueTypeInfo.LONG_VALUE_TYPE_INFO, Types.STRING));
    }

    private static final class Tell implements WindowFunction<LongValue, String, String, TimeWindow> {
        private static final long serialVersionUID = 1;

        @Override
        public void apply(String type, TimeWindow window, Iterable<LongValue> counts, Collector<String> out) {
            for (LongValue count : counts)
                out.collect(Rows.eventCount(window.getStart(), window.getEnd(), type, count.getValue()));
        }
    }
}
