/* Random operations on stores, compared with a model that knows what must be alive.
 * usage: random [seed [operations [zeal]]] */
#include "random-check.h"
#include "random-module.h"
#include <signal.h>
#include <unistd.h>

static void do_operation(side_t *s);
static int nesting;

/* A value for a slot. */
typedef struct {
    value_t value;
    wrt_val_t val;
} given_t;

static void release_handle(side_t *s, int i) {
    wrt_ref_t ref = s->handles[i].ref;
    OK(wrt_ref_release(s->store, &ref));
    CHECK(ref.store == 0);
    forget_handle(s, i);
}

/* Owned by the caller from now on: kept as a handle, or released. */
static void take_ref(side_t *s, wrt_ref_t *ref, value_t v) {
    check_ref(s, ref, v);
    if (v.node == 0) return;
    if (s->handle_count < MAX_HANDLES && !one_in(4)) {
        add_handle(s, *ref, v);
        return;
    }
    note_stale(s, *ref);
    OK(wrt_ref_release(s->store, ref));
}

static void take_val(side_t *s, wrt_val_t *v, uint8_t kind, value_t expected) {
    CHECK(v->kind == kind);
    if (kind == WRT_FUNCREF) check_func(s, &v->of.func, expected);
    else take_ref(s, &v->of.ref, expected);
}

/* A handle to a node of this kind (or any, of 255), or -1. */
static int pick_handle(side_t *s, uint8_t kind) {
    for (int tries = 0; tries < 8 && s->handle_count; tries++) {
        int i = (int)below((uint32_t)s->handle_count);
        if (kind == 255 || (s->handles[i].value.node > 0 && s->nodes[s->handles[i].value.node].kind == kind)) return i;
    }
    return -1;
}

/* A part that the host holds, or that must live for another reason; 0 if none is found. */
static int32_t pick_part(side_t *s, uint8_t kind) {
    for (int tries = 0; tries < 40; tries++) {
        int32_t i = 1 + (int32_t)below((uint32_t)s->end - 1);
        const node_t *n = &s->nodes[i];
        if (!n->used || n->kind != kind) continue;
        if (n->kept || must_live(s, value(i, 0))) return i;
    }
    return 0;
}

static value_t pick_func(side_t *s) {
    int32_t i = pick_part(s, one_in(3) ? FUNC : INSTANCE);
    if (!i) return value(s->main, (int32_t)below(3));
    return value(i, s->nodes[i].kind == INSTANCE ? (int32_t)below(3) : 0);
}

/* A value for a slot of this kind, whose ownership the caller passes on. */
static given_t pick(side_t *s, uint8_t kind) {
    given_t g = {value(0, 0), empty_val(kind)};
    if (one_in(8)) return g;
    if (kind == WRT_FUNCREF) {
        g.value = pick_func(s);
        g.val.of.func = s->nodes[g.value.node].funcs[g.value.sub];
        return g;
    }
    int i = pick_handle(s, 255);
    if (i < 0 || one_in(16)) {
        g.value = value(I31, (int32_t)below(1000) - 500);
        OK(wrt_i31_new(s->store, g.value.sub, &g.val.of.ref));
        return g;
    }
    value_t v = s->handles[i].value;
    if (kind != 0 && v.node > 0 && s->nodes[v.node].kind == HELD) return g;
    g.value = v;
    /* A callback returns references that it created itself. */
    if (s->handles[i].borrowed || s->handles[i].depth < s->giving || one_in(2)) {
        OK(wrt_ref_clone(s->store, &s->handles[i].ref, &g.val.of.ref));
    } else {
        g.val.of.ref = s->handles[i].ref;
        forget_handle(s, i);
    }
    return g;
}

/* It was only borrowed. */
static void drop_given(side_t *s, given_t *g) {
    if (g->val.kind != WRT_FUNCREF) OK(wrt_ref_release(s->store, &g->val.of.ref));
}

static void was_taken(const given_t *g) {
    CHECK(g->val.kind == 0 && g->val.of.ref.store == 0);
}

static wrt_error_t *call(side_t *s, int which, wrt_val_t *args, size_t n, wrt_val_t *results, size_t m) {
    s->running++;
    wrt_error_t *error = wrt_func_call(s->store, &s->calls[which], args, n, results, m);
    s->running--;
    return error;
}

static void hold(side_t *s, value_t v) {
    CHECK(s->frame_count < MAX_FRAMES);
    s->frames[s->frame_count++] = v;
}

/* Operations inside of a callback. */
static void nested(side_t *s) {
    if (s->quiet || nesting >= MAX_CALLS) return;
    uint32_t base = s->base;
    nesting++;
    s->base = s->depth;
    for (uint32_t n = below(20); n; n--) do_operation(s);
    if (one_in(3)) collect(s);
    s->base = base;
    nesting--;
}

static wrt_error_t *callback(void *userdata, wrt_caller_t *caller, const wrt_val_t *args, size_t arg_count,
                             wrt_val_t *results, size_t result_count) {
    side_t *s = userdata;
    uint32_t depth = s->depth++;
    CHECK(wrt_caller_store(caller) == s->store && arg_count == 2 && result_count == 2);
    /* The test does not know the references in the frame. */
    for (int i = 0; i < 2; i++) {
        value_t v = s->frames[s->frame_count - 2 + i];
        if (is_func(s, v)) v = value(0, 0);
        check_val(s, &args[i], i ? WRT_ANYREF : WRT_EXTERNREF, v);
        if (v.node && s->handle_count < MAX_HANDLES) {
            add_handle(s, args[i].of.ref, v);
            s->handles[s->handle_count - 1].borrowed = true;
        }
    }
    nested(s);
    for (int i = 0; i < 2; i++) {
        s->giving = depth + 1;
        given_t g = pick(s, i ? WRT_ANYREF : WRT_EXTERNREF);
        s->giving = 0;
        results[i] = g.val;
        s->returned[i] = g.value;
    }
    s->failed = one_in(12);
    forget_scopes(s, depth);
    return s->failed ? wrt_error_new(WRT_ERROR_KIND_IO, TEXT("asked to")) : NULL;
}

/* A host function that returns a number. */
static wrt_error_t *numbered(void *userdata, wrt_caller_t *caller, const wrt_val_t *args, size_t arg_count,
                             wrt_val_t *results, size_t result_count) {
    side_t *s = wrt_caller_store(caller) == sides[0].store ? &sides[0] : &sides[1];
    uint32_t id = (uint32_t)(uintptr_t)userdata, depth = s->depth++;
    (void)args;
    CHECK(arg_count == 0 && result_count == 1 && !died[id]);
    /* It continues to run, although nothing refers to it any more. */
    if (!s->quiet && one_in(4)) {
        int32_t i = 1;
        while (i < s->end && !(s->nodes[i].used && s->nodes[i].id == id)) i++;
        wrt_func_t func = s->nodes[i].funcs[0];
        if (i < s->end && s->nodes[i].kept) OK(wrt_func_release(s->store, &func));
        s->nodes[i].kept = false;
    }
    if (one_in(2)) nested(s);
    CHECK(!died[id]);
    results[0].of.i32 = (int32_t)(id * 2);
    forget_scopes(s, depth);
    return NULL;
}

/* Reads the hash, so that later ones are compared with it. */
static void hash(side_t *s, const wrt_ref_t *ref, value_t v) {
    uint64_t hash;
    OK(wrt_ref_hash(s->store, ref, &hash));
    if (v.node <= 0 || s->nodes[v.node].kind == HELD) return;
    if (s->nodes[v.node].hash) CHECK(s->nodes[v.node].hash == hash);
    s->nodes[v.node].hash = hash;
}

#include "random-make.h"
#include "random-operations.h"
#include "random-misuse.h"

static void begin(side_t *s, uint32_t zeal) {
    wrt_config_t *config = wrt_config_new();
    wrt_types_t *types;
    wrt_functype_t *type;
    wrt_func_t f;
    memset(s, 0, sizeof *s);
    s->free = s->end = 1;
    s->first_id = ids;
    OK(wrt_config_set_signals(config, may_use_signals()));
    OK(wrt_config_set_gc_zeal(config, zeal));
    OK(wrt_config_set_heap_reservation(config, (size_t)1 << 28));
    if (one_in(2)) OK(wrt_config_set_nursery_size(config, 16 << 10, 64 << 10));
    OK(wrt_config_set_heap_growth(config, 50, (size_t)1 << (15 + below(4))));
    OK(wrt_engine_new(config, &s->engine));
    wrt_config_delete(config);
    OK(wrt_store_new(s->engine, NULL, NULL, &s->store));
    wrt_module_t *main_module = module_of(s->engine, MAIN);
    s->plugin = module_of(s->engine, PLUGIN);
    OK(wrt_module_types(main_module, &types));
    OK(wrt_types_get(types, 0, &s->box));
    OK(wrt_types_get(types, 1, &s->row));
    OK(wrt_types_get(types, 2, &s->funcs));
    wrt_types_delete(types);
    OK(wrt_functype_parse(TEXT("() -> i32"), &s->number));
    OK(wrt_functype_parse(TEXT("(externref, anyref) -> (externref, anyref)"), &type));
    OK(wrt_func_new(s->store, type, callback, s, NULL, &f));
    wrt_functype_delete(type);
    while (!s->main) {
        make_part(s, FUNC), make_part(s, TABLE), make_part(s, GLOBAL);
        s->main = make_instance(s, main_module, &f);
    }
    for (int i = 0; i < CALLS; i++) s->calls[i] = func_of(s->store, &s->nodes[s->main].instance, CALL_NAMES[i]);
    wrt_module_delete(main_module);
}

/* Nothing outlives the store, even what was alive until then. */
static void end(side_t *s) {
    CHECK(s->base == 0 && s->running == 0 && s->frame_count == 0);
    if (one_in(2)) collect(s);
    wrt_store_delete(s->store);
    for (uint32_t id = s->first_id + 1; id <= ids; id++) {
        if (made_in[id] != s - sides + 1) continue;
        CHECK(died[id] == 1);
        made_in[id] = 0;
    }
    for (int32_t i = 1; i < s->end; i++) free(s->nodes[i].edges);
    wrt_module_delete(s->plugin);
    wrt_functype_delete(s->number);
    wrt_engine_delete(s->engine);
}

static uint64_t seed, operations;
static uint32_t zeal;
static bool running;

static void run(uint64_t with_seed, uint64_t count, uint32_t with_zeal) {
    seed = state = with_seed, operations = count, zeal = with_zeal;
    running = true;
    begin(&sides[0], zeal);
    begin(&sides[1], zeal);
    for (operation = 0; operation < count;) {
        side_t *s = &sides[one_in(8)];
        do_operation(s);
        if (one_in(40000)) end(s), begin(s, zeal);
    }
    for (int i = 0; i < 2; i++) collect(&sides[i]), end(&sides[i]);
    running = false;
}

static void failed(void) {
    if (!running) return;
    fprintf(stderr, "random: seed %" PRIu64 ", operation %" PRIu64 "; again: random %" PRIu64 " %" PRIu64 " %" PRIu32
            "\n", seed, operation, seed, operations, zeal);
    running = false;
}

static void crashed(int number) {
    failed();
    signal(number, SIG_DFL);
    raise(number);
}

int main(int argc, char **argv) {
    uint64_t part = 1;
    atexit(failed);
    signal(SIGSEGV, crashed), signal(SIGABRT, crashed), signal(SIGBUS, crashed);
    if (argc > 1) {
        run(strtoull(argv[1], NULL, 0), argc > 2 ? strtoull(argv[2], NULL, 0) : 300000,
            argc > 3 ? (uint32_t)strtoul(argv[3], NULL, 0) : 0);
    } else {
        if (!may_use_signals()) part = 60;
        for (uint64_t i = 1; i <= 4; i++) run(i, 300000 / part, 0);
        run(5, 40000 / part, 1);
        run(6, 80000 / part, 7);
    }
    free(died);
    free(made_in);
    return 0;
}
