#!/usr/bin/env python3
"""Compares what instances cost a host in C: wrt, and Wasmtime's C API. Processor time of making and dropping one with its
store, with and without a pool in both; and how much faster two threads are than one (instances.h).

usage: instantiate.py DIST [--rounds N] [--only line,line] [--peers DIR] [--other NAME=DIST]     (make bench-instantiate)
Peers are kept in target/bench, or DIR: the folders include and wheel (run.py). --other measures another build of wrt as well.
"""
import argparse, json, os, statistics, sys

sys.dont_write_bytecode = True
import run  # beside this file: no cache of it in the tree

HERE = os.path.dirname(os.path.abspath(__file__))
ADD = "(func $f{0} (param i32) (result i32) (i32.add (local.get 0) (i32.const {0})))"


def functions(count, elements):
    """`count` functions, and a table with `elements` references to them."""
    return "".join(map(ADD.format, range(count))) + "(table funcref (elem " + " ".join(f"$f{i % count}" for i in range(elements)) + "))"


def data():
    return "(memory 32) (data (i32.const 1024) \"" + "abcdefghijklmnopqrstuvwxyz012345" * (1 << 15) + "\")"


RUN = '(func (export "run") (param i32) (result i32) (local.get 0))'
# Writes to 16 pages of the system in the data and 16 behind it, reads what it did not write, calls 16 functions through the table.
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
# Line: module, mode of wrt, mode of Wasmtime, whether `run` is called, how many instances are a measurement, and what wrt's time over
# Wasmtime's should be.
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
# In a store that stays, over a store for each in Wasmtime.
LIVING = {
    "living: empty": ("empty", "living", "plain", "none", 40000, 1.0),
    "living: functions and data": ("functions", "living", "plain", "none", 8000, 1.0),
    "living: the same, pool": ("functions", "living_pool", "pool", "none", 20000, 1.0),
}
# Threads, and how much faster they should be than one.
SCALING = {"two: " + name: name for name in ("empty", "empty, pool", "functions and data", "functions and data, pool", "the same, used, pool")}
REPEATS, WARM_UP, WANTED, QUIET = 6, 2, 1.7, 1.9


def build(name, include, library, as_name=None, flags=()):
    out = os.path.join(run.OUT, "instances_" + (as_name or name))
    with open(os.path.join(include, f"{name}.h")) as f:
        flags = [*flags, "-DHAVE_POOL"] if "wrt_config_set_pool" in f.read() else [*flags]
    run.sh("cc", "-std=gnu11", "-O2", "-w", *flags, "-I" + include, os.path.join(HERE, f"instances_{name}.c"), library, "-lpthread",
           "-Wl,-rpath," + os.path.dirname(library), "-o", out)
    return out


def wat(name):
    out = os.path.join(run.OUT, f"instances_{name}.wat")
    with open(out, "w") as f:
        f.write(f"(module {MODULES[name]})")
    return out


def measure(host, name, mode, call, count, threads):
    return json.loads(run.sh(host, wat(name), mode, call, str(count), str(REPEATS), str(threads)))


def spread(values):
    return f"{statistics.median(values):8.3f}  ({min(values):.3f} to {max(values):.3f})"


def in_turn(hosts, i):
    """Who is first changes, so that what slows the machine down for a while does not always meet the same one."""
    return sorted(hosts, reverse=i % 2 == 0)


def compare(hosts, name, line, rounds):
    module, mode, peer_mode, call, count, wanted = line
    times, peaks, ratios = {e: [] for e in hosts}, {e: [] for e in hosts}, {e: [] for e in hosts if e != "wasmtime"}
    for i in range(rounds):
        results = set()
        for engine in in_turn(hosts, i):
            got = measure(hosts[engine], module, peer_mode if engine == "wasmtime" else mode, call, count, 1)
            times[engine].append(statistics.median(got["processor"][WARM_UP:]) / 1000)
            peaks[engine].append(got["peak_kib"] / 1024)
            results.add(got["result"])
        if len(results) != 1:
            sys.exit(f"{name}: the engines' results differ: {results}")
        for engine in ratios:
            ratios[engine].append(times[engine][-1] / times["wasmtime"][-1])
    us = "".join(f"{statistics.median(t):11.2f}" for t in times.values())
    mib = "".join(f"{max(p):9.1f}" for p in peaks.values())
    print(f"{name:<28}{us}" + "".join(map(spread, ratios.values())) + ("  ok " if statistics.median(ratios["wrt"]) <= wanted else "  no ") + mib, flush=True)


def scale(hosts, name, line, rounds):
    """A repeat counts if the machine had two processors for us just before and after it."""
    module, mode, peer_mode, call, count, _ = line
    speeds, tries = {e: [] for e in hosts}, 0
    while min(map(len, speeds.values())) < 4 * rounds and tries < 6 * rounds:
        tries += 1
        for engine in in_turn(hosts, tries):
            got = measure(hosts[engine], module, peer_mode if engine == "wasmtime" else mode, call, count, 2)
            repeats = list(zip(got["machine"], got["of_one"], got["elapsed"]))[WARM_UP:]
            speeds[engine] += [2 * one / two for machine, one, two in repeats if machine >= QUIET]
    cells = "".join(spread(s) + f" of {len(s):<4}" if s else "    the machine was never quiet" for s in speeds.values())
    print(f"{name:<36}" + cells + ("  ok" if speeds["wrt"] and statistics.median(speeds["wrt"]) >= WANTED else "  no"), flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("dist")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", default=";".join([*LINES, *LIVING, *SCALING]), help="lines, with semicolons between them")
    parser.add_argument("--peers", default=run.OUT)
    parser.add_argument("--other", action="append", default=[])
    args = parser.parse_args()
    run.OUT = os.path.abspath(args.peers)
    os.makedirs(run.OUT, exist_ok=True)
    wrt = lambda dist: (os.path.join(os.path.abspath(dist), "include"), os.path.join(os.path.abspath(dist), "lib", "libwrt.so"))
    hosts = {"wrt": build("wrt", *wrt(args.dist))}
    for name, dist in (o.split("=", 1) for o in args.other):
        hosts[name] = build("wrt", *wrt(dist), as_name=name)
    hosts["wasmtime"] = build("wasmtime", run.peer_headers(), run.peer_library())
    only = args.only.split(";")
    print(f"{'processor us':<28}" + "".join(f"{e:>11}" for e in hosts) + "   ratio to Wasmtime (least to greatest), peak MiB", flush=True)
    for name, line in [*LINES.items(), *LIVING.items()]:
        if name in only:
            compare(hosts, name, line, args.rounds)
    print(f"\n{'two threads over one: ' + ', '.join(hosts):<36}", flush=True)
    for name, of in SCALING.items():
        if name in only:
            scale(hosts, name, LINES[of], args.rounds)


if __name__ == "__main__":
    main()
