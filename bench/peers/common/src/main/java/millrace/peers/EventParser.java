// SPDX-License-Identifier: MIT
package millrace.peers;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParseException;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;

/**
 * Reads events with Jackson's streaming parser, and takes and refuses what the example programs do: see
 * docs/reference/formats.md. Strings are made only where a job keeps them.
 */
public final class EventParser {
    /** What a job looks at, besides time and type. */
    public enum Wanted { NOTHING, PURCHASES, USERS_AND_PURCHASES }

    // What became of a member of "data".
    private enum Member { ABSENT, READ, WRONG }

    private static final JsonFactory JSON =
            JsonFactory.builder().disable(JsonFactory.Feature.CHARSET_DETECTION).build(); // it is UTF-8

    private final boolean wantsUser;
    private final boolean wantsPurchase;
    private final Names names = new Names();

    private boolean hasTime;
    private boolean hasUser;
    private Member amount;
    private Member currency;
    private Member product;

    public EventParser(Wanted wanted) {
        wantsUser = wanted == Wanted.USERS_AND_PURCHASES;
        wantsPurchase = wanted != Wanted.NOTHING;
    }

    /** False: the line is not a valid event. */
    public boolean parse(byte[] line, int from, int length, Event event) throws IOException {
        hasTime = hasUser = false;
        event.type = event.user = event.product = event.currency = null;
        amount = currency = product = Member.ABSENT;
        try (JsonParser json = JSON.createParser(line, from, length)) {
            if (json.nextToken() != JsonToken.START_OBJECT) return false;
            for (String name = json.nextFieldName(); name != null; name = json.nextFieldName())
                if (!read(name, json, event)) return false;
            // The whole line has to be one object.
            return json.currentToken() == JsonToken.END_OBJECT && json.nextToken() == null && isWhole(event);
        } catch (JsonParseException wrong) {
            return false;
        }
    }

    private boolean read(String name, JsonParser json, Event event) throws IOException {
        JsonToken value = json.nextToken();
        switch (name) {
            case "timestamp":
                if (value != JsonToken.VALUE_STRING) return false;
                event.time = UtcTime.parse(json.getTextCharacters(), json.getTextOffset(), json.getTextLength());
                hasTime = event.time != UtcTime.NONE;
                return hasTime;
            case "event_type":
                if (value != JsonToken.VALUE_STRING || json.getTextLength() == 0) return false;
                event.type = text(json);
                return true;
            case "user_id":
                if (value != JsonToken.VALUE_STRING || json.getTextLength() == 0) return false;
                if (wantsUser) event.user = json.getText();
                hasUser = true;
                return true;
            case "version":
                return value == JsonToken.VALUE_STRING;
            case "data":
                if (value != JsonToken.START_OBJECT) return false;
                if (wantsPurchase) return readData(json, event);
                json.skipChildren();
                return true;
            default:
                json.skipChildren();
                return true;
        }
    }

    private boolean readData(JsonParser json, Event event) throws IOException {
        for (String name = json.nextFieldName(); name != null; name = json.nextFieldName()) {
            JsonToken value = json.nextToken();
            switch (name) {
                case "amount":
                    amount = value.isNumeric() ? readAmount(json, event) : Member.WRONG;
                    break;
                case "currency":
                    currency = value == JsonToken.VALUE_STRING ? Member.READ : Member.WRONG;
                    if (currency == Member.READ) event.currency = text(json);
                    break;
                case "product_id":
                    product = value == JsonToken.VALUE_STRING ? Member.READ : Member.WRONG;
                    if (product == Member.READ) event.product = text(json);
                    break;
                default:
                    break;
            }
            json.skipChildren();
        }
        return json.currentToken() == JsonToken.END_OBJECT;
    }

    private static Member readAmount(JsonParser json, Event event) throws IOException {
        try {
            event.amount = Money.parse(json.getTextCharacters(), json.getTextOffset(), json.getTextLength());
            return Member.READ;
        } catch (ArithmeticException tooLarge) {
            return Member.WRONG;
        }
    }

    private String text(JsonParser json) throws IOException {
        return names.of(json.getTextCharacters(), json.getTextOffset(), json.getTextLength());
    }

    private boolean isWhole(Event event) {
        if (!hasTime || event.type == null || !hasUser) return false;
        event.isPurchase = event.type.equals("purchase");
        if (!wantsPurchase || !event.isPurchase) return true;
        return amount == Member.READ && event.amount >= 0 && currency == Member.READ && isCurrency(event.currency)
                && product != Member.WRONG;
    }

    private static boolean isCurrency(String text) {
        if (text.length() != 3) return false;
        for (int i = 0; i < 3; ++i) if (text.charAt(i) < 'A' || text.charAt(i) > 'Z') return false;
        return true;
    }
}
