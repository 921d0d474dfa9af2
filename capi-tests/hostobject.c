/* References to functions, conversions between the hierarchies, and host objects that refer to other objects. Each test runs normally, with
 * a collection at every allocation, and with one at every second allocation. */
#include "refs.h"

static const wrt_ref_t none;

static void references_to_functions(void) {
    world_t w = gc_world();
    wrt_store_t *other = other_store(&w);
    wrt_instance_t i = instance_of(w.engine, w.store,
                                   "(module (func (export \"f\") (result i32) (i32.const 4)) (func (export \"g\"))"
                                   " (table (export \"t\") 2 externref) (global (export \"a\") (mut anyref) (ref.null any))"
                                   " (func (export \"take\") (param anyref)) (func (export \"extern\") (param externref)))"),
                   j = instance_of(w.engine, other, "(module (func (export \"f\")))");
    wrt_func_t f = func_of(w.store, &i, "f"), g = func_of(w.store, &i, "g"), take = func_of(w.store, &i, "take"), got,
               foreign = func_of(other, &j, "f"), empty = {0, 0, 0}, bad = f, takes_extern = func_of(w.store, &i, "extern");
    wrt_ref_t r, s, out, stale = stale_ref(w.store), i31 = i31_of(w.store, 1), elsewhere = i31_of(other, 1);
    wrt_val_t v;
    wrt_raw_t slot;
    wrt_table_t t;
    wrt_global_t a;
    int32_t n;
    void *data;
    OK(wrt_ref_of_func(w.store, &f, &r));
    OK(wrt_ref_of_func(w.store, &g, &s));
    CHECK(!same_ref(w.store, r, s));
    OK(wrt_ref_func(w.store, &r, &got));
    CHECK(wrt_func_equal(&got, &f));
    OK(call_i32(w.store, &got, 0, 0, 0, &n));
    CHECK(n == 4);
    bad.generation += 3;
    BAD(wrt_ref_of_func(NULL, &f, &out));
    BAD(wrt_ref_of_func(w.store, NULL, &out));
    BAD(wrt_ref_of_func(w.store, &f, NULL));
    STALE(wrt_ref_of_func(w.store, &empty, &out));
    STALE(wrt_ref_of_func(w.store, &bad, &out));
    FOREIGN(wrt_ref_of_func(w.store, &foreign, &out));
    CHECK(is_empty_ref(out));
    BAD(wrt_ref_func(NULL, &r, &got));
    BAD(wrt_ref_func(w.store, NULL, &got));
    BAD(wrt_ref_func(w.store, &r, NULL));
    MISMATCH(wrt_ref_func(w.store, &i31, &got));
    STALE(wrt_ref_func(w.store, &none, &got));
    STALE(wrt_ref_func(w.store, &stale, &got));
    FOREIGN(wrt_ref_func(w.store, &elsewhere, &got));
    CHECK(EMPTY_HANDLE(got));
    /* It is not a WebAssembly value: every function that would pass it in rejects it. */
    v = ref_val(WRT_ANYREF, r);
    MISMATCH(wrt_func_call(w.store, &take, &v, 1, NULL, 0));
    slot.ref = r;
    MISMATCH(wrt_func_call_raw(w.store, &take, &slot, 1));
    MISMATCH(wrt_func_call_raw(w.store, &takes_extern, &slot, 1));
    v.kind = WRT_EXTERNREF;
    MISMATCH(wrt_func_call(w.store, &takes_extern, &v, 1, NULL, 0));
    OK(wrt_instance_get_table(w.store, &i, TEXT("t"), &t));
    OK(wrt_instance_get_global(w.store, &i, TEXT("a"), &a));
    OK(wrt_ref_clone(w.store, &r, &v.of.ref));
    TAKES(TYPE, v, wrt_table_set(w.store, &t, 0, &v));
    OK(wrt_ref_clone(w.store, &r, &out));
    TAKES(TYPE, ref_val(WRT_ANYREF, out), wrt_global_set(w.store, &a, &v));
    OK(wrt_ref_clone(w.store, &r, &out));
    wrt_global_t made;
    TAKES(TYPE, ref_val(WRT_ANYREF, out), wrt_global_new(w.store, WRT_ANYREF, true, &v, &made));
    MISMATCH(wrt_i31_get(w.store, &r, &n));
    MISMATCH(wrt_externref_userdata(w.store, &r, &data));
    wrt_store_delete(other);
    world_end(&w);
}

static void conversions(void) {
    world_t w = gc_world();
    counts_t counts = {0, 0};
    wrt_instance_t i = instance_of(w.engine, w.store,
                                   "(module (func (export \"a\") (param anyref) (result externref)"
                                   "   (extern.convert_any (local.get 0)))"
                                   " (func (export \"e\") (param externref) (result anyref) (any.convert_extern (local.get 0))))");
    wrt_func_t to_extern = func_of(w.store, &i, "a"), to_any = func_of(w.store, &i, "e");
    wrt_ref_t host = object(w.store, &counts), i31 = i31_of(w.store, -9);
    wrt_val_t v = ref_val(WRT_EXTERNREF, host), out, result;
    int32_t n;
    void *data;
    OK(wrt_any_convert_extern(&v, &out));
    CHECK(out.kind == WRT_ANYREF && memcmp(&out.of.ref, &host, sizeof host) == 0 && v.kind == WRT_EXTERNREF);
    OK(wrt_externref_userdata(w.store, &out.of.ref, &data));
    CHECK(data == &counts);
    OK(wrt_func_call(w.store, &to_extern, &out, 1, &result, 1));
    CHECK(result.kind == WRT_EXTERNREF && same_ref(w.store, result.of.ref, host));
    v = ref_val(WRT_ANYREF, i31);
    OK(wrt_extern_convert_any(&v, &v)); /* in place */
    CHECK(v.kind == WRT_EXTERNREF);
    OK(wrt_func_call(w.store, &to_any, &v, 1, &result, 1));
    OK(wrt_i31_get(w.store, &result.of.ref, &n));
    CHECK(result.kind == WRT_ANYREF && n == -9);
    v = null_val(WRT_EXTERNREF);
    OK(wrt_any_convert_extern(&v, &out));
    CHECK(out.kind == WRT_ANYREF && is_empty_ref(out.of.ref));
    BAD(wrt_any_convert_extern(NULL, &out));
    CHECK(out.kind == WRT_EMPTY);
    BAD(wrt_any_convert_extern(&v, NULL));
    BAD(wrt_extern_convert_any(NULL, &out));
    BAD(wrt_extern_convert_any(&v, NULL));
    MISMATCH(wrt_extern_convert_any(&v, &out));
    v.kind = WRT_ANYREF;
    MISMATCH(wrt_any_convert_extern(&v, &out));
    v = i32_val(0);
    MISMATCH(wrt_any_convert_extern(&v, &out));
    memset(&v, 0, sizeof v);
    MISMATCH(wrt_extern_convert_any(&v, &out));
    CHECK(out.kind == WRT_EMPTY);
    v = func_val(&to_any);
    MISMATCH(wrt_any_convert_extern(&v, &out));
    world_end(&w);
    CHECK(counts.dropped == 1);
}

static wrt_ref_t with_fields(wrt_store_t *store, counts_t *counts, uint32_t fields) {
    wrt_ref_t r;
    ++counts->created;
    OK(wrt_externref_new_with_fields(store, counts, dropped, 10, fields, &r));
    return r;
}

static void fields(void) {
    world_t w = gc_world();
    counts_t counts = {0, 0};
    wrt_ref_t r = with_fields(w.store, &counts, 500), v, got, plain = object(w.store, &counts);
    void *data;
    OK(wrt_externref_userdata(w.store, &r, &data));
    CHECK(data == &counts);
    for (uint32_t i = 0; i < 500; i += 499) {
        OK(wrt_externref_get_field(w.store, &r, i, &got));
        CHECK(is_empty_ref(got));
        v = i == 0 ? i31_of(w.store, 7) : object(w.store, &counts);
        OK(wrt_ref_clone(w.store, &v, &got));
        OK(wrt_externref_set_field(w.store, &r, i, &v));
        CHECK(is_empty_ref(v));
        OK(wrt_store_gc(w.store));
        OK(wrt_externref_get_field(w.store, &r, i, &v));
        CHECK(same_ref(w.store, v, got));
        OK(wrt_ref_release(w.store, &v));
        OK(wrt_ref_release(w.store, &got));
    }
    CHECK(alive(w.store, &counts) == 3);
    got = none;
    OK(wrt_externref_set_field(w.store, &r, 499, &got));
    CHECK(alive(w.store, &counts) == 2);
    /* An object without fields, and one that is in its own field. */
    BAD(wrt_externref_get_field(w.store, &r, 500, &got));
    v = with_fields(w.store, &counts, 0);
    BAD(wrt_externref_get_field(w.store, &v, 0, &got));
    OK(wrt_ref_release(w.store, &v));
    got = r;
    OK(wrt_ref_clone(w.store, &r, &v));
    OK(wrt_externref_set_field(w.store, &r, 3, &v));
    OK(wrt_ref_release(w.store, &r));
    CHECK(alive(w.store, &counts) == 1);
    OK(wrt_ref_release(w.store, &plain));
    /* The object and the value can be in the same slot. */
    r = with_fields(w.store, &counts, 1);
    OK(wrt_externref_set_field(w.store, &r, 0, &r));
    CHECK(is_empty_ref(r) && alive(w.store, &counts) == 0);
    world_end(&w);
    CHECK(counts.created == counts.dropped);
}

static void fields_misused(void) {
    world_t w = gc_world();
    wrt_store_t *other = other_store(&w);
    counts_t counts = {0, 0};
    int finalized = 0;
    wrt_ref_t r = with_fields(w.store, &counts, 2), plain = object(w.store, &counts), i31 = i31_of(w.store, 0), out,
              stale = stale_ref(w.store), elsewhere = i31_of(other, 1), v;
    const struct {
        const wrt_ref_t *r;
        uint8_t kind;
    } wrong[] = {{NULL, ARGUMENT}, {&plain, ARGUMENT}, {&i31, TYPE}, {&none, GONE}, {&stale, GONE}, {&elsewhere, OTHER}};
    for (int i = 0; i < 6; i++) {
        out = r;
        FAILS(wrong[i].kind, wrt_externref_get_field(w.store, wrong[i].r, 0, &out));
        CHECK(is_empty_ref(out));
        v = object(w.store, &counts);
        FAILS(wrong[i].kind, wrt_externref_set_field(w.store, wrong[i].r, 0, &v));
        CHECK(is_empty_ref(v));
    }
    BAD(wrt_externref_get_field(NULL, &r, 0, &out));
    BAD(wrt_externref_get_field(w.store, &r, 0, NULL));
    BAD(wrt_externref_get_field(w.store, &r, UINT32_MAX, &out));
    BAD(wrt_externref_set_field(w.store, &r, 0, NULL));
    v = i31;
    BAD(wrt_externref_set_field(NULL, &r, 0, &v));
    v = object(w.store, &counts);
    BAD(wrt_externref_set_field(w.store, &r, 2, &v));
    CHECK(is_empty_ref(v));
    v = stale;
    STALE(wrt_externref_set_field(w.store, &r, 0, &v));
    CHECK(is_empty_ref(v));
    v = elsewhere;
    FOREIGN(wrt_externref_set_field(w.store, &r, 0, &v));
    CHECK(memcmp(&v, &elsewhere, sizeof v) == 0);
    CHECK(alive(w.store, &counts) == 2);
    /* Failing calls also run the finalizer. */
    BAD(wrt_externref_new_with_fields(NULL, &finalized, count_call, 0, 1, &out));
    BAD(wrt_externref_new_with_fields(w.store, &finalized, count_call, 0, 1, NULL));
    TRAPS(WRT_TRAP_HEAP_EXHAUSTED, wrt_externref_new_with_fields(w.store, &finalized, count_call, 0, UINT32_MAX, &out));
    CHECK(finalized == 3 && is_empty_ref(out));
    wrt_store_delete(other);
    world_end(&w);
    CHECK(counts.created == counts.dropped && finalized == 3);
}

/* In a finalizer, the store cannot be used; afterwards, weak references to the dead objects are empty. */
typedef struct {
    wrt_store_t *store;
    wrt_weak_t weak;
    int calls, order;
} end_t;

static int order;

static void ended(void *userdata) {
    end_t *e = userdata;
    wrt_ref_t r = {1, 1};
    BAD(wrt_weak_get(e->store, &e->weak, &r));
    CHECK(is_empty_ref(r));
    e->calls++, e->order = ++order;
}

static wrt_error_t *looks(void *userdata, wrt_caller_t *caller, const wrt_val_t *args, size_t arg_count, wrt_val_t *results,
                          size_t result_count) {
    end_t *e = userdata;
    wrt_ref_t r;
    (void)args, (void)arg_count, (void)results, (void)result_count;
    OK(wrt_weak_get(wrt_caller_store(caller), &e->weak, &r));
    /* When a weak reference is seen to be empty, the finalizer has run, since it runs before the host continues. */
    CHECK(is_empty_ref(r) == (e->calls == 1));
    return NULL;
}

static void a_cycle_ends_once(void) {
    world_t w = gc_world();
    end_t a = {w.store, {0, 0, 0}, 0, 0}, b = a;
    wrt_ref_t x, y, clone;
    wrt_functype_t *type;
    wrt_extern_t import;
    wrt_module_t *module = module_of(w.engine, "(module (import \"\" \"\" (func $look)) (type $s (struct (field i64)))"
                                               " (func (export \"run\") (local $i i32) (loop (call $look)"
                                               "   (drop (struct.new $s (i64.const 1)))"
                                               "   (br_if 0 (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1)))"
                                               "     (i32.const 5))))))");
    wrt_instance_t instance;
    order = 0;
    OK(wrt_functype_parse(TEXT("()"), &type));
    memset(&import, 0, sizeof import);
    import.kind = WRT_EXTERN_FUNC;
    OK(wrt_func_new(w.store, type, looks, &a, NULL, &import.of.func));
    wrt_functype_delete(type);
    OK(wrt_instance_new(w.store, module, &import, 1, &instance));
    wrt_module_delete(module);
    OK(wrt_externref_new_with_fields(w.store, &a, ended, 0, 1, &x));
    OK(wrt_externref_new_with_fields(w.store, &b, ended, 0, 1, &y));
    OK(wrt_weak_new(w.store, &x, &a.weak));
    OK(wrt_weak_new(w.store, &y, &b.weak));
    OK(wrt_ref_clone(w.store, &y, &clone));
    OK(wrt_externref_set_field(w.store, &x, 0, &clone));
    OK(wrt_ref_clone(w.store, &x, &clone));
    OK(wrt_externref_set_field(w.store, &y, 0, &clone));
    OK(wrt_ref_release(w.store, &x));
    OK(wrt_store_gc(w.store));
    CHECK(a.calls == 0 && b.calls == 0); /* one holds the other */
    OK(wrt_ref_release(w.store, &y));
    wrt_func_t run = func_of(w.store, &instance, "run");
    OK(wrt_func_call(w.store, &run, NULL, 0, NULL, 0));
    for (int i = 0; i < 3; i++) OK(wrt_store_gc(w.store));
    CHECK(a.calls == 1 && b.calls == 1 && a.order + b.order == 3);
    OK(wrt_weak_get(w.store, &a.weak, &x));
    OK(wrt_weak_get(w.store, &b.weak, &y));
    CHECK(is_empty_ref(x) && is_empty_ref(y));
    world_end(&w);
    CHECK(a.calls == 1 && b.calls == 1);
}

int main(void) {
    for (zeal = 0; zeal < 3; zeal++) {
        references_to_functions();
        conversions();
        fields();
        fields_misused();
        a_cycle_ends_once();
    }
    return 0;
}
