// SPDX-License-Identifier: MIT
package millrace.peers.flink.nexmark;

import java.io.IOException;
import millrace.peers.flink.RecordSerializer;
import millrace.peers.flink.RecordType;
import org.apache.flink.core.memory.DataInputView;
import org.apache.flink.core.memory.DataOutputView;
import org.apache.flink.types.StringValue;

/** A new person, or a new auction's seller, who has no name here. */
final class Newcomer {
    static final RecordType<Newcomer> TYPE = new RecordType<>(Newcomer.class, new Serializer());

    long id;
    String name;

    static final class Serializer extends RecordSerializer<Newcomer> {
        private static final long serialVersionUID = 1;

        @Override
        public Newcomer createInstance() {
            return new Newcomer();
        }

        @Override
        protected void assign(Newcomer from, Newcomer to) {
            to.id = from.id;
            to.name = from.name;
        }

        @Override
        public void serialize(Newcomer one, DataOutputView out) throws IOException {
            out.writeLong(one.id);
            StringValue.writeString(one.name, out);
        }

        @Override
        public Newcomer deserialize(Newcomer into, DataInputView in) throws IOException {
            into.id = in.readLong();
            into.name = StringValue.readString(in);
            return into;
        }
    }
}
