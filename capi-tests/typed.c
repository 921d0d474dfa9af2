/* Functions, tables, globals and linkers with any types of an engine. Each test runs normally, with a collection at every allocation, and
 * with one at every second allocation. */
#include "refs.h"

static const char *const TYPES = "(type $s (struct (field (mut i32)))) (type $a (array (mut i32))) (type $f (func (result i32)))";

typedef struct {
    world_t w, far;
    wrt_store_t *s, *other;
    counts_t counts;
    wrt_type_t st, at, ft, any, solid, foreign, none, packed;
} kit_t;

static kit_t kit(void) {
    kit_t k;
    memset(&k, 0, sizeof k);
    k.w = gc_world(), k.far = gc_world(), k.s = k.w.store, k.other = other_store(&k.w);
    wrt_types_t *types = types_of(k.w.engine, TYPES), *far = types_of(k.far.engine, TYPES);
    k.st = type_named(types, "s"), k.at = type_named(types, "a"), k.ft = type_named(types, "f");
    k.foreign = type_named(far, "s"), k.any = plain_type(WRT_ANYREF, true), k.packed = plain_type(WRT_I8, false);
    k.solid = k.st, k.solid.nullable = 0;
    wrt_types_delete(types);
    wrt_types_delete(far);
    return k;
}

static void kit_end(kit_t *k) {
    wrt_store_delete(k->other);
    world_end(&k->far);
    world_end(&k->w);
    CHECK(k->counts.created == k->counts.dropped);
}

static wrt_val_t structure(kit_t *k, int32_t n) {
    wrt_val_t v = null_val(WRT_DEFINED_STRUCT), field = i32_val(n);
    OK(wrt_struct_new(k->s, &k->st, &field, 1, &v.of.ref));
    return v;
}

static wrt_val_t array(kit_t *k) {
    wrt_val_t v = null_val(WRT_DEFINED_ARRAY);
    OK(wrt_array_new_default(k->s, &k->at, 1, &v.of.ref));
    return v;
}

static int32_t number_in(kit_t *k, wrt_val_t v) {
    wrt_val_t field;
    CHECK(v.kind == WRT_ANYREF);
    OK(wrt_struct_get(k->s, &v.of.ref, 0, &field));
    return field.of.i32;
}

static wrt_error_t *next(void *userdata, wrt_caller_t *caller, const wrt_val_t *args, size_t arg_count, wrt_val_t *results,
                         size_t result_count) {
    kit_t *k = userdata;
    (void)caller;
    CHECK(arg_count == 1 && result_count == 1 && args[0].kind == WRT_ANYREF);
    results[0] = structure(k, number_in(k, args[0]) + 1);
    if (results[0].of.ref.store && number_in(k, args[0]) == 100) results[0] = array(k); /* of the wrong type */
    return NULL;
}

static void functions(void) {
    kit_t k = kit();
    wrt_functype_t *type, *bad, *far_type;
    wrt_type_t t, both[2] = {k.solid, plain_type(WRT_F32, false)};
    wrt_func_t f;
    wrt_val_t arg = structure(&k, 5), result;
    OK(wrt_functype_of(k.w.engine, &k.solid, 1, &k.solid, 1, &type));
    CHECK(wrt_functype_param(type, 0) == WRT_ANYREF && wrt_functype_result(type, 0) == WRT_ANYREF);
    OK(wrt_functype_result_type(type, 0, &t));
    CHECK(wrt_type_equal(&t, &k.solid));
    OK(wrt_func_new(k.s, type, next, &k, NULL, &f));
    OK(wrt_func_call(k.s, &f, &arg, 1, &result, 1));
    CHECK(number_in(&k, result) == 6);
    arg = null_val(WRT_ANYREF);
    MISMATCH(wrt_func_call(k.s, &f, &arg, 1, &result, 1));
    arg = array(&k);
    MISMATCH(wrt_func_call(k.s, &f, &arg, 1, &result, 1));
    arg = structure(&k, 100);
    MISMATCH(wrt_func_call(k.s, &f, &arg, 1, &result, 1)); /* an error of the callback */
    CHECK(result.kind == WRT_EMPTY);
    /* Through a linker, in WebAssembly, which has the same types. */
    wrt_linker_t *linker;
    wrt_instance_t i;
    int finalized = 0;
    wrt_module_t *module = module_of(k.w.engine, "(module (type $s (struct (field (mut i32)))) (import \"m\" \"next\""
                                                 " (func $next (param (ref $s)) (result (ref $s))))"
                                                 " (func (export \"run\") (param i32) (result i32)"
                                                 "   (struct.get $s 0 (call $next (struct.new $s (local.get 0))))))");
    OK(wrt_linker_new(k.w.engine, &linker));
    OK(wrt_linker_define_func_of(linker, TEXT("m"), TEXT("next"), type, next, &k, NULL));
    OK(wrt_linker_instantiate(linker, k.s, module, &i));
    wrt_module_delete(module);
    f = func_of(k.s, &i, "run");
    int32_t n;
    OK(call_i32(k.s, &f, 1, 41, 0, &n));
    CHECK(n == 42);
    MISMATCH(call_i32(k.s, &f, 1, 100, 0, &n));
    OK(wrt_functype_of(k.far.engine, &k.foreign, 1, NULL, 0, &far_type));
    BAD(wrt_linker_define_func_of(linker, TEXT("m"), TEXT("next"), type, next, &finalized, count_call)); /* taken */
    BAD(wrt_linker_define_func_of(linker, TEXT("m"), TEXT("far"), far_type, next, &finalized, count_call));
    BAD(wrt_linker_define_func_of(NULL, TEXT("m"), TEXT("f"), type, next, &finalized, count_call));
    BAD(wrt_linker_define_func_of(linker, NULL, 1, TEXT("f"), type, next, &finalized, count_call));
    BAD(wrt_linker_define_func_of(linker, TEXT("m"), NULL, 1, type, next, &finalized, count_call));
    BAD(wrt_linker_define_func_of(linker, TEXT("m"), TEXT("f"), NULL, next, &finalized, count_call));
    BAD(wrt_linker_define_func_of(linker, TEXT("m"), TEXT("f"), type, NULL, &finalized, count_call));
    CHECK(finalized == 7);
    OK(wrt_linker_define_func_of(linker, TEXT("m"), TEXT("f"), type, next, &finalized, count_call));
    wrt_linker_delete(linker);
    CHECK(finalized == 8);
    BAD(wrt_func_new(k.s, far_type, next, &finalized, count_call, &f));
    CHECK(finalized == 9 && EMPTY_HANDLE(f));
    wrt_functype_delete(far_type);
    wrt_functype_delete(type);
    /* A type without defined types is valid in every engine. */
    OK(wrt_functype_of(k.far.engine, &both[1], 1, &k.any, 1, &type));
    OK(wrt_func_new(k.s, type, next, &k, NULL, &f));
    wrt_functype_delete(type);
    BAD(wrt_functype_of(NULL, &k.any, 1, NULL, 0, &bad));
    CHECK(!bad);
    BAD(wrt_functype_of(k.w.engine, NULL, 1, NULL, 0, &bad));
    BAD(wrt_functype_of(k.w.engine, NULL, 0, NULL, 1, &bad));
    BAD(wrt_functype_of(k.w.engine, &k.foreign, 1, NULL, 0, &bad));
    BAD(wrt_functype_of(k.w.engine, NULL, 0, &k.none, 1, &bad));
    BAD(wrt_functype_of(k.w.engine, &k.packed, 1, NULL, 0, &bad));
    BAD(wrt_functype_of(k.w.engine, &k.any, SIZE_MAX, NULL, 0, &bad));
    CHECK(!bad);
    BAD(wrt_functype_of(k.w.engine, NULL, 0, NULL, 0, NULL));
    OK(wrt_functype_of(k.w.engine, NULL, 0, both, 2, &type));
    CHECK(wrt_functype_result_count(type) == 2 && wrt_functype_param_count(type) == 0);
    wrt_functype_delete(type);
    kit_end(&k);
}

static void tables(void) {
    kit_t k = kit();
    wrt_size_limits_t limits = {3, 5, 1}, bad = {3, 1, 1};
    wrt_table_t t, out, stale, empty = {0, 0, 0}, foreign;
    wrt_type_t type, number = plain_type(WRT_I32, false), extern_ = plain_type(WRT_EXTERNREF, true);
    wrt_val_t v = structure(&k, 7), many[3];
    uint8_t kind;
    OK(wrt_table_new_of(k.s, &k.solid, &limits, &v, &t));
    CHECK(v.kind == WRT_EMPTY);
    OK(wrt_table_element_type(k.s, &t, &type));
    CHECK(wrt_type_equal(&type, &k.solid));
    OK(wrt_table_type(k.s, &t, &kind, &limits));
    CHECK(kind == WRT_ANYREF && limits.min == 3 && limits.max == 5);
    TAKES(TYPE, null_val(WRT_ANYREF), wrt_table_set(k.s, &t, 0, &v));
    TAKES(TYPE, array(&k), wrt_table_set(k.s, &t, 0, &v));
    TAKES(TYPE, null_val(WRT_ANYREF), wrt_table_grow(k.s, &t, 1, &v, NULL));
    v = structure(&k, 8);
    OK(wrt_table_set(k.s, &t, 2, &v));
    OK(wrt_table_get_many(k.s, &t, 0, many, 3));
    CHECK(number_in(&k, many[0]) == 7 && number_in(&k, many[1]) == 7 && number_in(&k, many[2]) == 8);
    CHECK(same_ref(k.s, many[0].of.ref, many[1].of.ref) && !same_ref(k.s, many[0].of.ref, many[2].of.ref));
    OK(wrt_table_get_many(k.s, &t, 3, NULL, 0));
    TRAPS(WRT_TRAP_TABLE_OUT_OF_BOUNDS, wrt_table_get_many(k.s, &t, 1, many, 3));
    CHECK(many[0].kind == WRT_EMPTY && many[2].kind == WRT_EMPTY);
    TRAPS(WRT_TRAP_TABLE_OUT_OF_BOUNDS, wrt_table_get_many(k.s, &t, UINT64_MAX, many, 3));
    BAD(wrt_table_get_many(NULL, &t, 0, many, 3));
    BAD(wrt_table_get_many(k.s, NULL, 0, many, 3));
    BAD(wrt_table_get_many(k.s, &t, 0, NULL, 3));
    BAD(wrt_table_get_many(k.s, &t, 0, many, SIZE_MAX));
    limits.min = 3;
    TAKES(TYPE, null_val(WRT_ANYREF), wrt_table_new_of(k.s, &k.solid, &limits, &v, &out));
    TAKES(TYPE, i32_val(1), wrt_table_new_of(k.s, &number, &limits, &v, &out));
    TAKES(ARGUMENT, ref_val(WRT_EXTERNREF, object(k.s, &k.counts)), wrt_table_new_of(k.s, NULL, &limits, &v, &out));
    TAKES(ARGUMENT, ref_val(WRT_EXTERNREF, object(k.s, &k.counts)), wrt_table_new_of(k.s, &extern_, NULL, &v, &out));
    TAKES(ARGUMENT, ref_val(WRT_EXTERNREF, object(k.s, &k.counts)), wrt_table_new_of(k.s, &extern_, &bad, &v, &out));
    TAKES(ARGUMENT, ref_val(WRT_EXTERNREF, object(k.s, &k.counts)), wrt_table_new_of(k.s, &extern_, &limits, &v, NULL));
    TAKES(ARGUMENT, null_val(WRT_ANYREF), wrt_table_new_of(k.s, &k.foreign, &limits, &v, &out));
    TAKES(ARGUMENT, null_val(WRT_ANYREF), wrt_table_new_of(k.s, &k.none, &limits, &v, &out));
    TAKES(ARGUMENT, null_val(WRT_ANYREF), wrt_table_new_of(k.s, &k.packed, &limits, &v, &out));
    CHECK(EMPTY_HANDLE(out) && alive(k.s, &k.counts) == 0);
    BAD(wrt_table_new_of(k.s, &extern_, &limits, NULL, &out));
    v = null_val(WRT_EXTERNREF);
    BAD(wrt_table_new_of(NULL, &extern_, &limits, &v, &out));
    v = ref_val(WRT_ANYREF, i31_of(k.other, 1));
    FOREIGN(wrt_table_new_of(k.s, &k.any, &limits, &v, &out));
    CHECK(v.kind == WRT_ANYREF);
    OK(wrt_table_new_of(k.other, &k.any, &limits, &v, &foreign));
    stale = t, stale.generation += 2;
    BAD(wrt_table_element_type(NULL, &t, &type));
    BAD(wrt_table_element_type(k.s, NULL, &type));
    BAD(wrt_table_element_type(k.s, &t, NULL));
    const struct {
        const wrt_table_t *t;
        uint8_t kind;
    } wrong[] = {{&empty, GONE}, {&stale, GONE}, {&foreign, OTHER}};
    for (int i = 0; i < 3; i++) {
        FAILS(wrong[i].kind, wrt_table_element_type(k.s, wrong[i].t, &type));
        FAILS(wrong[i].kind, wrt_table_get_many(k.s, wrong[i].t, 0, many, 1));
        CHECK(type.kind == 0 && many[0].kind == WRT_EMPTY);
    }
    kit_end(&k);
}

static void globals(void) {
    kit_t k = kit();
    wrt_global_t g, out, number, stale, empty = {0, 0, 0}, foreign;
    wrt_type_t type, extern_ = plain_type(WRT_EXTERNREF, true), i64 = plain_type(WRT_I64, false);
    wrt_val_t v = structure(&k, 7);
    OK(wrt_global_new_of(k.s, &k.solid, true, &v, &g));
    CHECK(v.kind == WRT_EMPTY);
    OK(wrt_global_value_type(k.s, &g, &type));
    CHECK(wrt_type_equal(&type, &k.solid));
    OK(wrt_store_gc(k.s));
    OK(wrt_global_get(k.s, &g, &v));
    CHECK(number_in(&k, v) == 7);
    TAKES(TYPE, null_val(WRT_ANYREF), wrt_global_set(k.s, &g, &v));
    TAKES(TYPE, array(&k), wrt_global_set(k.s, &g, &v));
    v = i32_val(0), v.kind = WRT_I64, v.of.i64 = -5;
    OK(wrt_global_new_of(k.s, &i64, false, &v, &number));
    OK(wrt_global_value_type(k.s, &number, &type));
    CHECK(type.kind == WRT_I64 && type.engine == 0);
    TAKES(TYPE, null_val(WRT_ANYREF), wrt_global_new_of(k.s, &k.solid, true, &v, &out));
    TAKES(TYPE, i32_val(1), wrt_global_new_of(k.s, &i64, true, &v, &out));
    TAKES(ARGUMENT, ref_val(WRT_EXTERNREF, object(k.s, &k.counts)), wrt_global_new_of(k.s, NULL, true, &v, &out));
    TAKES(ARGUMENT, ref_val(WRT_EXTERNREF, object(k.s, &k.counts)), wrt_global_new_of(k.s, &extern_, true, &v, NULL));
    TAKES(ARGUMENT, null_val(WRT_ANYREF), wrt_global_new_of(k.s, &k.foreign, true, &v, &out));
    TAKES(ARGUMENT, null_val(WRT_ANYREF), wrt_global_new_of(k.s, &k.none, true, &v, &out));
    TAKES(ARGUMENT, i32_val(1), wrt_global_new_of(k.s, &k.packed, true, &v, &out));
    CHECK(EMPTY_HANDLE(out) && alive(k.s, &k.counts) == 0);
    BAD(wrt_global_new_of(k.s, &i64, true, NULL, &out));
    v = i32_val(1);
    BAD(wrt_global_new_of(NULL, &i64, true, &v, &out));
    v = ref_val(WRT_ANYREF, i31_of(k.other, 1));
    FOREIGN(wrt_global_new_of(k.s, &k.any, true, &v, &out));
    CHECK(v.kind == WRT_ANYREF);
    OK(wrt_global_new_of(k.other, &k.any, true, &v, &foreign));
    stale = g, stale.index = UINT32_MAX;
    BAD(wrt_global_value_type(NULL, &g, &type));
    BAD(wrt_global_value_type(k.s, NULL, &type));
    BAD(wrt_global_value_type(k.s, &g, NULL));
    STALE(wrt_global_value_type(k.s, &stale, &type));
    STALE(wrt_global_value_type(k.s, &empty, &type));
    FOREIGN(wrt_global_value_type(k.s, &foreign, &type));
    CHECK(type.kind == 0);
    kit_end(&k);
}

static void externs(void) {
    kit_t k = kit();
    wrt_module_t *module = module_of(k.w.engine, "(module (type $s (struct (field (mut i32)))) (type $f (func (result i32)))"
                                                 " (func (export \"f\") (type $f) (i32.const 1)) (memory (export \"m\") 1)"
                                                 " (table (export \"t\") 1 (ref null $s)) (global (export \"g\") i64 (i64.const 0)))");
    wrt_export_t e;
    wrt_type_t t, want;
    OK(wrt_module_get_export(module, TEXT("f"), &e));
    OK(wrt_externtype_type(e.type, &t));
    want = k.ft, want.nullable = 0;
    CHECK(wrt_type_equal(&t, &want));
    BAD(wrt_externtype_type(e.type, NULL));
    OK(wrt_module_get_export(module, TEXT("t"), &e));
    OK(wrt_externtype_type(e.type, &t));
    CHECK(wrt_type_equal(&t, &k.st) && wrt_externtype_valkind(e.type) == WRT_ANYREF);
    OK(wrt_module_get_export(module, TEXT("g"), &e));
    OK(wrt_externtype_type(e.type, &t));
    want = plain_type(WRT_I64, false);
    CHECK(wrt_type_equal(&t, &want));
    OK(wrt_module_get_export(module, TEXT("m"), &e));
    MISMATCH(wrt_externtype_type(e.type, &t));
    CHECK(t.kind == 0);
    BAD(wrt_externtype_type(NULL, &t));
    wrt_module_delete(module);
    kit_end(&k);
}

int main(void) {
    for (zeal = 0; zeal < 3; zeal++) {
        functions();
        tables();
        globals();
        externs();
    }
    return 0;
}
