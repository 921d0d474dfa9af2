"""Builds C hosts, and modules from C and from text; rebuilds them if a source is newer."""
import os, shutil

from . import peers


# Functions that older builds of wrt, measured next to the newest, may lack: the hosts' macro, and the function.
HAVE = {"HAVE_POOL": "wrt_config_set_pool", "HAVE_RELEASE": "wrt_instance_release", "HAVE_FEATURES": "wrt_config_set_feature",
        "HAVE_BACKGROUND": "wrt_config_set_background"}


def older(out, inputs):
    return not os.path.exists(out) or any(os.path.getmtime(out) < os.path.getmtime(f) for f in inputs)


def library(engine, dist):
    """The folder of an engine's headers, and its shared library."""
    if engine == "wrt":
        return os.path.join(dist, "include"), os.path.join(dist, "lib", "libwrt.so")
    return peers.wasmtime_headers(), peers.wasmtime_library()


def has(dist, function):
    with open(os.path.join(dist, "include", "wrt.h")) as f:
        return function in f.read()


def host(family, engine, dist=None, as_name=None):
    """The program of `FAMILY_ENGINE.c`, linked with wrt of the folder `dist`, with the peer, or (native) with no engine."""
    out = os.path.join(peers.OUT, f"{family}_{(as_name or engine).replace(' ', '_')}")
    link = []
    if engine != "native":
        include, shared = library(engine, dist)
        link = ["-I" + include, shared, "-Wl,-rpath," + os.path.dirname(shared)]
    have = [f"-D{macro}" for macro, function in HAVE.items() if engine == "wrt" and has(dist, function)]
    peers.sh("cc", "-std=gnu11", "-O2", "-w", *have, os.path.join(peers.BENCHES, f"{family}_{engine}.c"), *link, "-lpthread", "-o", out)
    return out


def hosts(family, bench):
    """Names and programs: wrt, other builds of it, Wasmtime."""
    return {**{name: host(family, "wrt", dist, name) for name, dist in bench.builds.items()}, "Wasmtime": host(family, "wasmtime", bench.dist)}


def js_host(family, engine="node"):
    """The command that starts `FAMILY_js.mjs`; the engine is a file of an npm package."""
    script = os.path.join(peers.BENCHES, family + "_js.mjs")
    return [peers.npm("node"), "--no-warnings", script] if engine == "node" else [peers.npm("deno"), "run", "-A", script]


def copying():
    """The host for Wasmtime's copying collector, as a crate. Takes some minutes the first time."""
    target = os.path.join(peers.OUT, "host_copying")
    peers.sh("cargo", "build", "-q", "--release", "--locked", "--target-dir", target, cwd=os.path.join(peers.BENCHES, "host_copying"))
    return os.path.join(target, "release", "host_copying")


# For all modules compiled from C.
CLANG = ["-O2", "-w", "-DNDEBUG", "-mbulk-memory", "-msign-ext", "-mnontrapping-fptoint", "-Wl,-z,stack-size=1048576", "-Wl,--strip-debug"]


def c_module(name, wasi=False, wide=False):
    """Compiles `c/NAME.c` to a module, without imports unless it is for WASI. `wide`: with 64-bit addresses, and without a C library."""
    folder = os.path.join(peers.BENCHES, "c")
    source, out = os.path.join(folder, name + ".c"), os.path.join(peers.OUT, name + ("64" if wide else "") + ".wasm")
    if not older(out, [source]):
        return out
    clang = shutil.which("clang-14") or "clang"
    if wide:
        peers.sh(clang, "--target=wasm64", "-nostdlib", "-ffreestanding", *CLANG, "-Wl,--no-entry", source, "-o", out)
        return out
    extra = [] if wasi else [os.path.join(folder, "no_wasi.c")]
    if name == "simd":
        extra += ["-msimd128"]
    if name == "sqlite":
        root = peers.sqlite_sources()
        flags = "OS_OTHER=1 THREADSAFE=0 OMIT_LOAD_EXTENSION TEMP_STORE=3 ENABLE_FTS5 ENABLE_RTREE OMIT_WAL"
        extra += ["-I" + root, os.path.join(root, "sqlite3.c")] + ["-DSQLITE_" + f for f in flags.split()]
    peers.sh(clang, "--target=wasm32-wasi", "-mexec-model=reactor", *CLANG, source, *extra, "-lm", "-o", out)
    return out


def written(name, content):
    """Writes a module that a benchmark has generated, as text or as bytes; keeps an existing file that is equal."""
    out = os.path.join(peers.OUT, name)
    content = content.encode() if isinstance(content, str) else content
    if not os.path.exists(out) or open(out, "rb").read() != content:
        os.makedirs(os.path.dirname(out), exist_ok=True)
        with open(out, "wb") as f:
            f.write(content)
    return out
