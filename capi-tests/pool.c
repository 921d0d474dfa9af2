/* The pool, which keeps parts of deleted instances: options, statistics, and that the next instance sees nothing of the previous one. */
#include "test.h"
#include <pthread.h>

#define BAD(call) FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, call)

/* A memory with data and one without; anything an instance has written would show in the `sum` of a later one. */
#define MODULE \
    "(module (memory $m (export \"m\") 2 10) (data (i32.const 60000) \"abc\") (data (i32.const 80000) \"xyz\")" \
    " (memory $zero 1) (table (export \"t\") 20000 30000 funcref) (elem (i32.const 1) $f) (global $g (mut i32) (i32.const 0))" \
    " (func $f (export \"f\") (result i32) (i32.const 1))" \
    " (func (export \"sum\") (result i32) (local $i i32) (local $sum i32)" \
    "  (local.set $sum (i32.add (global.get $g) (i32.sub (memory.size $m) (i32.const 2))))" \
    "  (loop" \
    "   (local.set $sum (i32.add (local.get $sum) (i32.load8_u $m (local.get $i))))" \
    "   (local.set $sum (i32.add (local.get $sum) (i32.load8_u $zero (i32.shr_u (local.get $i) (i32.const 1)))))" \
    "   (br_if 0 (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 131072))))" \
    "  (local.get $sum))" \
    " (func (export \"write\") (param i32)" \
    "  (memory.fill $m (i32.const 50000) (local.get 0) (i32.const 40000))" \
    "  (memory.fill $zero (i32.const 0) (local.get 0) (i32.const 65536))" \
    "  (drop (memory.grow $m (i32.const 3))) (i32.store $m (i32.const 300000) (local.get 0))" \
    "  (global.set $g (local.get 0)) (table.set 0 (i32.const 19999) (ref.func $f)))" \
    " (func (export \"trap\") unreachable))"
enum { SUM = 'a' + 'b' + 'c' + 'x' + 'y' + 'z' };

static wrt_engine_t *engine_with(const wrt_pool_options_t *options) {
    wrt_engine_t *engine;
    wrt_config_t *config = wrt_config_new();
    OK(wrt_config_set_signals(config, may_use_signals()));
    OK(wrt_config_set_pool(config, options));
    OK(wrt_engine_new(config, &engine));
    wrt_config_delete(config);
    return engine;
}

static wrt_pool_stats_t stats_of(const wrt_engine_t *engine) {
    wrt_pool_stats_t stats;
    memset(&stats, 0xff, sizeof stats);
    stats.size = sizeof stats;
    OK(wrt_engine_pool_stats(engine, &stats));
    return stats;
}

/* Creates an instance, checks that it is pristine, and leaves as many traces as it can. */
static wrt_instance_t use(wrt_store_t *store, const wrt_module_t *module, bool traps) {
    wrt_instance_t instance;
    int32_t sum;
    OK(wrt_instance_new(store, module, NULL, 0, &instance));
    wrt_func_t sum_of = func_of(store, &instance, "sum"), write = func_of(store, &instance, "write");
    OK(call_i32(store, &sum_of, 0, 0, 0, &sum));
    CHECK(sum == SUM);
    wrt_table_t table;
    wrt_val_t element, argument = i32_val(201);
    OK(wrt_instance_get_table(store, &instance, "t", 1, &table));
    OK(wrt_table_get(store, &table, 19999, &element));
    CHECK(element.kind == WRT_FUNCREF && element.of.func.store == 0);
    OK(wrt_func_call(store, &write, &argument, 1, NULL, 0));
    if (traps) {
        wrt_func_t trap = func_of(store, &instance, "trap");
        TRAPS(WRT_TRAP_UNREACHABLE, wrt_func_call(store, &trap, NULL, 0, NULL, 0));
    }
    return instance;
}

static void options(void) {
    wrt_pool_options_t o;
    wrt_pool_options_init(NULL);
    wrt_pool_options_init(&o);
    CHECK(o.size == sizeof o && o.memories == 1000 && o.memory_resident_bytes == 256 << 10 && o.max_memories == SIZE_MAX);
    CHECK(o.tables == 1000 && o.table_resident_bytes == 64 << 10 && o.heaps == 1000 && o.heap_resident_bytes == 64 << 10);
    wrt_config_t *config = wrt_config_new();
    BAD(wrt_config_set_pool(NULL, &o));
    BAD(wrt_config_set_pool(config, NULL));
    o.size--;
    BAD(wrt_config_set_pool(config, &o));
    o.size = 0;
    BAD(wrt_config_set_pool(config, &o));
    wrt_config_delete(config);
    /* The largest and smallest values of the settings. */
    for (int most = 0; most < 2; most++) {
        memset(&o, most ? 0xff : 0, sizeof o);
        o.size = sizeof o;
        o.max_memories = SIZE_MAX;
        wrt_engine_t *engine = engine_with(&o);
        wrt_module_t *module = module_of(engine, MODULE);
        for (int i = 0; i < 5; i++) {
            wrt_store_t *store;
            OK(wrt_store_new(engine, NULL, NULL, &store));
            use(store, module, i % 2);
            wrt_store_delete(store);
        }
        wrt_pool_stats_t s = stats_of(engine);
        CHECK(s.memories_in_use == 0 && s.memories_made + s.memories_reused == 10);
        CHECK(most ? s.memories_kept == 2 && s.memories_reused == 8 && s.tables_kept == 1 && s.tables_reused == 4
                   : s.memories_kept == 0 && s.memories_reused == 0 && s.tables_kept == 0 && s.memory_bytes_resident == 0);
        wrt_module_delete(module);
        wrt_engine_delete(engine);
    }
}

static void statistics(void) {
    wrt_pool_options_t o;
    wrt_pool_options_init(&o);
    o.memory_resident_bytes = 8192;
    wrt_engine_t *engine = engine_with(&o);
    wrt_pool_stats_t s = stats_of(engine), none;
    memset(&none, 0, sizeof none);
    none.size = sizeof none;
    CHECK(!memcmp(&s, &none, sizeof s));
    wrt_module_t *module = module_of(engine, MODULE), *objects = module_of(engine, "(module (type $s (struct)) (global (ref $s) (struct.new $s)))");
    wrt_store_t *store;
    OK(wrt_store_new(engine, NULL, NULL, &store));
    wrt_instance_t instance = use(store, module, false);
    s = stats_of(engine);
    CHECK(s.memories_in_use == 2 && s.memories_made == 2 && s.memories_kept == 0);
    /* A released instance returns its memories when a collection finds it. */
    OK(wrt_instance_release(store, &instance));
    OK(wrt_store_gc(store));
    s = stats_of(engine);
    CHECK(s.memories_in_use == 0 && s.memories_kept == 2 && s.tables_kept == 1);
    CHECK(s.memory_bytes_resident <= 2 * 8192);
    use(store, module, true);
    s = stats_of(engine);
    CHECK(s.memories_in_use == 2 && s.memories_reused == 2 && s.memories_kept == 0);
    wrt_store_delete(store);
    for (int i = 0; i < 2; i++) {
        OK(wrt_store_new(engine, NULL, NULL, &store));
        OK(wrt_instance_new(store, objects, NULL, 0, &instance));
        wrt_store_delete(store);
    }
    s = stats_of(engine);
    CHECK(s.heaps_kept == 1 && s.heaps_reused == 1);
    BAD(wrt_engine_pool_stats(NULL, &s));
    BAD(wrt_engine_pool_stats(engine, NULL));
    s.size = 4;
    BAD(wrt_engine_pool_stats(engine, &s));
    s.size = sizeof s + 8;
    BAD(wrt_engine_pool_stats(engine, &s));
    /* A caller with a smaller struct. */
    memset(&s, 0xff, sizeof s);
    s.size = offsetof(wrt_pool_stats_t, memories_made);
    OK(wrt_engine_pool_stats(engine, &s));
    CHECK(s.memories_reused == 2 && s.memories_made == UINT64_MAX);
    wrt_module_delete(module);
    wrt_module_delete(objects);
    wrt_engine_delete(engine);
}

static void limit(void) {
    wrt_pool_options_t o;
    wrt_pool_options_init(&o);
    o.max_memories = 3;
    wrt_engine_t *engine = engine_with(&o);
    wrt_module_t *module = module_of(engine, MODULE);
    wrt_store_t *a, *b;
    wrt_instance_t instance;
    wrt_memory_t memory;
    wrt_size_limits_t one_page = {.min = 1};
    OK(wrt_store_new(engine, NULL, NULL, &a));
    OK(wrt_store_new(engine, NULL, NULL, &b));
    for (int i = 0; i < 3; i++) {
        OK(wrt_instance_new(a, module, NULL, 0, &instance));
        FAILS(WRT_ERROR_KIND_LIMIT, wrt_instance_new(b, module, NULL, 0, &instance));
        OK(wrt_memory_new(b, &one_page, &memory));
        FAILS(WRT_ERROR_KIND_LIMIT, wrt_memory_new(b, &one_page, &memory));
        CHECK(stats_of(engine).memories_in_use == 3);
        wrt_store_delete(a);
        OK(wrt_instance_new(b, module, NULL, 0, &instance));
        wrt_store_delete(b);
        OK(wrt_store_new(engine, NULL, NULL, &a));
        OK(wrt_store_new(engine, NULL, NULL, &b));
    }
    wrt_store_delete(a);
    wrt_store_delete(b);
    wrt_module_delete(module);
    wrt_engine_delete(engine);
}

static wrt_engine_t *shared;
static wrt_module_t *shared_module;

static void *churn(void *rounds) {
    for (int i = 0; i < *(int *)rounds; i++) {
        wrt_store_t *store;
        OK(wrt_store_new(shared, NULL, NULL, &store));
        use(store, shared_module, i % 3 == 0);
        use(store, shared_module, false);
        wrt_store_delete(store);
    }
    return NULL;
}

/* Threads that create instances; modules and engines can be deleted in any order. */
static void threads(void) {
    int rounds = may_use_signals() ? 20 : 4;
    for (int kept = 0; kept < 8; kept += 7) {
        wrt_pool_options_t o;
        wrt_pool_options_init(&o);
        o.memories = (size_t)kept;
        shared = engine_with(&o);
        shared_module = module_of(shared, MODULE);
        pthread_t ids[4];
        for (int i = 0; i < 4; i++) CHECK(!pthread_create(&ids[i], NULL, churn, &rounds));
        for (int i = 0; i < 4; i++) CHECK(!pthread_join(ids[i], NULL));
        wrt_pool_stats_t s = stats_of(shared);
        CHECK(s.memories_in_use == 0 && s.memories_kept <= (uint64_t)kept);
        CHECK(s.memories_made + s.memories_reused == (uint64_t)(4 * 4 * rounds));
        wrt_store_t *store;
        OK(wrt_store_new(shared, NULL, NULL, &store));
        wrt_instance_t instance = use(store, shared_module, false);
        if (kept) wrt_engine_delete(shared);
        wrt_module_delete(shared_module);
        wrt_func_t f = func_of(store, &instance, "f");
        int32_t one;
        OK(call_i32(store, &f, 0, 0, 0, &one));
        CHECK(one == 1);
        if (!kept) wrt_engine_delete(shared);
        wrt_store_delete(store);
    }
}

int main(void) {
    options();
    statistics();
    limit();
    threads();
    return 0;
}
