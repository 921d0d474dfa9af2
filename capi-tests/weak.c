/* Weak references, hashes, type queries, conversions, references to functions, and fields of host objects. Each test runs normally, with a
 * collection at every allocation, and with one at every second allocation. */
#include "refs.h"

static const char *const TYPES = "(type $base (sub (struct (field i32)))) (type $derived (sub $base (struct (field i32 i64))))"
                                 "(type $row (array (mut anyref))) (type $f (func (result i32))) (type $g (func))";

typedef struct {
    world_t w;
    wrt_store_t *s;
    counts_t counts;
    wrt_type_t base, derived, row, f, g;
    wrt_func_t func;
} kit_t;

static kit_t kit(void) {
    kit_t k;
    memset(&k, 0, sizeof k);
    k.w = gc_world();
    k.s = k.w.store;
    wrt_types_t *types = types_of(k.w.engine, TYPES);
    k.base = type_named(types, "base"), k.derived = type_named(types, "derived"), k.row = type_named(types, "row");
    k.f = type_named(types, "f"), k.g = type_named(types, "g");
    wrt_types_delete(types);
    wrt_instance_t i = instance_of(k.w.engine, k.s, "(module (func (export \"f\") (result i32) (i32.const 4)))");
    k.func = func_of(k.s, &i, "f");
    return k;
}

static void kit_end(kit_t *k) {
    world_end(&k->w);
    CHECK(k->counts.created == k->counts.dropped);
}

static wrt_ref_t structure(kit_t *k, const wrt_type_t *type) {
    wrt_ref_t r;
    OK(wrt_struct_new_default(k->s, type, &r));
    return r;
}

static wrt_ref_t of_func(kit_t *k) {
    wrt_ref_t r;
    OK(wrt_ref_of_func(k->s, &k->func, &r));
    return r;
}

static wrt_weak_t weak_of(kit_t *k, wrt_ref_t r) {
    wrt_weak_t weak;
    OK(wrt_weak_new(k->s, &r, &weak));
    return weak;
}

/* Whether a weak reference refers to the same object as the other reference, or is empty if that is. */
static bool leads_to(kit_t *k, const wrt_weak_t *weak, wrt_ref_t to) {
    wrt_ref_t r;
    OK(wrt_weak_get(k->s, weak, &r));
    bool same = same_ref(k->s, r, to);
    OK(wrt_ref_release(k->s, &r));
    return same;
}

static const wrt_ref_t none;

static void weak_references(void) {
    kit_t k = kit();
    wrt_ref_t r[] = {object(k.s, &k.counts), structure(&k, &k.derived), of_func(&k), i31_of(k.s, 5)}, copy;
    for (int i = 0; i < 4; i++) {
        wrt_weak_t weak = weak_of(&k, r[i]), second = weak_of(&k, r[i]), handle = second;
        for (int round = 0; round < 3; round++) {
            CHECK(leads_to(&k, &weak, r[i]) && leads_to(&k, &second, r[i]));
            OK(wrt_store_gc(k.s));
        }
        OK(wrt_weak_release(k.s, &second));
        CHECK(EMPTY_HANDLE(second));
        OK(wrt_weak_release(k.s, &second));
        STALE(wrt_weak_get(k.s, &handle, &copy));
        STALE(wrt_weak_release(k.s, &handle));
        CHECK(EMPTY_HANDLE(handle) && is_empty_ref(copy));
        /* The reference it returns keeps the object alive. */
        OK(wrt_weak_get(k.s, &weak, &copy));
        OK(wrt_ref_release(k.s, &r[i]));
        OK(wrt_store_gc(k.s));
        CHECK(leads_to(&k, &weak, copy));
        OK(wrt_ref_release(k.s, &copy));
        OK(wrt_store_gc(k.s));
        if (i < 3) CHECK(leads_to(&k, &weak, none)); /* an i31 is never freed */
        OK(wrt_weak_release(k.s, &weak));
    }
    /* Weak references do not end with scopes, but the references they return do. */
    OK(wrt_scope_open(k.s));
    wrt_ref_t object_ref = structure(&k, &k.base);
    OK(wrt_ref_escape(k.s, &object_ref));
    wrt_weak_t weak = weak_of(&k, object_ref);
    OK(wrt_weak_get(k.s, &weak, &copy));
    OK(wrt_scope_close(k.s));
    STALE(wrt_ref_release(k.s, &copy));
    CHECK(leads_to(&k, &weak, object_ref));
    kit_end(&k);
}

static void weak_references_misused(void) {
    kit_t k = kit();
    wrt_store_t *other = other_store(&k.w);
    wrt_ref_t r = object(k.s, &k.counts), stale = stale_ref(k.s), elsewhere = i31_of(other, 1), out;
    wrt_weak_t weak, empty = {0, 0, 0}, foreign, wrong;
    OK(wrt_weak_new(other, &elsewhere, &foreign));
    BAD(wrt_weak_new(NULL, &r, &weak));
    BAD(wrt_weak_new(k.s, NULL, &weak));
    BAD(wrt_weak_new(k.s, &r, NULL));
    STALE(wrt_weak_new(k.s, &none, &weak));
    STALE(wrt_weak_new(k.s, &stale, &weak));
    FOREIGN(wrt_weak_new(k.s, &elsewhere, &weak));
    CHECK(EMPTY_HANDLE(weak));
    OK(wrt_weak_new(k.s, &r, &weak));
    BAD(wrt_weak_get(NULL, &weak, &out));
    BAD(wrt_weak_get(k.s, NULL, &out));
    BAD(wrt_weak_get(k.s, &weak, NULL));
    STALE(wrt_weak_get(k.s, &empty, &out));
    FOREIGN(wrt_weak_get(k.s, &foreign, &out));
    wrong = weak, wrong.index = UINT32_MAX;
    STALE(wrt_weak_get(k.s, &wrong, &out));
    wrong = weak, wrong.generation += 2;
    STALE(wrt_weak_get(k.s, &wrong, &out));
    STALE(wrt_weak_release(k.s, &wrong));
    CHECK(is_empty_ref(out) && EMPTY_HANDLE(wrong));
    BAD(wrt_weak_release(NULL, &weak));
    BAD(wrt_weak_release(k.s, NULL));
    wrong = foreign;
    FOREIGN(wrt_weak_release(k.s, &foreign));
    CHECK(memcmp(&wrong, &foreign, sizeof wrong) == 0);
    OK(wrt_weak_release(k.s, &empty));
    wrt_store_delete(other);
    FOREIGN(wrt_weak_get(k.s, &foreign, &out));
    kit_end(&k);
}

static void hashes(void) {
    kit_t k = kit();
    enum { N = 200 };
    static wrt_ref_t r[N];
    uint64_t hash[N], again;
    wrt_ref_t clone, bad[] = {none, stale_ref(k.s)};
    for (int i = 0; i < N; i++) {
        r[i] = i % 4 == 0 ? object(k.s, &k.counts) : i % 4 == 1 ? structure(&k, &k.base) : i31_of(k.s, i);
        OK(wrt_ref_hash(k.s, &r[i], &hash[i]));
    }
    for (int round = 0; round < 3; round++) {
        OK(wrt_store_gc(k.s));
        structure(&k, &k.base);
        for (int i = 0; i < N; i++) {
            OK(wrt_ref_clone(k.s, &r[i], &clone));
            OK(wrt_ref_hash(k.s, &clone, &again));
            CHECK(again == hash[i]);
            OK(wrt_ref_release(k.s, &clone));
            for (int j = 0; j < i && !round; j++) CHECK(hash[j] != hash[i]);
        }
    }
    /* Equal i31s, and references to the same function, are equal. */
    clone = i31_of(k.s, 6);
    OK(wrt_ref_hash(k.s, &clone, &again));
    CHECK(again == hash[6]);
    wrt_ref_t f = of_func(&k), g = of_func(&k);
    OK(wrt_ref_hash(k.s, &f, &hash[0]));
    OK(wrt_ref_hash(k.s, &g, &again));
    CHECK(hash[0] == again && same_ref(k.s, f, g));
    wrt_store_t *other = other_store(&k.w);
    wrt_ref_t elsewhere = i31_of(other, 1);
    BAD(wrt_ref_hash(NULL, &f, &again));
    BAD(wrt_ref_hash(k.s, NULL, &again));
    BAD(wrt_ref_hash(k.s, &f, NULL));
    for (int i = 0; i < 2; i++) STALE(wrt_ref_hash(k.s, &bad[i], &again));
    FOREIGN(wrt_ref_hash(k.s, &elsewhere, &again));
    CHECK(again == 0);
    wrt_store_delete(other);
    kit_end(&k);
}

/* The types of each kind of object; and a cast agrees with a test. */
static void tests_and_casts(void) {
    kit_t k = kit();
    enum { I31, BASE, DERIVED, ROW, HOST, FUNC, NOTHING, OBJECTS };
    const wrt_ref_t r[OBJECTS] = {i31_of(k.s, 1), structure(&k, &k.base), structure(&k, &k.derived), none,
                                  object(k.s, &k.counts), of_func(&k), none};
    wrt_ref_t refs[OBJECTS];
    memcpy(refs, r, sizeof r);
    OK(wrt_array_new_default(k.s, &k.row, 1, &refs[ROW]));
    const wrt_type_t types[] = {plain_type(WRT_ANYREF, false), plain_type(WRT_EQREF, false), plain_type(WRT_I31REF, false),
                                plain_type(WRT_STRUCTREF, false), plain_type(WRT_ARRAYREF, false),
                                plain_type(WRT_NULLREF, false), plain_type(WRT_EXTERNREF, false),
                                plain_type(WRT_NULLEXTERNREF, false), plain_type(WRT_FUNCREF, false),
                                plain_type(WRT_NULLFUNCREF, false), k.base, k.derived, k.row, k.f, k.g};
    /* A row for each object: a bit for each of the types above, from the left. */
    static const char *const is[OBJECTS] = {"111000100000000", "110100100010000", "110100100011000", "110010100000100",
                                            "100000100000000", "000000001000010", "000000000000000"};
    for (int o = 0; o < OBJECTS; o++) {
        for (int t = 0; t < 15; t++) {
            for (uint8_t nullable = 0; nullable < 2; nullable++) {
                wrt_type_t type = types[t], top;
                wrt_val_t v;
                bool got, want = o == NOTHING ? nullable : is[o][t] == '1';
                type.nullable = nullable;
                OK(wrt_ref_test(k.s, &refs[o], &type, &got));
                if (got != want) fprintf(stderr, "object %d, type %d\n", o, t);
                CHECK(got == want);
                if (!want) {
                    TRAPS(WRT_TRAP_CAST_FAILURE, wrt_ref_cast(k.s, &refs[o], &type, &v));
                    CHECK(v.kind == WRT_EMPTY);
                    continue;
                }
                OK(wrt_ref_cast(k.s, &refs[o], &type, &v));
                OK(wrt_type_top(&type, &top));
                CHECK(v.kind == top.kind);
                if (v.kind == WRT_FUNCREF) CHECK(o == NOTHING ? EMPTY_HANDLE(v.of.func) : wrt_func_equal(&v.of.func, &k.func));
                else CHECK(memcmp(&v.of.ref, &refs[o], sizeof refs[o]) == 0); /* the same reference */
            }
        }
    }
    const wrt_type_t own[] = {plain_type(WRT_I31REF, false), k.base, k.derived, k.row, plain_type(WRT_ANYREF, false), k.f};
    for (int o = 0; o < NOTHING; o++) {
        wrt_type_t got, want = own[o];
        want.nullable = 0;
        OK(wrt_ref_type(k.s, &refs[o], &got));
        CHECK(wrt_type_equal(&got, &want));
    }
    kit_end(&k);
}

static void tests_and_casts_misused(void) {
    kit_t k = kit();
    world_t far = gc_world();
    wrt_types_t *far_types = types_of(far.engine, TYPES);
    wrt_store_t *other = other_store(&k.w);
    wrt_ref_t r = structure(&k, &k.base), stale = stale_ref(k.s), elsewhere = i31_of(other, 1);
    wrt_type_t any = plain_type(WRT_ANYREF, true), out, foreign = type_named(far_types, "base"),
               empty = {0}, number = plain_type(WRT_I32, false), made_up = k.base;
    wrt_val_t v;
    bool is = true;
    made_up.kind = WRT_DEFINED_ARRAY; /* a structure's number */
    BAD(wrt_ref_test(NULL, &r, &any, &is));
    CHECK(!is);
    BAD(wrt_ref_test(k.s, NULL, &any, &is));
    BAD(wrt_ref_test(k.s, &r, NULL, &is));
    BAD(wrt_ref_test(k.s, &r, &any, NULL));
    BAD(wrt_ref_test(k.s, &r, &empty, &is));
    BAD(wrt_ref_test(k.s, &r, &foreign, &is));
    BAD(wrt_ref_test(k.s, &r, &made_up, &is));
    MISMATCH(wrt_ref_test(k.s, &r, &number, &is));
    STALE(wrt_ref_test(k.s, &stale, &any, &is));
    FOREIGN(wrt_ref_test(k.s, &elsewhere, &any, &is));
    BAD(wrt_ref_cast(NULL, &r, &any, &v));
    CHECK(v.kind == WRT_EMPTY);
    BAD(wrt_ref_cast(k.s, NULL, &any, &v));
    BAD(wrt_ref_cast(k.s, &r, NULL, &v));
    BAD(wrt_ref_cast(k.s, &r, &any, NULL));
    BAD(wrt_ref_cast(k.s, &r, &empty, &v));
    BAD(wrt_ref_cast(k.s, &r, &foreign, &v));
    BAD(wrt_ref_cast(k.s, &r, &made_up, &v));
    MISMATCH(wrt_ref_cast(k.s, &r, &number, &v));
    STALE(wrt_ref_cast(k.s, &stale, &any, &v));
    FOREIGN(wrt_ref_cast(k.s, &elsewhere, &any, &v));
    CHECK(v.kind == WRT_EMPTY);
    BAD(wrt_ref_type(NULL, &r, &out));
    BAD(wrt_ref_type(k.s, NULL, &out));
    BAD(wrt_ref_type(k.s, &r, NULL));
    STALE(wrt_ref_type(k.s, &none, &out));
    STALE(wrt_ref_type(k.s, &stale, &out));
    FOREIGN(wrt_ref_type(k.s, &elsewhere, &out));
    CHECK(out.kind == 0 && out.engine == 0);
    wrt_store_delete(other);
    wrt_types_delete(far_types);
    world_end(&far);
    kit_end(&k);
}

int main(void) {
    for (zeal = 0; zeal < 3; zeal++) {
        weak_references();
        weak_references_misused();
        hashes();
        tests_and_casts();
        tests_and_casts_misused();
    }
    return 0;
}
