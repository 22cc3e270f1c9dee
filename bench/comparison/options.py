"""The command line."""

import argparse
import os
import sys

from . import plan

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
    parser.add_argument("--minutes", type=number(float, 0.1, 600), default=9,
                        help="nothing is repeated when that would take longer (9)")
    parser.add_argument("--repeats", type=number(int, 0, 9), default=2,
                        help="of a measurement that was disturbed, at most (2)")
    parser.add_argument("--cores", type=two_cores, metavar="SERVER,CLIENT",
                        help="(the first two that may be used)")
    parser.add_argument("--bars", action="store_true", help="a bar chart instead of the table")
    parser.add_argument("--json", metavar="FILE", help="every sample")
    parser.add_argument("--html", metavar="FILE", help="a page with charts")
    options = parser.parse_args(arguments)
    allowed = sorted(os.sched_getaffinity(0))
    options.cores = options.cores or [allowed[0], allowed[1 % len(allowed)]]
    return options
