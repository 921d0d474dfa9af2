"""How fast baseline code runs."""
from lib import build
from lib.rounds import Table, alternate, pick, process

from .compute import REPEATS, WARM_UP, WORK

TITLE = "Baseline code"
ABOUT = """Processor time of `run`: the fastest of a process's calls after two that warm up. "wrt baseline" compiles each function
with the baseline compiler when it is first called, and never optimizes it (`wrt_config_set_background` off). Winch is
Wasmtime's baseline compiler."""
QUICK = ["fib", "hash"]
RATIOS = {"wrt baseline / Winch": ("wrt baseline", ["Winch"]), "wrt baseline / wrt": ("wrt baseline", ["wrt"]), "Winch / Wasmtime": ("Winch", ["Wasmtime"])}
CHART = {"wrt baseline / Winch": "Wasmtime, Winch"}


def measure(bench):
    hosts = {name: ([host], None) for name, host in build.hosts("host", bench).items()}
    hosts["wrt baseline"] = (hosts["wrt"][0], {"BENCH_AT_ONCE": "1"})
    hosts["Winch"] = (hosts["Wasmtime"][0], {"BENCH_WINCH": "1"})
    table = Table("Processor time of run", "ms", RATIOS, CHART, mean=True)
    for name in QUICK if bench.quick else bench.some(WORK):
        module = build.c_module(name)
        measures = {e: lambda c=c, v=v: process([*c, "exec", module, str(WORK[name]), str(REPEATS)], extra=v) for e, (c, v) in hosts.items()}
        rounds = alternate(bench.rounds, measures, table.notes, name)
        table.add(name, pick(rounds, lambda got: min(got["ms"][WARM_UP:])))
    yield table
