#!/usr/bin/env bash
# usage: test.sh DIST
# All tests, step by step; every step's output is shown when it fails. Ends with one line that sums up: a step counts as the
# tests it says it ran ("N passed, N failed" as its last line), or else as one.
set -u
dist=$(cd "$1" && pwd)
cd "$(dirname "$0")/.."
passed=0 failed=0 log=target/test.log
step() { # name, command...
  local name=$1 start=$SECONDS ok=0 p=0 f=0
  shift
  "$@" >"$log" 2>&1 && ok=1
  if [[ $(tail -n 1 "$log") =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed$ ]]; then
    p=${BASH_REMATCH[1]} f=${BASH_REMATCH[2]}
  elif [ $ok = 1 ]; then
    p=1
  fi
  # A step that fails is never counted as passed, whatever it printed.
  [ $ok = 1 ] || [ "$f" -gt 0 ] || f=1
  passed=$((passed + p)) failed=$((failed + f))
  if [ "$f" = 0 ]; then
    echo "ok      $name ($((SECONDS - start)) s)  $(tail -n 1 "$log" | cut -c -90)"
  else
    echo "FAILED  $name ($((SECONDS - start)) s)"
    grep -vE '^test .* ok$' "$log" | tail -n 100
  fi
}
cargo_tests() {
  local ok=0
  cargo test --no-fail-fast && ok=1
  awk '/^test result/ {p += $4; f += $6} END {print p + 0 " passed, " f + 0 " failed"}' "$log"
  [ $ok = 1 ]
}
installed() {
  rm -rf target/prefix && bash scripts/install.sh "$dist" "$PWD/target/prefix" "$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)"
}
with_cmake() {
  rm -rf target/cmake && cmake -S examples-c -B target/cmake -DCMAKE_PREFIX_PATH="$PWD/target/prefix" && cmake --build target/cmake &&
    ctest --test-dir target/cmake --output-on-failure
}
# README's program, built by README's command against the installed library.
readme() {
  local out=target/readme
  mkdir -p "$out" && sed -n '/^```c$/,/^```$/p' README.md | sed '1d;$d' >"$out/hello.c" || return 1
  # shellcheck disable=SC2046
  cc -Wall -Wextra -Werror "$out/hello.c" $(PKG_CONFIG_PATH=$PWD/target/prefix/lib/pkgconfig pkg-config --cflags --libs wrt) -o "$out/hello" &&
    [ "$(LD_LIBRARY_PATH=$PWD/target/prefix/lib "$out/hello" | tee /dev/stderr)" = "40 + 2 = 42" ]
}
# The installed program finds the installed library.
installed_program() {
  [ "$(target/prefix/bin/wrt run --invoke add cli/guests/values.wat 40 2 | tee /dev/stderr)" = 42 ]
}
# A minimal toolchain comes without them.
if ! cargo fmt --version >/dev/null 2>&1 || ! cargo clippy --version >/dev/null 2>&1; then
  rustup component add rustfmt clippy >/dev/null 2>&1 || echo "no rustfmt or clippy, and rustup can not add them"
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
step "README's program" readme
step "Python, ctypes" python3 tests/ctypes_smoke.py "$dist/lib/libwrt.so"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
