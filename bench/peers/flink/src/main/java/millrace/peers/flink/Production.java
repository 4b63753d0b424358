// SPDX-License-Identifier: MIT
package millrace.peers.flink;

import java.io.IOException;
import java.io.Serializable;
import org.apache.flink.api.connector.source.SourceOutput;

/** Makes the records of a {@link Range}. Each instance of a source has a copy of its own. */
public interface Production<T> extends Serializable {
    /** Begins with {@code range}. */
    void open(Range range) throws IOException;

    /** Puts some records out, enough to make the call worth it, and gives the position behind them. */
    long produce(SourceOutput<T> out) throws IOException;

    /** How many records it has put out so far. */
    long produced();

    default void close() throws IOException {}
}
