/* Shared by tests of structures and arrays: types with a field of each kind, and values for them. */
#ifndef KINDS_H
#define KINDS_H

#include "refs.h"

static const char *const TYPES =
    "(type $all (struct (field (mut i8)) (field (mut i16)) (field (mut i32)) (field (mut i64)) (field (mut f32))"
    "  (field (mut f64)) (field (mut v128)) (field (mut funcref)) (field (mut externref)) (field (mut anyref))"
    "  (field (mut (ref null $all))) (field i64)))"
    "(type $i8 (array (mut i8))) (type $i16 (array (mut i16))) (type $i32 (array (mut i32)))"
    "(type $i64 (array (mut i64))) (type $f32 (array (mut f32))) (type $f64 (array (mut f64)))"
    "(type $v128 (array (mut v128))) (type $func (array (mut funcref))) (type $extern (array (mut externref)))"
    "(type $any (array (mut anyref))) (type $row (array (mut (ref null $all))))"
    "(type $fixed (array i32)) (type $solid (array (mut (ref any)))) (type $some (struct (field (ref any))))"
    "(type $none (struct)) (type $f (func)) (type $fixed_any (array anyref))"
    "(type $eq (array (mut eqref)))";

enum { FIELDS = 12 };
static const char *const ARRAYS[] = {"i8", "i16", "i32", "i64", "f32", "f64", "v128", "func", "extern", "any", "row"};
enum { KINDS = sizeof ARRAYS / sizeof *ARRAYS };

typedef struct {
    world_t w;
    wrt_store_t *s;
    wrt_types_t *types;
    wrt_func_t funcs[3];
    counts_t counts;
} kit_t;

static inline kit_t kit(void) {
    kit_t k;
    memset(&k, 0, sizeof k);
    k.w = gc_world();
    k.s = k.w.store;
    k.types = types_of(k.w.engine, TYPES);
    wrt_instance_t i = instance_of(k.w.engine, k.s,
                                   "(module (func (export \"0\")) (func (export \"1\")) (func (export \"2\")))");
    k.funcs[0] = func_of(k.s, &i, "0"), k.funcs[1] = func_of(k.s, &i, "1"), k.funcs[2] = func_of(k.s, &i, "2");
    return k;
}

/* Checks that no host object is left, whatever failed before. */
static inline void kit_end(kit_t *k) {
    wrt_types_delete(k->types);
    world_end(&k->w);
    CHECK(k->counts.created == k->counts.dropped);
}

static inline wrt_type_t T(const kit_t *k, const char *name) { return type_named(k->types, name); }

static inline wrt_ref_t new_default(kit_t *k, const char *name) {
    wrt_type_t t = T(k, name);
    wrt_ref_t r;
    OK(wrt_struct_new_default(k->s, &t, &r));
    return r;
}

static inline wrt_ref_t array_default(kit_t *k, const char *name, uint32_t len) {
    wrt_type_t t = T(k, name);
    wrt_ref_t r;
    OK(wrt_array_new_default(k->s, &t, len, &r));
    return r;
}

/* A value of a kind of field, different for different numbers. References are new. */
static inline wrt_val_t value(kit_t *k, int kind, int n) {
    wrt_val_t v = i32_val(n);
    switch (kind) {
    case 3: v.kind = WRT_I64, v.of.i64 = n * INT64_C(0x10000000001); break;
    case 4: v.kind = WRT_F32, v.of.f32 = (float)n + 0.5f; break;
    case 5: v.kind = WRT_F64, v.of.f64 = n - 0.25; break;
    case 6: v.kind = WRT_V128, memset(v.of.v128, n, 15), v.of.v128[15] = 0xee; break;
    case 7: v = func_val(&k->funcs[n % 3]); break;
    case 8: v = ref_val(WRT_EXTERNREF, object(k->s, &k->counts)); break;
    case 9: v = ref_val(WRT_ANYREF, i31_of(k->s, -n)); break;
    case 10: {
        v = ref_val(WRT_ANYREF, new_default(k, "all"));
        wrt_val_t number = i32_val(n);
        OK(wrt_struct_set(k->s, &v.of.ref, 2, &number));
    }
    }
    return v;
}

/* Whether a value is the one for that number; takes references. `kept` is the reference to a host object in it. */
static inline bool is_value(kit_t *k, int kind, int n, wrt_val_t v, const wrt_ref_t *kept) {
    wrt_val_t want;
    int32_t got;
    bool same = false;
    switch (kind) {
    case 0: return v.kind == WRT_I32 && v.of.i32 == (n & 0xff);
    case 1: return v.kind == WRT_I32 && v.of.i32 == (n & 0xffff);
    case 8:
        CHECK(v.kind == WRT_EXTERNREF && kept);
        same = same_ref(k->s, v.of.ref, *kept);
        break;
    case 9:
        CHECK(v.kind == WRT_ANYREF);
        OK(wrt_i31_get(k->s, &v.of.ref, &got));
        same = got == -n;
        break;
    case 10:
        CHECK(v.kind == WRT_ANYREF);
        OK(wrt_struct_get(k->s, &v.of.ref, 2, &want));
        same = want.kind == WRT_I32 && want.of.i32 == n;
        break;
    default:
        want = value(k, kind, n);
        if (kind == 7) return v.kind == WRT_FUNCREF && wrt_func_equal(&v.of.func, &want.of.func);
        size_t size = kind == 2 || kind == 4 ? 4 : kind == 6 ? 16 : 8;
        return v.kind == want.kind && memcmp(&v.of, &want.of, size) == 0;
    }
    OK(wrt_ref_release(k->s, &v.of.ref));
    return same;
}

static inline bool is_zero(wrt_val_t v) {
    static const wrt_val_of_t zero;
    size_t size = v.kind == WRT_I32 || v.kind == WRT_F32 ? 4 : v.kind == WRT_V128 ? 16 : 8;
    return v.kind != WRT_EMPTY && memcmp(&v.of, &zero, size) == 0;
}

#endif
