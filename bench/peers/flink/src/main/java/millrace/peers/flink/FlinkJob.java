// SPDX-License-Identifier: MIT
package millrace.peers.flink;

import millrace.peers.Arguments;
import millrace.peers.Meter;
import millrace.peers.flink.nexmark.Nexmark;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;

/** Runs one of the benchmarks' jobs in Flink, and prints a line of JSON about it: {@code --job event_count ...}. */
public final class FlinkJob {
    private FlinkJob() {}

    public static void main(String[] words) throws Exception {
        Arguments arguments = new Arguments(words);
        StreamExecutionEnvironment environment = Cluster.start(arguments);
        String job = arguments.text("job");
        switch (job) {
            case "event_count" -> EventCount.build(new EventJob(environment, arguments));
            case "revenue" -> Revenue.build(new EventJob(environment, arguments));
            case "sessions" -> Sessions.build(new EventJob(environment, arguments));
            case "tumbling", "sliding", "session" -> KeyedWindows.build(environment, arguments, job);
            case "sql_tumbling" -> SqlWindows.build(environment, arguments, SqlWindows.tumbling(arguments));
            case "sql_sliding" -> SqlWindows.build(environment, arguments, SqlWindows.sliding(arguments));
            case "yahoo" -> CampaignViews.build(environment, arguments);
            case "copy" -> KafkaCopy.build(environment, arguments);
            case "state" -> DurableState.build(environment, arguments);
            case "q0", "q1", "q2", "q5", "q7", "q8", "q11", "q12", "q14", "q22" ->
                Nexmark.build(environment, arguments, job);
            default -> throw new IllegalArgumentException("no such job: " + job);
        }
        environment.execute(job);
        System.out.println(Meter.report(arguments.number("records"), OutcomeSink.total()));
    }
}
