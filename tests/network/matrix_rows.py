#!/usr/bin/env python3
"""The rows of network/matrix, one a line: client bytes connections chunks end pace mode queues.

usage: matrix_rows.py [--full]

Without --full a covering set: every pair of values of two factors that stands in any
sensible row stands in one of these, which is checked apart from how they were chosen.
"""

import itertools
import random
import sys

ROWS_MAX = 40
SEED = 2

MIB = 1 << 20

FACTORS = {
    "client": ["c", "python", "nc", "socat"],
    "bytes": [1, 100, 1461, 65536, MIB, 64 * MIB],
    "connections": [1, 10, 100, 2000],
    "chunks": ["whole", "random"],
    "end": ["client", "server", "reset"],
    "pace": ["normal", "slow-reader", "slow-writer"],
    "mode": ["native", "generic"],
    "queues": [1, 2],
}

# What is left out, and why.
CONSTRAINTS = {
    "at most 128 MiB in all: more is the same again, for minutes":
        lambda row: row["bytes"] * row["connections"] <= 128 * MIB,
    "nc and socat have a process for each connection: at most 100":
        lambda row: row["client"] in ("c", "python") or row["connections"] <= 100,
    "nc can't be made to reset":
        lambda row: row["client"] != "nc" or row["end"] != "reset",
    "a byte is not sent or read slowly":
        lambda row: row["bytes"] > 1 or row["pace"] == "normal",
}


def sensible_rows():
    for values in itertools.product(*FACTORS.values()):
        row = dict(zip(FACTORS, values))
        if all(holds(row) for holds in CONSTRAINTS.values()):
            yield values


def pairs(row):
    return itertools.combinations(enumerate(row), 2)


def covering_set(rows):
    """Greedy: always a row that adds the most new pairs; equals are drawn."""
    rows = list(rows)
    random.Random(SEED).shuffle(rows)
    missing = {pair for row in rows for pair in pairs(row)}
    chosen = []
    while missing:
        best = max(rows, key=lambda row: sum(pair in missing for pair in pairs(row)))
        missing.difference_update(pairs(best))
        chosen.append(best)
    return chosen


def check(chosen):
    """Every possible pair, found the slow way, stands in a chosen row."""
    rows = list(sensible_rows())
    if len(chosen) > ROWS_MAX:
        sys.exit(f"{len(chosen)} rows are more than {ROWS_MAX}")
    for i, j in itertools.combinations(range(len(FACTORS)), 2):
        possible = {(row[i], row[j]) for row in rows}
        covered = {(row[i], row[j]) for row in chosen}
        if not covered <= possible or not possible <= covered:
            sys.exit(f"not covered, or not sensible: {possible ^ covered}")
    for i, values in enumerate(FACTORS.values()):
        if {row[i] for row in chosen} != set(values):
            sys.exit(f"the constraints leave out a value of {values}")


def main():
    if sys.argv[1:] == ["--full"]:
        rows = list(sensible_rows())
    else:
        rows = covering_set(sensible_rows())
        check(rows)
    for row in sorted(rows, key=lambda row: (row[7], row[6])):
        print(*row)


if __name__ == "__main__":
    main()
