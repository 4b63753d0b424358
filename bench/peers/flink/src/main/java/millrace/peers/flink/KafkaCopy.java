// SPDX-License-Identifier: MIT
package millrace.peers.flink;

import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import millrace.peers.Arguments;
import millrace.peers.KafkaSettings;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.connector.base.DeliveryGuarantee;
import org.apache.flink.connector.kafka.lineage.DefaultKafkaDatasetFacet;
import org.apache.flink.connector.kafka.lineage.DefaultKafkaDatasetIdentifier;
import org.apache.flink.connector.kafka.lineage.KafkaDatasetFacet;
import org.apache.flink.connector.kafka.lineage.KafkaDatasetFacetProvider;
import org.apache.flink.connector.kafka.sink.KafkaRecordSerializationSchema;
import org.apache.flink.connector.kafka.sink.KafkaSink;
import org.apache.flink.connector.kafka.sink.TransactionNamingStrategy;
import org.apache.flink.connector.kafka.source.KafkaSource;
import org.apache.flink.connector.kafka.source.enumerator.initializer.OffsetsInitializer;
import org.apache.flink.connector.kafka.source.reader.deserializer.KafkaRecordDeserializationSchema;
import org.apache.flink.core.memory.DataInputView;
import org.apache.flink.core.memory.DataOutputView;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.util.Collector;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerRecord;

/** One topic copied to another, until the process is killed. */
final class KafkaCopy {
    private KafkaCopy() {}

    static void build(StreamExecutionEnvironment environment, Arguments arguments) {
        String bootstrap = arguments.text("bootstrap");
        boolean isExactlyOnce = arguments.text("guarantee").equals("exactly-once");
        KafkaSource<Message> source = KafkaSource.<Message>builder()
                .setBootstrapServers(bootstrap)
                .setTopics(arguments.text("from"))
                .setGroupId(arguments.text("application"))
                .setStartingOffsets(OffsetsInitializer.earliest())
                .setDeserializer(new Reading())
                .setProperties(properties(KafkaSettings.consumer()))
                .build();
        KafkaSink<Message> sink = KafkaSink.<Message>builder()
                .setBootstrapServers(bootstrap)
                .setDeliveryGuarantee(isExactlyOnce ? DeliveryGuarantee.EXACTLY_ONCE : DeliveryGuarantee.AT_LEAST_ONCE)
                .setTransactionalIdPrefix(arguments.text("application"))
                .setTransactionNamingStrategy(TransactionNamingStrategy.POOLING) // no new name each checkpoint
                .setRecordSerializer(new Writing(arguments.text("to")))
                .setKafkaProducerConfig(properties(KafkaSettings.producer()))
                .setProperty("linger.ms", "5")
                .setProperty("transaction.timeout.ms", "60000")
                .build();
        environment.fromSource(source, WatermarkStrategy.noWatermarks(), "from").sinkTo(sink);
    }

    private static Properties properties(Map<String, String> settings) {
        Properties properties = new Properties();
        properties.putAll(settings);
        return properties;
    }

    /** A record's key and value. */
    static final class Message {
        byte[] key;
        byte[] value;
    }

    private static final class Reading implements KafkaRecordDeserializationSchema<Message> {
        private static final long serialVersionUID = 1;

        private transient Message message;

        @Override
        public void deserialize(ConsumerRecord<byte[], byte[]> record, Collector<Message> out) {
            if (message == null) message = new Message();
            message.key = record.key();
            message.value = record.value();
            out.collect(message);
        }

        @Override
        public TypeInformation<Message> getProducedType() {
            return new RecordType<>(Message.class, new Serializer());
        }
    }

    /** Names its topic, as a pool of transactions asks for. */
    private record Writing(String topic)
            implements KafkaRecordSerializationSchema<Message>, KafkaDatasetFacetProvider {
        @Override
        public Optional<KafkaDatasetFacet> getKafkaDatasetFacet() {
            return Optional.of(new DefaultKafkaDatasetFacet(DefaultKafkaDatasetIdentifier.ofTopics(List.of(topic))));
        }

        @Override
        public ProducerRecord<byte[], byte[]> serialize(Message message, KafkaSinkContext context, Long time) {
            return new ProducerRecord<>(topic, message.key, message.value);
        }
    }

    private static final class Serializer extends RecordSerializer<Message> {
        private static final long serialVersionUID = 1;

        @Override
        public Message createInstance() {
            return new Message();
        }

        @Override
        protected void assign(Message from, Message to) {
            to.key = from.key;
            to.value = from.value;
        }

        @Override
        public void serialize(Message message, DataOutputView out) throws IOException {
            write(message.key, out);
            write(message.value, out);
        }

        @Override
        public Message deserialize(Message into, DataInputView in) throws IOException {
            into.key = read(in);
            into.value = read(in);
            return into;
        }

        private static void write(byte[] bytes, DataOutputView out) throws IOException {
            out.writeInt(bytes.length);
            out.write(bytes);
        }

        private static byte[] read(DataInputView in) throws IOException {
            byte[] bytes = new byte[in.readInt()];
            in.readFully(bytes);
            return bytes;
        }
    }
}
