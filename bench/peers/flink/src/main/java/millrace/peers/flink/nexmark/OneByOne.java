// SPDX-License-Identifier: MIT
package millrace.peers.flink.nexmark;

import millrace.peers.Outcome;
import millrace.peers.flink.MadeRecords;
import millrace.peers.flink.OutcomeSink;
import millrace.peers.nexmark.NexmarkEvent;
import org.apache.flink.streaming.api.datastream.DataStream;

/** The queries that look at one event at a time. */
final class OneByOne {
    private static final long THOUSANDTHS_OF_EURO = 908; // a dollar

    private OneByOne() {}

    static void build(DataStream<NexmarkEvent> events, String query) {
        switch (query) {
            case "q0" -> Nexmark.told(Nexmark.taken(events, PlainBid::new, OneByOne::asItIs, PlainBid.TYPE));
            case "q1" -> Nexmark.told(Nexmark.taken(events, PlainBid::new, OneByOne::inEuros, PlainBid.TYPE));
            case "q2" -> tell(events, Price.class, Price::new, OneByOne::ofSomeAuctions);
            case "q14" -> tell(events, CountedBid.class, CountedBid::new, OneByOne::ofMiddlePrice);
            case "q22" -> tell(events, Directories.class, Directories::new, OneByOne::withDirectories);
            default -> throw new IllegalArgumentException(query);
        }
    }

    private static <T extends OutcomeSink.Row> void tell(DataStream<NexmarkEvent> events, Class<T> type,
            MadeRecords.Blank<T> blank, Nexmark.Taking<T> taking) {
        Nexmark.told(Nexmark.taken(events, blank, taking, ChainedOnly.of(type)));
    }

    static boolean asItIs(NexmarkEvent event, PlainBid bid) {
        if (!Nexmark.isBid(event)) return false;
        bid.take(event);
        return true;
    }

    private static boolean inEuros(NexmarkEvent event, PlainBid bid) {
        if (!asItIs(event, bid)) return false;
        bid.price *= THOUSANDTHS_OF_EURO;
        return true;
    }

    private static boolean ofSomeAuctions(NexmarkEvent event, Price row) {
        if (!Nexmark.isBid(event) || event.bid.auction % 123 != 0) return false;
        row.auction = event.bid.auction;
        row.price = event.bid.price;
        return true;
    }

    private static boolean ofMiddlePrice(NexmarkEvent event, CountedBid bid) {
        long price = event.bid.price * THOUSANDTHS_OF_EURO;
        if (!Nexmark.isBid(event) || price <= 1_000_000_000L || price >= 50_000_000_000L) return false;
        bid.take(event);
        bid.price = price;
        bid.dayTime = dayTime(event.time);
        bid.letters = 0;
        for (int i = 0; i < bid.extra.length(); ++i) if (bid.extra.charAt(i) == 'c') ++bid.letters;
        return true;
    }

    private static String dayTime(long time) {
        long hour = Math.floorDiv(time, 3_600_000L) % 24;
        if (hour >= 8 && hour <= 18) return "dayTime";
        return hour <= 6 || hour >= 20 ? "nightTime" : "otherTime";
    }

    private static boolean withDirectories(NexmarkEvent event, Directories row) {
        if (!Nexmark.isBid(event)) return false;
        row.auction = event.bid.auction;
        row.bidder = event.bid.bidder;
        row.price = event.bid.price;
        row.channel = event.bid.channel;
        row.first = part(event.bid.url, 3);
        row.second = part(event.bid.url, 4);
        row.third = part(event.bid.url, 5);
        return true;
    }

    // The part of that number of the text between slashes; empty where there is none.
    private static String part(String text, int number) {
        int begin = 0;
        for (int left = number; left > 0; --left) {
            int slash = text.indexOf('/', begin);
            if (slash < 0) return "";
            begin = slash + 1;
        }
        int end = text.indexOf('/', begin);
        return text.substring(begin, end < 0 ? text.length() : end);
    }

    private static final class Price implements OutcomeSink.Row {
        long auction;
        long price;

        @Override
        public void addTo(Outcome outcome) {
            outcome.add(auction, price);
        }
    }

    private static final class CountedBid extends PlainBid {
        String dayTime;
        long letters;

        @Override
        public void addTo(Outcome outcome) {
            outcome.add(auction, bidder, price, time, extra.length(), Numbers.textDigest(dayTime), letters);
        }
    }

    private static final class Directories implements OutcomeSink.Row {
        long auction;
        long bidder;
        long price;
        String channel;
        String first;
        String second;
        String third;

        @Override
        public void addTo(Outcome outcome) {
            outcome.add(auction, bidder, price, Numbers.textDigest(channel), Numbers.textDigest(first),
                    Numbers.textDigest(second), Numbers.textDigest(third));
        }
    }
}
