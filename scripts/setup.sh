#!/usr/bin/env bash
# Installs what building and testing need, where it is missing. Says what to do where it can not.
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
need python3 python3
need valgrind valgrind
need clang-14 clang-14
need wasm-ld-14 lld-14
[ -e /usr/include/wasm32-wasi/stdio.h ] || missing+=(wasi-libc)
ls /usr/lib/llvm-14/lib/clang/*/lib/wasi/libclang_rt.builtins-wasm32.a >/dev/null 2>&1 || missing+=(libclang-rt-14-dev-wasm32)
[ ${#missing[@]} -eq 0 ] && exit 0
echo "setup: installing ${missing[*]}"
sudo=
[ "$(id -u)" = 0 ] || sudo=sudo
if ! command -v apt-get >/dev/null 2>&1; then
  echo "setup: no apt-get here: install these yourself: ${missing[*]}" >&2
  exit 1
fi
$sudo apt-get update -qq || true
for p in "${missing[@]}"; do
  case $p in
    clang-14|lld-14|wasi-libc|libclang-rt-14-dev-wasm32)
      # Only real programs are made with these; without them the bundled ones run.
      $sudo apt-get install -y -qq --no-install-recommends "$p" >/dev/null || echo "setup: no $p to be had; going on without" ;;
    *) $sudo apt-get install -y -qq --no-install-recommends "$p" >/dev/null ;;
  esac
done
