/* What a store reports about its heap: statistics, pauses, and the census of objects and of the references to them. */
#include "heap.h"

/* The expected sizes if only one size was set. */
static void is_empty_but_for_size(const void *filled, size_t size) {
    for (size_t i = sizeof(size_t); i < size; i++) CHECK(((const unsigned char *)filled)[i] == 0);
}

/* The histogram, sum, last and longest pause of one kind of collection are consistent. */
static void pauses_agree(uint64_t collections, uint64_t last, uint64_t longest, uint64_t all, const uint64_t *classes) {
    uint64_t sum = 0, least = 0, most = 0, log2 = 0;
    for (int i = 0; i < 32; i++) {
        sum += classes[i];
        least += classes[i] << i;
        most += classes[i] << (i + 1);
    }
    CHECK(sum == collections && last <= longest && longest <= all);
    if (!collections) {
        CHECK(last == 0 && longest == 0 && all == 0);
        return;
    }
    CHECK(last > 0 && least <= all && all < most);
    while (log2 < 31 && longest >> (log2 + 1)) log2++;
    CHECK(classes[log2] > 0);
    for (uint64_t i = log2 + 1; i < 32; i++) CHECK(classes[i] == 0);
}

static void stats_agree(const wrt_heap_stats_t *s) {
    pauses_agree(s->minor_collections, s->last_minor_nanoseconds, s->longest_minor_nanoseconds, s->minor_nanoseconds,
                 s->minor_pauses);
    pauses_agree(s->full_collections, s->last_full_nanoseconds, s->longest_full_nanoseconds, s->full_nanoseconds,
                 s->full_pauses);
    CHECK(s->nursery_used_bytes <= s->used_bytes && s->live_bytes % 128 == 0);
}

static void statistics(void) {
    world_t w = gc_world();
    counts_t counts = {0, 0};
    wrt_heap_stats_t s = stats_of(w.store), before;
    /* The heap is empty. */
    is_empty_but_for_size(&s, sizeof s);
    lists_t l = lists_in(w.engine, w.store);
    wrt_instance_t second = instance_of(w.engine, w.store, "(module)");
    CHECK(stats_of(w.store).instances == 2);
    OK(wrt_instance_release(w.store, &second));
    run(&l, "keep", 1000);
    OK(wrt_store_gc(w.store));
    s = stats_of(w.store);
    stats_agree(&s);
    CHECK(s.instances == 1 && s.full_collections >= 1 && s.nursery_used_bytes == 0);
    CHECK(s.live_bytes >= 1000 * NODE_LEAST && s.live_bytes <= 1000 * NODE_MOST + 128);
    CHECK(s.used_bytes >= s.live_bytes);
    /* Zeal may have promoted all of it earlier, but it was promoted exactly once. */
    CHECK(s.promoted_bytes >= 1000 * NODE_LEAST && s.promoted_bytes <= 1000 * NODE_MOST);
    CHECK(s.references == 0 && s.host_objects == 0 && s.external_bytes == 0 && s.weak_references == 0);
    /* References, host objects, weak references. */
    wrt_ref_t r[5], copy;
    wrt_weak_t weak[2];
    for (int i = 0; i < 5; i++) {
        counts.created++;
        OK(wrt_externref_new(w.store, &counts, dropped, 1000 + (size_t)i, &r[i]));
    }
    OK(wrt_ref_clone(w.store, &r[0], &copy));
    for (int i = 0; i < 2; i++) OK(wrt_weak_new(w.store, &r[i], &weak[i]));
    s = stats_of(w.store);
    CHECK(s.references == 6 && s.host_objects == 5 && s.external_bytes == 5010 && s.weak_references == 2);
    OK(wrt_ref_release(w.store, &r[4]));
    OK(wrt_weak_release(w.store, &weak[0]));
    s = stats_of(w.store);
    CHECK(s.references == 5 && s.host_objects == 5 && s.weak_references == 1);
    CHECK(alive(w.store, &counts) == 4);
    s = stats_of(w.store);
    CHECK(s.references == 5 && s.host_objects == 4 && s.external_bytes == 4006);
    /* A collection is counted once. */
    before = stats_of(w.store);
    OK(wrt_store_gc(w.store));
    s = stats_of(w.store);
    stats_agree(&s);
    CHECK(s.full_collections == before.full_collections + 1 && s.promoted_bytes == before.promoted_bytes);
    CHECK(s.last_full_nanoseconds == s.full_nanoseconds - before.full_nanoseconds);
    /* Unreferenced objects are no longer counted as live. */
    run(&l, "forget", -1);
    OK(wrt_store_gc(w.store));
    s = stats_of(w.store);
    CHECK(s.live_bytes < 1000 * NODE_LEAST / 2);
    if (!zeal) {
        /* Young objects are included without a collection, and garbage costs only minor collections. */
        CHECK(s.nursery_used_bytes == 0 && s.nursery_bytes >= 64 << 10);
        run(&l, "garbage", 100);
        before = s, s = stats_of(w.store);
        CHECK(s.nursery_used_bytes >= 100 * NODE_LEAST && s.nursery_used_bytes <= 100 * NODE_MOST);
        CHECK(s.used_bytes == before.used_bytes + s.nursery_used_bytes && s.minor_collections == before.minor_collections);
        run(&l, "garbage", 300000);
        before = s, s = stats_of(w.store);
        stats_agree(&s);
        CHECK(s.minor_collections > before.minor_collections + 2 && s.full_collections == before.full_collections);
        CHECK(s.minor_nanoseconds > before.minor_nanoseconds);
    }
    world_end(&w);
    CHECK(counts.created == counts.dropped);
}

/* For a caller with an older, smaller struct, all its fields are filled in, and nothing is written beyond them. */
static void sizes_of_structs(void) {
    world_t w = gc_world();
    lists_t l = lists_in(w.engine, w.store);
    run(&l, "keep", 50);
    OK(wrt_store_gc(w.store));
    union {
        wrt_heap_stats_t stats;
        wrt_heap_census_t census;
        size_t size;
        unsigned char bytes[sizeof(wrt_heap_stats_t) + 64];
    } got;
    wrt_heap_stats_t stats = stats_of(w.store);
    wrt_heap_census_t census = census_of(w.store);
    for (int which = 0; which < 2; which++) {
        size_t most = which ? sizeof census : sizeof stats;
        const void *whole = which ? (const void *)&census : (const void *)&stats;
        for (size_t size = 0; size < most + 40; size++) {
            bool legal = size >= 16 && size <= most && size % 8 == 0;
            memset(&got, 0xee, sizeof got);
            got.size = size;
            wrt_error_t *error = which ? wrt_store_heap_census(w.store, &got.census) : wrt_store_heap_stats(w.store, &got.stats);
            CHECK(wrt_error_kind(error) == (legal ? 0 : ARGUMENT) && got.size == size);
            wrt_error_delete(error);
            if (legal) CHECK(memcmp(got.bytes + 8, (const char *)whole + 8, size - 8) == 0);
            for (size_t i = legal ? size : sizeof(size_t); i < sizeof got; i++) CHECK(got.bytes[i] == 0xee);
        }
        got.size = SIZE_MAX - 7;
        BAD(which ? wrt_store_heap_census(w.store, &got.census) : wrt_store_heap_stats(w.store, &got.stats));
    }
    BAD(wrt_store_heap_stats(NULL, &stats));
    BAD(wrt_store_heap_stats(w.store, NULL));
    BAD(wrt_store_heap_census(NULL, &census));
    BAD(wrt_store_heap_census(w.store, NULL));
    world_end(&w);
}

static bool is_tally(wrt_tally_t t, uint64_t objects, uint64_t least) {
    if (t.objects != objects || t.bytes < least || t.bytes > least + 32 * objects)
        fprintf(stderr, "%" PRIu64 " objects of %" PRIu64 " bytes\n", t.objects, t.bytes);
    return t.objects == objects && t.bytes >= least && t.bytes <= least + 32 * objects;
}

/* Objects by age. */
static void census_of_objects(void) {
    world_t w = gc_world();
    wrt_heap_census_t c = census_of(w.store);
    is_empty_but_for_size(&c, sizeof c);
    wrt_types_t *types = types_of(w.engine, "(type $row (array (mut i32)))");
    wrt_type_t row = type_named(types, "row");
    wrt_ref_t r[10], large;
    for (int i = 0; i < 10; i++) OK(wrt_array_new_default(w.store, &row, 100, &r[i]));
    i31_of(w.store, 1);
    c = census_of(w.store);
    if (!zeal) CHECK(is_tally(c.young, 10, 4000) && is_tally(c.old, 0, 0));
    CHECK(c.young.objects + c.old.objects == 10 && c.young.bytes + c.old.bytes >= 4000 && is_tally(c.large, 0, 0));
    CHECK(c.references == 10 && !c.table_elements && !c.globals && !c.segment_elements && !c.frame_slots);
    /* Nothing was collected. */
    uint64_t collections = stats_of(w.store).full_collections;
    c = census_of(w.store);
    CHECK(c.young.objects + c.old.objects == 10 && stats_of(w.store).full_collections == collections);
    OK(wrt_store_gc(w.store));
    c = census_of(w.store);
    CHECK(is_tally(c.young, 0, 0) && is_tally(c.old, 10, 4000) && is_tally(c.large, 0, 0));
    /* More than 8 KiB, and fewer bytes. */
    OK(wrt_array_new_default(w.store, &row, 2100, &large));
    OK(wrt_array_new_default(w.store, &row, 2000, &r[0]));
    c = census_of(w.store);
    CHECK(is_tally(c.large, 1, 8400) && c.references == 12);
    OK(wrt_store_gc(w.store));
    c = census_of(w.store);
    /* The old value of r[0] is also an unreleased reference. */
    CHECK(is_tally(c.large, 1, 8400) && is_tally(c.old, 11, 12000) && is_tally(c.young, 0, 0));
    OK(wrt_ref_release(w.store, &large));
    OK(wrt_ref_release(w.store, &r[0]));
    for (int i = 1; i < 5; i++) OK(wrt_ref_release(w.store, &r[i]));
    c = census_of(w.store);
    CHECK(c.references == 6 && is_tally(c.large, 1, 8400) && is_tally(c.old, 11, 12000)); /* dead, but not yet collected */
    OK(wrt_store_gc(w.store));
    c = census_of(w.store);
    CHECK(is_tally(c.large, 0, 0) && is_tally(c.old, 6, 2400) && c.references == 6);
    wrt_types_delete(types);
    world_end(&w);
}

static wrt_heap_census_t in_callback;

static wrt_error_t *count_now(void *userdata, wrt_caller_t *caller, const wrt_val_t *args, size_t arg_count,
                              wrt_val_t *results, size_t result_count) {
    (void)userdata, (void)args, (void)arg_count, (void)results, (void)result_count;
    if (userdata) OK(wrt_store_gc(wrt_caller_store(caller)));
    in_callback = census_of(wrt_caller_store(caller));
    return NULL;
}

/* References to objects, by kind. */
static void census_of_roots(bool collects) {
    world_t w = gc_world();
    wrt_linker_t *linker;
    wrt_instance_t i;
    OK(wrt_linker_new(w.engine, &linker));
    OK(wrt_linker_define_func(linker, TEXT(""), TEXT("count"), TEXT("()"), count_now, collects ? &zeal : NULL, NULL));
    wrt_module_t *module = module_of(
        w.engine, "(module (import \"\" \"count\" (func $count)) (type $s (struct (field i32)))"
                  " (table $t (export \"t\") 5 anyref)"
                  " (global $a (mut anyref) (ref.null any)) (global $b (ref $s) (struct.new $s (i32.const 1)))"
                  " (global $i (mut anyref) (ref.i31 (i32.const 1)))"
                  " (elem $e anyref (item (struct.new $s (i32.const 1))) (item (ref.i31 (i32.const 4)))"
                  "  (item (ref.null any)) (item (struct.new $s (i32.const 2))) (item (struct.new $s (i32.const 3))))"
                  " (func (export \"set\") (table.set $t (i32.const 1) (struct.new $s (i32.const 1)))"
                  "  (table.set $t (i32.const 2) (table.get $t (i32.const 1)))"
                  "  (table.set $t (i32.const 3) (ref.i31 (i32.const 1))))"
                  " (func (export \"global\") (global.set $a (table.get $t (i32.const 1))))"
                  " (func (export \"drop\") (elem.drop $e))"
                  " (func (export \"hold\") (result i32) (local $x (ref null $s)) (local $y anyref) (local $z anyref)"
                  "  (local.set $x (struct.new $s (i32.const 5))) (local.set $y (struct.new $s (i32.const 6)))"
                  "  (local.set $z (ref.i31 (i32.const 3))) (call $inner)"
                  "  (i32.add (struct.get $s 0 (local.get $x)) (i32.add (i31.get_u (ref.cast (ref i31) (local.get $z)))"
                  "   (struct.get $s 0 (ref.cast (ref $s) (local.get $y))))))"
                  " (func $inner (local $x (ref null $s)) (local.set $x (struct.new $s (i32.const 7))) (call $count)"
                  "  (if (i32.ne (struct.get $s 0 (local.get $x)) (i32.const 7)) (then unreachable))))");
    OK(wrt_linker_instantiate(linker, w.store, module, &i));
    wrt_heap_census_t c = census_of(w.store);
    CHECK(!c.references && !c.table_elements && c.globals == 1 && c.segment_elements == 3 && !c.frame_slots);
    wrt_func_t set = func_of(w.store, &i, "set"), global = func_of(w.store, &i, "global"), drop = func_of(w.store, &i, "drop"),
               hold = func_of(w.store, &i, "hold");
    OK(wrt_func_call(w.store, &set, NULL, 0, NULL, 0));
    c = census_of(w.store);
    CHECK(c.table_elements == 2 && c.globals == 1 && c.segment_elements == 3);
    OK(wrt_func_call(w.store, &global, NULL, 0, NULL, 0));
    CHECK(census_of(w.store).globals == 2);
    /* Created by the host: a table and two globals, one of which holds null. */
    counts_t counts = {0, 0};
    wrt_size_limits_t three = {3, 0, 0};
    wrt_table_t table;
    wrt_global_t a, b;
    wrt_val_t v = ref_val(WRT_EXTERNREF, object(w.store, &counts));
    OK(wrt_table_new(w.store, WRT_EXTERNREF, &three, &v, &table));
    v = ref_val(WRT_EXTERNREF, object(w.store, &counts));
    OK(wrt_global_new(w.store, WRT_EXTERNREF, true, &v, &a));
    v = null_val(WRT_ANYREF);
    OK(wrt_global_new(w.store, WRT_ANYREF, true, &v, &b));
    c = census_of(w.store);
    CHECK(c.table_elements == 5 && c.globals == 3 && c.references == 0);
    OK(wrt_func_call(w.store, &drop, NULL, 0, NULL, 0));
    CHECK(census_of(w.store).segment_elements == 0);
    int32_t n;
    wrt_ref_t kept = object(w.store, &counts);
    OK(call_i32(w.store, &hold, 0, 0, 0, &n));
    CHECK(n == 5 + 6 + 3 && in_callback.frame_slots == 3 && in_callback.references == 1);
    CHECK(in_callback.table_elements == 5 && in_callback.globals == 3 && in_callback.segment_elements == 0);
    CHECK(census_of(w.store).frame_slots == 0);
    OK(wrt_ref_release(w.store, &kept));
    wrt_module_delete(module);
    wrt_linker_delete(linker);
    world_end(&w);
    CHECK(counts.created == counts.dropped);
}

int main(void) {
    for (zeal = 0; zeal < 3; zeal++) {
        statistics();
        sizes_of_structs();
        census_of_objects();
        census_of_roots(false);
        census_of_roots(true);
    }
    return 0;
}
