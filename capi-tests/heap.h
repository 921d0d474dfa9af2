/* Shared by the tests of the heap: lists of nodes, and the store's reports. */
#ifndef HEAP_H
#define HEAP_H
#include "refs.h"
#include <stddef.h>
#include <unistd.h>


static const char *const LISTS =
    "(module (type $node (struct (field (mut (ref null $node))) (field i64)))"
    " (global $kept (mut (ref null $node)) (ref.null $node))"
    /* Creates a list of this many nodes, which is then garbage. */
    " (func (export \"fill\") (param $n i32) (result i32) (local $l (ref null $node))"
    "  (loop $next (local.set $l (struct.new $node (local.get $l) (i64.const 7)))"
    "   (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))"
    "  (ref.is_null (local.get $l)))"
    /* Creates a list that stays. */
    " (func (export \"keep\") (param $n i32) (result i32)"
    "  (loop $next (global.set $kept (struct.new $node (global.get $kept) (i64.const 7)))"
    "   (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))"
    "  (i32.const 0))"
    " (func (export \"count\") (result i32) (local $l (ref null $node)) (local $n i32)"
    "  (local.set $l (global.get $kept))"
    "  (block $end (loop $next (br_if $end (ref.is_null (local.get $l)))"
    "   (local.set $n (i32.add (local.get $n) (i32.const 1)))"
    "   (local.set $l (struct.get $node 0 (local.get $l))) (br $next)))"
    "  (local.get $n))"
    " (func (export \"forget\") (result i32) (global.set $kept (ref.null $node)) (i32.const 0))"
    " (func (export \"garbage\") (param $n i32) (result i32)"
    "  (loop $next (drop (struct.new $node (ref.null $node) (i64.const 7)))"
    "   (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))"
    "  (i32.const 0)))";

/* The minimum and maximum size of a node, which has fields of 4 and 8 bytes. */
enum { NODE_LEAST = 12, NODE_MOST = 32 };

/* An instance of the lists in a store. */
typedef struct {
    wrt_store_t *s;
    wrt_instance_t i;
} lists_t;

static inline lists_t lists_in(const wrt_engine_t *engine, wrt_store_t *store) {
    lists_t l = {store, instance_of(engine, store, LISTS)};
    return l;
}

static inline wrt_error_t *try_run(const lists_t *l, const char *name, int32_t n, int32_t *got) {
    wrt_func_t f = func_of(l->s, &l->i, name);
    return call_i32(l->s, &f, n >= 0, n, 0, got);
}

static inline int32_t run(const lists_t *l, const char *name, int32_t n) {
    int32_t got;
    OK(try_run(l, name, n, &got));
    return got;
}

static inline wrt_heap_stats_t stats_of(wrt_store_t *store) {
    wrt_heap_stats_t s;
    memset(&s, 0xee, sizeof s);
    s.size = sizeof s;
    OK(wrt_store_heap_stats(store, &s));
    CHECK(s.size == sizeof s);
    return s;
}

static inline wrt_heap_census_t census_of(wrt_store_t *store) {
    wrt_heap_census_t c;
    memset(&c, 0xee, sizeof c);
    c.size = sizeof c;
    OK(wrt_store_heap_census(store, &c));
    CHECK(c.size == sizeof c);
    return c;
}

static inline void store_is_closed(wrt_store_t *store) {
    wrt_ref_t r;
    wrt_heap_stats_t s;
    wrt_heap_census_t c;
    int finalized = 0;
    s.size = sizeof s, c.size = sizeof c;
    BAD(wrt_store_gc(store));
    BAD(wrt_i31_new(store, 1, &r));
    BAD(wrt_store_heap_stats(store, &s));
    BAD(wrt_store_heap_census(store, &c));
    BAD(wrt_store_set_limiter(store, NULL, &finalized, count_call));
    BAD(wrt_store_set_gc_callback(store, NULL, &finalized, count_call));
    CHECK(finalized == 2 && wrt_store_id(store) == 0);
}

#endif
