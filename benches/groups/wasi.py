"""What file operations of a WASI guest cost: wrt, Wasmtime's C API, and the same C program without an engine (c/files.c)."""
import tempfile

from lib import build
from lib.rounds import Table, alternate, pick, process

TITLE = "WASI: file operations"
ABOUT = """Processor time of one operation of a C guest on a host directory: the fastest of a process's repeats after one that warms
up. `native` is the same program without an engine. Overhead is the time in excess of `native`."""
# Line: the number of operations in a measurement.
LINES = dict(mixed=5000, open_close=5000, create_unlink=3000, write_64=30000, read_64=30000, read_1m=100, seek=50000, fstat=50000, stat=20000,
             readdir=102000, clock=100000)
REPEATS, WARM_UP = 6, 1
RATIO = "wrt / Wasmtime"


def once(host, guest, name, count):
    with tempfile.TemporaryDirectory() as folder:
        return process([host, guest, folder, name, str(count), str(REPEATS)])


def overhead(row):
    """The time in excess of native. wrt's can be negative because of other work on the machine. If Wasmtime's is not positive there is no
    ratio."""
    above = {engine: ns - row["native"] for engine, ns in row.items() if engine != "native" and ns is not None}
    return {engine: ns for engine, ns in above.items() if engine != "Wasmtime" or ns > 0}


def measure(bench):
    hosts = {**build.hosts("wasi", bench), "native": build.host("wasi", "native")}
    guest = build.c_module("files", wasi=True)
    table = Table("One operation", "processor ns", {RATIO: ("wrt", ["Wasmtime"])})
    over = Table("Overhead of one operation over the native program", "processor ns", {"overhead: wrt / Wasmtime": ("wrt", ["Wasmtime"])}, {})
    for name in bench.some(LINES):
        count = max(LINES[name] // 100, 3) if bench.quick else LINES[name]
        rounds = alternate(bench.rounds, {e: lambda h=h: once(h, guest, name, count) for e, h in hosts.items()}, table.notes, name)
        ns = pick(rounds, lambda got: min(got["processor"][WARM_UP:]))
        table.add(name, ns)
        over.add(name, list(map(overhead, ns)), {"overhead: wrt / Wasmtime": 1.5})
    yield table
    yield over
