/* Creates objects, parts of the store, and instances for random.c. */
#ifndef RANDOM_MAKE_H
#define RANDOM_MAKE_H

static void make_host(side_t *s) {
    uint32_t fields = one_in(3) ? 0 : below(7);
    if (one_in(200)) fields = 3000;
    int32_t i = new_node(s, HOST, fields);
    wrt_ref_t ref;
    if (fields || one_in(4)) {
        OK(wrt_externref_new_with_fields(s->store, finalized(s, i), dies, below(100), fields, &ref));
    } else {
        OK(wrt_externref_new(s->store, finalized(s, i), dies, one_in(50) ? 100000 : below(100), &ref));
    }
    add_handle(s, ref, value(i, 0));
}

static void make_box(side_t *s) {
    int32_t i = new_node(s, BOX, 3);
    given_t a = pick(s, WRT_ANYREF), e = pick(s, WRT_EXTERNREF), f = pick(s, WRT_FUNCREF);
    wrt_val_t vals[4] = {i32_val((int32_t)s->nodes[i].id), a.val, e.val, f.val}, result;
    node_t *n = &s->nodes[i];
    n->edges[0] = a.value, n->edges[1] = e.value, n->edges[2] = f.value;
    if (one_in(2)) {
        OK(wrt_struct_new(s->store, &s->box, vals, 4, &result.of.ref));
        CHECK(vals[1].kind == 0 && vals[2].kind == 0);
    } else {
        OK(call(s, NEW_BOX, vals, 4, &result, 1));
        drop_given(s, &a), drop_given(s, &e);
    }
    add_handle(s, result.of.ref, value(i, 0));
}

static void make_row(side_t *s) {
    uint32_t len = one_in(100) ? 2000 + below(2000) : 1 + below(12);
    int32_t i = new_node(s, ROW, len);
    node_t *n = &s->nodes[i];
    given_t init = pick(s, WRT_ANYREF);
    wrt_val_t args[3] = {i32_val((int32_t)n->id), i32_val((int32_t)len), init.val}, result;
    wrt_val_t number = empty_val(WRT_ANYREF);
    for (uint32_t k = 1; k < len; k++) n->edges[k] = init.value;
    n->edges[0] = value(I31, (int32_t)n->id);
    if (one_in(2)) {
        OK(call(s, NEW_ROW, args, 3, &result, 1));
        drop_given(s, &init);
    } else {
        if (len <= 12 && one_in(2)) {
            wrt_val_t elements[12];
            elements[0] = empty_val(WRT_ANYREF);
            for (uint32_t k = 1; k < len; k++) {
                elements[k] = init.val;
                OK(wrt_ref_clone(s->store, &init.val.of.ref, &elements[k].of.ref));
            }
            OK(wrt_array_new_of(s->store, &s->row, elements, len, &result.of.ref));
            drop_given(s, &init);
        } else {
            OK(wrt_array_new(s->store, &s->row, &init.val, len, &result.of.ref));
            was_taken(&init);
        }
        OK(wrt_i31_new(s->store, (int32_t)n->id, &number.of.ref));
        OK(wrt_array_set(s->store, &result.of.ref, 0, &number));
    }
    add_handle(s, result.of.ref, value(i, 0));
}

static void make_funcs(side_t *s) {
    uint32_t len = below(5);
    int32_t i = new_node(s, FUNCS, len);
    given_t init = pick(s, WRT_FUNCREF);
    wrt_ref_t ref;
    for (uint32_t k = 0; k < len; k++) s->nodes[i].edges[k] = init.value;
    OK(wrt_array_new(s->store, &s->funcs, &init.val, len, &ref));
    hash(s, &ref, value(i, 0));
    add_handle(s, ref, value(i, 0));
}

static void make_held(side_t *s) {
    value_t f = pick_func(s);
    wrt_ref_t ref;
    int32_t i = new_node(s, HELD, 1);
    s->nodes[i].edges[0] = f;
    OK(wrt_ref_of_func(s->store, &s->nodes[f.node].funcs[f.sub], &ref));
    add_handle(s, ref, value(i, 0));
}

static void make_part(side_t *s, uint8_t kind) {
    static const uint8_t kinds[] = {WRT_EXTERNREF, WRT_ANYREF, WRT_FUNCREF};
    uint8_t slots = kinds[below(3)];
    uint32_t len = kind == TABLE ? (one_in(10) ? below(700) : below(9)) : 1;
    if (kind == FUNC) {
        int32_t i = new_node(s, FUNC, 0);
        OK(wrt_func_new(s->store, s->number, numbered, finalized(s, i), dies, &s->nodes[i].funcs[0]));
        return;
    }
    int32_t i = new_node(s, kind, len);
    node_t *n = &s->nodes[i];
    given_t init = pick(s, n->slots = slots);
    for (uint32_t k = 0; k < len; k++) n->edges[k] = init.value;
    wrt_size_limits_t limits = {len, 1000, one_in(2)};
    if (kind == TABLE) OK(wrt_table_new(s->store, slots, &limits, &init.val, &n->table));
    else OK(wrt_global_new(s->store, slots, true, &init.val, &n->global));
    was_taken(&init);
}

/* An instance that imports existing parts; returns its node. */
static int32_t make_instance(side_t *s, const wrt_module_t *module, const wrt_func_t *fourth) {
    static const char *const tables[] = {"te", "ta", "tf"}, *const globals[] = {"ge", "ga", "gf"},
                      *const funcs[] = {"id", "id1", "other"};
    static const uint8_t kinds[] = {WRT_EXTERNREF, WRT_ANYREF, WRT_FUNCREF};
    value_t f = value(0, 0);
    int32_t t = 0, g = 0;
    /* A chain of imported functions must not overflow the stack. */
    if (s->main) f = one_in(4) ? pick_func(s) : value(s->main, 0);
    else f = value(pick_part(s, FUNC), 0);
    if (s->nodes[f.node].kind == INSTANCE && f.sub == 2 && f.node != s->main) f.sub = 1;
    for (int tries = 0; tries < 20 && !t; tries++)
        if ((t = pick_part(s, TABLE)) && s->nodes[t].slots != WRT_EXTERNREF) t = 0;
    for (int tries = 0; tries < 20 && !g; tries++)
        if ((g = pick_part(s, GLOBAL)) && s->nodes[g].slots != WRT_EXTERNREF) g = 0;
    if (!t || !g) return 0;
    wrt_extern_t imports[4];
    memset(imports, 0, sizeof imports);
    imports[0].kind = imports[3].kind = WRT_EXTERN_FUNC;
    imports[0].of.func = s->nodes[f.node].funcs[f.sub];
    imports[1].kind = WRT_EXTERN_TABLE, imports[1].of.table = s->nodes[t].table;
    imports[2].kind = WRT_EXTERN_GLOBAL, imports[2].of.global = s->nodes[g].global;
    if (fourth) imports[3].of.func = *fourth;
    int32_t i = new_node(s, INSTANCE, 9);
    node_t *n = &s->nodes[i];
    OK(wrt_instance_new(s->store, module, imports, fourth ? 4 : 3, &n->instance));
    for (int k = 0; k < 3; k++) {
        n->funcs[k] = func_of(s->store, &n->instance, funcs[k]);
        int32_t table = new_node(s, TABLE, 4), global = new_node(s, GLOBAL, 1);
        s->nodes[table].slots = s->nodes[global].slots = kinds[k];
        s->nodes[table].owner = s->nodes[global].owner = i;
        s->nodes[table].kept = s->nodes[global].kept = false;
        OK(wrt_instance_get_table(s->store, &n->instance, tables[k], 2, &s->nodes[table].table));
        OK(wrt_instance_get_global(s->store, &n->instance, globals[k], 2, &s->nodes[global].global));
        n->edges[k] = value(table, 0), n->edges[3 + k] = value(global, 0);
    }
    n->edges[6] = f, n->edges[7] = value(t, 0), n->edges[8] = value(g, 0);
    s->nodes[n->edges[2].node].edges[3] = value(i, 1);
    s->nodes[n->edges[5].node].edges[0] = value(i, 0);
    wrt_func_t init = func_of(s->store, &n->instance, "init");
    wrt_val_t number = i32_val((int32_t)(n->id * 2));
    OK(wrt_func_call(s->store, &init, &number, 1, NULL, 0));
    return i;
}

#endif
