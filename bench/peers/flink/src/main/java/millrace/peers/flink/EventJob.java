// SPDX-License-Identifier: MIT
package millrace.peers.flink;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import millrace.peers.Arguments;
import millrace.peers.EventParser.Wanted;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;

/** What the jobs over a file of events have in common: --file, --rows, --window-ms and so on. */
final class EventJob {
    final Arguments arguments;
    private final StreamExecutionEnvironment environment;

    EventJob(StreamExecutionEnvironment environment, Arguments arguments) {
        this.environment = environment;
        this.arguments = arguments;
    }

    <T> DataStream<T> events(Wanted wanted, TypeInformation<T> type, EventParsing.Selection<T> selection)
            throws IOException {
        String path = arguments.text("file");
        WatermarkStrategy<T> watermarks = WatermarkStrategy.forBoundedOutOfOrderness(millis("out-of-orderness-ms"));
        RangeSource<T> source = new RangeSource<>(Files.size(Path.of(path)),
                new ParsedLines<>(path, new EventParsing<>(wanted, selection)));
        return environment.fromSource(source, watermarks, "events", type);
    }

    void results(DataStream<String> rows) {
        rows.sinkTo(new RowSink(arguments.text("rows"))).name("results");
    }

    Duration millis(String name) {
        return Duration.ofMillis(arguments.number(name));
    }
}
