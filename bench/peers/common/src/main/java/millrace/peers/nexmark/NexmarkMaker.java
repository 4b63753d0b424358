// SPDX-License-Identifier: MIT
package millrace.peers.nexmark;

import millrace.peers.Hashes;
import millrace.peers.nexmark.NexmarkEvent.Kind;

/** Makes the events of the Nexmark benchmark by their numbers, as bench/peers/native/nexmark does. */
public final class NexmarkMaker {
    private static final long PERSONS = 1;
    private static final long AUCTIONS = 3;
    private static final long ALL = 50; // of so many events
    private static final long FIRST_ID = 1000;
    private static final long FIRST_CATEGORY = 10;
    private static final long ID_LEAD = 10;
    private static final long HOT_BATCH = 100;
    private static final int HOT_AUCTION_RATIO = 2;
    private static final int HOT_SELLER_RATIO = 4;
    private static final int HOT_BIDDER_RATIO = 4;
    private static final long AUCTIONS_IN_FLIGHT = 100;
    private static final long ACTIVE_PEOPLE = 1000;
    private static final int PERSON_BYTES = 200;
    private static final int AUCTION_BYTES = 500;
    private static final int BID_BYTES = 100;
    private static final int CATEGORIES = 5;
    private static final long BASE_TIME = 1_436_918_400_000L; // 2015-07-15T00:00:00Z
    private static final long FIXED_SEED = 0x6e65786d61726bL;

    private static final String[] STATES = "AZ,CA,ID,OR,WA,WY".split(",");
    private static final String[] CITIES =
            "Phoenix,Los Angeles,San Francisco,Boise,Portland,Bend,Redmond,Seattle,Kent,Cheyenne".split(",");
    private static final String[] FIRST_NAMES =
            "Peter,Paul,Luke,John,Saul,Vicky,Kate,Julie,Sarah,Deiter,Walter".split(",");
    private static final String[] LAST_NAMES =
            "Shultz,Abrams,Spencer,White,Bartels,Walton,Smith,Jones,Noris".split(",");

    private final long perSecond;
    private final SplitRandom random = new SplitRandom(0);
    private final Words words = new Words(new SplitRandom(FIXED_SEED));
    private final Channels channels = new Channels(new SplitRandom(FIXED_SEED + 1));

    /** {@code perSecond} events to a second of event time. */
    public NexmarkMaker(long perSecond) {
        this.perSecond = perSecond;
    }

    /** Event number i. */
    public void make(long i, NexmarkEvent event) {
        random.restart(Hashes.mix(i));
        event.time = time(i, perSecond);
        long turn = i % ALL;
        if (turn < PERSONS) {
            event.kind = Kind.PERSON;
            make(event.person, i);
        } else if (turn < PERSONS + AUCTIONS) {
            event.kind = Kind.AUCTION;
            make(event.auction, i, event.time);
        } else {
            event.kind = Kind.BID;
            make(event.bid, i);
        }
    }

    public static long time(long i, long perSecond) {
        return BASE_TIME + i * 1000 / perSecond;
    }

    private void make(Person person, long event) {
        person.id = lastPerson(event) + FIRST_ID;
        person.name = oneOf(FIRST_NAMES) + " " + oneOf(LAST_NAMES);
        person.email = Words.word(random, 7, ' ') + "@" + Words.word(random, 5, ' ') + ".com";
        person.creditCard = cardNumber();
        person.city = oneOf(CITIES);
        person.state = oneOf(STATES);
        int size = 8 + person.name.length() + person.email.length() + person.creditCard.length() + person.city.length()
                + person.state.length();
        person.extra = words.extra(random, size, PERSON_BYTES);
    }

    private void make(Auction auction, long event, long time) {
        auction.id = lastAuction(event) + FIRST_ID;
        boolean isHot = random.nextInt(HOT_SELLER_RATIO) > 0;
        auction.seller = (isHot ? lastPerson(event) / HOT_BATCH * HOT_BATCH : anyPerson(event)) + FIRST_ID;
        auction.category = FIRST_CATEGORY + random.nextInt(CATEGORIES);
        auction.initialBid = price();
        // An auction is open until as many others as may be in flight have begun, on average.
        long ahead = event + AUCTIONS_IN_FLIGHT * ALL / AUCTIONS;
        long horizon = BASE_TIME + ahead * 1000 / perSecond - time;
        auction.expires = time + 1 + random.nextInt((int) Math.max(horizon * 2, 1));
        auction.itemName = Words.word(random, 20, ' ');
        auction.description = Words.word(random, 100, ' ');
        auction.reserve = auction.initialBid + price();
        int size = 8 + auction.itemName.length() + auction.description.length() + 5 * 8;
        auction.extra = words.extra(random, size, AUCTION_BYTES);
    }

    private void make(Bid bid, long event) {
        boolean isHotAuction = random.nextInt(HOT_AUCTION_RATIO) > 0;
        bid.auction = (isHotAuction ? lastAuction(event) / HOT_BATCH * HOT_BATCH : anyAuction(event)) + FIRST_ID;
        boolean isHotBidder = random.nextInt(HOT_BIDDER_RATIO) > 0;
        // The second of a batch, so that hot bidders are no hot sellers; and the first id twice, as it is there.
        bid.bidder = (isHotBidder ? lastPerson(event) / HOT_BATCH * HOT_BATCH + 1 : anyPerson(event)) + 2 * FIRST_ID;
        bid.price = price();
        boolean isHotChannel = random.nextInt(2) > 0;
        int channel = isHotChannel ? random.nextInt(Channels.HOT.length)
                : Channels.HOT.length + random.nextInt(Channels.OTHERS);
        bid.channel = channels.names[channel];
        bid.url = channels.urls[channel];
        bid.extra = words.extra(random, 4 * 8, BID_BYTES);
    }

    private String oneOf(String[] all) {
        return all[random.nextInt(all.length)];
    }

    private String cardNumber() {
        StringBuilder out = new StringBuilder(19);
        for (int i = 0; i < 4; ++i) {
            if (i > 0) out.append(' ');
            int digits = random.nextInt(10_000);
            for (int unit = 1000; unit > 0; unit /= 10) out.append((char) ('0' + digits / unit % 10));
        }
        return out.toString();
    }

    private long price() {
        return (long) Math.floor(tenTo(random.nextDouble() * 6.0) * 100.0 + 0.5);
    }

    private static long lastPerson(long event) {
        return event / ALL * PERSONS + Math.min(event % ALL, PERSONS - 1);
    }

    private static long lastAuction(long event) {
        long epoch = event / ALL;
        long offset = event % ALL;
        if (offset < PERSONS) return (epoch - 1) * AUCTIONS + AUCTIONS - 1;
        return epoch * AUCTIONS + Math.min(offset - PERSONS, AUCTIONS - 1);
    }

    private long anyPerson(long event) {
        long people = lastPerson(event) + 1;
        long active = Math.min(people, ACTIVE_PEOPLE);
        return people - active + random.nextInt((int) (active + ID_LEAD));
    }

    private long anyAuction(long event) {
        long last = lastAuction(event);
        long first = Math.max(last - AUCTIONS_IN_FLIGHT, 0);
        return first + random.nextInt((int) (last - first + 1 + ID_LEAD));
    }

    // By sums and products alone, for Math.pow is not the same in all libraries.
    private static double tenTo(double x) {
        double y = x * 3.321928094887362;
        double whole = Math.floor(y + 0.5);
        double z = (y - whole) * 0.6931471805599453;
        double power = 1.0;
        for (int i = 15; i > 0; --i) power = 1.0 + power * z / i;
        return power * (1L << (int) whole);
    }
}
