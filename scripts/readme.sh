#!/usr/bin/env bash
# Follows "A first program" in README literally, with an empty home folder. The programs are README's C, C++ and CMake blocks, the commands
# its sh blocks. The first block of commands runs in the repository, the others in the folder of the programs.
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
# Writes each block of commands to a separate file, in README's order.
section | awk -v to="$work/commands" '/^```sh$/ {n++; on = 1; next} /^```$/ {on = 0} on {print > (to n)}'
{
  echo "set -eux; . '$work/commands1'; cd '$work/project'"
  for commands in "$work"/commands[2-9]; do echo ". '$commands'"; done
} >"$work/all"
env -i HOME="$work/home" PATH="$PATH" USER="$(id -un)" bash "$work/all" | tee "$work/output"
expected=$(section | grep -c '# prints 40 + 2 = 42$')
[ "$expected" -gt 0 ] && [ "$(grep -cx '40 + 2 = 42' "$work/output")" = "$expected" ]
echo "$expected programs of README print what it says"
