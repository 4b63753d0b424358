// SPDX-License-Identifier: MIT
package millrace.peers.flink;

import millrace.peers.Arguments;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.java.functions.KeySelector;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.datastream.DataStreamUtils;
import org.apache.flink.streaming.api.datastream.KeyedStream;

/** keyBy, and the way around it. */
public final class Keyed {
    private Keyed() {}

    /**
     * With {@code --shuffle none} the records stay in their thread and are not serialised: Flink allows that where
     * they are by keys already, as they are for a single instance, by a function that it calls experimental.
     */
    public static <T, K> KeyedStream<T, K> by(KeySelector<T, K> key, TypeInformation<K> type, DataStream<T> records,
            Arguments arguments) {
        return arguments.text("shuffle", "network").equals("none")
                ? DataStreamUtils.reinterpretAsKeyedStream(records, key, type)
                : records.keyBy(key, type);
    }
}
