"""One measurement: a client against a server that runs, with what it cost."""

import os
import time
from dataclasses import dataclass, field

from . import programs

# Of the time measured, how long a program may have waited for its core before the
# measurement is repeated.
DELAY_MAX = 0.03
TICK = os.sysconf("SC_CLK_TCK")


@dataclass
class Sample:
    value: float          # in the unit of the cell's section
    server_cpu: float     # of one core
    client_cpu: float
    busy: list            # of each core used, everything that ran there
    delay: float          # of the time, waiting for a core
    latency_us: dict = field(default_factory=dict)
    errors: int = 0
    errors_of: dict = field(default_factory=dict)  # by kind
    bytes_verified: int = 0
    repeats: int = 0


class Times:
    """CPU and waiting time of all threads of a process and its children, in seconds."""

    def __init__(self):
        self.last = {}

    def look(self, pid):
        for task in tasks_of(pid):
            try:
                with open(f"/proc/{task}/schedstat", encoding="ascii") as file:
                    cpu, waited, _ = (int(word) for word in file.read().split())
            except (FileNotFoundError, ProcessLookupError):
                continue
            self.last[task] = (cpu / 1e9, waited / 1e9)

    @property
    def cpu(self):
        return sum(cpu for cpu, _ in self.last.values())

    @property
    def waited(self):
        return sum(waited for _, waited in self.last.values())


def tasks_of(pid):
    """"PID/task/TID" of the process; `ip netns exec` and taskset become the program."""
    try:
        return [f"{pid}/task/{task}" for task in os.listdir(f"/proc/{pid}/task")]
    except FileNotFoundError:
        return []


def busy_ticks(cores):
    rows = {}
    with open("/proc/stat", encoding="ascii") as file:
        for line in file:
            words = line.split()
            if words[0] in [f"cpu{core}" for core in cores]:
                numbers = [int(word) for word in words[1:9]]
                # user nice system idle iowait irq softirq steal
                rows[words[0]] = sum(numbers) - numbers[3] - numbers[4]
    return [rows[f"cpu{core}"] for core in cores]


def value_of(cell, server, report):
    seconds = report["seconds"]
    if seconds <= 0:
        raise programs.Failed(f"a client of {cell.section} measured for no time at all")
    is_bulk = cell.section == "bulk"
    moved = report["bytes_out" if cell.workload == "upload" else "bytes_in"] if is_bulk else 0
    if (moved if is_bulk else report["requests"]) == 0:
        # A latency of 0 would be the best of all.
        raise programs.Failed(f"{server} did nothing for a client of {cell.section}, {cell.name}, "
                              "in the measured time")
    if is_bulk:
        return moved * 8 / seconds / 1e9
    if cell.section == "latency":
        return report["latency_ns"]["p50"] / 1e3
    return report["requests"] / seconds


def verified(cell, server, report):
    """How many bytes were found to be as sent; that it is all of them is not taken on trust."""
    if not cell.verify or (server == "reflector" and cell.workload != "echo"):
        return 0
    came = report["requests"] * cell.size if server == "reflector" else report["bytes_in"]
    right = report["bytes_verified"]
    wrong = report["errors"] if server == "reflector" else report["errors_of"]["data"]
    if came == 0 or right < came or wrong > 0:
        raise programs.Failed(f"of {came:,} bytes from {server} {right:,} were verified, and "
                              f"{wrong:,} answers were wrong")
    return right


def measure_once(place, cell, server, process, options):
    cores = options.cores
    server_times, client_times = Times(), Times()
    server_times.look(process.pid)
    cpu, waited = server_times.cpu, server_times.waited
    ticks, start = busy_ticks(cores), time.monotonic()
    report = programs.run_client(place, cell, server, cores[1], options.seconds,
                                 options.warmup + cell.opening_seconds, client_times.look)
    elapsed = time.monotonic() - start
    server_times.look(process.pid)
    busy = [(after - before) / TICK / elapsed for before, after in zip(ticks, busy_ticks(cores))]
    latency = {name: nanoseconds / 1e3 for name, nanoseconds in report.get("latency_ns", {}).items()}
    return Sample(value=value_of(cell, server, report), server_cpu=(server_times.cpu - cpu) / elapsed,
                  client_cpu=client_times.cpu / elapsed, busy=busy, latency_us=latency,
                  delay=(server_times.waited - waited + client_times.waited) / elapsed,
                  errors=report["errors"], errors_of=report.get("errors_of", {}),
                  bytes_verified=verified(cell, server, report))


def measure_idle(process, cores, seconds):
    times = Times()
    time.sleep(0.5)  # what a server does before it finds that it has nothing to do
    times.look(process.pid)
    cpu, ticks, start = times.cpu, busy_ticks(cores), time.monotonic()
    time.sleep(seconds)
    times.look(process.pid)
    elapsed = time.monotonic() - start
    busy = [(after - before) / TICK / elapsed for before, after in zip(ticks, busy_ticks(cores))]
    used = (times.cpu - cpu) / elapsed
    return Sample(value=100 * used, server_cpu=used, client_cpu=0, busy=busy, delay=0)


def measure(place, cell, server, process, options, may_repeat):
    """Again while something else had the cores, and may_repeat(); the quietest counts."""
    if cell.workload == "idle":
        return measure_idle(process, options.cores, options.seconds)
    best = None
    for repeats in range(options.repeats + 1):
        sample = measure_once(place, cell, server, process, options)
        if best is None or sample.delay < best.delay:
            best = sample
        best.repeats = repeats
        if best.delay <= DELAY_MAX or not may_repeat():
            break
    return best
