/* Wrong use of everything is an error, never a crash. */
#include "test.h"

static void nulls(world_t *w) {
    wrt_engine_t *engine;
    wrt_store_t *store;
    wrt_module_t *module;
    wrt_linker_t *linker;
    wrt_instance_t instance;
    wrt_functype_t *ty;
    wrt_func_t func;
    wrt_table_t table;
    wrt_memory_t memory;
    wrt_global_t global;
    wrt_extern_t item;
    wrt_val_t val = i32(1);
    wrt_frame_t frame;
    wrt_interrupt_t *interrupt;
    wrt_size_limits_t limits = {0, 0, 0};
    size_t size;
    uint64_t big;
    uint8_t *bytes;
    (void)engine;
    FAILS(INVALID_ARGUMENT, wrt_config_set_signals(NULL, true));
    FAILS(INVALID_ARGUMENT, wrt_config_set_threads(NULL, 1));
    FAILS(INVALID_ARGUMENT, wrt_engine_new(NULL, NULL));
    FAILS(INVALID_ARGUMENT, wrt_store_new(NULL, NULL, NULL, &store));
    FAILS(INVALID_ARGUMENT, wrt_store_new(w->engine, NULL, NULL, NULL));
    FAILS(INVALID_ARGUMENT, wrt_module_new(NULL, (const uint8_t *)"x", 1, &module));
    FAILS(INVALID_ARGUMENT, wrt_module_new(w->engine, NULL, 1, &module));
    FAILS(INVALID_ARGUMENT, wrt_module_new(w->engine, (const uint8_t *)"x", 1, NULL));
    FAILS(INVALID_ARGUMENT, wrt_module_new(w->engine, (const uint8_t *)"x", SIZE_MAX, &module));
    FAILS(INVALID_ARGUMENT, wrt_module_validate(NULL, NULL, 0));
    FAILS(INVALID_ARGUMENT, wrt_module_save(NULL, &bytes, &size));
    FAILS(INVALID_ARGUMENT, wrt_module_load(NULL, NULL, 0, &module));
    FAILS(INVALID_ARGUMENT, wrt_linker_new(NULL, &linker));
    FAILS(INVALID_ARGUMENT, wrt_linker_instantiate(NULL, w->store, w->module, &instance));
    FAILS(INVALID_ARGUMENT, wrt_linker_define_func(NULL, TEXT("a"), TEXT("b"), TEXT("()"), NULL, NULL, NULL));
    FAILS(INVALID_ARGUMENT, wrt_instance_new(NULL, w->module, NULL, 0, &instance));
    FAILS(INVALID_ARGUMENT, wrt_instance_new(w->store, NULL, NULL, 0, &instance));
    FAILS(INVALID_ARGUMENT, wrt_instance_new(w->store, w->module, NULL, 1, &instance));
    FAILS(INVALID_ARGUMENT, wrt_instance_new(w->store, w->module, NULL, 0, NULL));
    FAILS(INVALID_ARGUMENT, wrt_instance_get(w->store, NULL, TEXT("f"), &item));
    FAILS(INVALID_ARGUMENT, wrt_instance_get_func(w->store, &w->instance, NULL, 1, &func));
    FAILS(INVALID_ARGUMENT, wrt_instance_get_func(w->store, &w->instance, TEXT("\xff"), &func));
    FAILS(INVALID_ARGUMENT, wrt_instance_get_func(w->store, &w->instance, TEXT("f"), NULL));
    FAILS(INVALID_ARGUMENT, wrt_functype_parse(NULL, 3, &ty));
    FAILS(INVALID_ARGUMENT, wrt_functype_parse(TEXT("("), &ty));
    FAILS(INVALID_ARGUMENT, wrt_functype_new((const uint8_t *)"\x63", 1, NULL, 0, &ty));
    CHECK(ty == NULL);
    FAILS(INVALID_ARGUMENT, wrt_func_call(NULL, &func, NULL, 0, NULL, 0));
    FAILS(INVALID_ARGUMENT, wrt_func_call(w->store, NULL, NULL, 0, NULL, 0));
    FAILS(INVALID_ARGUMENT, wrt_func_call(w->store, &func, NULL, 1, NULL, 0));
    FAILS(INVALID_ARGUMENT, wrt_func_call_raw(w->store, &func, NULL, 1));
    FAILS(INVALID_ARGUMENT, wrt_func_new(w->store, NULL, NULL, NULL, NULL, &func));
    FAILS(INVALID_ARGUMENT, wrt_memory_new(w->store, NULL, &memory));
    FAILS(INVALID_ARGUMENT, wrt_memory_new(w->store, &limits, NULL));
    FAILS(INVALID_ARGUMENT, wrt_memory_size(w->store, NULL, &big));
    FAILS(INVALID_ARGUMENT, wrt_table_new(w->store, WRT_FUNCREF, &limits, NULL, &table));
    FAILS(INVALID_ARGUMENT, wrt_table_get(w->store, NULL, 0, &val));
    FAILS(INVALID_ARGUMENT, wrt_table_set(w->store, &table, 0, NULL));
    FAILS(INVALID_ARGUMENT, wrt_global_new(w->store, WRT_I32, true, NULL, &global));
    FAILS(INVALID_ARGUMENT, wrt_global_new(w->store, 99, true, &val, &global));
    FAILS(INVALID_ARGUMENT, wrt_error_frame(NULL, 0, &frame));
    FAILS(INVALID_ARGUMENT, wrt_interrupt_new(NULL, &interrupt));
    FAILS(INVALID_ARGUMENT, wrt_store_set_limits(w->store, NULL));
    FAILS(INVALID_ARGUMENT, wrt_abi_layout(NULL, 1, &size));
    wrt_config_delete(NULL), wrt_engine_delete(NULL), wrt_store_delete(NULL), wrt_module_delete(NULL);
    wrt_linker_delete(NULL), wrt_error_delete(NULL), wrt_functype_delete(NULL), wrt_interrupt_delete(NULL);
    wrt_bytes_delete(NULL, 0), wrt_interrupt_trigger(NULL), wrt_limits_init(NULL);
    CHECK(wrt_error_kind(NULL) == 0 && wrt_error_message(NULL, &size)[0] == 0 && size == 0);
    CHECK(wrt_module_import_count(NULL) == 0 && wrt_functype_param(NULL, 0) == 0 && wrt_externtype_kind(NULL) == 0);
}

static void handles(world_t *w, world_t *other) {
    wrt_func_t good = func_get(w, "f"), bad = good;
    wrt_val_t result;
    OK(wrt_func_call(w->store, &good, NULL, 0, &result, 1));
    FAILS(WRONG_STORE, wrt_func_call(other->store, &good, NULL, 0, &result, 1));
    bad.index = 1000;
    FAILS(STALE_HANDLE, wrt_func_call(w->store, &bad, NULL, 0, &result, 1));
    bad = good, bad.generation++;
    FAILS(STALE_HANDLE, wrt_func_call(w->store, &bad, NULL, 0, &result, 1));
    memset(&bad, 0, sizeof bad);
    FAILS(STALE_HANDLE, wrt_func_call(w->store, &bad, NULL, 0, &result, 1));
    memset(&bad, 0xff, sizeof bad);
    FAILS(WRONG_STORE, wrt_func_call(w->store, &bad, NULL, 0, &result, 1));
    wrt_table_t table = {good.store, 99, good.generation};
    wrt_val_t v = funcref(&good);
    FAILS(STALE_HANDLE, wrt_table_set(w->store, &table, 0, &v));
    CHECK(v.kind == WRT_EMPTY);
    wrt_extern_t item;
    memset(&item, 0xee, sizeof item);
    wrt_instance_t instance;
    FAILS(INVALID_ARGUMENT, wrt_instance_new(w->store, w->module, &item, 1, &instance));
    v = i32(0), v.kind = 250;
    wrt_global_t global;
    FAILS(INVALID_ARGUMENT, wrt_global_new(w->store, WRT_I32, true, &v, &global));
}

static uint32_t seed = 12345;
static uint32_t random_u32(void) {
    seed ^= seed << 13, seed ^= seed >> 17, seed ^= seed << 5;
    return seed;
}

static void damaged_modules(world_t *w) {
    /* Any module in the binary format: a saved one starts with its bytes behind a header, so make it by hand. */
    static const uint8_t binary[] = {0,    'a',  's', 'm',  1, 0, 0, 0, 1, 5, 1, 0x60, 0, 1, 0x7f, 3, 2, 1, 0, 5, 3, 1, 0, 1,
                                     7,    5,    1,   1,    'f', 0, 0, 10, 9, 1, 7, 0, 0x41, 2, 0x41, 3, 0x6a, 0x0b};
    wrt_module_t *m;
    OK(wrt_module_new(w->engine, binary, sizeof binary, &m));
    wrt_module_delete(m);
    for (size_t len = 0; len < sizeof binary; len++) {
        wrt_error_t *error = wrt_module_new(w->engine, binary, len, &m);
        CHECK((error == NULL) == (m != NULL));
        wrt_error_delete(error), wrt_module_delete(m);
    }
    for (int i = 0; i < 500; i++) {
        uint8_t copy[sizeof binary];
        memcpy(copy, binary, sizeof copy);
        for (uint32_t n = random_u32() % 3 + 1; n; n--) copy[8 + random_u32() % (sizeof copy - 8)] = (uint8_t)random_u32();
        wrt_error_t *error = wrt_module_new(w->engine, copy, sizeof copy, &m);
        CHECK((error == NULL) == (m != NULL));
        wrt_error_delete(error), wrt_module_delete(m);
    }
}

int main(void) {
    wrt_engine_t *engine = engine_new();
    const char *wat = "(module (func (export \"f\") (result i32) (i32.const 1)))";
    world_t w = world_new(engine, wat), other = world_new(engine, wat);
    nulls(&w);
    handles(&w, &other);
    damaged_modules(&w);
    world_delete(&w);
    world_delete(&other);
    wrt_engine_delete(engine);
    return 0;
}
