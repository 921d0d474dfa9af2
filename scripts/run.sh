#!/usr/bin/env bash
# usage: run.sh DIST
# Builds and runs examples-c/run_real. SQLite and zlib are C sources from crates, which are compiled to WebAssembly here; without a
# registry or a compiler for wasm32-wasi they are skipped, and only the bundled modules run. Then runs a program in a language that
# compiles to WebAssembly GC objects (moonbit.sh), and WASI programs (wasi-programs.sh). The last line counts the programs and names those
# that were skipped.
set -eu
dist=$(cd "$1" && pwd)
cd "$(dirname "$0")/.."
real=$PWD/target/real src=examples-c/run_real
sqlite=libsqlite3-sys-0.39.1 zlib=libz-sys-1.1.31
clang=$(command -v clang-14 || command -v clang || true)
mkdir -p "$real/src"
export tally=$real/tally.txt
: >"$tally"
. scripts/registry.sh
. scripts/tally.sh

fetch() {
  [ -d "$real/vendor/$sqlite" ] && [ -d "$real/vendor/$zlib" ] && return 0
  # This package is never built; it exists only because cargo vendor needs one. It is a separate workspace, not part of ours.
  printf '%s\n' '[package]' 'name = "sources"' 'version = "0.0.0"' 'edition = "2021"' '[dependencies]' \
    "libsqlite3-sys = \"=${sqlite##*-}\"" "libz-sys = \"=${zlib##*-}\"" '[workspace]' >"$real/Cargo.toml"
  : >"$real/src/lib.rs"
  echo "fetching $sqlite and $zlib"
  three_tries vendor
}
vendor() { (cd "$real" && timeout 300 cargo vendor -q --versioned-dirs vendor >/dev/null 2>vendor.log); }

# wasm NAME FLAG-OR-SOURCE...: compiles a module without imports, unless it exists and is newer than its guest source.
wasm() {
  local out=$real/$1.wasm guest=$src/$1_guest.c
  shift
  [ "$out" -nt "$guest" ] && return 0
  echo "compiling $(basename "$out")"
  "$clang" --target=wasm32-wasi -mexec-model=reactor -O2 -w -mbulk-memory -msign-ext -mnontrapping-fptoint \
    -Wl,--strip-debug -Wl,-z,stack-size=1048576 "$guest" "$@" -o "$out.part" && mv "$out.part" "$out"
}

# program NAME FLAG-OR-SOURCE...: compiles a module, and records success or failure.
program() {
  if wasm "$@"; then record passed "$1 compiled"; else record failed "$1"; fi
}

if [ -z "$clang" ] || [ ! -e /usr/include/wasm32-wasi/stdlib.h ]; then
  record skipped zlib "no clang with wasi-libc"
  record skipped SQLite "no clang with wasi-libc"
elif ! fetch; then
  why="the crates cannot be fetched ($(grep -m 1 ^error "$real/vendor.log"))"
  record skipped zlib "$why"
  record skipped SQLite "$why"
else
  s=$real/vendor/$sqlite/sqlite3 z=$real/vendor/$zlib/src/zlib
  program zlib -I"$z" "$z"/{adler32,compress,crc32,deflate,inffast,inflate,inftrees,trees,uncompr,zutil}.c
  program sqlite -I"$s" -DSQLITE_OS_OTHER=1 -DSQLITE_THREADSAFE=0 -DSQLITE_OMIT_LOAD_EXTENSION -DSQLITE_TEMP_STORE=3 \
    -DSQLITE_OMIT_WAL "$s/sqlite3.c"
fi

cc -std=c11 -O2 -Wall -Wextra -Werror -D_POSIX_C_SOURCE=200809L -I"$dist/include" "$src/main.c" -L"$dist/lib" -lwrt \
  -Wl,-rpath,"$dist/lib" -o "$real/run_real"
if "$real/run_real" "$real" "$src"; then record passed "programs inside a C program"; else record failed "programs inside a C program"; fi
bash scripts/moonbit.sh "$dist" || record failed MoonBit
bash scripts/wasi-programs.sh "$dist" || record failed "WASI programs"
echo
summary
