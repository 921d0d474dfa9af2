#!/usr/bin/env bash
# Tests installation: without cargo, into a staging folder; a prefix that is moved and has blanks in its name; a static link into a
# plugin, which exports nothing of the library; and an uninstall that leaves no file.
set -eu
cd "$(dirname "$0")/.."
work=$PWD/target/packaging
rm -rf "$work" && mkdir -p "$work/bin"
passed=0 failed=0
holds() { # name, command...
  local name=$1
  shift
  if "$@" >"$work/out.txt" 2>&1; then passed=$((passed + 1)); else failed=$((failed + 1)) && echo "FAILED $name" && cat "$work/out.txt"; fi
}
# The only programs that installing, and building a C program, may use.
for tool in bash sh env make sed head install ln rm rmdir id cat dirname cc gcc as ld collect2 pkg-config uname; do
  found=$(command -v $tool || true)
  [ -z "$found" ] || ln -s "$found" "$work/bin/$tool"
done
staged() { env PATH="$work/bin" make -s install PREFIX="/opt/a prefix" DESTDIR="$work/stage"; }
holds "installing without cargo into a staging folder" staged
prefix="$work/moved to here/prefix"
mkdir -p "${prefix%/*}" && mv "$work/stage/opt/a prefix" "$prefix"
holds "nothing else was installed" test -z "$(find "$work/stage" -type f)"
holds "no file names a prefix" sh -c "! grep -rIl '$work/stage\\|/opt/a' '$prefix'"

cat >"$work/use.c" <<'C'
#include <wrt.h>
#include <stdio.h>
int use(void);
int use(void) { return puts(wrt_version_string()); }
C
printf 'int use(void);\nint main(void) { return use() < 0; }\n' >"$work/main.c"
export PKG_CONFIG_PATH=$prefix/lib/pkgconfig
# pkg-config quotes its output for a shell, hence eval.
with() { eval "cc $1 $(pkg-config --cflags --libs "$2")"; }
shared() {
  with "'$work/main.c' '$work/use.c' -o '$work/shared'" wrt && LD_LIBRARY_PATH=$prefix/lib "$work/shared" && "$prefix/bin/wrt" --version
}
holds "a moved prefix with blanks, shared" shared
static() {
  with "'$work/main.c' '$work/use.c' -o '$work/static'" wrt-static && "$work/static" && ! ldd "$work/static" | grep libwrt
}
holds "a moved prefix with blanks, static" static
plugin() {
  with "-shared -fPIC '$work/use.c' -o '$work/plugin.so'" wrt-static
  [ "$(nm -D --defined-only "$work/plugin.so" | awk '{print $3}')" = use ]
}
holds "a plugin with the static library exports its own function only" plugin
# Two plugins, each with its own copy of the library as from two vendors, work in one process.
twice() {
  sed 's/\buse\b/other/g' "$work/use.c" >"$work/other.c"
  printf 'int use(void); int other(void);\nint main(void) { return use() < 0 || other() < 0; }\n' >"$work/both.c"
  with "-shared -fPIC '$work/other.c' -o '$work/other.so'" wrt-static && cc "$work/both.c" "$work/plugin.so" "$work/other.so" -o "$work/both" &&
    "$work/both"
}
holds "two such plugins in one process" twice
cmake_moved() {
  mkdir -p "$work/cmake" && printf '%s\n' 'cmake_minimum_required(VERSION 3.18)' 'project(p C)' 'find_package(wrt REQUIRED)' \
    'add_executable(a ../main.c ../use.c)' 'target_link_libraries(a wrt::wrt)' 'add_executable(b ../main.c ../use.c)' \
    'target_link_libraries(b wrt::static)' >"$work/cmake/CMakeLists.txt"
  cmake -S "$work/cmake" -B "$work/cmake/build" -DCMAKE_PREFIX_PATH="$prefix" && cmake --build "$work/cmake/build" &&
    "$work/cmake/build/a" && "$work/cmake/build/b"
}
holds "CMake finds the moved prefix, shared and static" cmake_moved
removed() { make -s uninstall PREFIX="$prefix" && [ -z "$(find "$prefix" ! -type d)" ]; }
holds "uninstall leaves no file" removed
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
