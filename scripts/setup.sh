#!/usr/bin/env bash
# Installs missing programs that running and testing need. If it cannot, it says what to install. `make build` does not call it.
set -eu
missing=()
need() { # program, package
  command -v "$1" >/dev/null 2>&1 || missing+=("$2")
}
command -v cargo >/dev/null 2>&1 || { echo "setup: no cargo: install a Rust toolchain (rustc 1.95 or newer) first" >&2; exit 1; }
need gcc gcc
need g++ g++
need make make
need cmake cmake
need pkg-config pkg-config
need python3 python3
need valgrind valgrind
# The real programs can be compiled with any version; they were tried with 14.
if ! command -v clang >/dev/null 2>&1; then need clang-14 clang-14; fi
need node nodejs
if ! command -v wasm-ld >/dev/null 2>&1; then need wasm-ld-14 lld-14; fi
[ -e /usr/include/wasm32-wasi/stdio.h ] || missing+=(wasi-libc)
ls /usr/lib/llvm-*/lib/clang/*/lib/wasi/libclang_rt.builtins-wasm32.a >/dev/null 2>&1 || missing+=(libclang-rt-14-dev-wasm32)
[ ${#missing[@]} -eq 0 ] && exit 0
echo "setup: installing ${missing[*]}"
sudo=
if [ "$(id -u)" != 0 ]; then
  command -v sudo >/dev/null 2>&1 || { echo "setup: neither root nor sudo: install these yourself: ${missing[*]}" >&2; exit 1; }
  sudo=sudo
fi
if ! command -v apt-get >/dev/null 2>&1; then
  echo "setup: no apt-get here: install these yourself: ${missing[*]}" >&2
  exit 1
fi
$sudo apt-get update -qq || true
for p in "${missing[@]}"; do
  case $p in
    clang-14|lld-14|wasi-libc|libclang-rt-14-dev-wasm32|nodejs)
      # Only the real programs need these; without them only the bundled ones run.
      # On a system without version 14, the package's name has no number.
      $sudo apt-get install -y -qq --no-install-recommends "$p" >/dev/null 2>&1 ||
        $sudo apt-get install -y -qq --no-install-recommends "${p/-14/}" >/dev/null || echo "setup: no $p to be had; going on without" ;;
    *) $sudo apt-get install -y -qq --no-install-recommends "$p" >/dev/null ;;
  esac
done
