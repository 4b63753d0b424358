// SPDX-License-Identifier: MIT
package millrace.peers;

import java.io.Serializable;

/** Keys by Zipf's law, as SkewedKeys of bench/macro/skewed_keys.hpp draws them. */
public final class SkewedKeys implements Serializable {
    private static final long serialVersionUID = 1;

    private final long keys;
    private final double skew;
    private final double zeta;
    private final double second;
    private final double alpha;
    private final double eta;

    /** {@code skew} 0: evenly. */
    public SkewedKeys(long keys, double skew) {
        this.keys = keys;
        this.skew = skew;
        double sum = 0;
        if (skew != 0) for (long i = 1; i <= keys; ++i) sum += 1 / Math.pow(i, skew);
        zeta = sum;
        second = 1 + Math.pow(0.5, skew);
        alpha = 1 / (1 - skew);
        eta = (1 - Math.pow(2.0 / keys, 1 - skew)) / (1 - second / zeta);
    }

    public long key(long i) {
        long random = Hashes.mix(i);
        if (skew == 0) return Hashes.spread(random, keys);
        return Hashes.spread(Hashes.mix(rank((random >>> 11) * 0x1p-53)), keys);
    }

    private long rank(double u) {
        double scaled = u * zeta;
        if (scaled < 1) return 0;
        if (scaled < second) return 1;
        return Math.min((long) (keys * Math.pow(eta * u - eta + 1, alpha)), keys - 1);
    }
}
