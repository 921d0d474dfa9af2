"""Time to the first result: wall time from the start of a process until all of its output has been read."""
import json, os, time

from lib import build, peers
from lib.rounds import Failed, Table, alternate, median, pick, process

TITLE = "Time to the first result"
ABOUT = """Wall time from before a process starts until its result has been read from a pipe; the end of the process is not
included. wrt and Wasmtime have C hosts that use the C API and its WASI; V8 uses node and `node:wasi`. Files are in the
page cache. wrt and Wasmtime compile on all processors. `lazy` is `wrt_config_set_lazy`, `Winch` is Wasmtime's baseline
compiler, and `saved` is a file of compiled code."""
SOURCE = b"interface Point { x: number; y: number }\nexport const norm = (p: Point): number => Math.hypot(p.x, p.y) as number;\n"
# Program: module, arguments of the host, standard input, and the target for lazy wrt's time over Wasmtime's.
PROGRAMS = {
    "SQLite, run(1)": ("sqlite", ["run", "1"], b"", 0.25),
    "esbuild --version": ("esbuild", ["_start", "--version"], b"", 0.10),
    "esbuild, TypeScript from stdin": ("esbuild", ["_start", "--loader=ts"], SOURCE, 0.10),
    'CPython -c "print(6*7)"': ("python", ["_start", "-c", "print(6*7)"], b"", None),
}
# Engine: host, and its mode.
ENGINES = {"wrt": ("wrt", "eager"), "wrt lazy": ("wrt", "lazy"), "wrt saved": ("wrt", "saved"), "Wasmtime": ("wasmtime", "eager"),
           "Winch": ("wasmtime", "winch"), "Wasmtime saved": ("wasmtime", "saved"), "V8": ("js", "eager")}
RATIOS = {"wrt lazy / Wasmtime": ("wrt lazy", ["Wasmtime"]), "wrt / Wasmtime": ("wrt", ["Wasmtime"]), "wrt lazy / Winch": ("wrt lazy", ["Winch"]),
          "wrt lazy / V8": ("wrt lazy", ["V8"]), "saved: wrt / Wasmtime": ("wrt saved", ["Wasmtime saved"])}
CHART = {"wrt lazy / Wasmtime": "Wasmtime", "wrt lazy / Winch": "Wasmtime, Winch", "wrt lazy / V8": "V8",
         "saved: wrt / Wasmtime": "Wasmtime, saved"}
STEPS = {"main": "main is entered", "module": "the file is loaded", "instance": "the instance is created", "entered": "an import is called"}


def start(command, given, variables=()):
    """Runs a host. Returns its report, with `ms`, the time until the last byte of its output was read, and `result`, the output."""
    (in_read, in_write), (out_read, out_write), (err_read, err_write) = os.pipe(), os.pipe(), os.pipe()
    ends = [(os.POSIX_SPAWN_DUP2, fd, to) for to, fd in enumerate((in_read, out_write, err_write))]
    os.write(in_write, given)  # less than a pipe holds
    os.close(in_write)
    began = time.monotonic_ns()
    pid = os.posix_spawn(command[0], command, dict(os.environ, BENCH_START=str(began), **dict(variables)), file_actions=ends)
    for fd in (in_read, out_write, err_write):
        os.close(fd)
    output, last = b"", began
    while part := os.read(out_read, 1 << 16):
        output, last = output + part, time.monotonic_ns()
    with os.fdopen(err_read) as err:
        errors = err.read().strip().splitlines() or ["no report"]
    os.close(out_read)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if status:
        raise Failed(f"status {status}: {errors[-1][:120]}")
    return dict(json.loads(errors[-1]), ms=(last - began) / 1e6, result=output)


class Hosts:
    def __init__(self, bench):
        self.programs = {engine: [build.host("first", engine, bench.dist)] for engine in ("wrt", "wasmtime")}
        self.programs["js"] = [peers.npm("node"), "--no-warnings", os.path.join(peers.BENCHES, "first_js.mjs")]
        self.fresh = set()

    def module(self, name):
        return build.c_module("sqlite") if name == "sqlite" else peers.npm(name)

    def saved(self, engine, name):
        """A file of compiled code. The library that is measured has to write it, so it is written on first use in a run."""
        out = os.path.join(peers.OUT, f"{name}.saved.{engine}")
        if out not in self.fresh:
            start([*self.programs[engine], "save", self.module(name), out], b"")
            self.fresh.add(out)
        return out

    def command(self, engine, name, arguments):
        host, how = ENGINES[engine]
        return [*self.programs[host], how, self.saved(host, name) if how == "saved" else self.module(name), *arguments]


def programs(bench, hosts):
    times = Table("Wall time to the first result (the chart shows wrt lazy, and both saved)", "ms", RATIOS, CHART)
    peaks = Table("Peak resident size of these processes", "MiB", {"wrt lazy / Wasmtime": RATIOS["wrt lazy / Wasmtime"]}, {})
    for name in bench.some(PROGRAMS):
        module, arguments, given, wanted = PROGRAMS[name]
        if bench.quick and module != "sqlite":
            continue
        measures = {e: lambda e=e: start(hosts.command(e, module, arguments), given) for e in ENGINES}
        rounds = alternate(bench.rounds, measures, times.notes, name)
        times.add(name, pick(rounds, lambda got: got["ms"]), {"wrt lazy / Wasmtime": wanted} if wanted else {})
        peaks.add(name, pick(rounds, lambda got: got["peak_kib"] / 1024))
    return [times, peaks]


def first_instruction(bench, hosts):
    """A saved CPython until it runs."""
    table = Table("A saved CPython until it runs", "ms", {"saved: wrt / Wasmtime": RATIOS["saved: wrt / Wasmtime"]},
                  {"saved: wrt / Wasmtime": "Wasmtime, saved"})
    if bench.quick:
        return []
    table.notes.append("Target: at most 20 ms from the start of loading to the first instruction. All WASI imports are replaced by a function "
                       "that records the time of its first call; the program makes this call after its first instructions.")
    command = lambda engine: hosts.command(engine, "python", ["_start"])
    measures = {e: lambda e=e: start(command(e), b"", {"BENCH_ENTERED": "1"}) for e in ("wrt saved", "Wasmtime saved")}
    rounds = alternate(max(bench.rounds, 15), measures, table.notes, "CPython")
    for step, what in STEPS.items():
        table.add("start of the process until " + what, pick(rounds, lambda got: got[step]))
    for step in ("module", "instance", "entered"):
        table.add("start of loading until " + STEPS[step], pick(rounds, lambda got: got[step] - got["read"]))
    return [table]


def steady(bench, hosts):
    """Processor time of SQLite's run(3) when everything is compiled."""
    table = Table("Steady state: SQLite's run(3) when everything is compiled", "processor ms",
                  {"wrt lazy / wrt": ("wrt lazy", ["wrt"])}, {"wrt lazy / wrt": "wrt, eager"})
    host, module = build.host("host", "wrt", bench.dist), build.c_module("sqlite")
    repeats = 3 if bench.quick else 24
    command = [host, "exec", module, "3", str(repeats)]
    environment = {"wrt": dict(os.environ), "wrt lazy": dict(os.environ, BENCH_LAZY="1")}
    measures = {e: lambda v=v: process(command, env=v) for e, v in environment.items()}
    rounds = alternate(1 if bench.quick else max(bench.rounds, 9), measures, table.notes, "steady state")
    table.add("fastest of a process's calls", pick(rounds, lambda got: min(got["ms"])), {"wrt lazy / wrt": 1.02})
    table.add("median of a process's calls", pick(rounds, lambda got: median(got["ms"])), {"wrt lazy / wrt": 1.02})
    return [table]


def measure(bench):
    hosts = Hosts(bench)
    yield from programs(bench, hosts)
    if bench.wants("saved"):
        yield from first_instruction(bench, hosts)
    if bench.wants("steady"):
        yield from steady(bench, hosts)
