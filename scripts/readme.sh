#!/usr/bin/env bash
# Does what README says under "A first program", to the letter, as somebody with an empty home folder: the programs are README's blocks
# of C, C++ and CMake, the commands its blocks of sh. The first commands run in this folder, the others where the programs are.
set -eu
cd "$(dirname "$0")/.."
readme=$PWD/README.md
work=$PWD/target/readme
rm -rf "$work" && mkdir -p "$work/home" "$work/project"
section() { sed -n '/^## A first program$/,/^## /p' "$readme"; }
block() { section | sed -n "/^\`\`\`$1\$/,/^\`\`\`\$/p" | grep -v '^```'; }
block c >"$work/project/hello.c"
block cpp >"$work/project/hello.cpp"
block cmake >"$work/project/CMakeLists.txt"
# Every block of commands in a file of its own, in README's order.
section | awk -v to="$work/commands" '/^```sh$/ {n++; on = 1; next} /^```$/ {on = 0} on {print > (to n)}'
{
  echo "set -eux; . '$work/commands1'; cd '$work/project'"
  for commands in "$work"/commands[2-9]; do echo ". '$commands'"; done
} >"$work/all"
env -i HOME="$work/home" PATH="$PATH" USER="$(id -un)" bash "$work/all" | tee "$work/output"
expected=$(section | grep -c '# prints 40 + 2 = 42$')
[ "$expected" -gt 0 ] && [ "$(grep -cx '40 + 2 = 42' "$work/output")" = "$expected" ]
echo "$expected programs of README print what it says"
