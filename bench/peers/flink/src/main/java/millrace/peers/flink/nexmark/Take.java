// SPDX-License-Identifier: MIT
package millrace.peers.flink.nexmark;

import millrace.peers.flink.MadeRecords;
import millrace.peers.nexmark.NexmarkEvent;
import org.apache.flink.api.common.functions.FlatMapFunction;
import org.apache.flink.util.Collector;

/** Puts out what a {@link Nexmark.Taking} takes. */
final class Take<T> implements FlatMapFunction<NexmarkEvent, T> {
    private static final long serialVersionUID = 1;

    private final MadeRecords.Blank<T> blank;
    private final Nexmark.Taking<T> taking;
    private transient T taken;

    Take(MadeRecords.Blank<T> blank, Nexmark.Taking<T> taking) {
        this.blank = blank;
        this.taking = taking;
    }

    @Override
    public void flatMap(NexmarkEvent event, Collector<T> out) {
        if (taken == null) taken = blank.make();
        if (taking.take(event, taken)) out.collect(taken);
    }
}
