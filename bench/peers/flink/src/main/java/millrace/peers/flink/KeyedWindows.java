// SPDX-License-Identifier: MIT
package millrace.peers.flink;

import java.time.Duration;
import millrace.peers.Arguments;
import millrace.peers.RecordMaker;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.java.typeutils.ValueTypeInfo;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.windowing.assigners.EventTimeSessionWindows;
import org.apache.flink.streaming.api.windowing.assigners.SlidingEventTimeWindows;
import org.apache.flink.streaming.api.windowing.assigners.TumblingEventTimeWindows;
import org.apache.flink.streaming.api.windowing.assigners.WindowAssigner;
import org.apache.flink.streaming.api.windowing.windows.TimeWindow;

/** Typed records counted per key and window. */
final class KeyedWindows {
    private KeyedWindows() {}

    static void build(StreamExecutionEnvironment environment, Arguments arguments, String kind) {
        Keyed.by(record -> record.key, Types.LONG, records(environment, arguments), arguments)
                .window(windows(kind, arguments))
                .aggregate(new Count<>(), new CountTold(), ValueTypeInfo.LONG_VALUE_TYPE_INFO, CountTold.TYPE)
                .sinkTo(new OutcomeSink<>());
    }

    private static DataStream<KeyedRecord> records(StreamExecutionEnvironment environment, Arguments arguments) {
        long disorder = arguments.number("disorder-ms", 0);
        RecordMaker make = new RecordMaker(arguments.number("keys"), arguments.number("per-second"), disorder);
        WatermarkStrategy<KeyedRecord> watermarks =
                WatermarkStrategy.forBoundedOutOfOrderness(make.behind());
        MadeRecords<KeyedRecord> made = new MadeRecords<>(KeyedRecord::new, (i, record) -> {
            record.key = make.key(i);
            return make.time(i);
        });
        return environment.fromSource(new RangeSource<>(arguments.number("records"), made), watermarks, "records",
                new RecordType<>(KeyedRecord.class, new KeyedRecord.Serializer()));
    }

    private static WindowAssigner<Object, TimeWindow> windows(String kind, Arguments arguments) {
        Duration size = Duration.ofMillis(arguments.number("size-ms"));
        return switch (kind) {
            case "tumbling" -> TumblingEventTimeWindows.of(size);
            case "sliding" -> SlidingEventTimeWindows.of(size, Duration.ofMillis(arguments.number("slide-ms")));
            case "session" -> EventTimeSessionWindows.withGap(size);
            default -> throw new IllegalArgumentException(kind);
        };
    }
}
