// SPDX-License-Identifier: MIT
package millrace.peers.flink;

import java.io.IOException;
import millrace.peers.Outcome;
import org.apache.flink.core.memory.DataInputView;
import org.apache.flink.core.memory.DataOutputView;

/** So many records of a key from {@code start} to before {@code end}. */
public final class CountRow implements OutcomeSink.Row {
    public long key;
    public long start;
    public long end;
    public long count;

    @Override
    public void addTo(Outcome outcome) {
        outcome.add(key, start, end, count);
    }

    public static final class Serializer extends RecordSerializer<CountRow> {
        private static final long serialVersionUID = 1;

        @Override
        public CountRow createInstance() {
            return new CountRow();
        }

        @Override
        protected void assign(CountRow from, CountRow to) {
            to.key = from.key;
            to.start = from.start;
            to.end = from.end;
            to.count = from.count;
        }

        @Override
        public void serialize(CountRow row, DataOutputView out) throws IOException {
            out.writeLong(row.key);
            out.writeLong(row.start);
            out.writeLong(row.end);
            out.writeLong(row.count);
        }

        @Override
        public CountRow deserialize(CountRow into, DataInputView in) throws IOException {
            into.key = in.readLong();
            into.start = in.readLong();
            into.end = in.readLong();
            into.count = in.readLong();
            return into;
        }
    }
}
