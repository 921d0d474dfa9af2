/* Operations of random.c that must fail, and the choice of the next operation. */
#ifndef RANDOM_MISUSE_H
#define RANDOM_MISUSE_H

/* Operations that must fail, and change nothing. */
static void misuse(side_t *s) {
    side_t *other = s == &sides[0] ? &sides[1] : &sides[0];
    wrt_ref_t ref, stale = s->stale_refs[below(MAX_STALE)];
    wrt_val_t v = empty_val(WRT_EXTERNREF);
    uint64_t number;
    uint32_t count;
    bool is;
    int h = pick_handle(s, 255), o = pick_handle(other, 255), held = pick_handle(s, HELD);
    int32_t t = pick_part(s, TABLE);
    place_t p;
    switch (below(9)) {
    case 0:
        if (!stale.store) break;
        FAILS(WRT_ERROR_KIND_STALE_HANDLE, wrt_ref_clone(s->store, &stale, &ref));
        FAILS(WRT_ERROR_KIND_STALE_HANDLE, wrt_ref_hash(s->store, &stale, &number));
        FAILS(WRT_ERROR_KIND_STALE_HANDLE, wrt_ref_equal(s->store, &stale, &stale, &is));
        FAILS(WRT_ERROR_KIND_STALE_HANDLE, wrt_ref_release(s->store, &stale));
        CHECK(stale.store == 0);
        break;
    case 1:
        if (!stale.store || !pick_place(s, &p, true) || s->nodes[p.node].kind == FUNCS) break;
        v.of.ref = stale;
        v.kind = slot_kind(&s->nodes[p.node], p.slot);
        if (v.kind == WRT_FUNCREF) break;
        FAILS(WRT_ERROR_KIND_STALE_HANDLE, write_slot(s, p.node, &p.ref, p.slot, &v));
        CHECK(v.of.ref.store == 0);
        break;
    case 2:
        if (o < 0 || !pick_place(s, &p, true)) break;
        v.of.ref = other->handles[o].ref;
        v.kind = slot_kind(&s->nodes[p.node], p.slot);
        if (v.kind == WRT_FUNCREF) v.of.func = other->nodes[other->main].funcs[0];
        FAILS(WRT_ERROR_KIND_WRONG_STORE, write_slot(s, p.node, &p.ref, p.slot, &v));
        CHECK(v.of.ref.store == wrt_store_id(other->store));
        FAILS(WRT_ERROR_KIND_WRONG_STORE, wrt_ref_clone(s->store, &other->handles[o].ref, &ref));
        break;
    case 3:
        if (!t) break;
        FAILS(WRT_ERROR_KIND_TRAP, wrt_table_get(s->store, &s->nodes[t].table, s->nodes[t].count, &v));
        CHECK(v.kind == 0);
        v = pick(s, s->nodes[t].slots).val;
        FAILS(WRT_ERROR_KIND_TRAP, wrt_table_fill(s->store, &s->nodes[t].table, 1, &v, s->nodes[t].count));
        CHECK(v.kind == 0);
        v = pick(s, s->nodes[t].slots).val;
        FAILS(WRT_ERROR_KIND_LIMIT, wrt_table_grow(s->store, &s->nodes[t].table, UINT32_MAX, &v, &number));
        CHECK(v.kind == 0);
        break;
    case 4:
        /* A value of another kind is released, and nothing else happens. */
        if (!pick_place(s, &p, true) || s->nodes[p.node].kind == HOST) break;
        v = pick(s, slot_kind(&s->nodes[p.node], p.slot) == WRT_EXTERNREF ? WRT_ANYREF : WRT_EXTERNREF).val;
        FAILS(WRT_ERROR_KIND_TYPE_MISMATCH, write_slot(s, p.node, &p.ref, p.slot, &v));
        CHECK(v.kind == 0);
        break;
    case 5:
        if (held < 0 || !pick_place(s, &p, true) || s->nodes[p.node].kind == HOST) break;
        v.kind = slot_kind(&s->nodes[p.node], p.slot);
        if (v.kind == WRT_FUNCREF) v.kind = WRT_ANYREF;
        OK(wrt_ref_clone(s->store, &s->handles[held].ref, &v.of.ref));
        FAILS(WRT_ERROR_KIND_TYPE_MISMATCH, write_slot(s, p.node, &p.ref, p.slot, &v));
        CHECK(v.kind == 0);
        break;
    case 6:
        if (h < 0) break;
        if (s->handles[h].value.node < 0 || s->nodes[s->handles[h].value.node].kind != BOX) {
            FAILS(WRT_ERROR_KIND_TYPE_MISMATCH, wrt_struct_field_count(s->store, &s->handles[h].ref, &count));
        } else {
            FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_struct_get(s->store, &s->handles[h].ref, 4, &v));
            FAILS(WRT_ERROR_KIND_TYPE_MISMATCH, wrt_array_len(s->store, &s->handles[h].ref, &count));
        }
        break;
    case 7:
        if (s->depth == s->base) FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_scope_close(s->store));
        break;
    default:
        if (s->stale_part_count) {
            uint32_t n = s->stale_part_count < MAX_STALE ? (uint32_t)s->stale_part_count : MAX_STALE;
            check_gone(s, &s->stale_parts[below(n)]);
        }
    }
}

static void do_operation(side_t *s) {
    operation++;
    while (s->handle_count > MAX_HANDLES - 8 || !has_room(s)) {
        int before = s->handle_count;
        for (int i = s->handle_count - 1; i >= 0; i--)
            if (!s->handles[i].borrowed && one_in(2)) release_handle(s, i);
        if (has_room(s) || s->running) break;
        if (before == 0) break;
        collect(s);
    }
    if (s->handle_count > MAX_HANDLES - 4 || !has_room(s)) return;
    uint32_t n = below(1000);
    /* As many parts as are released. */
    if (n >= 210 && n < 234 && kept_parts(s) > 30) n = 240;
    if (n < 60) make_host(s);
    else if (n < 130) make_box(s);
    else if (n < 170) make_row(s);
    else if (n < 190) make_funcs(s);
    else if (n < 210) make_held(s);
    else if (n < 216) make_part(s, TABLE);
    else if (n < 222) make_part(s, GLOBAL);
    else if (n < 228) make_part(s, FUNC);
    else if (n < 234) make_instance(s, s->plugin, NULL);
    else if (n < 258) release_part(s);
    else if (n < 400) read_one(s);
    else if (n < 550) write_one(s);
    else if (n < 570) fill(s);
    else if (n < 590) copy(s);
    else if (n < 680) clear(s);
    else if (n < 760) handles(s);
    else if (n < 860) release_some(s);
    else if (n < 890) scopes(s);
    else if (n < 930) weaks(s);
    else if (n < 945) pass(s);
    else if (n < 955) pass_func(s);
    else if (n < 970) call_number(s);
    else if (n < 990) misuse(s);
    else if (n < 994) collect(s);
    else if (n < 996) {
        wrt_val_t many = i32_val(1 + (int32_t)below(2000));
        OK(call(s, CHURN, &many, 1, NULL, 0));
    }
}

#endif
