// SPDX-License-Identifier: MIT
package millrace.peers.flink;

import java.io.IOException;
import org.apache.flink.core.memory.DataInputView;
import org.apache.flink.core.memory.DataOutputView;

/** A typed record; its time travels with every record of Flink's. */
final class KeyedRecord {
    long key;

    static final class Serializer extends RecordSerializer<KeyedRecord> {
        private static final long serialVersionUID = 1;

        @Override
        public KeyedRecord createInstance() {
            return new KeyedRecord();
        }

        @Override
        protected void assign(KeyedRecord from, KeyedRecord to) {
            to.key = from.key;
        }

        @Override
        public int getLength() {
            return Long.BYTES;
        }

        @Override
        public void serialize(KeyedRecord record, DataOutputView out) throws IOException {
            out.writeLong(record.key);
        }

        @Override
        public KeyedRecord deserialize(KeyedRecord into, DataInputView in) throws IOException {
            into.key = in.readLong();
            return into;
        }
    }
}
