#!/usr/bin/env bash
# usage: snippets.sh DIST
# Builds the snippets of docs/references.md into one program and runs it under AddressSanitizer. They share what is set up here.
set -eu
dist=$(cd "$1" && pwd)
cd "$(dirname "$0")/.."
out=target/snippets
mkdir -p "$out"
{
  cat <<'C'
#include <assert.h>
#include "../../examples-c/check.h"
int main(void) {
    const char *wat = "(module (table (export \"table\") 4 externref) (func (export \"answer\") (result i32) (i32.const 42)))";
    wrt_engine_t *engine;
    wrt_store_t *store;
    wrt_module_t *module;
    wrt_instance_t tables, instance;
    wrt_table_t table;
    wrt_func_t func;
    check(wrt_engine_new(NULL, &engine));
    check(wrt_store_new(engine, NULL, NULL, &store));
    check(wrt_module_new(engine, wat, strlen(wat), &module));
    check(wrt_instance_new(store, module, NULL, 0, &tables));
    check(wrt_instance_new(store, module, NULL, 0, &instance));
    check(wrt_instance_get_table(store, &tables, STR("table"), &table));
    check(wrt_instance_get_func(store, &instance, STR("answer"), &func));
C
  sed -n '/^```c$/,/^```$/p' docs/references.md | grep -v '^```'
  cat <<'C'
    wrt_heap_stats_t stats = {.size = sizeof stats};
    check(wrt_store_heap_stats(store, &stats));
    assert(stats.references == 0 && stats.weak_references == 0);
    wrt_store_delete(store);
    wrt_module_delete(module);
    wrt_engine_delete(engine);
    return 0;
}
C
} >"$out/snippets.c"
cc -std=gnu11 -g -Wall -Wextra -Werror -fsanitize=address,undefined "$out/snippets.c" -I"$dist/include" -L"$dist/lib" -lwrt \
  -Wl,-rpath,"$dist/lib" -o "$out/snippets"
ASAN_OPTIONS=allow_user_segv_handler=1:handle_segv=0 "$out/snippets"
echo "$(grep -c '^```c$' docs/references.md) snippets do what they say"
