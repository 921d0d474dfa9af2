/* Memories. */
#include "test.h"

int main(void) {
    wrt_engine_t *engine = engine_new();
    world_t w = world_new(engine, "(module (memory (export \"m\") 1 3) (data (i32.const 65534) \"ab\")"
                                  " (func (export \"get\") (param i32) (result i32) (i32.load8_u (local.get 0))))");
    wrt_memory_t m;
    OK(wrt_instance_get_memory(w.store, &w.instance, TEXT("m"), &m));
    uint8_t *data;
    size_t size;
    OK(wrt_memory_data(w.store, &m, &data, &size));
    CHECK(size == 65536 && data[65534] == 'a' && data[65535] == 'b');
    uint8_t out[4];
    OK(wrt_memory_read(w.store, &m, 65534, out, 2));
    CHECK(memcmp(out, "ab", 2) == 0);
    TRAPS(MEMORY_OUT_OF_BOUNDS, wrt_memory_read(w.store, &m, 65534, out, 3));
    TRAPS(MEMORY_OUT_OF_BOUNDS, wrt_memory_read(w.store, &m, UINT64_MAX, out, 3));
    OK(wrt_memory_read(w.store, &m, 65536, NULL, 0));
    OK(wrt_memory_write(w.store, &m, 10, (const uint8_t *)"xyz", 3));
    wrt_func_t get = func_get(&w, "get");
    wrt_val_t arg = i32(11), result;
    OK(wrt_func_call(w.store, &get, &arg, 1, &result, 1));
    CHECK(result.of.i32 == 'y');
    uint64_t pages;
    OK(wrt_memory_grow(w.store, &m, 2, &pages));
    CHECK(pages == 1);
    OK(wrt_memory_size(w.store, &m, &pages));
    CHECK(pages == 3);
    FAILS(LIMIT, wrt_memory_grow(w.store, &m, 1, NULL));
    uint8_t *same;
    OK(wrt_memory_data(w.store, &m, &same, &size));
    CHECK(same == data && size == 3 * 65536 && data[10] == 'x');
    wrt_size_limits_t limits;
    OK(wrt_memory_type(w.store, &m, &limits));
    CHECK(limits.min == 3 && limits.max == 3);
    arg = i32(3 * 65536);
    TRAPS(MEMORY_OUT_OF_BOUNDS, wrt_func_call(w.store, &get, &arg, 1, &result, 1));

    limits = (wrt_size_limits_t){.min = 2, .max = 1, .has_max = 1};
    FAILS(INVALID_ARGUMENT, wrt_memory_new(w.store, &limits, &m));
    limits = (wrt_size_limits_t){.min = UINT64_MAX};
    FAILS(INVALID_ARGUMENT, wrt_memory_new(w.store, &limits, &m));
    limits = (wrt_size_limits_t){.min = 1};
    OK(wrt_memory_new(w.store, &limits, &m));
    world_delete(&w);
    wrt_engine_delete(engine);
    return 0;
}
