"""Exceptions and tail calls: what a throw costs, and that code that does not throw pays only for its calls."""
import functools, statistics

from lib import build, peers
from lib.rounds import Table, alternate, pick, process

TITLE = "Exceptions and tail calls"
ABOUT = """Processor time of one operation: the fastest of a process's calls after two that warm up, divided by the number of
operations in a call. V8 runs in node. A throw is caught in `run`. `frames` is the number of frames that a throw crosses on
the way there; `cleanups` is how many of them catch everything and rethrow it."""
REPEATS, WARM_UP = 6, 2
RATIOS = {"wrt / Wasmtime": ("wrt", ["Wasmtime"]), "wrt / V8": ("wrt", ["V8"])}

LOOP = """(func (export "run") (param $n i32) (result i32) (local $x i32)
    (loop $l
      (local.set $x {step})
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $x))"""
CATCH = "(block $h (result i32) (try_table (catch $e $h) {body}) (unreachable))"
# Called through a table, so that no engine inlines them.
TABLE = "(type $f (func (param i32) (result i32))) (table $t funcref (elem $a $b $c $d))"
LEAVES = """(func $a (type $f) (i32.add (local.get 0) (i32.const 1))) (func $b (type $f) (i32.xor (local.get 0) (i32.const 3)))
    (func $c (type $f) (i32.mul (local.get 0) (i32.const 5))) (func $d (type $f) (i32.sub (local.get 0) (i32.const 9)))"""
INDEX = "(i32.and (local.get $n) (i32.const 3))"


def throwing(frames, cleanups=0, payload="(i32.const 7)", type="i32", take=""):
    """A throw across the given number of frames."""
    functions = [f"(func $f0 (param i32) (throw $e {payload}))"]
    for i in range(1, frames + 1):
        call = f"(call $f{i - 1} (i32.add (local.get 0) (i32.const 1)))"
        if i <= cleanups:
            call = f"(block $all (result exnref) (try_table (catch_all_ref $all) {call}) (return)) (global.set $count (i32.add (global.get $count) (i32.const 1))) (throw_ref)"
        functions.append(f"(func $f{i} (param i32) {call})")
    step = f"(i32.add (local.get $x) (block $n (result i32) (block $h (result {type}) (try_table (catch $e $h) (call $f{frames} (local.get $n))) (unreachable)) {take} ))"
    return f"(module (type $pair (struct (field i32))) (tag $e (param {type})) (global $count (mut i32) (i32.const 0)) {' '.join(functions)} {LOOP.format(step=step)})"


def calling(how):
    """A call through a table."""
    call = f"(call_indirect $t (type $f) (local.get $x) {INDEX})"
    caught = f"(block $done (result i32) (block $h (result i32) (try_table (catch $e $h) (br $done {call})) (unreachable)))"
    return f"(module {TABLE} (tag $e (param i32)) {LEAVES} {LOOP.format(step=caught if how == 'caught' else call)})"


def calling_in_try():
    """The same, with the whole loop inside one try_table."""
    return f"""(module {TABLE} (tag $e (param i32)) {LEAVES} (func (export "run") (param $n i32) (result i32) (local $x i32)
    (block $h (result i32)
      (try_table (catch $e $h)
        (loop $l
          (local.set $x (call_indirect $t (type $f) (local.get $x) {INDEX}))
          (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))
      (local.get $x))))"""


def relaying(instruction):
    """A call through a table to a function that calls through another table."""
    relays = " ".join(f"(func $r{i} (type $f) ({instruction} $t (type $f) (local.get 0) (i32.const {i})))" for i in range(4))
    step = f"(call_indirect $r (type $f) (local.get $x) {INDEX})"
    return f"(module {TABLE} (table $r funcref (elem $r0 $r1 $r2 $r3)) {LEAVES} {relays} {LOOP.format(step=step)})"


def stepping(instruction):
    """A chain of calls through a table, each the last thing its caller does."""
    functions = " ".join(
        f"(func $s{i} (type $g) (if (i32.eqz (local.get 0)) (then (return (local.get 1)))) ({instruction} $u (type $g) (i32.sub (local.get 0) (i32.const 1)) "
        f"(i32.{op} (local.get 1) (local.get 0)) (i32.and (local.get 0) (i32.const 1))))" for i, op in enumerate(["add", "xor"]))
    step = "(call $s0 (i32.const 1000) (local.get $x))"
    return f"(module (type $g (func (param i32 i32) (result i32))) (table $u funcref (elem $s0 $s1)) {functions} {LOOP.format(step=step)})"


PAIR = dict(payload="(struct.new $pair (i32.const 7))", type="(ref $pair)", take="(struct.get $pair 0)")
# Module, number of iterations, and for calls the operations in each iteration.
THROWS = {
    "throw, caught by the caller": (throwing(0), 300000),
    "throw over 10 frames": (throwing(10), 200000),
    "throw over 100 frames": (throwing(100), 30000),
    "throw of a structure, 10 frames": (throwing(10, **PAIR), 200000),
    "10 frames, 5 cleanups": (throwing(10, 5), 50000),
}
CALLS = {
    "call_indirect": (calling("plain"), 20000000, 1),
    "call_indirect in try_table": (calling("caught"), 20000000, 1),
    "loop of call_indirect in try_table": (calling_in_try(), 20000000, 1),
    "call_indirect twice": (relaying("call_indirect"), 10000000, 1),
    "call_indirect, return_call_indirect": (relaying("return_call_indirect"), 10000000, 1),
    "chain of call_indirect": (stepping("call_indirect"), 20000, 1000),
    "chain of return_call_indirect": (stepping("return_call_indirect"), 20000, 1000),
}
# Line, and the line that should cost the same.
SAME = {"call_indirect in try_table": "call_indirect", "loop of call_indirect in try_table": "call_indirect", "call_indirect, return_call_indirect": "call_indirect twice",
        "chain of return_call_indirect": "chain of call_indirect"}


@functools.cache
def module(name, text):
    return build.written(f"control/{name.replace(' ', '_').replace(',', '')}.wasm", peers.wat2wasm(text))


def measure(bench):
    hosts = {name: [host] for name, host in build.hosts("host", bench).items()}
    hosts["V8"] = build.js_host("host")

    def once(engine, name, text, count, operations):
        count = max(1, count // 100) if bench.quick else count
        got = process([*hosts[engine], "exec", module(name, text), str(count), str(REPEATS)])
        return {"ns": min(got["ms"][WARM_UP:]) * 1e6 / count / operations, "result": got["result"]}

    def rounds(table, name, text, count, operations=1):
        return alternate(bench.rounds, {e: lambda e=e: once(e, name, text, count, operations) for e in hosts}, table.notes, name)

    table = Table("A throw", "ns", RATIOS, mean=True)
    for name in bench.some(THROWS):
        table.add(name, pick(rounds(table, name, *THROWS[name]), lambda got: got["ns"]))
    yield table

    table = Table("Calls", "ns", RATIOS)
    same = Table("The same, relative to the variant that should cost the same, in the same engine and round", "times", {}, {})
    got = {}
    for name in CALLS:
        if bench.wants(name):
            got[name] = pick(rounds(table, name, *CALLS[name]), lambda got: got["ns"])
            table.add(name, got[name])
    for name, other in SAME.items():
        if name in got and other in got:
            pairs = zip(got[name], got[other])
            same.add(name, [{e: row[e] / over[e] if row[e] and over[e] else None for e in row} for row, over in pairs])
    yield table
    yield same
