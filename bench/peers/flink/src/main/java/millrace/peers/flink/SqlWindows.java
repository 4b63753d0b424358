// SPDX-License-Identifier: MIT
package millrace.peers.flink;

import java.time.ZoneOffset;
import millrace.peers.Arguments;
import millrace.peers.RecordMaker;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.functions.MapFunction;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.table.api.Schema;
import org.apache.flink.table.api.Table;
import org.apache.flink.table.api.bridge.java.StreamTableEnvironment;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.types.DataType;

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
        // As they are within Flink: a Row with its LocalDateTimes, made of each, would be work that nobody asked for.
        DataType internal = counts.getResolvedSchema().toPhysicalRowDataType().bridgedTo(RowData.class);
        tables.<RowData>toDataStream(counts, internal)
                .map(new Told(), CountTold.TYPE)
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
        WatermarkStrategy<SqlRecord> watermarks =
                WatermarkStrategy.forBoundedOutOfOrderness(make.behind());
        MadeRecords<SqlRecord> made = new MadeRecords<>(SqlRecord::new, (i, record) -> {
            record.key = make.key(i);
            return make.time(i);
        });
        return environment.fromSource(new RangeSource<>(arguments.number("records"), made), watermarks, "records",
                TypeInformation.of(SqlRecord.class));
    }

    private static String interval(Arguments arguments, String name) {
        return "INTERVAL '" + arguments.number(name) / 1000 + "' SECOND(6)";
    }

    private static final class Told implements MapFunction<RowData, CountRow> {
        private static final long serialVersionUID = 1;
        private static final int MILLIS = 3; // digits of a second

        private transient CountRow row;

        @Override
        public CountRow map(RowData counted) {
            if (row == null) row = new CountRow();
            row.key = counted.getLong(0);
            row.start = counted.getTimestamp(1, MILLIS).getMillisecond();
            row.end = counted.getTimestamp(2, MILLIS).getMillisecond();
            row.count = counted.getLong(3);
            return row;
        }
    }
}
