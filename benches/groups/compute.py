"""What code costs when it runs: processor time of calls of `run`."""
import os

from lib import build
from lib.rounds import Table, alternate, pick, process

TITLE = "Computing"
ABOUT = """Processor time of `run`, the least of a process's calls behind two that warm up. Modules made of C, without imports; Wasmtime
in its default configuration but for the stack limit, which is wrt's, V8 in node, which tiers up while it warms up."""
# Workload and the argument that makes it run for some tenths of a second.
WORK = dict(core=1000, nbody=600, sha256=150, json=15, callsort=8, sqlite=3, fib=36, hash=100, lists=400, mandelbrot=4000, matrix=40, parser=1000,
            quicksort=20, sieve=20, simd=40000)
QUICK = ["fib", "hash"]
REPEATS, WARM_UP = 6, 2
RATIOS = {"wrt / Wasmtime": ("wrt", ["Wasmtime"]), "wrt / V8": ("wrt", ["V8"])}


def measure(bench):
    hosts = {name: [host] for name, host in build.hosts("host", bench).items()}
    hosts["V8"] = build.js_host("host")
    environment = dict(os.environ, NO_COLOR="1", **({"BENCH_INTERRUPTS": "1"} if bench.interrupts else {}))
    table = Table("Processor time of run", "ms", RATIOS, mean=True)
    for name in QUICK if bench.quick else bench.some(WORK):
        module = build.c_module(name)
        commands = {e: [*host, "exec", module, str(WORK[name]), str(REPEATS)] for e, host in hosts.items()}
        rounds = alternate(bench.rounds, {e: lambda c=c: process(c, env=environment) for e, c in commands.items()}, table.notes, name)
        table.add(name, pick(rounds, lambda got: min(got["ms"][WARM_UP:])))
    yield table
