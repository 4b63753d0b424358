// SPDX-License-Identifier: MIT
package millrace.peers.streams;

import java.util.Properties;
import millrace.peers.Arguments;
import millrace.peers.KafkaSettings;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Produced;

/** Runs one of the benchmarks' jobs in Kafka Streams until it is killed: {@code --job copy ...}. */
public final class StreamsJob {
    private StreamsJob() {}

    public static void main(String[] words) throws InterruptedException {
        Arguments arguments = new Arguments(words);
        StreamsBuilder builder = new StreamsBuilder();
        String job = arguments.text("job");
        switch (job) {
            case "copy" -> copy(builder, arguments);
            default -> throw new IllegalArgumentException("no such job: " + job);
        }
        KafkaStreams streams = new KafkaStreams(builder.build(), settings(arguments));
        streams.setUncaughtExceptionHandler(failure -> {
            failure.printStackTrace();
            Runtime.getRuntime().halt(1);
            return null;
        });
        streams.start();
        Thread.currentThread().join();
    }

    private static void copy(StreamsBuilder builder, Arguments arguments) {
        Serde<byte[]> bytes = Serdes.ByteArray();
        builder.stream(arguments.text("from"), Consumed.with(bytes, bytes))
                .to(arguments.text("to"), Produced.with(bytes, bytes));
    }

    private static Properties settings(Arguments arguments) {
        Properties settings = new Properties();
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, arguments.text("application"));
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, arguments.text("bootstrap"));
        settings.put(StreamsConfig.STATE_DIR_CONFIG, arguments.text("directory"));
        settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, (int) arguments.number("parallelism", 1));
        settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, arguments.text("guarantee").equals("exactly-once")
                ? StreamsConfig.EXACTLY_ONCE_V2 : StreamsConfig.AT_LEAST_ONCE);
        if (arguments.number("interval-ms", 0) > 0)
            settings.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, arguments.number("interval-ms"));
        // More than two polls' worth, or each poll would pause its partitions.
        settings.put(StreamsConfig.BUFFERED_RECORDS_PER_PARTITION_CONFIG, 10_000);
        KafkaSettings.consumer().forEach((name, value) -> settings.put(StreamsConfig.consumerPrefix(name), value));
        KafkaSettings.producer().forEach((name, value) -> settings.put(StreamsConfig.producerPrefix(name), value));
        // A member that comes back under its name need not wait for the group to miss it.
        settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.GROUP_INSTANCE_ID_CONFIG),
                arguments.text("application"));
        settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG), "earliest");
        return settings;
    }
}
