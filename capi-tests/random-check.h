/* Reads and writes the slots of every kind of item, and compares a whole store with its model after a collection. */
#ifndef RANDOM_CHECK_H
#define RANDOM_CHECK_H

#include "random-model.h"

/* Reads a slot of a node; `ref` is a reference to the node if it is an object. */
static inline wrt_error_t *read_slot(side_t *s, int32_t node, const wrt_ref_t *ref, uint32_t i, wrt_val_t *out) {
    const node_t *n = &s->nodes[node];
    switch (n->kind) {
    case HOST: *out = empty_val(0); return wrt_externref_get_field(s->store, ref, i, &out->of.ref);
    case BOX: return wrt_struct_get(s->store, ref, i + 1, out);
    case TABLE: return wrt_table_get(s->store, &n->table, i, out);
    case GLOBAL: return wrt_global_get(s->store, &n->global, out);
    default: return wrt_array_get(s->store, ref, i, out);
    }
}

static inline wrt_error_t *write_slot(side_t *s, int32_t node, const wrt_ref_t *ref, uint32_t i, wrt_val_t *take) {
    const node_t *n = &s->nodes[node];
    switch (n->kind) {
    case HOST: return wrt_externref_set_field(s->store, ref, i, &take->of.ref);
    case BOX: return wrt_struct_set(s->store, ref, i + 1, take);
    case TABLE: return wrt_table_set(s->store, &n->table, i, take);
    case GLOBAL: return wrt_global_set(s->store, &n->global, take);
    default: return wrt_array_set(s->store, ref, i, take);
    }
}

static wrt_ref_t seen_refs[MAX_NODES];
static int32_t seen_nodes[MAX_NODES];
static bool seen[MAX_NODES];
static int seen_count;

static inline void see(int32_t node, wrt_ref_t ref) {
    if (node <= 0 || seen[node]) return;
    seen[node] = true;
    seen_refs[seen_count] = ref;
    seen_nodes[seen_count++] = node;
}

/* Reads and checks all slots of a node; the nodes they refer to are checked later. */
static inline void check_slots(side_t *s, int32_t node, const wrt_ref_t *ref) {
    const node_t *n = &s->nodes[node];
    if (is_part(n) && n->kind != TABLE && n->kind != GLOBAL) return;
    if (n->kind == HELD) return;
    wrt_val_t many[64];
    bool at_once = n->kind == TABLE || n->kind == ROW || n->kind == FUNCS;
    at_once = at_once && n->count > 0 && n->count <= 64 && one_in(2);
    if (at_once) {
        if (n->kind == TABLE) OK(wrt_table_get_many(s->store, &n->table, 0, many, n->count));
        else OK(wrt_array_get_many(s->store, ref, 0, many, n->count));
    }
    for (uint32_t i = 0; i < n->count; i++) {
        wrt_val_t one;
        if (!at_once) OK(read_slot(s, node, ref, i, &one));
        const wrt_val_t *v = at_once ? &many[i] : &one;
        check_val(s, v, slot_kind(n, i), n->edges[i]);
        if (v->kind != WRT_FUNCREF) see(n->edges[i].node, v->of.ref);
    }
}

/* Walks all reachable nodes and compares them. */
static inline void check_all(side_t *s) {
    OK(wrt_scope_open(s->store));
    memset(seen, 0, sizeof seen);
    seen_count = 0;
    for (int i = 0; i < s->handle_count; i++) {
        check_ref(s, &s->handles[i].ref, s->handles[i].value);
        see(s->handles[i].value.node, s->handles[i].ref);
    }
    for (int32_t i = 1; i < s->end; i++) {
        const node_t *n = &s->nodes[i];
        if (!n->used || !n->live || !is_part(n)) continue;
        uint64_t size;
        wrt_func_t f;
        wrt_val_t result;
        if (n->kind == TABLE) {
            OK(wrt_table_size(s->store, &n->table, &size));
            CHECK(size == n->count);
        } else if (n->kind == INSTANCE && one_in(2)) {
            if (n->kept) {
                OK(wrt_instance_get_func(s->store, &n->instance, TEXT("id1"), &f));
                CHECK(wrt_func_equal(&f, &n->funcs[1]));
            }
            s->quiet = true;
            OK(wrt_func_call(s->store, &n->funcs[2], NULL, 0, &result, 1));
            s->quiet = false;
            CHECK(result.of.i32 == number_of(s, value(i, 2)));
        }
        check_slots(s, i, NULL);
    }
    while (seen_count) {
        int32_t node = seen_nodes[--seen_count];
        wrt_ref_t ref = seen_refs[seen_count];
        check_slots(s, node, &ref);
    }
    OK(wrt_scope_close(s->store));
}

/* Parts that no longer have an owner cannot be used. */
static inline void check_gone(side_t *s, const node_t *n) {
    uint64_t size;
    wrt_val_t v;
    wrt_ref_t ref;
    wrt_func_t func = n->funcs[0];
    switch (n->kind) {
    case TABLE: FAILS(WRT_ERROR_KIND_STALE_HANDLE, wrt_table_size(s->store, &n->table, &size)); break;
    case GLOBAL: FAILS(WRT_ERROR_KIND_STALE_HANDLE, wrt_global_get(s->store, &n->global, &v)); break;
    default:
        FAILS(WRT_ERROR_KIND_STALE_HANDLE, wrt_func_call(s->store, &func, NULL, 0, &v, 1));
        FAILS(WRT_ERROR_KIND_STALE_HANDLE, wrt_ref_of_func(s->store, &func, &ref));
        if (n->kind == FUNC) FAILS(WRT_ERROR_KIND_STALE_HANDLE, wrt_func_release(s->store, &func));
    }
    if (n->kind == INSTANCE) {
        wrt_instance_t instance = n->instance;
        FAILS(WRT_ERROR_KIND_STALE_HANDLE, wrt_instance_get_func(s->store, &instance, TEXT("id"), &func));
        FAILS(WRT_ERROR_KIND_STALE_HANDLE, wrt_instance_release(s->store, &instance));
    }
}

static inline void check_weaks(side_t *s) {
    OK(wrt_scope_open(s->store));
    for (int i = 0; i < s->weak_count; i++) {
        weak_t *w = &s->weaks[i];
        wrt_ref_t ref;
        OK(wrt_weak_get(s->store, &w->weak, &ref));
        const node_t *n = w->value.node > 0 && !w->dead ? &s->nodes[w->value.node] : NULL;
        if (!w->dead && n && !n->maybe) w->dead = true;
        if (w->dead) CHECK(ref.store == 0);
        else if (!n || n->live || ref.store) {
            CHECK(ref.store != 0);
            check_ref(s, &ref, w->value);
        }
    }
    OK(wrt_scope_close(s->store));
}

/* Collects, and compares. */
static inline void collect(side_t *s) {
    wrt_heap_stats_t stats;
    int hosts = 0;
    OK(wrt_store_gc(s->store));
    mark(s, true);
    if (!s->running) {
        /* No stack is scanned, so exactly the nodes that the model can reach are alive. */
        mark(s, false);
        for (int32_t i = 1; i < s->end; i++) s->nodes[i].maybe = s->nodes[i].live;
    } else {
        mark(s, false);
    }
    check_weaks(s);
    for (int32_t i = 1; i < s->end; i++) {
        node_t *n = &s->nodes[i];
        if (!n->used) continue;
        hosts += n->live && n->kind == HOST;
        if (has_finalizer(n)) {
            if (n->live) CHECK(!died[n->id]);
            if (!n->maybe) CHECK(died[n->id] == 1);
        }
        if (n->maybe) continue;
        if (is_part(n)) {
            check_gone(s, n);
            s->stale_parts[s->stale_part_count++ % MAX_STALE] = *n;
        }
        free_node(s, i);
    }
    check_all(s);
    if (!s->running) {
        stats.size = sizeof stats;
        OK(wrt_store_heap_stats(s->store, &stats));
        CHECK(stats.references == (uint64_t)s->handle_count && stats.host_objects == (uint64_t)hosts);
    }
}

#endif
