# SPDX-License-Identifier: MIT
"""The three jobs worked out the naive way: every event in memory, every window looked at.

Nothing here is shared with the programs. Rows are made as Python values and compared after
reading the programs' JSON, numbers by their text, so money has to be printed exactly.
"""
import collections
import datetime
import decimal
import json

MICROS = 1_000_000
decimal.getcontext().prec = 200


class Invalid(Exception):
    """A record that breaks a rule; its text says which."""


class Num:
    """A JSON number, by its text."""

    def __init__(self, text):
        self.text = text


def digits(text, start, count):
    part = text[start:start + count]
    if len(part) != count or not (part.isascii() and part.isdigit()):
        raise Invalid("timestamp: digits expected")
    return int(part)


def parse_time(text):
    """Milliseconds since 1970 of an RFC 3339 time."""
    if not isinstance(text, str):
        raise Invalid("timestamp: not a string")
    if len(text) < 20 or text[4] != "-" or text[7] != "-" or text[10] not in "Tt" or text[13] != ":" or text[16] != ":":
        raise Invalid("timestamp: shape")
    fields = [digits(text, at, size) for at, size in ((0, 4), (5, 2), (8, 2), (11, 2), (14, 2), (17, 2))]
    rest = text[19:]
    millis = 0
    if rest.startswith("."):
        length = 1
        while length < len(rest) and rest[length] in "0123456789":
            length += 1
        if not 2 <= length <= 10:
            raise Invalid("timestamp: fraction")
        millis = int(rest[1:length].ljust(3, "0")[:3])
        rest = rest[length:]
    minutes_east = 0
    if rest not in ("Z", "z"):
        if len(rest) != 6 or rest[0] not in "+-" or rest[3] != ":":
            raise Invalid("timestamp: zone")
        hours, minutes = digits(rest, 1, 2), digits(rest, 4, 2)
        if hours > 23 or minutes > 59:
            raise Invalid("timestamp: zone")
        minutes_east = (hours * 60 + minutes) * (-1 if rest[0] == "-" else 1)
    try:
        day = datetime.date(*fields[:3]).toordinal() - datetime.date(1970, 1, 1).toordinal()
        datetime.time(*fields[3:])
    except ValueError as error:
        raise Invalid(f"timestamp: {error}") from None
    minutes = (day * 24 + fields[3]) * 60 + fields[4] - minutes_east
    return (minutes * 60 + fields[5]) * 1000 + millis


def show_time(ms):
    days, of_day = divmod(ms, 86_400_000)
    date = datetime.date.fromordinal(datetime.date(1970, 1, 1).toordinal() + days)
    seconds, millis = divmod(of_day, 1000)
    return f"{date.isoformat()}T{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{millis:03}Z"


def micros_of(number):
    """Millionths, half away from zero; None when they do not fit in 64 bits."""
    exact = decimal.Decimal(number.text)
    if exact and exact.adjusted() > 30:
        return None
    whole = int((abs(exact) * MICROS).to_integral_value(decimal.ROUND_HALF_UP))
    micros = -whole if exact < 0 else whole
    return micros if -2**63 <= micros < 2**63 else None


def show_money(micros):
    whole, part = divmod(micros, MICROS)
    text = f"{part:06}"
    while len(text) > 2 and text.endswith("0"):
        text = text[:-1]
    return f"{whole}.{text}"


def average_cents(micros, count):
    cents, rest = divmod(micros, count * 10_000)
    return cents + (1 if 2 * rest >= count * 10_000 else 0)


def refuse_constant(name):
    raise Invalid(f"{name} is not JSON")


def plain_text(record, name):
    text = record.get(name)
    if not isinstance(text, str) or not text:
        raise Invalid(f"{name}: missing, empty or no string")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Invalid(f"{name}: half a surrogate pair") from None
    return text


class Event:
    def __init__(self, line, wants_money):
        try:
            record = json.loads(line.decode(), parse_int=Num, parse_float=Num, parse_constant=refuse_constant)
        except (ValueError, RecursionError) as error:
            raise Invalid(f"not JSON: {error}") from None
        if not isinstance(record, dict):
            raise Invalid("not an object")
        self.time = parse_time(record.get("timestamp"))
        self.type = plain_text(record, "event_type")
        self.user = plain_text(record, "user_id")
        if not isinstance(record.get("version", ""), str):
            raise Invalid("version: no string")
        data = record.get("data", {})
        if not isinstance(data, dict):
            raise Invalid("data: no object")
        self.buys = self.type == "purchase"
        if self.buys and wants_money:
            self.read_purchase(data)

    def read_purchase(self, data):
        amount, self.currency, self.product = (data.get(name) for name in ("amount", "currency", "product_id"))
        if not isinstance(amount, Num):
            raise Invalid("amount: no number")
        self.micros = micros_of(amount)
        if self.micros is None or self.micros < 0:
            raise Invalid("amount: negative or too large")
        letters = self.currency if isinstance(self.currency, str) else ""
        if len(letters) != 3 or not all("A" <= letter <= "Z" for letter in letters):
            raise Invalid("currency: not three capital letters")
        if self.product is not None and not isinstance(self.product, str):
            raise Invalid("product_id: no string")


def read_events(path, wants_money):
    """The good events in order, and how many records were invalid."""
    events, invalid = [], 0
    with open(path, "rb") as file:
        for line in file.read().split(b"\n"):
            if not line.strip(b" \t\r"):
                continue
            try:
                events.append(Event(line, wants_money))
            except Invalid:
                invalid += 1
    return events, invalid


def starts_of(time, size, slide):
    """Every window start, the slow way: try all multiples of the slide near the time."""
    nearest = time // slide * slide
    reach = size // slide + 2
    candidates = (nearest + step * slide for step in range(-reach, reach + 1))
    return [start for start in candidates if start <= time < start + size]


def number(text):
    return ("number", text)


def window_columns(start, size):
    return [("window_start", show_time(start)), ("window_end", show_time(start + size))]


def count_rows(events, size, slide):
    counts = collections.Counter((start, e.type) for e in events for start in starts_of(e.time, size, slide))
    for (start, kind), count in counts.items():
        yield tuple(window_columns(start, size) + [("event_type", kind), ("count", number(str(count)))])


def top_five(purchases):
    sums = collections.Counter()
    orders = collections.Counter()
    for each in purchases:
        if each.product is not None:
            sums[each.product] += each.micros
            orders[each.product] += 1
    ranked = sorted(orders, key=lambda product: product.encode())
    ranked.sort(key=lambda product: sums[product], reverse=True)
    return [(("product_id", product), ("revenue", number(show_money(sums[product]))),
             ("orders", number(str(orders[product])))) for product in ranked[:5]]


def revenue_rows(events, size, slide):
    groups = {}
    for event in events:
        if event.buys:
            for start in starts_of(event.time, size, slide):
                groups.setdefault((start, event.currency), []).append(event)
    for (start, currency), purchases in groups.items():
        total = sum(each.micros for each in purchases)
        cents = average_cents(total, len(purchases))
        yield tuple(window_columns(start, size) + [
            ("currency", currency), ("revenue", number(show_money(total))), ("orders", number(str(len(purchases)))),
            ("average_order_value", number(f"{cents // 100}.{cents % 100:02}")), ("top_products", tuple(top_five(purchases)))])


def session_row(user, session):
    first, last = session[0].time, session[-1].time
    sums = {}
    for event in session:
        if event.buys:
            sums[event.currency] = sums.get(event.currency, 0) + event.micros
    return (("user_id", user), ("session_start", show_time(first)), ("session_end", show_time(last)),
            ("duration_ms", number(str(last - first))), ("events", number(str(len(session)))),
            ("purchases", number(str(sum(e.buys for e in session)))),
            ("revenue", tuple((c, number(show_money(sums[c]))) for c in sorted(sums))))


def session_rows(events, gap):
    for user in {e.user for e in events}:
        session = []
        for event in sorted((e for e in events if e.user == user), key=lambda e: e.time):
            if session and event.time - session[-1].time > gap:
                yield session_row(user, session)
                session = []
            session.append(event)
        yield session_row(user, session)


def wanted_rows(job, events, size, slide, gap):
    rows = {"event_count": lambda: count_rows(events, size, slide),
            "revenue": lambda: revenue_rows(events, size, slide),
            "sessions": lambda: session_rows(events, gap)}[job]()
    return collections.Counter(rows)


def freeze(value):
    return tuple(freeze(each) for each in value) if isinstance(value, list) else value


def read_row(line):
    """A program's row as the tuples above; members keep their order."""
    return json.loads(line, parse_int=number, parse_float=number,
                      object_pairs_hook=lambda pairs: tuple((name, freeze(value)) for name, value in pairs))


def drop_late(events, size, out_of_orderness):
    """The events left when the watermark follows every single event, and how many were late.

    For tumbling windows and no allowed lateness."""
    watermark, kept = None, []
    for event in events:
        last_of_window = event.time // size * size + size - 1
        if watermark is None or last_of_window > watermark:
            kept.append(event)
        reached = event.time - out_of_orderness - 1
        watermark = reached if watermark is None else max(watermark, reached)
    return kept, len(events) - len(kept)
