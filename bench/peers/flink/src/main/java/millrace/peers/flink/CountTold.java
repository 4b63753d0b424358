// SPDX-License-Identifier: MIT
package millrace.peers.flink;

import org.apache.flink.streaming.api.functions.windowing.WindowFunction;
import org.apache.flink.streaming.api.windowing.windows.TimeWindow;
import org.apache.flink.types.LongValue;
import org.apache.flink.util.Collector;

/** A row of a key's count in a window. */
public final class CountTold implements WindowFunction<LongValue, CountRow, Long, TimeWindow> {
    public static final RecordType<CountRow> TYPE = new RecordType<>(CountRow.class, new CountRow.Serializer());

    private static final long serialVersionUID = 1;

    private transient CountRow row; // who takes it has done with it when collect() returns

    @Override
    public void apply(Long key, TimeWindow window, Iterable<LongValue> counts, Collector<CountRow> out) {
        if (row == null) row = new CountRow();
        for (LongValue count : counts) {
            row.key = key;
            row.start = window.getStart();
            row.end = window.getEnd();
            row.count = count.getValue();
            out.collect(row);
        }
    }
}
