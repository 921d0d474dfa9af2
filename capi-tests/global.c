/* Globals. */
#include "test.h"

int main(void) {
    wrt_engine_t *engine = engine_new();
    world_t w = world_new(engine, "(module (global (export \"c\") i64 (i64.const 5)) (global $v (export \"v\") (mut i32) (i32.const 6))"
                                  " (func (export \"get\") (result i32) (global.get $v)))");
    wrt_global_t c, v;
    OK(wrt_instance_get_global(w.store, &w.instance, TEXT("c"), &c));
    OK(wrt_instance_get_global(w.store, &w.instance, TEXT("v"), &v));
    wrt_val_t value;
    OK(wrt_global_get(w.store, &c, &value));
    CHECK(value.kind == WRT_I64 && value.of.i64 == 5);
    FAILS(TYPE_MISMATCH, wrt_global_set(w.store, &c, &value)); /* immutable */
    CHECK(value.kind == WRT_EMPTY);
    value = i32(60);
    OK(wrt_global_set(w.store, &v, &value));
    CHECK(value.kind == WRT_EMPTY);
    wrt_func_t get = func_get(&w, "get");
    OK(wrt_func_call(w.store, &get, NULL, 0, &value, 1));
    CHECK(value.of.i32 == 60);
    value.kind = WRT_F32;
    FAILS(TYPE_MISMATCH, wrt_global_set(w.store, &v, &value));
    uint8_t kind;
    bool mutable_;
    OK(wrt_global_type(w.store, &v, &kind, &mutable_));
    CHECK(kind == WRT_I32 && mutable_);
    value = funcref(&get);
    wrt_global_t made;
    OK(wrt_global_new(w.store, WRT_FUNCREF, true, &value, &made));
    OK(wrt_global_get(w.store, &made, &value));
    CHECK(wrt_func_equal(&value.of.func, &get));
    world_delete(&w);
    wrt_engine_delete(engine);
    return 0;
}
