// SPDX-License-Identifier: MIT
package millrace.peers;

import java.io.Serializable;
import java.time.Duration;

/**
 * Keys and times of typed records, as RecordMaker of bench/macro/keyed_records.hpp makes them: {@code perSecond}
 * records to a second of event time, keys drawn evenly, record i depending on i alone. One in ten comes up to
 * {@code disorderMillis} late where that is not 0.
 */
public final class RecordMaker implements Serializable {
    private static final long serialVersionUID = 1;
    private static final long LATE_SALT = 0x6c617465L;

    private final long keys;
    private final long perSecond;
    private final long disorderMillis;

    public RecordMaker(long keys, long perSecond, long disorderMillis) {
        this.keys = keys;
        this.perSecond = perSecond;
        this.disorderMillis = disorderMillis;
    }

    /**
     * How far time follows behind the records. They share their milliseconds, and one that comes exactly a gap after
     * its session must find it open, whenever a watermark is made.
     */
    public Duration behind() {
        return Duration.ofMillis(disorderMillis + 1);
    }

    public long key(long i) {
        return Hashes.spread(Hashes.mix(i), keys);
    }

    public long time(long i) {
        long inOrder = i * 1000 / perSecond;
        if (disorderMillis == 0) return inOrder;
        long random = Hashes.mix(i ^ LATE_SALT);
        return Hashes.spread(random, 10) == 0 ? inOrder - Hashes.spread(Hashes.mix(random), disorderMillis) : inOrder;
    }
}
