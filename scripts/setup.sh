#!/usr/bin/env bash
# Installs what running and testing need, where it is missing. Says what to do where it cannot. `make build` does not call it.
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
# Any version makes the real programs; 14 is what they were tried with.
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
      # Only real programs are made with these; without them the bundled ones run.
      # A system that does not have version 14 has the package without a number.
      $sudo apt-get install -y -qq --no-install-recommends "$p" >/dev/null 2>&1 ||
        $sudo apt-get install -y -qq --no-install-recommends "${p/-14/}" >/dev/null || echo "setup: no $p to be had; going on without" ;;
    *) $sudo apt-get install -y -qq --no-install-recommends "$p" >/dev/null ;;
  esac
done
