#!/usr/bin/env bash
# usage: install.sh DIST PREFIX VERSION [DESTDIR]
# Installs what `make build` built. All installed files use paths relative to their own location, so the prefix can be moved afterwards.
set -eu
dist=$1 prefix=$2 version=$3 to=${4-}$2
here=$(cd "$(dirname "$0")/.." && pwd)
[ -e "$dist/lib/libwrt.so.$version" ] || { echo "install: nothing is built yet: run \`make build\` first" >&2; exit 1; }
install -d "$to/bin" "$to/include" "$to/lib/pkgconfig" "$to/lib/cmake/wrt"
install -m 644 "$dist/include/wrt.h" "$to/include/"
install -m 644 "$dist/lib/libwrt.a" "$to/lib/"
install -m 755 "$dist/lib/libwrt.so.$version" "$to/lib/"
install -m 755 "$dist/bin/wrt" "$to/bin/"
ln -sf "libwrt.so.$version" "$to/lib/libwrt.so.0"
ln -sf libwrt.so.0 "$to/lib/libwrt.so"
for template in wrt.pc wrt-static.pc; do
  sed "s|@VERSION@|$version|g" "$here/packaging/$template.in" >"$to/lib/pkgconfig/$template"
done
for template in wrtConfig.cmake wrtConfigVersion.cmake; do
  sed "s|@VERSION@|$version|g" "$here/packaging/$template.in" >"$to/lib/cmake/wrt/$template"
done
echo "installed into $prefix"
# The dynamic linker finds libraries in system folders through its cache.
if [ -z "${4-}" ] && [ "$(id -u)" = 0 ] && command -v ldconfig >/dev/null; then
  case $prefix in /usr | /usr/local) ldconfig ;; esac
fi
