// SPDX-License-Identifier: MIT
package millrace.peers.flink.nexmark;

import java.io.IOException;
import java.util.Arrays;
import millrace.peers.flink.RecordSerializer;
import millrace.peers.flink.RecordType;
import org.apache.flink.core.memory.DataInputView;
import org.apache.flink.core.memory.DataOutputView;

/** The auctions with the most bids of a window: one, or several alike. */
final class Auctions {
    static final RecordType<Auctions> TYPE = new RecordType<>(Auctions.class, new Serializer());

    long bids;
    long windowStart;
    int count;
    long[] ids = new long[1];

    void add(long id, long itsBids, long start) {
        if (itsBids < bids) return;
        if (itsBids > bids) count = 0;
        bids = itsBids;
        windowStart = start;
        if (count == ids.length) ids = Arrays.copyOf(ids, 2 * count);
        ids[count++] = id;
    }

    static final class Serializer extends RecordSerializer<Auctions> {
        private static final long serialVersionUID = 1;

        @Override
        public Auctions createInstance() {
            return new Auctions();
        }

        @Override
        protected void assign(Auctions from, Auctions to) {
            to.bids = from.bids;
            to.windowStart = from.windowStart;
            to.count = from.count;
            to.ids = from.ids.clone();
        }

        @Override
        public void serialize(Auctions auctions, DataOutputView out) throws IOException {
            out.writeLong(auctions.bids);
            out.writeLong(auctions.windowStart);
            out.writeInt(auctions.count);
            for (int i = 0; i < auctions.count; ++i) out.writeLong(auctions.ids[i]);
        }

        @Override
        public Auctions deserialize(Auctions into, DataInputView in) throws IOException {
            into.bids = in.readLong();
            into.windowStart = in.readLong();
            into.count = in.readInt();
            into.ids = new long[Math.max(into.count, 1)];
            for (int i = 0; i < into.count; ++i) into.ids[i] = in.readLong();
            return into;
        }
    }
}
