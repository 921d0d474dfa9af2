# For other scripts: what comes out of package registries, checked and kept in $real. Nothing that a package brings is run
# when it is fetched, and nothing that it depends on comes with it.

# npm_package PACKAGE VERSION SHA256 FILE...: these files of a package, in $real/npm/NAME-VERSION.
npm_package() {
  local package=$1 version=$2 sum=$3 name=${1#*/} part=$real/npm/part
  local to=$real/npm/$name-$version
  shift 3
  [ -d "$to" ] && return 0
  rm -rf "$part" && mkdir -p "$part"
  echo "fetching $package@$version"
  if command -v npm >/dev/null; then
    (cd "$part" && timeout 600 npm pack --silent --ignore-scripts --fetch-retries=1 --fetch-retry-maxtimeout=5000 "$package@$version" >npm.log 2>&1 && mv ./*.tgz package.tgz)
  else
    curl -sSf -m 600 -o "$part/package.tgz" "https://registry.npmjs.org/$package/-/$name-$version.tgz" 2>/dev/null
  fi || return 1
  echo "$sum  $part/package.tgz" | sha256sum -c --status || { echo "$package@$version has another checksum" && return 1; }
  tar -xzf "$part/package.tgz" -C "$part" "${@/#/package/}" && mv "$part/package" "$to" && rm -r "$part"
}

# pypi_package PACKAGE VERSION SHA256 FILE...: these files of a wheel, in $real/pypi/PACKAGE-VERSION; what ends with / is a folder.
pypi_package() {
  local package=$1 version=$2 sum=$3 part=$real/pypi/part
  local to=$real/pypi/$package-$version
  shift 3
  [ -d "$to" ] && (cd "$to" && ls -d "$@" >/dev/null 2>&1) && return 0
  rm -rf "$part" "$to" && mkdir -p "$part/files"
  echo "fetching $package==$version"
  (cd "$part" && timeout 600 python3 -m pip download -q --retries 1 --no-deps --only-binary :all: "$package==$version" >pip.log 2>&1 &&
    mv ./*.whl package.whl) || return 1
  echo "$sum  $part/package.whl" | sha256sum -c --status || { echo "$package==$version has another checksum" && return 1; }
  python3 -c 'import sys, zipfile
z = zipfile.ZipFile(sys.argv[1])
wanted = sys.argv[3:]
z.extractall(sys.argv[2], [n for n in z.namelist() if any(n == w or w.endswith("/") and n.startswith(w) for w in wanted)])' "$part/package.whl" "$part/files" "$@" && mv "$part/files" "$to" && rm -r "$part"
}
