#!/usr/bin/env bash
# usage: link-shared.sh LIBWRT.A OUTDIR VERSION
# Links the shared library from the static archive. It exports only wrt_*, with a version node, and is never unloaded.
set -eu
archive=$1 out=$2 version=$3
here=$(cd "$(dirname "$0")/.." && pwd)
mkdir -p "$out"
so=$out/libwrt.so.$version
cc -shared -s -o "$so" -Wl,--whole-archive "$archive" -Wl,--no-whole-archive \
  -Wl,-soname,libwrt.so.0 -Wl,-z,nodelete -Wl,-z,relro,-z,now -Wl,--gc-sections \
  -Wl,--version-script="$here/packaging/wrt.map" -lgcc_s -lpthread -lm -ldl -lc
ln -sf "libwrt.so.$version" "$out/libwrt.so.0"
ln -sf libwrt.so.0 "$out/libwrt.so"
