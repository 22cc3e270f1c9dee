"""The report as bars in a terminal, at most 80 columns wide."""

import locale
import os
import shutil
import textwrap
from dataclasses import dataclass

from . import plan, report

CLIENT_NAMES = {"headrace": "Our client, over AF_XDP", "kernel": "The kernel's client",
                "nobody": "No client"}
COLOURS = {"reflector": "90", "headrace": "36"}  # grey and cyan; the kernel's are yellow
KERNEL_COLOUR = "33"
EIGHTHS = " ▏▎▍▌▋▊▉"
WIDTH_MAX = 80
NAME_WIDTH = 10
COLUMN_WIDTHS = (11, 9, 9)  # the value, p50, p99
BAR_MIN = 10


@dataclass(frozen=True)
class Look:
    unicode: bool
    colours: bool
    width: int = WIDTH_MAX


def look_of(stream):
    """Python itself takes a bare C locale for UTF-8, unless LC_ALL insists (PEP 538)."""
    charsets = {stream.encoding, locale.nl_langinfo(locale.CODESET)}
    unicode = {name.lower().replace("-", "") for name in charsets} == {"utf8"}
    colours = stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return Look(unicode, colours, min(WIDTH_MAX, shutil.get_terminal_size().columns))


def bar(share, width, look):
    """`share` of `width`, padded; what is there at all shows a little."""
    if not look.unicode:
        return ("#" * max(1, round(share * width))).ljust(width)
    eighths = max(1, round(share * width * 8))
    return ("█" * (eighths // 8) + EIGHTHS[eighths % 8].strip()).ljust(width)


def painted(server, text, look):
    return f"\033[{COLOURS.get(server, KERNEL_COLOUR)}m{text}\033[0m" if look.colours else text


def columns(words):
    return "".join(f"{word:>{width}}" for word, width in zip(words, COLUMN_WIDTHS)).rstrip()


def server_line(row, server, largest, look):
    found, width = row["servers"][server], bar_width(look)
    times = [f"{found['latency_us'][name]:,.1f}" if name in found["latency_us"] else ""
             for name in ("p50", "p99")]
    drawn = bar(found["median"] / largest if largest else 0, width, look)
    value = report.short(found["median"], row["unit"])
    return f"  {server:{NAME_WIDTH}}{painted(server, drawn, look)}{columns([value, *times])}\n"


def bar_width(look):
    return max(BAR_MIN, look.width - 2 - NAME_WIDTH - sum(COLUMN_WIDTHS))


def ratio_text(row):
    words = []
    if row["ratios"].get("of_ceiling"):
        words.append(f"{row['ratios']['of_ceiling']:.2f} of the ceiling")
    if row["ratios"].get("of_kernel"):
        words.append(f"{row['ratios']['of_kernel']:.2f} times the kernel")
    return ": headrace " + ", ".join(words) if words else ""


def row_text(row, look):
    largest = max((found["median"] for found in row["servers"].values()), default=0)
    lines = f"\n{row['name']}{ratio_text(row)}\n"
    lines += "".join(server_line(row, server, largest, look) for server in row["servers"])
    return lines + "".join(f"  {server:{NAME_WIDTH}}failed\n" for server in row["failed"]
                           if server not in row["servers"])


def section_text(name, rows, look):
    less = " (less is better)" if name in plan.LESS_IS_BETTER else ""
    lines = f"\n{plan.SECTIONS[name]}{less}\n"
    unit = plan.UNITS[name].split(",")[0]
    for client in dict.fromkeys(row["client"] for row in rows):
        head = 2 + NAME_WIDTH + bar_width(look)
        lines += f"\n{CLIENT_NAMES[client]:{head}}"
        lines += columns([unit, "p50 µs", "p99 µs"] if client != "nobody" else [unit]) + "\n"
        lines += "".join(row_text(row, look) for row in rows if row["client"] == client)
    return lines


def wrapped(text, look):
    return "".join(textwrap.fill(line, look.width, subsequent_indent="  ") + "\n"
                   for line in text.splitlines())


def text(found, look):
    lines = wrapped("\n".join([*([found["ready"]["headrace"]] if "headrace" in found["ready"] else []),
                               report.how_text(found)]), look)
    for name in plan.SECTIONS:
        rows = [row for row in found["rows"] if row["section"] == name]
        if rows:
            lines += section_text(name, rows, look)
    lines += "\n" + wrapped(report.verified_text(found) + report.quality_text(found) + "\n"
                            + report.error_lines(found)
                            + "Each group of bars has its own scale. The ceiling is the reflector: packets "
                            "on the same rings, with no protocol.", look)
    return lines if look.unicode else lines.replace("µ", "u")
