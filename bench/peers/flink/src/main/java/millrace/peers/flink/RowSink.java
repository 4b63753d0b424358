// SPDX-License-Identifier: MIT
package millrace.peers.flink;

import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import millrace.peers.Meter;
import org.apache.flink.api.connector.sink2.Sink;
import org.apache.flink.api.connector.sink2.SinkWriter;
import org.apache.flink.api.connector.sink2.WriterInitContext;

/** Writes rows of text into a directory, a file for each instance. */
final class RowSink implements Sink<String> {
    private static final long serialVersionUID = 1;

    private final String directory;

    RowSink(String directory) {
        this.directory = directory;
    }

    @Override
    public SinkWriter<String> createWriter(WriterInitContext context) throws IOException {
        Path own = Path.of(directory, "part-" + context.getTaskInfo().getIndexOfThisSubtask());
        return new Writer(new BufferedOutputStream(Files.newOutputStream(own), 1 << 16));
    }

    private record Writer(OutputStream out) implements SinkWriter<String> {
        @Override
        public void write(String row, Context context) throws IOException {
            out.write(row.getBytes(StandardCharsets.UTF_8));
            out.write('\n');
        }

        @Override
        public void flush(boolean isEnd) throws IOException {
            out.flush();
            if (isEnd) Meter.end();
        }

        @Override
        public void close() throws IOException {
            out.close();
        }
    }
}
