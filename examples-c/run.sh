#!/usr/bin/env bash
# usage: run.sh PREFIX
# Builds every example with plain cc against the library installed in PREFIX, runs it, and compares what it prints.
set -eu
prefix=$1
cd "$(dirname "$0")"
out=../target/examples-c
mkdir -p "$out"
for source in [0-9]*.c; do
  name=${source%.c}
  cc -std=gnu11 -O1 -Wall -Wextra -Werror "$source" -I"$prefix/include" -L"$prefix/lib" -lwrt -lpthread \
    -Wl,-rpath,"$prefix/lib" -o "$out/$name"
  echo "== $name"
  "$out/$name"
done >"$out/output.txt"
diff expected.txt "$out/output.txt"
echo "$(grep -c '^==' expected.txt) examples print what they should"
