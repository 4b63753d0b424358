// SPDX-License-Identifier: MIT
package millrace.peers.flink.nexmark;

import millrace.peers.flink.RecordSerializer;
import millrace.peers.flink.RecordType;
import org.apache.flink.core.memory.DataInputView;
import org.apache.flink.core.memory.DataOutputView;

/** Of records that never leave the thread that makes them: the operators behind are chained. Fails if they are not. */
final class ChainedOnly<T> extends RecordSerializer<T> {
    private static final long serialVersionUID = 1;

    private ChainedOnly() {}

    static <T> RecordType<T> of(Class<T> type) {
        return new RecordType<>(type, new ChainedOnly<>());
    }

    @Override
    public T createInstance() {
        return null;
    }

    @Override
    protected void assign(T from, T to) {
        throw new UnsupportedOperationException();
    }

    @Override
    public void serialize(T record, DataOutputView out) {
        throw new UnsupportedOperationException();
    }

    @Override
    public T deserialize(T into, DataInputView in) {
        throw new UnsupportedOperationException();
    }
}
