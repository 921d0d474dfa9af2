/* Error objects: kinds, traps and backtraces. */
#include "test.h"

static void names(void) {
    CHECK(!strcmp(wrt_error_kind_name(WRT_ERROR_KIND_TYPE_MISMATCH), "type mismatch"));
    CHECK(!strcmp(wrt_error_kind_name(0), "unknown") && !strcmp(wrt_error_kind_name(200), "unknown"));
    CHECK(!strcmp(wrt_trap_name(WRT_TRAP_INTEGER_OVERFLOW), "integer overflow"));
    CHECK(!strcmp(wrt_trap_name(0), "unknown") && !strcmp(wrt_trap_name(255), "unknown"));
}

static void made_by_the_host(void) {
    size_t len;
    uint64_t offset = 7;
    int32_t status = 7;
    wrt_error_t *e = wrt_error_new(WRT_ERROR_KIND_IO, TEXT("disk gone"));
    CHECK(wrt_error_kind(e) == WRT_ERROR_KIND_IO && !strcmp(wrt_error_message(e, &len), "disk gone") && len == 9);
    CHECK(!wrt_error_offset(e, &offset) && offset == 0 && !wrt_error_exit_status(e, &status) && status == 0);
    CHECK(wrt_error_trap_code(e) == 0 && wrt_error_frame_count(e) == 0);
    wrt_frame_t frame;
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_error_frame(e, 0, &frame));
    CHECK(!frame.func_name && frame.module_offset == UINT32_MAX);
    wrt_error_delete(e);
    e = wrt_error_new(222, TEXT("x"));
    CHECK(wrt_error_kind(e) == WRT_ERROR_KIND_HOST);
    wrt_error_delete(e);
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_error_new(WRT_ERROR_KIND_HOST, TEXT("\xff\xfe")));
    FAILS(WRT_ERROR_KIND_HOST, wrt_error_new(WRT_ERROR_KIND_HOST, NULL, 0));
    TRAPS(WRT_TRAP_UNREACHABLE, wrt_error_new_trap(WRT_TRAP_UNREACHABLE));
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_error_new_trap(250));
}

/* A host error remains the host's, whatever its kind: the store stays usable. */
static uint8_t kind_to_fail_with;
static wrt_error_t *fails(void *userdata, wrt_caller_t *caller, const wrt_val_t *args, size_t n, wrt_val_t *results, size_t m) {
    (void)userdata, (void)caller, (void)args, (void)n, (void)results, (void)m;
    return wrt_error_new(kind_to_fail_with, TEXT("database is down"));
}
static wrt_error_t *does_not_write(void *userdata, const char *bytes, size_t size) {
    (void)userdata, (void)bytes, (void)size;
    return wrt_error_new(kind_to_fail_with, TEXT("disk full"));
}
static void any_kind_of_the_host(void) {
    world_t w = world();
    wrt_functype_t *type;
    wrt_func_t fail;
    OK(wrt_functype_parse(TEXT("()"), &type));
    OK(wrt_func_new(w.store, type, fails, NULL, NULL, &fail));
    wrt_functype_delete(type);
    wrt_instance_t instance = instance_of(w.engine, w.store, "(module (func (export \"seven\") (result i32) (i32.const 7)))");
    wrt_func_t seven = func_of(w.store, &instance, "seven");
    for (kind_to_fail_with = 1; kind_to_fail_with < 30; kind_to_fail_with++) {
        bool is_known = strcmp(wrt_error_kind_name(kind_to_fail_with), "unknown");
        uint8_t expected = is_known ? kind_to_fail_with : WRT_ERROR_KIND_HOST;
        int32_t out;
        FAILS(expected, wrt_func_call(w.store, &fail, NULL, 0, NULL, 0));
        FAILS(expected, wrt_store_write_heap_snapshot(w.store, does_not_write, NULL));
        OK(call_i32(w.store, &seven, 0, 0, 0, &out));
        CHECK(out == 7);
        instance_of(w.engine, w.store, "(module)");
    }
    world_end(&w);
}

static void nothing(void) {
    CHECK(wrt_error_kind(NULL) == 0 && !wrt_error_message(NULL, NULL)[0] && wrt_error_frame_count(NULL) == 0);
    CHECK(wrt_error_trap_code(NULL) == 0 && !wrt_error_offset(NULL, NULL) && !wrt_error_exit_status(NULL, NULL));
    wrt_error_delete(NULL);
}

static void backtraces(bool signals) {
    world_t w = world_with(signals, false);
    wrt_instance_t instance = instance_of(w.engine, w.store,
                                          "(module $prog (memory 1)"
                                          " (func $leaf (param i32) (result i32) (i32.load (local.get 0)))"
                                          " (func $middle (param i32) (result i32)"
                                          "  (i32.add (call $leaf (local.get 0)) (i32.const 1)))"
                                          " (func (export \"top\") (param i32) (result i32)"
                                          "  (i32.add (call $middle (local.get 0)) (i32.const 1))))");
    wrt_func_t top = func_of(w.store, &instance, "top");
    int32_t got;
    wrt_error_t *e = call_i32(w.store, &top, 1, 1 << 20, 0, &got);
    CHECK(wrt_error_trap_code(e) == WRT_TRAP_MEMORY_OUT_OF_BOUNDS);
    CHECK(wrt_error_frame_count(e) == 3);
    static const char *const names[] = {"leaf", "middle", "top"};
    for (size_t i = 0; i < 3; i++) {
        wrt_frame_t frame;
        OK(wrt_error_frame(e, i, &frame));
        CHECK(frame.func_name && !strcmp(frame.func_name, names[i]));
        CHECK(frame.module_name && !strcmp(frame.module_name, "prog"));
        CHECK(frame.func_index == i && frame.module_offset != UINT32_MAX && frame.func_offset < frame.module_offset);
    }
    wrt_error_delete(e);
    /* The store stays usable. */
    OK(call_i32(w.store, &top, 1, 8, 0, &got));
    CHECK(got == 2);
    world_end(&w);
}

int main(void) {
    names();
    made_by_the_host();
    nothing();
    any_kind_of_the_host();
    backtraces(true);
    backtraces(false);
    return 0;
}
