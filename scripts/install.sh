#!/usr/bin/env bash
# usage: install.sh DIST PREFIX VERSION
set -eu
dist=$1 prefix=$2 version=$3
here=$(cd "$(dirname "$0")/.." && pwd)
install -d "$prefix/bin" "$prefix/include" "$prefix/lib/pkgconfig" "$prefix/lib/cmake/wrt"
install -m 644 "$dist/include/wrt.h" "$prefix/include/"
install -m 644 "$dist/lib/libwrt.a" "$prefix/lib/"
install -m 755 "$dist/lib/libwrt.so.$version" "$prefix/lib/"
install -m 755 "$dist/bin/wrt" "$prefix/bin/"
ln -sf "libwrt.so.$version" "$prefix/lib/libwrt.so.0"
ln -sf libwrt.so.0 "$prefix/lib/libwrt.so"
fill() { sed -e "s|@PREFIX@|$prefix|g" -e "s|@VERSION@|$version|g" "$1" >"$2"; }
fill "$here/packaging/wrt.pc.in" "$prefix/lib/pkgconfig/wrt.pc"
fill "$here/packaging/wrtConfig.cmake.in" "$prefix/lib/cmake/wrt/wrtConfig.cmake"
fill "$here/packaging/wrtConfigVersion.cmake.in" "$prefix/lib/cmake/wrt/wrtConfigVersion.cmake"
echo "installed into $prefix"
