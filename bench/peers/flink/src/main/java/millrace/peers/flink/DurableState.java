// SPDX-License-Identifier: MIT
package millrace.peers.flink;

import java.io.IOException;
import millrace.peers.Arguments;
import millrace.peers.Hashes;
import millrace.peers.Meter;
import millrace.peers.SkewedKeys;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.state.CheckpointListener;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.util.Collector;

/**
 * Reads, changes and writes the state of one key a record, with checkpoints. The first {@code --keys} records make
 * every key once; one key in 256 tells of each change, so that both sides can be held against each other.
 */
final class DurableState {
    private DurableState() {}

    static void build(StreamExecutionEnvironment environment, Arguments arguments) {
        long keys = arguments.number("keys");
        SkewedKeys skewed = new SkewedKeys(keys, arguments.number("skew") / 100.0);
        MadeRecords<KeyedRecord> made = new MadeRecords<>(KeyedRecord::new, (i, record) -> {
            record.key = i < keys ? i : skewed.key(i);
            return i;
        });
        long size = arguments.number("records");
        RangeSource<KeyedRecord> source = new RangeSource<>(size, arguments.number("warm-up", size / 3), made);
        DataStream<KeyedRecord> records = environment.fromSource(source, WatermarkStrategy.noWatermarks(), "changes",
                new RecordType<>(KeyedRecord.class, new KeyedRecord.Serializer()));
        Keyed.by(record -> record.key, Types.LONG, records, arguments)
                .process(new Change(), CountTold.TYPE)
                .sinkTo(new OutcomeSink<>());
    }

    private static final class Change extends KeyedProcessFunction<Long, KeyedRecord, CountRow>
            implements CheckpointListener {
        private static final long serialVersionUID = 1;

        private transient ValueState<Long> state;

        @Override
        public void open(OpenContext context) {
            state = getRuntimeContext().getState(new ValueStateDescriptor<>("numbers", Types.LONG));
        }

        @Override
        public void processElement(KeyedRecord record, Context context, Collector<CountRow> out) throws IOException {
            Long before = state.value();
            long count = before == null ? 1 : before + 1;
            state.update(count);
            if ((Hashes.mix(record.key) & 255) != 0) return;
            CountRow told = new CountRow();
            told.key = record.key;
            told.count = count;
            out.collect(told);
        }

        @Override
        public void notifyCheckpointComplete(long checkpoint) {
            if (getRuntimeContext().getTaskInfo().getIndexOfThisSubtask() == 0) Meter.checkpoint();
        }
    }
}
