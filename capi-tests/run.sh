#!/usr/bin/env bash
# usage: run.sh asan|valgrind DIST
# Builds every test here against the shared library in DIST and runs it, under AddressSanitizer and UBSan or Valgrind.
set -u
mode=$1 dist=$(cd "$2" && pwd)
cd "$(dirname "$0")"
out=../target/capi-$mode
mkdir -p "$out"
passed=0 failed=()
flags=(-g -O1 -Wall -Wextra -I"$dist/include")
libs=(-L"$dist/lib" -lwrt -lpthread)
# RUNPATH, over which LD_LIBRARY_PATH takes precedence.
libs+=(-Wl,--enable-new-dtags,-rpath,"$dist/lib")
[ "$mode" = asan ] && flags+=(-fsanitize=address,undefined -fno-sanitize-recover=all)
for source in *.c *.cpp; do
  name=${source%.*}
  case $source in
    *.c) compile=(gcc -std=gnu11 -pedantic) ;;
    *) compile=(g++ -std=c++17 -pedantic) ;;
  esac
  if [ "$mode" = valgrind ]; then
    export WRT_TEST_NO_SIGNALS=1
    # As in a user's program: the installed library, without symbols or suppressions.
    run=(valgrind -q --show-leak-kinds=definite,indirect --error-exitcode=9 --leak-check=full --errors-for-leak-kinds=definite,indirect)
  else
    # The library handles faults of machine code.
    export ASAN_OPTIONS=detect_leaks=1:allow_user_segv_handler=1:handle_segv=0:handle_sigill=0:handle_sigfpe=0
    run=()
  fi
  if "${compile[@]}" "${flags[@]}" "$source" "${libs[@]}" -o "$out/$name" && "${run[@]}" "$out/$name"; then
    passed=$((passed + 1))
  else
    failed+=("$name")
  fi
done
# The header requires only C99.
if echo '#include <wrt.h>' | gcc -std=c99 -pedantic -Wall -Wextra -Werror -I"$dist/include" -fsyntax-only -xc -; then
  passed=$((passed + 1))
else
  failed+=("the header as C99")
fi
[ ${#failed[@]} -eq 0 ] || echo "FAILED ($mode): ${failed[*]}"
echo "$passed passed, ${#failed[@]} failed"
[ ${#failed[@]} -eq 0 ]
