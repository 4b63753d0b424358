# SPDX-License-Identifier: MIT
"""Makes files of events that are as awkward as the rules allow, and a little more so."""
import json
import random

import oracle

KINDS = ["page_view", "button_click", "purchase", "purchase", "search", "login", "größe", "日本", 'a"b\\c', "a\tb", "\u0001", " ", "purchase ",
         "Purchase", "𝄞", "\u2028", "/slash/", "true", "0"]
AMOUNTS = ["0", "-0", "0.0", "-0.0000001", "99.99", "1e2", "1.5E1", "1E-6", "5e-7", "4.9e-7", "12.3456785", "0.0000005", "19.999999", "900", "1.10",
           "123456.654321", "1.000000499999999999999999", "2.50e+1", "0e99", "1000000", "7.0000004999"]
BAD_AMOUNTS = ["-1", "-0.0000005", '"12.50"', "null", "true", "[]", "{}", "1e30", "99999999999999999999", "9223372036854.775808"]
CURRENCIES = ["USD", "USD", "EUR", "JPY", "AAA", "ZZZ"]
BAD_CURRENCIES = ['"usd"', '"US"', '"USDX"', '""', "5", "null", '"U D"', '"ÜSD"', "[]", '"US\\u0000"']
BROKEN = [b"not json", b"[]", b"42", b"null", b'"text"', b"{", b"}", b"{}", b'{"a":1}', b"\xff\xfe", b"\x00", b"{\x00}", b"\xef\xbb\xbf{}", b"nul", b"{'a':1}",
          b"\x0b", b"{}{}", b"//"]
BAD_TIMES = ["", "yesterday", "2025-12-12", "2025-12-12 10:30:00Z", "2025-12-12T10:30:00", "2025-12-12T10:30Z", "2025-02-30T00:00:00Z", "2025-13-01T00:00:00Z",
             "2025-00-01T00:00:00Z", "2025-12-00T00:00:00Z", "2025-12-12T24:00:00Z", "2025-12-12T10:60:00Z", "2025-12-12T23:59:60Z", "2025-12-12T10:30:00.Z",
             "2025-12-12T10:30:00.1234567890Z", "2025-12-12T10:30:00+5:30", "2025-12-12T10:30:00+0530", "2025-12-12T10:30:00+24:00", "2025-12-12T10:30:00+05:60",
             "2025-12-12T10:30:00ZZ", " 2025-12-12T10:30:00Z", "2025-12-12T10:30:00Z ", "2025-02-29T00:00:00Z", "1900-02-29T00:00:00Z", "0000-01-01T00:00:00Z",
             "+2025-12-12T10:30:00Z", "2025-12-12T10:30:00,5Z", "٢٠٢٥-12-12T10:30:00Z", "2025-1-12T10:30:00Z"]
STRANGERS = ['null', '[1,[2,[3,{"timestamp":"x"}]]]', '{"event_type":7}', '-1.5e-300', '1e400', '123456789012345678901234567890', '"\\ud800"', '"\\u0000"', '""', 'false',
             '"\\"}{"', '[]', '{}', '"/\\/\\b\\f\\n\\r\\t"']


class Maker:
    def __init__(self, seed, users, base, step, disorder, bad):
        self.rng = random.Random(seed)
        self.users, self.base, self.step, self.disorder, self.bad = users, base, step, disorder, bad

    def text(self, value):
        """`value` as a JSON string, escaped in one of the many ways."""
        style = self.rng.random()
        if style < 0.1:
            units = value.encode("utf-16-be")
            return '"' + "".join(f"\\u{units[i]:02x}{units[i + 1]:02X}" for i in range(0, len(units), 2)) + '"'
        return json.dumps(value, ensure_ascii=style < 0.5)

    def name(self, value):
        return self.text(value) if self.rng.random() < 0.1 else f'"{value}"'

    def space(self):
        return self.rng.choice(["", "", "", "", " ", "\t", "  \t ", "\r"])

    def time_text(self, ms):
        rng = self.rng
        if rng.random() < 0.6:
            return oracle.show_time(ms)
        if rng.random() < 0.3 and ms % 1000 == 0:
            text = oracle.show_time(ms)[:-5]
            return text + rng.choice(["Z", "z", "+00:00", "-00:00", ".0Z", ".000000000Z"])
        offset = rng.choice([0, 330, -210, 840, -720, 1439, -1439, 1])
        text = oracle.show_time(ms + offset * 60_000)[:-1] + "".join(rng.choice("0123456789") for _ in range(rng.randrange(7)))
        if rng.random() < 0.3:
            text = text.replace("T", "t")
        sign = "-" if offset < 0 else "+"
        return text + f"{sign}{abs(offset) // 60:02}:{abs(offset) % 60:02}"

    def purchase(self):
        rng, members = self.rng, []
        amount = rng.choice(BAD_AMOUNTS) if rng.random() < self.bad else rng.choice(AMOUNTS)
        currency = rng.choice(BAD_CURRENCIES) if rng.random() < self.bad else self.text(rng.choice(CURRENCIES))
        if rng.random() > self.bad:
            members.append(("amount", amount))
        if rng.random() > self.bad:
            members.append(("currency", currency))
        product = rng.random()
        if product < self.bad / 2:
            members.append(("product_id", rng.choice(["5", "true", "[]", "{}"])))
        elif product < 0.1:
            members.append(("product_id", rng.choice(["null", '""'])))
        elif product < 0.9:
            members.append(("product_id", self.text(rng.choice(["p1", "p2", "p10", "P1", "é", "日", "𝄞", "\uffee", "a b", '"', "p3", "p4", "p5"]))))
        return members

    def object(self, members):
        rng = self.rng
        if rng.random() < 0.3:
            members = members + [(f"x{rng.randrange(5)}", rng.choice(STRANGERS))]
        if rng.random() < 0.3:
            rng.shuffle(members)
        body = ",".join(f"{self.space()}{self.name(n)}{self.space()}:{self.space()}{v}{self.space()}" for n, v in members)
        return "{" + body + "}"

    def event(self, index):
        rng = self.rng
        kind = rng.choice(KINDS)
        time = self.base + index * self.step - rng.randrange(self.disorder + 1)
        data = self.purchase() if kind == "purchase" or rng.random() < 0.1 else []
        members = [("timestamp", self.text(self.time_text(time))), ("event_type", self.text(kind)),
                   ("user_id", self.text(f"user_{rng.randrange(self.users)}" if rng.random() < 0.95 else "ü\u0007"))]
        if rng.random() < 0.8:
            members.append(("version", rng.choice(['"1.0"', '"2"', '""'])))
        if data or rng.random() < 0.5:
            members.append(("data", self.object(data)))
        if rng.random() < self.bad:
            members = self.spoil(members)
        line = self.space() + self.object(members) + self.space()
        if rng.random() < self.bad / 4:
            line += rng.choice(["x", "{}", ",", "]", '"'])
        if rng.random() < self.bad / 4:
            line = line[:rng.randrange(1, len(line))]
        return line.encode()

    def spoil(self, members):
        at = self.rng.randrange(len(members))
        name = members[at][0]
        if self.rng.random() < 0.3:
            return members[:at] + members[at + 1:]
        worse = {"timestamp": self.text(self.rng.choice(BAD_TIMES)), "event_type": self.rng.choice(['""', "7", "null", '"\\ud800"', "[]"]),
                 "user_id": self.rng.choice(['""', "1", "null", "{}"]), "version": self.rng.choice(["1.0", "null", "[]"]),
                 "data": self.rng.choice(["null", "[]", '"{}"', "0"])}[name]
        return members[:at] + [(name, worse)] + members[at + 1:]

    def lines(self, count):
        rng = self.rng
        for index in range(count):
            if rng.random() < self.bad / 2:
                yield rng.choice(BROKEN)
            if rng.random() < 0.03:
                yield rng.choice([b"", b" ", b"\t \t", b"\r"])
            yield self.event(index)


def write(path, seed, count, users=20, base="2025-12-12T00:00:00.000Z", step=250, disorder=3000, bad=0.1):
    """A file of `count` events and what comes between them; the last line may lack its end."""
    maker = Maker(seed, users, oracle.parse_time(base), step, disorder, bad)
    ends = random.Random(seed + 1)
    with open(path, "wb") as file:
        for line in maker.lines(count):
            file.write(line + ends.choice([b"\n", b"\n", b"\n", b"\r\n"]))
        if seed % 2:
            file.write(maker.event(count))
