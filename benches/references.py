#!/usr/bin/env python3
"""Compares what references and calls cost a host in C: wrt, and Wasmtime's C API. Processor time of one operation (refs.h).

usage: references.py DIST [--rounds N] [--only name,name] [--peers DIR]     (make bench-references)
Peers are kept in target/bench, or DIR: the folders include and wheel (run.py).
"""
import argparse, json, os, statistics, sys

sys.dont_write_bytecode = True
import run  # beside this file: no cache of it in the tree

HERE = os.path.dirname(os.path.abspath(__file__))
# Line: how many operations make a measurement, and what wrt's time over Wasmtime's should be.
LINES = dict(new_set_release=(1000000, 0.15), get_release=(1000000, 0.15), call_ref=(1000000, 0.15), call_checked=(2000000, 0.25),
             host_checked=(2000000, 0.6), call_unchecked=(3000000, 0.75), host_unchecked=(3000000, 0.75), instances=(20000, 1.0),
             instances_memory=(10000, 1.0))
REPEATS, WARM_UP = 5, 1


def build(name, include, library):
    out = os.path.join(run.OUT, "refs_" + name)
    with open(os.path.join(include, f"{name}.h")) as f:
        flags = ["-DHAVE_RELEASE"] if "wrt_instance_release" in f.read() else []
    run.sh("cc", "-std=gnu11", "-O2", "-w", *flags, "-I" + include, os.path.join(HERE, f"refs_{name}.c"), library,
           "-Wl,-rpath," + os.path.dirname(library), "-o", out)
    return out


def measure(host, name):
    """The mean of the repeats, not the least: collections are not in all of them."""
    line = json.loads(run.sh(host, name, str(LINES[name][0]), str(REPEATS)))
    return statistics.mean(line["ns"][WARM_UP:]), line["peak_kib"] / 1024, line["result"]


def compare(hosts, name, rounds):
    times, peaks, ratios = {e: [] for e in hosts}, {e: [] for e in hosts}, []
    for i in range(rounds):
        results = set()
        # Who is first changes, so that what slows the machine down for a while does not always meet the same one.
        for engine in sorted(hosts, reverse=i % 2 == 0):
            ns, mib, result = measure(hosts[engine], name)
            times[engine].append(ns)
            peaks[engine].append(mib)
            results.add(result)
        if len(results) != 1:
            sys.exit(f"{name}: the engines' results differ: {results}")
        ratios.append(times["wrt"][-1] / times["wasmtime"][-1])
    ns = "".join(f"{statistics.median(t):12.1f}" for t in times.values())
    mib = "".join(f"{max(p):10.1f}" for p in peaks.values())
    ratio = statistics.median(ratios)
    print(f"{name:<18}{ns}{ratio:9.3f}  ({min(ratios):.3f} to {max(ratios):.3f}){LINES[name][1]:8.2f} {'ok ' if ratio <= LINES[name][1] else 'no '}{mib}",
          flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("dist")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", default=",".join(LINES))
    parser.add_argument("--peers", default=run.OUT)
    args = parser.parse_args()
    run.OUT = os.path.abspath(args.peers)
    os.makedirs(run.OUT, exist_ok=True)
    dist = os.path.abspath(args.dist)
    hosts = {"wrt": build("wrt", os.path.join(dist, "include"), os.path.join(dist, "lib", "libwrt.so")),
             "wasmtime": build("wasmtime", run.peer_headers(), run.peer_library())}
    print(f"{'processor ns':<18}{'wrt':>12}{'wasmtime':>12}    ratio  (least to greatest)   target    peak MiB: wrt, wasmtime")
    for name in args.only.split(","):
        compare(hosts, name, args.rounds)


if __name__ == "__main__":
    main()
