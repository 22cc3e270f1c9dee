#!/usr/bin/env python3
"""holds.py FOLDER EXPRESSION...: whether all are true of what the programs have reported.

Names in an expression: `load` and `driver` are what load and the driving reflector have
written into load.json and driver.json of the folder, `link` what the emulated line has into
link.json, `kernel` what ecn_peer of tests/guest has into kernel.json, `report` what the
server has into server.json, `workers` its workers and `server` their sums. None: there is
nothing yet.
"""

import json
import os
import sys


def read(folder, name):
    path = os.path.join(folder, name + ".json")
    if not os.path.exists(path) or os.path.getsize(path) == 0:
        return None
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def main():
    folder, *expressions = sys.argv[1:]
    names = {"load": read(folder, "load"), "driver": read(folder, "driver"),
             "link": read(folder, "link"), "kernel": read(folder, "kernel"),
             "report": read(folder, "server"), "workers": None, "server": None}
    if names["report"]:
        names["workers"] = names["report"]["workers"]
        names["server"] = {name: sum(worker[name] for worker in names["workers"])
                           for name in names["workers"][0]}
    wrong = [text for text in expressions if not eval(text, dict(names))]
    for text in expressions:
        print(text, "is not so" if text in wrong else "")
    if wrong:
        sys.exit(f"load {names['load']}\ndriver {names['driver']}\nserver {names['report']}")


if __name__ == "__main__":
    main()
