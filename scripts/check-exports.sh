#!/usr/bin/env bash
# usage: check-exports.sh LIBDIR INCLUDEDIR
# Checks that the shared library exports exactly the functions that the header declares, has the right soname, and is below 12 MiB.
set -eu
lib=$1/libwrt.so inc=$2/wrt.h
nm -D --defined-only "$lib" | awk '$2 != "A" {print $3}' | sed 's/@.*//' | sort -u >"$1/.exports"
grep -oE '^[A-Za-z].*\bwrt_[a-z0-9_]+\(' "$inc" | grep -v typedef | grep -oE 'wrt_[a-z0-9_]+\($' | tr -d '(' | sort -u >"$1/.declared"
diff "$1/.declared" "$1/.exports" || { echo "declared (<) and exported (>) functions differ"; exit 1; }
readelf -d "$lib" | grep -q 'soname: \[libwrt.so.0\]' || { echo "no SONAME"; exit 1; }
readelf -d "$lib" | grep -q NODELETE || { echo "not marked nodelete"; exit 1; }
size=$(stat -Lc %s "$lib")
echo "$(wc -l <"$1/.exports") functions exported, $size bytes"
[ "$size" -le $((12 << 20)) ] || { echo "larger than 12 MiB"; exit 1; }
