// SPDX-License-Identifier: MIT
package millrace.peers.flink;

import java.io.IOException;
import millrace.peers.Visit;
import org.apache.flink.core.memory.DataInputView;
import org.apache.flink.core.memory.DataOutputView;
import org.apache.flink.types.StringValue;

final class VisitSerializer extends RecordSerializer<Visit> {
    private static final long serialVersionUID = 1;

    @Override
    public Visit createInstance() {
        return new Visit();
    }

    @Override
    protected void assign(Visit from, Visit to) {
        to.first = from.first;
        to.last = from.last;
        to.events = from.events;
        to.purchases = from.purchases;
        to.currencies = from.currencies;
        to.currency = from.currency.clone();
        to.amount = from.amount.clone();
    }

    @Override
    public void serialize(Visit visit, DataOutputView out) throws IOException {
        out.writeLong(visit.first);
        out.writeLong(visit.last);
        out.writeLong(visit.events);
        out.writeLong(visit.purchases);
        out.writeInt(visit.currencies);
        for (int i = 0; i < visit.currencies; ++i) {
            StringValue.writeString(visit.currency[i], out);
            out.writeLong(visit.amount[i]);
        }
    }

    @Override
    public Visit deserialize(Visit into, DataInputView in) throws IOException {
        into.first = in.readLong();
        into.last = in.readLong();
        into.events = in.readLong();
        into.purchases = in.readLong();
        into.currencies = 0;
        for (int left = in.readInt(); left > 0; --left) into.addRevenue(StringValue.readString(in), in.readLong());
        return into;
    }
}
