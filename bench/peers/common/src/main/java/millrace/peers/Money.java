// SPDX-License-Identifier: MIT
package millrace.peers;

import java.math.BigDecimal;
import java.math.RoundingMode;

/** Exact money in millionths, by the rules of millrace/base/decimal.hpp. */
public final class Money {
    private static final long UNIT = 1_000_000;

    private Money() {}

    /** A JSON number's text, rounded half away from zero past the sixth digit. Throws where it does not fit. */
    public static long parse(char[] text, int from, int length) {
        int at = from;
        int end = from + length;
        boolean isNegative = text[at] == '-';
        if (isNegative) ++at;
        if (end - at > 13) return parseAny(text, from, length);
        long micros = 0;
        while (at < end && isDigit(text[at])) micros = micros * 10 + (text[at++] - '0');
        int digits = 0;
        if (at < end && text[at] == '.') {
            for (++at; at < end && isDigit(text[at]); ++digits) micros = micros * 10 + (text[at++] - '0');
        }
        if (at != end || digits > 6) return parseAny(text, from, length);
        for (; digits < 6; ++digits) micros *= 10;
        return isNegative ? -micros : micros;
    }

    /** As a plain JSON number with at least two fraction digits, and no zero at the end past the second. */
    public static void append(StringBuilder out, long micros) {
        if (micros < 0) out.append('-');
        long units = Math.abs(micros / UNIT);
        int rest = (int) Math.abs(micros % UNIT);
        out.append(units).append('.');
        int unit = (int) UNIT / 10;
        for (int digits = 0; digits < 2 || rest > 0; ++digits, unit /= 10) {
            out.append((char) ('0' + rest / unit));
            rest %= unit;
        }
    }

    /** Hundredths of sum / count, half away from zero, as money again. */
    public static long average(long micros, long count) {
        long divisor = count * (UNIT / 100);
        long quotient = micros / divisor;
        long rest = Math.abs(micros % divisor);
        if (rest >= divisor - rest) quotient += micros < 0 ? -1 : 1;
        return quotient * (UNIT / 100);
    }

    private static boolean isDigit(char c) {
        return c >= '0' && c <= '9';
    }

    private static long parseAny(char[] text, int from, int length) {
        return new BigDecimal(text, from, length).setScale(6, RoundingMode.HALF_UP).unscaledValue().longValueExact();
    }
}
