// SPDX-License-Identifier: MIT
package millrace.peers.flink;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import millrace.peers.Arguments;
import millrace.peers.yahoo.AdEvent;
import millrace.peers.yahoo.AdEventParser;
import millrace.peers.yahoo.Advertising;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.connector.source.SourceOutput;
import org.apache.flink.api.java.typeutils.ValueTypeInfo;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.windowing.WindowFunction;
import org.apache.flink.streaming.api.windowing.assigners.TumblingEventTimeWindows;
import org.apache.flink.streaming.api.windowing.windows.TimeWindow;
import org.apache.flink.types.LongValue;
import org.apache.flink.util.Collector;

/** The core of the Yahoo Streaming Benchmark: views per campaign and ten seconds. */
final class CampaignViews {
    private CampaignViews() {}

    static void build(StreamExecutionEnvironment environment, Arguments arguments) throws IOException {
        String path = arguments.text("file");
        RangeSource<String> source = new RangeSource<>(Files.size(Path.of(path)), new ParsedLines<>(path, Parser::new));
        DataStream<String> campaigns = environment.fromSource(source,
                WatermarkStrategy.<String>forMonotonousTimestamps(), "events", Types.STRING);
        Keyed.by(campaign -> campaign, Types.STRING, campaigns, arguments)
                .window(TumblingEventTimeWindows.of(Duration.ofSeconds(10)))
                .aggregate(new Count<>(), new Tell(), ValueTypeInfo.LONG_VALUE_TYPE_INFO, Types.STRING)
                .sinkTo(new RowSink(arguments.text("rows")));
    }

    // Parsing, filter and join in one: nothing but the campaign's name leaves the source.
    private static final class Parser implements ParsedLines.Parser<String> {
        private final AdEventParser parser = new AdEventParser();
        private final AdEvent event = new AdEvent();
        private final Map<String, String> campaigns = Advertising.campaigns();

        @Override
        public void parse(byte[] buffer, int from, int length, SourceOutput<String> out) throws IOException {
            if (!parser.parse(buffer, from, length, event) || !event.isView) return;
            String campaign = campaigns.get(event.ad);
            if (campaign != null) out.collect(campaign, event.time);
        }
    }

    private static final class Tell implements WindowFunction<LongValue, String, String, TimeWindow> {
        private static final long serialVersionUID = 1;

        @Override
        public void apply(String campaign, TimeWindow window, Iterable<LongValue> counts, Collector<String> out) {
            for (LongValue count : counts)
                out.collect("{\"campaign\":\"" + campaign + "\",\"window_start\":" + window.getStart() + ",\"views\":"
                        + count.getValue() + "}");
        }
    }
}
