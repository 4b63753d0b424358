// SPDX-License-Identifier: MIT
package millrace.peers.flink;

import java.io.IOException;
import millrace.peers.Event;
import org.apache.flink.core.memory.DataInputView;
import org.apache.flink.core.memory.DataOutputView;
import org.apache.flink.types.StringValue;

/** What the job "sessions" needs of an event. */
final class Action {
    long time;
    String user;
    String currency; // null where it is no purchase
    long amount;

    /** The action is the same object again and again. */
    static EventParsing.Selection<Action> selection() {
        return new EventParsing.Selection<>() {
            private static final long serialVersionUID = 1;
            private transient Action action;

            @Override
            public Action of(Event event) {
                if (action == null) action = new Action();
                action.time = event.time;
                action.user = event.user;
                action.currency = event.isPurchase ? event.currency : null;
                action.amount = event.amount;
                return action;
            }
        };
    }

    static final class Serializer extends RecordSerializer<Action> {
        private static final long serialVersionUID = 1;

        @Override
        public Action createInstance() {
            return new Action();
        }

        @Override
        protected void assign(Action from, Action to) {
            to.time = from.time;
            to.user = from.user;
            to.currency = from.currency;
            to.amount = from.amount;
        }

        @Override
        public void serialize(Action action, DataOutputView out) throws IOException {
            out.writeLong(action.time);
            StringValue.writeString(action.user, out);
            StringValue.writeString(action.currency, out);
            if (action.currency != null) out.writeLong(action.amount);
        }

        @Override
        public Action deserialize(Action into, DataInputView in) throws IOException {
            into.time = in.readLong();
            into.user = StringValue.readString(in);
            into.currency = StringValue.readString(in);
            into.amount = into.currency != null ? in.readLong() : 0;
            return into;
        }
    }
}
