"""How fast code runs: processor time of calls of `run`."""
import os, re

from lib import build, peers
from lib.rounds import Table, alternate, pick, process

TITLE = "Computing"
ABOUT = """Processor time of `run`: the fastest of a process's calls after two that warm up. Modules are compiled from C, without
imports. Wasmtime is in its default configuration except for the stack limit, which is wrt's. V8 runs in node and tiers
up while it warms up. A column "wrt NAME" is another build of wrt (`--other NAME=DIST` of `benches/bench.py`)."""
# Workload, and the argument with which it runs for some tenths of a second.
WORK = dict(core=1000, nbody=600, sha256=150, json=15, callsort=8, sqlite=3, fib=36, hash=100, lists=400, mandelbrot=4000, matrix=40, parser=1000,
            quicksort=20, sieve=20, simd=40000)
# Modules in the text format, which need features that V8 does not have.
TEXT = dict(bignum=8000)
QUICK = ["fib", "hash", "bignum", "hints"]
HINTS = "hinted / as it comes"
REPEATS, WARM_UP = 6, 2
RATIOS = {"wrt / Wasmtime": ("wrt", ["Wasmtime"]), "wrt / V8": ("wrt", ["V8"])}


def measure(bench):
    hosts = {name: [host] for name, host in build.hosts("host", bench).items()}
    hosts["V8"] = build.js_host("host")
    environment = dict(os.environ, NO_COLOR="1", **({"BENCH_INTERRUPTS": "1"} if bench.interrupts else {}))
    table = Table("Processor time of run", "ms", RATIOS, mean=True)
    work = {**WORK, **TEXT}
    for name in [n for n in QUICK if n in work] if bench.quick else bench.some(work):
        module = text_module(name) if name in TEXT else build.c_module(name)
        able = {e: host for e, host in hosts.items() if name not in TEXT or e != "V8"}
        commands = {e: [*host, "exec", module, str(work[name]), str(REPEATS)] for e, host in able.items()}
        rounds = alternate(bench.rounds, {e: lambda c=c: process(c, env=environment) for e, c in commands.items()}, table.notes, name)
        table.add(name, pick(rounds, lambda got: min(got["ms"][WARM_UP:])))
    yield table
    if bench.wants("hints"):
        yield hints(bench, hosts["wrt"], environment)


def text_module(name, change=lambda text: text, suffix=""):
    with open(os.path.join(peers.BENCHES, "wat", name + ".wat")) as f:
        return build.written(f"{name}{suffix}.wasm", peers.wat2wasm(change(f.read())))


def hints(bench, host, environment):
    """What branch hints gain: one module with its hints and without."""
    modules = {"hinted": text_module("hints"), "as it comes": text_module("hints", lambda t: re.sub(r"\(@.*\)", "", t), "_without")}
    table = Table("Processor time of run, with branch hints", "ms", {HINTS: ("hinted", ["as it comes"])}, chart={})
    commands = {e: [*host, "exec", module, "4000", str(REPEATS)] for e, module in modules.items()}
    rounds = alternate(bench.rounds, {e: lambda c=c: process(c, env=environment) for e, c in commands.items()}, table.notes, "hints")
    table.add("hints", pick(rounds, lambda got: min(got["ms"][WARM_UP:])))
    return table
