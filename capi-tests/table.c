/* Tables: values are taken, also by calls that fail; values of another store stay. */
#include "test.h"

int main(void) {
    wrt_engine_t *engine = engine_new();
    const char *wat =
        "(module (table (export \"t\") 4 8 funcref) (elem (i32.const 1) $a $b)"
        " (func $a (result i32) (i32.const 1)) (func $b (export \"b\") (result i32) (i32.const 2))"
        " (func (export \"call\") (param i32) (result i32) (call_indirect (result i32) (local.get 0))))";
    world_t w = world_new(engine, wat), other = world_new(engine, wat);
    wrt_table_t t;
    OK(wrt_instance_get_table(w.store, &w.instance, TEXT("t"), &t));
    wrt_func_t b = func_get(&w, "b"), call = func_get(&w, "call"), foreign = func_get(&other, "b");
    uint64_t size;
    OK(wrt_table_size(w.store, &t, &size));
    CHECK(size == 4);

    wrt_val_t v;
    OK(wrt_table_get(w.store, &t, 0, &v));
    CHECK(v.kind == WRT_FUNCREF && v.of.func.store == 0);
    OK(wrt_table_get(w.store, &t, 2, &v));
    CHECK(v.kind == WRT_FUNCREF && wrt_func_equal(&v.of.func, &b));
    OK(wrt_table_set(w.store, &t, 0, &v));
    CHECK(v.kind == WRT_EMPTY);
    FAILS(INVALID_ARGUMENT, wrt_table_set(w.store, &t, 0, &v)); /* it is empty now */
    wrt_val_t arg = i32(0), result;
    OK(wrt_func_call(w.store, &call, &arg, 1, &result, 1));
    CHECK(result.of.i32 == 2);

    v = funcref(&b);
    TRAPS(TABLE_OUT_OF_BOUNDS, wrt_table_set(w.store, &t, 4, &v));
    CHECK(v.kind == WRT_EMPTY);
    v = i32(3);
    FAILS(TYPE_MISMATCH, wrt_table_set(w.store, &t, 0, &v));
    CHECK(v.kind == WRT_EMPTY);
    v = funcref(&foreign);
    FAILS(WRONG_STORE, wrt_table_set(w.store, &t, 0, &v));
    CHECK(v.kind == WRT_FUNCREF);
    FAILS(WRONG_STORE, wrt_table_grow(w.store, &t, 1, &v, NULL));
    CHECK(v.kind == WRT_FUNCREF);

    v = funcref(&b);
    OK(wrt_table_grow(w.store, &t, 2, &v, &size));
    CHECK(size == 4 && v.kind == WRT_EMPTY);
    v = funcref(NULL);
    FAILS(LIMIT, wrt_table_grow(w.store, &t, 3, &v, &size));
    CHECK(v.kind == WRT_EMPTY && size == 0);
    v = funcref(NULL);
    OK(wrt_table_fill(w.store, &t, 0, &v, 2));
    arg = i32(1);
    TRAPS(UNINITIALIZED_ELEMENT, wrt_func_call(w.store, &call, &arg, 1, &result, 1));
    OK(wrt_table_copy(w.store, &t, 0, &t, 2, 2));
    arg = i32(0);
    OK(wrt_func_call(w.store, &call, &arg, 1, &result, 1));
    CHECK(result.of.i32 == 2);
    TRAPS(TABLE_OUT_OF_BOUNDS, wrt_table_copy(w.store, &t, 5, &t, 0, 2));

    wrt_size_limits_t limits;
    uint8_t kind;
    OK(wrt_table_type(w.store, &t, &kind, &limits));
    CHECK(kind == WRT_FUNCREF && limits.min == 6 && limits.max == 8);
    v = funcref(NULL);
    limits = (wrt_size_limits_t){.min = 3};
    wrt_table_t made;
    OK(wrt_table_new(w.store, WRT_FUNCREF, &limits, &v, &made));
    CHECK(v.kind == WRT_EMPTY);
    v = funcref(NULL);
    FAILS(TYPE_MISMATCH, wrt_table_new(w.store, WRT_I32, &limits, &v, &made));
    v = funcref(NULL);
    FAILS(UNSUPPORTED, wrt_table_new(w.store, WRT_EXTERNREF, &limits, &v, &made));
    limits.min = UINT64_MAX;
    v = funcref(NULL);
    FAILS(LIMIT, wrt_table_new(w.store, WRT_FUNCREF, &limits, &v, &made));
    world_delete(&w);
    world_delete(&other);
    wrt_engine_delete(engine);
    return 0;
}
