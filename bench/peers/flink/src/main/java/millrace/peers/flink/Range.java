// SPDX-License-Identifier: MIT
package millrace.peers.flink;

import java.io.IOException;
import java.nio.ByteBuffer;
import org.apache.flink.api.connector.source.SourceSplit;
import org.apache.flink.core.io.SimpleVersionedSerializer;

/** A part of a source: numbers of records, or bytes of a file, from {@code first} to before {@code last}. */
public record Range(long first, long last) implements SourceSplit {
    @Override
    public String splitId() {
        return Long.toString(last);
    }

    static final class Serializer implements SimpleVersionedSerializer<Range> {
        @Override
        public int getVersion() {
            return 1;
        }

        @Override
        public byte[] serialize(Range range) {
            return ByteBuffer.allocate(2 * Long.BYTES).putLong(range.first).putLong(range.last).array();
        }

        @Override
        public Range deserialize(int version, byte[] bytes) throws IOException {
            ByteBuffer in = ByteBuffer.wrap(bytes);
            return new Range(in.getLong(), in.getLong());
        }
    }
}
