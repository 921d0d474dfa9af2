"""What references and calls cost a host in C: processor time of one operation (refs.h)."""
import statistics

from lib import build
from lib.rounds import Table, alternate, peaks, pick, process

TITLE = "Calls and references"
ABOUT = """Processor time of one operation of a host in C; the mean of the repeats behind one that warms up, since collections are not in
all of them. No call needs the result of the one before. `instances` are made and released in one store that stays; in Wasmtime, in a
store for each."""
# Line: what it does, how many operations make a measurement, and what wrt's time over Wasmtime's should be.
LINES = {
    "new_set_release": ("new externref, table_set, release", 1000000, 0.15),
    "get_release": ("table_get, release", 1000000, 0.15),
    "call_ref": ("call with a reference there and back", 1000000, 0.15),
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
