/* Arrays that the host creates and uses. Each test runs normally, with a collection at every allocation, and with one at every second
 * allocation. */
#include "kinds.h"

/* Arrays of each kind: created in each way, read, written, filled, copied within themselves. */
static void arrays(void) {
    kit_t k = kit();
    for (int kind = 0; kind < KINDS; kind++) {
        wrt_type_t t = T(&k, ARRAYS[kind]);
        wrt_val_t v = value(&k, kind, 7), many[5], all[5];
        wrt_ref_t kept[5], r, of, empty;
        uint32_t len;
        if (kind == 8) OK(wrt_ref_clone(k.s, &v.of.ref, &kept[0]));
        OK(wrt_array_new(k.s, &t, &v, 1000, &r));
        CHECK(v.kind == WRT_EMPTY);
        OK(wrt_array_len(k.s, &r, &len));
        CHECK(len == 1000);
        for (uint32_t i = 0; i < 1000; i += 333) {
            OK(wrt_array_get(k.s, &r, i, &v));
            CHECK(is_value(&k, kind, 7, v, &kept[0]));
        }
        if (kind == 8) OK(wrt_ref_release(k.s, &kept[0]));
        for (int i = 0; i < 5; i++) {
            many[i] = value(&k, kind, i);
            if (kind == 8) OK(wrt_ref_clone(k.s, &many[i].of.ref, &kept[i]));
        }
        OK(wrt_array_new_of(k.s, &t, many, 5, &of));
        for (int i = 0; i < 5; i++) CHECK(many[i].kind == WRT_EMPTY);
        /* Overlapping copies, to the right, then to the left: 0 1 2 3 4, 0 0 1 2 3, 0 1 2 3 3. */
        OK(wrt_array_copy(k.s, &of, 1, &of, 0, 4));
        OK(wrt_array_copy(k.s, &of, 1, &of, 2, 3));
        OK(wrt_array_copy(k.s, &r, 995, &of, 0, 5));
        OK(wrt_array_get_many(k.s, &r, 995, all, 5));
        for (int i = 0; i < 5; i++) CHECK(is_value(&k, kind, i < 4 ? i : 3, all[i], &kept[i < 4 ? i : 3]));
        v = value(&k, kind, 2);
        if (kind == 8) OK(wrt_ref_release(k.s, &kept[2])), OK(wrt_ref_clone(k.s, &v.of.ref, &kept[2]));
        OK(wrt_array_set(k.s, &of, 4, &v));
        CHECK(v.kind == WRT_EMPTY);
        OK(wrt_array_get(k.s, &of, 4, &v));
        CHECK(is_value(&k, kind, 2, v, &kept[2]));
        v = value(&k, kind, 1);
        if (kind == 8) OK(wrt_ref_release(k.s, &kept[1])), OK(wrt_ref_clone(k.s, &v.of.ref, &kept[1]));
        OK(wrt_array_fill(k.s, &of, 1, &v, 3));
        CHECK(v.kind == WRT_EMPTY);
        OK(wrt_array_get_many(k.s, &of, 0, all, 5));
        for (int i = 0; i < 5; i++) CHECK(is_value(&k, kind, i == 0 ? 0 : i == 4 ? 2 : 1, all[i], &kept[i == 0 ? 0 : i == 4 ? 2 : 1]));
        for (int i = 0; i < 5 && kind == 8; i++) OK(wrt_ref_release(k.s, &kept[i]));
        OK(wrt_ref_release(k.s, &of));
        /* Zeros, and no elements. */
        of = array_default(&k, ARRAYS[kind], 5);
        OK(wrt_array_get(k.s, &of, 4, &v));
        CHECK(is_zero(v));
        OK(wrt_array_new_of(k.s, &t, NULL, 0, &empty));
        OK(wrt_array_copy(k.s, &empty, 0, &r, 1000, 0));
        OK(wrt_array_get_many(k.s, &empty, 0, NULL, 0));
        v = value(&k, kind, 1);
        OK(wrt_array_fill(k.s, &empty, 0, &v, 0));
        OK(wrt_array_len(k.s, &empty, &len));
        CHECK(len == 0);
        TRAPS(WRT_TRAP_ARRAY_OUT_OF_BOUNDS, wrt_array_get(k.s, &empty, 0, &v));
        OK(wrt_ref_release(k.s, &empty));
        v = value(&k, kind, 1);
        OK(wrt_array_new(k.s, &t, &v, 0, &empty));
        OK(wrt_array_len(k.s, &empty, &len));
        CHECK(len == 0 && v.kind == WRT_EMPTY);
        OK(wrt_ref_release(k.s, &empty));
        OK(wrt_ref_release(k.s, &of));
        OK(wrt_ref_release(k.s, &r));
        CHECK(alive(k.s, &k.counts) == 0);
    }
    kit_end(&k);
}

/* The bytes of numbers are copied in and out unchanged. */
static void bytes(void) {
    kit_t k = kit();
    static const size_t sizes[] = {1, 2, 4, 8, 4, 8, 16};
    uint8_t in[96], out[96];
    for (size_t i = 0; i < sizeof in; i++) in[i] = (uint8_t)(i * 37 + 130);
    for (int kind = 0; kind < 7; kind++) {
        wrt_type_t t = T(&k, ARRAYS[kind]);
        wrt_val_t v;
        wrt_ref_t r, empty;
        uint32_t len, size = (uint32_t)sizes[kind];
        OK(wrt_array_new_bytes(k.s, &t, in, sizeof in, &r));
        OK(wrt_array_len(k.s, &r, &len));
        CHECK(len == sizeof in / size);
        OK(wrt_array_get(k.s, &r, 1, &v));
        if (kind < 2) CHECK(v.of.i32 == (kind ? in[2] | in[3] << 8 : in[1])); /* zero-extended */
        else CHECK(memcmp(&v.of, in + size, size) == 0);
        memset(out, 0xaa, sizeof out);
        OK(wrt_array_read(k.s, &r, 2, out, sizeof out - 2 * size));
        CHECK(memcmp(out, in + 2 * size, sizeof out - 2 * size) == 0 && out[sizeof out - 2 * size] == 0xaa);
        OK(wrt_array_write(k.s, &r, len - 2, in, 2 * size));
        OK(wrt_array_read(k.s, &r, 0, out, sizeof out));
        CHECK(memcmp(out, in, sizeof out - 2 * size) == 0 && memcmp(out + sizeof out - 2 * size, in, 2 * size) == 0);
        OK(wrt_array_read(k.s, &r, len, NULL, 0));
        OK(wrt_array_write(k.s, &r, len, NULL, 0));
        OK(wrt_array_new_bytes(k.s, &t, NULL, 0, &empty));
        OK(wrt_array_len(k.s, &empty, &len));
        CHECK(len == 0);
        TRAPS(WRT_TRAP_ARRAY_OUT_OF_BOUNDS, wrt_array_write(k.s, &empty, 0, in, size));
        len = (uint32_t)(sizeof in / size);
        TRAPS(WRT_TRAP_ARRAY_OUT_OF_BOUNDS, wrt_array_read(k.s, &r, len, out, size));
        TRAPS(WRT_TRAP_ARRAY_OUT_OF_BOUNDS, wrt_array_read(k.s, &r, UINT32_MAX, out, 2 * size));
        TRAPS(WRT_TRAP_ARRAY_OUT_OF_BOUNDS, wrt_array_write(k.s, &r, 1, in, sizeof in));
        OK(wrt_array_read(k.s, &r, 0, out, size));
        CHECK(memcmp(out, in, size) == 0); /* nothing was written */
        if (size > 1) {
            BAD(wrt_array_new_bytes(k.s, &t, in, size + 1, &empty));
            BAD(wrt_array_read(k.s, &r, 0, out, size - 1));
            BAD(wrt_array_write(k.s, &r, 0, in, size - 1));
        }
        OK(wrt_ref_release(k.s, &r));
    }
    wrt_type_t fixed = T(&k, "fixed"), any = T(&k, "any"), func = T(&k, "func"), all = T(&k, "all"), i8 = T(&k, "i8");
    wrt_ref_t r, anys = array_default(&k, "any", 3), funcs = array_default(&k, "func", 3), s = new_default(&k, "all"),
                 stale = stale_ref(k.s), none = {0, 0};
    wrt_store_t *other = other_store(&k.w);
    wrt_ref_t elsewhere = i31_of(other, 0);
    /* Immutable arrays can be created from bytes, and read. */
    OK(wrt_array_new_bytes(k.s, &fixed, in, 8, &r));
    OK(wrt_array_read(k.s, &r, 0, out, 8));
    CHECK(memcmp(in, out, 8) == 0);
    MISMATCH(wrt_array_write(k.s, &r, 0, in, 4));
    MISMATCH(wrt_array_new_bytes(k.s, &any, in, 8, &none));
    MISMATCH(wrt_array_new_bytes(k.s, &func, in, 8, &none));
    MISMATCH(wrt_array_new_bytes(k.s, &all, in, 8, &none));
    BAD(wrt_array_new_bytes(NULL, &i8, in, 8, &none));
    BAD(wrt_array_new_bytes(k.s, NULL, in, 8, &none));
    BAD(wrt_array_new_bytes(k.s, &i8, NULL, 8, &none));
    BAD(wrt_array_new_bytes(k.s, &i8, in, 8, NULL));
    CHECK(is_empty_ref(none));
    const wrt_ref_t *wrong[] = {&anys, &funcs, &s};
    for (int i = 0; i < 3; i++) {
        MISMATCH(wrt_array_read(k.s, wrong[i], 0, out, 4));
        MISMATCH(wrt_array_write(k.s, wrong[i], 0, in, 4));
    }
    BAD(wrt_array_read(NULL, &r, 0, out, 4));
    BAD(wrt_array_read(k.s, NULL, 0, out, 4));
    BAD(wrt_array_read(k.s, &r, 0, NULL, 4));
    STALE(wrt_array_read(k.s, &none, 0, out, 4));
    STALE(wrt_array_read(k.s, &stale, 0, out, 4));
    FOREIGN(wrt_array_read(k.s, &elsewhere, 0, out, 4));
    BAD(wrt_array_write(NULL, &r, 0, in, 4));
    BAD(wrt_array_write(k.s, NULL, 0, in, 4));
    BAD(wrt_array_write(k.s, &r, 0, NULL, 4));
    STALE(wrt_array_write(k.s, &none, 0, in, 4));
    STALE(wrt_array_write(k.s, &stale, 0, in, 4));
    FOREIGN(wrt_array_write(k.s, &elsewhere, 0, in, 4));
    wrt_store_delete(other);
    kit_end(&k);
}

/* Lengths that exceed every heap, or that overflow when they are added. */
static void huge(void) {
    kit_t k = kit();
    wrt_type_t i8 = T(&k, "i8"), v128 = T(&k, "v128"), any = T(&k, "any");
    const wrt_type_t *types[] = {&i8, &v128, &any};
    static const uint32_t lens[] = {UINT32_MAX, UINT32_MAX - 7, 1u << 31, 1u << 29};
    wrt_ref_t r;
    wrt_val_t v;
    uint8_t bytes[4];
    for (int t = 0; t < 3; t++) {
        for (int i = 0; i < 4; i++) {
            r.store = 1;
            TRAPS(WRT_TRAP_HEAP_EXHAUSTED, wrt_array_new_default(k.s, types[t], lens[i], &r));
            CHECK(is_empty_ref(r));
            v = value(&k, t == 1 ? 6 : t == 2 ? 9 : 0, 5);
            TRAPS(WRT_TRAP_HEAP_EXHAUSTED, wrt_array_new(k.s, types[t], &v, lens[i], &r));
            CHECK(v.kind == WRT_EMPTY && is_empty_ref(r));
        }
    }
    /* A length that takes a large part of the heap succeeds. */
    r = array_default(&k, "i8", 10 << 20);
    v = i32_val(-1);
    OK(wrt_array_fill(k.s, &r, 1, &v, (10 << 20) - 1));
    OK(wrt_array_read(k.s, &r, (10 << 20) - 4, bytes, 4));
    CHECK(bytes[0] == 0xff && bytes[3] == 0xff);
    OK(wrt_array_read(k.s, &r, 0, bytes, 4));
    CHECK(bytes[0] == 0 && bytes[1] == 0xff);
    v = i32_val(0);
    TRAPS(WRT_TRAP_ARRAY_OUT_OF_BOUNDS, wrt_array_fill(k.s, &r, 2, &v, UINT32_MAX));
    CHECK(v.kind == WRT_EMPTY);
    TRAPS(WRT_TRAP_ARRAY_OUT_OF_BOUNDS, wrt_array_copy(k.s, &r, 1, &r, UINT32_MAX, 1));
    TRAPS(WRT_TRAP_ARRAY_OUT_OF_BOUNDS, wrt_array_copy(k.s, &r, UINT32_MAX, &r, 0, 1));
    TRAPS(WRT_TRAP_ARRAY_OUT_OF_BOUNDS, wrt_array_copy(k.s, &r, 1, &r, 2, UINT32_MAX));
    TRAPS(WRT_TRAP_ARRAY_OUT_OF_BOUNDS, wrt_array_get(k.s, &r, UINT32_MAX, &v));
    CHECK(v.kind == WRT_EMPTY);
    BAD(wrt_array_get_many(k.s, &r, 0, &v, SIZE_MAX));
    BAD(wrt_array_new_of(k.s, &i8, &v, SIZE_MAX, &r));
    kit_end(&k);
}

static void made_wrongly(void) {
    kit_t k = kit();
    wrt_store_t *other = other_store(&k.w);
    wrt_type_t externs = T(&k, "extern"), solid = T(&k, "solid"), all = T(&k, "all"), any = plain_type(WRT_ARRAYREF, true),
               empty = {0}, anys = T(&k, "any");
    wrt_ref_t out = i31_of(k.s, 1), elsewhere = i31_of(other, 1), stale = stale_ref(k.s);
    wrt_val_t v, many[3];
    uint32_t len;
    BAD(wrt_array_new_default(NULL, &externs, 1, &out));
    CHECK(is_empty_ref(out));
    BAD(wrt_array_new_default(k.s, NULL, 1, &out));
    BAD(wrt_array_new_default(k.s, &externs, 1, NULL));
    BAD(wrt_array_new_default(k.s, &empty, 1, &out));
    MISMATCH(wrt_array_new_default(k.s, &all, 1, &out));
    MISMATCH(wrt_array_new_default(k.s, &any, 1, &out));
    MISMATCH(wrt_array_new_default(k.s, &solid, 1, &out));
    MISMATCH(wrt_array_new_default(k.s, &solid, 0, &out));
    BAD(wrt_array_new(k.s, &externs, NULL, 1, &out));
    v = i32_val(1);
    BAD(wrt_array_new(NULL, &externs, &v, 1, &out));
    TAKES(ARGUMENT, value(&k, 8, 0), wrt_array_new(k.s, NULL, &v, 1, &out));
    TAKES(ARGUMENT, value(&k, 8, 0), wrt_array_new(k.s, &externs, &v, 1, NULL));
    TAKES(ARGUMENT, value(&k, 8, 0), wrt_array_new(k.s, &empty, &v, 1, &out));
    TAKES(TYPE, value(&k, 8, 0), wrt_array_new(k.s, &all, &v, 1, &out));
    TAKES(TYPE, value(&k, 8, 0), wrt_array_new(k.s, &anys, &v, 1, &out));
    TAKES(TYPE, value(&k, 8, 0), wrt_array_new(k.s, &anys, &v, 0, &out));
    TAKES(TYPE, null_val(WRT_ANYREF), wrt_array_new(k.s, &solid, &v, 1, &out));
    TAKES(GONE, ref_val(WRT_ANYREF, stale), wrt_array_new(k.s, &anys, &v, 1, &out));
    v = ref_val(WRT_ANYREF, elsewhere);
    FOREIGN(wrt_array_new(k.s, &anys, &v, 1, &out));
    CHECK(v.kind == WRT_ANYREF && is_empty_ref(out));
    v = value(&k, 9, 3);
    OK(wrt_array_new(k.s, &solid, &v, 2, &out));
    OK(wrt_array_len(k.s, &out, &len));
    CHECK(len == 2);
    BAD(wrt_array_new_of(NULL, &externs, NULL, 0, &out));
    BAD(wrt_array_new_of(k.s, &externs, NULL, 1, &out));
    many[0] = value(&k, 8, 0), many[1] = ref_val(WRT_ANYREF, elsewhere), many[2] = value(&k, 9, 0);
    MISMATCH(wrt_array_new_of(k.s, &anys, many, 3, &out));
    CHECK(many[0].kind == WRT_EMPTY && many[1].kind == WRT_ANYREF && many[2].kind == WRT_EMPTY);
    many[0] = value(&k, 9, 0), many[2] = value(&k, 9, 0);
    FOREIGN(wrt_array_new_of(k.s, &anys, many, 3, &out));
    CHECK(many[0].kind == WRT_EMPTY && many[1].kind == WRT_ANYREF && many[2].kind == WRT_EMPTY);
    /* The same reference twice: both are taken, and it is stored in both places. */
    many[0] = many[1] = value(&k, 8, 0);
    OK(wrt_array_new_of(k.s, &externs, many, 2, &out));
    CHECK(many[0].kind == WRT_EMPTY && many[1].kind == WRT_EMPTY && alive(k.s, &k.counts) == 1);
    OK(wrt_array_get_many(k.s, &out, 0, many, 2));
    CHECK(same_ref(k.s, many[0].of.ref, many[1].of.ref));
    many[0] = value(&k, 8, 0);
    BAD(wrt_array_new_of(k.s, &externs, many, 1, NULL));
    CHECK(many[0].kind == WRT_EMPTY);
    wrt_store_delete(other);
    kit_end(&k);
}

static void used_wrongly(void) {
    kit_t k = kit();
    wrt_store_t *other = other_store(&k.w);
    wrt_type_t fixed = T(&k, "fixed");
    wrt_ref_t r = array_default(&k, "extern", 3), s = new_default(&k, "all"), host = object(k.s, &k.counts),
              none = {0, 0}, stale = stale_ref(k.s), elsewhere = i31_of(other, 0), constant, i31 = i31_of(k.s, 0);
    const struct {
        const wrt_ref_t *r;
        uint8_t kind;
    } wrong[] = {{NULL, ARGUMENT}, {&s, TYPE}, {&host, TYPE}, {&i31, TYPE}, {&none, GONE}, {&stale, GONE}, {&elsewhere, OTHER}};
    wrt_val_t v, many[2];
    uint32_t n;
    v = i32_val(1);
    OK(wrt_array_new(k.s, &fixed, &v, 2, &constant));
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        const wrt_ref_t *a = wrong[i].r;
        FAILS(wrong[i].kind, wrt_array_len(k.s, a, &n));
        FAILS(wrong[i].kind, wrt_array_get(k.s, a, 0, &v));
        many[0] = many[1] = i32_val(1);
        FAILS(wrong[i].kind, wrt_array_get_many(k.s, a, 0, many, 2));
        CHECK(n == 0 && v.kind == WRT_EMPTY && many[0].kind == WRT_EMPTY && many[1].kind == WRT_EMPTY);
        TAKES(wrong[i].kind, value(&k, 8, 0), wrt_array_set(k.s, a, 0, &v));
        TAKES(wrong[i].kind, value(&k, 8, 0), wrt_array_fill(k.s, a, 0, &v, 1));
        FAILS(wrong[i].kind, wrt_array_copy(k.s, a, 0, &r, 0, 1));
        FAILS(wrong[i].kind, wrt_array_copy(k.s, &r, 0, a, 0, 1));
    }
    BAD(wrt_array_len(NULL, &r, &n));
    BAD(wrt_array_len(k.s, &r, NULL));
    BAD(wrt_array_get(NULL, &r, 0, &v));
    BAD(wrt_array_get(k.s, &r, 0, NULL));
    TRAPS(WRT_TRAP_ARRAY_OUT_OF_BOUNDS, wrt_array_get(k.s, &r, 3, &v));
    BAD(wrt_array_get_many(NULL, &r, 0, many, 2));
    BAD(wrt_array_get_many(k.s, &r, 0, NULL, 2));
    many[0] = many[1] = i32_val(1);
    TRAPS(WRT_TRAP_ARRAY_OUT_OF_BOUNDS, wrt_array_get_many(k.s, &r, 2, many, 2));
    CHECK(many[0].kind == WRT_EMPTY && many[1].kind == WRT_EMPTY);
    TRAPS(WRT_TRAP_ARRAY_OUT_OF_BOUNDS, wrt_array_get_many(k.s, &r, 4, NULL, 0));
    BAD(wrt_array_set(k.s, &r, 0, NULL));
    BAD(wrt_array_fill(k.s, &r, 0, NULL, 1));
    v = i32_val(1);
    BAD(wrt_array_set(NULL, &r, 0, &v));
    BAD(wrt_array_fill(NULL, &r, 0, &v, 1));
    v = value(&k, 8, 0);
    TRAPS(WRT_TRAP_ARRAY_OUT_OF_BOUNDS, wrt_array_set(k.s, &r, 3, &v));
    CHECK(v.kind == WRT_EMPTY);
    v = value(&k, 8, 0);
    TRAPS(WRT_TRAP_ARRAY_OUT_OF_BOUNDS, wrt_array_fill(k.s, &r, 2, &v, 2));
    CHECK(v.kind == WRT_EMPTY && alive(k.s, &k.counts) == 1); /* nothing was written */
    TAKES(TYPE, value(&k, 9, 0), wrt_array_set(k.s, &r, 0, &v));
    TAKES(TYPE, value(&k, 9, 0), wrt_array_fill(k.s, &r, 0, &v, 1));
    TAKES(TYPE, i32_val(1), wrt_array_set(k.s, &constant, 0, &v));
    TAKES(TYPE, i32_val(1), wrt_array_fill(k.s, &constant, 0, &v, 0));
    v = ref_val(WRT_EXTERNREF, elsewhere);
    FOREIGN(wrt_array_set(k.s, &r, 0, &v));
    FOREIGN(wrt_array_fill(k.s, &r, 0, &v, 1));
    CHECK(v.kind == WRT_EXTERNREF);
    BAD(wrt_array_copy(NULL, &r, 0, &r, 0, 1));
    TRAPS(WRT_TRAP_ARRAY_OUT_OF_BOUNDS, wrt_array_copy(k.s, &r, 2, &r, 0, 2));
    TRAPS(WRT_TRAP_ARRAY_OUT_OF_BOUNDS, wrt_array_copy(k.s, &r, 0, &r, 2, 2));
    MISMATCH(wrt_array_copy(k.s, &constant, 0, &constant, 0, 0));
    /* Elements of a subtype can be copied, those of a supertype cannot. */
    wrt_ref_t anys = array_default(&k, "any", 2), eqs = array_default(&k, "eq", 2), bytes = array_default(&k, "i8", 2),
              shorts = array_default(&k, "i16", 2), ints = array_default(&k, "i32", 2);
    v = value(&k, 9, 6);
    OK(wrt_array_fill(k.s, &eqs, 0, &v, 2));
    OK(wrt_array_copy(k.s, &anys, 0, &eqs, 0, 2));
    OK(wrt_array_get(k.s, &anys, 1, &v));
    CHECK(is_value(&k, 9, 6, v, NULL));
    MISMATCH(wrt_array_copy(k.s, &eqs, 0, &anys, 0, 2));
    MISMATCH(wrt_array_copy(k.s, &anys, 0, &r, 0, 2));
    MISMATCH(wrt_array_copy(k.s, &bytes, 0, &shorts, 0, 2));
    MISMATCH(wrt_array_copy(k.s, &shorts, 0, &ints, 0, 2));
    OK(wrt_array_copy(k.s, &ints, 0, &constant, 0, 2));
    OK(wrt_array_get(k.s, &ints, 1, &v));
    CHECK(v.kind == WRT_I32 && v.of.i32 == 1);
    wrt_store_delete(other);
    kit_end(&k);
}

int main(void) {
    for (zeal = 0; zeal < 3; zeal++) {
        arrays();
        bytes();
        huge();
        made_wrongly();
        used_wrongly();
    }
    return 0;
}
