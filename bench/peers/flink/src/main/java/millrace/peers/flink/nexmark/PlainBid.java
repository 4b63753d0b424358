// SPDX-License-Identifier: MIT
package millrace.peers.flink.nexmark;

import java.io.IOException;
import millrace.peers.Outcome;
import millrace.peers.flink.OutcomeSink;
import millrace.peers.flink.RecordSerializer;
import millrace.peers.flink.RecordType;
import millrace.peers.nexmark.NexmarkEvent;
import org.apache.flink.core.memory.DataInputView;
import org.apache.flink.core.memory.DataOutputView;
import org.apache.flink.types.StringValue;

/** A bid as it travels on; {@code price} in dollars or thousandths of euros. */
class PlainBid implements OutcomeSink.Row {
    static final RecordType<PlainBid> TYPE = new RecordType<>(PlainBid.class, new Serializer());

    long auction;
    long bidder;
    long price;
    long time;
    String extra;

    final void take(NexmarkEvent event) {
        auction = event.bid.auction;
        bidder = event.bid.bidder;
        price = event.bid.price;
        time = event.time;
        extra = event.bid.extra;
    }

    final PlainBid copy() {
        PlainBid copy = new PlainBid();
        copy.auction = auction;
        copy.bidder = bidder;
        copy.price = price;
        copy.time = time;
        copy.extra = extra;
        return copy;
    }

    @Override
    public void addTo(Outcome outcome) {
        outcome.add(auction, bidder, price, time, extra.length());
    }

    static final class Serializer extends RecordSerializer<PlainBid> {
        private static final long serialVersionUID = 1;

        @Override
        public PlainBid createInstance() {
            return new PlainBid();
        }

        @Override
        protected void assign(PlainBid from, PlainBid to) {
            to.auction = from.auction;
            to.bidder = from.bidder;
            to.price = from.price;
            to.time = from.time;
            to.extra = from.extra;
        }

        @Override
        public void serialize(PlainBid bid, DataOutputView out) throws IOException {
            out.writeLong(bid.auction);
            out.writeLong(bid.bidder);
            out.writeLong(bid.price);
            out.writeLong(bid.time);
            StringValue.writeString(bid.extra, out);
        }

        @Override
        public PlainBid deserialize(PlainBid into, DataInputView in) throws IOException {
            into.auction = in.readLong();
            into.bidder = in.readLong();
            into.price = in.readLong();
            into.time = in.readLong();
            into.extra = StringValue.readString(in);
            return into;
        }
    }
}
