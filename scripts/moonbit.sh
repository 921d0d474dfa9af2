#!/usr/bin/env bash
# usage: moonbit.sh DIST
# Builds examples-c/run_real/moonbit.c and runs it: a Lisp written in MoonBit. MoonBit's compiler is an npm package; without node or the
# package this is skipped.
set -eu
dist=$(cd "$1" && pwd)
cd "$(dirname "$0")/.."
real=$PWD/target/real src=examples-c/run_real
package=@moonbit/moonpad-monaco version=0.1.202602255
sum=d32579642863260f2fcf4fb24586d1ea59a6bfac0626f4761db45bb7fbe2d035
moonbit=$real/npm/moonpad-monaco-$version
. scripts/registry.sh
. scripts/tally.sh

if ! command -v node >/dev/null; then
  record skipped MoonBit "no node"
  exit 0
elif ! npm_package $package $version $sum LICENSE dist/moonc-worker.js dist/moonpad-monaco.js; then
  record skipped MoonBit "$package cannot be fetched"
  exit 0
elif ! [ "$real/lisp.wasm" -nt "$src/lisp.mbt" ]; then
  echo "compiling lisp.wasm"
  node "$src/compile.mjs" "$moonbit" "$src/lisp.mbt" "$real/lisp.wasm" run
fi

cc -std=c11 -O2 -Wall -Wextra -Werror -I"$dist/include" "$src/moonbit.c" -L"$dist/lib" -lwrt -Wl,-rpath,"$dist/lib" \
  -o "$real/moonbit"
"$real/moonbit" "$real/lisp.wasm" 8
"$real/moonbit" "$real/lisp.wasm" 5 100
record passed MoonBit
