"""Hosts in C, and modules out of C and of text; made anew when a source is newer."""
import os, shutil

from . import peers


def older(out, inputs):
    return not os.path.exists(out) or any(os.path.getmtime(out) < os.path.getmtime(f) for f in inputs)


def host(family, engine, dist, as_name=None):
    """The program of `FAMILY_ENGINE.c`, linked with wrt of the folder `dist` or with the peer."""
    if engine == "wrt":
        include, library = os.path.join(dist, "include"), os.path.join(dist, "lib", "libwrt.so")
    else:
        include, library = peers.wasmtime_headers(), peers.wasmtime_library()
    out = os.path.join(peers.OUT, f"{family}_{as_name or engine}")
    peers.sh("cc", "-std=gnu11", "-O2", "-w", "-I" + include, os.path.join(peers.BENCHES, f"{family}_{engine}.c"), library, "-lpthread",
             "-Wl,-rpath," + os.path.dirname(library), "-o", out)
    return out


def hosts(family, bench):
    """Names and programs: wrt, other builds of it, Wasmtime."""
    return {**{name: host(family, "wrt", dist, name) for name, dist in bench.builds.items()}, "Wasmtime": host(family, "wasmtime", bench.dist)}


def copying():
    """Wasmtime's copying collector, as a crate: some minutes the first time."""
    target = os.path.join(peers.OUT, "host_copying")
    peers.sh("cargo", "build", "-q", "--release", "--locked", "--target-dir", target, cwd=os.path.join(peers.BENCHES, "host_copying"))
    return os.path.join(target, "release", "host_copying")


def c_module(name):
    """`c/NAME.c` as a module without imports."""
    source, without = (os.path.join(peers.BENCHES, "c", f) for f in (name + ".c", "no_wasi.c"))
    out = os.path.join(peers.OUT, name + ".wasm")
    if not older(out, [source]):
        return out
    extra = ["-msimd128"] if name == "simd" else []
    if name == "sqlite":
        root = peers.sqlite_sources()
        flags = "OS_OTHER=1 THREADSAFE=0 OMIT_LOAD_EXTENSION TEMP_STORE=3 ENABLE_FTS5 ENABLE_RTREE OMIT_WAL"
        extra = ["-I" + root, os.path.join(root, "sqlite3.c")] + ["-DSQLITE_" + f for f in flags.split()]
    peers.sh(shutil.which("clang-14") or "clang", "--target=wasm32-wasi", "-mexec-model=reactor", "-O2", "-w", "-DNDEBUG", "-mbulk-memory",
             "-msign-ext", "-mnontrapping-fptoint", "-Wl,-z,stack-size=1048576", "-Wl,--strip-debug", source, *extra, without, "-lm", "-o", out)
    return out


def written(name, content):
    """A module that a bench has made, as text or as bytes; unchanged if it is there."""
    out = os.path.join(peers.OUT, name)
    content = content.encode() if isinstance(content, str) else content
    if not os.path.exists(out) or open(out, "rb").read() != content:
        os.makedirs(os.path.dirname(out), exist_ok=True)
        with open(out, "wb") as f:
            f.write(content)
    return out
