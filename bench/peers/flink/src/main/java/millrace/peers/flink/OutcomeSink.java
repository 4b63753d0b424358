// SPDX-License-Identifier: MIT
package millrace.peers.flink;

import millrace.peers.Meter;
import millrace.peers.Outcome;
import org.apache.flink.api.connector.sink2.Sink;
import org.apache.flink.api.connector.sink2.SinkWriter;
import org.apache.flink.api.connector.sink2.WriterInitContext;

/** Adds rows up, to be held against what others have found. */
public final class OutcomeSink<T extends OutcomeSink.Row> implements Sink<T> {
    public interface Row {
        void addTo(Outcome outcome);
    }

    private static final long serialVersionUID = 1;
    private static final Outcome TOTAL = new Outcome();

    /** Of all instances, once they have ended. */
    static synchronized Outcome total() {
        return TOTAL;
    }

    private static synchronized void finish(Outcome outcome) {
        TOTAL.add(outcome);
        Meter.end();
    }

    @Override
    public SinkWriter<T> createWriter(WriterInitContext context) {
        return new Writer<>(new Outcome());
    }

    private record Writer<T extends Row>(Outcome outcome) implements SinkWriter<T> {
        @Override
        public void write(T row, Context context) {
            row.addTo(outcome);
        }

        @Override
        public void flush(boolean isEnd) {
            if (isEnd) finish(outcome);
        }

        @Override
        public void close() {}
    }
}
