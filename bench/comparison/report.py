"""What was found: medians with their spread, ratios, as a dictionary and as text."""

import platform
import statistics
import time
from dataclasses import asdict

from . import plan
from .measure import DELAY_MAX


def machine():
    model = "unknown"
    with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
        for line in file:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    with open("/proc/sys/net/ipv4/tcp_congestion_control", encoding="ascii") as file:
        control = file.read().strip()
    return {"kernel": platform.release(), "cpu": model, "date": time.strftime("%Y-%m-%d"),
            "congestion_control": control}


def errors_of(samples):
    kinds = {}
    for sample in samples:
        for kind, count in sample.errors_of.items():
            kinds[kind] = kinds.get(kind, 0) + count
    return {kind: count for kind, count in kinds.items() if count}


def summary(samples):
    values = [sample.value for sample in samples]
    middle = {name: statistics.median(sample.latency_us[name] for sample in samples)
              for name in samples[0].latency_us if all(name in s.latency_us for s in samples)}
    return {
        "median": statistics.median(values), "low": min(values), "high": max(values),
        "latency_us": middle,
        "server_cpu": statistics.median(sample.server_cpu for sample in samples),
        "client_cpu": statistics.median(sample.client_cpu for sample in samples),
        "busy": [statistics.median(core) for core in zip(*(sample.busy for sample in samples))],
        "errors": sum(sample.errors for sample in samples),
        "errors_of": errors_of(samples),
        "bytes_verified": sum(sample.bytes_verified for sample in samples),
        "repeated": sum(sample.repeats for sample in samples),
        "disturbed": sum(sample.delay > DELAY_MAX for sample in samples),
        "samples": [asdict(sample) for sample in samples],
    }


def ratios_of(values, best):
    """Ours against the ceiling and against the best of the kernel's."""
    ours, ceiling = values.get("headrace"), values.get("reflector")
    kernel = best((values[name] for name in plan.KERNEL_SERVERS if name in values), default=None)
    return {
        "of_ceiling": ours / ceiling if ours and ceiling else None,
        "of_kernel": ours / kernel if ours and kernel else None,
    }


def ratios(servers, section):
    medians = {name: found["median"] for name, found in servers.items()}
    found = ratios_of(medians, min if section in plan.LESS_IS_BETTER else max)
    if section == "latency":
        late = {name: what["latency_us"]["p99"] for name, what in servers.items()
                if "p99" in what["latency_us"]}
        found |= {f"p99_{name}": ratio for name, ratio in ratios_of(late, min).items()}
    return found


def collect(comparison, minutes):
    options, results, failures = comparison.options, comparison.results, comparison.failures
    rows = []
    for cell in comparison.cells:
        servers = {server: summary(results[(cell, server)]) for server in options.servers
                   if results.get((cell, server))}
        failed = {server: failures[(cell, server)] for server in options.servers
                  if (cell, server) in failures}
        rows.append({"name": cell.name, **asdict(cell), "unit": plan.UNITS[cell.section],
                     "servers": servers, "failed": failed,
                     "ratios": ratios(servers, cell.section) if cell.section != "idle" else {}})
    return {"machine": machine(), "rounds": options.rounds, "seconds": options.seconds,
            "cores": options.cores, "minutes": round(minutes, 2),
            "ready": comparison.ready, "rows": rows}


def short(value, unit):
    if unit == "Gbit/s":
        return f"{value:.2f}"
    if unit.startswith(("%", "µs")):
        return f"{value:.1f}"
    return f"{value:,.0f}"


def cell_text(row, server):
    if server in row["servers"]:
        return short(row["servers"][server]["median"], row["unit"])
    return "failed" if server in row["failed"] else ""


def spread(row):
    ours = row["servers"].get("headrace")
    if not ours or not ours["median"]:
        return ""
    return f"{ours['low'] / ours['median'] * 100:.0f}..{ours['high'] / ours['median'] * 100:.0f}%"


def latency_text(row):
    lines = []
    for server, found in row["servers"].items():
        latency = found["latency_us"]
        if "p50" in latency:
            lines.append(f"{server} p50 {latency['p50']:.1f} p99 {latency['p99']:.1f}")
    late = [f"{row['ratios'][f'p99_{name}']:.2f} {name.replace('_', ' ')}"
            for name in ("of_ceiling", "of_kernel") if row["ratios"].get(f"p99_{name}")]
    lines += [f"headrace's p99 {', '.join(late)}"] if late else []
    return "      us: " + "; ".join(lines) + "\n" if lines else ""


def cores_text(rows):
    """How busy both cores were, with everything that ran there: medians of the rows."""
    words = []
    for server in plan.SERVERS:
        busy = [row["servers"][server]["busy"] for row in rows if server in row["servers"]]
        if busy:
            words.append(f"{server} " + " ".join(f"{100 * statistics.median(core):.0f}%"
                                                 for core in zip(*busy)))
    return f"      busy, server's core and client's: {', '.join(words)}\n" if words else ""


def section_text(name, rows):
    text = f"\n{plan.SECTIONS[name]} ({plan.unit_text(name)})\n"
    head = f"  {'client':9}{'':18}" + "".join(f"{server:>12}" for server in plan.SERVERS)
    text += head + f"{'of ceiling':>12}{'of kernel':>11}{'spread':>12}\n"
    for row in rows:
        text += f"  {row['client']:9}{row['name']:18}"
        text += "".join(f"{cell_text(row, server):>12}" for server in plan.SERVERS)
        for ratio, width in (("of_ceiling", 12), ("of_kernel", 11)):
            value = row["ratios"].get(ratio)
            text += f"{value:{width}.2f}" if value else " " * width
        text += f"{spread(row):>12}\n"
        if name in ("latency", "connect"):
            text += latency_text(row)
    return text + (cores_text(rows) if name != "idle" else "")


def rounds_text(found):
    return "1 round" if found["rounds"] == 1 else f"{found['rounds']} rounds"


def how_text(found):
    machine_is = found["machine"]
    return (f"{machine_is['cpu']}, Linux {machine_is['kernel']}, {machine_is['congestion_control']}, "
            f"{machine_is['date']}; server on core {found['cores'][0]}, client on core "
            f"{found['cores'][1]}; medians of {rounds_text(found)} of {found['seconds']:g} s, "
            f"{found['minutes']:.1f} minutes")


def all_found(found):
    return [(row, server, what) for row in found["rows"] for server, what in row["servers"].items()]


def verified_text(found):
    count = sum(what["bytes_verified"] for _, _, what in all_found(found))
    return f"All {count:,} bytes of the answers were compared with what was sent.\n" if count else ""


def error_lines(found):
    """The cells in which clients had errors, one line each."""
    lines = ""
    for row, server, what in all_found(found):
        if what["errors"]:
            kinds = ", ".join(f"{kind} {count:,}" for kind, count in what["errors_of"].items())
            lines += (f"  {row['section']}, {row['name']}, client {row['client']}, server {server}: "
                      f"{what['errors']:,} errors" + (f" ({kinds})" if kinds else "") + "\n")
    return lines


def quality_text(found):
    servers = [what for _, _, what in all_found(found)]
    repeated, disturbed, errors = (sum(what[name] for what in servers)
                                   for name in ("repeated", "disturbed", "errors"))
    count = sum(len(what["samples"]) for what in servers)
    busy = "The machine had other things to do: measure again when it is quiet. " if 4 * disturbed > count else ""
    return (f"{busy}{repeated} measurements repeated because a program had waited for its core, "
            f"{disturbed} of the {count} that count disturbed all the same; "
            f"{errors:,} errors of clients{':' if errors else '.'}")


def text(found):
    lines = how_text(found) + "\n"
    if "headrace" in found["ready"]:
        lines += f"echo_server: {found['ready']['headrace']}\n"
    for name in plan.SECTIONS:
        rows = [row for row in found["rows"] if row["section"] == name]
        if rows:
            lines += section_text(name, rows)
    return (lines + "\nof ceiling: Headrace by the reflector; of kernel: Headrace by the best of the "
            "kernel's servers; spread: Headrace's lowest and highest round by its median.\n"
            + verified_text(found) + quality_text(found) + "\n" + error_lines(found))
