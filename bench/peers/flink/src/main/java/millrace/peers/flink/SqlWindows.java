// SPDX-License-Identifier: MIT
package millrace.peers.flink;

import java.time.Duration;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import millrace.peers.Arguments;
import millrace.peers.RecordMaker;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.table.api.Schema;
import org.apache.flink.table.api.Table;
import org.apache.flink.table.api.bridge.java.StreamTableEnvironment;
import org.apache.flink.types.Row;

/**
 * The counts of {@link KeyedWindows} in Flink's SQL, which cuts sliding windows in slices and combines before it
 * shuffles, as the DataStream API does not.
 */
final class SqlWindows {
    private SqlWindows() {}

    static void build(StreamExecutionEnvironment environment, Arguments arguments, String window) {
        StreamTableEnvironment tables = StreamTableEnvironment.create(environment);
        tables.getConfig().setLocalTimeZone(ZoneOffset.UTC);
        tables.createTemporaryView("records", records(environment, arguments), Schema.newBuilder()
                .column("key", "BIGINT NOT NULL")
                .columnByMetadata("rowtime", "TIMESTAMP_LTZ(3)")
                .watermark("rowtime", "SOURCE_WATERMARK()")
                .build());
        Table counts = tables.sqlQuery("SELECT key, window_start, window_end, COUNT(*) FROM TABLE(" + window
                + ") GROUP BY key, window_start, window_end");
        tables.toDataStream(counts)
                .map(SqlWindows::row, CountTold.TYPE)
                .sinkTo(new OutcomeSink<>());
    }

    static String tumbling(Arguments arguments) {
        return "TUMBLE(TABLE records, DESCRIPTOR(rowtime), " + interval(arguments, "size-ms") + ")";
    }

    static String sliding(Arguments arguments) {
        return "HOP(TABLE records, DESCRIPTOR(rowtime), " + interval(arguments, "slide-ms") + ", "
                + interval(arguments, "size-ms") + ")";
    }

    private static DataStream<SqlRecord> records(StreamExecutionEnvironment environment, Arguments arguments) {
        long disorder = arguments.number("disorder-ms", 0);
        RecordMaker make = new RecordMaker(arguments.number("keys"), arguments.number("per-second"), disorder);
        WatermarkStrategy<SqlRecord> watermarks = WatermarkStrategy.forBoundedOutOfOrderness(Duration.ofMillis(disorder));
        MadeRecords<SqlRecord> made = new MadeRecords<>(SqlRecord::new, (i, record) -> record.key = make.key(i), make::time);
        return environment.fromSource(new RangeSource<>(arguments.number("records"), made), watermarks, "records",
                TypeInformation.of(SqlRecord.class));
    }

    private static String interval(Arguments arguments, String name) {
        return "INTERVAL '" + arguments.number(name) / 1000 + "' SECOND(6)";
    }

    private static CountRow row(Row counted) {
        CountRow row = new CountRow();
        row.key = counted.<Long>getFieldAs(0);
        row.start = millis(counted.getFieldAs(1));
        row.end = millis(counted.getFieldAs(2));
        row.count = counted.<Long>getFieldAs(3);
        return row;
    }

    private static long millis(LocalDateTime time) {
        return time.toInstant(ZoneOffset.UTC).toEpochMilli();
    }
}
