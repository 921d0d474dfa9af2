#!/usr/bin/env bash
# usage: moonbit.sh DIST
# Builds examples-c/run_real/moonbit.c and runs it: a Lisp written in MoonBit. MoonBit's compiler comes as an npm package;
# without node or the registry there is nothing to run.
set -eu
dist=$(cd "$1" && pwd)
cd "$(dirname "$0")/.."
real=$PWD/target/real src=examples-c/run_real
package=@moonbit/moonpad-monaco version=0.1.202602255
sum=d32579642863260f2fcf4fb24586d1ea59a6bfac0626f4761db45bb7fbe2d035
moonbit=$real/npm/moonpad-monaco-$version
. scripts/registry.sh

if ! command -v node >/dev/null; then
  echo "no node: MoonBit is left out"
  exit 0
elif ! npm_package $package $version $sum LICENSE dist/moonc-worker.js dist/moonpad-monaco.js; then
  echo "$package can not be fetched from the npm registry: MoonBit is left out"
  exit 0
elif ! [ "$real/lisp.wasm" -nt "$src/lisp.mbt" ]; then
  echo "compiling lisp.wasm"
  if ! node "$src/compile.mjs" "$moonbit" "$src/lisp.mbt" "$real/lisp.wasm" run; then
    echo "lisp.mbt did not compile: MoonBit is left out"
    exit 0
  fi
fi

cc -std=c11 -O2 -Wall -Wextra -Werror -I"$dist/include" "$src/moonbit.c" -L"$dist/lib" -lwrt -Wl,-rpath,"$dist/lib" \
  -o "$real/moonbit"
"$real/moonbit" "$real/lisp.wasm" 8
"$real/moonbit" "$real/lisp.wasm" 5 100
