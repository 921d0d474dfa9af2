/* Shared by the tests that throw exceptions: a guest that throws and catches, and a host function whose action each test chooses. */
#ifndef THROW_H
#define THROW_H

#include "exceptions.h"

/* Catches what the host throws, or lets it pass. The host's function gets a number. */
static const char *const MODULE =
    "(module $guest (tag $e (export \"e\") (param i32)) (tag $f (export \"f\") (param i32))"
    " (import \"\" \"\" (func $host (param i32) (result i32)))"
    " (func $throw (export \"throw\") (param i32) (result i32) (throw $e (local.get 0)))"
    " (func (export \"throw f\") (param i32) (result i32) (throw $f (local.get 0)))"
    " (func $call (export \"call\") (param i32) (result i32) (call $host (local.get 0)))"
    /* What $e carries, plus 1000. */
    " (func (export \"catch\") (param i32) (result i32)"
    "   (i32.add (i32.const 1000) (block $h (result i32)"
    "     (return (try_table (result i32) (catch $e $h) (call $call (local.get 0)))))))"
    " (func (export \"catch f\") (param i32) (result i32)"
    "   (i32.add (i32.const 2000) (block $h (result i32)"
    "     (return (try_table (result i32) (catch $f $h) (call $call (local.get 0)))))))"
    " (func (export \"catch all\") (param i32) (result i32)"
    "   (block $h (return (try_table (result i32) (catch_all $h) (call $call (local.get 0))))) (i32.const 3000))"
    " (func (export \"rethrow\") (param i32) (result i32)"
    "   (throw_ref (block $h (result exnref)"
    "     (return (try_table (result i32) (catch_all_ref $h) (call $call (local.get 0)))))))"
    " (func (export \"give\") (param i32) (result exnref)"
    "   (block $h (result i32 exnref) (try_table (catch_ref $e $h) (drop (call $call (local.get 0)))) (return (ref.null exn)))"
    "   (return))"
    ")";

typedef struct {
    world_t w;
    wrt_store_t *s;
    wrt_instance_t i;
    wrt_tag_t e, f;
    counts_t counts;
    /* What the host's function does with its number. */
    wrt_error_t *(*host)(void *kit, wrt_store_t *s, int32_t n, int32_t *out);
    void *data;
} kit_t;

static inline wrt_error_t *call_host(void *userdata, wrt_caller_t *caller, const wrt_val_t *args, size_t arg_count,
                              wrt_val_t *results, size_t result_count) {
    kit_t *k = userdata;
    CHECK(arg_count == 1 && result_count == 1);
    return k->host(k, wrt_caller_store(caller), args[0].of.i32, &results[0].of.i32);
}

static inline wrt_error_t *call_host_raw(void *userdata, wrt_caller_t *caller, wrt_raw_t *slots, size_t slot_count) {
    kit_t *k = userdata;
    CHECK(slot_count == 1);
    return k->host(k, wrt_caller_store(caller), slots[0].i32, &slots[0].i32);
}

/* Whether the host's function is one on raw slots. */
static bool raw;

static inline void begin(kit_t *k) {
    wrt_functype_t *type;
    wrt_func_t host;
    memset(k, 0, sizeof *k);
    k->w = gc_world();
    k->s = k->w.store;
    OK(wrt_functype_parse(TEXT("(i32) -> i32"), &type));
    if (raw) OK(wrt_func_new_raw(k->s, type, call_host_raw, k, NULL, &host));
    else OK(wrt_func_new(k->s, type, call_host, k, NULL, &host));
    wrt_functype_delete(type);
    wrt_extern_t import = func_item(host);
    k->i = linked(&k->w, MODULE, &import, 1);
    k->e = exported_tag(k->s, &k->i, "e"), k->f = exported_tag(k->s, &k->i, "f");
}

static inline void end(kit_t *k) {
    world_end(&k->w);
    CHECK(k->counts.created == k->counts.dropped);
}

static inline wrt_error_t *try_run(kit_t *k, const char *name, int32_t n, int32_t *out) {
    wrt_func_t f = func_of(k->s, &k->i, name);
    return call_i32(k->s, &f, 1, n, 0, out);
}

static inline int32_t run(kit_t *k, const char *name, int32_t n) {
    int32_t got;
    OK(try_run(k, name, n, &got));
    return got;
}

static inline uint64_t references(wrt_store_t *store) {
    wrt_heap_stats_t s;
    s.size = sizeof s;
    OK(wrt_store_heap_stats(store, &s));
    return s.references;
}

/* An error of an exception with this tag and number. Deletes it. */
static inline void is_thrown(kit_t *k, wrt_error_t *error, wrt_tag_t tag, int32_t n) {
    wrt_tag_t got;
    wrt_ref_t r = exception_of(k->s, error);
    OK(wrt_exception_tag(k->s, &r, &got));
    CHECK(wrt_tag_equal(&got, &tag) && carried_number(k->s, r) == n);
    OK(wrt_ref_release(k->s, &r));
    wrt_error_delete(error);
}

static inline wrt_error_t *throws_e(void *kit, wrt_store_t *s, int32_t n, int32_t *out) {
    kit_t *k = kit;
    wrt_ref_t r = number_exception(s, k->e, n);
    (void)out;
    wrt_error_t *error = wrt_error_new_exception(s, &r);
    CHECK(is_empty_ref(r));
    return error;
}

#endif
