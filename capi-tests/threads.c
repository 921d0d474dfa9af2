/* What other threads can do to a store: release items of it, delete it while it runs, and take it over; and stores that are deleted by
 * their own callbacks and finalizers. */
#include "refs.h"
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <unistd.h>

static const char *const MODULE =
    "(module (import \"\" \"wait\" (func $wait)) (type $s (struct (field i32)))"
    " (func (export \"wait\") (result i32) (local $x (ref null $s)) (local.set $x (struct.new $s (i32.const 11)))"
    "  (call $wait) (struct.get $s 0 (local.get $x)))"
    " (func (export \"loop\") (result i32) (call $wait) (loop $l (br $l)) (i32.const 0))"
    " (func (export \"alloc\") (param $n i32) (result i32) (call $wait)"
    "  (loop $l (drop (struct.new $s (i32.const 1))) (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))"
    "  (i32.const 6)))";

/* Runs `f` on a new thread, and waits for it. */
static void on_thread(void *(*f)(void *), void *data) {
    pthread_t thread;
    CHECK(!pthread_create(&thread, NULL, f, data));
    CHECK(!pthread_join(thread, NULL));
}

/* Valgrind runs one thread at a time, slowly. */
static int rounds(int n) { return may_use_signals() ? n : n / 10; }

typedef struct {
    wrt_ref_t *refs;
    int ref_count;
    wrt_weak_t *weak;
    int weak_count;
    wrt_instance_t *instance;
} drops_t;

static void *drop_all(void *data) {
    drops_t *d = data;
    for (int i = 0; i < d->ref_count; i++) wrt_ref_drop(&d->refs[i]);
    for (int i = 0; i < d->weak_count; i++) wrt_weak_drop(&d->weak[i]);
    wrt_instance_drop(d->instance);
    for (int i = 0; i < d->ref_count; i++) CHECK(is_empty_ref(d->refs[i]));
    for (int i = 0; i < d->weak_count; i++) CHECK(EMPTY_HANDLE(d->weak[i]));
    if (d->instance) CHECK(EMPTY_HANDLE(*d->instance));
    return NULL;
}

static wrt_heap_stats_t stats_of(wrt_store_t *store) {
    wrt_heap_stats_t s;
    s.size = sizeof s;
    OK(wrt_store_heap_stats(store, &s));
    return s;
}

/* A release for an idle store takes effect when the store is next used, and not before. */
static void idle_store(void) {
    world_t w = gc_world();
    counts_t counts = {0, 0};
    enum { N = 50 };
    wrt_ref_t r[N], copies[N], kept = object(w.store, &counts), out;
    wrt_weak_t weak[2], weak_copy, of_kept;
    for (int i = 0; i < N; i++) r[i] = object(w.store, &counts), copies[i] = r[i];
    for (int i = 0; i < 2; i++) OK(wrt_weak_new(w.store, &kept, &weak[i]));
    OK(wrt_weak_new(w.store, &r[0], &of_kept));
    weak_copy = weak[0];
    wrt_instance_t i = instance_of(w.engine, w.store, "(module (func (export \"f\")))"), copy = i;
    wrt_func_t f = func_of(w.store, &i, "f");
    CHECK(alive(w.store, &counts) == N + 1 && stats_of(w.store).references == N + 1);
    drops_t d = {r, N, weak, 1, &i};
    on_thread(drop_all, &d);
    CHECK(counts.dropped == 0);
    /* The next use of the store can be any function. */
    wrt_heap_stats_t s = stats_of(w.store);
    CHECK(s.references == 1 && s.weak_references == 2 && s.host_objects == N + 1 && counts.dropped == 0);
    for (int n = 0; n < N; n++) STALE(wrt_ref_clone(w.store, &copies[n], &out));
    STALE(wrt_weak_get(w.store, &weak_copy, &out));
    STALE(wrt_instance_release(w.store, &copy));
    CHECK(alive(w.store, &counts) == 1);
    STALE(wrt_func_call(w.store, &f, NULL, 0, NULL, 0));
    CHECK(stats_of(w.store).instances == 0);
    OK(wrt_weak_get(w.store, &of_kept, &out));
    CHECK(is_empty_ref(out));
    OK(wrt_weak_get(w.store, &weak[1], &out));
    CHECK(same_ref(w.store, out, kept));
    world_end(&w);
    CHECK(counts.created == counts.dropped);
}

/* Empty references, NULL, ones that were released before, duplicates, and invalid ones. */
static void harmless_drops(void) {
    world_t w = gc_world();
    counts_t counts = {0, 0};
    wrt_ref_t r = object(w.store, &counts), later, kept = object(w.store, &counts),
              refs[] = {{0, 0}, r, r, r, {r.store, UINT64_MAX}, {r.store, r.root + 1}, {UINT64_MAX, r.root}, {r.store, 0}};
    wrt_weak_t a, b, weak[6];
    wrt_instance_t i = instance_of(w.engine, w.store, "(module)"), j = instance_of(w.engine, w.store, "(module)"), copy = i;
    /* A reference with the same bits as another one is not invalid. */
    if (refs[5].root == kept.root) refs[5].root = 0;
    OK(wrt_weak_new(w.store, &kept, &a));
    OK(wrt_weak_new(w.store, &kept, &b));
    memset(weak, 0, sizeof weak);
    weak[1] = weak[2] = weak[3] = weak[4] = weak[5] = a;
    weak[3].index = UINT32_MAX, weak[4].generation += 2, weak[5].store = UINT64_MAX;
    wrt_ref_drop(NULL);
    wrt_weak_drop(NULL);
    wrt_instance_drop(NULL);
    drops_t d = {refs, 8, weak, 6, &i};
    on_thread(drop_all, &d);
    d.instance = &copy;
    on_thread(drop_all, &d);
    copy.store = j.store, copy.index = UINT32_MAX, copy.generation = 1;
    wrt_instance_drop(&copy);
    copy = j, copy.generation += 2;
    wrt_instance_drop(&copy);
    copy = j, copy.store = UINT64_MAX;
    wrt_instance_drop(&copy);
    CHECK(alive(w.store, &counts) == 1 && stats_of(w.store).references == 1 && stats_of(w.store).weak_references == 1);
    CHECK(stats_of(w.store).instances == 1);
    /* An old reference does not release the new owner of its slot. */
    wrt_ref_t old = r;
    wrt_weak_t old_weak = a, next_weak;
    later = object(w.store, &counts);
    OK(wrt_weak_new(w.store, &later, &next_weak));
    refs[0] = refs[1] = old, weak[0] = weak[1] = old_weak;
    d = (drops_t){refs, 2, weak, 2, NULL};
    on_thread(drop_all, &d);
    CHECK(alive(w.store, &counts) == 2);
    OK(wrt_weak_get(w.store, &next_weak, &r));
    CHECK(same_ref(w.store, r, later));
    /* Dropped and released, in either order. */
    wrt_ref_t slot = kept, again = kept;
    wrt_ref_drop(&slot);
    STALE(wrt_ref_release(w.store, &again));
    again = slot = later;
    OK(wrt_ref_release(w.store, &slot));
    wrt_ref_drop(&again);
    OK(wrt_ref_release(w.store, &r));
    CHECK(alive(w.store, &counts) == 0);
    /* In a scope, and after it. */
    OK(wrt_scope_open(w.store));
    r = old = object(w.store, &counts);
    slot = object(w.store, &counts);
    wrt_ref_drop(&slot);
    OK(wrt_scope_close(w.store));
    wrt_ref_drop(&r);
    CHECK(alive(w.store, &counts) == 0);
    /* After the store is deleted. */
    refs[0] = object(w.store, &counts), refs[1] = old;
    weak[0] = b, weak[1] = next_weak;
    world_end(&w);
    CHECK(counts.created == counts.dropped);
    d = (drops_t){refs, 2, weak, 2, &j};
    on_thread(drop_all, &d);
    CHECK(counts.created == counts.dropped);
}

/* A store whose function waits in a callback until another thread has done its work. */
typedef struct {
    world_t w;
    wrt_store_t *store;
    wrt_instance_t instance;
    counts_t counts;
    int store_finalized, func_finalized;
    bool deletes;
    atomic_bool waits, go_on;
    drops_t drops;
    int dropped_meanwhile;
} waiter_t;

static void end_of_store(void *userdata) { ((waiter_t *)userdata)->store_finalized++; }

static void end_of_func(void *userdata) { ((waiter_t *)userdata)->func_finalized++; }

static wrt_error_t *wait_in(void *userdata, wrt_caller_t *caller, const wrt_val_t *args, size_t arg_count,
                            wrt_val_t *results, size_t result_count) {
    (void)args, (void)arg_count, (void)results, (void)result_count;
    waiter_t *t = userdata;
    wrt_store_t *store = wrt_caller_store(caller);
    atomic_store(&t->waits, true);
    while (!atomic_load(&t->go_on)) sched_yield();
    CHECK(t->store_finalized == 0 && t->func_finalized == 0);
    /* The store still exists. */
    wrt_ref_t r = object(store, &t->counts);
    if (!t->deletes) {
        OK(wrt_store_gc(store));
        t->dropped_meanwhile = t->counts.dropped;
    }
    OK(wrt_ref_release(store, &r));
    return NULL;
}

static void *other_side(void *data) {
    waiter_t *t = data;
    while (!atomic_load(&t->waits)) sched_yield();
    if (t->deletes) wrt_store_delete(t->store);
    else drop_all(&t->drops);
    atomic_store(&t->go_on, true);
    return NULL;
}

static void waiter_begin(waiter_t *t, const wrt_engine_t *engine) {
    wrt_functype_t *type;
    wrt_func_t f;
    OK(wrt_store_new(engine, t, end_of_store, &t->store));
    OK(wrt_functype_parse(TEXT("()"), &type));
    OK(wrt_func_new(t->store, type, wait_in, t, end_of_func, &f));
    wrt_functype_delete(type);
    wrt_extern_t e;
    memset(&e, 0, sizeof e);
    e.kind = WRT_EXTERN_FUNC, e.of.func = f;
    wrt_module_t *module = module_of(engine, MODULE);
    OK(wrt_instance_new(t->store, module, &e, 1, &t->instance));
    wrt_module_delete(module);
    object(t->store, &t->counts);
}

/* While the store runs: the next use is the callback's own. */
static void running_store(void) {
    world_t w = gc_world();
    for (int round = 0; round < 20; round++) {
        waiter_t t;
        memset(&t, 0, sizeof t);
        waiter_begin(&t, w.engine);
        wrt_ref_t r[2] = {object(t.store, &t.counts), object(t.store, &t.counts)};
        wrt_weak_t weak;
        OK(wrt_weak_new(t.store, &r[0], &weak));
        wrt_func_t wait = func_of(t.store, &t.instance, "wait");
        /* Its frames keep the instance alive, which is dropped as well. */
        t.drops = (drops_t){r, 2, &weak, 1, &t.instance};
        pthread_t thread;
        int32_t got;
        CHECK(!pthread_create(&thread, NULL, other_side, &t));
        OK(call_i32(t.store, &wait, 0, 0, 0, &got));
        CHECK(!pthread_join(thread, NULL));
        CHECK(got == 11 && t.dropped_meanwhile == 2 && stats_of(t.store).references == 1);
        OK(wrt_store_gc(t.store));
        STALE(wrt_func_call(t.store, &wait, NULL, 0, NULL, 0));
        wrt_store_delete(t.store);
        CHECK(t.counts.created == t.counts.dropped && t.store_finalized == 1 && t.func_finalized == 1);
    }
    world_end(&w);
}

/* Many references, from many threads, while the store creates more of them and collects. */
enum { LOAD = 4000, DROPPERS = 3 };

typedef struct {
    _Atomic(wrt_ref_t *) given[LOAD];
    wrt_ref_t refs[LOAD];
    atomic_int next;
    int n;
} belt_t;

static void *drop_what_comes(void *data) {
    belt_t *b = data;
    for (;;) {
        int i = atomic_fetch_add(&b->next, 1);
        if (i >= b->n) return NULL;
        wrt_ref_t *r;
        while (!(r = atomic_load(&b->given[i]))) sched_yield();
        wrt_ref_t again = *r;
        wrt_ref_drop(r);
        if (i % 3 == 0) wrt_ref_drop(&again);
    }
}

static void conveyor(void) {
    world_t w = gc_world();
    static belt_t b;
    counts_t counts = {0, 0};
    pthread_t threads[DROPPERS];
    memset(&b, 0, sizeof b);
    b.n = rounds(zeal ? LOAD / 4 : LOAD);
    wrt_ref_t kept[20];
    for (int i = 0; i < 20; i++) kept[i] = object(w.store, &counts);
    for (int i = 0; i < DROPPERS; i++) CHECK(!pthread_create(&threads[i], NULL, drop_what_comes, &b));
    for (int i = 0; i < b.n; i++) {
        b.refs[i] = object(w.store, &counts);
        atomic_store(&b.given[i], &b.refs[i]);
        if (i % 100 == 0) OK(wrt_store_gc(w.store));
    }
    for (int i = 0; i < DROPPERS; i++) CHECK(!pthread_join(threads[i], NULL));
    CHECK(alive(w.store, &counts) == 20 && stats_of(w.store).references == 20);
    for (int i = 0; i < 20; i++) OK(wrt_ref_release(w.store, &kept[i]));
    CHECK(alive(w.store, &counts) == 0);
    world_end(&w);
}

/* Another thread deletes a store that waits in a callback. */
static void deleted_while_it_waits(void) {
    world_t w = gc_world();
    for (int round = 0; round < rounds(100); round++) {
        waiter_t t;
        memset(&t, 0, sizeof t);
        t.deletes = true;
        waiter_begin(&t, w.engine);
        wrt_func_t wait = func_of(t.store, &t.instance, "wait");
        pthread_t thread;
        int32_t got;
        CHECK(!pthread_create(&thread, NULL, other_side, &t));
        OK(call_i32(t.store, &wait, 0, 0, 0, &got));
        /* The outermost call has returned, and the store is deleted. */
        CHECK(got == 11 && t.store_finalized == 1 && t.func_finalized == 1 && t.counts.created == t.counts.dropped);
        CHECK(!pthread_join(thread, NULL));
    }
    world_end(&w);
}

typedef struct {
    wrt_store_t *store;
    wrt_interrupt_t *interrupt;
    int pause;
    bool interrupts;
    atomic_bool starts;
} deleter_t;

static void *delete_soon(void *data) {
    deleter_t *d = data;
    while (!atomic_load(&d->starts)) sched_yield();
    for (volatile int i = 0; i < d->pause; i++) {}
    if (d->interrupts) wrt_interrupt_trigger(d->interrupt);
    wrt_store_delete(d->store);
    return NULL;
}

/* The call has begun: from now on the store can be deleted. */
static wrt_error_t *has_begun(void *userdata, wrt_caller_t *caller, const wrt_val_t *args, size_t arg_count,
                              wrt_val_t *results, size_t result_count) {
    (void)caller, (void)args, (void)arg_count, (void)results, (void)result_count;
    atomic_store(&((deleter_t *)userdata)->starts, true);
    return NULL;
}

/* Another thread deletes a store at any moment of a call: during it, while it returns, and just after. */
static void deleted_at_any_moment(const char *name) {
    bool forever = !strcmp(name, "loop"), allocates = !strcmp(name, "alloc");
    wrt_config_t *config = wrt_config_new();
    wrt_engine_t *engine;
    OK(wrt_config_set_signals(config, may_use_signals()));
    OK(wrt_config_set_interruption(config, true));
    OK(wrt_config_set_gc_zeal(config, zeal));
    OK(wrt_config_set_heap_reservation(config, (size_t)1 << 28));
    OK(wrt_engine_new(config, &engine));
    wrt_config_delete(config);
    wrt_module_t *module = module_of(engine, MODULE);
    wrt_functype_t *type;
    OK(wrt_functype_parse(TEXT("()"), &type));
    int n = rounds(300);
    for (int round = 0; round < n; round++) {
        int finalized = 0, func_finalized = 0;
        counts_t counts = {0, 0};
        deleter_t d;
        memset(&d, 0, sizeof d);
        d.pause = round % 50 * (forever || allocates ? 200 : 20);
        d.interrupts = forever;
        OK(wrt_store_new(engine, &finalized, count_call, &d.store));
        wrt_extern_t e;
        memset(&e, 0, sizeof e);
        e.kind = WRT_EXTERN_FUNC;
        wrt_finalizer_t end = count_call;
        OK(wrt_func_new(d.store, type, has_begun, &d, NULL, &e.of.func));
        host_func(d.store, nothing, &func_finalized, end);
        wrt_instance_t i;
        OK(wrt_instance_new(d.store, module, &e, 1, &i));
        for (int o = 0; o < 5; o++) object(d.store, &counts);
        OK(wrt_interrupt_new(d.store, &d.interrupt));
        wrt_func_t f = func_of(d.store, &i, name);
        pthread_t thread;
        int32_t got;
        CHECK(!pthread_create(&thread, NULL, delete_soon, &d));
        if (forever) TRAPS(WRT_TRAP_INTERRUPTED, call_i32(d.store, &f, 0, 0, 0, &got));
        else {
            OK(call_i32(d.store, &f, allocates, 500, 0, &got));
            CHECK(got == (allocates ? 6 : 11));
        }
        CHECK(!pthread_join(thread, NULL));
        /* The interrupt object outlives it. */
        wrt_interrupt_trigger(d.interrupt);
        wrt_interrupt_delete(d.interrupt);
        CHECK(finalized == 1 && func_finalized == 1 && counts.created == counts.dropped);
    }
    wrt_functype_delete(type);
    wrt_module_delete(module);
    wrt_engine_delete(engine);
}

/* A store that is deleted by a function that it calls itself, and the numbers of calls of its finalizer and the callback's. */
typedef struct {
    wrt_store_t *store;
    int store_finalized, finalized, called;
    bool again;
} own_t;

static void own_store_end(void *userdata) {
    own_t *o = userdata;
    o->store_finalized++;
    if (o->again) wrt_store_delete(o->store); /* again: it is already being deleted */
}

static void own_end(void *userdata) { ((own_t *)userdata)->finalized++; }

/* It still exists. */
static void delete_own(own_t *o) {
    CHECK(o->store_finalized == 0);
    if (o->called++ == 0) wrt_store_delete(o->store);
    CHECK(o->store_finalized == 0);
}

static void deletes_as_finalizer(void *userdata) {
    own_t *o = userdata;
    o->finalized++;
    delete_own(o);
}

/* When no code of the store runs any more. */
static void deletes_at_once(void *userdata) {
    own_t *o = userdata;
    o->finalized++;
    wrt_store_delete(o->store);
}

static int32_t deletes_as_limiter(void *userdata, const wrt_growth_t *growth) {
    (void)growth;
    delete_own(userdata);
    return 1;
}

static void deletes_as_gc_callback(void *userdata, const wrt_gc_event_t *event) {
    (void)event;
    delete_own(userdata);
}

static wrt_error_t *deletes_as_writer(void *userdata, const char *bytes, size_t size) {
    (void)bytes, (void)size;
    delete_own(userdata);
    return NULL;
}

static wrt_error_t *deletes_as_function(void *userdata, wrt_caller_t *caller, const wrt_val_t *args, size_t arg_count,
                                        wrt_val_t *results, size_t result_count) {
    (void)args, (void)arg_count, (void)results, (void)result_count;
    own_t *o = userdata;
    delete_own(o);
    /* The store can still be used, until the outermost call returns. */
    wrt_store_t *store = wrt_caller_store(caller);
    wrt_ref_t r = i31_of(store, 4);
    int32_t n;
    OK(wrt_i31_get(store, &r, &n));
    CHECK(n == 4);
    OK(wrt_store_gc(store));
    wrt_func_t inner = host_func(store, nothing, o, own_end);
    OK(wrt_func_call(store, &inner, NULL, 0, NULL, 0));
    CHECK(o->store_finalized == 0);
    return NULL;
}

static own_t *own_new(const wrt_engine_t *engine, own_t *o, bool again) {
    memset(o, 0, sizeof *o);
    o->again = again;
    OK(wrt_store_new(engine, o, own_store_end, &o->store));
    return o;
}

static void deleted_by_itself(bool again) {
    world_t w = gc_world();
    own_t o;
    wrt_ref_t r;
    wrt_func_t f;
    wrt_memory_t memory;
    wrt_size_limits_t one = {1, 0, 0};
    uint64_t pages;
    /* By a host function. */
    own_new(w.engine, &o, again);
    f = host_func(o.store, deletes_as_function, &o, own_end);
    OK(wrt_func_call(o.store, &f, NULL, 0, NULL, 0));
    CHECK(o.called == 1 && o.store_finalized == 1 && o.finalized == 2);
    /* By the finalizer of an object: in a collection, and when the store is next used. */
    for (int i = 0; i < 2; i++) {
        own_new(w.engine, &o, again);
        OK(wrt_externref_new(o.store, &o, deletes_as_finalizer, 0, &r));
        if (i) {
            wrt_ref_t other;
            OK(wrt_externref_new(o.store, &o, deletes_as_finalizer, 0, &other));
        }
        OK(wrt_ref_release(o.store, &r));
        OK(wrt_store_gc(o.store));
        CHECK(o.called == 1 + i && o.store_finalized == 1 && o.finalized == 1 + i);
    }
    /* By the finalizer of an object that lived until the end: it is already being deleted. */
    own_new(w.engine, &o, again);
    OK(wrt_externref_new(o.store, &o, deletes_as_finalizer, 0, &r));
    wrt_store_delete(o.store);
    CHECK(o.called == 1 && o.store_finalized == 1 && o.finalized == 1);
    /* By the finalizer of a function. */
    own_new(w.engine, &o, again);
    f = host_func(o.store, nothing, &o, deletes_as_finalizer);
    OK(wrt_func_release(o.store, &f));
    OK(wrt_store_gc(o.store));
    CHECK(o.called == 1 && o.store_finalized == 1 && o.finalized == 1);
    /* By the limiter, which grants growth; by the limiter's finalizer; and by the finalizer if setting the limiter fails. */
    own_new(w.engine, &o, again);
    OK(wrt_memory_new(o.store, &one, &memory));
    OK(wrt_store_set_limiter(o.store, deletes_as_limiter, &o, own_end));
    OK(wrt_memory_grow(o.store, &memory, 1, &pages));
    CHECK(pages == 1 && o.called == 1 && o.store_finalized == 1 && o.finalized == 1);
    own_new(w.engine, &o, again);
    OK(wrt_store_set_limiter(o.store, deletes_as_limiter, &o, deletes_as_finalizer));
    OK(wrt_store_set_limiter(o.store, NULL, NULL, NULL));
    CHECK(o.called == 1 && o.store_finalized == 1 && o.finalized == 1);
    /* By the collection callback: after a full collection, and after one for an allocation of the host. */
    own_new(w.engine, &o, again);
    object(o.store, &(counts_t){0, 0});
    OK(wrt_store_set_gc_callback(o.store, deletes_as_gc_callback, &o, own_end));
    wrt_error_delete(wrt_store_gc(o.store));
    CHECK(o.called >= 1 && o.store_finalized == 1 && o.finalized == 1);
    own_new(w.engine, &o, again);
    OK(wrt_store_set_gc_callback(o.store, deletes_as_gc_callback, &o, own_end));
    wrt_types_t *types = types_of(w.engine, "(type $row (array (mut i64)))");
    wrt_type_t row = type_named(types, "row");
    while (!o.store_finalized) OK(wrt_array_new_default(o.store, &row, 500, &r));
    wrt_types_delete(types);
    CHECK(o.called >= 1 && o.store_finalized == 1 && o.finalized == 1);
    /* By the callback of a snapshot. */
    own_new(w.engine, &o, again);
    object(o.store, &(counts_t){0, 0});
    OK(wrt_store_write_heap_snapshot(o.store, deletes_as_writer, &o));
    CHECK(o.called >= 1 && o.store_finalized == 1);
    /* By the finalizer of something that could not be created. */
    own_new(w.engine, &o, again);
    wrt_limits_t limits;
    wrt_limits_init(&limits);
    limits.heap_bytes = 0;
    OK(wrt_store_set_limits(o.store, &limits));
    TRAPS(WRT_TRAP_HEAP_EXHAUSTED, wrt_externref_new(o.store, &o, deletes_at_once, 0, &r));
    CHECK(o.store_finalized == 1 && o.finalized == 1);
    world_end(&w);
}

/* One store, used by several threads, in turns and handed over from one to the next. */
typedef struct {
    world_t w;
    wrt_instance_t instance;
    counts_t counts;
    wrt_ref_t kept;
    wrt_weak_t weak;
    uint64_t hash;
    bool last;
} moving_t;

static void *use_moved(void *data) {
    moving_t *m = data;
    wrt_store_t *store = m->w.store;
    wrt_func_t wait = func_of(store, &m->instance, "wait"), alloc = func_of(store, &m->instance, "alloc");
    wrt_ref_t r, old = m->kept;
    uint64_t hash;
    int32_t got;
    for (int i = 0; i < 3; i++) {
        OK(call_i32(store, &wait, 0, 0, 0, &got));
        CHECK(got == 11);
        OK(call_i32(store, &alloc, 1, zeal ? 20 : 3000, 0, &got));
        CHECK(got == 6);
    }
    OK(wrt_weak_get(store, &m->weak, &r));
    OK(wrt_ref_hash(store, &m->kept, &hash));
    CHECK(same_ref(store, r, m->kept) && hash == m->hash);
    OK(wrt_ref_release(store, &m->kept));
    m->kept = r;
    wrt_ref_drop(&old);
    object(store, &m->counts);
    OK(wrt_store_gc(store));
    if (m->last) wrt_store_delete(store);
    return NULL;
}

static void moving_between_threads(void) {
    moving_t m;
    memset(&m, 0, sizeof m);
    m.w = gc_world();
    wrt_extern_t e;
    memset(&e, 0, sizeof e);
    e.kind = WRT_EXTERN_FUNC, e.of.func = host_func(m.w.store, nothing, NULL, NULL);
    wrt_module_t *module = module_of(m.w.engine, MODULE);
    OK(wrt_instance_new(m.w.store, module, &e, 1, &m.instance));
    wrt_module_delete(module);
    m.kept = object(m.w.store, &m.counts);
    OK(wrt_weak_new(m.w.store, &m.kept, &m.weak));
    OK(wrt_ref_hash(m.w.store, &m.kept, &m.hash));
    for (int i = 0; i < 10; i++) {
        if (i % 2) use_moved(&m);
        m.last = i == 9;
        on_thread(use_moved, &m);
    }
    CHECK(m.counts.created == 16 && m.counts.created == m.counts.dropped);
    wrt_engine_delete(m.w.engine);
}

int main(void) {
    for (zeal = 0; zeal < 3; zeal++) {
        idle_store();
        harmless_drops();
        running_store();
        conveyor();
        deleted_while_it_waits();
        deleted_at_any_moment("loop");
        deleted_at_any_moment("wait");
        deleted_at_any_moment("alloc");
        deleted_by_itself(false);
        deleted_by_itself(true);
        moving_between_threads();
    }
    return 0;
}
