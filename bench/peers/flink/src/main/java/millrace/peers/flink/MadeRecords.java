// SPDX-License-Identifier: MIT
package millrace.peers.flink;

import java.io.Serializable;
import org.apache.flink.api.connector.source.SourceOutput;

/** Records made by their number, all of them one object. */
public final class MadeRecords<T> implements Production<T> {
    public interface Blank<T> extends Serializable {
        T make();
    }

    public interface Filling<T> extends Serializable {
        /** Makes record i of {@code record}, and gives its event time. */
        long fill(long i, T record);
    }

    private static final long serialVersionUID = 1;
    private static final int RECORDS_A_CALL = 500;

    private final Blank<T> blank;
    private final Filling<T> filling;

    private transient T record;
    private transient long next;
    private transient long last;
    private transient long produced;

    public MadeRecords(Blank<T> blank, Filling<T> filling) {
        this.blank = blank;
        this.filling = filling;
    }

    @Override
    public void open(Range range) {
        record = blank.make();
        next = range.first();
        last = range.last();
    }

    @Override
    public long produce(SourceOutput<T> out) {
        long end = Math.min(next + RECORDS_A_CALL, last);
        produced += end - next;
        for (long i = next; i < end; ++i) {
            long time = filling.fill(i, record);
            out.collect(record, time);
        }
        next = end;
        return end;
    }

    @Override
    public long produced() {
        return produced;
    }
}
