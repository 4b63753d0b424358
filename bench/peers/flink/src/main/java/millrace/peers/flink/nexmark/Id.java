// SPDX-License-Identifier: MIT
package millrace.peers.flink.nexmark;

import java.io.IOException;
import millrace.peers.flink.RecordSerializer;
import millrace.peers.flink.RecordType;
import org.apache.flink.core.memory.DataInputView;
import org.apache.flink.core.memory.DataOutputView;

/** All that some queries need of a bid: whose it is, or what for. */
final class Id {
    static final RecordType<Id> TYPE = new RecordType<>(Id.class, new Serializer());

    long value;

    static final class Serializer extends RecordSerializer<Id> {
        private static final long serialVersionUID = 1;

        @Override
        public Id createInstance() {
            return new Id();
        }

        @Override
        protected void assign(Id from, Id to) {
            to.value = from.value;
        }

        @Override
        public int getLength() {
            return Long.BYTES;
        }

        @Override
        public void serialize(Id id, DataOutputView out) throws IOException {
            out.writeLong(id.value);
        }

        @Override
        public Id deserialize(Id into, DataInputView in) throws IOException {
            into.value = in.readLong();
            return into;
        }
    }
}
