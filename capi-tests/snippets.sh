#!/usr/bin/env bash
# usage: snippets.sh DIST
# Builds the snippets of each document as one program and runs it under AddressSanitizer. The snippets share the setup in this file.
set -eu
dist=$(cd "$1" && pwd)
cd "$(dirname "$0")/.."
out=target/snippets
mkdir -p "$out"

# program NAME BEGIN END: the snippets of docs/NAME.md, between the declarations in BEGIN and the cleanup in END.
program() {
  local name=$1 begin=$2 end=$3
  {
    printf '%s\n' '#include <assert.h>' '#include "../../examples-c/check.h"' 'int main(void) {' "$begin"
    sed -n '/^```c$/,/^```$/p' "docs/$name.md" | grep -v '^```'
    printf '%s\n' "$end" '    return 0;' '}'
  } >"$out/$name.c"
  cc -std=gnu11 -g -Wall -Wextra -Werror -fsanitize=address,undefined "$out/$name.c" -I"$dist/include" -L"$dist/lib" -lwrt \
    -Wl,-rpath,"$dist/lib" -o "$out/$name"
  ASAN_OPTIONS=allow_user_segv_handler=1:handle_segv=0 "$out/$name"
  echo "$(grep -c '^```c$' "docs/$name.md") snippets of $name.md do what they say"
}

begin='
    wrt_engine_t *engine;
    wrt_store_t *store;
    wrt_module_t *module;
    wrt_instance_t instance;
    wrt_func_t func;
    check(wrt_engine_new(NULL, &engine));
    check(wrt_store_new(engine, NULL, NULL, &store));
    check(wrt_module_new(engine, wat, strlen(wat), &module));'
end='
    wrt_store_delete(store);
    wrt_module_delete(module);
    wrt_engine_delete(engine);'

program references '
    const char *wat = "(module (table (export \"table\") 4 externref) (func (export \"answer\") (result i32) (i32.const 42)))";
    wrt_instance_t tables;
    wrt_table_t table;'"$begin"'
    check(wrt_instance_new(store, module, NULL, 0, &tables));
    check(wrt_instance_new(store, module, NULL, 0, &instance));
    check(wrt_instance_get_table(store, &tables, STR("table"), &table));
    check(wrt_instance_get_func(store, &instance, STR("answer"), &func));' '
    wrt_heap_stats_t stats = {.size = sizeof stats};
    check(wrt_store_heap_stats(store, &stats));
    assert(stats.references == 0 && stats.weak_references == 0);'"$end"

program exceptions '
    const char *wat =
        "(module (tag $failure (export \"failure\") (param i32 f64))"
        " (func (export \"fail\") (param i32) (throw $failure (local.get 0) (f64.const 2.5)))"
        " (func (export \"rethrow\") (param exnref) (throw_ref (local.get 0))))";'"$begin"'
    check(wrt_instance_new(store, module, NULL, 0, &instance));' '
    wrt_heap_stats_t stats = {.size = sizeof stats};
    check(wrt_store_heap_stats(store, &stats));
    assert(stats.references == 0);'"$end"

program wasi '
    const char *wat =
        "(module (import \"wasi_snapshot_preview1\" \"fd_write\" (func $write (param i32 i32 i32 i32) (result i32)))"
        " (import \"wasi_snapshot_preview1\" \"proc_exit\" (func $exit (param i32)))"
        " (memory (export \"memory\") 1) (data (i32.const 0) \"\\10\\00\\00\\00\\06\\00\\00\\00\") (data (i32.const 16) \"hello\\n\")"
        " (func (export \"_start\") (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))"
        "  (call $exit (i32.const 3))))";'"$begin" '
    wrt_linker_delete(linker);'"$end"
