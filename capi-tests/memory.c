/* Memories. */
#include "test.h"

static void made_by_the_host(world_t *w) {
    wrt_memory_t m;
    wrt_size_limits_t limits = {1, 3, 1}, bad = {3, 1, 1}, huge = {1 << 20, 0, 0}, now;
    OK(wrt_memory_new(w->store, &limits, &m));
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_memory_new(w->store, &bad, &m));
    CHECK(m.store == 0);
    wrt_error_t *error = wrt_memory_new(w->store, &huge, &m);
    CHECK(error && m.store == 0);
    wrt_error_delete(error);
    OK(wrt_memory_new(w->store, &limits, &m));
    uint64_t pages, old;
    OK(wrt_memory_size(w->store, &m, &pages));
    CHECK(pages == 1);
    OK(wrt_memory_grow(w->store, &m, 1, &old));
    CHECK(old == 1);
    OK(wrt_memory_grow(w->store, &m, 1, NULL));
    FAILS(WRT_ERROR_KIND_LIMIT, wrt_memory_grow(w->store, &m, 1, &old));
    FAILS(WRT_ERROR_KIND_LIMIT, wrt_memory_grow(w->store, &m, UINT64_MAX, &old));
    OK(wrt_memory_type(w->store, &m, &now));
    CHECK(now.min == 3 && now.has_max && now.max == 3);
    uint8_t *data;
    size_t size;
    OK(wrt_memory_data(w->store, &m, &data, &size));
    CHECK(size == 3 * 65536);
    for (size_t i = 0; i < size; i++) CHECK(data[i] == 0);
    data[size - 1] = 1;
}

static void checked_access(world_t *w) {
    wrt_instance_t instance = instance_of(w->engine, w->store,
                                          "(module (memory (export \"m\") 1) (data (i32.const 100) \"hello\")"
                                          " (func (export \"get\") (param i32) (result i32) (i32.load8_u (local.get 0)))"
                                          " (func (export \"far\") (param i32) (result i32)"
                                          "  (i32.load offset=4294967295 (local.get 0))))");
    wrt_memory_t m;
    OK(wrt_instance_get_memory(w->store, &instance, TEXT("m"), &m));
    char text[6] = {0};
    OK(wrt_memory_read(w->store, &m, 100, text, 5));
    CHECK(!strcmp(text, "hello"));
    OK(wrt_memory_write(w->store, &m, 65533, "xyz", 3));
    TRAPS(WRT_TRAP_MEMORY_OUT_OF_BOUNDS, wrt_memory_write(w->store, &m, 65534, "abc", 3));
    TRAPS(WRT_TRAP_MEMORY_OUT_OF_BOUNDS, wrt_memory_read(w->store, &m, UINT64_MAX, text, 2));
    OK(wrt_memory_read(w->store, &m, 65533, text, 3));
    CHECK(!memcmp(text, "xyz", 3));
    OK(wrt_memory_read(w->store, &m, 65536, NULL, 0));
    wrt_func_t get = func_of(w->store, &instance, "get"), far = func_of(w->store, &instance, "far");
    int32_t got;
    OK(call_i32(w->store, &get, 1, 65534, 0, &got));
    CHECK(got == 'y');
    TRAPS(WRT_TRAP_MEMORY_OUT_OF_BOUNDS, call_i32(w->store, &get, 1, 65536, 0, &got));
    TRAPS(WRT_TRAP_MEMORY_OUT_OF_BOUNDS, call_i32(w->store, &get, 1, -1, 0, &got));
    TRAPS(WRT_TRAP_MEMORY_OUT_OF_BOUNDS, call_i32(w->store, &far, 1, -1, 0, &got));
    /* Growth is visible immediately on both sides. */
    OK(wrt_memory_grow(w->store, &m, 1, NULL));
    OK(call_i32(w->store, &get, 1, 65536, 0, &got));
    CHECK(got == 0);
}

int main(void) {
    for (int signals = 0; signals < 2; signals++) {
        world_t w = world_with(signals, false);
        made_by_the_host(&w);
        checked_access(&w);
        world_end(&w);
    }
    return 0;
}
