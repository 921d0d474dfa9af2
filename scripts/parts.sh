#!/usr/bin/env bash
# usage: parts.sh
# Builds the library without each of the parts that a build can leave out, and without all of them; checks that what is there works and that
# what is not fails with a clear error; and prints the sizes of the shared libraries. Ends with "N passed, N failed".
set -u
cd "$(dirname "$0")/.."
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
out=target/parts
passed=0 failed=0
# The crate's features, and the names by which wrt_has_feature knows them.
declare -A name=([baseline]=baseline [text]=wat [wasi]=wasi)
try() { # a description, then the features that are in the build
  local what=$1 names=() features=allocator part
  shift
  for part; do features+=,$part names+=("${name[$part]}"); done
  if CARGO_TARGET_DIR=$out cargo build -q --release --lib --no-default-features --features "$features" &&
    bash scripts/link-static.sh $out/release/libwrt.a $out/lib && bash scripts/link-shared.sh $out/lib/libwrt.a $out/lib "$version" &&
    bash scripts/check-exports.sh $out/lib include >/dev/null &&
    cc -std=c99 -Wall -Wextra -Iinclude packaging/parts.c -o $out/parts -L$out/lib -lwrt "-Wl,-rpath,$PWD/$out/lib" &&
    $out/parts "${names[@]}"; then
    passed=$((passed + 1))
    printf '%-28s %9d bytes\n' "$what" "$(stat -c %s "$out/lib/libwrt.so.$version")"
  else
    failed=$((failed + 1))
    echo "FAILED $what"
  fi
}
try "everything" baseline text wasi
try "no baseline compiler" text wasi
try "no text format" baseline wasi
try "no WASI" baseline text
try "none of them"
echo "$passed passed, $failed failed"
[ $failed = 0 ]
