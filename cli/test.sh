#!/usr/bin/env bash
# usage: test.sh DIST
# Tests the command-line program, used correctly and incorrectly. Every case runs with the program in DIST and with one that is built
# here under AddressSanitizer and UBSan. Ends with "N passed, M failed".
set -u
dist=$(cd "$1" && pwd)
cd "$(dirname "$0")"
here=$PWD work=$here/../target/cli
rm -rf "$work" && mkdir -p "$work/asan"
work=$(cd "$work" && pwd)
ln -s "$dist/lib" "$work/asan/lib"
bash ../scripts/build-cli.sh "$dist" "$work/asan/bin/wrt" -g -O1 -fsanitize=address,undefined -fno-sanitize-recover=all || exit 1
# The library handles faults of machine code. Nothing is deleted at the end of a run, but it all stays reachable, so it is no leak.
export ASAN_OPTIONS=detect_leaks=1:allow_user_segv_handler=1:handle_segv=0:handle_sigill=0:handle_sigfpe=0:exitcode=99
g=$here/guests
passed=0 failed=0 label=
cd "$work" || exit 1

fail() {
  failed=$((failed + 1))
  echo "FAILED ($label) $1"
  sed 's/^/    /' out.txt | head -n 20
}

# check STATUS PATTERN [ARG...]: wrt with these arguments exits with this status (or one of several: "63|76"), and its output (both streams)
# matches the pattern, an extended regular expression. Lines are separated by "|". "!PATTERN": the output does not match.
check() {
  local status=$1 pattern=$2 got=0 all
  shift 2
  timeout 60 wrt "$@" >out.txt 2>&1 </dev/null || got=$?
  verdict "$status" "$got" "$pattern" "wrt $*"
}
# piped INPUT STATUS PATTERN [ARG...]: the same, with a file as standard input.
piped() {
  local input=$1 status=$2 pattern=$3 got=0
  shift 3
  timeout 60 wrt "$@" >out.txt 2>&1 <"$input" || got=$?
  verdict "$status" "$got" "$pattern" "wrt $* <$input"
}
verdict() { # expected status, status, pattern, name
  local all
  all=$(tr '\0\n' '||' <out.txt)
  if ! [[ $2 =~ ^($1)$ ]]; then
    fail "$4: status $2, not $1"
  elif [[ $3 == !* ]]; then
    if grep -qE -- "${3#!}" <<<"$all"; then fail "$4: has ${3#!}"; else passed=$((passed + 1)); fi
  elif ! grep -qE -- "$3" <<<"$all"; then
    fail "$4: has not $3"
  else
    passed=$((passed + 1))
  fi
}
# holds NAME COMMAND...: passes if the command succeeds.
holds() {
  local name=$1
  shift
  if "$@" >out.txt 2>&1; then passed=$((passed + 1)); else fail "$name"; fi
}

make_files() {
  mkdir -p dir/sub
  echo content >dir/file.txt
  echo outside >outside.txt
  ln -sf ../outside.txt dir/link.txt
  : >empty.wasm
  echo 'hello world' >junk
  printf '\0asm\x0d\0\1\0' >component.wasm
  # (func (result i32) (i64.const 1))
  printf '\0asm\1\0\0\0\1\5\1\x60\0\1\x7f\3\2\1\0\x0a\6\1\4\0\x42\1\x0b' >invalid.wasm
  head -c 20 invalid.wasm >cut.wasm
  printf '(module\n  (func $f (result i32)\n    (banana)))\n' >banana.wat
  printf '(module (func (export "f")\n (drop (i64.eqz (i32.const 1)))))' >type.wat
  printf '(module (func (export "f") (result i32)\n (i64.const 1)))' >end.wat
  printf '(module (func (export "f")) (func (export "f")))' >twice.wat
  printf '(module (func (export "f") (result i32) (i32.const 42)))' >answer.wat
  printf '(module (func $m) (start $m))' >start.wat
  printf '(module (func (unreachable)) (start 0) (func (export "f")))' >trapstart.wat
  printf '(module (memory 100) (func (export "f")))' >big.wat
  printf '(module $guest (import "m" "o" (tag $o)) (tag $e (export "e") (param i32 f64 externref)) (global $g (mut i32) (i32.const 0))
 (func $t (export "f") (param i32) (throw $e (local.get 0) (f64.const 1.5) (ref.null extern)))
 (func (export "g") (param i32) (call $t (local.get 0)))
 (func (export "h") (param i32) (result exnref exnref)
  (block $h (result exnref) (try_table (catch_all_ref $h) (call $t (local.get 0))) (unreachable)) (ref.null exn)))' >throw.wat
  printf '(module (tag (export "o")))' >tag.wat
  printf '(module (memory 1 1 shared))' >shared.wat
  printf '(module (func $f (export "f") (param i32) (result i32)\n (return_call $g (local.get 0))) (func $g (param i32) (result i32) (local.get 0)))' >tail.wat
  printf '(module (import "wasi_snapshot_preview1" "none" (func)) (import "wasi_snapshot_preview1" "no\\0an" (func))
    (memory (export "memory") 1) (func (export "_start")))' >missing.wat
  printf '(module (import "a\\00b" "c" (func)) (func (export "_start")))' >nul.wat
  printf '(component (core module))' >component.wat
  printf 'plugin.wasm' >path
  echo data >stdin.txt
  printf '\x1f\x8b' >x.gz
  printf '<!DOCTYPE html>' >page.wasm
  cp answer.wat ./-dash.wat
  echo '(module (func (export "_start") (result i32 i64) (i32.const 3) (i64.const 4)))' >results.wat
  for status in -1 256; do
    printf '(module (import "wasi_snapshot_preview1" "proc_exit" (func (param i32))) (memory (export "memory") 1)
      (func (export "_start") (call 0 (i32.const %s))))' $status >exit$status.wat
  done
}

general() {
  check 2 'Usage: wrt COMMAND'
  check 0 'Commands:.*run .*compile .*inspect .*validate' --help
  check 0 'Commands:' -h
  check 0 'Commands:' help
  check 0 'Usage: wrt run' help run
  check 2 "unknown command 'rum'; did you mean 'run'" help rum
  check 0 '^wrt [0-9]+\.[0-9]+\.[0-9]+\|$' --version
  check 0 '^wrt' -V
  check 2 "unknown command 'rnu'; did you mean 'run'" rnu x
  check 2 "unknown command 'xyzzy'\|" xyzzy
  check 2 "unknown option '--wat'" --wat
  check 2 "'nosuch.wasm' is no command, and there is no such file" nosuch.wasm
  for c in run compile inspect validate; do
    check 0 "Usage: wrt $c" $c --help
    check 0 "Usage: wrt $c" $c -h
    check 2 "wrt $c: no file" $c
    check 2 "wrt $c: unknown option --hepl; did you mean --help\?.*'wrt $c --help'" $c --hepl
    check 2 "unknown option -Z" $c -Z
    check 2 'option --help takes no value' $c --help=1
    check 1 'nosuch: No such file' $c -- nosuch
    check 1 'dir: a directory, not a module' $c dir
    check 1 'empty.wasm: malformed: there are no bytes' $c empty.wasm
    check 1 'junk: malformed: this is not a WebAssembly module.*begins with 68 65 6c' $c junk
    check 1 'component.wasm: unsupported: this is a component, not a core module; components are not supported' $c component.wasm
    check 1 'invalid.wasm: invalid module: type mismatch: expected i32, found i64.*at byte 0x1a: code section, function 0.*0x16 \| 04 00 42 01 0b' $c invalid.wasm
    check 1 'cut.wasm: malformed: unexpected end.*at byte 0x14.*cut off' $c cut.wasm
    check 1 'banana.wat:3:6: malformed: unknown operator.*    3 \|     \(banana\)\)\)\|      \|      \^' $c banana.wat
    check 1 'type.wat:2:9: invalid module: type mismatch.*    2 \|  \(drop \(i64' $c type.wat
    check 1 'end.wat:1:10: invalid module: type mismatch.*    1 \| ' $c end.wat
    check 1 'twice.wat: invalid module: duplicate export.*of the binary that the text stands for' $c twice.wat
    check 1 'needs shared memories, which wrt does not have.*build without threads' $c shared.wat
    check 1 'component.wat: unsupported: this is a component' $c component.wat
    check 1 'path: malformed: "plugin.wasm" looks like a file.s path' $c path
    check 1 'x.gz: malformed: .*compressed with gzip; unpack it first' $c x.gz
    check 1 'HTML or XML' $c page.wasm
    check 1 'a native program' $c /bin/sh
  done
  check 1 'answer: No such file.*there is answer.wat' run answer
  features
}

features() {
  check 0 'tail-call  *on *return_call and its like\|' help features
  check 0 '^7\|$' run -i f tail.wat 7
  check 0 '^7\|$' run --no-feature tail-call --feature tail-call -i f tail.wat 7
  for c in 'run -i f' compile validate; do
    # shellcheck disable=SC2086
    check 1 "tail.wat:2:3: unsupported: needs the feature tail-call, which is off \(return_call in function 0\).*    2 \|.*turn it on: --feature" $c --no-feature tail-call tail.wat
    # shellcheck disable=SC2086
    check 2 "there is no feature 'tailcall'; did you mean 'tail-call'" $c --feature=tailcall tail.wat
    # shellcheck disable=SC2086
    check 2 "there is no feature 'xyzzy'\|" $c --no-feature xyzzy tail.wat
    # shellcheck disable=SC2086
    check 2 '--feature stack-switching: .*does not have stack-switching' $c --feature stack-switching tail.wat
  done
  check 0 '^$' compile --no-feature gc tail.wat -o tail.cwasm
  check 0 '^7\|$' run -i f tail.cwasm 7
  check 1 'saved with the feature tail-call, which is off here.*turn it on: --feature' run --no-feature tail-call -i f tail.cwasm 7
  check 0 'tail.cwasm: valid' validate tail.cwasm
}

# Files with a byte changed, or cut short: an error, never a crash.
broken_bytes() {
  local i size
  wrt compile "$g/values.wat" -o v.cwasm
  size=$(stat -c %s v.cwasm)
  for i in 0 3 9 30 70 $((size / 2)) $((size - 2)); do
    cp v.cwasm broken.cwasm
    printf '\xa5' | dd of=broken.cwasm bs=1 seek="$i" conv=notrunc 2>dd.txt
    check 1 'wrt: broken.cwasm: ' run --invoke add broken.cwasm 1 2
    head -c "$i" v.cwasm >cut.cwasm
    check 1 'wrt: cut.cwasm: ' inspect cut.cwasm
  done
  for i in 8 9 10 12 15 18 21 22 24; do
    cp invalid.wasm odd.wasm
    printf '\xff' | dd of=odd.wasm bs=1 seek="$i" conv=notrunc 2>dd.txt
    check 1 'odd.wasm: (malformed|invalid module|unsupported|limit)' inspect --functions odd.wasm
  done
}

invoking() {
  local v=$g/values.wat
  check 0 '^3\|$' run --invoke add "$v" 1 2
  check 0 '^-1\|$' run -i add "$v" 1 -2
  check 0 '^-1\|$' run -iadd "$v" 0xffffffff 0
  check 0 '^42\|$' run --invoke=f ./answer.wat
  check 0 '^42\|$' run --invoke f -- -dash.wat
  check 0 '^-2147483648\|$' run -i i32 "$v" 2147483648
  check 0 '^-9223372036854775808\|$' run -i i64 "$v" -9223372036854775808
  check 0 '^-1\|$' run -i i64 "$v" 18446744073709551615
  check 0 '^0.1\|$' run -i f32 "$v" 0.1
  check 0 '^0.1\|$' run -i f64 "$v" 0.1
  check 0 '^3.4028235e\+38\|$' run -i f32 "$v" 3.4028235e38
  check 0 '^-inf\|$' run -i f64 "$v" -inf
  check 0 '^nan\|$' run -i f64 "$v" nan
  check 0 '^-nan:0x123\|$' run -i f32 "$v" -nan:0x123
  check 0 '^nan:0x123\|$' run -i f64 "$v" nan:0x123
  check 0 '^-0\|$' run -i f64 "$v" -0
  check 0 '^8\|$' run -i f64 "$v" 0x1p3
  check 0 '^i32x4:0x00000001,0xffffffff,0x00000003,0x00000004\|$' run -i v128 "$v" i32x4:1,-1,3,4
  check 0 '^i32x4:0x03020100,0x07060504,0x0b0a0908,0x0f0e0d0c\|$' run -i v128 "$v" i8x16:0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
  check 0 '^i32x4:0x3f800000,0xbf800000,0x00000000,0x7f800000\|$' run -i v128 "$v" f32x4:1,-1,0,inf
  check 0 '^i32x4:0x00000000,0x3ff00000,0x00000000,0x00000000\|$' run -i v128 "$v" f64x2:1,0
  check 0 '^some text\|$' run -i externref "$v" 'some text'
  check 0 '^null\|$' run -i externref "$v" null
  check 0 '^func \(i32, i32\) -> i32\|$' run -i funcref "$v" add
  check 0 '^null\|$' run -i funcref "$v" null
  check 0 '^-7\|$' run -i anyref "$v" -7
  check 0 '^7\|$' run -i i31ref "$v" 7
  check 0 '^null\|$' run -i structref "$v" null
  check 0 '^\(struct \$point 4 \(struct \$point 5 null\)\)\|$' run -i point "$v"
  check 0 '^\(array \$bytes of 3: 3 3 3\)\|$' run -i bytes "$v" 3
  check 0 '^1\|0.1\|$' run -i two "$v"
  check 1 'add takes 2 arguments, 1 given: \(i32, i32\) -> i32' run -i add "$v" 1
  check 1 'add takes 2 arguments, 3 given' run -i add "$v" 1 2 3
  check 2 "argument 2: 'x' is no value of type i32.*give a whole number" run -i add "$v" 1 x
  check 2 "'4294967296' is no value" run -i i32 "$v" 4294967296
  check 2 "'1e3' is no value" run -i i32 "$v" 1e3
  check 2 "' 1' is no value" run -i i32 "$v" ' 1'
  check 2 "'' is no value" run -i i32 "$v" ''
  check 2 "'1x' is no value" run -i f32 "$v" 1x
  check 2 "'i32x4:1,2,3' is no value of type v128.*such as i32x4" run -i v128 "$v" i32x4:1,2,3
  check 2 "'i32x4:1,2,3,4,5' is no value" run -i v128 "$v" i32x4:1,2,3,4,5
  check 2 "'i7x4:1' is no value" run -i v128 "$v" i7x4:1
  check 2 "'nosuch' is no value of type funcref.*exported function" run -i funcref "$v" nosuch
  check 2 "'null' is no value of type \(ref i31\)" run -i i31ref "$v" null
  check 2 "'1073741824' is no value" run -i i31ref "$v" 1073741824
  check 2 "is no value of type \(ref null .point\).*give null" run -i structref "$v" x
  check 1 "exports no function 'ad'; did you mean 'add'.*its functions:.*add: \(i32, i32\) -> i32" run -i ad "$v"
  check 1 'exports no function _start.*--invoke NAME.*add:' run "$v"
  check 0 '^$' run start.wat
  check 0 '^$' run results.wat
  check 134 'trap: unreachable' run -i f trapstart.wat
  check 0 '^42\|$' run -i get "$g/reactor.wat"
  check 2 'option --invoke needs a value: --invoke FUNCTION' run --invoke
  check 2 'option -i needs a value' run -i
}

exceptions() {
  local guest='--preload m=tag.wat' file
  check 0 '^$' compile -o throw.cwasm throw.wat
  for file in throw.wat throw.cwasm; do
    # shellcheck disable=SC2086
    check 134 'wrt: exception: uncaught exception .e \(7, 1.5, null\)\|    0: guest!t at byte 0x.*    1: guest!g at byte 0x' run $guest -i g $file 7
    # shellcheck disable=SC2086
    check 0 '^\(exception 7 1.5 null\)\|null\|$' run $guest -i h $file 7
  done
  check 0 '  tag     m.o  ..\|.*  tag     e  \(i32, f64, externref\)\|' inspect throw.wat
  check 1 'needs the feature exception-handling, which is off .*turn it on: --feature' run --no-feature exception-handling -i g throw.wat 7
}

wasi() {
  local w=$g/wasi.wat
  check 0 '^wasi.wat\|a\|b c\|--dir\|-x\|$' run "$w" a 'b c' --dir -x
  check 0 '^me\|a\|$' run --argv0 me "$w" a
  check 0 '^wasi.wat\|a\|$' "$w" a
  check 0 '^A=3\|B=\|$' run -e A=1 --env A=3 -e B= "$w" v
  X=7 check 0 '^X=7\|$' run --env X --env NOSUCH_VARIABLE "$w" v
  X=7 check 0 '^X=8\|.*PATH=' run --inherit-env --env X=8 "$w" v
  X=7 check 0 '!X=7' run --inherit-env --env X=8 "$w" v
  check 0 '^$' run "$w" v
  check 7 '^$' run "$w" e 7
  # The system keeps only eight bits of a status. A failure must not become a success.
  check 255 '^$' run exit-1.wat
  check 1 '^$' run exit256.wat
  check 134 'trap: unreachable\|    0: wasi!_start at byte 0x' run "$w" t
  piped stdin.txt 0 '^data\|$' run "$w" i
  piped answer.wat 0 '^42\|$' run -i f -
  piped empty.wasm 1 '<stdin>: malformed: there are no bytes' run -
  # Files: only in the directories that the guest has.
  check 0 '^content\|$' run --dir dir "$w" c file.txt
  check 0 '^content\|$' run -d dir::/data "$w" c file.txt
  check 0 '^content\|$' run -ddir::/data:ro "$w" c file.txt
  check 0 '^content\|$' run --dir=dir:ro "$w" c sub/../file.txt
  check "63|76" '!outside' run --dir dir "$w" c ../outside.txt
  check "32|63|76" '!outside' run --dir dir "$w" c link.txt
  check "63|76" '!^outside' run --dir dir "$w" c "$PWD/outside.txt"
  check 44 '!content' run --dir dir "$w" c nosuch.txt
  check 8 "the guest cannot see 'dir/file.txt'.*--dir dir\|" run "$w" c dir/file.txt
  check 8 "the guest cannot see 'outside.txt'.*--dir \.\|" run "$w" c outside.txt
  check 44 '!cannot see' run --dir . "$w" c nosuch.txt
  check 0 '^$' run --dir dir "$w" w made.txt
  holds 'the guest made a file' test -e dir/made.txt
  check 69 '^$' run --dir dir:ro "$w" w never.txt
  holds 'the guest made no file' test ! -e dir/never.txt
  check 1 '--dir nosuch: .*No such file' run --dir nosuch "$w" a
  check 1 '--dir junk: ' run --dir junk "$w" a
  check 1 'two colons stand between' run --dir dir:/data "$w" a
  for d in ::x x:: ''; do check 2 'not of the form HOST' run --dir "$d" "$w" a; done
  for e in '' =x; do check 2 'not of the form NAME' run --env "$e" "$w" a; done
  check 1 "'': No such file" run ''
  # Imports.
  check 1 'env.emscripten_sleep: func \(i32\)\|    made by Emscripten.*wbg.f: func.*wasm-bindgen.*wasi:cli/run@0.2.0.run: .*WASI 0.2.*host.memory: memory 1\|.*--preload' run "$g/imports.wat"
  check 1 '!proc_exit' run "$g/imports.wat"
  check 1 'link: 2 unknown imports: "wasi_snapshot_preview1"."none" \(func \(\)\), "wasi_snapshot_preview1"."no..n" \(func \(\)\)' run missing.wat
  check 1 'a.x00b.c: func' run nul.wat
  check 0 '^21\|$' run --preload values="$g/values.wat" -i thrice "$g/user.wat" 7
  check 1 'values.add: func' run -i thrice "$g/user.wat" 7
  check 1 'nosuch: No such file' run --preload values=nosuch -i thrice "$g/user.wat" 7
  check 1 'link: .*add' run --preload values=answer.wat -i thrice "$g/user.wat" 7
  check 2 'not of the form NAME=FILE' run --preload values "$g/user.wat"
}

limits() {
  local v=$g/values.wat w=$g/wasi.wat start=$SECONDS
  check 124 'stopped after 200 ms \(--timeout\)\|    0: values!forever at byte' run --timeout 0.2 -i forever "$v"
  check 124 'stopped after 300 ms.*wasi!sleep' run -t 300ms "$w" s
  check 124 'stopped after' run --no-lazy -t 0.2s -i forever "$v"
  check 0 '^3\|$' run -t 1m -i add "$v" 1 2
  # A pipe that no process writes to, and one that no process reads from.
  sleep 3 | timeout 20 wrt run -t 0.2 "$w" i >out.txt 2>&1
  verdict 124 "${PIPESTATUS[1]}" 'wasi!read' 'reading a silent pipe'
  { timeout 20 wrt run -t 0.2 "$w" y 2>err.txt; echo $? >status.txt; } | sleep 3
  cp err.txt out.txt
  verdict 124 "$(cat status.txt)" 'stopped' 'writing to a full pipe'
  holds 'timeouts come in time' test $((SECONDS - start)) -lt 20
  for t in 0 -1 x 1y '' 1e9 99999999999h; do check 2 'not a time; write seconds' run --timeout "$t" "$w"; done
  for m in x -1 1T 99999999999999G ''; do check 2 'not a size; write bytes' run --max-memory "$m" "$w"; done
  check 1 'limit' run --max-memory 1M -i f big.wat
  check 0 '^$' run --max-memory 7M -i f big.wat
  check 0 '^-1\|$' run -m 128k -i grow "$v" 2
  check 0 '^1\|$' run -m 128k -i grow "$v" 1
  check 134 'garbage-collected heap exhausted.*--max-heap' run --max-heap 8M -i keep "$v"
  check 124 'stopped' run --max-heap 8M -t 0.3 -i fill "$v"
  check 134 'call stack exhausted.*more of the same.*--max-stack' run --max-stack 64K -i deep "$v" 100000
  check 134 "out of bounds memory access.*C's stack is too small" run -i sink "$v" 65024
  check 0 '^100000\|$' run --max-stack 64M -i deep "$v" 100000
  check 2 'from 16K to 1G' run --max-stack 1K "$w"
  check 0 '^3\|wrt: compiled in .*, instantiated in .*, ran for' run --time --threads 1 -i add "$v" 1 2
  check 2 'not a number above 0' run --threads 0 "$w"
}

# Not under a sanitizer, which itself needs terabytes of address space.
little_address_space() {
  local v=$g/values.wat
  (
    ulimit -v 900000
    check 0 '^1\|$' run -i grow "$v" 100
    check 0 '^3\|$' run --no-lazy -i add "$v" 1 2
    check 134 'garbage-collected heap exhausted' run --max-heap 8M -i keep "$v"
    check 0 '^wasi.wat\|a\|$' run "$g/wasi.wat" a
    wrt compile "$v" -o little.cwasm
    check 1 'bytes of address space.*wrt_config_set_memory_reservation' run -i grow little.cwasm 1
    echo "$passed $failed" >counts.txt
  )
  read -r passed failed <counts.txt
}

saved() {
  local v=$g/values.wat
  check 0 '^$' compile "$v" -o saved
  check 0 '^3\|$' run -i add saved 1 2
  check 0 '^3\|wrt: loaded in' run --time -i add saved 1 2
  check 1 'unsupported: the module was saved with interruption off, and this engine has it on.*wrt compile' run -t 1 -i add saved 1 2
  check 0 '^$' compile --interruptible --output=stoppable --threads 1 "$v"
  check 0 '^3\|$' run -i add stoppable 1 2
  check 124 'stopped after' run -t 0.2 -i forever stoppable
  check 0 '^saved: valid\|stoppable: valid\|$' validate saved stoppable
  check 0 '^saved: a compiled module, .*imports \(0\).*func    add  \(i32, i32\) -> i32' inspect saved
  check 0 'func    add ' inspect stoppable
  check 0 '^$' compile answer.wat
  check 0 '^42\|$' run -i f answer.cwasm
  check 1 'it is compiled already' compile answer.cwasm
  check 0 '^$' compile answer.wat -o /dev/null
  check 1 '/nosuch/x: No such file' compile answer.wat -o /nosuch/x
  check 1 'dir: Is a directory' compile answer.wat -o dir
  check 2 "one file at a time: 'answer.wat' and 'junk'" compile answer.wat junk
  check 2 'where to' compile -
  piped answer.wat 0 '^$' compile - -o piped
  check 0 '^42\|$' run -i f piped
  wrt compile answer.wat -o - >by-pipe
  piped by-pipe 0 '^42\|$' run -i f -
  check 1 'No space left' compile answer.wat -o /dev/full
  holds 'nothing half written is left' bash -c '! ls *.part'
}

kept() {
  local v=$g/values.wat
  rm -rf cache home
  check 0 '^3\|$' run --cache=cache -i add "$v" 1 2
  holds 'something is kept' bash -c 'ls cache/* >/dev/null'
  check 0 '^3\|$' run --cache=cache -i add "$v" 1 2
  for file in cache/*; do printf '\xa5\xa5' | dd of="$file" bs=1 seek=900 conv=notrunc 2>dd.txt; done
  check 0 '^3\|$' run --cache=cache -i add "$v" 1 2
  check 124 'stopped' run --cache=cache -t 0.2 -i forever "$v"
  HOME=$PWD/home XDG_CACHE_HOME='' check 0 '^3\|$' run --cache -i add "$v" 1 2
  holds 'it is kept below HOME' bash -c 'ls home/.cache/wrt/* >/dev/null'
  XDG_CACHE_HOME=$PWD/xdg check 0 '^3\|$' run --cache -i add "$v" 1 2
  holds 'it is kept below XDG_CACHE_HOME' bash -c 'ls xdg/wrt/* >/dev/null'
  HOME='' XDG_CACHE_HOME='' check 2 'neither HOME nor XDG_CACHE_HOME' run --cache -i add "$v" 1 2
  WRT_CACHE_DIR=$PWD/env check 0 '^3\|$' run -i add "$v" 1 2
  holds 'it is kept where WRT_CACHE_DIR says' bash -c 'ls env/* >/dev/null'
  WRT_CACHE_DIR=$PWD/none check 0 '^3\|$' run --no-cache -i add "$v" 1 2
  holds 'it is not kept with --no-cache' test ! -e none
  check 1 'junk/x' run --cache=junk/x -i add "$v" 1 2
}

looking() {
  printf '\0asm\1\0\0\0\1\4\1\x60\0\0\3\3\2\0\0\7\5\1\1f\0\0\x0a\x08\2\2\0\x0b\3\0\1\x0b\0\x0d\4name\1\6\1\1\3big' >named.wasm
  check 0 'sections .*type  .*function .*code .*custom name.*types \(1\).*exports \(1\)\|  func    f  \(\).*largest functions \(of 2\)\|  1  .*3 bytes  big\|  0 ' inspect named.wasm
  check 0 'functions \(2\)\|  0 .*\|  1 .*big' inspect -f named.wasm
  check 0 'values.wat: a module as text.*name: values.*\$point  struct i32 \(ref null \$point\).*\$bytes  array i8' inspect "$g/values.wat"
  check 0 'imports \(5\).*func    env.emscripten_sleep  \(i32\).*memory  host.memory  1\|' inspect "$g/imports.wat"
  echo '(module (import "h" "t" (table i64 1 2 funcref)) (memory (export "m") i64 5) (memory (export "b") 7 9 (pagesize 1)))' >wide.wat
  check 0 'table   h.t  i64 1 2 funcref\|.*memory  m  i64 5\|  memory  b  7 9 \(pagesize 1\)\|' inspect wide.wat
  check 2 'one file at a time' inspect junk junk
  check 0 'answer.wat: valid' validate answer.wat
  check 0 '^$' validate -q answer.wat
  check 1 '^answer.wat: valid\|wrt: junk: malformed.*\|named.wasm: valid\|' validate answer.wat junk named.wasm
  piped answer.wat 0 '^<stdin>: valid\|$' validate -
}

# Closed pipes, full disks, signals.
pipes() {
  wrt run "$g/wasi.wat" y 2>err.txt | head -c 5 >out.txt
  verdict 141 "${PIPESTATUS[0]}" . 'the guest writes to a closed pipe'
  holds 'a closed pipe is no news' test ! -s err.txt
  wrt inspect "$g/values.wat" 2>out.txt >/dev/full
  verdict 1 $? 'standard output: No space left' 'inspect >/dev/full'
  wrt run -i add "$g/values.wat" 1 2 2>out.txt >/dev/full
  verdict 1 $? 'standard output: No space left' 'run --invoke >/dev/full'
  wrt run -i add "$g/values.wat" 1 2 2>out.txt >&-
  verdict 1 $? 'standard output' 'run --invoke with standard output closed'
  for signal in INT TERM HUP; do
    python3 - $signal "$g/wasi.wat" >out.txt 2>&1 <<'P'
import signal, subprocess, sys, time
which = getattr(signal, "SIG" + sys.argv[1])  # can be ignored here, for example under nohup
p = subprocess.Popen(["wrt", "run", sys.argv[2], "s"], preexec_fn=lambda: signal.signal(which, signal.SIG_DFL))
time.sleep(0.5)
p.send_signal(getattr(signal, "SIG" + sys.argv[1]))
print("ended by", -p.wait(5) == getattr(signal, "SIG" + sys.argv[1]))
P
    verdict 0 $? 'ended by True' "SIG$signal"
  done
}

# terminal INPUT COMMAND...: runs a command on a new terminal, writes INPUT to it, and prints its output and status.
terminal() {
  python3 - "$@" <<'P'
import os, pty, signal, sys, time
pid, fd = pty.fork()
if pid == 0:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # ignored if the tests run in the background
    os.execvp(sys.argv[2], sys.argv[2:])
sent = not sys.argv[1]
out = b""
while True:
    try:
        data = os.read(fd, 4096)
    except OSError:
        break
    if not data:
        break
    out += data
    if not sent and (b"%" in out or b"Ctrl-D" in out):
        os.write(fd, sys.argv[1].encode())
        sent = True
print(repr(out))
print("status", os.waitpid(pid, 0)[1])
P
}

on_a_terminal() {
  # A module that takes longer than a second to compile: many functions, long but simple.
  python3 - >slow.wat <<'P'
print("(module")
body = "".join("(local.set 0 (i64.add (i64.mul (local.get 0) (i64.const %d)) (i64.rotl (local.get 0) (i64.const %d))))" % (i, i % 63) for i in range(1500))
for i in range(600):
    print('(func (export "f%d") (param i64) (result i64) %s (local.get 0))' % (i, body))
print(")")
P
  terminal '' wrt run --no-lazy --threads 1 -i f0 slow.wat 1 >out.txt 2>&1
  verdict 0 $? 'compiling slow.wat: [0-9]+% of [0-9.]+ .B, [0-9.]+ s.*\[K-?[0-9]+.*status 0' 'progress on a terminal'
  check 0 '!compiling' run --no-lazy --threads 1 -i f0 slow.wat 1
  # Ctrl-C during the compilation: the line is wiped, and the signal ends the program.
  terminal $'\003' wrt compile --threads 1 slow.wat -o slow.cwasm >out.txt 2>&1
  verdict 0 $? '%.*\[K.*status 2$|%.*\[K.*status 2\|' 'Ctrl-C while it compiles'
  holds 'Ctrl-C leaves no file' bash -c '! ls slow.cwasm*'
  terminal $'(module)\n\004' wrt validate - >out.txt 2>&1
  verdict 0 $? 'from the terminal; Ctrl-D ends it.*<stdin>: valid' 'a module typed in'
  terminal '' wrt compile answer.wat -o - >out.txt 2>&1
  verdict 0 $? 'nothing for a terminal' 'machine code on a terminal'
}

# Every option is in the manual.
manual() {
  local c o
  for c in run compile inspect validate; do
    for o in $(wrt help $c | grep -oE '^  (-.,|   ) --[a-z0-9-]+' | grep -oE -- '--.*'); do
      holds "docs/cli.md has $c $o" grep -qE -- "^\\| .*\`(-., )?$o" "$here/../docs/cli.md"
    done
  done
}

make_files
for build in plain sanitizers; do
  label=$build
  if [ $build = plain ]; then PATH=$dist/bin:$PATH; else PATH=$work/asan/bin:$PATH; fi
  general
  broken_bytes
  invoking
  exceptions
  wasi
  limits
  [ $build = plain ] && little_address_space
  saved
  kept
  looking
  pipes
  on_a_terminal
  manual
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
