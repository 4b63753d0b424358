// SPDX-License-Identifier: MIT
package millrace.peers.flink.nexmark;

import java.io.Serializable;
import millrace.peers.Arguments;
import millrace.peers.flink.MadeRecords;
import millrace.peers.flink.OutcomeSink;
import millrace.peers.flink.RangeSource;
import millrace.peers.nexmark.NexmarkEvent;
import millrace.peers.nexmark.NexmarkEvent.Kind;
import millrace.peers.nexmark.NexmarkMaker;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;

/** Queries of the Nexmark benchmark in the DataStream API, each as bench/peers/native/nexmark/queries.cpp has it. */
public final class Nexmark {
    /** Takes from an event what travels on, into an object that serves again and again; false: nothing does. */
    interface Taking<T> extends Serializable {
        boolean take(NexmarkEvent event, T into);
    }

    private Nexmark() {}

    public static void build(StreamExecutionEnvironment environment, Arguments arguments, String query) {
        DataStream<NexmarkEvent> events = events(environment, arguments);
        switch (query) {
            case "q0", "q1", "q2", "q14", "q22" -> OneByOne.build(events, query);
            case "q5" -> HottestAuctions.build(events, arguments);
            case "q7" -> HighestBids.build(events, arguments);
            case "q8" -> NewSellers.build(events, arguments);
            case "q11" -> BidderSessions.build(events, arguments);
            case "q12" -> ClockWindows.build(events, arguments);
            default -> throw new IllegalArgumentException("no such query: " + query);
        }
    }

    static boolean isBid(NexmarkEvent event) {
        return event.kind == Kind.BID;
    }

    /** Filters and projects in one step. */
    static <T> DataStream<T> taken(DataStream<NexmarkEvent> events, MadeRecords.Blank<T> blank, Taking<T> taking,
            TypeInformation<T> type) {
        return events.flatMap(new Take<>(blank, taking), type);
    }

    static <T extends OutcomeSink.Row> void told(DataStream<T> rows) {
        rows.sinkTo(new OutcomeSink<>());
    }

    private static DataStream<NexmarkEvent> events(StreamExecutionEnvironment environment, Arguments arguments) {
        long perSecond = arguments.number("per-second");
        MadeRecords<NexmarkEvent> made = new MadeRecords<>(NexmarkEvent::new, new Filling(perSecond));
        WatermarkStrategy<NexmarkEvent> watermarks = WatermarkStrategy.forMonotonousTimestamps();
        return environment.fromSource(new RangeSource<>(arguments.number("records"), made), watermarks, "events",
                ChainedOnly.of(NexmarkEvent.class));
    }

    private static final class Filling implements MadeRecords.Filling<NexmarkEvent> {
        private static final long serialVersionUID = 1;

        private final long perSecond;
        private transient NexmarkMaker maker;

        Filling(long perSecond) {
            this.perSecond = perSecond;
        }

        @Override
        public long fill(long i, NexmarkEvent event) {
            if (maker == null) maker = new NexmarkMaker(perSecond);
            maker.make(i, event);
            return event.time;
        }
    }
}
