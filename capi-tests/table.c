/* Tables of functions. */
#include "test.h"

static const char *const DISPATCH =
    "(module (type $t (func (result i32))) (table (export \"t\") 4 8 funcref)"
    " (elem (i32.const 0) $a $b)"
    " (func $a (export \"a\") (result i32) (i32.const 10))"
    " (func $b (export \"b\") (result i32) (i32.const 20))"
    " (func (export \"v\"))"
    " (func (export \"call\") (param i32) (result i32) (call_indirect (type $t) (local.get 0))))";

static void elements(void) {
    world_t w = world();
    wrt_instance_t instance = instance_of(w.engine, w.store, DISPATCH);
    wrt_table_t t;
    OK(wrt_instance_get_table(w.store, &instance, TEXT("t"), &t));
    wrt_func_t a = func_of(w.store, &instance, "a"), b = func_of(w.store, &instance, "b"),
               v = func_of(w.store, &instance, "v"), call = func_of(w.store, &instance, "call");
    wrt_val_t value;
    uint64_t n;
    int32_t got;
    OK(wrt_table_size(w.store, &t, &n));
    CHECK(n == 4);
    OK(wrt_table_get(w.store, &t, 1, &value));
    CHECK(value.kind == WRT_FUNCREF && wrt_func_equal(&value.of.func, &b));
    OK(wrt_table_get(w.store, &t, 2, &value));
    CHECK(value.kind == WRT_FUNCREF && value.of.func.store == 0);
    TRAPS(WRT_TRAP_TABLE_OUT_OF_BOUNDS, wrt_table_get(w.store, &t, 4, &value));
    CHECK(value.kind == WRT_EMPTY);

    /* Storing a value takes ownership of it. */
    value = func_val(&a);
    OK(wrt_table_set(w.store, &t, 3, &value));
    CHECK(value.kind == WRT_EMPTY);
    OK(call_i32(w.store, &call, 1, 3, 0, &got));
    CHECK(got == 10);
    value = func_val(&a);
    TRAPS(WRT_TRAP_TABLE_OUT_OF_BOUNDS, wrt_table_set(w.store, &t, 4, &value));
    CHECK(value.kind == WRT_EMPTY);
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_table_set(w.store, &t, 0, &value));
    value = i32_val(3);
    FAILS(WRT_ERROR_KIND_TYPE_MISMATCH, wrt_table_set(w.store, &t, 0, &value));
    CHECK(value.kind == WRT_EMPTY);

    TRAPS(WRT_TRAP_UNINITIALIZED_ELEMENT, call_i32(w.store, &call, 1, 2, 0, &got));
    TRAPS(WRT_TRAP_UNDEFINED_ELEMENT, call_i32(w.store, &call, 1, 4, 0, &got));
    value = func_val(&v);
    OK(wrt_table_set(w.store, &t, 2, &value));
    TRAPS(WRT_TRAP_INDIRECT_CALL_TYPE_MISMATCH, call_i32(w.store, &call, 1, 2, 0, &got));

    value = func_val(&b);
    OK(wrt_table_grow(w.store, &t, 2, &value, &n));
    CHECK(n == 4 && value.kind == WRT_EMPTY);
    OK(call_i32(w.store, &call, 1, 5, 0, &got));
    CHECK(got == 20);
    value = func_val(NULL);
    FAILS(WRT_ERROR_KIND_LIMIT, wrt_table_grow(w.store, &t, 3, &value, &n));
    CHECK(n == 0);
    value = func_val(&a);
    OK(wrt_table_fill(w.store, &t, 1, &value, 2));
    OK(call_i32(w.store, &call, 1, 2, 0, &got));
    CHECK(got == 10);
    value = func_val(NULL);
    TRAPS(WRT_TRAP_TABLE_OUT_OF_BOUNDS, wrt_table_fill(w.store, &t, 5, &value, 2));
    OK(wrt_table_copy(w.store, &t, 0, &t, 4, 2));
    OK(call_i32(w.store, &call, 1, 0, 0, &got));
    CHECK(got == 20);
    TRAPS(WRT_TRAP_TABLE_OUT_OF_BOUNDS, wrt_table_copy(w.store, &t, 5, &t, 0, 2));
    uint8_t kind;
    wrt_size_limits_t limits;
    OK(wrt_table_type(w.store, &t, &kind, &limits));
    CHECK(kind == WRT_FUNCREF && limits.min == 6 && limits.has_max && limits.max == 8);
    world_end(&w);
}

static void made_by_the_host(void) {
    world_t w = world();
    wrt_table_t t;
    wrt_size_limits_t limits = {3, 0, 0}, bad = {3, 1, 1};
    wrt_val_t null = func_val(NULL);
    OK(wrt_table_new(w.store, WRT_FUNCREF, &limits, &null, &t));
    CHECK(null.kind == WRT_EMPTY);
    null = func_val(NULL);
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_table_new(w.store, WRT_FUNCREF, &bad, &null, &t));
    CHECK(null.kind == WRT_EMPTY && t.store == 0);
    null = func_val(NULL);
    FAILS(WRT_ERROR_KIND_TYPE_MISMATCH, wrt_table_new(w.store, WRT_I32, &limits, &null, &t));
    null = func_val(NULL);
    FAILS(WRT_ERROR_KIND_TYPE_MISMATCH, wrt_table_new(w.store, WRT_EXTERNREF, &limits, &null, &t));
    limits.min = UINT64_MAX;
    null = func_val(NULL);
    FAILS(WRT_ERROR_KIND_LIMIT, wrt_table_new(w.store, WRT_FUNCREF, &limits, &null, &t));
    world_end(&w);
}

/* A value of another store is rejected and stays with its owner. */
static void foreign_values_stay(void) {
    world_t w = world(), other = world();
    wrt_instance_t instance = instance_of(w.engine, w.store, DISPATCH);
    wrt_instance_t foreign = instance_of(other.engine, other.store, DISPATCH);
    wrt_table_t t;
    OK(wrt_instance_get_table(w.store, &instance, TEXT("t"), &t));
    wrt_func_t f = func_of(other.store, &foreign, "a");
    wrt_val_t value = func_val(&f);
    FAILS(WRT_ERROR_KIND_WRONG_STORE, wrt_table_set(w.store, &t, 0, &value));
    CHECK(value.kind == WRT_FUNCREF && wrt_func_equal(&value.of.func, &f));
    FAILS(WRT_ERROR_KIND_WRONG_STORE, wrt_table_fill(w.store, &t, 0, &value, 1));
    FAILS(WRT_ERROR_KIND_WRONG_STORE, wrt_table_grow(w.store, &t, 1, &value, NULL));
    CHECK(value.kind == WRT_FUNCREF);
    world_end(&other);
    world_end(&w);
}

/* i31 references that WebAssembly has put in a table need no heap, and are copied before there is one. */
static void small_references_without_a_heap(void) {
    static const char *const SMALL =
        "(module (table (export \"t\") 4 i31ref) (table $a (export \"a\") 4 anyref)"
        " (func (export \"put\") (param i32) (result i32) (table.set 0 (i32.const 1) (ref.i31 (local.get 0))) (i32.const 0))"
        " (func (export \"get\") (param i32) (result i32) (i31.get_u (ref.cast i31ref (table.get $a (local.get 0))))))";
    world_t w = world();
    wrt_instance_t instance = instance_of(w.engine, w.store, SMALL);
    wrt_table_t t, a;
    OK(wrt_instance_get_table(w.store, &instance, TEXT("t"), &t));
    OK(wrt_instance_get_table(w.store, &instance, TEXT("a"), &a));
    wrt_func_t put = func_of(w.store, &instance, "put"), get = func_of(w.store, &instance, "get");
    int32_t got;
    OK(call_i32(w.store, &put, 1, 41, 0, &got));
    TRAPS(WRT_TRAP_TABLE_OUT_OF_BOUNDS, wrt_table_copy(w.store, &a, 2, &t, 0, 3));
    OK(wrt_table_copy(w.store, &a, 2, &t, 0, 2));
    OK(call_i32(w.store, &get, 1, 3, 0, &got));
    CHECK(got == 41);
    world_end(&w);
}

int main(void) {
    small_references_without_a_heap();
    elements();
    made_by_the_host();
    foreign_values_stay();
    return 0;
}
