"""The page: one self-contained HTML file with a chart per section."""

import html

from . import plan
from .report import error_lines, quality_text, rounds_text, short

COLOURS = {"reflector": "#9aa5b1", "headrace": "#1583b5", "epoll": "#e07a1f",
           "io_uring": "#b5475b", "busy-poll": "#7b6ba8"}
CLIENT_NAMES = {"headrace": "our client", "kernel": "the kernel's client"}
STYLE = """
:root { color-scheme: light dark; --ink: #1c2733; --paper: #ffffff; --line: #d5dce3; --soft: #5d6b7a; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e4eaf0; --paper: #14191f; --line: #36424e; --soft: #9fb0c0; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
       max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; margin-bottom: .2rem; } h2 { font-size: 1.15rem; margin-top: 2.2rem; }
p.soft, td.soft { color: var(--soft); } svg text { fill: var(--ink); font: 12px system-ui, sans-serif; }
svg .soft { fill: var(--soft); } table { border-collapse: collapse; width: 100%; font-size: 13px; }
th, td { text-align: right; padding: .25rem .5rem; border-bottom: 1px solid var(--line); }
th:first-child, td:first-child { text-align: left; } .scroll { overflow-x: auto; }
.key { display: inline-block; width: .8em; height: .8em; border-radius: 2px; margin: 0 .3em 0 1em; }
"""
LABEL_WIDTH, BAR_WIDTH, BAR_HEIGHT, ROW_GAP = 270, 520, 15, 14
VALUE_WIDTH = 130
SCALE_LEAST = 1  # or one of nothing would look like a lot


def ratio_label(row):
    ratios = row["ratios"]
    return ", ".join(f"{ratios[name]:.2f} {name.replace('_', ' ')}" for name in ("of_ceiling", "of_kernel")
                     if ratios.get(name))


def bars(row, y, largest):
    """The bars of a row, and the y below them."""
    out, unit = [], row["unit"]
    height = BAR_HEIGHT * max(1, len(row["servers"]))
    label = f"{row['name']}, {CLIENT_NAMES[row['client']]}" if row["client"] in CLIENT_NAMES else row["name"]
    ratios = ratio_label(row)
    middle = y + height / 2 + (-3 if ratios else 4)
    out.append(f'<text x="{LABEL_WIDTH - 8}" y="{middle}" text-anchor="end">{html.escape(label)}</text>')
    out.append(f'<text class="soft" x="{LABEL_WIDTH - 8}" y="{middle + 15}" text-anchor="end">{ratios}</text>')
    for server, found in row["servers"].items():
        width = BAR_WIDTH * found["median"] / largest
        low, high = (BAR_WIDTH * found[end] / largest for end in ("low", "high"))
        middle = y + BAR_HEIGHT / 2 - 1
        out.append(f'<rect x="{LABEL_WIDTH}" y="{y}" width="{max(width, 1):.1f}" height="{BAR_HEIGHT - 2}" '
                   f'fill="{COLOURS[server]}"><title>{server}: {short(found["median"], unit)} {unit}, '
                   f'{short(found["low"], unit)} to {short(found["high"], unit)}</title></rect>')
        out.append(f'<line x1="{LABEL_WIDTH + low:.1f}" x2="{LABEL_WIDTH + high:.1f}" y1="{middle}" '
                   f'y2="{middle}" stroke="var(--ink)" stroke-width="1"/>')
        out.append(f'<text class="soft" x="{LABEL_WIDTH + max(width, high) + 6:.1f}" y="{y + 11}">'
                   f'{short(found["median"], unit)}</text>')
        y += BAR_HEIGHT
    return out, y + ROW_GAP


def chart(rows):
    largest = max([SCALE_LEAST] + [found["high"] for row in rows for found in row["servers"].values()])
    parts, y = [], 4
    for row in rows:
        drawn, y = bars(row, y, largest)
        parts += drawn
    width = LABEL_WIDTH + BAR_WIDTH + VALUE_WIDTH
    return (f'<div class="scroll"><svg width="{width}" height="{y}" role="img" '
            f'viewBox="0 0 {width} {y}">{"".join(parts)}</svg></div>')


def legend(rows):
    servers = [server for server in plan.SERVERS if any(server in row["servers"] for row in rows)]
    return "<p>" + "".join(f'<span class="key" style="background:{COLOURS[server]}"></span>{server}'
                           for server in servers) + "</p>"


def percent(value):
    return f"{100 * value:.0f}%"


def ratio_cell(ratio, name):
    late = f" (p99 {ratio[f'p99_{name}']:.2f})" if ratio.get(f"p99_{name}") else ""
    return f"<td>{ratio[name]:.2f}{late}</td>" if ratio.get(name) else "<td></td>"


def table_rows(row):
    for server, found in row["servers"].items():
        latency = found["latency_us"]
        ratio = row["ratios"] if server == "headrace" else {}
        ratio_text = "".join(ratio_cell(ratio, name) for name in ("of_ceiling", "of_kernel"))
        times = "".join(f"<td>{latency[name]:,.1f}</td>" if name in latency else "<td></td>"
                        for name in ("p50", "p99"))
        yield (f"<tr><td>{html.escape(row['name'])}, {row['client']}</td><td>{server}</td>"
               f"<td>{short(found['median'], row['unit'])}</td><td class='soft'>"
               f"{short(found['low'], row['unit'])} to {short(found['high'], row['unit'])}</td>"
               f"{times}<td>{' / '.join(percent(core) for core in found['busy'])}</td>"
               f"{ratio_text}</tr>")


def table(rows):
    head = ("<tr><th>row, client</th><th>server</th><th>median</th><th>lowest to highest</th>"
            "<th>p50 µs</th><th>p99 µs</th><th>busy cores</th><th>of ceiling</th><th>of kernel</th></tr>")
    body = "".join(line for row in rows for line in table_rows(row))
    return f'<details><summary>Numbers</summary><div class="scroll"><table>{head}{body}</table></div></details>'


def troubles(found):
    lines = error_lines(found).splitlines()
    lines += [f"{row['section']}, {row['name']}, client {row['client']}, server {server}: failed"
              for row in found["rows"] for server in row["failed"]]
    if not lines:
        return []
    return ["<h2>Errors of clients</h2><ul>" + "".join(f"<li>{html.escape(line)}</li>" for line in lines)
            + "</ul>"]


def page(found):
    machine = found["machine"]
    out = [f"<!doctype html><html lang='en'><meta charset='utf-8'><meta name='viewport' "
           f"content='width=device-width'><title>Headrace compared</title><style>{STYLE}</style>"
           f"<h1>Headrace compared</h1><p class='soft'>{html.escape(machine['cpu'])}, Linux "
           f"{html.escape(machine['kernel'])}, {machine['date']}. Server on core {found['cores'][0]}, "
           f"client on core {found['cores'][1]}, over veth. Medians of {rounds_text(found)} of "
           f"{found['seconds']:g} s; the thin line is the lowest to the highest round. Longer is "
           "better, but for latency and CPU. “Of ceiling” is Headrace by the reflector, which moves "
           "packets on the same rings with no protocol; “of kernel” is Headrace by the best of the "
           f"kernel's servers.</p><p class='soft'>{html.escape(quality_text(found).rstrip(':'))}</p>"]
    for name, title in plan.SECTIONS.items():
        rows = [row for row in found["rows"] if row["section"] == name]
        if rows:
            title = html.escape(title[0].upper() + title[1:])
            out.append(f"<h2>{title} <small>({plan.unit_text(name)})</small></h2>")
            out += [legend(rows), chart(rows), table(rows)]
    out += troubles(found)
    return "\n".join(out) + "\n</html>\n"
