/* References to objects: ownership, lifetime, and that no path that stores one leaks. Each test runs normally and with a collection at
 * every allocation. */
#include "test.h"

static uint32_t zeal;

static world_t gc_world(void) {
    world_t w;
    wrt_config_t *config = wrt_config_new();
    OK(wrt_config_set_signals(config, may_use_signals()));
    OK(wrt_config_set_gc_zeal(config, zeal));
    OK(wrt_config_set_heap_reservation(config, (size_t)1 << 28));
    OK(wrt_engine_new(config, &w.engine));
    wrt_config_delete(config);
    OK(wrt_store_new(w.engine, NULL, NULL, &w.store));
    return w;
}

/* The number of host objects that were created, and of finalizers that ran. */
typedef struct {
    int created, dropped;
} counts_t;

static void dropped(void *userdata) { ++((counts_t *)userdata)->dropped; }

static wrt_val_t object(wrt_store_t *store, counts_t *counts) {
    wrt_val_t v;
    memset(&v, 0, sizeof v);
    v.kind = WRT_EXTERNREF;
    ++counts->created;
    OK(wrt_externref_new(store, counts, dropped, 0, &v.of.ref));
    return v;
}

static wrt_val_t null_ref(uint8_t kind) {
    wrt_val_t v;
    memset(&v, 0, sizeof v);
    v.kind = kind;
    return v;
}

/* The number of live objects, after a collection. */
static int alive(wrt_store_t *store, const counts_t *counts) {
    OK(wrt_store_gc(store));
    return counts->created - counts->dropped;
}

static const char *const MODULE =
    "(module"
    " (table $t (export \"t\") 200 400 externref)"
    " (table $u (export \"u\") 200 externref)"
    " (global (export \"g\") (mut externref) (ref.null extern))"
    " (func (export \"same\") (param externref externref) (result externref i32)"
    "   (local.get 0) (ref.is_null (local.get 1)))"
    " (func (export \"i31\") (param anyref) (result i32) (i31.get_s (ref.cast (ref i31) (local.get 0)))))";

typedef struct {
    wrt_table_t t, u;
    wrt_global_t g;
    wrt_func_t same, i31;
} items_t;

static items_t items_of(world_t *w) {
    items_t i;
    wrt_instance_t instance = instance_of(w->engine, w->store, MODULE);
    OK(wrt_instance_get_table(w->store, &instance, TEXT("t"), &i.t));
    OK(wrt_instance_get_table(w->store, &instance, TEXT("u"), &i.u));
    OK(wrt_instance_get_global(w->store, &instance, TEXT("g"), &i.g));
    i.same = func_of(w->store, &instance, "same");
    i.i31 = func_of(w->store, &instance, "i31");
    return i;
}

static void table_set(void) {
    world_t w = gc_world();
    items_t i = items_of(&w);
    counts_t counts = {0, 0};
    wrt_val_t v = object(w.store, &counts), got;
    OK(wrt_table_set(w.store, &i.t, 199, &v));
    CHECK(v.kind == WRT_EMPTY && alive(w.store, &counts) == 1);
    OK(wrt_table_get(w.store, &i.t, 199, &got));
    CHECK(got.kind == WRT_EXTERNREF);
    v = null_ref(WRT_EXTERNREF);
    OK(wrt_table_set(w.store, &i.t, 199, &v));
    CHECK(alive(w.store, &counts) == 1);
    OK(wrt_ref_release(w.store, &got.of.ref));
    CHECK(got.of.ref.store == 0 && alive(w.store, &counts) == 0);
    v = object(w.store, &counts);
    OK(wrt_table_set(w.store, &i.t, 0, &v));
    world_end(&w);
    CHECK(counts.created == counts.dropped);
}

static void table_grow(void) {
    world_t w = gc_world();
    items_t i = items_of(&w);
    counts_t counts = {0, 0};
    wrt_val_t v = object(w.store, &counts);
    uint64_t old;
    OK(wrt_table_grow(w.store, &i.t, 150, &v, &old));
    CHECK(old == 200 && v.kind == WRT_EMPTY && alive(w.store, &counts) == 1);
    v = object(w.store, &counts);
    FAILS(WRT_ERROR_KIND_LIMIT, wrt_table_grow(w.store, &i.t, 51, &v, &old));
    CHECK(v.kind == WRT_EMPTY && alive(w.store, &counts) == 1);
    v = null_ref(WRT_EXTERNREF);
    OK(wrt_table_fill(w.store, &i.t, 200, &v, 150));
    CHECK(alive(w.store, &counts) == 0);
    world_end(&w);
}

static void table_fill_and_copy(void) {
    world_t w = gc_world();
    items_t i = items_of(&w);
    counts_t counts = {0, 0};
    wrt_val_t v = object(w.store, &counts);
    OK(wrt_table_fill(w.store, &i.t, 10, &v, 190));
    CHECK(v.kind == WRT_EMPTY && alive(w.store, &counts) == 1);
    OK(wrt_table_copy(w.store, &i.u, 0, &i.t, 150, 50));
    v = null_ref(WRT_EXTERNREF);
    OK(wrt_table_fill(w.store, &i.t, 0, &v, 200));
    CHECK(alive(w.store, &counts) == 1);
    TRAPS(WRT_TRAP_TABLE_OUT_OF_BOUNDS, wrt_table_copy(w.store, &i.u, 1, &i.t, 0, 200));
    v = null_ref(WRT_EXTERNREF);
    OK(wrt_table_fill(w.store, &i.u, 0, &v, 50));
    CHECK(alive(w.store, &counts) == 0);
    world_end(&w);
}

static void table_new(void) {
    world_t w = gc_world();
    counts_t counts = {0, 0};
    wrt_size_limits_t limits = {3, 0, 0}, bad = {3, 1, 1}, got;
    wrt_table_t t;
    uint8_t kind;
    wrt_val_t v = object(w.store, &counts);
    OK(wrt_table_new(w.store, WRT_EXTERNREF, &limits, &v, &t));
    OK(wrt_table_type(w.store, &t, &kind, &got));
    CHECK(v.kind == WRT_EMPTY && kind == WRT_EXTERNREF && got.min == 3 && alive(w.store, &counts) == 1);
    v = object(w.store, &counts);
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_table_new(w.store, WRT_EXTERNREF, &bad, &v, &t));
    CHECK(v.kind == WRT_EMPTY && alive(w.store, &counts) == 1);
    v = object(w.store, &counts);
    FAILS(WRT_ERROR_KIND_TYPE_MISMATCH, wrt_table_new(w.store, WRT_ANYREF, &limits, &v, &t));
    v = null_ref(WRT_ANYREF);
    OK(wrt_table_new(w.store, WRT_ANYREF, &limits, &v, &t));
    world_end(&w);
    CHECK(counts.created == counts.dropped);
}

static void global_set_and_new(void) {
    world_t w = gc_world();
    items_t i = items_of(&w);
    counts_t counts = {0, 0};
    wrt_global_t g, constant;
    wrt_val_t v = object(w.store, &counts), got;
    OK(wrt_global_set(w.store, &i.g, &v));
    CHECK(v.kind == WRT_EMPTY && alive(w.store, &counts) == 1);
    v = object(w.store, &counts);
    OK(wrt_global_new(w.store, WRT_EXTERNREF, true, &v, &g));
    v = object(w.store, &counts);
    OK(wrt_global_new(w.store, WRT_EXTERNREF, false, &v, &constant));
    CHECK(alive(w.store, &counts) == 3);
    OK(wrt_global_get(w.store, &constant, &got));
    FAILS(WRT_ERROR_KIND_TYPE_MISMATCH, wrt_global_set(w.store, &constant, &got));
    CHECK(got.kind == WRT_EMPTY && alive(w.store, &counts) == 3);
    v = null_ref(WRT_EXTERNREF);
    OK(wrt_global_set(w.store, &i.g, &v));
    v = null_ref(WRT_EXTERNREF);
    OK(wrt_global_set(w.store, &g, &v));
    CHECK(alive(w.store, &counts) == 1);
    world_end(&w);
    CHECK(counts.created == counts.dropped);
}

/* Objects that constant expressions, segments and cycles hold. */
static const char *const HOLDING =
    "(module (import \"\" \"o\" (global $o externref))"
    " (type $cell (struct (field $value (mut externref)) (field $next (mut anyref))))"
    " (global $init (mut externref) (global.get $o))"
    " (global $cell (mut anyref) (struct.new $cell (global.get $o) (ref.i31 (i32.const 1))))"
    " (table $t 20 (ref null $cell))"
    " (elem $passive (ref null $cell) (struct.new $cell (global.get $o) (ref.null any)))"
    " (elem (table $t) (i32.const 3) (ref null $cell) (struct.new $cell (global.get $o) (ref.null any)))"
    " (func (export \"table_init\") (table.init $t $passive (i32.const 9) (i32.const 0) (i32.const 1)))"
    " (func (export \"forget\") (global.set $init (ref.null extern)) (global.set $cell (ref.null any))"
    "   (table.fill $t (i32.const 0) (ref.null $cell) (i32.const 20)))"
    " (func (export \"elem_drop\") (elem.drop $passive))"
    " (func $ring (param $o externref) (result (ref $cell)) (local $a (ref null $cell)) (local $b (ref null $cell))"
    "   (local.set $a (struct.new $cell (local.get $o) (ref.null any)))"
    "   (local.set $b (struct.new $cell (local.get $o) (local.get $a)))"
    "   (struct.set $cell $next (local.get $a) (local.get $b)) (ref.as_non_null (local.get $b)))"
    " (func (export \"ring_in_global\") (param externref) (global.set $cell (call $ring (local.get 0))))"
    " (func (export \"ring_in_table\") (param externref) (table.set $t (i32.const 19) (call $ring (local.get 0)))))";

static void call(wrt_store_t *store, const wrt_instance_t *instance, const char *name, wrt_val_t *arg) {
    wrt_func_t f = func_of(store, instance, name);
    OK(wrt_func_call(store, &f, arg, arg != NULL, NULL, 0));
    if (arg) OK(wrt_ref_release(store, &arg->of.ref));
}

static void global_init_table_init_segments_and_cycles(void) {
    world_t w = gc_world();
    wrt_module_t *module = module_of(w.engine, HOLDING);
    counts_t counts = {0, 0}, rings = {0, 0};
    wrt_extern_t import;
    wrt_instance_t instance;
    wrt_val_t v = object(w.store, &counts);
    memset(&import, 0, sizeof import);
    import.kind = WRT_EXTERN_GLOBAL;
    OK(wrt_global_new(w.store, WRT_EXTERNREF, false, &v, &import.of.global));
    OK(wrt_instance_new(w.store, module, &import, 1, &instance));
    CHECK(alive(w.store, &counts) == 1);
    call(w.store, &instance, "table_init", NULL);
    call(w.store, &instance, "forget", NULL);
    call(w.store, &instance, "elem_drop", NULL);
    CHECK(alive(w.store, &counts) == 1); /* by the imported global */
    v = object(w.store, &rings);
    call(w.store, &instance, "ring_in_global", &v);
    v = object(w.store, &rings);
    call(w.store, &instance, "ring_in_table", &v);
    CHECK(alive(w.store, &rings) == 2);
    call(w.store, &instance, "forget", NULL);
    CHECK(alive(w.store, &rings) == 0);
    v = object(w.store, &rings);
    call(w.store, &instance, "ring_in_global", &v);
    wrt_module_delete(module);
    world_end(&w);
    CHECK(counts.created == counts.dropped && rings.created == rings.dropped);
}

/* Calls that fail have still taken ownership of their arguments, and keep nothing. */
static void failures_take(void) {
    world_t w = gc_world();
    items_t i = items_of(&w);
    counts_t counts = {0, 0};
    wrt_table_t stale = i.t;
    stale.generation += 7;
    wrt_val_t v = object(w.store, &counts);
    TRAPS(WRT_TRAP_TABLE_OUT_OF_BOUNDS, wrt_table_set(w.store, &i.t, 200, &v));
    CHECK(v.kind == WRT_EMPTY);
    v = object(w.store, &counts);
    FAILS(WRT_ERROR_KIND_STALE_HANDLE, wrt_table_set(w.store, &stale, 0, &v));
    CHECK(v.kind == WRT_EMPTY);
    v = object(w.store, &counts);
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_table_set(w.store, NULL, 0, &v));
    CHECK(v.kind == WRT_EMPTY);
    v = object(w.store, &counts);
    v.kind = WRT_ANYREF;
    FAILS(WRT_ERROR_KIND_TYPE_MISMATCH, wrt_table_fill(w.store, &i.t, 0, &v, 1));
    CHECK(v.kind == WRT_EMPTY && alive(w.store, &counts) == 0);
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_table_fill(w.store, &i.t, 0, NULL, 1));
    /* References of another store are not taken. */
    world_t other = gc_world();
    v = object(other.store, &counts);
    FAILS(WRT_ERROR_KIND_WRONG_STORE, wrt_table_set(w.store, &i.t, 0, &v));
    FAILS(WRT_ERROR_KIND_WRONG_STORE, wrt_global_set(w.store, &i.g, &v));
    FAILS(WRT_ERROR_KIND_WRONG_STORE, wrt_ref_release(w.store, &v.of.ref));
    CHECK(v.kind == WRT_EXTERNREF && v.of.ref.store == wrt_store_id(other.store) && alive(other.store, &counts) == 1);
    OK(wrt_ref_release(other.store, &v.of.ref));
    CHECK(alive(other.store, &counts) == 0);
    world_end(&other);
    world_end(&w);
}

static void scopes(void) {
    world_t w = gc_world();
    counts_t counts = {0, 0};
    wrt_val_t outer = object(w.store, &counts), inner, escaped;
    wrt_ref_t clone, empty = {0, 0};
    bool equal;
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_scope_close(w.store));
    OK(wrt_scope_open(w.store));
    OK(wrt_scope_open(w.store));
    inner = object(w.store, &counts);
    escaped = object(w.store, &counts);
    OK(wrt_ref_escape(w.store, &escaped.of.ref));
    OK(wrt_ref_clone(w.store, &outer.of.ref, &clone));
    OK(wrt_ref_equal(w.store, &outer.of.ref, &clone, &equal));
    CHECK(equal && alive(w.store, &counts) == 3);
    OK(wrt_scope_close(w.store));
    CHECK(alive(w.store, &counts) == 2);
    FAILS(WRT_ERROR_KIND_STALE_HANDLE, wrt_ref_clone(w.store, &inner.of.ref, &clone));
    CHECK(clone.store == 0);
    FAILS(WRT_ERROR_KIND_STALE_HANDLE, wrt_ref_equal(w.store, &outer.of.ref, &inner.of.ref, &equal));
    FAILS(WRT_ERROR_KIND_STALE_HANDLE, wrt_ref_escape(w.store, &inner.of.ref));
    OK(wrt_ref_equal(w.store, &outer.of.ref, &escaped.of.ref, &equal));
    CHECK(!equal);
    OK(wrt_ref_escape(w.store, &escaped.of.ref));
    OK(wrt_scope_close(w.store));
    CHECK(alive(w.store, &counts) == 2);
    OK(wrt_ref_release(w.store, &escaped.of.ref));
    CHECK(alive(w.store, &counts) == 1);
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_scope_close(w.store));
    /* Empty ones. */
    OK(wrt_ref_clone(w.store, &empty, &clone));
    OK(wrt_ref_release(w.store, &empty));
    OK(wrt_ref_equal(w.store, &empty, &clone, &equal));
    CHECK(clone.store == 0 && equal);
    OK(wrt_ref_equal(w.store, &empty, &outer.of.ref, &equal));
    CHECK(!equal);
    FAILS(WRT_ERROR_KIND_STALE_HANDLE, wrt_ref_escape(w.store, &empty));
    world_end(&w);
    CHECK(counts.created == counts.dropped);
}

static void values_in_calls(void) {
    world_t w = gc_world();
    items_t i = items_of(&w);
    counts_t counts = {0, 0};
    wrt_val_t args[2], results[2], one;
    void *userdata;
    bool equal;
    int32_t n;
    args[0] = object(w.store, &counts);
    args[1] = null_ref(WRT_EXTERNREF);
    OK(wrt_func_call(w.store, &i.same, args, 2, results, 2));
    CHECK(results[0].kind == WRT_EXTERNREF && results[1].of.i32 == 1);
    OK(wrt_ref_equal(w.store, &results[0].of.ref, &args[0].of.ref, &equal));
    OK(wrt_externref_userdata(w.store, &results[0].of.ref, &userdata));
    CHECK(equal && userdata == &counts);
    /* Arguments are borrowed, results are owned by the caller. */
    OK(wrt_ref_release(w.store, &args[0].of.ref));
    CHECK(alive(w.store, &counts) == 1);
    wrt_raw_t raw[2];
    raw[0].ref = results[0].of.ref;
    memset(&raw[1], 0, sizeof raw[1]);
    OK(wrt_func_call_raw(w.store, &i.same, raw, 2));
    CHECK(raw[1].i32 == 1);
    OK(wrt_ref_equal(w.store, &results[0].of.ref, &raw[0].ref, &equal));
    CHECK(equal);
    OK(wrt_ref_release(w.store, &results[0].of.ref));
    OK(wrt_ref_release(w.store, &raw[0].ref));
    CHECK(alive(w.store, &counts) == 0);
    raw[0].ref.store = wrt_store_id(w.store);
    raw[0].ref.root += 12345;
    FAILS(WRT_ERROR_KIND_STALE_HANDLE, wrt_func_call_raw(w.store, &i.same, raw, 2));

    memset(&one, 0, sizeof one);
    one.kind = WRT_ANYREF;
    OK(wrt_i31_new(w.store, -5, &one.of.ref));
    OK(wrt_i31_get(w.store, &one.of.ref, &n));
    CHECK(n == -5);
    OK(wrt_func_call(w.store, &i.i31, &one, 1, results, 1));
    CHECK(results[0].of.i32 == -5);
    FAILS(WRT_ERROR_KIND_TYPE_MISMATCH, wrt_externref_userdata(w.store, &one.of.ref, &userdata));
    CHECK(userdata == NULL);
    args[0] = object(w.store, &counts);
    FAILS(WRT_ERROR_KIND_TYPE_MISMATCH, wrt_i31_get(w.store, &args[0].of.ref, &n));
    args[0].kind = WRT_ANYREF;
    TRAPS(WRT_TRAP_CAST_FAILURE, wrt_func_call(w.store, &i.i31, args, 1, results, 1));
    FAILS(WRT_ERROR_KIND_TYPE_MISMATCH, wrt_func_call(w.store, &i.same, args, 1, results, 2));
    world_end(&w);
    CHECK(counts.created == counts.dropped);
}

static counts_t in_callback;
static wrt_ref_t kept;

static wrt_error_t *callback(void *userdata, wrt_caller_t *caller, const wrt_val_t *args, size_t arg_count,
                             wrt_val_t *results, size_t result_count) {
    wrt_store_t *store = wrt_caller_store(caller);
    (void)arg_count, (void)result_count;
    object(store, &in_callback);
    OK(wrt_scope_open(store));
    results[0] = object(store, &in_callback);
    OK(wrt_ref_clone(store, &args[0].of.ref, &kept));
    OK(wrt_store_gc(store));
    CHECK(results[0].kind == args[0].kind);
    return userdata ? wrt_error_new(WRT_ERROR_KIND_IO, TEXT("asked to")) : NULL;
}

/* The same on raw slots. */
static wrt_error_t *raw_callback(void *userdata, wrt_caller_t *caller, wrt_raw_t *slots, size_t slot_count) {
    wrt_store_t *store = wrt_caller_store(caller);
    void *data;
    (void)slot_count;
    OK(wrt_externref_userdata(store, &slots[0].ref, &data));
    CHECK(data == &in_callback);
    slots[0].ref = object(store, &in_callback).of.ref;
    OK(wrt_store_gc(store));
    return userdata ? wrt_error_new(WRT_ERROR_KIND_IO, TEXT("asked to")) : NULL;
}

static void callbacks_have_scopes(void) {
    world_t w = gc_world();
    wrt_functype_t *type;
    OK(wrt_functype_parse(TEXT("(externref) -> externref"), &type));
    for (int raw = 0; raw < 2; raw++) {
        for (int fails = 0; fails < 2; fails++) {
            wrt_func_t f;
            wrt_val_t arg, result;
            void *data = fails ? &w : NULL;
            in_callback.created = in_callback.dropped = 0;
            if (raw) OK(wrt_func_new_raw(w.store, type, raw_callback, data, NULL, &f));
            else OK(wrt_func_new(w.store, type, callback, data, NULL, &f));
            arg = object(w.store, &in_callback);
            if (fails) FAILS(WRT_ERROR_KIND_IO, wrt_func_call(w.store, &f, &arg, 1, &result, 1));
            else OK(wrt_func_call(w.store, &f, &arg, 1, &result, 1));
            CHECK(alive(w.store, &in_callback) == 2 - fails);
            if (!raw) FAILS(WRT_ERROR_KIND_STALE_HANDLE, wrt_ref_release(w.store, &kept));
            OK(wrt_ref_release(w.store, &arg.of.ref));
            if (!fails) OK(wrt_ref_release(w.store, &result.of.ref));
            CHECK(alive(w.store, &in_callback) == 0);
        }
    }
    wrt_functype_delete(type);
    world_end(&w);
}

/* A finalizer cannot use the store, but anything else. */
static void careless(void *userdata) {
    wrt_val_t v;
    wrt_table_t none = {0, 0, 0};
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_store_gc(userdata));
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_table_get(userdata, &none, 0, &v));
    CHECK(wrt_store_id(userdata) == 0);
}

static void finalizers(void) {
    world_t w = gc_world();
    wrt_ref_t r;
    int n = 0;
    OK(wrt_externref_new(w.store, w.store, careless, 0, &r));
    OK(wrt_ref_release(w.store, &r));
    OK(wrt_store_gc(w.store));
    OK(wrt_externref_new(w.store, w.store, careless, 0, &r));
    /* Failing calls run it, too. */
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_externref_new(NULL, &n, count_call, 0, &r));
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_externref_new(w.store, &n, count_call, 0, NULL));
    CHECK(n == 2);
    OK(wrt_externref_new(w.store, NULL, NULL, 0, &r));
    world_end(&w);
}

static void statistics(void) {
    world_t w = gc_world();
    counts_t counts = {0, 0};
    wrt_heap_stats_t stats;
    memset(&stats, 0, sizeof stats);
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_store_heap_stats(w.store, &stats));
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_store_heap_stats(w.store, NULL));
    stats.size = sizeof stats;
    OK(wrt_store_heap_stats(w.store, &stats));
    CHECK(stats.references == 0 && stats.full_collections == 0);
    wrt_ref_t r;
    OK(wrt_externref_new(w.store, &counts, dropped, 1000, &r));
    OK(wrt_store_gc(w.store));
    OK(wrt_store_heap_stats(w.store, &stats));
    CHECK(stats.references == 1 && stats.host_objects == 1 && stats.external_bytes == 1000);
    CHECK(stats.full_collections >= 1 && stats.live_bytes > 0 && stats.used_bytes >= stats.live_bytes);
    CHECK(stats.last_full_nanoseconds > 0 && stats.longest_full_nanoseconds >= stats.last_full_nanoseconds);
    world_end(&w);
    CHECK(counts.dropped == 1);
}

/* Exceeding the heap's limit is an error, and the store stays usable. */
static void limits(void) {
    wrt_config_t *config = wrt_config_new();
    wrt_engine_t *engine;
    wrt_store_t *store;
    int32_t got;
    OK(wrt_config_set_signals(config, may_use_signals()));
    OK(wrt_config_set_nursery_size(config, 1, 1));
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_engine_new(config, &engine));
    OK(wrt_config_set_nursery_size(config, 1 << 16, 1 << 16));
    OK(wrt_config_set_heap_reservation(config, 1));
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_engine_new(config, &engine));
    OK(wrt_config_set_heap_reservation(config, 1 << 26));
    OK(wrt_config_set_heap_growth(config, 50, 1 << 20));
    OK(wrt_config_set_heap_limit(config, 4 << 20));
    OK(wrt_engine_new(config, &engine));
    wrt_config_delete(config);
    OK(wrt_store_new(engine, NULL, NULL, &store));
    wrt_instance_t instance = instance_of(
        engine, store,
        "(module (type $n (struct (field (ref null $n)) (field i64 i64)))"
        " (global $list (mut (ref null $n)) (ref.null $n))"
        " (func (export \"fill\") (param i32) (result i32)"
        "   (loop (global.set $list (struct.new $n (global.get $list) (i64.const 0) (i64.const 0)))"
        "     (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))) (i32.const 7))"
        " (func (export \"huge\") (param i32) (result i32) (array.len (array.new_default $a (local.get 0))))"
        " (type $a (array i64))"
        " (func (export \"clear\") (result i32) (global.set $list (ref.null $n)) (i32.const 1)))");
    wrt_func_t fill = func_of(store, &instance, "fill"), clear = func_of(store, &instance, "clear"),
               huge = func_of(store, &instance, "huge");
    OK(call_i32(store, &fill, 1, 1000, 0, &got));
    TRAPS(WRT_TRAP_HEAP_EXHAUSTED, call_i32(store, &fill, 1, 1 << 20, 0, &got));
    TRAPS(WRT_TRAP_HEAP_EXHAUSTED, call_i32(store, &fill, 1, 1 << 20, 0, &got));
    OK(call_i32(store, &clear, 0, 0, 0, &got));
    OK(call_i32(store, &fill, 1, 1000, 0, &got));
    TRAPS(WRT_TRAP_HEAP_EXHAUSTED, call_i32(store, &huge, 1, -1, 0, &got));
    TRAPS(WRT_TRAP_HEAP_EXHAUSTED, call_i32(store, &huge, 1, 1 << 20, 0, &got));
    OK(call_i32(store, &huge, 1, 1 << 17, 0, &got));
    CHECK(got == 1 << 17);
    wrt_store_delete(store);
    wrt_engine_delete(engine);
}

static void nulls(void) {
    world_t w = gc_world();
    wrt_ref_t r;
    wrt_heap_stats_t stats = {.size = sizeof stats};
    bool equal;
    int32_t n;
    void *p;
    OK(wrt_i31_new(w.store, 1, &r));
#define BAD(call) FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, call)
    BAD(wrt_scope_open(NULL));
    BAD(wrt_scope_close(NULL));
    BAD(wrt_store_gc(NULL));
    BAD(wrt_store_heap_stats(NULL, &stats));
    BAD(wrt_ref_escape(NULL, &r));
    BAD(wrt_ref_escape(w.store, NULL));
    BAD(wrt_ref_clone(NULL, &r, &r));
    BAD(wrt_ref_clone(w.store, NULL, &r));
    OK(wrt_i31_new(w.store, 1, &r));
    BAD(wrt_ref_clone(w.store, &r, NULL));
    BAD(wrt_ref_release(NULL, &r));
    BAD(wrt_ref_release(w.store, NULL));
    BAD(wrt_ref_equal(NULL, &r, &r, &equal));
    BAD(wrt_ref_equal(w.store, NULL, &r, &equal));
    BAD(wrt_ref_equal(w.store, &r, NULL, &equal));
    BAD(wrt_ref_equal(w.store, &r, &r, NULL));
    BAD(wrt_i31_new(NULL, 1, &r));
    BAD(wrt_i31_new(w.store, 1, NULL));
    OK(wrt_i31_new(w.store, 1, &r));
    BAD(wrt_i31_get(NULL, &r, &n));
    BAD(wrt_i31_get(w.store, NULL, &n));
    BAD(wrt_i31_get(w.store, &r, NULL));
    BAD(wrt_externref_userdata(NULL, &r, &p));
    BAD(wrt_externref_userdata(w.store, NULL, &p));
    BAD(wrt_externref_userdata(w.store, &r, NULL));
    BAD(wrt_config_set_heap_limit(NULL, 1));
    BAD(wrt_config_set_heap_reservation(NULL, 1));
    BAD(wrt_config_set_nursery_size(NULL, 1, 1));
    BAD(wrt_config_set_heap_growth(NULL, 1, 1));
    BAD(wrt_config_set_gc_zeal(NULL, 1));
    world_end(&w);
}

int main(void) {
    for (zeal = 0; zeal < 2; zeal++) {
        table_set();
        table_grow();
        table_fill_and_copy();
        table_new();
        global_set_and_new();
        global_init_table_init_segments_and_cycles();
        failures_take();
        scopes();
        values_in_calls();
        callbacks_have_scopes();
        finalizers();
        statistics();
        nulls();
    }
    limits();
    return 0;
}
