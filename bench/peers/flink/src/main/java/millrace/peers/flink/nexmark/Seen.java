// SPDX-License-Identifier: MIT
package millrace.peers.flink.nexmark;

import java.io.IOException;
import millrace.peers.flink.RecordSerializer;
import millrace.peers.flink.RecordType;
import org.apache.flink.core.memory.DataInputView;
import org.apache.flink.core.memory.DataOutputView;
import org.apache.flink.types.StringValue;

/** What has been seen of a person within a window. */
final class Seen {
    static final RecordType<Seen> TYPE = new RecordType<>(Seen.class, new Serializer());

    String name; // null where nobody has come
    boolean hasAuction;

    static final class Serializer extends RecordSerializer<Seen> {
        private static final long serialVersionUID = 1;

        @Override
        public Seen createInstance() {
            return new Seen();
        }

        @Override
        protected void assign(Seen from, Seen to) {
            to.name = from.name;
            to.hasAuction = from.hasAuction;
        }

        @Override
        public void serialize(Seen seen, DataOutputView out) throws IOException {
            StringValue.writeString(seen.name, out);
            out.writeBoolean(seen.hasAuction);
        }

        @Override
        public Seen deserialize(Seen into, DataInputView in) throws IOException {
            into.name = StringValue.readString(in);
            into.hasAuction = in.readBoolean();
            return into;
        }
    }
}
