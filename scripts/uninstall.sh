#!/usr/bin/env bash
# usage: uninstall.sh PREFIX [DESTDIR]
# Removes the files that install.sh installed, and the folders that only they use.
set -eu
from=${2-}$1
rm -f "$from/bin/wrt" "$from/include/wrt.h" "$from/lib/libwrt.a" "$from"/lib/libwrt.so* "$from/lib/pkgconfig/wrt.pc" \
  "$from/lib/pkgconfig/wrt-static.pc" "$from/lib/cmake/wrt/wrtConfig.cmake" "$from/lib/cmake/wrt/wrtConfigVersion.cmake"
[ ! -d "$from/lib/cmake/wrt" ] || rmdir --ignore-fail-on-non-empty "$from/lib/cmake/wrt"
echo "removed from $1"
