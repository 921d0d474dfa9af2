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
mkdir -p "$real/npm"

# Nothing of the package's own is run but its compiler, and nothing that it depends on is fetched.
fetch() {
  [ -d "$moonbit" ] && return 0
  local name=${package#*/}-$version.tgz part=$real/npm/part
  rm -rf "$part" && mkdir "$part"
  echo "fetching $package@$version"
  if command -v npm >/dev/null; then
    (cd "$part" && timeout 300 npm pack --silent --ignore-scripts "$package@$version" >npm.log 2>&1 && mv ./*.tgz "$name")
  else
    curl -sSf -m 300 -o "$part/$name" "https://registry.npmjs.org/$package/-/$name" 2>/dev/null
  fi || return 1
  echo "$sum  $part/$name" | sha256sum -c --status || return 1
  tar -xzf "$part/$name" -C "$part" package/LICENSE package/dist/moonc-worker.js package/dist/moonpad-monaco.js &&
    mv "$part/package" "$moonbit" && rm -r "$part"
}

if ! command -v node >/dev/null; then
  echo "no node: MoonBit is left out"
  exit 0
elif ! fetch; then
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
