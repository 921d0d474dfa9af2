/* Exceptions thrown and caught by WebAssembly and by the host, in nested calls. Each test runs normally, with a collection at every
 * allocation, and with one at every second allocation, with a host function on values and with one on raw slots. */
#include "throw.h"

static void caught_by_the_host(void) {
    kit_t k;
    begin(&k);
    int32_t got;
    wrt_error_t *error = try_run(&k, "throw", 5, &got);
    CHECK(!strcmp(wrt_error_message(error, NULL), "uncaught exception $e (5)") && wrt_error_trap_code(error) == 0);
    wrt_frame_t frame;
    CHECK(wrt_error_frame_count(error) == 1);
    OK(wrt_error_frame(error, 0, &frame));
    CHECK(!strcmp(frame.func_name, "throw") && !strcmp(frame.module_name, "guest") && frame.module_offset != UINT32_MAX);
    /* As often as requested, and after collections. */
    wrt_ref_t a = exception_of(k.s, error);
    OK(wrt_store_gc(k.s));
    wrt_ref_t b = exception_of(k.s, error);
    CHECK(same_ref(k.s, a, b));
    OK(wrt_ref_release(k.s, &a));
    OK(wrt_ref_release(k.s, &b));
    is_thrown(&k, error, k.e, 5);
    is_thrown(&k, try_run(&k, "throw f", 6, &got), k.f, 6);
    OK(wrt_store_gc(k.s));
    CHECK(references(k.s) == 0);
    end(&k);
}

static void thrown_by_the_host(void) {
    kit_t k;
    begin(&k);
    k.host = throws_e;
    int32_t got;
    for (int round = 0; round < 3; round++) {
        CHECK(run(&k, "catch", 7) == 1007 && run(&k, "catch all", 7) == 3000);
        is_thrown(&k, try_run(&k, "catch f", 8, &got), k.e, 8);
        is_thrown(&k, try_run(&k, "call", 9, &got), k.e, 9);
        is_thrown(&k, try_run(&k, "rethrow", 10, &got), k.e, 10);
        CHECK(run(&k, "catch", -1) == 999);
        OK(wrt_store_gc(k.s));
        CHECK(references(k.s) == 0);
    }
    end(&k);
}

/* Keeps the exceptions that it throws. */
static wrt_error_t *throws_kept(void *kit, wrt_store_t *s, int32_t n, int32_t *out) {
    kit_t *k = kit;
    wrt_ref_t r, *kept = k->data;
    (void)n, (void)out;
    OK(wrt_ref_clone(s, kept, &r));
    return wrt_error_new_exception(s, &r);
}

static void the_same_object(void) {
    kit_t k;
    begin(&k);
    wrt_ref_t kept = number_exception(k.s, k.e, 4), got;
    wrt_func_t rethrow = func_of(k.s, &k.i, "rethrow");
    int32_t n;
    k.host = throws_kept, k.data = &kept;
    wrt_error_t *error = call_i32(k.s, &rethrow, 1, 0, 0, &n);
    got = exception_of(k.s, error);
    CHECK(same_ref(k.s, got, kept));
    wrt_error_delete(error);
    wrt_val_t v = i32_val(0), result;
    /* WebAssembly caught it, and returns it as a value. */
    wrt_func_t give = func_of(k.s, &k.i, "give");
    OK(wrt_func_call(k.s, &give, &v, 1, &result, 1));
    CHECK(result.kind == WRT_EXNREF && same_ref(k.s, result.of.ref, kept));
    end(&k);
}

/* Returning an error that a call returned, after inspecting it, rethrows the exception. Or another error is returned, or none. */
static wrt_error_t *nests(void *kit, wrt_store_t *s, int32_t n, int32_t *out) {
    kit_t *k = kit;
    if (n == 0) return throws_e(k, s, 1, out);
    wrt_error_t *error = try_run(k, n % 5 == 4 ? "rethrow" : "call", n - 1, out);
    if (!error) return NULL;
    wrt_ref_t r = exception_of(s, error);
    int32_t carried = carried_number(s, r);
    switch (n % 5) {
    case 0: /* a new error for the same exception */
        wrt_error_delete(error);
        return wrt_error_new_exception(s, &r);
    case 1: /* the same error */
        return error;
    case 2: { /* another exception, while the first one is held */
        wrt_error_t *second = throws_e(k, s, carried + 1, out);
        wrt_error_delete(error);
        return second;
    }
    case 3: /* caught and rethrown by WebAssembly */
        wrt_error_delete(error);
        error = try_run(k, "throw", carried, out);
        CHECK(error);
        return error;
    default: return error;
    }
}

static void nested(void) {
    kit_t k;
    begin(&k);
    k.host = nests;
    int32_t got, depth = 60;
    for (int32_t n = 1; n <= depth; n += may_use_signals() ? 1 : 19) {
        /* Two of five add one. */
        int32_t expected = 1;
        for (int32_t i = 1; i <= n; i++) expected += i % 5 == 2;
        is_thrown(&k, try_run(&k, "call", n, &got), k.e, expected);
        CHECK(run(&k, "catch", n) == 1000 + expected);
    }
    OK(wrt_store_gc(k.s));
    CHECK(references(k.s) == 0);
    end(&k);
}

/* At each level WebAssembly catches the exception from below and returns a number, and the host throws that. */
static wrt_error_t *alternates(void *kit, wrt_store_t *s, int32_t n, int32_t *out) {
    kit_t *k = kit;
    int32_t got = 0;
    if (n > 0) OK(try_run(k, "catch", n - 1, &got));
    return throws_e(k, s, got + 1, out);
}

static void caught_at_each_level(void) {
    kit_t k;
    begin(&k);
    k.host = alternates;
    for (int32_t n = 0; n < 40; n += 13) CHECK(run(&k, "catch", n) == 1001 * (n + 1));
    end(&k);
}

static wrt_error_t *throws_foreign(void *kit, wrt_store_t *s, int32_t n, int32_t *out) {
    kit_t *k = kit, *of = k->data;
    (void)s;
    return throws_e(of, of->s, n, out);
}

/* An exception of one store in another store: an error that cannot be caught there, and again an exception in its own store. */
static void of_another_store(void) {
    kit_t home, abroad;
    begin(&home), begin(&abroad);
    abroad.host = throws_foreign, abroad.data = &home;
    int32_t got;
    wrt_ref_t r;
    wrt_error_t *error = try_run(&abroad, "catch all", 5, &got);
    CHECK(wrt_error_kind(error) == WRT_ERROR_KIND_EXCEPTION);
    FOREIGN(wrt_error_exception(abroad.s, error, &r));
    CHECK(is_empty_ref(r));
    is_thrown(&home, error, home.e, 5);
    error = try_run(&abroad, "catch", 6, &got);
    end(&home);
    FOREIGN(wrt_error_exception(abroad.s, error, &r));
    wrt_error_delete(error);
    end(&abroad);
}

static wrt_instance_t *released_by_host;

static wrt_error_t *releases_and_throws(void *kit, wrt_store_t *s, int32_t n, int32_t *out) {
    OK(wrt_instance_release(s, released_by_host));
    OK(wrt_store_gc(s));
    return throws_e(kit, s, n, out);
}

/* The frames that an exception passes, and the one that catches it, keep their instances alive. */
static void released_on_the_way(void) {
    for (int way = 0; way < 2; way++) {
        kit_t k;
        begin(&k);
        wrt_instance_t slot = k.i;
        released_by_host = &slot;
        k.host = releases_and_throws;
        int32_t got;
        wrt_error_t *error = try_run(&k, way ? "call" : "catch", 8, &got);
        if (way) is_thrown(&k, error, k.e, 8);
        else {
            OK(error);
            CHECK(got == 1008);
        }
        CHECK(slot.store == 0);
        OK(wrt_store_gc(k.s));
        STALE(wrt_instance_release(k.s, &k.i));
        end(&k);
    }
}

static void start_functions(void) {
    kit_t k;
    begin(&k);
    wrt_module_t *module = module_of(k.w.engine, "(module (import \"\" \"\" (tag $e (param i32)))"
                                                 " (func $main (throw $e (i32.const 77))) (start $main))");
    wrt_extern_t item = tag_item(k.e);
    wrt_instance_t i;
    wrt_error_t *error = wrt_instance_new(k.s, module, &item, 1, &i);
    CHECK(EMPTY_HANDLE(i));
    is_thrown(&k, error, k.e, 77);
    wrt_module_delete(module);
    end(&k);
}

/* The heap is full: a trap, which cannot be caught, and not an exception. */
static void no_room(void) {
    world_t w;
    wrt_config_t *config = wrt_config_new();
    OK(wrt_config_set_signals(config, may_use_signals()));
    OK(wrt_config_set_gc_zeal(config, zeal ? 500 : 0));
    OK(wrt_config_set_heap_reservation(config, (size_t)1 << 24));
    OK(wrt_config_set_heap_limit(config, (size_t)1 << 19));
    OK(wrt_engine_new(config, &w.engine));
    wrt_config_delete(config);
    OK(wrt_store_new(w.engine, NULL, NULL, &w.store));
    wrt_instance_t i = instance_of(w.engine, w.store,
        "(module (tag $e (export \"e\") (param exnref)) (global $last (mut exnref) (ref.null exn))"
        " (func (export \"fill\") (result i32) (local $n i32)"
        "   (loop $more (block $h (result exnref exnref)"
        "       (try_table (catch_ref $e $h) (throw $e (global.get $last))) (unreachable))"
        "     (global.set $last) (drop) (local.set $n (i32.add (local.get $n) (i32.const 1))) (br $more))"
        "   (unreachable))"
        " (func (export \"clear\") (result i32) (global.set $last (ref.null exn)) (i32.const 1)))");
    wrt_func_t fill = func_of(w.store, &i, "fill"), clear = func_of(w.store, &i, "clear");
    int32_t got;
    for (int round = 0; round < 2; round++) {
        TRAPS(WRT_TRAP_HEAP_EXHAUSTED, call_i32(w.store, &fill, 0, 0, 0, &got));
        /* The host gets the same error. */
        wrt_tag_t e = exported_tag(w.store, &i, "e");
        wrt_val_t v;
        wrt_ref_t r;
        wrt_error_t *error;
        OK(wrt_scope_open(w.store));
        do {
            v = null_val(WRT_EXNREF);
            error = wrt_exception_new(w.store, &e, &v, 1, &r);
        } while (!error);
        TRAPS(WRT_TRAP_HEAP_EXHAUSTED, error);
        OK(wrt_scope_close(w.store));
        OK(call_i32(w.store, &clear, 0, 0, 0, &got));
        OK(wrt_store_gc(w.store));
    }
    world_end(&w);
}

/* A million exceptions caught by WebAssembly, and many by the host: none of them is leaked. */
static void churn(void) {
    kit_t k;
    begin(&k);
    k.host = throws_e;
    int32_t got, scale = (may_use_signals() ? 1 : 1000) * (zeal ? 50 : 1);
    wrt_instance_t loop = linked(&k.w,
        "(module (tag $e (param i32 i64)) (func $throw (param i32) (throw $e (local.get 0) (i64.const 1)))"
        " (func (export \"run\") (param $n i32) (result i32) (local $sum i32)"
        "   (loop $next (block $h (result i32 i64)"
        "       (try_table (catch $e $h) (call $throw (local.get $n))) (unreachable))"
        "     (drop) (i32.and (i32.const 1)) (i32.add (local.get $sum)) (local.set $sum)"
        "     (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))"
        "   (local.get $sum)))", NULL, 0);
    wrt_func_t f = func_of(k.s, &loop, "run");
    wrt_heap_stats_t before, after;
    before.size = after.size = sizeof before;
    OK(wrt_store_gc(k.s));
    OK(wrt_store_heap_stats(k.s, &before));
    OK(call_i32(k.s, &f, 1, 1000000 / scale, 0, &got));
    CHECK(got == 500000 / scale);
    for (int32_t n = 0; n < 100000 / scale; n++) {
        CHECK(run(&k, "catch", n) == 1000 + n);
        if (n % 4 == 0) is_thrown(&k, try_run(&k, "rethrow", n, &got), k.e, n);
    }
    OK(wrt_store_gc(k.s));
    OK(wrt_store_heap_stats(k.s, &after));
    CHECK(after.live_bytes == before.live_bytes && after.references == before.references);
    CHECK(after.used_bytes < before.used_bytes + (8 << 20));
    end(&k);
}

int main(void) {
    for (int i = 0; i < 6; i++) {
        zeal = (uint32_t)(i / 2), raw = i % 2;
        caught_by_the_host();
        thrown_by_the_host();
        the_same_object();
        nested();
        caught_at_each_level();
        of_another_store();
        released_on_the_way();
        start_functions();
        no_room();
        churn();
    }
    return 0;
}
