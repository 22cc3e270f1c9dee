"""The command line, and the run: rounds in which all servers take turns."""

import argparse
import json
import os
import signal
import sys
import time

from . import bars, plan, programs, report
from .measure import measure
from .page import page
from .place import Place, Refused

EPILOG = """The default takes under ten minutes on two cores. A cell is measured in every round,
the servers one after the other, so that what changes on the machine meets all of them.
Both sides are pinned and spin; only "idle" lets a server sleep."""


def words_of(choices):
    def parse(text):
        words = [word for word in text.split(",") if word]
        for word in words:
            if word not in choices:
                raise argparse.ArgumentTypeError(f"'{word}' is none of {', '.join(choices)}")
        return words or list(choices)
    return parse


def number(kind, least, most):
    def parse(text):
        try:
            value = kind(text)
        except ValueError:
            value = None
        if value is None or not least <= value <= most:
            raise argparse.ArgumentTypeError(f"'{text}' is no number from {least} to {most}")
        return value
    return parse


def numbers(kind, least, most):
    return lambda text: [number(kind, least, most)(word) for word in text.split(",")]


def two_cores(text):
    cores = text.split(",")
    if len(cores) != 2 or len(set(cores)) != 2 or not all(core.isdecimal() for core in cores):
        raise argparse.ArgumentTypeError(f"'{text}' is not two cores, as 0,1")
    for core in cores:
        if int(core) not in os.sched_getaffinity(0):
            raise argparse.ArgumentTypeError(f"core {core} is not one that this process may use: "
                                             "see 'taskset -p $$'")
    return [int(core) for core in cores]


def parse(arguments):
    parser = argparse.ArgumentParser(prog="compare", description=sys.modules["__main__"].__doc__,
                                     epilog=EPILOG, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--sections", type=words_of(plan.SECTIONS), default=list(plan.SECTIONS),
                        metavar="LIST", help="some of " + ",".join(plan.SECTIONS))
    parser.add_argument("--servers", type=words_of(plan.SERVERS), default=list(plan.SERVERS),
                        metavar="LIST", help="some of " + ",".join(plan.SERVERS))
    parser.add_argument("--clients", type=words_of(plan.CLIENTS), default=list(plan.CLIENTS),
                        metavar="LIST", help="some of " + ",".join(plan.CLIENTS))
    parser.add_argument("--all", action="store_true", help="all connections, sizes and losses")
    parser.add_argument("--connections", type=numbers(int, 1, 10000), default=[], metavar="LIST",
                        help="of the section echo (1,64,1000)")
    parser.add_argument("--verify", action="store_true",
                        help="clients compare every byte that comes back; one wrong, or not compared,\n"
                             "fails the cell")
    parser.add_argument("--rounds", type=number(int, 1, 99), default=5, help="(5)")
    parser.add_argument("--seconds", type=number(float, 0.1, 60), default=0.5,
                        help="of each measurement (0.5)")
    parser.add_argument("--warmup", type=number(float, 0, 10), default=0.2, help="before it (0.2)")
    parser.add_argument("--repeats", type=number(int, 0, 9), default=2,
                        help="of a measurement that was disturbed, at most (2)")
    parser.add_argument("--cores", type=two_cores, metavar="SERVER,CLIENT",
                        help="(the first two that may be used)")
    parser.add_argument("--bars", action="store_true", help="a bar chart instead of the table")
    parser.add_argument("--json", metavar="FILE", help="every sample")
    parser.add_argument("--html", metavar="FILE", help="a page with charts")
    return parser.parse_args(arguments)


def groups(cells):
    """{Serving: cells}"""
    table = {}
    for cell in cells:
        table.setdefault(cell.serving, []).append(cell)
    return table


class Run:
    def __init__(self, options):
        self.options = options
        self.cells = plan.cells(options.sections, options.clients, options.all,
                                options.connections, options.verify)
        self.results = {}  # {(cell, server): [Sample]}
        self.failures = {}
        self.ready = {}  # {server: its line}
        self.count = sum(len(cell.servers(options.servers)) for cell in self.cells)
        self.done = 0

    def progress(self, text):
        self.done += 1
        line = f"{self.done} of {self.count * self.options.rounds}: {text}"
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{line[:78]:78}")
            sys.stderr.flush()

    def fail(self, cell, server, failure):
        if str(failure) not in self.failures.values():
            sys.stderr.write(f"\ncompare: {failure}\n")
        self.failures.setdefault((cell, server), str(failure))

    def serve(self, place, server, cells, serving):
        cores, options = self.options.cores, self.options
        try:
            with programs.Server(place, server, cores[0], serving) as running:
                self.ready.setdefault(server, running.ready)
                for cell in cells:
                    self.progress(f"{server}, {cell.section}, {cell.client}, {cell.name}")
                    if place.lossy:
                        place.lose(cell.loss_percent)
                    try:
                        sample = measure(place, cell, server, running.process, options)
                        self.results.setdefault((cell, server), []).append(sample)
                    except programs.Failed as failure:
                        self.fail(cell, server, failure)
        except programs.Failed as failure:
            for cell in cells:
                self.fail(cell, server, failure)

    def round(self, places, number_of_round):
        servers = self.options.servers
        turn = number_of_round % len(servers)
        for serving, cells in groups(self.cells).items():
            for server in servers[turn:] + servers[:turn]:
                standing = [cell for cell in cells if server in cell.servers(servers)]
                if standing:
                    self.serve(places[serving.is_lossy], server, standing, serving)


SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def interrupted(*_):
    for number_of_signal in SIGNALS:  # who presses a key twice wants it gone all the more
        signal.signal(number_of_signal, signal.SIG_IGN)
    raise KeyboardInterrupt


def heed_signals():
    for number_of_signal in SIGNALS:
        if signal.getsignal(number_of_signal) != signal.SIG_IGN:
            signal.signal(number_of_signal, interrupted)


def run(options):
    comparison = Run(options)
    places = {}
    try:
        for lossy in sorted({serving.is_lossy for serving in groups(comparison.cells)}):
            places[lossy] = Place(lossy)
            places[lossy].open()
        for number_of_round in range(options.rounds):
            comparison.round(places, number_of_round)
    finally:
        for place in places.values():
            place.close()
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{'':78}\r")
    return comparison


def main(arguments=None):
    options = parse(arguments)
    allowed = sorted(os.sched_getaffinity(0))
    options.cores = options.cores or [allowed[0], allowed[1 % len(allowed)]]
    if os.geteuid() != 0:
        sys.stderr.write("compare: AF_XDP and network namespaces need root: run it with sudo.\n")
        return 1
    if not programs.BUILD.is_dir():
        sys.stderr.write("compare: nothing is built: run tests/run --step build --preset release.\n")
        return 1
    for name in ("json", "html"):
        file = getattr(options, name)
        if file:
            try:
                with open(file, "w", encoding="utf-8"):
                    pass
            except OSError as error:
                sys.stderr.write(f"compare: '{file}' can't be written: {error.strerror}.\n")
                return 1
    heed_signals()
    start = time.monotonic()
    try:
        comparison = run(options)
    except KeyboardInterrupt:
        sys.stderr.write("compare: interrupted; what it made is removed.\n")
        return 130
    except Refused as refused:
        sys.stderr.write(f"compare: {refused}\n")
        return 1
    minutes = (time.monotonic() - start) / 60
    found = report.collect(comparison, minutes)
    sys.stdout.reconfigure(errors="replace")  # not every terminal has a µ
    sys.stdout.write(bars.text(found, bars.look_of(sys.stdout)) if options.bars else report.text(found))
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(found, file, indent=1)
    if options.html:
        with open(options.html, "w", encoding="utf-8") as file:
            file.write(page(found))
    return 1 if comparison.failures else 0
