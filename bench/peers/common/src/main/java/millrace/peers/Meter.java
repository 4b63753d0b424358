// SPDX-License-Identifier: MIT
package millrace.peers;

import com.sun.management.OperatingSystemMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;

/**
 * Times one job, of which there is one in a process. The first third of the records, or what its source says, warms up:
 * time, processors and checkpoints count from {@link #warm} to {@link #end}.
 */
public final class Meter {
    private static final OperatingSystemMXBean PROCESS =
            (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();

    private static Point begin;
    private static Point end;
    private static long checkpoints;

    private record Point(long nanos, long cpuNanos, long records) {}

    private Meter() {}

    /** A source has passed a third of its input, and read so many records so far. The first to say so counts. */
    public static synchronized void warm(long records) {
        if (begin == null) begin = now(records);
    }

    /** A sink has all results. The last to say so counts. */
    public static synchronized void end() {
        end = now(0);
    }

    /** A checkpoint is complete. Those that are while it warms up do not count. */
    public static synchronized void checkpoint() {
        if (begin != null && end == null) ++checkpoints;
    }

    /** One line of JSON: what has been measured of a job that has read so many records. */
    public static synchronized String report(long records, Outcome outcome) throws IOException {
        if (begin == null || end == null) throw new IllegalStateException("the job has not told where it stands");
        return String.format(Locale.ROOT,
                "{\"records\":%d,\"counted\":%d,\"wall_s\":%.6f,\"cpu_s\":%.6f,\"peak_mib\":%d,\"checkpoints\":%d,"
                        + "\"rows\":%d,\"digest\":\"%016x\"}",
                records, records - begin.records, (end.nanos - begin.nanos) * 1e-9,
                (end.cpuNanos - begin.cpuNanos) * 1e-9, peakMebibytes(), checkpoints, outcome.rows(), outcome.digest());
    }

    private static long peakMebibytes() throws IOException {
        for (String line : Files.readAllLines(Path.of("/proc/self/status")))
            if (line.startsWith("VmHWM:")) return Long.parseLong(line.replaceAll("\\D", "")) / 1024;
        return 0;
    }

    private static Point now(long records) {
        return new Point(System.nanoTime(), PROCESS.getProcessCpuTime(), records);
    }
}
