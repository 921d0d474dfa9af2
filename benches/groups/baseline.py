"""What code costs that was made at once."""
from lib import build
from lib.rounds import Table, alternate, pick, process

from .compute import REPEATS, WARM_UP, WORK

TITLE = "Code that is made at once"
ABOUT = """Processor time of `run`, the least of a process's calls behind two that warm up. "wrt at once" compiles each function when it is first
called, in one pass, and never again (`wrt_config_set_background` off); Winch is Wasmtime's compiler of one pass."""
QUICK = ["fib", "hash"]
RATIOS = {"wrt at once / Winch": ("wrt at once", ["Winch"]), "wrt at once / wrt": ("wrt at once", ["wrt"]), "Winch / Wasmtime": ("Winch", ["Wasmtime"])}
CHART = {"wrt at once / Winch": "Wasmtime, Winch"}


def measure(bench):
    hosts = {name: ([host], None) for name, host in build.hosts("host", bench).items()}
    hosts["wrt at once"] = (hosts["wrt"][0], {"BENCH_AT_ONCE": "1"})
    hosts["Winch"] = (hosts["Wasmtime"][0], {"BENCH_WINCH": "1"})
    table = Table("Processor time of run", "ms", RATIOS, CHART, mean=True)
    for name in QUICK if bench.quick else bench.some(WORK):
        module = build.c_module(name)
        measures = {e: lambda c=c, v=v: process([*c, "exec", module, str(WORK[name]), str(REPEATS)], extra=v) for e, (c, v) in hosts.items()}
        rounds = alternate(bench.rounds, measures, table.notes, name)
        table.add(name, pick(rounds, lambda got: min(got["ms"][WARM_UP:])))
    yield table
