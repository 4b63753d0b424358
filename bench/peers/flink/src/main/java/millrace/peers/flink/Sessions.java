// SPDX-License-Identifier: MIT
package millrace.peers.flink;

import java.io.IOException;
import millrace.peers.EventParser.Wanted;
import millrace.peers.Rows;
import millrace.peers.Visit;
import org.apache.flink.api.common.functions.AggregateFunction;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.functions.windowing.WindowFunction;
import org.apache.flink.streaming.api.windowing.assigners.EventTimeSessionWindows;
import org.apache.flink.streaming.api.windowing.windows.TimeWindow;
import org.apache.flink.util.Collector;

/** One row for each session of each user. */
final class Sessions {
    private Sessions() {}

    static void build(EventJob job) throws IOException {
        RecordType<Action> type = new RecordType<>(Action.class, new Action.Serializer());
        DataStream<Action> actions = job.events(Wanted.USERS_AND_PURCHASES, type, Action.selection());
        RecordType<Visit> visits = new RecordType<>(Visit.class, new VisitSerializer());
        job.results(Keyed.by(action -> action.user, Types.STRING, actions, job.arguments)
                .window(EventTimeSessionWindows.withGap(job.millis("gap-ms")))
                .aggregate(new Gather(), new Tell(), visits, Types.STRING));
    }

    private static final class Gather implements AggregateFunction<Action, Visit, Visit> {
        private static final long serialVersionUID = 1;

        @Override
        public Visit createAccumulator() {
            return new Visit();
        }

        @Override
        public Visit add(Action action, Visit visit) {
            visit.add(action.time, action.currency, action.amount);
            return visit;
        }

        @Override
        public Visit getResult(Visit visit) {
            return visit;
        }

        @Override
        public Visit merge(Visit into, Visit other) {
            into.add(other);
            return into;
        }
    }

    private static final class Tell implements WindowFunction<Visit, String, String, TimeWindow> {
        private static final long serialVersionUID = 1;

        @Override
        public void apply(String user, TimeWindow window, Iterable<Visit> visits, Collector<String> out) {
            for (Visit visit : visits) out.collect(Rows.session(user, visit));
        }
    }
}
