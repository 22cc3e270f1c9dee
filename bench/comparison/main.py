"""The run: rounds in which all servers take turns."""

import json
import os
import signal
import sys
import time

from . import bars, plan, programs, report
from .measure import measure
from .options import parse
from .page import page
from .place import Place, Refused


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
        self.start = time.monotonic()

    def is_on_time(self):
        """With what is left done without repeats, the run ends as --minutes says."""
        share = self.done / (self.count * self.options.rounds)
        return time.monotonic() - self.start <= share * self.options.minutes * 60

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
                        sample = measure(place, cell, server, running.process, options,
                                         self.is_on_time)
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


def ignore_signals():
    for number_of_signal in SIGNALS:
        signal.signal(number_of_signal, signal.SIG_IGN)


def interrupted(*_):
    ignore_signals()  # who presses a key twice wants it gone all the more
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
        ignore_signals()  # `ip`, which removes it, would hear them too
        for place in places.values():
            place.close()
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{'':78}\r")
    return comparison


def check(options):
    """Refuses before the run what would end it in vain."""
    if os.geteuid() != 0:
        raise Refused("AF_XDP and network namespaces need root: run it with sudo.")
    if not programs.BUILD.is_dir():
        raise Refused("nothing is built: run tests/run --step build --preset release.")
    for file in filter(None, (options.json, options.html)):
        try:
            with open(file, "w", encoding="utf-8"):
                pass
        except OSError as error:
            raise Refused(f"'{file}' can't be written: {error.strerror}.") from error


def write(name, text):
    """The other file is written all the same when there is no room for this one."""
    try:
        with open(name, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        sys.stderr.write(f"compare: '{name}' could not be written: {error.strerror}.\n")
        return False
    return True


def show(found, options):
    """False when a file could not be written."""
    sys.stdout.reconfigure(errors="replace")  # not every terminal has a µ
    sys.stdout.write(bars.text(found, bars.look_of(sys.stdout)) if options.bars else report.text(found))
    written = [write(options.json, json.dumps(found, indent=1)) if options.json else True,
               write(options.html, page(found)) if options.html else True]
    return all(written)


def main(arguments=None):
    options = parse(arguments)
    heed_signals()
    start = time.monotonic()
    try:
        check(options)
        comparison = run(options)
    except KeyboardInterrupt:
        sys.stderr.write("compare: interrupted; what it made is removed.\n")
        return 130
    except Refused as refused:
        sys.stderr.write(f"compare: {refused}\n")
        return 1
    written = show(report.collect(comparison, (time.monotonic() - start) / 60), options)
    return 1 if comparison.failures or not written else 0
