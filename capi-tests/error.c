/* Errors: traps with backtraces, exit, names. */
#include "test.h"

static wrt_error_t *leave(void *userdata, wrt_caller_t *caller, const wrt_val_t *args, size_t nargs, wrt_val_t *results,
                          size_t nresults) {
    (void)userdata, (void)caller, (void)args, (void)nargs, (void)results, (void)nresults;
    return wrt_error_new_exit(3);
}

static void backtrace(bool signals) {
    wrt_config_t *config = wrt_config_new();
    OK(wrt_config_set_signals(config, signals));
    wrt_engine_t *engine;
    OK(wrt_engine_new(config, &engine));
    wrt_config_delete(config);
    world_t w = world_new(engine,
                          "(module $m (func $inner (param i32) (result i32) (i32.div_u (i32.const 1) (local.get 0)))"
                          " (func $outer (export \"run\") (param i32) (result i32) (i32.add (call $inner (local.get 0)) (i32.const 1))))");
    wrt_func_t run = func_get(&w, "run");
    wrt_val_t arg = i32(0), result;
    for (int i = 0; i < 3; i++) {
        wrt_error_t *error = wrt_func_call(w.store, &run, &arg, 1, &result, 1);
        CHECK(wrt_error_kind(error) == WRT_ERROR_KIND_TRAP);
        CHECK(wrt_error_trap_code(error) == WRT_TRAP_INTEGER_DIVIDE_BY_ZERO);
        CHECK(strcmp(wrt_trap_name(wrt_error_trap_code(error)), "integer divide by zero") == 0);
        CHECK(wrt_error_frame_count(error) == 2);
        wrt_frame_t frame;
        OK(wrt_error_frame(error, 0, &frame));
        CHECK(strcmp(frame.func_name, "inner") == 0 && strcmp(frame.module_name, "m") == 0 && frame.func_index == 0);
        CHECK(frame.module_offset != UINT32_MAX && frame.func_offset == 5);
        OK(wrt_error_frame(error, 1, &frame));
        CHECK(strcmp(frame.func_name, "outer") == 0 && frame.func_offset == 3);
        FAILS(INVALID_ARGUMENT, wrt_error_frame(error, 2, &frame));
        wrt_error_delete(error);
    }
    arg = i32(1);
    OK(wrt_func_call(w.store, &run, &arg, 1, &result, 1));
    world_delete(&w);
    wrt_engine_delete(engine);
}

int main(void) {
    if (may_use_signals()) backtrace(true);
    backtrace(false);
    wrt_error_t *error = wrt_error_new(200, TEXT("odd"));
    CHECK(wrt_error_kind(error) == WRT_ERROR_KIND_HOST);
    wrt_error_delete(error);
    error = wrt_error_new(WRT_ERROR_KIND_LINK, NULL, 0);
    CHECK(wrt_error_kind(error) == WRT_ERROR_KIND_LINK && strcmp(wrt_error_message(error, NULL), "link") == 0);
    wrt_error_delete(error);
    error = wrt_error_new_trap(WRT_TRAP_UNREACHABLE);
    CHECK(wrt_error_trap_code(error) == WRT_TRAP_UNREACHABLE);
    wrt_error_delete(error);
    FAILS(INVALID_ARGUMENT, wrt_error_new_trap(99));
    CHECK(strcmp(wrt_error_kind_name(77), "unknown") == 0 && strcmp(wrt_trap_name(77), "unknown") == 0);

    wrt_engine_t *engine = engine_new();
    wrt_store_t *store;
    OK(wrt_store_new(engine, NULL, NULL, &store));
    wrt_functype_t *ty;
    OK(wrt_functype_parse(TEXT("()"), &ty));
    wrt_func_t f;
    OK(wrt_func_new(store, ty, leave, NULL, NULL, &f));
    wrt_functype_delete(ty);
    error = wrt_func_call(store, &f, NULL, 0, NULL, 0);
    int32_t status;
    CHECK(wrt_error_kind(error) == WRT_ERROR_KIND_EXIT && wrt_error_exit_status(error, &status) && status == 3);
    uint64_t offset = 9;
    CHECK(!wrt_error_offset(error, &offset) && offset == 0);
    wrt_error_delete(error);
    wrt_store_delete(store);
    wrt_engine_delete(engine);
    return 0;
}
