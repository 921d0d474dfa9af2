/* Functions: calls in both directions, checked and raw. */
#include "test.h"

static const char *const ARITHMETIC =
    "(module"
    " (func (export \"swap\") (param i32 i64 f32 f64) (result f64 f32 i64 i32)"
    "  (local.get 3) (local.get 2) (local.get 1) (local.get 0))"
    " (func (export \"vec\") (param v128) (result v128) (i8x16.add (local.get 0) (local.get 0)))"
    " (func (export \"div\") (param i32 i32) (result i32) (i32.div_s (local.get 0) (local.get 1)))"
    " (func $self (export \"self\") (result funcref) (ref.func $self))"
    ")";

static void values_of_every_kind(world_t *w) {
    wrt_instance_t instance = instance_of(w->engine, w->store, ARITHMETIC);
    wrt_func_t f = func_of(w->store, &instance, "swap");
    wrt_val_t args[4], results[4];
    memset(args, 0, sizeof args);
    args[0] = i32_val(-5);
    args[1].kind = WRT_I64, args[1].of.i64 = INT64_MIN;
    args[2].kind = WRT_F32, args[2].of.f32 = 1.5f;
    args[3].kind = WRT_F64, args[3].of.f64 = -0.25;
    OK(wrt_func_call(w->store, &f, args, 4, results, 4));
    CHECK(results[0].kind == WRT_F64 && results[0].of.f64 == -0.25);
    CHECK(results[1].kind == WRT_F32 && results[1].of.f32 == 1.5f);
    CHECK(results[2].kind == WRT_I64 && results[2].of.i64 == INT64_MIN);
    CHECK(results[3].kind == WRT_I32 && results[3].of.i32 == -5);

    wrt_func_t v = func_of(w->store, &instance, "vec");
    wrt_val_t vec;
    memset(&vec, 0, sizeof vec);
    vec.kind = WRT_V128;
    for (int i = 0; i < 16; i++) vec.of.v128[i] = (uint8_t)i;
    OK(wrt_func_call(w->store, &v, &vec, 1, &vec, 1));
    for (int i = 0; i < 16; i++) CHECK(vec.of.v128[i] == 2 * i);

    wrt_func_t self = func_of(w->store, &instance, "self");
    OK(wrt_func_call(w->store, &self, NULL, 0, results, 1));
    CHECK(results[0].kind == WRT_FUNCREF && wrt_func_equal(&results[0].of.func, &self) && !wrt_func_equal(&self, &f));
}

static void bad_calls(world_t *w) {
    wrt_instance_t instance = instance_of(w->engine, w->store, ARITHMETIC);
    wrt_func_t div = func_of(w->store, &instance, "div");
    wrt_val_t args[3] = {i32_val(7), i32_val(2), i32_val(0)}, results[2];
    FAILS(WRT_ERROR_KIND_TYPE_MISMATCH, wrt_func_call(w->store, &div, args, 1, results, 1));
    FAILS(WRT_ERROR_KIND_TYPE_MISMATCH, wrt_func_call(w->store, &div, args, 3, results, 1));
    FAILS(WRT_ERROR_KIND_TYPE_MISMATCH, wrt_func_call(w->store, &div, args, 2, results, 2));
    CHECK(results[0].kind == WRT_EMPTY && results[1].kind == WRT_EMPTY);
    args[1].kind = WRT_I64;
    FAILS(WRT_ERROR_KIND_TYPE_MISMATCH, wrt_func_call(w->store, &div, args, 2, results, 1));
    args[1].kind = 200;
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_func_call(w->store, &div, args, 2, results, 1));
    args[1] = i32_val(2);
    OK(wrt_func_call(w->store, &div, args, 2, results, 1));
    CHECK(results[0].of.i32 == 3);
}

static void raw_calls(world_t *w) {
    wrt_instance_t instance = instance_of(w->engine, w->store, ARITHMETIC);
    wrt_func_t div = func_of(w->store, &instance, "div");
    wrt_raw_t slots[2];
    slots[0].i32 = 84;
    slots[1].i32 = 2;
    OK(wrt_func_call_raw(w->store, &div, slots, 2));
    CHECK(slots[0].i32 == 42);
    FAILS(WRT_ERROR_KIND_TYPE_MISMATCH, wrt_func_call_raw(w->store, &div, slots, 1));
    slots[1].i32 = 0;
    TRAPS(WRT_TRAP_INTEGER_DIVIDE_BY_ZERO, wrt_func_call_raw(w->store, &div, slots, 2));
}

static wrt_error_t *raw_sum(void *userdata, wrt_caller_t *caller, wrt_raw_t *slots, size_t slot_count) {
    (void)caller;
    CHECK(slot_count == 2);
    slots[0].i64 = slots[0].i64 + slots[1].i64 + *(int64_t *)userdata;
    return NULL;
}

/* The next action of the host function below. */
enum { FAIL, WRONG_KIND, EXIT, TRAP, RECURSE };

static wrt_error_t *host(void *userdata, wrt_caller_t *caller, const wrt_val_t *args, size_t arg_count,
                         wrt_val_t *results, size_t result_count) {
    (void)result_count;
    CHECK(arg_count == 2 && userdata == (void *)77);
    switch (args[0].of.i32) {
    case FAIL: return wrt_error_new(WRT_ERROR_KIND_HOST, TEXT("no luck"));
    case WRONG_KIND: results[0].kind = WRT_F32; return NULL;
    case EXIT: return wrt_error_new_exit(3);
    case TRAP: return wrt_error_new_trap(WRT_TRAP_NULL_REFERENCE);
    default: break;
    }
    wrt_instance_t instance;
    CHECK(wrt_caller_instance(caller, &instance));
    if (args[1].of.i32 == 0) return NULL;
    wrt_store_t *store = wrt_caller_store(caller);
    wrt_func_t f = func_of(store, &instance, "f");
    wrt_error_t *error = call_i32(store, &f, 2, RECURSE, args[1].of.i32 - 1, &results[0].of.i32);
    results[0].of.i32++;
    return error;
}

static void host_functions(world_t *w) {
    wrt_functype_t *type;
    wrt_extern_t import;
    int finalized = 0;
    memset(&import, 0, sizeof import);
    import.kind = WRT_EXTERN_FUNC;
    OK(wrt_functype_parse(TEXT("(i32, i32) -> i32"), &type));
    OK(wrt_func_new(w->store, type, host, (void *)77, NULL, &import.of.func));
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_func_new(w->store, type, NULL, &finalized, count_call, &import.of.func));
    CHECK(finalized == 1);
    OK(wrt_func_new(w->store, type, host, (void *)77, NULL, &import.of.func));
    wrt_functype_delete(type);
    OK(wrt_func_type(w->store, &import.of.func, &type));
    CHECK(!strcmp(wrt_functype_text(type, NULL), "(i32, i32) -> i32"));
    wrt_functype_delete(type);

    wrt_module_t *module = module_of(w->engine,
                                     "(module (import \"\" \"\" (func $host (param i32 i32) (result i32)))"
                                     " (func (export \"f\") (param i32 i32) (result i32)"
                                     "  (call $host (local.get 0) (local.get 1))))");
    wrt_instance_t instance;
    OK(wrt_instance_new(w->store, module, &import, 1, &instance));
    wrt_module_delete(module);
    wrt_func_t f = func_of(w->store, &instance, "f");
    int32_t got, status;
    wrt_error_t *error = call_i32(w->store, &f, 2, FAIL, 0, &got);
    CHECK(wrt_error_kind(error) == WRT_ERROR_KIND_HOST && !strcmp(wrt_error_message(error, NULL), "no luck"));
    CHECK(wrt_error_frame_count(error) == 1);
    wrt_error_delete(error);
    FAILS(WRT_ERROR_KIND_TYPE_MISMATCH, call_i32(w->store, &f, 2, WRONG_KIND, 0, &got));
    error = call_i32(w->store, &f, 2, EXIT, 0, &got);
    CHECK(wrt_error_kind(error) == WRT_ERROR_KIND_EXIT && wrt_error_exit_status(error, &status) && status == 3);
    wrt_error_delete(error);
    TRAPS(WRT_TRAP_NULL_REFERENCE, call_i32(w->store, &f, 2, TRAP, 0, &got));
    OK(call_i32(w->store, &f, 2, RECURSE, 10, &got));
    CHECK(got == 10);
    /* A recursion that alternates between host and guest also finds the end of the stack. */
    TRAPS(WRT_TRAP_STACK_OVERFLOW, call_i32(w->store, &f, 2, RECURSE, 1000000, &got));
    OK(call_i32(w->store, &f, 2, RECURSE, 10, &got));
}

static void raw_host_functions(world_t *w) {
    wrt_functype_t *type;
    wrt_func_t sum;
    int64_t base = 1000;
    static const uint8_t two[] = {WRT_I64, WRT_I64};
    OK(wrt_functype_new(two, 2, two, 1, &type));
    OK(wrt_func_new_raw(w->store, type, raw_sum, &base, NULL, &sum));
    wrt_functype_delete(type);
    /* The host can also call its own function. */
    wrt_val_t args[2], result;
    memset(args, 0, sizeof args);
    args[0].kind = args[1].kind = WRT_I64;
    args[0].of.i64 = 30;
    args[1].of.i64 = 12;
    OK(wrt_func_call(w->store, &sum, args, 2, &result, 1));
    CHECK(result.kind == WRT_I64 && result.of.i64 == 1042);
}

static wrt_error_t *raw_double(void *userdata, wrt_caller_t *caller, wrt_raw_t *slots, size_t slot_count) {
    wrt_instance_t from;
    CHECK(userdata == NULL && slot_count == 2 && wrt_caller_instance(caller, &from) && from.store != 0);
    slots[1].i32 = slots[0].i32 * 2;
    slots[0].i32 = 7;
    return NULL;
}

/* More results than parameters, all in the same slots. */
static void raw_imports(world_t *w) {
    wrt_linker_t *linker;
    wrt_instance_t instance;
    OK(wrt_linker_new(w->engine, &linker));
    OK(wrt_linker_define_func_raw(linker, TEXT("env"), TEXT("raw"), TEXT("(i32) -> (i32, i32)"), raw_double, NULL, NULL));
    wrt_module_t *module = module_of(w->engine,
                                     "(module (import \"env\" \"raw\" (func $raw (param i32) (result i32 i32)))"
                                     " (func (export \"f\") (param i32) (result i32)"
                                     "  (call $raw (local.get 0)) (i32.add)))");
    OK(wrt_linker_instantiate(linker, w->store, module, &instance));
    wrt_module_delete(module);
    wrt_linker_delete(linker);
    wrt_func_t f = func_of(w->store, &instance, "f");
    int32_t got;
    OK(call_i32(w->store, &f, 1, 21, 0, &got));
    CHECK(got == 49);
}

static wrt_error_t *sum_many(void *userdata, wrt_caller_t *caller, const wrt_val_t *args, size_t arg_count,
                             wrt_val_t *results, size_t result_count) {
    (void)userdata, (void)caller;
    CHECK(arg_count == 40 && result_count == 20);
    for (size_t i = 0; i < 20; i++) results[i].of.i32 = args[2 * i].of.i32 + args[2 * i + 1].of.i32;
    return NULL;
}

static void many_values(world_t *w) {
    uint8_t kinds[40];
    wrt_val_t args[40], results[20];
    memset(kinds, WRT_I32, sizeof kinds);
    for (int i = 0; i < 40; i++) args[i] = i32_val(i);
    wrt_functype_t *type;
    wrt_func_t f;
    OK(wrt_functype_new(kinds, 40, kinds, 20, &type));
    OK(wrt_func_new(w->store, type, sum_many, NULL, NULL, &f));
    wrt_functype_delete(type);
    OK(wrt_func_call(w->store, &f, args, 40, results, 20));
    for (int i = 0; i < 20; i++) CHECK(results[i].of.i32 == 4 * i + 1);
}

int main(void) {
    for (int signals = 0; signals < 2; signals++) {
        world_t w = world_with(signals, false);
        values_of_every_kind(&w);
        bad_calls(&w);
        raw_calls(&w);
        host_functions(&w);
        raw_host_functions(&w);
        raw_imports(&w);
        many_values(&w);
        world_end(&w);
    }
    return 0;
}
