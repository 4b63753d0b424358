// SPDX-License-Identifier: MIT
package millrace.peers;

import java.util.Map;

/** What both peers set of Kafka's clients, for throughput; docs/benchmarks.md says why. Lingering is up to each. */
public final class KafkaSettings {
    private KafkaSettings() {}

    public static Map<String, String> consumer() {
        return Map.of(
                "max.poll.records", "5000",
                "max.partition.fetch.bytes", "4194304",
                "check.crcs", "false"); // librdkafka does not look either
    }

    public static Map<String, String> producer() {
        return Map.of(
                "acks", "all",
                "enable.idempotence", "true",
                "batch.size", "1000000",
                "buffer.memory", "67108864");
    }
}
