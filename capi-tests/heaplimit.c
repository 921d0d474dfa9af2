/* Limits and tuning of a store's heap, and its callbacks: the nursery, growth, limits, the limiter, callbacks after collections. */
#include "heap.h"

static void nursery(void) {
    world_t w = world();
    wrt_store_t *small = other_store(&w), *later = other_store(&w);
    enum { LEAST = 64 << 10, ROUNDS = 8 };
    /* Before and after the heap is created. */
    OK(wrt_store_set_nursery_max(small, LEAST));
    lists_t a = lists_in(w.engine, w.store), b = lists_in(w.engine, small), c = lists_in(w.engine, later);
    for (int i = 0; i < ROUNDS; i++) {
        run(&a, "fill", 20000), run(&b, "fill", 20000), run(&c, "fill", 20000);
        CHECK(stats_of(small).nursery_bytes == LEAST && stats_of(small).nursery_used_bytes <= LEAST);
    }
    CHECK(stats_of(w.store).nursery_bytes > LEAST && stats_of(later).nursery_bytes > LEAST);
    CHECK(stats_of(small).minor_collections > 2 * stats_of(w.store).minor_collections);
    OK(wrt_store_set_nursery_max(later, LEAST));
    OK(wrt_store_set_nursery_max(small, 32 << 20));
    run(&a, "fill", 200000), run(&b, "fill", 200000), run(&c, "fill", 200000);
    CHECK(stats_of(later).nursery_bytes == LEAST && stats_of(small).nursery_bytes > LEAST);
    for (int i = 0; i < 2; i++) {
        wrt_store_t *s = i ? w.store : other_store(&w);
        BAD(wrt_store_set_nursery_max(NULL, LEAST));
        BAD(wrt_store_set_nursery_max(s, 0));
        BAD(wrt_store_set_nursery_max(s, 100));
        BAD(wrt_store_set_nursery_max(s, LEAST - 1)); /* less than the initial size */
        BAD(wrt_store_set_nursery_max(s, (32 << 20) + 1));
        BAD(wrt_store_set_nursery_max(s, SIZE_MAX));
        if (!i) wrt_store_delete(s);
    }
    CHECK(run(&a, "fill", 1000) == 0);
    wrt_store_delete(small);
    wrt_store_delete(later);
    world_end(&w);
}

static void growth(void) {
    world_t w = world();
    wrt_store_t *rarely = other_store(&w), *often = other_store(&w);
    wrt_store_t *stores[] = {w.store, rarely, often};
    /* A small nursery, since the check for a full collection happens when the nursery is full. */
    for (int i = 0; i < 3; i++) OK(wrt_store_set_nursery_max(stores[i], 64 << 10));
    OK(wrt_store_set_heap_growth(rarely, 100000, (size_t)1 << 30));
    OK(wrt_store_set_heap_growth(often, 0, 256 << 10));
    lists_t a = lists_in(w.engine, w.store), b = lists_in(w.engine, rarely), c = lists_in(w.engine, often);
    for (int i = 0; i < 8; i++) run(&a, "fill", 50000), run(&b, "fill", 50000), run(&c, "fill", 50000);
    CHECK(stats_of(rarely).full_collections == 0);
    CHECK(stats_of(w.store).full_collections <= 4 && stats_of(often).full_collections > 2 * stats_of(w.store).full_collections);
    CHECK(stats_of(often).full_collections >= 5);
    /* The opposite, when the heap exists. */
    uint64_t before = stats_of(often).full_collections;
    OK(wrt_store_set_heap_growth(often, 100000, (size_t)1 << 30));
    OK(wrt_store_set_heap_growth(rarely, 0, 256 << 10));
    /* A collection that was already decided on can still happen. */
    for (int i = 0; i < 8; i++) run(&b, "fill", 50000), run(&c, "fill", 50000);
    CHECK(stats_of(often).full_collections <= before + 1 && stats_of(rarely).full_collections >= 3);
    for (int i = 0; i < 3; i++) {
        OK(wrt_store_set_heap_growth(often, i == 0 ? 0 : SIZE_MAX, i == 1 ? 0 : SIZE_MAX));
        CHECK(run(&c, "fill", 50000) == 0);
    }
    OK(wrt_store_set_heap_growth(often, 0, 0));
    CHECK(run(&c, "fill", 5000) == 0);
    BAD(wrt_store_set_heap_growth(NULL, 100, 1 << 20));
    wrt_store_delete(rarely);
    wrt_store_delete(often);
    world_end(&w);
}

static void limit_heap(wrt_store_t *store, uint64_t bytes) {
    wrt_limits_t limits;
    wrt_limits_init(&limits);
    CHECK(limits.heap_bytes == UINT64_MAX);
    limits.heap_bytes = bytes;
    OK(wrt_store_set_limits(store, &limits));
}

/* One store reaches its limit, another store of the same engine does not. */
static void limited(bool early) {
    world_t w = gc_world();
    wrt_store_t *other = other_store(&w);
    enum { MIB = 1 << 20 };
    int32_t n = 80000, got;
    uint64_t least = MIB;
    if (early) limit_heap(w.store, least);
    lists_t l = lists_in(w.engine, w.store), o = lists_in(w.engine, other);
    if (!early) {
        run(&l, "fill", 100);
        limit_heap(w.store, least);
    }
    for (int i = 0; i < 3; i++) {
        TRAPS(WRT_TRAP_HEAP_EXHAUSTED, try_run(&l, "fill", n, &got));
        CHECK(run(&o, "fill", n) == 0);
        /* It continues with smaller objects. */
        CHECK(run(&l, "fill", 100) == 0 && stats_of(w.store).used_bytes <= least);
    }
    /* The host is subject to the limit as well. */
    counts_t counts = {0, 0};
    wrt_types_t *types = types_of(w.engine, "(type $row (array (mut i64)))");
    wrt_type_t row = type_named(types, "row");
    wrt_ref_t r;
    TRAPS(WRT_TRAP_HEAP_EXHAUSTED, wrt_array_new_default(w.store, &row, (uint32_t)least / 8, &r));
    CHECK(is_empty_ref(r));
    OK(wrt_array_new_default(other, &row, (uint32_t)least / 8, &r));
    OK(wrt_ref_release(other, &r));
    /* A higher limit: the same guest continues. */
    limit_heap(w.store, 32 * MIB);
    CHECK(run(&l, "fill", n) == 0 && run(&l, "keep", n) == 0);
    OK(wrt_store_gc(w.store));
    /* A limit below the current size: existing objects stay, and no new ones can be created. */
    limit_heap(w.store, least);
    TRAPS(WRT_TRAP_HEAP_EXHAUSTED, try_run(&l, "fill", n, &got));
    TRAPS(WRT_TRAP_HEAP_EXHAUSTED, wrt_array_new_default(w.store, &row, 10, &r));
    CHECK(run(&l, "count", -1) == n);
    counts.created++;
    TRAPS(WRT_TRAP_HEAP_EXHAUSTED, wrt_externref_new(w.store, &counts, dropped, 0, &r));
    CHECK(counts.dropped == 1);
    limit_heap(w.store, UINT64_MAX);
    CHECK(run(&l, "fill", n) == 0 && run(&l, "count", -1) == n);
    /* Unreferenced objects make space below the limit. */
    limit_heap(w.store, least);
    run(&l, "forget", -1);
    CHECK(run(&l, "fill", 100) == 0);
    /* A limit of zero. */
    limit_heap(w.store, 0);
    TRAPS(WRT_TRAP_HEAP_EXHAUSTED, try_run(&l, "keep", 1, &got));
    limit_heap(w.store, UINT64_MAX);
    CHECK(run(&l, "keep", 1) == 0 && run(&l, "count", -1) == 1);
    wrt_types_delete(types);
    wrt_store_delete(other);
    world_end(&w);
}

/* The engine's limit applies as well. */
static void limit_of_engine(void) {
    wrt_config_t *config = wrt_config_new();
    world_t w;
    int32_t got;
    OK(wrt_config_set_signals(config, may_use_signals()));
    OK(wrt_config_set_heap_limit(config, 1 << 20));
    OK(wrt_engine_new(config, &w.engine));
    wrt_config_delete(config);
    OK(wrt_store_new(w.engine, NULL, NULL, &w.store));
    limit_heap(w.store, UINT64_MAX);
    lists_t l = lists_in(w.engine, w.store);
    TRAPS(WRT_TRAP_HEAP_EXHAUSTED, try_run(&l, "fill", 150000, &got));
    limit_heap(w.store, 512 << 10);
    TRAPS(WRT_TRAP_HEAP_EXHAUSTED, try_run(&l, "fill", 30000, &got));
    limit_heap(w.store, UINT64_MAX);
    CHECK(run(&l, "fill", 10000) == 0);
    world_end(&w);
}

typedef struct {
    wrt_store_t *store;
    int asked, finalized;
    /* The number of requests that are granted. */
    int yes;
    uint64_t least, granted, limit;
} asked_t;

static int32_t heap_asked(void *userdata, const wrt_growth_t *g) {
    asked_t *a = userdata;
    if (g->resource != WRT_RESOURCE_HEAP) return 1;
    CHECK(g->current >= 4 << 20 && g->desired > g->current && g->desired <= a->limit);
    CHECK(!a->granted || g->current == a->granted);
    a->asked++;
    store_is_closed(a->store);
    if (a->asked > a->yes) return 0;
    a->granted = g->desired;
    return 1;
}

static void asked_end(void *userdata) { ((asked_t *)userdata)->finalized++; }

static void limiter_of_heap(void) {
    world_t w = world();
    int32_t got;
    asked_t a = {w.store, 0, 0, 0, 0, 0, UINT64_MAX};
    OK(wrt_store_set_limiter(w.store, heap_asked, &a, asked_end));
    lists_t l = lists_in(w.engine, w.store);
    /* Small growth needs no permission, and neither does garbage. */
    CHECK(run(&l, "fill", 100000) == 0 && run(&l, "garbage", 250000) == 0 && a.asked == 0);
    /* Denied. */
    TRAPS(WRT_TRAP_HEAP_EXHAUSTED, try_run(&l, "fill", 250000, &got));
    CHECK(a.asked == 1);
    TRAPS(WRT_TRAP_HEAP_EXHAUSTED, try_run(&l, "fill", 250000, &got));
    CHECK(a.asked == 2 && run(&l, "fill", 100000) == 0 && a.asked == 2);
    /* Granted, as far as needed. */
    a.yes = 100;
    CHECK(run(&l, "keep", 250000) == 0);
    OK(wrt_store_gc(w.store));
    CHECK(a.asked > 2 && a.granted >= stats_of(w.store).live_bytes && a.granted < 8 * stats_of(w.store).live_bytes);
    /* Granted memory needs no new permission. */
    int before = a.asked;
    run(&l, "forget", -1);
    CHECK(run(&l, "fill", 250000) == 0 && a.asked == before);
    /* Denied again. */
    a.yes = 0;
    TRAPS(WRT_TRAP_HEAP_EXHAUSTED, try_run(&l, "fill", (int32_t)(a.granted / NODE_LEAST), &got));
    CHECK(a.asked == before + 1);
    /* The host's allocations need the same permission. */
    wrt_types_t *types = types_of(w.engine, "(type $row (array (mut i64)))");
    wrt_type_t row = type_named(types, "row");
    wrt_ref_t r;
    TRAPS(WRT_TRAP_HEAP_EXHAUSTED, wrt_array_new_default(w.store, &row, (uint32_t)a.granted / 8, &r));
    a.yes = 100, before = a.asked;
    OK(wrt_array_new_default(w.store, &row, (uint32_t)a.granted / 8, &r));
    CHECK(a.asked > before);
    OK(wrt_ref_release(w.store, &r));
    /* The limit takes precedence: beyond it, the limiter is not called. */
    wrt_store_t *second = other_store(&w);
    asked_t b = {second, 0, 0, 100, 0, 0, 6 << 20};
    limit_heap(second, 6 << 20);
    OK(wrt_store_set_limiter(second, heap_asked, &b, asked_end));
    lists_t m = lists_in(w.engine, second);
    TRAPS(WRT_TRAP_HEAP_EXHAUSTED, try_run(&m, "fill", 400000, &got));
    CHECK(b.asked == 1 && b.granted == 6 << 20);
    /* Without a limiter, only the limit applies. */
    limit_heap(second, UINT64_MAX);
    OK(wrt_store_set_limiter(second, NULL, NULL, NULL));
    CHECK(b.finalized == 1 && run(&m, "fill", 400000) == 0 && b.asked == 1);
    wrt_store_delete(second);
    wrt_types_delete(types);
    world_end(&w);
    CHECK(a.finalized == 1 && b.finalized == 1);
}

typedef struct {
    wrt_store_t *store;
    int minor, full, finalized;
    uint64_t nanoseconds, promoted, used;
} told_t;

static void told(void *userdata, const wrt_gc_event_t *e) {
    told_t *t = userdata;
    CHECK(e->size == sizeof *e && e->is_full <= 1 && e->nanoseconds > 0 && e->nanoseconds < UINT64_C(600000000000));
    if (e->is_full) t->full++;
    else t->minor++;
    t->nanoseconds += e->nanoseconds, t->promoted += e->promoted_bytes, t->used = e->used_bytes;
    store_is_closed(t->store);
}

static void told_end(void *userdata) { ((told_t *)userdata)->finalized++; }

static told_t at_call;

static wrt_error_t *change_while_running(void *userdata, wrt_caller_t *caller, const wrt_val_t *args, size_t arg_count,
                                         wrt_val_t *results, size_t result_count) {
    (void)userdata, (void)args, (void)arg_count, (void)results, (void)result_count;
    int finalized = 0;
    BAD(wrt_store_set_gc_callback(wrt_caller_store(caller), told, &finalized, count_call));
    CHECK(finalized == 1);
    BAD(wrt_store_set_gc_callback(wrt_caller_store(caller), NULL, &finalized, count_call));
    CHECK(finalized == 2 && at_call.finalized == 0);
    return NULL;
}

static void gc_callbacks(void) {
    world_t w = gc_world();
    told_t t = {.store = w.store}, second = t;
    int finalized = 0;
    OK(wrt_store_set_gc_callback(w.store, told, &t, told_end));
    lists_t l = lists_in(w.engine, w.store);
    int32_t n = zeal ? 300 : 100000;
    run(&l, "keep", n), run(&l, "fill", n);
    OK(wrt_store_gc(w.store));
    wrt_heap_stats_t s = stats_of(w.store);
    CHECK((uint64_t)t.full == s.full_collections && t.promoted == s.promoted_bytes && t.promoted >= (uint64_t)n * NODE_LEAST);
    if (zeal) CHECK(t.full >= n / (int)zeal);
    else CHECK(t.minor > 0 && (uint64_t)t.minor <= s.minor_collections);
    CHECK(t.nanoseconds >= s.full_nanoseconds && t.used >= s.live_bytes && t.used >= (uint64_t)n * NODE_LEAST);
    CHECK(t.finalized == 0);
    /* Replaces the callback. */
    OK(wrt_store_set_gc_callback(w.store, told, &second, told_end));
    CHECK(t.finalized == 1);
    int before = t.full + t.minor;
    OK(wrt_store_gc(w.store));
    CHECK(second.full == 1 && t.full + t.minor == before);
    /* This is an error while the store runs, and the current one stays. */
    wrt_func_t f = host_func(w.store, change_while_running, NULL, NULL);
    OK(wrt_func_call(w.store, &f, NULL, 0, NULL, 0));
    CHECK(second.finalized == 0);
    OK(wrt_store_gc(w.store));
    CHECK(second.full == 2);
    /* Removes the callback. */
    OK(wrt_store_set_gc_callback(w.store, NULL, &finalized, count_call));
    CHECK(second.finalized == 1 && finalized == 1);
    OK(wrt_store_gc(w.store));
    run(&l, "fill", n);
    CHECK(second.full == 2 && t.full + t.minor == before);
    BAD(wrt_store_set_gc_callback(NULL, told, &finalized, count_call));
    CHECK(finalized == 2);
    /* It is finalized with the store. */
    OK(wrt_store_set_gc_callback(w.store, told, &t, told_end));
    world_end(&w);
    CHECK(t.finalized == 2 && second.finalized == 1 && finalized == 2);
}

int main(void) {
    for (zeal = 0; zeal < 3; zeal++) gc_callbacks();
    /* Many objects are created here: a collection at each of them would take forever. */
    for (int i = 0; i < 2; i++) {
        zeal = i ? 20000 : 0;
        limited(i);
    }
    zeal = 0;
    nursery();
    growth();
    limit_of_engine();
    limiter_of_heap();
    return 0;
}
