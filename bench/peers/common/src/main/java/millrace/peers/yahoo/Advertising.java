// SPDX-License-Identifier: MIT
package millrace.peers.yahoo;

import java.util.HashMap;
import java.util.Map;
import millrace.peers.Hashes;

/** The campaigns of the Yahoo Streaming Benchmark, as bench/peers/native/yahoo has them. */
public final class Advertising {
    private static final int CAMPAIGNS = 100;
    private static final int ADS_OF_CAMPAIGN = 10;

    private Advertising() {}

    /** The campaign of each ad. */
    public static Map<String, String> campaigns() {
        Map<String, String> campaigns = new HashMap<>();
        for (int ad = 0; ad < CAMPAIGNS * ADS_OF_CAMPAIGN; ++ad)
            campaigns.put(uuid(2, ad), uuid(1, ad / ADS_OF_CAMPAIGN));
        return campaigns;
    }

    private static String uuid(long kind, long i) {
        long high = Hashes.mix((kind << 56) + 2 * i);
        long low = Hashes.mix((kind << 56) + 2 * i + 1);
        return String.format("%08x-%04x-%04x-%04x-%012x", high >>> 32, high >>> 16 & 0xffff, high & 0xffff, low >>> 48,
                low & 0xffffffffffffL);
    }
}
