// SPDX-License-Identifier: MIT
package millrace.peers.nexmark;

/** What goes on at the auction house: of the three members the one that {@code kind} names holds. */
public final class NexmarkEvent {
    public enum Kind { PERSON, AUCTION, BID }

    public Kind kind = Kind.BID;
    public long time;
    public final Person person = new Person();
    public final Auction auction = new Auction();
    public final Bid bid = new Bid();
}
