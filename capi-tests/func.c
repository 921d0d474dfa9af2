/* Functions: calls in both directions, checked and raw, errors through WebAssembly, finalizers. */
#include "test.h"

static wrt_error_t *add_all(void *userdata, wrt_caller_t *caller, const wrt_val_t *args, size_t nargs,
                            wrt_val_t *results, size_t nresults) {
    (void)caller;
    CHECK(nargs == 3 && nresults == 1 && results[0].kind == WRT_F64 && results[0].of.f64 == 0);
    if (args[0].of.i32 == 13) return wrt_error_new(WRT_ERROR_KIND_HOST, TEXT("unlucky"));
    if (args[0].of.i32 == 14) results[0].kind = WRT_I32; /* wrong */
    results[0].of.f64 = *(int *)userdata + args[0].of.i32 + (double)args[1].of.i64 + args[2].of.f32;
    return NULL;
}

static wrt_error_t *raw_double(void *userdata, wrt_caller_t *caller, wrt_raw_t *slots, size_t n) {
    wrt_instance_t from;
    CHECK(userdata == NULL && n == 2 && wrt_caller_instance(caller, &from) && from.store != 0);
    slots[1].i32 = slots[0].i32 * 2;
    slots[0].i32 = 7;
    return NULL;
}

/* Calls back into WebAssembly: host, wasm, host, wasm... */
static wrt_error_t *recurse(void *userdata, wrt_caller_t *caller, const wrt_val_t *args, size_t nargs,
                            wrt_val_t *results, size_t nresults) {
    (void)nargs, (void)nresults;
    if (args[0].of.i32 == 0) {
        results[0].of.i32 = 0;
        return NULL;
    }
    wrt_val_t arg = i32(args[0].of.i32 - 1);
    wrt_error_t *error = wrt_func_call(wrt_caller_store(caller), (wrt_func_t *)userdata, &arg, 1, results, 1);
    if (!error) results[0].of.i32 += 1;
    return error;
}

int main(void) {
    wrt_engine_t *engine = engine_new();
    wrt_linker_t *linker;
    OK(wrt_linker_new(engine, &linker));
    int base = 100, finalized = 0;
    wrt_func_t step;
    OK(wrt_linker_define_func(linker, TEXT("env"), TEXT("add"), TEXT("(i32, i64, f32) -> f64"), add_all, &base, NULL));
    OK(wrt_linker_define_func_raw(linker, TEXT("env"), TEXT("raw"), TEXT("(i32) -> (i32, i32)"), raw_double, NULL, NULL));
    OK(wrt_linker_define_func(linker, TEXT("env"), TEXT("rec"), TEXT("(i32) -> i32"), recurse, &step, NULL));
    const char *wat =
        "(module (import \"env\" \"add\" (func $add (param i32 i64 f32) (result f64)))"
        " (import \"env\" \"raw\" (func $raw (param i32) (result i32 i32)))"
        " (import \"env\" \"rec\" (func $rec (param i32) (result i32)))"
        " (func (export \"add\") (param i32 i64 f32) (result f64) (call $add (local.get 0) (local.get 1) (local.get 2)))"
        " (func (export \"raw\") (param i32) (result i32) (call $raw (local.get 0)) (i32.add))"
        " (func (export \"step\") (param i32) (result i32) (call $rec (local.get 0)))"
        " (func (export \"swap\") (param i64 v128) (result v128 i64) (local.get 1) (local.get 0)))";
    world_t w = {.engine = engine};
    OK(wrt_store_new(engine, NULL, NULL, &w.store));
    OK(wrt_module_new(engine, (const uint8_t *)TEXT(wat), &w.module));
    OK(wrt_linker_instantiate(linker, w.store, w.module, &w.instance));
    wrt_func_t add = func_get(&w, "add"), raw = func_get(&w, "raw"), swap = func_get(&w, "swap");
    step = func_get(&w, "step");

    wrt_val_t args[3] = {i32(1), {.kind = WRT_I64, .of.i64 = 20}, {.kind = WRT_F32, .of.f32 = 0.5f}}, result;
    OK(wrt_func_call(w.store, &add, args, 3, &result, 1));
    CHECK(result.kind == WRT_F64 && result.of.f64 == 121.5);
    args[0] = i32(13);
    wrt_error_t *error = wrt_func_call(w.store, &add, args, 3, &result, 1);
    CHECK(wrt_error_kind(error) == WRT_ERROR_KIND_HOST && strcmp(wrt_error_message(error, NULL), "unlucky") == 0);
    CHECK(wrt_error_frame_count(error) == 1 && result.kind == WRT_EMPTY);
    wrt_error_delete(error);
    args[0] = i32(14);
    FAILS(TYPE_MISMATCH, wrt_func_call(w.store, &add, args, 3, &result, 1));

    result = i32(0);
    args[0] = i32(21);
    OK(wrt_func_call(w.store, &raw, args, 1, &result, 1));
    CHECK(result.of.i32 == 49);
    wrt_raw_t slots[2];
    slots[0].i64 = 5;
    memset(slots[1].v128, 9, 16);
    OK(wrt_func_call_raw(w.store, &swap, slots, 2));
    CHECK(slots[0].v128[15] == 9 && slots[1].i64 == 5);
    FAILS(TYPE_MISMATCH, wrt_func_call_raw(w.store, &swap, slots, 1));

    args[0] = i32(50);
    OK(wrt_func_call(w.store, &step, args, 1, &result, 1));
    CHECK(result.of.i32 == 50);
    args[0] = i32(1 << 30);
    TRAPS(STACK_OVERFLOW, wrt_func_call(w.store, &step, args, 1, &result, 1));
    args[0] = i32(50);
    OK(wrt_func_call(w.store, &step, args, 1, &result, 1));

    FAILS(TYPE_MISMATCH, wrt_func_call(w.store, &step, args, 2, &result, 1));
    FAILS(TYPE_MISMATCH, wrt_func_call(w.store, &step, args, 1, NULL, 0));
    FAILS(TYPE_MISMATCH, wrt_func_call(w.store, &step, args + 1, 1, &result, 1));

    wrt_functype_t *ty;
    OK(wrt_func_type(w.store, &swap, &ty));
    CHECK(strcmp(wrt_functype_text(ty, NULL), "(i64, v128) -> (v128, i64)") == 0);
    wrt_func_t host;
    FAILS(INVALID_ARGUMENT, wrt_func_new(w.store, ty, NULL, &finalized, count_finalized, &host));
    CHECK(finalized == 1 && host.store == 0);
    wrt_functype_delete(ty);
    wrt_func_t again = func_get(&w, "swap");
    CHECK(wrt_func_equal(&swap, &again) && !wrt_func_equal(&swap, &raw) && !wrt_func_equal(NULL, &raw));
    wrt_linker_delete(linker);
    world_delete(&w);
    wrt_engine_delete(engine);
    return 0;
}
