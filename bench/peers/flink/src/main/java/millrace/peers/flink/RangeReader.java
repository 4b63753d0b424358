// SPDX-License-Identifier: MIT
package millrace.peers.flink;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import millrace.peers.Meter;
import org.apache.flink.api.connector.source.ReaderOutput;
import org.apache.flink.api.connector.source.SourceReader;
import org.apache.flink.api.connector.source.SourceReaderContext;
import org.apache.flink.core.io.InputStatus;

/** One instance of a {@link RangeSource}. Tells the meter when it has {@code warmUp} of its range behind it. */
final class RangeReader<T> implements SourceReader<T, Range> {
    private final SourceReaderContext context;
    private final Production<T> production;
    private final long warmUp;
    private final CompletableFuture<Void> isAssigned = new CompletableFuture<>();

    private Range range; // null until it is assigned
    private long position;
    private long warmAt;

    RangeReader(SourceReaderContext context, Production<T> production, long warmUp) {
        this.context = context;
        this.production = production;
        this.warmUp = warmUp;
    }

    @Override
    public void start() {}

    @Override
    public InputStatus pollNext(ReaderOutput<T> out) throws Exception {
        if (range == null) return InputStatus.NOTHING_AVAILABLE;
        position = production.produce(out);
        if (position >= warmAt) {
            Meter.warm(production.produced() * context.currentParallelism());
            warmAt = Long.MAX_VALUE;
        }
        return position < range.last() ? InputStatus.MORE_AVAILABLE : InputStatus.END_OF_INPUT;
    }

    @Override
    public List<Range> snapshotState(long checkpoint) {
        return range == null ? List.of() : List.of(new Range(position, range.last()));
    }

    @Override
    public CompletableFuture<Void> isAvailable() {
        return isAssigned;
    }

    @Override
    public void addSplits(List<Range> ranges) {
        range = ranges.get(0);
        position = range.first();
        warmAt = position + warmUp;
        try {
            production.open(range);
        } catch (IOException failure) {
            throw new UncheckedIOException(failure);
        }
        isAssigned.complete(null);
    }

    @Override
    public void notifyNoMoreSplits() {}

    @Override
    public void close() throws IOException {
        production.close();
    }
}
