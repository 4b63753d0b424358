// SPDX-License-Identifier: MIT
package millrace.peers.flink;

import java.io.IOException;
import millrace.peers.Event;
import org.apache.flink.core.memory.DataInputView;
import org.apache.flink.core.memory.DataOutputView;
import org.apache.flink.types.StringValue;

/** What the job "revenue" needs of an event. */
final class Purchase {
    String currency;
    long amount;
    String product; // null: none is named

    /** Null where the event is no purchase. The purchase is the same object again and again. */
    static EventParsing.Selection<Purchase> selection() {
        return new EventParsing.Selection<>() {
            private static final long serialVersionUID = 1;
            private transient Purchase purchase;

            @Override
            public Purchase of(Event event) {
                if (!event.isPurchase) return null;
                if (purchase == null) purchase = new Purchase();
                purchase.currency = event.currency;
                purchase.amount = event.amount;
                purchase.product = event.product;
                return purchase;
            }
        };
    }

    static final class Serializer extends RecordSerializer<Purchase> {
        private static final long serialVersionUID = 1;

        @Override
        public Purchase createInstance() {
            return new Purchase();
        }

        @Override
        protected void assign(Purchase from, Purchase to) {
            to.currency = from.currency;
            to.amount = from.amount;
            to.product = from.product;
        }

        @Override
        public void serialize(Purchase purchase, DataOutputView out) throws IOException {
            StringValue.writeString(purchase.currency, out);
            out.writeLong(purchase.amount);
            StringValue.writeString(purchase.product, out);
        }

        @Override
        public Purchase deserialize(Purchase into, DataInputView in) throws IOException {
            into.currency = StringValue.readString(in);
            into.amount = in.readLong();
            into.product = StringValue.readString(in);
            return into;
        }
    }
}
