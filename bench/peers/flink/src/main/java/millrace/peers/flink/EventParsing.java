// SPDX-License-Identifier: MIT
package millrace.peers.flink;

import java.io.IOException;
import java.io.Serializable;
import millrace.peers.Event;
import millrace.peers.EventParser;
import millrace.peers.EventParser.Wanted;
import org.apache.flink.api.connector.source.SourceOutput;

/** Events as a job wants them, parsed into one object for all. */
final class EventParsing<T> implements ParsedLines.Parsing<T> {
    /** Takes from an event what travels on; null: nothing does. */
    interface Selection<T> extends Serializable {
        T of(Event event);
    }

    private static final long serialVersionUID = 1;

    private final Wanted wanted;
    private final Selection<T> selection;

    EventParsing(Wanted wanted, Selection<T> selection) {
        this.wanted = wanted;
        this.selection = selection;
    }

    @Override
    public ParsedLines.Parser<T> open() {
        return new Parser<>(new EventParser(wanted), selection, new Event());
    }

    private record Parser<T>(EventParser parser, Selection<T> selection, Event event) implements ParsedLines.Parser<T> {
        @Override
        public void parse(byte[] buffer, int from, int length, SourceOutput<T> out) throws IOException {
            if (!parser.parse(buffer, from, length, event)) return;
            T selected = selection.of(event);
            if (selected != null) out.collect(selected, event.time);
        }
    }
}
