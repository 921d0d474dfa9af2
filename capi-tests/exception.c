/* Exceptions as objects: creating and inspecting them. Each test runs normally, with a collection at every allocation, and with one at
 * every second allocation. throw.c tests throwing and catching, exnref.c tests storing references to exceptions. */
#include "exceptions.h"
#include "kinds.h"

/* The values of a tag of all kinds: the fields of $all from the third on, which are not packed, and an exception. */
enum { FIRST = 2, LAST = 10, CARRIED = LAST - FIRST + 2 };

static wrt_tag_t tag_of_all(kit_t *k) {
    wrt_type_t all = T(k, "all"), params[CARRIED];
    wrt_functype_t *type;
    wrt_tag_t tag;
    for (uint32_t i = FIRST; i <= LAST; i++) {
        wrt_field_t field;
        OK(wrt_type_field(k->w.engine, &all, i, &field));
        params[i - FIRST] = field.type;
    }
    params[CARRIED - 1] = plain_type(WRT_EXNREF, true);
    OK(wrt_functype_of(k->w.engine, params, CARRIED, NULL, 0, &type));
    OK(wrt_tag_new(k->s, type, &tag));
    wrt_functype_delete(type);
    return tag;
}

/* An exception of all kinds; `kept` becomes a reference to the host object in it. */
static wrt_ref_t exception_of_all(kit_t *k, wrt_tag_t tag, int n, wrt_ref_t inner, wrt_ref_t *kept) {
    wrt_val_t v[CARRIED];
    wrt_ref_t r;
    for (int i = FIRST; i <= LAST; i++) v[i - FIRST] = value(k, i, n);
    OK(wrt_ref_clone(k->s, &v[8 - FIRST].of.ref, kept));
    v[CARRIED - 1] = ref_val(WRT_EXNREF, inner);
    OK(wrt_exception_new(k->s, &tag, v, CARRIED, &r));
    for (int i = 0; i < CARRIED; i++) CHECK(v[i].kind == WRT_EMPTY);
    return r;
}

static void values_of_every_kind(void) {
    kit_t k = kit();
    wrt_tag_t tag = tag_of_all(&k), got;
    wrt_ref_t kept, none = {0, 0}, kept_inner;
    wrt_ref_t inner = exception_of_all(&k, tag, 3, none, &kept_inner), inner_clone;
    wrt_val_t v, all[CARRIED];
    uint32_t count;
    OK(wrt_ref_clone(k.s, &inner, &inner_clone));
    wrt_ref_t r = exception_of_all(&k, tag, 7, inner, &kept);
    for (int round = 0; round < 3; round++) {
        OK(wrt_exception_tag(k.s, &r, &got));
        CHECK(wrt_tag_equal(&got, &tag));
        OK(wrt_exception_value_count(k.s, &r, &count));
        CHECK(count == CARRIED);
        for (int i = FIRST; i <= LAST; i++) {
            OK(wrt_exception_value(k.s, &r, (uint32_t)(i - FIRST), &v));
            CHECK(is_value(&k, i, 7, v, &kept));
        }
        OK(wrt_exception_values(k.s, &r, all, CARRIED));
        for (int i = FIRST; i <= LAST; i++) CHECK(is_value(&k, i, 7, all[i - FIRST], &kept));
        v = all[CARRIED - 1];
        CHECK(v.kind == WRT_EXNREF && same_ref(k.s, v.of.ref, inner_clone));
        wrt_val_t deep;
        OK(wrt_exception_value(k.s, &v.of.ref, 0, &deep));
        CHECK(is_value(&k, FIRST, 3, deep, NULL));
        OK(wrt_exception_value(k.s, &v.of.ref, CARRIED - 1, &deep));
        CHECK(deep.kind == WRT_EXNREF && is_empty_ref(deep.of.ref));
        OK(wrt_ref_release(k.s, &v.of.ref));
        OK(wrt_store_gc(k.s));
    }
    OK(wrt_ref_release(k.s, &kept));
    OK(wrt_ref_release(k.s, &kept_inner));
    OK(wrt_ref_release(k.s, &inner_clone));
    CHECK(alive(k.s, &k.counts) == 2);
    OK(wrt_ref_release(k.s, &r));
    CHECK(alive(k.s, &k.counts) == 0);
    kit_end(&k);
}

static void without_values(void) {
    kit_t k = kit();
    wrt_tag_t tag = tag_of_type(k.s, "()");
    wrt_ref_t r, second;
    uint32_t count = 9;
    wrt_val_t v = i32_val(3);
    OK(wrt_exception_new(k.s, &tag, NULL, 0, &r));
    OK(wrt_exception_new(k.s, &tag, NULL, 0, &second));
    OK(wrt_exception_value_count(k.s, &r, &count));
    CHECK(count == 0 && !same_ref(k.s, r, second));
    OK(wrt_exception_values(k.s, &r, NULL, 0));
    BAD(wrt_exception_value(k.s, &r, 0, &v));
    CHECK(v.kind == WRT_EMPTY);
    kit_end(&k);
}

static void wrong_values(void) {
    kit_t k = kit();
    wrt_tag_t tag = tag_of_type(k.s, "(i32, externref)");
    wrt_store_t *other = other_store(&k.w);
    wrt_ref_t r, foreign, stale = stale_ref(k.s);
    wrt_val_t v[3];
#define VALUES(a, b) (v[0] = (a), v[1] = (b), v[2] = i32_val(1))
    VALUES(i32_val(1), ref_val(WRT_EXTERNREF, object(k.s, &k.counts)));
    MISMATCH(wrt_exception_new(k.s, &tag, v, 1, &r));
    CHECK(is_empty_ref(r) && v[0].kind == WRT_EMPTY && v[1].kind == WRT_EXTERNREF);
    v[0] = i32_val(1);
    MISMATCH(wrt_exception_new(k.s, &tag, v, 3, &r));
    CHECK(v[0].kind == WRT_EMPTY && v[1].kind == WRT_EMPTY && v[2].kind == WRT_EMPTY);
    VALUES(i32_val(1), ref_val(WRT_ANYREF, object(k.s, &k.counts)));
    MISMATCH(wrt_exception_new(k.s, &tag, v, 2, &r));
    CHECK(v[0].kind == WRT_EMPTY && v[1].kind == WRT_EMPTY);
    VALUES(null_val(WRT_EXTERNREF), ref_val(WRT_EXTERNREF, object(k.s, &k.counts)));
    MISMATCH(wrt_exception_new(k.s, &tag, v, 2, &r));
    VALUES(i32_val(1), ref_val(WRT_EXTERNREF, stale));
    STALE(wrt_exception_new(k.s, &tag, v, 2, &r));
    CHECK(v[1].kind == WRT_EMPTY);
    VALUES(i32_val(1), i32_val(1));
    v[1].kind = WRT_EMPTY;
    BAD(wrt_exception_new(k.s, &tag, v, 2, &r));
    v[0] = i32_val(1), v[1].kind = 77;
    BAD(wrt_exception_new(k.s, &tag, v, 2, &r));
    BAD(wrt_exception_new(k.s, &tag, NULL, 2, &r));
    /* Values of another store keep their owner. */
    foreign = object(other, &k.counts);
    VALUES(i32_val(1), ref_val(WRT_EXTERNREF, foreign));
    FOREIGN(wrt_exception_new(k.s, &tag, v, 2, &r));
    CHECK(v[0].kind == WRT_EMPTY && v[1].kind == WRT_EXTERNREF && is_empty_ref(r));
    wrt_store_delete(other);
    CHECK(alive(k.s, &k.counts) == 0);
    kit_end(&k);
}

/* An exception is neither an any nor an extern, and no other reference is an exception. */
static void wrong_references(void) {
    kit_t k = kit();
    wrt_ref_t r;
    wrt_val_t v;
    wrt_tag_t number = tag_of_type(k.s, "(i32)"), takes = tag_of_type(k.s, "(exnref)"), any = tag_of_type(k.s, "(anyref)");
    wrt_tag_t external = tag_of_type(k.s, "(externref)");
    TAKES(TYPE, ref_val(WRT_EXTERNREF, number_exception(k.s, number, 1)), wrt_exception_new(k.s, &external, &v, 1, &r));
    TAKES(TYPE, ref_val(WRT_ANYREF, number_exception(k.s, number, 1)), wrt_exception_new(k.s, &any, &v, 1, &r));
    TAKES(TYPE, ref_val(WRT_EXNREF, object(k.s, &k.counts)), wrt_exception_new(k.s, &takes, &v, 1, &r));
    TAKES(TYPE, ref_val(WRT_EXNREF, i31_of(k.s, 1)), wrt_exception_new(k.s, &takes, &v, 1, &r));
    TAKES(TYPE, ref_val(WRT_EXNREF, new_default(&k, "none")), wrt_exception_new(k.s, &takes, &v, 1, &r));
    CHECK(alive(k.s, &k.counts) == 0);
    kit_end(&k);
}

static void all_uses(wrt_store_t *s, wrt_ref_t r, uint8_t kind) {
    wrt_tag_t tag;
    uint32_t count = 7;
    wrt_val_t v = i32_val(1), many[2] = {i32_val(1), i32_val(1)};
    memset(&tag, 0xee, sizeof tag);
    FAILS(kind, wrt_exception_tag(s, &r, &tag));
    CHECK(EMPTY_HANDLE(tag));
    FAILS(kind, wrt_exception_value_count(s, &r, &count));
    CHECK(count == 0);
    FAILS(kind, wrt_exception_value(s, &r, 0, &v));
    CHECK(v.kind == WRT_EMPTY);
    FAILS(kind, wrt_exception_values(s, &r, many, 2));
    CHECK(many[0].kind == WRT_EMPTY && many[1].kind == WRT_EMPTY);
    wrt_ref_t slot = r;
    FAILS(kind, wrt_error_new_exception(s, &slot));
    CHECK(kind == OTHER ? slot.root == r.root : is_empty_ref(slot));
}

static void what_is_no_exception(void) {
    kit_t k = kit();
    wrt_store_t *other = other_store(&k.w);
    wrt_tag_t foreign = tag_of_type(other, "(i32)");
    wrt_ref_t empty = {0, 0}, of_func;
    OK(wrt_ref_of_func(k.s, &k.funcs[0], &of_func));
    all_uses(k.s, object(k.s, &k.counts), TYPE);
    all_uses(k.s, i31_of(k.s, 4), TYPE);
    all_uses(k.s, new_default(&k, "all"), TYPE);
    all_uses(k.s, array_default(&k, "i32", 3), TYPE);
    all_uses(k.s, of_func, TYPE);
    all_uses(k.s, empty, GONE);
    all_uses(k.s, stale_ref(k.s), GONE);
    all_uses(k.s, number_exception(other, foreign, 1), OTHER);
    CHECK(alive(k.s, &k.counts) == 0);
    wrt_store_delete(other);
    kit_end(&k);
}

static void misused(void) {
    kit_t k = kit();
    wrt_tag_t tag = tag_of_type(k.s, "(i32)"), out_tag;
    wrt_ref_t r = number_exception(k.s, tag, 6), out = r;
    wrt_val_t v = i32_val(1), two[2];
    uint32_t count = 5;
    wrt_error_t *error = wrt_error_new(WRT_ERROR_KIND_IO, TEXT("x"));
    BAD(wrt_exception_new(NULL, &tag, &v, 1, &out));
    CHECK(is_empty_ref(out));
    TAKES(ARGUMENT, i32_val(1), wrt_exception_new(k.s, NULL, &v, 1, &out));
    TAKES(ARGUMENT, i32_val(1), wrt_exception_new(k.s, &tag, &v, 1, NULL));
    BAD(wrt_exception_tag(NULL, &r, &out_tag));
    BAD(wrt_exception_tag(k.s, NULL, &out_tag));
    BAD(wrt_exception_tag(k.s, &r, NULL));
    BAD(wrt_exception_value_count(NULL, &r, &count));
    BAD(wrt_exception_value_count(k.s, NULL, &count));
    CHECK(count == 0);
    BAD(wrt_exception_value_count(k.s, &r, NULL));
    BAD(wrt_exception_value(NULL, &r, 0, &v));
    BAD(wrt_exception_value(k.s, NULL, 0, &v));
    BAD(wrt_exception_value(k.s, &r, 0, NULL));
    BAD(wrt_exception_value(k.s, &r, 1, &v));
    BAD(wrt_exception_value(k.s, &r, UINT32_MAX, &v));
    CHECK(v.kind == WRT_EMPTY);
    MISMATCH(wrt_exception_values(k.s, &r, two, 2));
    MISMATCH(wrt_exception_values(k.s, &r, NULL, 0));
    BAD(wrt_exception_values(NULL, &r, two, 1));
    BAD(wrt_exception_values(k.s, NULL, two, 1));
    BAD(wrt_exception_values(k.s, &r, NULL, 1));
    BAD(wrt_exception_values(k.s, &r, two, SIZE_MAX));
    BAD(wrt_error_exception(NULL, error, &out));
    BAD(wrt_error_exception(k.s, NULL, &out));
    BAD(wrt_error_exception(k.s, error, NULL));
    out = r;
    OK(wrt_error_exception(k.s, error, &out));
    CHECK(is_empty_ref(out));
    BAD(wrt_error_new_exception(NULL, &r));
    BAD(wrt_error_new_exception(k.s, NULL));
    CHECK(carried_number(k.s, r) == 6);
    /* The reference can be in the memory that the result is written to. */
    v = ref_val(WRT_EXNREF, r);
    OK(wrt_exception_value(k.s, &v.of.ref, 0, &v));
    CHECK(v.kind == WRT_I32 && v.of.i32 == 6);
    v = ref_val(WRT_EXNREF, r);
    OK(wrt_exception_values(k.s, &v.of.ref, &v, 1));
    CHECK(v.kind == WRT_I32 && v.of.i32 == 6);
    wrt_error_delete(error);
    kit_end(&k);
}

int main(void) {
    for (zeal = 0; zeal < 3; zeal++) {
        values_of_every_kind();
        without_values();
        wrong_values();
        wrong_references();
        what_is_no_exception();
        misused();
    }
    return 0;
}
