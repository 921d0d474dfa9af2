/* The model of a store in random.c: a graph of everything in it, the handles to its nodes, and what must be alive. */
#ifndef RANDOM_MODEL_H
#define RANDOM_MODEL_H

#include "test.h"

/* The kind of a node. Those from TABLE on are parts of the store, the others objects in its heap. */
enum { HOST, BOX, ROW, FUNCS, HELD, TABLE, GLOBAL, INSTANCE, FUNC };

/* The contents of a slot. `node` is 0 for null, I31 for the number `sub`, otherwise a node; `sub` is which function of an
 * instance. */
#define I31 (-1)
typedef struct {
    int32_t node, sub;
} value_t;

typedef struct {
    uint8_t kind;
    /* The kind of the values in a table or global. */
    uint8_t slots;
    /* Whether it is in use; whether the host holds it; whether it must be alive; whether it can be. */
    bool used, kept, live, maybe;
    /* Never reused. Passed to finalizers. */
    uint32_t id;
    /* The instance of a table or global, which it keeps alive. */
    int32_t owner;
    /* The hash, if the test has read it. */
    uint64_t hash;
    uint32_t count;
    value_t *edges;
    wrt_table_t table;
    wrt_global_t global;
    wrt_instance_t instance;
    wrt_func_t funcs[3];
} node_t;

typedef struct {
    wrt_ref_t ref;
    value_t value;
    uint32_t depth;
    /* An argument of a callback. */
    bool borrowed;
} handle_t;

typedef struct {
    wrt_weak_t weak;
    value_t value;
    bool dead;
} weak_t;

enum { MAX_NODES = 8192, MAX_HANDLES = 80, MAX_WEAKS = 40, MAX_STALE = 16, MAX_FRAMES = 64, MAX_CALLS = 3 };

typedef struct {
    wrt_engine_t *engine;
    wrt_store_t *store;
    wrt_type_t box, row, funcs;
    wrt_module_t *plugin;
    wrt_functype_t *number;
    wrt_func_t calls[32];
    int32_t main;
    /* The last id before it began. */
    uint32_t first_id;
    node_t nodes[MAX_NODES];
    /* Where the first free node may be; and the end of the used ones. */
    int32_t free, end;
    int used;
    handle_t handles[MAX_HANDLES + 8];
    int handle_count;
    weak_t weaks[MAX_WEAKS];
    int weak_count;
    /* Handles of freed items. */
    wrt_ref_t stale_refs[MAX_STALE];
    node_t stale_parts[MAX_STALE];
    int stale_ref_count, stale_part_count;
    uint32_t depth, base;
    /* Handles of outer scopes are not given away. */
    uint32_t giving;
    /* Calls of WebAssembly in progress, and the references in their frames. */
    int running;
    value_t frames[MAX_FRAMES];
    int frame_count;
    /* The result of the last callback. */
    value_t returned[2];
    bool failed, quiet;
} side_t;

static side_t sides[2];
static uint64_t state, operation;

static inline uint64_t next_random(void) {
    uint64_t z = (state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* A number below n. */
static inline uint32_t below(uint32_t n) { return (uint32_t)((next_random() >> 32) * n >> 32); }
static inline bool one_in(uint32_t n) { return below(n) == 0; }

/* By id: the finalizers that ran, and the store (from 1) to which an id with a finalizer belongs. */
static uint8_t *died, *made_in;
static uint32_t ids, id_room;

static inline uint32_t new_id(void) {
    if (++ids >= id_room) {
        uint32_t room = id_room ? 2 * id_room : 1 << 16;
        CHECK((died = realloc(died, room)) && (made_in = realloc(made_in, room)));
        memset(died + id_room, 0, room - id_room);
        memset(made_in + id_room, 0, room - id_room);
        id_room = room;
    }
    return ids;
}

/* Runs once for each host object and host function that is dead in the model, and for no other. */
static void dies(void *userdata) {
    uint32_t id = (uint32_t)(uintptr_t)userdata;
    CHECK(id != 0 && id <= ids && made_in[id] != 0);
    CHECK(died[id] == 0);
    died[id] = 1;
}

static inline void *finalized(side_t *s, int32_t node) {
    uint32_t id = s->nodes[node].id;
    made_in[id] = (uint8_t)(s - sides + 1);
    return (void *)(uintptr_t)id;
}

static inline bool is_part(const node_t *n) { return n->kind >= TABLE; }
static inline bool has_finalizer(const node_t *n) { return n->kind == HOST || n->kind == FUNC; }
static inline value_t value(int32_t node, int32_t sub) { return (value_t){node, sub}; }
static inline bool same(value_t a, value_t b) { return a.node == b.node && a.sub == b.sub; }
static inline bool is_func(const side_t *s, value_t v) { return v.node > 0 && s->nodes[v.node].kind >= INSTANCE; }

/* The kind of the values in a slot; 0 is any reference. */
static inline uint8_t slot_kind(const node_t *n, uint32_t i) {
    static const uint8_t box[] = {WRT_ANYREF, WRT_EXTERNREF, WRT_FUNCREF};
    switch (n->kind) {
    case HOST: return 0;
    case BOX: return box[i];
    case ROW: return WRT_ANYREF;
    case FUNCS: return WRT_FUNCREF;
    default: return n->slots;
    }
}

/* Whether nodes can be added. Every operation that creates nodes checks this first. */
static inline bool has_room(const side_t *s) { return s->used < MAX_NODES - 64; }

static inline int32_t new_node(side_t *s, uint8_t kind, uint32_t count) {
    while (s->free < MAX_NODES && s->nodes[s->free].used) s->free++;
    CHECK(s->free < MAX_NODES);
    int32_t i = s->free++;
    if (s->free > s->end) s->end = s->free;
    s->used++;
    node_t *n = &s->nodes[i];
    memset(n, 0, sizeof *n);
    n->kind = kind;
    n->used = true;
    n->kept = kind >= TABLE;
    n->id = new_id();
    n->count = count;
    if (count) CHECK((n->edges = calloc(count, sizeof(value_t))));
    return i;
}

static inline void free_node(side_t *s, int32_t i) {
    node_t *n = &s->nodes[i];
    free(n->edges);
    n->edges = NULL;
    n->used = false;
    s->used--;
    if (i < s->free) s->free = i;
}

static int32_t mark_queue[MAX_NODES];
static int mark_count;

static inline void mark_value(side_t *s, int32_t i, bool maybe) {
    if (i <= 0) return;
    node_t *n = &s->nodes[i];
    CHECK(n->used);
    bool *mark = maybe ? &n->maybe : &n->live;
    if (*mark) return;
    *mark = true;
    mark_queue[mark_count++] = i;
}

/* Finds what must be alive; or, with `maybe`, what can be alive because of frames of WebAssembly. */
static inline void mark(side_t *s, bool maybe) {
    mark_count = 0;
    for (int32_t i = 1; i < s->end; i++) *(maybe ? &s->nodes[i].maybe : &s->nodes[i].live) = false;
    for (int i = 0; i < s->handle_count; i++) mark_value(s, s->handles[i].value.node, maybe);
    for (int i = 0; i < s->frame_count; i++) mark_value(s, s->frames[i].node, maybe);
    for (int32_t i = 1; i < s->end; i++) {
        const node_t *n = &s->nodes[i];
        if (n->used && (n->kept || (maybe && is_part(n)))) mark_value(s, i, maybe);
    }
    while (mark_count) {
        const node_t *n = &s->nodes[mark_queue[--mark_count]];
        mark_value(s, n->owner, maybe);
        for (uint32_t i = 0; i < n->count; i++) mark_value(s, n->edges[i].node, maybe);
    }
}

static inline bool must_live(side_t *s, value_t v) {
    if (v.node <= 0) return true;
    mark(s, false);
    return s->nodes[v.node].live;
}

static inline void add_handle(side_t *s, wrt_ref_t ref, value_t v) {
    CHECK(s->handle_count < MAX_HANDLES + 8 && ref.store == wrt_store_id(s->store) && v.node != 0);
    s->handles[s->handle_count++] = (handle_t){ref, v, s->depth, false};
}

static inline void note_stale(side_t *s, wrt_ref_t ref) { s->stale_refs[s->stale_ref_count++ % MAX_STALE] = ref; }

/* The reference is no longer a handle: it was given away, released, or its scope has ended. */
static inline void forget_handle(side_t *s, int i) {
    note_stale(s, s->handles[i].ref);
    s->handles[i] = s->handles[--s->handle_count];
}

/* Closes scopes down to the given number. */
static inline void forget_scopes(side_t *s, uint32_t depth) {
    for (int i = s->handle_count - 1; i >= 0; i--)
        if (s->handles[i].depth > depth) forget_handle(s, i);
    s->depth = depth;
}

/* The result of a function that takes nothing and returns a number. */
static inline int32_t number_of(const side_t *s, value_t f) {
    const node_t *n = &s->nodes[f.node];
    if (n->kind == INSTANCE && f.sub == 2) return number_of(s, n->edges[6]);
    return (int32_t)(n->id * 2) + f.sub;
}

static inline wrt_val_t empty_val(uint8_t kind) {
    wrt_val_t v;
    memset(&v, 0, sizeof v);
    v.kind = kind;
    return v;
}

/* Checks that a function handle agrees with the model. */
static inline void check_func(side_t *s, const wrt_func_t *f, value_t v) {
    if (v.node == 0) CHECK(f->store == 0);
    else CHECK(is_func(s, v) && wrt_func_equal(f, &s->nodes[v.node].funcs[v.sub]));
}

/* Checks that a reference refers to the object in the model. */
static inline void check_ref(side_t *s, const wrt_ref_t *ref, value_t v) {
    int32_t number;
    uint32_t len;
    uint64_t hash;
    void *userdata;
    wrt_val_t got;
    wrt_func_t func;
    if (v.node == 0) {
        CHECK(ref->store == 0);
        return;
    }
    if (v.node == I31) {
        OK(wrt_i31_get(s->store, ref, &number));
        CHECK(number == v.sub);
        return;
    }
    const node_t *n = &s->nodes[v.node];
    CHECK(n->used);
    switch (n->kind) {
    case HOST:
        OK(wrt_externref_userdata(s->store, ref, &userdata));
        CHECK((uintptr_t)userdata == n->id && !died[n->id]);
        break;
    case BOX:
        OK(wrt_struct_get(s->store, ref, 0, &got));
        CHECK(got.kind == WRT_I32 && got.of.i32 == (int32_t)n->id);
        break;
    case ROW:
        OK(wrt_array_len(s->store, ref, &len));
        OK(wrt_array_get(s->store, ref, 0, &got));
        OK(wrt_i31_get(s->store, &got.of.ref, &number));
        OK(wrt_ref_release(s->store, &got.of.ref));
        CHECK(len == n->count && number == (int32_t)n->id);
        break;
    case FUNCS:
        OK(wrt_array_len(s->store, ref, &len));
        CHECK(len == n->count);
        break;
    default:
        CHECK(n->kind == HELD);
        OK(wrt_ref_func(s->store, ref, &func));
        check_func(s, &func, n->edges[0]);
    }
    if (n->hash) {
        OK(wrt_ref_hash(s->store, ref, &hash));
        CHECK(hash == n->hash);
    }
}

/* Checks a value that was read from a slot. */
static inline void check_val(side_t *s, const wrt_val_t *v, uint8_t kind, value_t expected) {
    CHECK(v->kind == kind);
    if (kind == WRT_FUNCREF) check_func(s, &v->of.func, expected);
    else check_ref(s, &v->of.ref, expected);
}

#endif
