"""What references and calls cost a C host: processor time of one operation (refs.h)."""
import statistics

from lib import build
from lib.rounds import Table, alternate, peaks, pick, process

TITLE = "Calls and references"
ABOUT = """Processor time of one operation of a C host: the mean of the repeats after one that warms up, since not every repeat
contains a collection. No call depends on the result of the previous one. Instances are created and released in one
long-lived store; in Wasmtime, each has its own store."""
# Line: its title, the number of operations in a measurement, and the target for wrt's time over Wasmtime's.
LINES = {
    "new_set_release": ("new externref, table_set, release", 1000000, 0.15),
    "get_release": ("table_get, release", 1000000, 0.15),
    "call_ref": ("call that passes and returns a reference", 1000000, 0.15),
    "call_checked": ("host to WebAssembly, checked", 2000000, 0.25),
    "host_checked": ("WebAssembly to host, checked", 2000000, 0.6),
    "call_unchecked": ("host to WebAssembly, unchecked", 3000000, 0.75),
    "host_unchecked": ("WebAssembly to host, unchecked", 3000000, 0.75),
    "instances": ("instance", 20000, 1.0),
    "instances_memory": ("instance with a memory", 10000, 1.0),
}
REPEATS, WARM_UP = 5, 1
RATIO = "wrt / Wasmtime"


def measure(bench):
    hosts = build.hosts("refs", bench)
    table = Table("Processor time of one operation", "ns", {RATIO: ("wrt", ["Wasmtime"])})
    for name in bench.some(LINES):
        title, count, wanted = LINES[name]
        arguments = [name, str(count // 100 if bench.quick else count), str(REPEATS)]
        rounds = alternate(bench.rounds, {e: lambda h=h: process([h, *arguments]) for e, h in hosts.items()}, table.notes, name)
        table.add(title, pick(rounds, lambda got: statistics.mean(got["ns"][WARM_UP:])), {RATIO: wanted}, **peaks(rounds, hosts))
    yield table
