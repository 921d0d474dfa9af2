"""What 64-bit memory indexes cost: the kernels of `compute` that need no C library, compiled for 64-bit addresses."""
from lib import build
from lib.rounds import Table, alternate, pick, process

from .compute import REPEATS, WARM_UP, WORK

TITLE = "64-bit memories"
ABOUT = """The kernels of "Computing" that need no C library, compiled for 64-bit addresses. Processor time of `run`: the fastest of
a process's calls after two that warm up. "32-bit" is the same source compiled for 32-bit addresses, where pointers are half
as wide, in wrt. "Explicit checks" is wrt without signal handlers."""
KERNELS = ["core", "hash", "lists", "matrix", "parser", "quicksort", "sha256", "sieve"]
QUICK = ["hash", "sieve"]
# wrt over the peers in their default configuration, and over variants of wrt.
RATIOS = {"wrt / Wasmtime": ("wrt", ["Wasmtime"]), "wrt / V8": ("wrt", ["V8"]), "wrt / wrt, 32-bit": ("wrt", ["wrt, 32-bit"]),
          "explicit checks / wrt": ("wrt, explicit checks", ["wrt"])}
CHART = {"wrt / Wasmtime": "Wasmtime", "wrt / V8": "V8"}


def measure(bench):
    hosts = {name: ([host], None) for name, host in build.hosts("host", bench).items()}
    hosts["V8"] = (build.js_host("host"), None)
    hosts["wrt, explicit checks"] = (hosts["wrt"][0], {"BENCH_NO_SIGNALS": "1"})
    table = Table("Processor time of run", "ms", RATIOS, CHART, mean=True)
    for name in QUICK if bench.quick else bench.some(KERNELS):
        wide, narrow = build.c_module(name, wide=True), build.c_module(name)

        def measured(host, module):
            command, environment = host
            return lambda: process([*command, "exec", module, str(WORK[name]), str(REPEATS)], extra=environment)
        measures = {engine: measured(host, wide) for engine, host in hosts.items()}
        measures["wrt, 32-bit"] = measured(hosts["wrt"], narrow)
        rounds = alternate(bench.rounds, measures, table.notes, name)
        table.add(name, pick(rounds, lambda got: min(got["ms"][WARM_UP:])), {"wrt / Wasmtime": 1.0})
    yield table
