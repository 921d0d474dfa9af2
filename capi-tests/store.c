/* Stores: userdata, limits, the limiter, deletion at awkward times. */
#include "test.h"

static void userdata_and_finalizer(void) {
    wrt_engine_t *engine;
    wrt_store_t *store, *other;
    int finalized = 0;
    OK(wrt_engine_new(NULL, &engine));
    OK(wrt_store_new(engine, &finalized, count_call, &store));
    OK(wrt_store_new(engine, (void *)42, NULL, &other));
    CHECK(wrt_store_userdata(store) == &finalized && wrt_store_userdata(other) == (void *)42);
    CHECK(wrt_store_id(store) != wrt_store_id(other));
    wrt_store_delete(store);
    CHECK(finalized == 1);
    /* Also if the function fails. */
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_store_new(NULL, &finalized, count_call, &store));
    CHECK(finalized == 2 && !store);
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_store_new(engine, &finalized, count_call, NULL));
    CHECK(finalized == 3);
    wrt_store_delete(other);
    wrt_engine_delete(engine);
}

static void limits(void) {
    world_t w = world();
    wrt_limits_t limits;
    wrt_limits_init(&limits);
    CHECK(limits.size == sizeof limits);
    limits.memory_bytes = 3 * 65536;
    limits.table_elements = 10;
    limits.instances = 2;
    OK(wrt_store_set_limits(w.store, &limits));
    wrt_memory_t memory;
    wrt_size_limits_t one_page = {1, 0, 0}, five_pages = {5, 0, 0}, elements = {11, 0, 0};
    OK(wrt_memory_new(w.store, &one_page, &memory));
    uint64_t old = 99;
    OK(wrt_memory_grow(w.store, &memory, 2, &old));
    CHECK(old == 1);
    FAILS(WRT_ERROR_KIND_LIMIT, wrt_memory_grow(w.store, &memory, 1, &old));
    CHECK(old == 0);
    FAILS(WRT_ERROR_KIND_LIMIT, wrt_memory_new(w.store, &five_pages, &memory));
    CHECK(memory.store == 0);
    wrt_table_t table;
    wrt_val_t null = func_val(NULL);
    FAILS(WRT_ERROR_KIND_LIMIT, wrt_table_new(w.store, WRT_FUNCREF, &elements, &null, &table));
    instance_of(w.engine, w.store, "(module)");
    instance_of(w.engine, w.store, "(module)");
    wrt_module_t *module = module_of(w.engine, "(module)");
    wrt_instance_t instance;
    FAILS(WRT_ERROR_KIND_LIMIT, wrt_instance_new(w.store, module, NULL, 0, &instance));
    wrt_module_delete(module);
    limits.size = 3;
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_store_set_limits(w.store, &limits));
    world_end(&w);
}

typedef struct {
    int asked, finalized;
    uint8_t resource;
    uint64_t current, desired;
} limiter_t;

static int32_t small_only(void *userdata, const wrt_growth_t *growth) {
    limiter_t *l = userdata;
    l->asked++;
    l->resource = growth->resource;
    l->current = growth->current;
    l->desired = growth->desired;
    return growth->desired <= 4 * 65536;
}

static void limiter_end(void *userdata) { ((limiter_t *)userdata)->finalized++; }

static void limiter(void) {
    world_t w = world();
    limiter_t l = {0};
    OK(wrt_store_set_limiter(w.store, small_only, &l, limiter_end));
    wrt_instance_t instance = instance_of(w.engine, w.store,
                                          "(module (memory (export \"m\") 1)"
                                          " (func (export \"grow\") (param i32) (result i32)"
                                          "  (memory.grow (local.get 0))))");
    wrt_func_t grow = func_of(w.store, &instance, "grow");
    int32_t got;
    OK(call_i32(w.store, &grow, 1, 3, 0, &got));
    CHECK(got == 1 && l.resource == WRT_RESOURCE_MEMORY && l.current == 65536 && l.desired == 4 * 65536);
    OK(call_i32(w.store, &grow, 1, 1, 0, &got));
    CHECK(got == -1);
    int asked = l.asked;
    OK(wrt_store_set_limiter(w.store, NULL, NULL, NULL));
    CHECK(l.finalized == 1);
    OK(call_i32(w.store, &grow, 1, 1, 0, &got));
    CHECK(got == 4 && l.asked == asked);
    /* The limiter is finalized with the store. */
    OK(wrt_store_set_limiter(w.store, small_only, &l, limiter_end));
    world_end(&w);
    CHECK(l.finalized == 2);
}

static wrt_error_t *delete_store(void *userdata, wrt_caller_t *caller, const wrt_val_t *args, size_t arg_count,
                                 wrt_val_t *results, size_t result_count) {
    (void)args, (void)arg_count, (void)result_count;
    wrt_store_delete(wrt_caller_store(caller));
    CHECK(*(int *)userdata == 0);
    results[0].of.i32 = 5;
    return NULL;
}

/* A store that is deleted while it runs lives until the outermost call returns. */
static void deleted_while_running(void) {
    world_t w = world();
    int finalized = 0;
    wrt_store_t *store;
    OK(wrt_store_new(w.engine, &finalized, count_call, &store));
    wrt_linker_t *linker;
    OK(wrt_linker_new(w.engine, &linker));
    OK(wrt_linker_define_func(linker, TEXT("env"), TEXT("end"), TEXT("() -> i32"), delete_store, &finalized, NULL));
    wrt_module_t *module = module_of(w.engine, "(module (import \"env\" \"end\" (func $end (result i32)))"
                                               " (func (export \"f\") (result i32)"
                                               "  (i32.add (call $end) (i32.const 1))))");
    wrt_instance_t instance;
    OK(wrt_linker_instantiate(linker, store, module, &instance));
    wrt_module_delete(module);
    wrt_linker_delete(linker);
    wrt_func_t f = func_of(store, &instance, "f");
    int32_t got;
    OK(call_i32(store, &f, 0, 0, 0, &got));
    CHECK(got == 6 && finalized == 1);
    world_end(&w);
}

int main(void) {
    userdata_and_finalizer();
    limits();
    limiter();
    deleted_while_running();
    return 0;
}
