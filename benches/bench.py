#!/usr/bin/env python3
"""Compares wrt with Wasmtime's C API and V8, in alternation, group by group.     (make bench)

usage: bench.py DIST [GROUP...] [--rounds N] [--only NAME]... [--other NAME=DIST] [--peers DIR] [--interrupts] [--draw] [--to FILE]

Writes results.json, results.md and results.svg in target/bench, and prints the tables. A group's results replace its previous ones.
One round is the quick mode: the smallest arguments, to check that everything runs. Its results are kept separately, in quick.json.
--only: lines of the groups, by name; can be repeated. --other: also measures another build of wrt, in groups that compare C hosts.
--interrupts: interruptible code (epochs in Wasmtime) in compute and compile. --draw: measures nothing; writes the tables and the chart
again. --to: also writes them to FILE.md and FILE.svg. Peers are downloaded from package registries and kept in target/bench, or DIR.
"""
import argparse, datetime, importlib, json, os, platform, subprocess, sys

sys.dont_write_bytecode = True  # no caches in the tree
from lib import chart, peers, report, rounds

GROUPS = ["compute", "memory64", "control", "compile", "baseline", "first_result", "instantiate", "calls", "gc", "wasi"]


class Bench:
    """What a group is to measure."""

    def __init__(self, args):
        self.dist, self.rounds, self.quick = os.path.abspath(args.dist), args.rounds, args.rounds == 1
        self.only = args.only
        self.interrupts = args.interrupts
        self.builds = {"wrt": self.dist, **{"wrt " + o.split("=")[0]: os.path.abspath(o.split("=")[1]) for o in args.other}}

    def wants(self, name):
        return not self.only or name in self.only

    def some(self, names):
        return [name for name in names if self.wants(name)]


def machine():
    with open("/proc/cpuinfo") as f:
        model = next((l.split(":", 1)[1].strip() for l in f if l.startswith("model name")), platform.machine())
    return f"{model}, {os.cpu_count()} processors (shared with other work), {platform.system()} {platform.release()}"


def built(dist):
    """The version of wrt, and the last commit that changed its sources (not the benchmarks)."""
    sources = ["src", "Cargo.toml", "Cargo.lock"]
    commit = subprocess.run(["git", "log", "-1", "--format=%h", "--", *sources], cwd=os.path.dirname(peers.BENCHES), capture_output=True, text=True).stdout
    return f"wrt {os.path.basename(os.path.realpath(os.path.join(dist, 'lib', 'libwrt.so'))).split('.so.')[1]} ({commit.strip()})"


def versions():
    v8 = subprocess.run([peers.npm("node"), "-p", "process.versions.v8"], capture_output=True, text=True).stdout.strip()
    return f"Wasmtime {peers.WASMTIME} (C API), V8 {v8} (node {peers.NPM['node'][1]}), deno {peers.NPM['deno'][1]}"


def run(name, bench, save):
    """Measures a group. Prints and saves each table as soon as it is complete."""
    group = importlib.import_module("groups." + name)
    load = os.getloadavg()[0]
    tables = []
    print(f"## {group.TITLE}\n\n{group.ABOUT}\n", flush=True)
    for table in filter(lambda t: t.lines, group.measure(bench)):
        engines = {engine for line in table.lines for row in line["rounds"] for engine in row}
        table.ratios.update({f"{other} / wrt": (other, ["wrt"]) for other in list(bench.builds)[1:] if other in engines})
        tables.append(table.data())
        print(report.table(table), flush=True)
        save(dict(title=group.TITLE, about=group.ABOUT, when=datetime.date.today().isoformat(), wrt=built(bench.dist), rounds=bench.rounds,
                  load=[f"{load:.1f}", f"{os.getloadavg()[0]:.1f}"], tables=tables))


def write(results, name, also=None):
    groups = [results["groups"][g] for g in GROUPS if g in results["groups"]]
    tables = [[rounds.of_data(t) for t in g["tables"]] for g in groups]
    head = "# Figures\n\nA ratio is wrt's time over the peer's: below 1, wrt is faster. It is the median over the rounds of the ratio within a\n" \
           "round, with the minimum and maximum over the rounds in brackets. \"Met\" compares the median with a target. The groups are\n" \
           "from several runs, on the dates and with the builds given. [performance.md](performance.md) describes the method.\n\n" \
           f"Peers: {results['versions']}.\n{results['machine']}.\n\n![chart]({name}.svg)\n"
    for ending, text in {"md": "\n".join([head, *map(report.group, groups, tables)]), "svg": chart.svg(groups, tables, results["versions"])}.items():
        for path in filter(None, [os.path.join(peers.OUT, name), also]):
            with open(f"{path}.{ending}", "w") as f:
                f.write(text.replace(f"({name}.svg)", f"({os.path.basename(path)}.svg)"))
    with open(os.path.join(peers.OUT, name + ".json"), "w") as f:
        json.dump(results, f, indent=1)


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("dist")
    parser.add_argument("groups", nargs="*", default=GROUPS)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("--other", action="append", default=[])
    parser.add_argument("--peers", default=peers.OUT)
    parser.add_argument("--interrupts", action="store_true")
    parser.add_argument("--draw", action="store_true")
    parser.add_argument("--to")
    args = parser.parse_args()
    if unknown := set(args.groups) - set(GROUPS):
        sys.exit(f"no such groups: {', '.join(sorted(unknown))}; there are {', '.join(GROUPS)}")
    peers.OUT = os.path.abspath(args.peers)
    os.makedirs(peers.OUT, exist_ok=True)
    bench = Bench(args)
    name = "quick" if bench.quick else "results"
    file = os.path.join(peers.OUT, name + ".json")
    results = json.load(open(file)) if os.path.exists(file) else {"groups": {}}
    if args.draw:
        args.groups = []
        write(results, name, args.to)
    else:
        results.update(machine=machine(), versions=versions())
    for group in (g for g in GROUPS if g in args.groups):
        def save(result):
            results["groups"][group] = result
            write(results, name, args.to)
        run(group, bench, save)
    print(f"written: {os.path.join(peers.OUT, name)}.json, .md, .svg")
    if rounds.failures:
        sys.exit("wrt failed: " + "; ".join(rounds.failures))


if __name__ == "__main__":
    main()
