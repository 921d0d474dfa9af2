/* Runs a WASI program. It receives arguments, writes to standard output, and exits. The host captures the output in
 * memory. */
#include "check.h"

/* Writes its first argument and a newline, and exits with the number of its arguments. */
static const char *GUEST =
    "(module"
    " (import \"wasi_snapshot_preview1\" \"args_sizes_get\" (func $sizes (param i32 i32) (result i32)))"
    " (import \"wasi_snapshot_preview1\" \"args_get\" (func $args (param i32 i32) (result i32)))"
    " (import \"wasi_snapshot_preview1\" \"fd_write\" (func $write (param i32 i32 i32 i32) (result i32)))"
    " (import \"wasi_snapshot_preview1\" \"proc_exit\" (func $exit (param i32)))"
    " (memory (export \"memory\") 1)"
    " (func (export \"_start\")"
    "  (drop (call $sizes (i32.const 0) (i32.const 4)))"
    "  (drop (call $args (i32.const 16) (i32.const 100)))"
    /* The first argument ends where the second one starts. Its final NUL is replaced by a newline. */
    "  (i32.store (i32.const 8) (i32.load (i32.const 16)))"
    "  (i32.store (i32.const 12) (i32.sub (i32.load (i32.const 20)) (i32.load (i32.const 16))))"
    "  (i32.store8 (i32.sub (i32.load (i32.const 20)) (i32.const 1)) (i32.const 10))"
    "  (drop (call $write (i32.const 1) (i32.const 8) (i32.const 1) (i32.const 96)))"
    "  (call $exit (i32.load (i32.const 0)))))";

int main(void) {
    wrt_engine_t *engine;
    wrt_linker_t *linker;
    wrt_store_t *store;
    wrt_module_t *module;
    wrt_instance_t instance;
    wrt_func_t start;
    wrt_wasi_t *wasi;
    check(wrt_engine_new(NULL, &engine));
    check(wrt_module_new(engine, STR(GUEST), &module));
    check(wrt_linker_new(engine, &linker));
    check(wrt_linker_define_wasi(linker)); /* once for all stores */

    check(wrt_wasi_new(&wasi));
    check(wrt_wasi_add_arg(wasi, STR("hello from a guest")));
    check(wrt_wasi_add_arg(wasi, STR("2")));
    check(wrt_wasi_capture(wasi, 1, 4096)); /* standard output */
    check(wrt_store_new(engine, NULL, NULL, &store));
    check(wrt_store_set_wasi(store, wasi)); /* the store owns it now */
    check(wrt_linker_instantiate(linker, store, module, &instance));
    check(wrt_instance_get_func(store, &instance, STR("_start"), &start));

    /* When a program exits, the call returns an error of kind "exit". */
    int32_t status = 0;
    wrt_error_t *error = wrt_func_call(store, &start, NULL, 0, NULL, 0);
    if (!error || !wrt_error_exit_status(error, &status)) check(error);
    wrt_error_delete(error);
    const uint8_t *bytes;
    size_t len;
    check(wrt_store_wasi_output(store, 1, &bytes, &len));
    printf("%.*s", (int)len, (const char *)bytes);
    printf("status %d\n", status);

    wrt_store_delete(store);
    wrt_linker_delete(linker);
    wrt_module_delete(module);
    wrt_engine_delete(engine);
    return 0;
}
