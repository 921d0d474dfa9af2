/* Globals. */
#include "test.h"

int main(void) {
    world_t w = world();
    wrt_global_t g;
    wrt_val_t value = i32_val(5);
    OK(wrt_global_new(w.store, WRT_I32, true, &value, &g));
    CHECK(value.kind == WRT_EMPTY);
    value = i32_val(6);
    OK(wrt_global_set(w.store, &g, &value));
    CHECK(value.kind == WRT_EMPTY);
    OK(wrt_global_get(w.store, &g, &value));
    CHECK(value.kind == WRT_I32 && value.of.i32 == 6);
    uint8_t kind;
    bool is_mutable;
    OK(wrt_global_type(w.store, &g, &kind, &is_mutable));
    CHECK(kind == WRT_I32 && is_mutable);
    value.kind = WRT_I64;
    FAILS(WRT_ERROR_KIND_TYPE_MISMATCH, wrt_global_set(w.store, &g, &value));
    CHECK(value.kind == WRT_EMPTY);
    value = i32_val(1);
    FAILS(WRT_ERROR_KIND_TYPE_MISMATCH, wrt_global_new(w.store, WRT_F64, true, &value, &g));
    CHECK(g.store == 0);
    value = i32_val(1);
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_global_new(w.store, 99, true, &value, &g));

    /* An immutable global stays unchanged; the guest sees the host's values, and vice versa. */
    wrt_extern_t items[2];
    memset(items, 0, sizeof items);
    items[0].kind = items[1].kind = WRT_EXTERN_GLOBAL;
    value = i32_val(40);
    OK(wrt_global_new(w.store, WRT_I32, false, &value, &items[0].of.global));
    value = i32_val(0);
    FAILS(WRT_ERROR_KIND_TYPE_MISMATCH, wrt_global_set(w.store, &items[0].of.global, &value));
    value = i32_val(2);
    OK(wrt_global_new(w.store, WRT_I32, true, &value, &items[1].of.global));
    wrt_module_t *module = module_of(w.engine, "(module (import \"\" \"a\" (global $a i32))"
                                               " (import \"\" \"b\" (global $b (mut i32)))"
                                               " (func (export \"f\") (result i32)"
                                               "  (global.set $b (i32.add (global.get $b) (i32.const 1)))"
                                               "  (i32.add (global.get $a) (global.get $b))))");
    wrt_instance_t instance;
    OK(wrt_instance_new(w.store, module, items, 2, &instance));
    wrt_module_delete(module);
    wrt_func_t f = func_of(w.store, &instance, "f");
    int32_t got;
    OK(call_i32(w.store, &f, 0, 0, 0, &got));
    CHECK(got == 43);
    OK(wrt_global_get(w.store, &items[1].of.global, &value));
    CHECK(value.of.i32 == 3);

    /* References. */
    value = func_val(&f);
    OK(wrt_global_new(w.store, WRT_FUNCREF, true, &value, &g));
    OK(wrt_global_get(w.store, &g, &value));
    CHECK(value.kind == WRT_FUNCREF && wrt_func_equal(&value.of.func, &f));
    world_end(&w);
    return 0;
}
