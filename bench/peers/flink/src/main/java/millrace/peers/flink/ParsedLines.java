// SPDX-License-Identifier: MIT
package millrace.peers.flink;

import java.io.IOException;
import java.io.Serializable;
import millrace.peers.Lines;
import org.apache.flink.api.connector.source.SourceOutput;

/** The lines of a file, parsed where they are read. */
final class ParsedLines<T> implements Production<T> {
    /** Makes a reader of lines; each instance of a source has its own. */
    interface Parsing<T> extends Serializable {
        Parser<T> open();
    }

    interface Parser<T> {
        /** Puts out what the line holds, if it is valid and wanted. */
        void parse(byte[] buffer, int from, int length, SourceOutput<T> out) throws IOException;
    }

    private static final long serialVersionUID = 1;
    private static final int LINES_A_CALL = 100;

    private final String path;
    private final Parsing<T> parsing;

    private transient Lines lines;
    private transient Parser<T> parser;
    private transient long produced;

    ParsedLines(String path, Parsing<T> parsing) {
        this.path = path;
        this.parsing = parsing;
    }

    @Override
    public void open(Range range) throws IOException {
        lines = new Lines(path, range.first(), range.last());
        parser = parsing.open();
    }

    @Override
    public long produce(SourceOutput<T> out) throws IOException {
        for (int i = 0; i < LINES_A_CALL && lines.next(); ++i) {
            ++produced;
            parser.parse(lines.buffer, lines.from, lines.length, out);
        }
        return lines.position();
    }

    @Override
    public long produced() {
        return produced;
    }

    @Override
    public void close() throws IOException {
        if (lines != null) lines.close();
    }
}
