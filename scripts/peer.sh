#!/usr/bin/env bash
# The second engine of the differential tests: Wasmtime's library from its Python package. Prints the path.
set -eu
cd "$(dirname "$0")/.."
real=$PWD/target/real
. scripts/registry.sh
version=50.0.1 file=wasmtime/linux-x86_64/_libwasmtime.so
mkdir -p "$real/pypi"
# The package comes from the network. The lock makes tests that run at the same time wait for each other.
exec 9>"$real/pypi/lock"
flock 9
pypi_package wasmtime $version cc14c3a17654e0394e0225b11813532ef0cd7bd1e222a0c5494cdedaabeddac4 $file >&2
echo "$real/pypi/wasmtime-$version/$file"
