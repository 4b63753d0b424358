// SPDX-License-Identifier: MIT
package millrace.peers.flink;

import java.io.IOException;
import org.apache.flink.api.common.typeutils.TypeSerializer;
import org.apache.flink.api.common.typeutils.TypeSerializerSchemaCompatibility;
import org.apache.flink.api.common.typeutils.TypeSerializerSnapshot;
import org.apache.flink.core.memory.DataInputView;
import org.apache.flink.core.memory.DataOutputView;

/** What a checkpoint says of a {@link RecordSerializer}: its class, of which there is one version. */
public final class RecordSerializerSnapshot<T> implements TypeSerializerSnapshot<T> {
    private TypeSerializer<T> serializer;

    /** For Flink, which makes one and calls {@link #readSnapshot}. */
    public RecordSerializerSnapshot() {}

    RecordSerializerSnapshot(RecordSerializer<T> serializer) {
        this.serializer = serializer;
    }

    @Override
    public int getCurrentVersion() {
        return 1;
    }

    @Override
    public void writeSnapshot(DataOutputView out) throws IOException {
        out.writeUTF(serializer.getClass().getName());
    }

    @Override
    @SuppressWarnings("unchecked")
    public void readSnapshot(int version, DataInputView in, ClassLoader loader) throws IOException {
        try {
            Class<?> type = Class.forName(in.readUTF(), true, loader);
            serializer = (TypeSerializer<T>) type.getDeclaredConstructor().newInstance();
        } catch (ReflectiveOperationException wrong) {
            throw new IOException(wrong);
        }
    }

    @Override
    public TypeSerializer<T> restoreSerializer() {
        return serializer;
    }

    @Override
    public TypeSerializerSchemaCompatibility<T> resolveSchemaCompatibility(TypeSerializerSnapshot<T> old) {
        boolean isSame = old.restoreSerializer().getClass() == serializer.getClass();
        return isSame ? TypeSerializerSchemaCompatibility.compatibleAsIs()
                : TypeSerializerSchemaCompatibility.incompatible();
    }
}
