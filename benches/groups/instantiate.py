"""What instances cost a C host: creating and deleting one with its store, with and without a pool, and on two threads (instances.h)."""
import statistics

from lib import build
from lib.rounds import Table, alternate, peaks, pick, process

TITLE = "Instantiating"
ABOUT = """Processor time of creating and deleting an instance with its store: the median of a process's repeats after two that
warm up. `pool`: both engines keep memories, tables and stacks for the next instance. `living`: wrt creates and releases
instances in one long-lived store; Wasmtime creates and deletes a store for each."""
ADD = "(func $f{0} (param i32) (result i32) (i32.add (local.get 0) (i32.const {0})))"


def functions(count, elements):
    """`count` functions, and a table with `elements` references to them."""
    return "".join(map(ADD.format, range(count))) + "(table funcref (elem " + " ".join(f"$f{i % count}" for i in range(elements)) + "))"


def data():
    return "(memory 32) (data (i32.const 1024) \"" + "abcdefghijklmnopqrstuvwxyz012345" * (1 << 15) + "\")"


RUN = '(func (export "run") (param i32) (result i32) (local.get 0))'
# Writes to 16 system pages within the data and 16 after it, reads bytes that it did not write, and calls 16 functions through the table.
USE = """(func (export "run") (param i32) (result i32) (local $i i32) (local $sum i32)
  (loop
    (i32.store (i32.add (i32.const 2048) (i32.mul (local.get $i) (i32.const 4096))) (local.get 0))
    (i32.store (i32.add (i32.const 0x180000) (i32.mul (local.get $i) (i32.const 4096))) (local.get 0))
    (local.set $sum (i32.add (local.get $sum) (i32.load (i32.add (i32.const 4000) (i32.mul (local.get $i) (i32.const 4096))))))
    (local.set $sum (i32.add (local.get $sum) (call_indirect (param i32) (result i32) (local.get $i) (local.get $i))))
    (br_if 0 (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 16))))
  (local.get $sum))"""
MODULES = dict(empty=RUN, data=data() + RUN, page="(memory 1)" + RUN, functions=functions(1000, 1000) + data() + RUN,
               used=functions(1000, 1000) + data() + USE, elements=functions(100, 10000) + RUN)
# Line: module, mode of wrt, mode of Wasmtime, whether `run` is called, the number of instances in a measurement, and the target for
# wrt's time over Wasmtime's.
LINES = {
    "empty": ("empty", "plain", "plain", "none", 40000, 1.0),
    "empty, pool": ("empty", "pool", "pool", "none", 40000, 1.0),
    "page": ("page", "plain", "plain", "none", 10000, 1.0),
    "page, pool": ("page", "pool", "pool", "none", 20000, 1.0),
    "data": ("data", "plain", "plain", "none", 8000, 1.0),
    "data, pool": ("data", "pool", "pool", "none", 20000, 1.0),
    "functions and data": ("functions", "plain", "plain", "none", 8000, 1.0),
    "functions and data, pool": ("functions", "pool", "pool", "none", 20000, 1.0),
    "the same, used": ("used", "plain", "plain", "run", 3000, 1.0),
    "the same, used, pool": ("used", "pool", "pool", "run", 5000, 1.0),
    "the same, used, resident": ("used", "pool", "pool_resident", "run", 5000, 1.0),
    "10 000 elements": ("elements", "plain", "plain", "none", 20000, 1.0),
    "10 000 elements, pool": ("elements", "pool", "pool", "none", 20000, 1.0),
}
# wrt in one long-lived store; Wasmtime with a store for each.
LIVING = {
    "living: empty": ("empty", "living", "plain", "none", 40000, 1.0),
    "living: functions and data": ("functions", "living", "plain", "none", 8000, 1.0),
    "living: the same, pool": ("functions", "living_pool", "pool", "none", 20000, 1.0),
}
# Two threads.
SCALING = {"two: " + name: name for name in ("empty", "empty, pool", "functions and data", "functions and data, pool", "the same, used, pool")}
REPEATS, WARM_UP, WANTED, QUIET = 6, 2, 1.7, 1.9
RATIO = "wrt / Wasmtime"


def lines_of(bench, lines, notes, mode):
    """The names in `lines` that this build can run. `mode` returns the mode of a name."""
    names = [name for name in bench.some(lines) if build.has(bench.dist, "wrt_config_set_pool") or "pool" not in mode(name)]
    if len(names) < len(bench.some(lines)):
        notes.append("This build of wrt has no pool: its lines are left out.")
    return names


def command(bench, hosts, engine, line, threads):
    module, mode, peer_mode, call, count, _ = line
    text = build.written(f"instances_{module}.wat", f"(module {MODULES[module]})")
    count = max(count // 100, 10) if bench.quick else count
    return [hosts[engine], text, peer_mode if engine == "Wasmtime" else mode, call, str(count), str(REPEATS), str(threads)]


def times(bench, hosts):
    table = Table("Creating and deleting an instance", "us", {RATIO: ("wrt", ["Wasmtime"])})
    lines = {**LINES, **LIVING}
    for name in lines_of(bench, lines, table.notes, lambda name: lines[name][1]):
        measures = {e: lambda e=e: process(command(bench, hosts, e, lines[name], 1)) for e in hosts}
        rounds = alternate(bench.rounds, measures, table.notes, name)
        figures = pick(rounds, lambda got: statistics.median(got["processor"][WARM_UP:]) / 1000)
        table.add(name, figures, {RATIO: lines[name][-1]}, **peaks(rounds, hosts))
    return table


def quiet(bench, hosts, name, line):
    """How much faster two threads were than one, by engine. A repeat counts if two processors were free for us just before and after
    it, which depends on other work on the machine. If no repeat counts after some tries, this gives up."""
    speeds, tries = {e: [] for e in hosts}, 0
    while min(map(len, speeds.values())) < 4 * bench.rounds and tries < 6 * bench.rounds:
        if tries == bench.rounds and not any(speeds.values()):
            break
        tries += 1
        for engine in sorted(hosts, reverse=tries % 2 == 0):
            got = process(command(bench, hosts, engine, line, 2))
            repeats = list(zip(got["machine"], got["of_one"], got["elapsed"]))[WARM_UP:]
            speeds[engine] += [2 * one / two for machine, one, two in repeats if machine >= QUIET]
    return speeds


def scaling(bench, hosts):
    """Speeds, not ratios of times. They are not in the chart, since greater is better here."""
    table = Table(f"Two threads over one (target for wrt: at least {WANTED})", "times as fast", {}, {})
    for name in lines_of(bench, SCALING, table.notes, lambda name: LINES[SCALING[name]][1]):
        speeds = quiet(bench, hosts, name, LINES[SCALING[name]])
        counted = ", ".join(f"{min(s):.2f} to {max(s):.2f} of {len(s)}" if s else "never quiet" for s in speeds.values())
        middle = {e: statistics.median(s) if s else None for e, s in speeds.items()}
        table.add(name, [middle], **{"range and number of repeats: " + ", ".join(hosts): counted})
    return table


def measure(bench):
    hosts = build.hosts("instances", bench)
    yield times(bench, hosts)
    if not bench.quick:
        yield scaling(bench, hosts)
