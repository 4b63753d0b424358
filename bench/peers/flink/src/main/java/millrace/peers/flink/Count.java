// SPDX-License-Identifier: MIT
package millrace.peers.flink;

import org.apache.flink.api.common.functions.AggregateFunction;
import org.apache.flink.types.LongValue;

/** Counts records, in place. */
public final class Count<T> implements AggregateFunction<T, LongValue, LongValue> {
    private static final long serialVersionUID = 1;

    @Override
    public LongValue createAccumulator() {
        return new LongValue();
    }

    @Override
    public LongValue add(T record, LongValue count) {
        count.setValue(count.getValue() + 1);
        return count;
    }

    @Override
    public LongValue getResult(LongValue count) {
        return count;
    }

    @Override
    public LongValue merge(LongValue into, LongValue other) {
        into.setValue(into.getValue() + other.getValue());
        return into;
    }
}
