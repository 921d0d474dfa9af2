#!/usr/bin/env bash
# usage: link-static.sh LIBWRT.A OUTDIR
# Builds the static library that is installed: one object, with only wrt_* as global symbols. With cargo's own archive, a plugin would
# export thousands of symbols of Rust's libraries, and no program could contain two such archives.
set -eu
archive=$1 out=$2
mkdir -p "$out"
part=$out/libwrt.part.o
mapfile -t roots < <(nm -g --defined-only "$archive" 2>/dev/null | awk '$3 ~ /^wrt_/ {print "-u"; print $3}')
ld -r --gc-sections "${roots[@]}" "$archive" -o "$part"
# The linker concatenates the bitcode sections of Rust's libraries. The result is not valid bitcode, and other tools would fail on it.
objcopy --wildcard --keep-global-symbol='wrt_*' --strip-unneeded -R .llvmbc -R .llvmcmd "$part"
rm -f "$out/libwrt.a"
ar rcs "$out/libwrt.a" "$part"
rm "$part"
