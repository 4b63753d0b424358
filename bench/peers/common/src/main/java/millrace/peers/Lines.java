// SPDX-License-Identifier: MIT
package millrace.peers;

import java.io.EOFException;
import java.io.IOException;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * The lines of a part of a file, read by the megabyte into one buffer. A line belongs to the part that it begins in.
 * No line is copied: the one that {@link #next} came to lies in {@link #buffer} at {@link #from}.
 */
public final class Lines implements AutoCloseable {
    private static final int BLOCK = 1 << 20;
    private static final VarHandle EIGHT =
            MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
    private static final long ONES = 0x0101010101010101L;
    private static final long NEWLINES = '\n' * ONES;
    private static final long HIGH_BITS = 0x80 * ONES;

    public byte[] buffer = new byte[2 * BLOCK];
    public int from;
    public int length;

    private final ByteBuffer block = ByteBuffer.allocateDirect(BLOCK); // a channel copies by way of such a one anyway
    private final FileChannel file;
    private final long last;
    private long offset; // of the buffer's begin in the file
    private int at;      // where the next line begins
    private int filled;

    public Lines(String path, long first, long last) throws IOException {
        file = FileChannel.open(Path.of(path), StandardOpenOption.READ);
        this.last = last;
        offset = first;
        if (first == 0) return;
        // Whether a line begins here, the byte before tells.
        offset = first - 1;
        if (advance()) return;
        throw new EOFException("nothing at " + first + " of " + path);
    }

    /** Goes to the next line; false: there is none. */
    public boolean next() throws IOException {
        return position() < last && advance();
    }

    /** Where in the file the next line begins. */
    public long position() {
        return offset + at;
    }

    @Override
    public void close() throws IOException {
        file.close();
    }

    private boolean advance() throws IOException {
        int end = at;
        while (true) {
            end = newlineFrom(end);
            if (end < filled) break;
            int before = at;
            if (!fill()) {
                if (at == filled) return false;
                end = filled;
                break;
            }
            end -= before - at;
        }
        from = at;
        length = end - at;
        at = Math.min(end + 1, filled);
        return true;
    }

    // Eight bytes at a time; `filled` when there is none.
    private int newlineFrom(int start) {
        int i = start;
        for (; i + Long.BYTES <= filled; i += Long.BYTES) {
            long differing = (long) EIGHT.get(buffer, i) ^ NEWLINES;
            long hit = (differing - ONES) & ~differing & HIGH_BITS;
            if (hit != 0) return i + (Long.numberOfTrailingZeros(hit) >>> 3);
        }
        while (i < filled && buffer[i] != '\n') ++i;
        return i;
    }

    // Moves what is left of the last line to the front, and reads on behind it.
    private boolean fill() throws IOException {
        System.arraycopy(buffer, at, buffer, 0, filled - at);
        offset += at;
        filled -= at;
        at = 0;
        if (filled == buffer.length) throw new IOException("a line of more than " + filled + " bytes");
        int room = Math.min(BLOCK, buffer.length - filled);
        int got = file.read(block.clear().limit(room), offset + filled);
        if (got <= 0) return false;
        block.flip().get(buffer, filled, got);
        filled += got;
        return true;
    }
}
