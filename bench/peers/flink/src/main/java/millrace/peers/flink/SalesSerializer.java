// SPDX-License-Identifier: MIT
package millrace.peers.flink;

import java.io.IOException;
import java.util.Map;
import millrace.peers.Sales;
import org.apache.flink.core.memory.DataInputView;
import org.apache.flink.core.memory.DataOutputView;
import org.apache.flink.types.StringValue;

final class SalesSerializer extends RecordSerializer<Sales> {
    private static final long serialVersionUID = 1;

    @Override
    public Sales createInstance() {
        return new Sales();
    }

    @Override
    protected void assign(Sales from, Sales to) {
        to.revenue = to.orders = 0;
        to.products.clear();
        to.add(from);
    }

    @Override
    public void serialize(Sales sales, DataOutputView out) throws IOException {
        out.writeLong(sales.revenue);
        out.writeLong(sales.orders);
        out.writeInt(sales.products.size());
        for (Map.Entry<String, Sales.Sold> each : sales.products.entrySet()) {
            StringValue.writeString(each.getKey(), out);
            out.writeLong(each.getValue().revenue);
            out.writeLong(each.getValue().orders);
        }
    }

    @Override
    public Sales deserialize(Sales into, DataInputView in) throws IOException {
        into.revenue = in.readLong();
        into.orders = in.readLong();
        into.products.clear();
        for (int left = in.readInt(); left > 0; --left) {
            Sales.Sold sold = new Sales.Sold();
            into.products.put(StringValue.readString(in), sold);
            sold.add(in.readLong(), in.readLong());
        }
        return into;
    }
}
