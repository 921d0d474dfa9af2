#!/usr/bin/env python3
"""Compares wrt with Wasmtime's C API: processor time of computing and of compiling (docs/performance.md).

usage: run.py DIST [--rounds N] [--only name,name] [--interrupts]     (make bench)
With --interrupts both engines' code can be interrupted: by epochs in Wasmtime, by the interrupt word in wrt.
Needs a registry for the peer and SQLite's sources, clang with wasi-libc, and pip. Everything is kept in target/bench.
"""
import argparse, glob, json, math, os, shutil, statistics, subprocess, sys

HERE = os.path.dirname(os.path.abspath(__file__))
OUT = os.path.join(HERE, "..", "target", "bench")
PEER, SQLITE = "50.0.1", "0.39.1"
# Workload and the argument that makes it run for some tenths of a second.
WORK = dict(core=1000, nbody=600, sha256=150, json=15, callsort=8, sqlite=3, fib=36, hash=100, lists=400, mandelbrot=4000, matrix=40, parser=1000,
            quicksort=20, sieve=20, simd=40000)
# Made by `many_functions`: whether the functions are in a table.
MANY = {"functions": False, "functions_in_table": True}
COMPILE = ["sqlite", *MANY]
REPEATS = dict(exec=6, compile=4)
WARM_UP = dict(exec=2, compile=1)


def sh(*command, **kw):
    done = subprocess.run(command, capture_output=True, text=True, **kw)
    if done.returncode:
        sys.exit(f"{' '.join(command[:4])} ...: {done.stderr.strip()[-1500:]}")
    return done.stdout


def sources(name, dependency):
    """The crates' sources in a folder of their own; vendoring is how cargo hands them out."""
    folder = os.path.join(OUT, name)
    if not os.path.isdir(os.path.join(folder, "vendor")):
        os.makedirs(os.path.join(folder, "src"), exist_ok=True)
        with open(os.path.join(folder, "Cargo.toml"), "w") as f:
            f.write(f'[package]\nname = "sources"\nversion = "0.0.0"\nedition = "2021"\n[dependencies]\n{dependency}\n[workspace]\n')
        open(os.path.join(folder, "src", "lib.rs"), "w").close()
        sh("cargo", "vendor", "-q", "--versioned-dirs", "part", cwd=folder)
        os.rename(os.path.join(folder, "part"), os.path.join(folder, "vendor"))
    return os.path.join(folder, "vendor")


def peer_headers():
    """Wasmtime's headers are in its crate; the wheel has only the library."""
    include = os.path.join(OUT, "include")
    if not os.path.isdir(include):
        crates = sources("headers", f'wasmtime-c-api-impl = {{ version = "={PEER}", default-features = false }}')
        shutil.copytree(os.path.join(crates, f"wasmtime-c-api-impl-{PEER}", "include"), include + ".part")
        with open(os.path.join(include + ".part", "wasmtime", "conf.h.in")) as f:
            lines = [l.replace("#cmakedefine ", "#define ") for l in f if "DISABLE_LOGGING" not in l]
        with open(os.path.join(include + ".part", "wasmtime", "conf.h"), "w") as f:
            f.writelines(lines)
        os.rename(include + ".part", include)
    return include


def peer_library():
    folder = os.path.join(OUT, "wheel")
    if not os.path.isdir(folder):
        sh(sys.executable, "-m", "pip", "download", "-q", "--no-deps", f"wasmtime=={PEER}", "-d", folder + ".part")
        for wheel in glob.glob(os.path.join(folder + ".part", "*.whl")):
            sh(sys.executable, "-m", "zipfile", "-e", wheel, folder + ".part")
        os.rename(folder + ".part", folder)
    return glob.glob(os.path.join(folder, "wasmtime", "linux-*", "_libwasmtime.so"))[0]


def build_host(name, include, library):
    out = os.path.join(OUT, "host_" + name)
    source = os.path.join(HERE, f"host_{name}.c")
    sh("cc", "-std=gnu11", "-O2", "-w", "-I" + include, source, library, "-Wl,-rpath," + os.path.dirname(library), "-o", out)
    return out


def build_hosts(dist):
    return {
        "wrt": build_host("wrt", os.path.join(dist, "include"), os.path.join(dist, "lib", "libwrt.so")),
        "wasmtime": build_host("wasmtime", peer_headers(), peer_library()),
    }


def leb(n, signed=False):
    """An integer as LEB128. A negative n is never needed."""
    out = bytearray()
    while n >= (64 if signed else 128):
        out.append(n & 127 | 128)
        n >>= 7
    return bytes(out + bytes([n]))


def many_functions(in_table, count=1000):
    """A module of functions that add their number to the argument; one more, `run`, calls the argument's or the last one."""
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


def module(name):
    """A workload as wasm, without imports."""
    out, source = os.path.join(OUT, name + ".wasm"), os.path.join(HERE, "c", name + ".c")
    if name in MANY:
        with open(out, "wb") as f:
            f.write(many_functions(MANY[name]))
        return out
    extra = ["-msimd128"] if name == "simd" else []
    if name == "sqlite":
        root = os.path.join(sources("sqlite", f'libsqlite3-sys = "={SQLITE}"'), f"libsqlite3-sys-{SQLITE}", "sqlite3")
        flags = "OS_OTHER=1 THREADSAFE=0 OMIT_LOAD_EXTENSION TEMP_STORE=3 ENABLE_FTS5 ENABLE_RTREE OMIT_WAL"
        extra = ["-I" + root, os.path.join(root, "sqlite3.c")] + ["-DSQLITE_" + f for f in flags.split()]
    if not os.path.exists(out) or os.path.getmtime(out) < os.path.getmtime(source):
        print("compiling", name, flush=True)
        sh(shutil.which("clang-14") or "clang", "--target=wasm32-wasi", "-mexec-model=reactor", "-O2", "-w", "-DNDEBUG", "-mbulk-memory", "-msign-ext",
           "-mnontrapping-fptoint", "-Wl,-z,stack-size=1048576", "-Wl,--strip-debug", source, *extra, os.path.join(HERE, "c", "no_wasi.c"), "-lm", "-o", out)
    return out


def measure(host, mode, name, arg):
    line = json.loads(sh(host, mode, module(name), str(arg), str(REPEATS[mode])))
    return min(line["ms"][WARM_UP[mode]:]), line["result"]


def compare(hosts, mode, names, rounds):
    print(f"\n{mode}: processor time, ms" + " " * 12 + "".join(f"{e:>12}" for e in hosts) + "       ratio (median of rounds)")
    medians = []
    for name in names:
        times, ratios = {e: [] for e in hosts}, []
        for _ in range(rounds):
            results = set()
            for engine, host in hosts.items():
                ms, result = measure(host, mode, name, WORK.get(name, 1))
                times[engine].append(ms)
                results.add(result)
            if len(results) != 1:
                sys.exit(f"{name}: the engines' results differ: {results}")
            ratios.append(times["wrt"][-1] / times["wasmtime"][-1])
        medians.append(statistics.median(ratios))
        columns = "".join(f"{statistics.median(t):12.1f}" for t in times.values())
        print(f"  {name:<30}{columns}{medians[-1]:12.3f}   ({min(ratios):.3f} to {max(ratios):.3f})", flush=True)
    print(f"  {'geometric mean':<54}{math.exp(statistics.mean(map(math.log, medians))):12.3f}", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("dist")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default=",".join(WORK))
    parser.add_argument("--interrupts", action="store_true")
    args = parser.parse_args()
    if args.interrupts:
        os.environ["BENCH_INTERRUPTS"] = "1"
    names = args.only.split(",")
    os.makedirs(OUT, exist_ok=True)
    hosts = build_hosts(os.path.abspath(args.dist))
    for name in names:
        module(name)
    compare(hosts, "exec", names, args.rounds)
    compare(hosts, "compile", [n for n in COMPILE if n in names or n in MANY], args.rounds)


if __name__ == "__main__":
    main()
