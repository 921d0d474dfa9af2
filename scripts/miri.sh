#!/usr/bin/env bash
# usage: miri.sh
# Runs Miri, an interpreter that finds undefined behavior, on the unit tests that need neither machine code nor reserved address space:
# src/base, src/wasm, src/abi, and the heap alone (src/gc). Ends with "N passed, M failed", or, if Miri is not available, with
# "0 passed, 0 failed, 1 skipped: Miri (WHY)".
set -u
cd "$(dirname "$0")/.."
toolchain=${WRT_MIRI_TOOLCHAIN:-nightly}
skip() {
  echo "SKIPPED: Miri did not run: $*" >&2
  echo "0 passed, 0 failed, 1 skipped: Miri ($*)"
  exit 0
}
command -v rustup >/dev/null || skip "there is no rustup"
rustup run "$toolchain" rustc --version >/dev/null 2>&1 || skip "there is no toolchain '$toolchain' (rustup toolchain install $toolchain)"
if ! rustup run "$toolchain" cargo miri --version >/dev/null 2>&1; then
  rustup component add miri rust-src --toolchain "$toolchain" >/dev/null 2>&1 ||
    skip "rustup cannot add it (rustup component add miri rust-src --toolchain $toolchain)"
fi
# A separate folder: the different flags would otherwise cause everything to be rebuilt.
export CARGO_TARGET_DIR=target/miri
cargo "+$toolchain" miri setup >/dev/null 2>&1 || skip "its standard library cannot be built (cargo +$toolchain miri setup)"
# No isolation: the tests read the clock and the page size. No leak check: the memory that replaces mappings is never freed. Tree borrows:
# a type's descriptor extends beyond its struct.
export MIRIFLAGS="-Zmiri-disable-isolation -Zmiri-ignore-leaks -Zmiri-tree-borrows"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# Two tests of safe code would take most of the time: one tries very many sets of numbers, the other parses a lot of text.
cargo "+$toolchain" miri test --lib --no-fail-fast -- base:: wasm:: gc:: abi:: --skip sets_are_closed --skip what_is_printed_is_parsed 2>&1 | tee "$log"
ok=${PIPESTATUS[0]}
awk '/^test result/ {p += $4; f += $6} END {print p + 0 " passed, " f + 0 " failed"}' "$log"
# It is a failure if no test ran.
[ "$ok" = 0 ] && grep -q '^test result: ok. [1-9]' "$log"
