/* Structures that the host creates and uses, and objects that are passed to WebAssembly and returned from it. Each test runs normally, with
 * a collection at every allocation, and with one at every second allocation. */
#include "kinds.h"

static void structures(void) {
    kit_t k = kit();
    wrt_type_t t = T(&k, "all"), none = T(&k, "none");
    wrt_val_t fields[FIELDS], v;
    wrt_ref_t r, kept, nothing;
    uint32_t count;
    for (int i = 0; i < FIELDS; i++) fields[i] = value(&k, i == 11 ? 3 : i, -3 + 70000 * (i == 1));
    OK(wrt_ref_clone(k.s, &fields[8].of.ref, &kept));
    OK(wrt_struct_new(k.s, &t, fields, FIELDS, &r));
    for (int i = 0; i < FIELDS; i++) CHECK(fields[i].kind == WRT_EMPTY);
    OK(wrt_struct_field_count(k.s, &r, &count));
    CHECK(count == FIELDS && alive(k.s, &k.counts) == 1);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < FIELDS; i++) {
            OK(wrt_struct_get(k.s, &r, (uint32_t)i, &v));
            CHECK(is_value(&k, i == 11 ? 3 : i, i == 11 || !round ? -3 + 70000 * (i == 1) : 9, v, &kept));
        }
        for (int i = 0; i < FIELDS - 1 && !round; i++) {
            v = value(&k, i, 9);
            if (i == 8) OK(wrt_ref_release(k.s, &kept)), OK(wrt_ref_clone(k.s, &v.of.ref, &kept));
            OK(wrt_struct_set(k.s, &r, (uint32_t)i, &v));
            CHECK(v.kind == WRT_EMPTY);
        }
    }
    CHECK(alive(k.s, &k.counts) == 1);
    OK(wrt_ref_release(k.s, &kept));
    CHECK(alive(k.s, &k.counts) == 1);
    OK(wrt_ref_release(k.s, &r));
    CHECK(alive(k.s, &k.counts) == 0);
    /* Zeros and nulls. */
    r = new_default(&k, "all");
    for (uint32_t i = 0; i < FIELDS; i++) {
        OK(wrt_struct_get(k.s, &r, i, &v));
        CHECK(is_zero(v));
    }
    OK(wrt_struct_new(k.s, &none, NULL, 0, &nothing));
    OK(wrt_struct_field_count(k.s, &nothing, &count));
    CHECK(count == 0);
    BAD(wrt_struct_get(k.s, &nothing, 0, &v));
    CHECK(v.kind == WRT_EMPTY);
    kit_end(&k);
}

/* New structures have their types' defaults, immutable fields stay unchanged, and values of the wrong type are rejected and released. */
static void structures_misused(void) {
    kit_t k = kit();
    wrt_store_t *other = other_store(&k.w);
    wrt_type_t t = T(&k, "all"), some = T(&k, "some"), array = T(&k, "i32"), func = T(&k, "f"),
               any = plain_type(WRT_ANYREF, true), number = plain_type(WRT_I32, false), empty, foreign;
    wrt_ref_t r = new_default(&k, "all"), a = array_default(&k, "i32", 1), none = {0, 0}, stale = stale_ref(k.s),
              out = r, elsewhere = i31_of(other, 1), host = object(k.s, &k.counts), f;
    wrt_val_t v, fields[2];
    uint32_t n;
    memset(&empty, 0, sizeof empty);
    world_t w2 = gc_world();
    wrt_types_t *types2 = types_of(w2.engine, TYPES);
    foreign = type_named(types2, "all");
    const wrt_type_t *wrong[] = {&array, &func, &any};
    for (int i = 0; i < 3; i++) {
        MISMATCH(wrt_struct_new_default(k.s, wrong[i], &out));
        CHECK(is_empty_ref(out));
        MISMATCH(wrt_struct_new(k.s, wrong[i], NULL, 0, &out));
    }
    MISMATCH(wrt_struct_new_default(k.s, &some, &out));
    MISMATCH(wrt_struct_new_default(k.s, &number, &out));
    BAD(wrt_struct_new_default(k.s, &empty, &out));
    BAD(wrt_struct_new_default(k.s, &foreign, &out));
    BAD(wrt_struct_new_default(NULL, &t, &out));
    BAD(wrt_struct_new_default(k.s, NULL, &out));
    BAD(wrt_struct_new_default(k.s, &t, NULL));
    BAD(wrt_struct_new(NULL, &t, NULL, 0, &out));
    BAD(wrt_struct_new(k.s, &t, NULL, 1, &out));
    fields[0] = value(&k, 8, 0), fields[1] = i32_val(1);
    BAD(wrt_struct_new(k.s, NULL, fields, 2, &out));
    CHECK(fields[0].kind == WRT_EMPTY && fields[1].kind == WRT_EMPTY && is_empty_ref(out));
    fields[0] = value(&k, 8, 0), fields[1] = i32_val(1);
    BAD(wrt_struct_new(k.s, &t, fields, 2, NULL));
    CHECK(fields[0].kind == WRT_EMPTY && fields[1].kind == WRT_EMPTY);
    fields[0] = value(&k, 8, 0), fields[1] = i32_val(1);
    MISMATCH(wrt_struct_new(k.s, &t, fields, 2, &out)); /* too few */
    CHECK(fields[0].kind == WRT_EMPTY && fields[1].kind == WRT_EMPTY);
    fields[0] = null_val(WRT_ANYREF);
    MISMATCH(wrt_struct_new(k.s, &some, fields, 1, &out)); /* null in a non-nullable field */
    fields[0] = value(&k, 8, 0);
    MISMATCH(wrt_struct_new(k.s, &some, fields, 1, &out)); /* extern for any */
    CHECK(fields[0].kind == WRT_EMPTY);
    fields[0] = ref_val(WRT_ANYREF, elsewhere), fields[1] = i32_val(1);
    MISMATCH(wrt_struct_new(k.s, &some, fields, 2, &out));
    CHECK(fields[0].kind == WRT_ANYREF && fields[1].kind == WRT_EMPTY);
    FOREIGN(wrt_struct_new(k.s, &some, fields, 1, &out));
    CHECK(fields[0].kind == WRT_ANYREF && fields[0].of.ref.store == wrt_store_id(other));
    fields[0] = ref_val(WRT_ANYREF, stale);
    STALE(wrt_struct_new(k.s, &some, fields, 1, &out));
    CHECK(fields[0].kind == WRT_EMPTY);
    memset(fields, 0, sizeof fields);
    BAD(wrt_struct_new(k.s, &some, fields, 1, &out)); /* the empty value is invalid */
    fields[0].kind = 99;
    BAD(wrt_struct_new(k.s, &some, fields, 1, &out));
    CHECK(alive(k.s, &k.counts) == 1);

    BAD(wrt_struct_field_count(NULL, &r, &n));
    BAD(wrt_struct_field_count(k.s, NULL, &n));
    BAD(wrt_struct_field_count(k.s, &r, NULL));
    MISMATCH(wrt_struct_field_count(k.s, &a, &n));
    MISMATCH(wrt_struct_field_count(k.s, &host, &n));
    STALE(wrt_struct_field_count(k.s, &none, &n));
    STALE(wrt_struct_field_count(k.s, &stale, &n));
    FOREIGN(wrt_struct_field_count(k.s, &elsewhere, &n));
    CHECK(n == 0);
    BAD(wrt_struct_get(NULL, &r, 0, &v));
    BAD(wrt_struct_get(k.s, NULL, 0, &v));
    BAD(wrt_struct_get(k.s, &r, 0, NULL));
    BAD(wrt_struct_get(k.s, &r, FIELDS, &v));
    BAD(wrt_struct_get(k.s, &r, UINT32_MAX, &v));
    MISMATCH(wrt_struct_get(k.s, &a, 0, &v));
    MISMATCH(wrt_struct_get(k.s, &host, 0, &v));
    STALE(wrt_struct_get(k.s, &none, 0, &v));
    STALE(wrt_struct_get(k.s, &stale, 0, &v));
    FOREIGN(wrt_struct_get(k.s, &elsewhere, 0, &v));
    CHECK(v.kind == WRT_EMPTY);
    BAD(wrt_struct_set(k.s, &r, 0, NULL));
    v = i32_val(1);
    BAD(wrt_struct_set(NULL, &r, 0, &v));
    TAKES(ARGUMENT, value(&k, 8, 0), wrt_struct_set(k.s, NULL, 8, &v));
    TAKES(ARGUMENT, value(&k, 8, 0), wrt_struct_set(k.s, &r, FIELDS, &v));
    TAKES(TYPE, value(&k, 3, 0), wrt_struct_set(k.s, &r, 11, &v)); /* immutable */
    TAKES(TYPE, value(&k, 8, 0), wrt_struct_set(k.s, &r, 9, &v));
    TAKES(TYPE, value(&k, 9, 0), wrt_struct_set(k.s, &r, 10, &v)); /* an i31 for a structure */
    TAKES(TYPE, value(&k, 3, 0), wrt_struct_set(k.s, &r, 0, &v));
    TAKES(TYPE, i32_val(1), wrt_struct_set(k.s, &r, 3, &v));
    TAKES(TYPE, i32_val(1), wrt_struct_set(k.s, &a, 0, &v));
    TAKES(GONE, value(&k, 8, 0), wrt_struct_set(k.s, &none, 8, &v));
    TAKES(GONE, value(&k, 8, 0), wrt_struct_set(k.s, &stale, 8, &v));
    TAKES(GONE, ref_val(WRT_ANYREF, stale), wrt_struct_set(k.s, &r, 9, &v));
    TAKES(OTHER, value(&k, 8, 0), wrt_struct_set(k.s, &elsewhere, 8, &v));
    v = ref_val(WRT_ANYREF, elsewhere);
    FOREIGN(wrt_struct_set(k.s, &r, 9, &v));
    CHECK(v.kind == WRT_ANYREF && v.of.ref.root == elsewhere.root);
    /* A reference to a function is not a WebAssembly value. */
    OK(wrt_ref_of_func(k.s, &k.funcs[0], &f));
    TAKES(TYPE, ref_val(WRT_ANYREF, f), wrt_struct_set(k.s, &r, 9, &v));
    OK(wrt_ref_of_func(k.s, &k.funcs[0], &f));
    TAKES(TYPE, ref_val(WRT_EXTERNREF, f), wrt_struct_set(k.s, &r, 8, &v));
    CHECK(alive(k.s, &k.counts) == 1);
    wrt_types_delete(types2);
    world_end(&w2);
    wrt_store_delete(other);
    kit_end(&k);
}

/* The same types in a module, which reads objects of the host and creates objects that the host reads. */
static const char *const READER =
    "(func (export \"fields\") (param (ref $all)) (result i32 i32 i32 i64 f32 f64 v128 funcref externref anyref i64)"
    "  (struct.get_s $all 0 (local.get 0)) (struct.get_u $all 1 (local.get 0)) (struct.get $all 2 (local.get 0))"
    "  (struct.get $all 3 (local.get 0)) (struct.get $all 4 (local.get 0)) (struct.get $all 5 (local.get 0))"
    "  (struct.get $all 6 (local.get 0)) (struct.get $all 7 (local.get 0)) (struct.get $all 8 (local.get 0))"
    "  (struct.get $all 9 (local.get 0)) (struct.get $all 11 (local.get 0)))"
    "(func (export \"i8\") (param (ref $i8) i32) (result i32) (array.get_s $i8 (local.get 0) (local.get 1)))"
    "(func (export \"i16\") (param (ref $i16) i32) (result i32) (array.get_s $i16 (local.get 0) (local.get 1)))"
    "(func (export \"i64\") (param (ref $i64) i32) (result i32)"
    "  (i32.wrap_i64 (i64.shr_u (array.get $i64 (local.get 0) (local.get 1)) (i64.const 40))))"
    "(func (export \"call\") (param (ref $func) i32) (result i32)"
    "  (call_ref $f (ref.cast (ref $f) (array.get $func (local.get 0) (local.get 1)))) (i32.const 1))"
    "(func (export \"row\") (param (ref $row) i32) (result i32)"
    "  (struct.get $all 2 (array.get $row (local.get 0) (local.get 1))))"
    "(func (export \"make\") (param externref) (result (ref $all))"
    "  (struct.new $all (i32.const -1) (i32.const -2) (i32.const 3) (i64.const 4) (f32.const 5) (f64.const 6)"
    "    (v128.const i64x2 7 8) (ref.null func) (local.get 0) (ref.i31 (i32.const 9)) (struct.new_default $all)"
    "    (i64.const 10)))"
    "(func (export \"array\") (result (ref $some))"
    "  (struct.new $some (array.new $i16 (i32.const -3) (i32.const 100))))";

static void given_to_and_got_from_webassembly(void) {
    kit_t k = kit();
    char text[6000];
    snprintf(text, sizeof text, "(module %s %s)", TYPES, READER);
    wrt_instance_t instance = instance_of(k.w.engine, k.s, text);
    wrt_func_t f = func_of(k.s, &instance, "fields");
    wrt_type_t all = T(&k, "all"), type;
    wrt_val_t fields[FIELDS], results[FIELDS - 1], v, args[2];
    wrt_ref_t kept, r;
    for (int i = 0; i < FIELDS; i++) fields[i] = value(&k, i == 11 ? 3 : i, 200);
    OK(wrt_ref_clone(k.s, &fields[8].of.ref, &kept));
    args[0] = null_val(WRT_STRUCTREF);
    CHECK(args[0].kind == WRT_ANYREF);
    OK(wrt_struct_new(k.s, &all, fields, FIELDS, &args[0].of.ref));
    OK(wrt_func_call(k.s, &f, args, 1, results, FIELDS - 1));
    CHECK(results[0].of.i32 == (int8_t)200);
    for (int i = 1; i < 10; i++) CHECK(is_value(&k, i, 200, results[i], &kept));
    CHECK(is_value(&k, 3, 200, results[10], NULL));
    /* An object of another type is rejected when it is passed in, and so is null. */
    args[0].of.ref = new_default(&k, "none");
    MISMATCH(wrt_func_call(k.s, &f, args, 1, results, FIELDS - 1));
    args[0] = null_val(WRT_ANYREF);
    MISMATCH(wrt_func_call(k.s, &f, args, 1, results, FIELDS - 1));

    static const struct {
        const char *name, *type;
        int kind, given, got;
    } arrays[] = {{"i8", "i8", 0, -2, -2}, {"i16", "i16", 1, 40000, 40000 - 65536}, {"i64", "i64", 3, 5, 5},
                  {"call", "func", 7, 2, 1}, {"row", "row", 10, 77, 77}};
    for (int i = 0; i < 5; i++) {
        args[0] = ref_val(WRT_ANYREF, array_default(&k, arrays[i].type, 20));
        args[1] = i32_val(19);
        v = value(&k, arrays[i].kind, arrays[i].given);
        OK(wrt_array_set(k.s, &args[0].of.ref, 19, &v));
        f = func_of(k.s, &instance, arrays[i].name);
        OK(wrt_func_call(k.s, &f, args, 2, results, 1));
        CHECK(results[0].kind == WRT_I32 && results[0].of.i32 == arrays[i].got);
        args[1] = i32_val(20);
        TRAPS(WRT_TRAP_ARRAY_OUT_OF_BOUNDS, wrt_func_call(k.s, &f, args, 2, results, 1));
    }
    f = func_of(k.s, &instance, "make");
    args[0] = ref_val(WRT_EXTERNREF, kept);
    OK(wrt_func_call(k.s, &f, args, 1, &v, 1));
    r = v.of.ref;
    OK(wrt_ref_type(k.s, &r, &type));
    CHECK(v.kind == WRT_ANYREF && type.index == all.index && type.kind == WRT_DEFINED_STRUCT && !type.nullable);
    static const int32_t small[] = {0xff, 0xfffe, 3};
    for (uint32_t i = 0; i < 3; i++) {
        OK(wrt_struct_get(k.s, &r, i, &v));
        CHECK(v.kind == WRT_I32 && v.of.i32 == small[i]);
    }
    OK(wrt_struct_get(k.s, &r, 6, &v));
    CHECK(v.kind == WRT_V128 && v.of.v128[0] == 7 && v.of.v128[8] == 8 && v.of.v128[15] == 0);
    OK(wrt_struct_get(k.s, &r, 8, &v));
    CHECK(same_ref(k.s, v.of.ref, kept));
    OK(wrt_struct_get(k.s, &r, 9, &v));
    CHECK(is_value(&k, 9, -9, v, NULL));
    f = func_of(k.s, &instance, "array");
    OK(wrt_func_call(k.s, &f, NULL, 0, &v, 1));
    OK(wrt_struct_get(k.s, &v.of.ref, 0, &args[0]));
    OK(wrt_array_get(k.s, &args[0].of.ref, 99, &v));
    CHECK(v.kind == WRT_I32 && v.of.i32 == 0xfffd);
    kit_end(&k);
}

/* Types from a module's own list, without any other information about the module. */
static void types_of_a_module(void) {
    kit_t k = kit();
    wrt_module_t *module = module_of(k.w.engine, "(module (type $point (struct (field $x (mut i64)) (field $y f32)))"
                                                 " (func (export \"x\") (param (ref $point)) (result i64)"
                                                 "   (struct.get $point $x (local.get 0))))");
    wrt_instance_t instance;
    wrt_types_t *types;
    OK(wrt_instance_new(k.s, module, NULL, 0, &instance));
    OK(wrt_module_types(module, &types));
    wrt_module_delete(module);
    wrt_type_t point = type_named(types, "point");
    wrt_types_delete(types);
    wrt_val_t fields[2], arg = null_val(WRT_ANYREF), result;
    fields[0] = value(&k, 3, 12), fields[1] = value(&k, 4, 1);
    OK(wrt_struct_new(k.s, &point, fields, 2, &arg.of.ref));
    wrt_func_t f = func_of(k.s, &instance, "x");
    OK(wrt_func_call(k.s, &f, &arg, 1, &result, 1));
    CHECK(is_value(&k, 3, 12, result, NULL));
    kit_end(&k);
}

/* References created in a callback end with it, except its result; an object keeps its contents alive. */
static wrt_ref_t left;

static wrt_error_t *makes(void *userdata, wrt_caller_t *caller, const wrt_val_t *args, size_t arg_count,
                          wrt_val_t *results, size_t result_count) {
    kit_t *k = userdata;
    wrt_type_t externs = T(k, "extern"), any = T(k, "any");
    wrt_val_t v = value(k, 8, 0);
    (void)arg_count, (void)result_count;
    CHECK(wrt_caller_store(caller) == k->s && results[0].kind == WRT_ANYREF);
    OK(wrt_array_new(k->s, &externs, &v, 10, &left));
    v = ref_val(WRT_ANYREF, left);
    OK(wrt_array_new_of(k->s, &any, &v, 1, &results[0].of.ref));
    CHECK(v.kind == WRT_EMPTY);
    v = args[0];
    OK(wrt_ref_clone(k->s, &args[0].of.ref, &v.of.ref));
    OK(wrt_array_set(k->s, &results[0].of.ref, 0, &v));
    OK(wrt_array_new_default(k->s, &externs, 3, &left));
    return NULL;
}

static void made_in_callbacks(void) {
    kit_t k = kit();
    wrt_functype_t *type;
    wrt_func_t f;
    wrt_val_t arg = ref_val(WRT_ANYREF, array_default(&k, "extern", 1)), v, result;
    uint32_t n;
    OK(wrt_functype_parse(TEXT("(anyref) -> anyref"), &type));
    OK(wrt_func_new(k.s, type, makes, &k, NULL, &f));
    wrt_functype_delete(type);
    OK(wrt_func_call(k.s, &f, &arg, 1, &result, 1));
    STALE(wrt_array_len(k.s, &left, &n));
    CHECK(alive(k.s, &k.counts) == 0);
    v = value(&k, 8, 0);
    OK(wrt_array_set(k.s, &arg.of.ref, 0, &v));
    OK(wrt_ref_release(k.s, &arg.of.ref));
    CHECK(alive(k.s, &k.counts) == 1);
    OK(wrt_ref_release(k.s, &result.of.ref));
    CHECK(alive(k.s, &k.counts) == 0);
    kit_end(&k);
}

/* Creating objects can collect: finalizers have run when the call returns. */
static void finalizers_run_when_objects_are_made(void) {
    kit_t k = kit();
    wrt_type_t none = T(&k, "none"), i8 = T(&k, "i8");
    wrt_ref_t r;
    wrt_val_t v;
    for (int way = 0; way < 6 && zeal == 1; way++) {
        r = object(k.s, &k.counts);
        OK(wrt_ref_release(k.s, &r));
        CHECK(k.counts.dropped == k.counts.created - 1);
        v = i32_val(1);
        if (way == 0) OK(wrt_struct_new(k.s, &none, NULL, 0, &r));
        else if (way == 1) OK(wrt_struct_new_default(k.s, &none, &r));
        else if (way == 2) OK(wrt_array_new(k.s, &i8, &v, 1, &r));
        else if (way == 3) OK(wrt_array_new_default(k.s, &i8, 1, &r));
        else if (way == 4) OK(wrt_array_new_of(k.s, &i8, &v, 1, &r));
        else OK(wrt_array_new_bytes(k.s, &i8, "x", 1, &r));
        CHECK(k.counts.dropped == k.counts.created);
    }
    kit_end(&k);
}

int main(void) {
    for (zeal = 0; zeal < 3; zeal++) {
        structures();
        structures_misused();
        given_to_and_got_from_webassembly();
        types_of_a_module();
        made_in_callbacks();
        finalizers_run_when_objects_are_made();
    }
    return 0;
}
