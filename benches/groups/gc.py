"""Garbage collection: wrt, Wasmtime's C API, Wasmtime's copying collector, and V8 in node and deno.

Names for --only are those of workloads, or of parts: exec, unchanged, instantiate, stores, memory, pauses.
"""
import functools, os, resource, statistics

from lib import build, peers
from lib.rounds import Failed, Table, alternate, pick, process

MIB = 1 << 20
TITLE = "Garbage collection"
ABOUT = """Processor time of all threads. Wasmtime is used through its C API (reference counting), and its copying collector as a
crate (version 48). V8 runs in node and in deno; the faster one in a round counts. The figure is the mean of a process's
calls after the first two, since collections are rare and the fastest call would not include one."""
WASMTIME, COPYING, V8 = "Wasmtime", "copying", ["node", "deno"]
RATIOS = {"wrt / Wasmtime": ("wrt", [WASMTIME]), "wrt / copying": ("wrt", [COPYING]), "wrt / V8": ("wrt", V8)}
CHART = {"wrt / Wasmtime": "Wasmtime", "wrt / copying": "Wasmtime's copying collector", "wrt / V8": "V8"}
# Workload and the argument that makes it run long enough.
EXEC = dict(gc_bintrees=60, gc_list=60, gc_live=30, gc_cycles=60, gc_fields_ref=20, gc_cast=8, tbl_any=20, tbl_grow=10, ref_func=8, call_indirect=20,
            tail_indirect=10, call_object=30, array_fill_copy=200, strings=300)
# What else exists while 100,000 objects are allocated `ROUNDS` times: module, and options of the host.
UNCHANGED = {"alone": ("short_lived", []), "2 M table elements": ("short_lived_table", []), "1 M host references": ("short_lived", ["--handles", "1000000"]),
             "100,000 frames": ("short_lived_deep", ["--stack", str(64 * MIB)])}
# The copying collector starts with a small heap and scans the whole table at each collection: a second for 100,000 objects.
# Many rounds, so that creating the frames is a negligible part; fewer if each is expensive.
ROUNDS, FEWER_ROUNDS = 400, {("Wasmtime", "alone"): 40, ("Wasmtime", "2 M table elements"): 1, ("Wasmtime", "1 M host references"): 10, ("Wasmtime", "100,000 frames"): 10,
                             ("copying", "2 M table elements"): 1, ("copying", "1 M host references"): 10, ("copying", "100,000 frames"): 40}
# Module: the number of elements, and of instances created in a measurement.
INSTANTIATE = {"struct_10k": (10000, 50), "struct_100k": (100000, 5), "i31_10k": (10000, 100), "constants": (1000, 100)}
# These engines compile the elements of the segment as code, which takes minutes. In the smaller module an element takes the same time.
SMALLER = {("Wasmtime", "struct_100k"): "struct_10k", ("copying", "struct_100k"): "struct_10k"}
STORES = dict(stores=2000, alive=10000)
MEMORY = dict(gc_cycles=1200, gc_biglist=20000000)
# Module, argument, repeats.
PAUSES = {"bintrees": ("gc_bintrees", 60, 6), "live": ("gc_live", 30, 6), "cycles": ("gc_cycles", 60, 6), "list of 1 M": ("gc_biglist", 1000000, 3),
          "list of 5 M": ("gc_biglist", 5000000, 2), "list of 20 M": ("gc_biglist", 20000000, 2)}
REPEATS, WARM_UP = 6, 2
QUICK = dict(gc_list=2, gc_cast=1)


def generated(name):
    """A module of constant expressions, in the text format."""
    count = INSTANTIATE[name][0]
    if name == "constants":
        functions = "".join(f"(func $f{i} (param i32) (result i32) (i32.add (local.get 0) (i32.const {i})))\n" for i in range(count))
        elements = " ".join(f"$f{i}" for i in range(count))
        return f'(module (memory 32) (table funcref (elem {elements})) {functions} (data (i32.const 1024) "{"wasm" * (MIB // 4)}") (export "run" (func $f7)))'
    kind, types = "(ref null i31)", ""
    item, value = "(item (ref.i31 (i32.const {0})))", "(i31.get_u (table.get $t (local.get 0)))"
    if name.startswith("struct"):
        kind, types = "anyref", "(type $pair (sub final (struct (field i32) (field anyref))))"
        item = "(item (struct.new $pair (i32.const {0}) (ref.i31 (i32.const {0}))))"
        value = "(struct.get $pair 0 (ref.cast (ref $pair) (table.get $t (local.get 0))))"
    items = "\n".join(item.format(i) for i in range(count))
    return f'(module {types} (table $t {count} {kind}) (elem (table $t) (i32.const 0) {kind} {items}) (func (export "run") (param i32) (result i32) {value}))'


@functools.cache
def module(name):
    if name in INSTANTIATE:
        return build.written(f"gc/{name}.wasm", peers.wat2wasm(generated(name)))
    with open(os.path.join(peers.BENCHES, "wat", name + ".wat")) as f:
        return build.written(f"gc/{name}.wasm", peers.wat2wasm(f.read()))


class Engines:
    """The hosts; `once` runs a process of one of them."""

    def __init__(self, bench):
        self.bench = bench
        host = lambda program: lambda stack: [program]
        self.commands = {name: host(program) for name, program in build.hosts("host", bench).items()}
        if not bench.quick:
            self.commands[COPYING] = host(build.copying())
        node, deno = build.js_host("host"), build.js_host("host", "deno")
        self.commands["node"] = lambda stack: [node[0], *([f"--stack-size={stack >> 10}"] if stack else []), *node[1:]]
        self.commands["deno"] = lambda stack: [*deno[:-1], *([f"--v8-flags=--stack-size={stack >> 10}"] if stack else []), deno[-1]]

    def once(self, engine, mode, name, arg, repeats, options=()):
        """Runs a process; returns its line of JSON."""
        stack = int(options[1]) if "--stack" in options else 0
        # The process's stack is twice as large as the engine's limit.
        deeper = (lambda: resource.setrlimit(resource.RLIMIT_STACK, (2 * stack, resource.getrlimit(resource.RLIMIT_STACK)[1]))) if stack else None
        return process([*self.commands[engine](stack), mode, module(name), str(arg), str(repeats), *options], preexec_fn=deeper)

    def rounds(self, notes, name, measure, only=None):
        return alternate(self.bench.rounds, {e: lambda e=e: measure(e) for e in self.commands if not only or e in only}, notes, name)


def mean_ms(line):
    return statistics.mean(line["ms"][WARM_UP:])


def compute(engines, names):
    table = Table("Processor time of run", "ms", RATIOS, CHART, mean=True)
    for name in QUICK if engines.bench.quick else names:
        arg = QUICK[name] if engines.bench.quick else EXEC[name]
        rounds = engines.rounds(table.notes, name, lambda e: engines.once(e, "exec", name, arg, REPEATS))
        table.add(name, pick(rounds, mean_ms))
    yield table


def unchanged(engines, names):
    """Other live data should cost nothing: short-lived objects alone, and alongside much long-lived data."""
    table = Table("Short-lived objects", "ns each", RATIOS, CHART)
    over = Table("The same, relative to short-lived objects alone, in the same engine and round", "times", {}, {})

    def object_ns(engine, name):
        count = FEWER_ROUNDS.get((engine, name), ROUNDS)
        return mean_ms(engines.once(engine, "exec", UNCHANGED[name][0], count, REPEATS, UNCHANGED[name][1])) * 1e6 / 1e5 / count

    names = ["alone", *(name for name in names if name != "alone")]
    rounds = {name: engines.rounds(table.notes, name, lambda e: object_ns(e, name)) for name in names}
    for name in names:
        table.add(name, rounds[name])
    for name in names[1:]:
        pairs = zip(rounds[name], rounds["alone"])
        over.add(name, [{e: row[e] / alone[e] if row[e] and alone[e] else None for e in row} for row, alone in pairs])
    yield table
    yield over


def instantiate(engines, names):
    def compile_ms(engine, name):
        if (engine, name) in SMALLER:
            raise Failed(f"takes minutes; the time per element is {SMALLER[engine, name]}'s")
        slow = engine in (WASMTIME, COPYING) and name.startswith("struct")
        return min(engines.once(engine, "compile", name, 0, 1 if slow else 3)["ms"])

    def element_ns(engine, name):
        name = SMALLER.get((engine, name), name)
        elements, instances = INSTANTIATE[name]
        return mean_ms(engines.once(engine, "instantiate", name, instances, REPEATS)) * 1e6 / instances / elements

    for title, unit, measure in [("Compiling constant expressions", "ms", compile_ms), ("Instantiating them in a new store", "ns per element", element_ns)]:
        table = Table(title, unit, RATIOS, CHART)
        for name in names:
            table.add(name, engines.rounds(table.notes, name, lambda e: measure(e, name)))
        yield table


def stores(engines, names):
    hosts = [e for e in engines.commands if e not in V8]
    ratios = {name: of for name, of in RATIOS.items() if of[1] != V8}
    chart = {name: CHART[name] for name in ratios}
    lines = lambda name, repeats: engines.rounds(table.notes, name, lambda e: engines.once(e, name, "few_objects", STORES[name], repeats), hosts)
    if "stores" in names:
        table = Table("Creating a store, an instance and 100 objects, and deleting them", "us", ratios, chart)
        table.add("each", pick(lines("stores", 4), lambda l: statistics.mean(l["ms"][1:]) * 1e3 / STORES["stores"]))
        yield table
    if "alive" in names:
        table = Table(f"{STORES['alive']:,} such stores alive", "of each", ratios, {})
        rounds = lines("alive", 1)
        rows = {"resident KiB": lambda l: l["kib"], "mappings": lambda l: l["mappings"], "us to create": lambda l: l["ms"][0] * 1e3 / STORES["alive"]}
        for what, of in rows.items():
            table.add(what, pick(rounds, of))
        yield table


def memory(engines, names):
    table = Table("Large heaps, one call", "", RATIOS, {})
    for name in names:
        rounds = engines.rounds(table.notes, name, lambda e: engines.once(e, "exec", name, MEMORY[name], 1))
        table.add(f"{name}({MEMORY[name]:,}): peak MiB", pick(rounds, lambda l: l["peak_kib"] / 1024))
        table.add(f"{name}({MEMORY[name]:,}): s", pick(rounds, lambda l: l["ms"][0] / 1e3))
    yield table


def pauses(engines, names):
    """What wrt reports about its collections; the other engines report nothing. Here each column is a different figure."""
    columns = ["minors", "fulls", "longest_minor_ms", "longest_full_ms", "live_mib", "used_mib"]
    table = Table("Collections of wrt and the longest pauses (wall time; live: after the last full collection)", "process", {}, {})
    for name in names:
        rounds = engines.rounds(table.notes, name, lambda e: engines.once(e, "exec", *PAUSES[name]), ["wrt"])
        table.add(name, [{column: row["wrt"][column] for column in columns} for row in rounds if row["wrt"]])
    yield table


def measure(bench):
    parts = {"exec": (compute, EXEC), "unchanged": (unchanged, UNCHANGED), "instantiate": (instantiate, INSTANTIATE), "stores": (stores, STORES),
             "memory": (memory, MEMORY), "pauses": (pauses, PAUSES)}
    engines = Engines(bench)
    for part, (measured, known) in parts.items():
        names = [name for name in known if bench.wants(part) or bench.wants(name)]
        if names and (part == "exec" or not bench.quick):
            yield from measured(engines, names)
