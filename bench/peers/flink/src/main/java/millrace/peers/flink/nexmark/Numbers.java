// SPDX-License-Identifier: MIT
package millrace.peers.flink.nexmark;

import millrace.peers.Outcome;
import millrace.peers.flink.OutcomeSink;
import millrace.peers.flink.RecordType;

/** A row made of numbers, the strings of which are told by their digests. */
final class Numbers implements OutcomeSink.Row {
    static final RecordType<Numbers> TYPE = ChainedOnly.of(Numbers.class);

    private final long[] members;

    Numbers(long... members) {
        this.members = members;
    }

    /** As textDigest() of bench/peers/native/nexmark. */
    static long textDigest(String text) {
        long hash = 0xcbf29ce484222325L;
        for (int i = 0; i < text.length(); ++i) hash = (hash ^ text.charAt(i)) * 0x100000001b3L;
        return hash;
    }

    @Override
    public void addTo(Outcome outcome) {
        outcome.add(members);
    }
}
