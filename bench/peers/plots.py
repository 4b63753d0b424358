# SPDX-License-Identifier: MIT
"""The results of run.py as plots: bars, in SVG that needs nothing but a browser."""
import html
import statistics

import tables

WIDTH, BAR, GAP, HEAD_ROOM = 900, 18, 26, 48
NAMES = 330  # pixels that names may take
COLOURS = {"millrace": "#2b6cb0", "hand": "#718096", "peer": "#dd6b20"}


def write_all(found, directory):
    rows = [row for row in found if len(row["contenders"]) > 1]
    made = {}
    if any(row["measure"] in ("rate", "processors") for row in rows):
        made["benchmarks-peers-rates.svg"] = rates_plot(rows)
    if any(tables.first_peer(row) for row in rows if row["measure"] == "rate"):
        made["benchmarks-peers.svg"] = advantages_plot(rows)
    for name, drawing in made.items():
        (directory / name).write_text(drawing)
    return [directory / name for name in made]


def advantages_plot(rows):
    """How many times as fast as each peer Millrace is, where rates are compared."""
    groups = []
    for row in rows:
        if row["measure"] != "rate":
            continue
        peers = [each for each in row["contenders"] if each["kind"] == "peer" and not each["scales"]]
        bars = [(each["label"], tables.advantage(row, each), "peer") for each in peers]
        groups.append((row["name"], bars, row["target"][1] if row["target"] else None))
    return drawn("How many times as fast as its peers Millrace is", groups,
                 lambda value: f"{value:.1f}x")


def rates_plot(rows):
    """Millions of records a second; the best is as long as any other contest's best."""
    groups = []
    for row in rows:
        if row["measure"] not in ("rate", "processors"):
            continue
        bars = [(each["label"], statistics.median(tables.shown(row, each)), each["kind"]) for each in row["contenders"]]
        groups.append((f"{row['name']}", bars, None))
    return drawn("Millions of records a second, each contest to a scale of its own", groups,
                 lambda value: tables.rate_text(value), isScaledAlone=True)


def drawn(title, groups, text, isScaledAlone=False):
    """Groups of (name, [(label, value, kind)], target or None) as bars from the left."""
    longest = max(value for _, bars, _ in groups for _, value, _ in bars)
    y, parts = HEAD_ROOM, [words(10, 26, title, size=16, isBold=True)]
    for name, bars, target in groups:
        if not bars:
            continue
        scale = (WIDTH - NAMES - 90) / (max(value for _, value, _ in bars) if isScaledAlone else longest)
        parts.append(words(10, y + 12, name, isBold=True))
        y += BAR + 2
        top = y
        for label, value, kind in bars:
            parts.append(words(NAMES - 8, y + 13, label, anchor="end"))
            parts.append(f'<rect x="{NAMES}" y="{y}" width="{max(value * scale, 1):.1f}" height="{BAR - 4}" '
                         f'fill="{COLOURS[kind]}"/>')
            parts.append(words(NAMES + value * scale + 6, y + 12, text(value)))
            y += BAR
        if target is not None:
            x = NAMES + target * scale
            parts.append(f'<path d="M{x:.1f} {top - 4}V{y}" stroke="#222" stroke-dasharray="3 2"/>')
        y += GAP - BAR
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y + 8}" font-family="sans-serif" '
            f'font-size="12">\n<rect width="100%" height="100%" fill="#fff"/>\n' + "\n".join(parts) + "\n</svg>\n")


def words(x, y, text, size=12, anchor="start", isBold=False):
    weight = ' font-weight="bold"' if isBold else ""
    return f'<text x="{x:.1f}" y="{y}" font-size="{size}" text-anchor="{anchor}"{weight}>{html.escape(text)}</text>'
