/* The operations of random.c. */
#ifndef RANDOM_OPERATIONS_H
#define RANDOM_OPERATIONS_H

/* A container with a slot, and a reference to it if it is an object. */
typedef struct {
    int32_t node;
    uint32_t slot;
    wrt_ref_t ref;
} place_t;

/* Something to read from, or to write to. False if there is nothing. */
static bool pick_place(side_t *s, place_t *p, bool to_write) {
    memset(p, 0, sizeof *p);
    if (one_in(2)) {
        p->node = pick_part(s, one_in(3) ? GLOBAL : TABLE);
    } else {
        int i = pick_handle(s, (uint8_t)below(4));
        if (i >= 0) p->node = s->handles[i].value.node, p->ref = s->handles[i].ref;
    }
    if (!p->node) return false;
    const node_t *n = &s->nodes[p->node];
    /* The first element of a row is its number. */
    uint32_t first = to_write && n->kind == ROW ? 1 : 0;
    if (n->count <= first) return false;
    p->slot = first + below(n->count - first);
    return true;
}

static void read_one(side_t *s) {
    place_t p;
    wrt_val_t v;
    if (!pick_place(s, &p, false)) return;
    const node_t *n = &s->nodes[p.node];
    OK(read_slot(s, p.node, &p.ref, p.slot, &v));
    take_val(s, &v, slot_kind(n, p.slot), n->edges[p.slot]);
}

/* The module's function that writes to such a place, or -1. */
static int writer(const side_t *s, const place_t *p) {
    static const int of_box[] = {BOX_A, BOX_E, BOX_F};
    const node_t *n = &s->nodes[p->node], *m = &s->nodes[s->main];
    if (n->kind == BOX) return of_box[p->slot];
    if (n->kind == ROW) return ROW_SET;
    if (n->kind == FUNCS) return FUNCS_SET;
    for (int i = 0; i < 9; i++)
        if (m->edges[i].node == p->node) return i < 6 ? TE_SET + i : i == 7 ? IT_SET : i == 8 ? IG_SET : -1;
    return -1;
}

/* The handle that is given away can be the one that names the place: it ends only afterwards. */
static void write_one(side_t *s) {
    place_t p;
    if (!pick_place(s, &p, true)) return;
    node_t *n = &s->nodes[p.node];
    given_t g = pick(s, slot_kind(n, p.slot));
    int f = one_in(2) ? writer(s, &p) : -1;
    n->edges[p.slot] = g.value;
    if (f < 0) {
        OK(write_slot(s, p.node, &p.ref, p.slot, &g.val));
        CHECK(n->kind == HOST ? g.val.of.ref.store == 0 : g.val.kind == 0);
        return;
    }
    wrt_val_t args[3], *arg = args;
    if (!is_part(n)) *arg = empty_val(WRT_ANYREF), arg++->of.ref = p.ref;
    *arg++ = g.val;
    if (n->kind != BOX && n->kind != GLOBAL) *arg++ = i32_val((int32_t)p.slot);
    OK(call(s, f, args, (size_t)(arg - args), NULL, 0));
    drop_given(s, &g);
}

static void fill(side_t *s) {
    place_t p;
    if (!pick_place(s, &p, true)) return;
    node_t *n = &s->nodes[p.node];
    if (n->kind == HOST || n->kind == BOX || n->kind == GLOBAL) return;
    uint32_t len = below(n->count - p.slot + 1);
    given_t g = pick(s, slot_kind(n, 0));
    if (n->kind == TABLE && n->count < 300 && one_in(6)) {
        uint64_t old;
        uint32_t more = one_in(3) ? below(100) : below(4);
        OK(wrt_table_grow(s->store, &n->table, more, &g.val, &old));
        CHECK(old == n->count);
        CHECK((n->edges = realloc(n->edges, (n->count + more + 1) * sizeof(value_t))));
        for (uint32_t i = 0; i < more; i++) n->edges[n->count++] = g.value;
    } else {
        for (uint32_t i = 0; i < len; i++) n->edges[p.slot + i] = g.value;
        if (n->kind == TABLE) OK(wrt_table_fill(s->store, &n->table, p.slot, &g.val, len));
        else OK(wrt_array_fill(s->store, &p.ref, p.slot, &g.val, len));
    }
    was_taken(&g);
}

static void copy(side_t *s) {
    place_t to, from;
    if (!pick_place(s, &to, true)) return;
    if (one_in(3)) from = to;
    else if (!pick_place(s, &from, true)) return;
    node_t *n = &s->nodes[to.node], *m = &s->nodes[from.node];
    if (n->kind != m->kind || (n->kind != TABLE && n->kind != ROW && n->kind != FUNCS) || n->slots != m->slots) return;
    uint32_t a = n->count - to.slot, b = m->count - from.slot, len = below((a < b ? a : b) + 1);
    memmove(n->edges + to.slot, m->edges + from.slot, len * sizeof(value_t));
    if (n->kind == TABLE) OK(wrt_table_copy(s->store, &n->table, to.slot, &m->table, from.slot, len));
    else OK(wrt_array_copy(s->store, &to.ref, to.slot, &from.ref, from.slot, len));
}

static void clear(side_t *s) {
    place_t p;
    if (!pick_place(s, &p, true)) return;
    node_t *n = &s->nodes[p.node];
    wrt_val_t v = empty_val(slot_kind(n, p.slot));
    if (n->kind == TABLE) {
        memset(n->edges, 0, n->count * sizeof(value_t));
        OK(wrt_table_fill(s->store, &n->table, 0, &v, n->count));
    } else {
        n->edges[p.slot] = value(0, 0);
        OK(write_slot(s, p.node, &p.ref, p.slot, &v));
    }
}

static void handles(side_t *s) {
    int i = pick_handle(s, 255), j = pick_handle(s, 255);
    wrt_ref_t ref;
    wrt_type_t type;
    bool equal;
    if (i < 0 || j < 0) return;
    handle_t *h = &s->handles[i], *k = &s->handles[j];
    switch (below(6)) {
    case 0:
        OK(wrt_ref_clone(s->store, &h->ref, &ref));
        take_ref(s, &ref, h->value);
        break;
    case 1: hash(s, &h->ref, h->value); break;
    case 2: {
        value_t a = h->value, b = k->value;
        /* All references to a function are equal. */
        if (a.node > 0 && s->nodes[a.node].kind == HELD) a = s->nodes[a.node].edges[0];
        if (b.node > 0 && s->nodes[b.node].kind == HELD) b = s->nodes[b.node].edges[0];
        uint64_t x, y;
        OK(wrt_ref_equal(s->store, &h->ref, &k->ref, &equal));
        CHECK(equal == same(a, b));
        hash(s, &h->ref, h->value), hash(s, &k->ref, k->value);
        OK(wrt_ref_hash(s->store, &h->ref, &x));
        OK(wrt_ref_hash(s->store, &k->ref, &y));
        CHECK((x == y) == equal);
        break;
    }
    case 3:
        OK(wrt_ref_escape(s->store, &h->ref));
        if (s->depth && h->depth == s->depth) h->depth--;
        break;
    case 4: {
        static const uint8_t kinds[] = {WRT_ANYREF, WRT_DEFINED_STRUCT, WRT_DEFINED_ARRAY, WRT_DEFINED_ARRAY,
                                        WRT_DEFINED_FUNC};
        OK(wrt_ref_type(s->store, &h->ref, &type));
        CHECK(type.kind == (h->value.node < 0 ? WRT_I31REF : kinds[s->nodes[h->value.node].kind]));
        break;
    }
    default: check_ref(s, &h->ref, h->value);
    }
}

static void release_some(side_t *s) {
    for (uint32_t n = one_in(20) ? (uint32_t)s->handle_count : 1 + below(3); n; n--) {
        int i = pick_handle(s, 255);
        if (i >= 0 && !s->handles[i].borrowed) release_handle(s, i);
    }
}

static void scopes(side_t *s) {
    if (s->depth > s->base && one_in(2)) {
        OK(wrt_scope_close(s->store));
        forget_scopes(s, s->depth - 1);
    } else if (s->depth < s->base + 4) {
        OK(wrt_scope_open(s->store));
        s->depth++;
    } else {
        FAILS(WRT_ERROR_KIND_STALE_HANDLE, wrt_ref_escape(s->store, &s->stale_refs[0]));
    }
}

static void weaks(side_t *s) {
    int h = pick_handle(s, 255);
    if (s->weak_count < MAX_WEAKS && h >= 0 && one_in(2)) {
        weak_t *w = &s->weaks[s->weak_count++];
        w->value = s->handles[h].value, w->dead = false;
        OK(wrt_weak_new(s->store, &s->handles[h].ref, &w->weak));
    } else if (s->weak_count) {
        int i = (int)below((uint32_t)s->weak_count);
        weak_t *w = &s->weaks[i];
        wrt_ref_t ref;
        OK(wrt_weak_get(s->store, &w->weak, &ref));
        if (w->dead) CHECK(ref.store == 0);
        else if (ref.store) take_ref(s, &ref, w->value);
        else {
            CHECK(!must_live(s, w->value));
            w->dead = true;
        }
        if (one_in(2)) {
            wrt_weak_t weak = w->weak;
            OK(wrt_weak_release(s->store, &weak));
            CHECK(weak.store == 0);
            FAILS(WRT_ERROR_KIND_STALE_HANDLE, wrt_weak_get(s->store, &w->weak, &ref));
            *w = s->weaks[--s->weak_count];
        }
    }
}

static int kept_parts(const side_t *s) {
    int kept = 0;
    for (int32_t i = 1; i < s->end; i++) kept += s->nodes[i].used && s->nodes[i].kept;
    return kept;
}

/* Parts are released; they live as long as something refers to them. */
static void release_part(side_t *s) {
    uint8_t of = (uint8_t)(TABLE + below(4));
    int32_t i = pick_part(s, of);
    for (int tries = 0; tries < 4 && i && !s->nodes[i].kept; tries++) i = pick_part(s, of);
    if (!i || i == s->main) return;
    node_t *n = &s->nodes[i], copy = *n;
    /* Parts that were already released, or that belong to an instance, are not released. */
    uint8_t kind = n->owner ? WRT_ERROR_KIND_INVALID_ARGUMENT : n->kept ? 0 : WRT_ERROR_KIND_STALE_HANDLE;
    wrt_error_t *error = n->kind == TABLE    ? wrt_table_release(s->store, &copy.table)
                         : n->kind == GLOBAL ? wrt_global_release(s->store, &copy.global)
                         : n->kind == FUNC   ? wrt_func_release(s->store, &copy.funcs[0])
                                             : wrt_instance_release(s->store, &copy.instance);
    CHECK(wrt_error_kind(error) == kind);
    wrt_error_delete(error);
    if (!kind) n->kept = false;
}

/* The same call, unchecked. */
static wrt_error_t *pass_raw(side_t *s, const wrt_val_t *args, wrt_val_t *results) {
    wrt_raw_t slots[4];
    memset(slots, 0, sizeof slots);
    slots[0].ref = args[0].of.ref, slots[1].ref = args[1].of.ref;
    s->running++;
    wrt_error_t *error = wrt_func_call_raw(s->store, &s->calls[PASS], slots, 4);
    s->running--;
    for (int i = 0; i < 4; i++) {
        results[i] = empty_val(error ? WRT_EMPTY : i % 2 ? WRT_ANYREF : WRT_EXTERNREF);
        results[i].of.ref = slots[i].ref;
    }
    return error;
}

static void pass(side_t *s) {
    /* They are only borrowed. */
    s->giving = UINT32_MAX;
    given_t e = pick(s, WRT_EXTERNREF), a = pick(s, WRT_ANYREF);
    s->giving = 0;
    wrt_val_t args[2] = {e.val, a.val}, results[4];
    hold(s, e.value), hold(s, a.value);
    wrt_error_t *error = one_in(3) ? pass_raw(s, args, results) : call(s, PASS, args, 2, results, 4);
    s->frame_count -= 2;
    if (s->failed) {
        s->failed = false;
        FAILS(WRT_ERROR_KIND_IO, error);
        for (int i = 0; i < 4; i++) CHECK(results[i].kind == 0);
    } else {
        OK(error);
        value_t given[2] = {s->returned[0], s->returned[1]};
        take_val(s, &results[0], WRT_EXTERNREF, e.value);
        take_val(s, &results[1], WRT_ANYREF, a.value);
        take_val(s, &results[2], WRT_EXTERNREF, given[0]);
        take_val(s, &results[3], WRT_ANYREF, given[1]);
    }
    drop_given(s, &e), drop_given(s, &a);
}

static void pass_func(side_t *s) {
    given_t f = pick(s, WRT_FUNCREF);
    wrt_val_t result;
    hold(s, f.value), hold(s, value(0, 0));
    wrt_error_t *error = call(s, PASS_FUNC, &f.val, 1, &result, 1);
    s->frame_count -= 2;
    if (s->failed) {
        s->failed = false;
        FAILS(WRT_ERROR_KIND_IO, error);
    } else {
        OK(error);
        take_val(s, &result, WRT_FUNCREF, f.value);
    }
}

/* Calls a function from any place; running code stays alive, even if it becomes unreachable in the meantime. */
static void call_number(side_t *s) {
    int b = pick_handle(s, BOX);
    uint32_t i = below(4), way = below(3);
    value_t f = way == 0 ? s->nodes[s->nodes[s->main].edges[2].node].edges[i]
                : way == 1 && b >= 0 ? s->nodes[s->handles[b].value.node].edges[2]
                                     : pick_func(s);
    if (f.node == 0 || s->frame_count + 4 > MAX_FRAMES) return;
    wrt_val_t result, arg = i32_val((int32_t)i);
    int32_t expected = number_of(s, f);
    hold(s, f);
    if (way == 0) {
        OK(call(s, CALL_TABLE, &arg, 1, &result, 1));
    } else if (way == 1 && b >= 0) {
        arg = empty_val(WRT_ANYREF), arg.of.ref = s->handles[b].ref;
        OK(call(s, CALL_BOX, &arg, 1, &result, 1));
    } else {
        s->running++;
        OK(wrt_func_call(s->store, &s->nodes[f.node].funcs[f.sub], NULL, 0, &result, 1));
        s->running--;
    }
    s->frame_count--;
    CHECK(result.kind == WRT_I32 && result.of.i32 == expected);
}

#endif
