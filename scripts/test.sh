#!/usr/bin/env bash
# usage: test.sh DIST
# All tests, step by step; every step's output is shown when it fails. Ends with one line that sums up.
set -u
dist=$(cd "$1" && pwd)
cd "$(dirname "$0")/.."
passed=0 failed=0 log=target/test.log
step() { # name, command...
  local name=$1
  shift
  local start=$SECONDS
  if "$@" >"$log" 2>&1; then
    passed=$((passed + 1))
    echo "ok      $name ($((SECONDS - start)) s)  $(tail -n 1 "$log" | cut -c -90)"
  else
    failed=$((failed + 1))
    echo "FAILED  $name ($((SECONDS - start)) s)"
    tail -n 100 "$log"
  fi
}
cargo_tests() {
  cargo test --no-fail-fast || return 1
  grep -E '^test result' "$log" | awk '{p += $4; f += $6} END {print p " tests passed, " f " failed"}'
}
installed() {
  rm -rf target/prefix && bash scripts/install.sh "$dist" "$PWD/target/prefix" "$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)"
}
with_cmake() {
  rm -rf target/cmake && cmake -S examples-c -B target/cmake -DCMAKE_PREFIX_PATH="$PWD/target/prefix" && cmake --build target/cmake &&
    ctest --test-dir target/cmake --output-on-failure
}
step "rustfmt" cargo fmt --check
step "clippy" cargo clippy --all-targets -- -D warnings
step "Rust tests" cargo_tests
step "exports" bash scripts/check-exports.sh "$dist/lib" "$dist/include"
step "install" installed
step "C tests, sanitizers" bash capi-tests/run.sh asan "$dist"
step "C tests, Valgrind" bash capi-tests/run.sh valgrind "$dist"
step "examples, plain cc" bash examples-c/run.sh "$PWD/target/prefix"
step "examples, CMake" with_cmake
step "Python, ctypes" python3 tests/ctypes_smoke.py "$dist/lib/libwrt.so"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
