/* Shared by tests of objects: stores that collect often (zeal), counted host objects, and values. */
#ifndef REFS_H
#define REFS_H

#include "test.h"

#define BAD(call) FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, call)
#define STALE(call) FAILS(WRT_ERROR_KIND_STALE_HANDLE, call)
#define FOREIGN(call) FAILS(WRT_ERROR_KIND_WRONG_STORE, call)
#define MISMATCH(call) FAILS(WRT_ERROR_KIND_TYPE_MISMATCH, call)

enum { ARGUMENT = WRT_ERROR_KIND_INVALID_ARGUMENT, TYPE = WRT_ERROR_KIND_TYPE_MISMATCH };
enum { GONE = WRT_ERROR_KIND_STALE_HANDLE, OTHER = WRT_ERROR_KIND_WRONG_STORE };

/* A call that fails and takes ownership of the value, which is in `v`. */
#define TAKES(error, value, call)   \
    do {                            \
        v = (value);                \
        FAILS(error, call);         \
        CHECK(v.kind == WRT_EMPTY); \
    } while (0)

/* A full collection happens every `zeal` allocations; 0 for never. */
static uint32_t zeal;

static inline world_t gc_world(void) {
    world_t w;
    wrt_config_t *config = wrt_config_new();
    OK(wrt_config_set_feature(config, TEXT("custom-page-sizes"), true));
    OK(wrt_config_set_signals(config, may_use_signals()));
    OK(wrt_config_set_gc_zeal(config, zeal));
    OK(wrt_config_set_heap_reservation(config, (size_t)1 << 28));
    OK(wrt_engine_new(config, &w.engine));
    wrt_config_delete(config);
    OK(wrt_store_new(w.engine, NULL, NULL, &w.store));
    return w;
}

/* Another store of the same engine; the caller deletes it with `wrt_store_delete`. */
static inline wrt_store_t *other_store(const world_t *w) {
    wrt_store_t *store;
    OK(wrt_store_new(w->engine, NULL, NULL, &store));
    return store;
}

/* The number of host objects that were created, and of finalizers that ran. */
typedef struct {
    int created, dropped;
} counts_t;

static inline void dropped(void *userdata) { ++((counts_t *)userdata)->dropped; }

static inline wrt_ref_t object(wrt_store_t *store, counts_t *counts) {
    wrt_ref_t r;
    ++counts->created;
    OK(wrt_externref_new(store, counts, dropped, 0, &r));
    return r;
}

/* The number of live objects, after a collection. */
static inline int alive(wrt_store_t *store, const counts_t *counts) {
    OK(wrt_store_gc(store));
    return counts->created - counts->dropped;
}

static inline wrt_types_t *types_of(const wrt_engine_t *engine, const char *text) {
    wrt_types_t *types;
    OK(wrt_types_parse(engine, text, strlen(text), &types));
    return types;
}

static inline wrt_type_t type_named(const wrt_types_t *types, const char *name) {
    wrt_type_t t;
    OK(wrt_types_find(types, name, strlen(name), &t));
    return t;
}

static inline wrt_type_t plain_type(uint8_t kind, bool nullable) {
    wrt_type_t t;
    OK(wrt_type_new(kind, nullable, &t));
    return t;
}

static inline wrt_val_t null_val(uint8_t kind) {
    wrt_val_t v;
    OK(wrt_val_null(kind, &v));
    return v;
}

static inline wrt_val_t ref_val(uint8_t kind, wrt_ref_t r) {
    wrt_val_t v = null_val(kind);
    v.of.ref = r;
    return v;
}

static inline wrt_ref_t i31_of(wrt_store_t *store, int32_t n) {
    wrt_ref_t r;
    OK(wrt_i31_new(store, n, &r));
    return r;
}

static inline bool same_ref(wrt_store_t *store, wrt_ref_t a, wrt_ref_t b) {
    bool equal;
    OK(wrt_ref_equal(store, &a, &b, &equal));
    return equal;
}

static inline bool is_empty_ref(wrt_ref_t r) { return r.store == 0 && r.root == 0; }

/* A released reference: stale, as its slot was kept. */
static inline wrt_ref_t stale_ref(wrt_store_t *store) {
    wrt_ref_t r = i31_of(store, 5), copy = r;
    OK(wrt_ref_release(store, &r));
    return copy;
}

/* A callback that does nothing. */
static inline wrt_error_t *nothing(void *userdata, wrt_caller_t *caller, const wrt_val_t *args, size_t arg_count,
                            wrt_val_t *results, size_t result_count) {
    (void)userdata, (void)caller, (void)args, (void)arg_count, (void)results, (void)result_count;
    return NULL;
}

static inline wrt_func_t host_func(wrt_store_t *store, wrt_func_callback_t callback, void *userdata,
                                   wrt_finalizer_t finalizer) {
    wrt_functype_t *type;
    wrt_func_t f;
    OK(wrt_functype_parse(TEXT("()"), &type));
    OK(wrt_func_new(store, type, callback, userdata, finalizer, &f));
    wrt_functype_delete(type);
    return f;
}

/* A handle whose slot was emptied. */
#define EMPTY_HANDLE(h) ((h).store == 0 && (h).index == 0 && (h).generation == 0)

#endif
