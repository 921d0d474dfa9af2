#!/usr/bin/env python3
"""Compares what file operations of a WASI guest cost: wrt, Wasmtime's C API, and the same C program without an engine.

usage: wasi.py DIST [--rounds N] [--only name,name] [--peers DIR]     (make bench-wasi)
Processor time of one operation (c/files.c) against a directory of the host's. Overhead is what is above the native program's.
Peers are kept in target/bench, or DIR: the folders include and wheel (run.py). Needs clang with wasi-libc.
"""
import argparse, json, os, shutil, statistics, sys, tempfile

sys.dont_write_bytecode = True
import run  # beside this file: no cache of it in the tree

HERE = os.path.dirname(os.path.abspath(__file__))
# Line: how many operations make a measurement.
LINES = dict(mixed=5000, open_close=5000, create_unlink=3000, write_64=30000, read_64=30000, read_1m=100, seek=50000, fstat=50000, stat=20000,
             readdir=102000, clock=100000)
REPEATS, WARM_UP = 6, 1


def build(name, include, library):
    out = os.path.join(run.OUT, "wasi_" + name)
    link = ["-I" + include, library, "-Wl,-rpath," + os.path.dirname(library)] if library else []
    run.sh("cc", "-std=gnu11", "-O2", "-w", os.path.join(HERE, f"wasi_{name}.c"), *link, "-o", out)
    return out


def guest():
    out, source = os.path.join(run.OUT, "files.wasm"), os.path.join(HERE, "c", "files.c")
    clang = shutil.which("clang-14") or shutil.which("clang") or sys.exit("no clang")
    run.sh(clang, "--target=wasm32-wasi", "-mexec-model=reactor", "-O2", "-w", source, "-o", out)
    return out


def measure(host, module, name):
    """The least of the repeats: the rest is other work on the machine."""
    with tempfile.TemporaryDirectory() as folder:
        line = json.loads(run.sh(host, module, folder, name, str(LINES[name]), str(REPEATS)))
    return min(line["processor"][WARM_UP:]), min(line["passed"][WARM_UP:]), line["result"]


def compare(hosts, module, name, rounds):
    times, passed, ratios, overheads = {e: [] for e in hosts}, {e: [] for e in hosts}, [], []
    for i in range(rounds):
        results = set()
        # Who is first changes, so that what slows the machine down for a while does not always meet the same one.
        for engine in sorted(hosts, reverse=i % 2 == 0):
            ns, wall, result = measure(hosts[engine], module, name)
            times[engine].append(ns)
            passed[engine].append(wall)
            results.add(result)
        if len(results) != 1:
            sys.exit(f"{name}: the results differ: {results}")
        wrt, peer, native = (times[e][-1] for e in ("wrt", "wasmtime", "native"))
        ratios.append(wrt / peer)
        overheads.append((wrt - native) / (peer - native) if peer > native else float("nan"))
    ns = "".join(f"{statistics.median(times[e]):12.1f}" for e in ("wrt", "wasmtime", "native"))
    wall = statistics.median(a / b for a, b in zip(passed["wrt"], passed["wasmtime"]))
    print(f"{name:<15}{ns}{statistics.median(ratios):9.3f}  ({min(ratios):.3f} to {max(ratios):.3f}){statistics.median(overheads):10.3f}{wall:10.3f}", flush=True)


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
             "wasmtime": build("wasmtime", run.peer_headers(), run.peer_library()), "native": build("native", None, None)}
    module = guest()
    print(f"{'processor ns':<15}{'wrt':>12}{'wasmtime':>12}{'native':>12}    ratio  (least to greatest)  overhead  time passed")
    for name in args.only.split(","):
        compare(hosts, module, name, args.rounds)


if __name__ == "__main__":
    main()
