// SPDX-License-Identifier: MIT
package millrace.peers.flink;

import java.util.List;
import org.apache.flink.api.connector.source.Boundedness;
import org.apache.flink.api.connector.source.Source;
import org.apache.flink.api.connector.source.SourceReader;
import org.apache.flink.api.connector.source.SourceReaderContext;
import org.apache.flink.api.connector.source.SplitEnumerator;
import org.apache.flink.api.connector.source.SplitEnumeratorContext;
import org.apache.flink.core.io.SimpleVersionedSerializer;
import org.apache.flink.util.InstantiationUtil;

/** A bounded source in as many ranges as it has instances, which share it evenly. */
public final class RangeSource<T> implements Source<T, Range, Range> {
    private static final long serialVersionUID = 1;

    private final long size;
    private final long warmUp;
    private final Production<T> production;

    public RangeSource(long size, Production<T> production) {
        this(size, size / 3, production);
    }

    /** The first {@code warmUp} of {@code size} do not count. */
    public RangeSource(long size, long warmUp, Production<T> production) {
        this.size = size;
        this.warmUp = warmUp;
        this.production = production;
    }

    @Override
    public Boundedness getBoundedness() {
        return Boundedness.BOUNDED;
    }

    @Override
    public SourceReader<T, Range> createReader(SourceReaderContext context) throws Exception {
        Production<T> own = InstantiationUtil.clone(production);
        return new RangeReader<>(context, own, warmUp / context.currentParallelism());
    }

    @Override
    public SplitEnumerator<Range, Range> createEnumerator(SplitEnumeratorContext<Range> context) {
        return new Enumerator(context, size);
    }

    @Override
    public SplitEnumerator<Range, Range> restoreEnumerator(SplitEnumeratorContext<Range> context, Range state) {
        throw new UnsupportedOperationException("a benchmark is not gone on with");
    }

    @Override
    public SimpleVersionedSerializer<Range> getSplitSerializer() {
        return new Range.Serializer();
    }

    @Override
    public SimpleVersionedSerializer<Range> getEnumeratorCheckpointSerializer() {
        return new Range.Serializer();
    }

    /** Gives each instance its range as soon as it is there. */
    private record Enumerator(SplitEnumeratorContext<Range> context, long size)
            implements SplitEnumerator<Range, Range> {
        @Override
        public void start() {}

        @Override
        public void addReader(int instance) {
            long instances = context.currentParallelism();
            context.assignSplit(new Range(size * instance / instances, size * (instance + 1) / instances), instance);
            context.signalNoMoreSplits(instance);
        }

        @Override
        public void handleSplitRequest(int instance, String host) {}

        @Override
        public void addSplitsBack(List<Range> ranges, int instance) {
            throw new UnsupportedOperationException("a benchmark that fails is over");
        }

        @Override
        public Range snapshotState(long checkpoint) {
            return new Range(0, size);
        }

        @Override
        public void close() {}
    }
}
