#!/usr/bin/env bash
# usage: test.sh DIST
# All tests, step by step (scripts/steps.sh describes the counts).
set -u
dist=$(cd "$1" && pwd)
cd "$(dirname "$0")/.."
log=target/test.log
. scripts/steps.sh
cargo_tests() {
  local ok=0
  cargo test --no-fail-fast && ok=1
  awk '/^test result/ {p += $4; f += $6; s += $8} /^SKIPPED: / {names = names (names ? ", " : ": ") substr($0, 10)}
    END {printf "%d passed, %d failed, %d skipped%s\n", p, f, s, names}' "$log"
  [ $ok = 1 ]
}
installed() {
  rm -rf target/prefix && make -s install PREFIX="$PWD/target/prefix"
}
with_cmake() {
  rm -rf target/cmake && cmake -S examples-c -B target/cmake -DCMAKE_PREFIX_PATH="$PWD/target/prefix" && cmake --build target/cmake &&
    ctest --test-dir target/cmake --output-on-failure
}
# The installed program finds the installed library.
installed_program() {
  [ "$(target/prefix/bin/wrt run --invoke add cli/guests/values.wat 40 2 | tee /dev/stderr)" = 42 ]
}
# A minimal toolchain does not include these components.
if ! cargo fmt --version >/dev/null 2>&1 || ! cargo clippy --version >/dev/null 2>&1; then
  rustup component add rustfmt clippy >/dev/null 2>&1 || echo "no rustfmt or clippy, and rustup cannot add them"
fi
step "rustfmt" cargo fmt --check
step "clippy" cargo clippy --all-targets -- -D warnings
step "Rust tests" cargo_tests
step "exports" bash scripts/check-exports.sh "$dist/lib" "$dist/include"
step "install" installed
step "C tests, sanitizers" bash capi-tests/run.sh asan "$dist"
step "C tests, Valgrind" bash capi-tests/run.sh valgrind "$dist"
step "command line, sanitizers" bash cli/test.sh "$dist"
step "snippets of the guide" bash capi-tests/snippets.sh "$dist"
step "examples, plain cc" bash examples-c/run.sh "$PWD/target/prefix"
step "examples, CMake" with_cmake
step "real programs" bash scripts/run.sh "$dist"
step "installed program" installed_program
step "README's commands" bash scripts/readme.sh
step "packaging" bash scripts/packaging-test.sh
step "Python, ctypes" python3 tests/ctypes_smoke.py "$dist/lib/libwrt.so"
step "Python, faulthandler" python3 tests/faulthandler_smoke.py "$dist/lib/libwrt.so"
step "outputs of all functions" python3 tests/ctypes_outputs.py "$dist/lib/libwrt.so" "$dist/include/wrt.h"
sum_up
