// SPDX-License-Identifier: MIT
package millrace.peers;

/**
 * RFC 3339 text to and from milliseconds since the epoch, by the rules of millrace/time/rfc3339.hpp and in the same
 * way: java.time's formatters would take longer than all the rest of an event.
 */
public final class UtcTime {
    /** What {@link #parse} gives for text that is no time. */
    public static final long NONE = Long.MIN_VALUE;

    private static final long DAY = 86_400_000;
    private static final long FIRST = -62_135_596_800_000L;
    private static final long LAST = 253_402_300_799_999L;

    private UtcTime() {}

    public static long parse(char[] text, int from, int length) {
        if (length <= 19) return NONE;
        if (text[from + 4] != '-' || text[from + 7] != '-' || (text[from + 10] | 0x20) != 't'
                || text[from + 13] != ':' || text[from + 16] != ':') return NONE;
        int century = pair(text, from);
        int ofCentury = pair(text, from + 2);
        int month = pair(text, from + 5);
        int day = pair(text, from + 8);
        int hour = pair(text, from + 11);
        int minute = pair(text, from + 14);
        int second = pair(text, from + 17);
        if ((century | ofCentury | month | day | hour | minute | second) < 0) return NONE;
        int year = century * 100 + ofCentury;
        if (year == 0 || month < 1 || month > 12 || hour > 23 || minute > 59 || second > 59) return NONE;
        if (day < 1 || day > daysInMonth(year, month)) return NONE;
        long ofDay = hour * 3600 + minute * 60 + second;
        return parseEnd(text, from + 19, from + length, days(year, month, day) * DAY + ofDay * 1000);
    }

    public static void append(StringBuilder out, long time) {
        long days = Math.floorDiv(time, DAY);
        int ofDay = (int) (time - days * DAY);
        appendDate(out, days);
        padded(out.append('T'), ofDay / 3_600_000, 2);
        padded(out.append(':'), ofDay / 60_000 % 60, 2);
        padded(out.append(':'), ofDay / 1000 % 60, 2);
        padded(out.append('.'), ofDay % 1000, 3);
        out.append('Z');
    }

    // The fraction, if there is one, and the zone.
    private static long parseEnd(char[] text, int from, int end, long seconds) {
        int at = from;
        int millis = 0;
        if (text[at] == '.') {
            int unit = 100;
            for (++at; at < end && isDigit(text[at]); ++at, unit /= 10) millis += unit * (text[at] - '0');
            int digits = at - from - 1;
            if (digits == 0 || digits > 9) return NONE;
        }
        int offset = 0;
        if (at + 1 != end || (text[at] | 0x20) != 'z') {
            if (at + 6 != end || text[at + 3] != ':' || (text[at] != '+' && text[at] != '-')) return NONE;
            int hours = pair(text, at + 1);
            int minutes = pair(text, at + 4);
            if ((hours | minutes) < 0 || hours > 23 || minutes > 59) return NONE;
            offset = (hours * 60 + minutes) * (text[at] == '-' ? -1 : 1);
        }
        long time = seconds - offset * 60_000L + millis;
        return time < FIRST || time > LAST ? NONE : time;
    }

    // Less than 0 when these are not two digits.
    private static int pair(char[] text, int at) {
        int tens = text[at] - '0';
        int ones = text[at + 1] - '0';
        return tens < 0 || tens > 9 || ones < 0 || ones > 9 ? -1 : tens * 10 + ones;
    }

    private static boolean isDigit(char c) {
        return c >= '0' && c <= '9';
    }

    private static int daysInMonth(int year, int month) {
        if (month != 2) return 30 + ((month + (month >> 3)) & 1);
        return (year & 3) == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28;
    }

    // days_from_civil and civil_from_days of Howard Hinnant's "chrono-Compatible Low-Level Date Algorithms".
    private static long days(int year, int month, int day) {
        int y = month <= 2 ? year - 1 : year;
        int era = y / 400;
        int yearOfEra = y - era * 400;
        int dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
        int dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear;
        return era * 146_097L + dayOfEra - 719_468;
    }

    private static void appendDate(StringBuilder out, long daysSinceEpoch) {
        long days = daysSinceEpoch + 719_468;
        long era = Math.floorDiv(days, 146_097L);
        int dayOfEra = (int) (days - era * 146_097);
        int yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365;
        int dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100);
        int shifted = (5 * dayOfYear + 2) / 153;
        int month = shifted < 10 ? shifted + 3 : shifted - 9;
        padded(out, (int) (yearOfEra + era * 400) + (month <= 2 ? 1 : 0), 4);
        padded(out.append('-'), month, 2);
        padded(out.append('-'), dayOfYear - (153 * shifted + 2) / 5 + 1, 2);
    }

    private static void padded(StringBuilder out, int value, int width) {
        int unit = width == 4 ? 1000 : width == 3 ? 100 : 10;
        for (int rest = value; unit > 0; rest %= unit, unit /= 10) out.append((char) ('0' + rest / unit));
    }
}
