"""What 64-bit indexes of memories cost: the kernels of `compute` that need no C library, compiled for them."""
from lib import build
from lib.rounds import Table, alternate, pick, process

from .compute import REPEATS, WARM_UP, WORK

TITLE = "64-bit memories"
ABOUT = """The kernels of the group before that need no C library, compiled for 64-bit addresses; processor time of `run`, the least of a
process's calls behind two that warm up. "32-bit" is the same source for 32-bit addresses in wrt; pointers are half as wide there.
With explicit checks: wrt without signal handlers."""
KERNELS = ["core", "hash", "lists", "matrix", "parser", "quicksort", "sha256", "sieve"]
QUICK = ["hash", "sieve"]
# The peer in its default configuration, and what is told beside.
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
