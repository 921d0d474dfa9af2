#!/usr/bin/env bash
# usage: build-cli.sh DIST [OUT [FLAG...]]
# Builds the command-line program against the shared library in DIST. The program looks for the library in ../lib, relative to its own
# folder. The default of OUT is DIST/bin/wrt. Flags are passed to the compiler.
set -eu
dist=$(cd "$1" && pwd)
out=${2:-$dist/bin/wrt}
shift $(($# < 2 ? $# : 2))
cd "$(dirname "$0")/../cli"
mkdir -p "$(dirname "$out")"
cc -std=c11 -D_POSIX_C_SOURCE=200809L -O2 -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror -I"$dist/include" "$@" \
  ./*.c -L"$dist/lib" -lwrt -lm -lpthread -Wl,--enable-new-dtags,-rpath,'$ORIGIN/../lib' -Wl,-rpath-link,"$dist/lib" -o "$out"
