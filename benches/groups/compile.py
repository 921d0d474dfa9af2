"""What compiling costs: processor time of all threads. Wall time is in first_result.py."""
import os

from lib import build
from lib.rounds import Table, alternate, pick, process

TITLE = "Compiling"
ABOUT = """Processor time of all threads: the fastest of a process's compilations after the first. Everything is compiled, nothing
lazily. `functions` is 1000 small functions; in `functions_in_table` they are also in a table."""
# Modules that `many_functions` generates: whether the functions are in a table.
MANY = {"functions": False, "functions_in_table": True}
LINES = ["sqlite", *MANY]
REPEATS, WARM_UP = 4, 1
RATIOS = {"wrt / Wasmtime": ("wrt", ["Wasmtime"])}


def leb(n, signed=False):
    """An integer as LEB128. A negative n is never needed."""
    out = bytearray()
    while n >= (64 if signed else 128):
        out.append(n & 127 | 128)
        n >>= 7
    return bytes(out + bytes([n]))


def many_functions(in_table, count=1000):
    """A module of functions that each add their index to the argument. One more, `run`, calls the function whose index is the argument, or
    the last one."""
    vec = lambda items: leb(len(items)) + b"".join(items)
    sized = lambda body: leb(len(body)) + body
    section = lambda number, items: bytes([number]) + sized(vec(items))
    code = lambda ops: sized(b"\0" + ops + b"\x0b")
    call = b"\x20\0\x20\0\x11\0\0" if in_table else b"\x20\0\x10" + leb(count - 1)
    types, declared = section(1, [b"\x60\1\x7f\1\x7f"]), section(3, [b"\0"] * (count + 1))
    table = section(4, [b"\x70\0" + leb(count)]) if in_table else b""
    elements = section(9, [b"\0\x41\0\x0b" + vec([leb(i) for i in range(count)])]) if in_table else b""
    bodies = [code(b"\x20\0\x41" + leb(i, signed=True) + b"\x6a") for i in range(count)]
    return b"\0asm\1\0\0\0" + types + declared + table + section(7, [b"\3run\0" + leb(count)]) + elements + section(10, bodies + [code(call)])


def measure(bench):
    hosts = build.hosts("host", bench)
    environment = dict(os.environ, **({"BENCH_INTERRUPTS": "1"} if bench.interrupts else {}))
    table = Table("Processor time of a compilation", "ms", RATIOS, mean=True)
    for name in list(MANY) if bench.quick else bench.some(LINES):
        module = build.written(name + ".wasm", many_functions(MANY[name])) if name in MANY else build.c_module(name)
        commands = {e: [host, "compile", module, "1", str(REPEATS)] for e, host in hosts.items()}
        rounds = alternate(bench.rounds, {e: lambda c=c: process(c, env=environment) for e, c in commands.items()}, table.notes, name)
        table.add(name, pick(rounds, lambda got: min(got["ms"][WARM_UP:])))
    yield table
