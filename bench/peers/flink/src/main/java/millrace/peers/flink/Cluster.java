// SPDX-License-Identifier: MIT
package millrace.peers.flink;

import java.nio.file.Path;
import java.time.Duration;
import millrace.peers.Arguments;
import org.apache.flink.configuration.CheckpointingOptions;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.ExecutionOptions;
import org.apache.flink.configuration.MemorySize;
import org.apache.flink.configuration.PipelineOptions;
import org.apache.flink.configuration.RestartStrategyOptions;
import org.apache.flink.configuration.StateBackendOptions;
import org.apache.flink.configuration.StateRecoveryOptions;
import org.apache.flink.configuration.TaskManagerOptions;
import org.apache.flink.core.execution.CheckpointingMode;
import org.apache.flink.state.rocksdb.EmbeddedRocksDBStateBackend.PriorityQueueStateType;
import org.apache.flink.state.rocksdb.PredefinedOptions;
import org.apache.flink.state.rocksdb.RocksDBConfigurableOptions;
import org.apache.flink.state.rocksdb.RocksDBOptions;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;

/** Flink's runtime within this process, set up for throughput; docs/benchmarks.md says why each setting is so. */
final class Cluster {
    private static final long SQL_MEBIBYTES = 512;
    private static final long WRITE_BUFFER_MEBIBYTES = 64; // RocksDB's default

    private Cluster() {}

    static StreamExecutionEnvironment start(Arguments arguments) {
        int parallelism = (int) arguments.number("parallelism", 1);
        Configuration configuration = new Configuration();
        configuration.set(PipelineOptions.OBJECT_REUSE, true);
        configuration.set(PipelineOptions.GENERIC_TYPES, false); // fails where Kryo would be used
        configuration.set(ExecutionOptions.BUFFER_TIMEOUT_ENABLED, false); // a buffer goes out when it is full
        configuration.set(PipelineOptions.AUTO_WATERMARK_INTERVAL,
                Duration.ofMillis(arguments.number("watermark-ms", 200)));
        configuration.set(RestartStrategyOptions.RESTART_STRATEGY, "none");
        configuration.set(TaskManagerOptions.NUM_TASK_SLOTS, parallelism);
        String store = arguments.text("store", "hashmap");
        configuration.set(StateBackendOptions.STATE_BACKEND, store);
        if (store.equals("rocksdb")) setRocksDb(configuration, arguments);
        configuration.set(TaskManagerOptions.MANAGED_MEMORY_SIZE, MemorySize.ofMebiBytes(managedMebibytes(arguments)));
        long interval = arguments.number("interval-ms", 0);
        if (interval > 0) setCheckpoints(configuration, Duration.ofMillis(interval), arguments.text("directory"));
        String restored = arguments.text("restore", "");
        if (!restored.isEmpty()) configuration.set(StateRecoveryOptions.SAVEPOINT_PATH, restored);
        return StreamExecutionEnvironment.createLocalEnvironment(parallelism, configuration);
    }

    // RocksDB and SQL work in managed memory; all else wants it on the heap.
    private static long managedMebibytes(Arguments arguments) {
        if (arguments.text("store", "hashmap").equals("rocksdb")) return arguments.number("budget-mib");
        return arguments.text("job").startsWith("sql") ? SQL_MEBIBYTES : 0;
    }

    private static void setCheckpoints(Configuration configuration, Duration interval, String directory) {
        configuration.set(CheckpointingOptions.CHECKPOINTING_INTERVAL, interval);
        configuration.set(CheckpointingOptions.CHECKPOINTING_CONSISTENCY_MODE, CheckpointingMode.EXACTLY_ONCE);
        configuration.set(CheckpointingOptions.CHECKPOINT_STORAGE, "filesystem");
        configuration.set(CheckpointingOptions.CHECKPOINTS_DIRECTORY,
                Path.of(directory, "checkpoints").toUri().toString());
    }

    private static void setRocksDb(Configuration configuration, Arguments arguments) {
        configuration.set(CheckpointingOptions.INCREMENTAL_CHECKPOINTS, true);
        configuration.set(RocksDBOptions.LOCAL_DIRECTORIES, Path.of(arguments.text("directory"), "rocksdb").toString());
        configuration.set(RocksDBOptions.TIMER_SERVICE_FACTORY, PriorityQueueStateType.HEAP);
        configuration.set(RocksDBOptions.PREDEFINED_OPTIONS, PredefinedOptions.FLASH_SSD_OPTIMIZED.name());
        configuration.set(RocksDBConfigurableOptions.USE_BLOOM_FILTER, true);
        // A third of managed memory is for buffers. One that does not fit in several times is written out all the time.
        long buffer = Math.max(Math.min(arguments.number("budget-mib") / 8, WRITE_BUFFER_MEBIBYTES), 1);
        configuration.set(RocksDBConfigurableOptions.WRITE_BUFFER_SIZE, MemorySize.ofMebiBytes(buffer));
    }
}
