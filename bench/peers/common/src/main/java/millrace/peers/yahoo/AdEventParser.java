// SPDX-License-Identifier: MIT
package millrace.peers.yahoo;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParseException;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import millrace.peers.Names;

/** Reads the events of the Yahoo Streaming Benchmark with Jackson's streaming parser. */
public final class AdEventParser {
    private static final JsonFactory JSON =
            JsonFactory.builder().disable(JsonFactory.Feature.CHARSET_DETECTION).build(); // it is UTF-8

    private final Names names = new Names();

    /** False: the line is not a valid event. */
    public boolean parse(byte[] line, int from, int length, AdEvent event) throws IOException {
        int found = 0;
        try (JsonParser json = JSON.createParser(line, from, length)) {
            if (json.nextToken() != JsonToken.START_OBJECT) return false;
            for (String name = json.nextFieldName(); name != null; name = json.nextFieldName()) {
                JsonToken value = json.nextToken();
                switch (name) {
                    case "ad_id":
                        if (value != JsonToken.VALUE_STRING) return false;
                        event.ad = names.of(json.getTextCharacters(), json.getTextOffset(), json.getTextLength());
                        ++found;
                        break;
                    case "event_type":
                        if (value != JsonToken.VALUE_STRING) return false;
                        event.isView = isView(json);
                        ++found;
                        break;
                    case "event_time":
                        if (value != JsonToken.VALUE_STRING || !readTime(json, event)) return false;
                        ++found;
                        break;
                    default:
                        json.skipChildren();
                        break;
                }
            }
            return found == 3 && json.currentToken() == JsonToken.END_OBJECT && json.nextToken() == null;
        } catch (JsonParseException wrong) {
            return false;
        }
    }

    private static boolean isView(JsonParser json) throws IOException {
        char[] text = json.getTextCharacters();
        int from = json.getTextOffset();
        return json.getTextLength() == 4 && text[from] == 'v' && text[from + 1] == 'i' && text[from + 2] == 'e'
                && text[from + 3] == 'w';
    }

    private static boolean readTime(JsonParser json, AdEvent event) throws IOException {
        char[] text = json.getTextCharacters();
        int from = json.getTextOffset();
        int end = from + json.getTextLength();
        if (from == end || end - from > 18) return false;
        long time = 0;
        for (int i = from; i < end; ++i) {
            if (text[i] < '0' || text[i] > '9') return false;
            time = time * 10 + (text[i] - '0');
        }
        event.time = time;
        return true;
    }
}
