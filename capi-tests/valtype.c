/* Types as values: creating, comparing and inspecting them; lists of types from text and from modules; and functions, tables, globals and
 * linkers with any types. */
#include "refs.h"

static const char *const TYPES =
    "(rec (type $node (sub (struct (field $next (mut (ref null $node))) (field $tag i8))))"
    " (type $leaf (sub final $node (struct (field $next (mut (ref null $node))) (field $tag i8) (field $n (mut f64))))))"
    "(type $bytes (array (mut i16))) (type $f (func (param i32 (ref $node)) (result anyref))) (type (struct))";

typedef struct {
    wrt_engine_t *engine;
    wrt_types_t *types;
    wrt_type_t node, leaf, bytes, f, anonymous;
} kit_t;

static kit_t kit(wrt_engine_t *engine) {
    kit_t k;
    k.engine = engine;
    k.types = types_of(engine, TYPES);
    k.node = type_named(k.types, "node"), k.leaf = type_named(k.types, "leaf");
    k.bytes = type_named(k.types, "bytes"), k.f = type_named(k.types, "f");
    OK(wrt_types_get(k.types, 4, &k.anonymous));
    return k;
}

static bool is_kind(wrt_type_t t, uint8_t kind, uint8_t nullable) {
    return t.kind == kind && t.nullable == nullable && t.reserved == 0 && (t.engine == 0) == (kind < 16 || kind > 18);
}

static bool is_no_type(wrt_type_t t) { return t.kind == 0 && t.engine == 0 && t.index == 0 && t.nullable == 0; }

static bool matches(const kit_t *k, wrt_type_t a, wrt_type_t b) {
    bool m;
    OK(wrt_type_matches(k->engine, &a, &b, &m));
    return m;
}

static bool has_text(const kit_t *k, wrt_type_t t, const char *want) {
    char text[60];
    size_t len;
    OK(wrt_type_text(k->engine, &t, text, sizeof text, &len));
    if (strcmp(text, want)) fprintf(stderr, "\"%s\"\n", text);
    return strcmp(text, want) == 0 && len == strlen(want);
}

static void plain_types(wrt_engine_t *engine) {
    kit_t k = kit(engine);
    static const struct {
        uint8_t kind, top;
        const char *text, *full;
    } all[] = {{WRT_I32, 0, "i32", "i32"}, {WRT_I64, 0, "i64", "i64"}, {WRT_F32, 0, "f32", "f32"}, {WRT_F64, 0, "f64", "f64"},
               {WRT_V128, 0, "v128", "v128"}, {WRT_I8, 0, "i8", "i8"}, {WRT_I16, 0, "i16", "i16"},
               {WRT_FUNCREF, WRT_FUNCREF, "(ref func)", "funcref"}, {WRT_EXTERNREF, WRT_EXTERNREF, "(ref extern)", "externref"},
               {WRT_ANYREF, WRT_ANYREF, "(ref any)", "anyref"}, {WRT_EQREF, WRT_ANYREF, "(ref eq)", "eqref"},
               {WRT_I31REF, WRT_ANYREF, "(ref i31)", "i31ref"}, {WRT_STRUCTREF, WRT_ANYREF, "(ref struct)", "structref"},
               {WRT_ARRAYREF, WRT_ANYREF, "(ref array)", "arrayref"}, {WRT_NULLREF, WRT_ANYREF, "(ref none)", "nullref"},
               {WRT_NULLFUNCREF, WRT_FUNCREF, "(ref nofunc)", "nullfuncref"},
               {WRT_NULLEXTERNREF, WRT_EXTERNREF, "(ref noextern)", "nullexternref"}, {WRT_EXNREF, WRT_EXNREF, "(ref exn)", "exnref"},
               {WRT_NULLEXNREF, WRT_EXNREF, "(ref noexn)", "nullexnref"}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        wrt_type_t t = plain_type(all[i].kind, true), u = plain_type(all[i].kind, false), top;
        wrt_val_t v;
        CHECK(is_kind(t, all[i].kind, all[i].top != 0) && is_kind(u, all[i].kind, 0));
        CHECK(has_text(&k, t, all[i].full) && has_text(&k, u, all[i].text));
        CHECK(wrt_type_equal(&t, &t) && wrt_type_equal(&t, &u) == !all[i].top);
        if (all[i].top) {
            CHECK(matches(&k, u, t) && !matches(&k, t, u) && matches(&k, t, t));
            OK(wrt_type_top(&u, &top));
            CHECK(is_kind(top, all[i].top, 1) && matches(&k, t, top));
            OK(wrt_val_null(all[i].kind, &v));
            CHECK(v.kind == all[i].top && is_empty_ref(v.of.ref));
        } else {
            MISMATCH(wrt_type_top(&u, &top));
            CHECK(is_no_type(top));
            BAD(wrt_val_null(all[i].kind, &v));
            CHECK(v.kind == WRT_EMPTY);
        }
        for (size_t j = 0; j < i; j++) {
            wrt_type_t other = plain_type(all[j].kind, true);
            CHECK(!wrt_type_equal(&t, &other));
        }
    }
    wrt_type_t t, any = plain_type(WRT_ANYREF, true), extern_ = plain_type(WRT_EXTERNREF, true), null = plain_type(WRT_NULLREF, true);
    CHECK(matches(&k, null, k.node) && matches(&k, null, any) && !matches(&k, null, extern_) && !matches(&k, any, null));
    static const uint8_t none[] = {WRT_EMPTY, WRT_DEFINED_FUNC, WRT_DEFINED_STRUCT, WRT_DEFINED_ARRAY, 23, 255};
    wrt_val_t v;
    for (size_t i = 0; i < sizeof none; i++) {
        t = any;
        BAD(wrt_type_new(none[i], true, &t));
        CHECK(is_no_type(t));
        if (none[i] < WRT_DEFINED_FUNC || none[i] > WRT_DEFINED_ARRAY) BAD(wrt_val_null(none[i], &v));
    }
    OK(wrt_val_null(WRT_DEFINED_FUNC, &v));
    CHECK(v.kind == WRT_FUNCREF);
    OK(wrt_val_null(WRT_DEFINED_ARRAY, &v));
    CHECK(v.kind == WRT_ANYREF);
    BAD(wrt_type_new(WRT_I32, true, NULL));
    BAD(wrt_val_null(WRT_ANYREF, NULL));
    BAD(wrt_type_top(NULL, &t));
    BAD(wrt_type_top(&any, NULL));
    CHECK(!wrt_type_equal(NULL, &any) && !wrt_type_equal(&any, NULL) && !wrt_type_equal(NULL, NULL));
    memset(&t, 0, sizeof t);
    CHECK(!wrt_type_equal(&t, &t));
    MISMATCH(wrt_type_top(&t, &t));
    wrt_types_delete(k.types);
}

static void defined_types(wrt_engine_t *engine) {
    kit_t k = kit(engine);
    wrt_type_t t, top, eq = plain_type(WRT_EQREF, true), struct_ = plain_type(WRT_STRUCTREF, true),
                      array = plain_type(WRT_ARRAYREF, true), func = plain_type(WRT_FUNCREF, true);
    wrt_field_t field;
    wrt_functype_t *ft;
    uint32_t n;
    bool final;
    CHECK(is_kind(k.node, WRT_DEFINED_STRUCT, 1) && is_kind(k.bytes, WRT_DEFINED_ARRAY, 1) && is_kind(k.f, WRT_DEFINED_FUNC, 1));
    CHECK(matches(&k, k.leaf, k.node) && !matches(&k, k.node, k.leaf) && matches(&k, k.leaf, struct_));
    CHECK(matches(&k, k.bytes, array) && matches(&k, k.bytes, eq) && !matches(&k, k.bytes, struct_) && matches(&k, k.f, func));
    CHECK(has_text(&k, k.node, "(ref null $node)"));
    t = k.node, t.nullable = 0;
    CHECK(has_text(&k, t, "(ref $node)") && matches(&k, t, k.node) && !matches(&k, k.node, t) && !wrt_type_equal(&t, &k.node));
    OK(wrt_type_top(&t, &top));
    CHECK(is_kind(top, WRT_ANYREF, 1));
    OK(wrt_type_top(&k.f, &top));
    CHECK(is_kind(top, WRT_FUNCREF, 1));
    OK(wrt_type_field_count(engine, &k.leaf, &n));
    CHECK(n == 3);
    OK(wrt_type_field_count(engine, &k.bytes, &n));
    CHECK(n == 1);
    OK(wrt_type_field_count(engine, &k.anonymous, &n));
    CHECK(n == 0);
    OK(wrt_type_field(engine, &k.leaf, 0, &field));
    CHECK(wrt_type_equal(&field.type, &k.node) && field.is_mutable == 1);
    OK(wrt_type_field(engine, &k.leaf, 1, &field));
    CHECK(is_kind(field.type, WRT_I8, 0) && field.is_mutable == 0);
    OK(wrt_type_field(engine, &k.bytes, 0, &field));
    CHECK(is_kind(field.type, WRT_I16, 0) && field.is_mutable == 1);
    OK(wrt_type_find_field(engine, &k.leaf, TEXT("n"), &n));
    CHECK(n == 2);
    OK(wrt_type_supertype(engine, &k.leaf, &t, &final));
    CHECK(wrt_type_equal(&t, &k.node) && final);
    OK(wrt_type_supertype(engine, &k.node, &t, &final));
    CHECK(is_no_type(t) && !final);
    OK(wrt_type_supertype(engine, &k.f, &t, NULL));
    OK(wrt_type_functype(engine, &k.f, &ft));
    CHECK(wrt_functype_param_count(ft) == 2 && wrt_functype_param(ft, 1) == WRT_ANYREF && wrt_functype_result(ft, 0) == WRT_ANYREF);
    OK(wrt_functype_param_type(ft, 1, &t));
    top = k.node, top.nullable = 0;
    CHECK(wrt_type_equal(&t, &top));
    OK(wrt_functype_param_type(ft, 0, &t));
    CHECK(is_kind(t, WRT_I32, 0));
    OK(wrt_functype_result_type(ft, 0, &t));
    CHECK(is_kind(t, WRT_ANYREF, 1));
    BAD(wrt_functype_param_type(ft, 2, &t));
    BAD(wrt_functype_result_type(ft, 1, &t));
    CHECK(is_no_type(t));
    BAD(wrt_functype_param_type(NULL, 0, &t));
    BAD(wrt_functype_param_type(ft, 0, NULL));
    BAD(wrt_functype_result_type(NULL, 0, &t));
    BAD(wrt_functype_result_type(ft, 0, NULL));
    wrt_functype_delete(ft);
    /* Text that is truncated. */
    char text[9];
    size_t len;
    memset(text, 'x', sizeof text);
    OK(wrt_type_text(engine, &k.node, text, 8, &len));
    CHECK(strcmp(text, "(ref nu") == 0 && text[8] == 'x' && len == 16);
    OK(wrt_type_text(engine, &k.node, text, 1, NULL));
    CHECK(text[0] == 0);
    OK(wrt_type_text(engine, &k.node, NULL, 0, &len));
    CHECK(len == 16);
    BAD(wrt_type_text(engine, &k.node, NULL, 5, &len));
    OK(wrt_type_text(engine, &k.anonymous, NULL, 0, &len));
    CHECK(len > 0);
    wrt_types_delete(k.types);
}

/* Each question about a type, with engines and types that it cannot be asked of. */
static void questions_fail(const wrt_engine_t *engine, const wrt_type_t *t, uint8_t kind) {
    wrt_type_t out, any = plain_type(WRT_ANYREF, true);
    wrt_field_t field;
    wrt_functype_t *ft;
    char text[20] = "x";
    size_t len = 1;
    uint32_t n = 1;
    bool b = true;
    FAILS(kind, wrt_type_field_count(engine, t, &n));
    CHECK(n == 0);
    FAILS(kind, wrt_type_field(engine, t, 0, &field));
    CHECK(is_no_type(field.type) && field.is_mutable == 0);
    FAILS(kind, wrt_type_find_field(engine, t, TEXT("x"), &n));
    FAILS(kind, wrt_type_supertype(engine, t, &out, &b));
    CHECK(is_no_type(out) && !b);
    FAILS(kind, wrt_type_functype(engine, t, &ft));
    CHECK(!ft);
    if (kind != WRT_ERROR_KIND_INVALID_ARGUMENT) return;
    b = true;
    FAILS(kind, wrt_type_text(engine, t, text, sizeof text, &len));
    CHECK(text[0] == 0 && len == 0);
    FAILS(kind, wrt_type_matches(engine, t, &any, &b));
    CHECK(!b);
    FAILS(kind, wrt_type_matches(engine, &any, t, &b));
}

static void questions_misused(wrt_engine_t *engine) {
    kit_t k = kit(engine);
    wrt_engine_t *far;
    OK(wrt_engine_new(NULL, &far));
    kit_t f = kit(far);
    wrt_type_t none = {0}, any = plain_type(WRT_ANYREF, true), number = plain_type(WRT_I64, false), made_up = k.node,
               out;
    wrt_field_t field;
    wrt_functype_t *ft;
    uint32_t n;
    bool b;
    questions_fail(NULL, &k.node, ARGUMENT);
    questions_fail(engine, NULL, ARGUMENT);
    questions_fail(engine, &none, ARGUMENT);
    questions_fail(engine, &f.node, ARGUMENT);
    questions_fail(far, &k.node, ARGUMENT);
    questions_fail(engine, &any, TYPE);
    questions_fail(engine, &number, TYPE);
    made_up.index = 1u << 29;
    questions_fail(engine, &made_up, WRT_ERROR_KIND_STALE_HANDLE);
    made_up = k.node, made_up.generation++;
    questions_fail(engine, &made_up, WRT_ERROR_KIND_STALE_HANDLE);
    made_up = k.node, made_up.kind = WRT_DEFINED_FUNC;
    questions_fail(engine, &made_up, ARGUMENT);
    made_up.kind = 77;
    questions_fail(engine, &made_up, ARGUMENT);
    OK(wrt_typebuilder_ref(0, WRT_DEFINED_STRUCT, true, &made_up));
    questions_fail(engine, &made_up, ARGUMENT);
    MISMATCH(wrt_type_field_count(engine, &k.f, &n));
    MISMATCH(wrt_type_field(engine, &k.f, 0, &field));
    MISMATCH(wrt_type_functype(engine, &k.node, &ft));
    BAD(wrt_type_field(engine, &k.node, 2, &field));
    BAD(wrt_type_field(engine, &k.bytes, 1, &field));
    FAILS(WRT_ERROR_KIND_NOT_FOUND, wrt_type_find_field(engine, &k.node, TEXT("n"), &n));
    FAILS(WRT_ERROR_KIND_NOT_FOUND, wrt_type_find_field(engine, &k.bytes, TEXT("n"), &n));
    BAD(wrt_type_find_field(engine, &k.node, NULL, 1, &n));
    BAD(wrt_type_find_field(engine, &k.node, TEXT("\xff"), &n));
    BAD(wrt_type_field_count(engine, &k.node, NULL));
    BAD(wrt_type_field(engine, &k.node, 0, NULL));
    BAD(wrt_type_find_field(engine, &k.node, TEXT("tag"), NULL));
    BAD(wrt_type_supertype(engine, &k.node, NULL, &b));
    BAD(wrt_type_functype(engine, &k.f, NULL));
    BAD(wrt_type_matches(engine, &any, &any, NULL));
    out = plain_type(WRT_I8, false);
    b = true;
    BAD(wrt_type_matches(engine, &out, &out, &b)); /* packed types have no values */
    CHECK(!b);
    wrt_types_delete(f.types);
    wrt_engine_delete(far);
    wrt_types_delete(k.types);
}

/* Lists of types: equal types are the same, whatever their source. */
static void lists(wrt_engine_t *engine) {
    kit_t k = kit(engine);
    wrt_types_t *types;
    wrt_type_t t;
    CHECK(wrt_types_count(k.types) == 5 && wrt_types_count(NULL) == 0);
    OK(wrt_types_get(k.types, 1, &t));
    CHECK(wrt_type_equal(&t, &k.leaf));
    BAD(wrt_types_get(k.types, 5, &t));
    BAD(wrt_types_get(k.types, SIZE_MAX, &t));
    CHECK(is_no_type(t));
    BAD(wrt_types_get(NULL, 0, &t));
    BAD(wrt_types_get(k.types, 0, NULL));
    FAILS(WRT_ERROR_KIND_NOT_FOUND, wrt_types_find(k.types, TEXT("$node"), &t));
    FAILS(WRT_ERROR_KIND_NOT_FOUND, wrt_types_find(k.types, TEXT(""), &t));
    CHECK(is_no_type(t));
    BAD(wrt_types_find(NULL, TEXT("node"), &t));
    BAD(wrt_types_find(k.types, NULL, 4, &t));
    BAD(wrt_types_find(k.types, TEXT("node"), NULL));
    char text[1000];
    snprintf(text, sizeof text, "(module (type $first (func)) %s)", TYPES);
    wrt_module_t *module = module_of(engine, text);
    OK(wrt_module_types(module, &types));
    wrt_module_delete(module);
    CHECK(wrt_types_count(types) == 6);
    OK(wrt_types_get(types, 1, &t));
    CHECK(wrt_type_equal(&t, &k.node));
    t = type_named(types, "bytes");
    CHECK(wrt_type_equal(&t, &k.bytes));
    wrt_types_delete(types);
    BAD(wrt_module_types(NULL, &types));
    CHECK(!types);
    module = module_of(engine, "(module)");
    BAD(wrt_module_types(module, NULL));
    OK(wrt_module_types(module, &types));
    CHECK(types && wrt_types_count(types) == 0);
    wrt_types_delete(types);
    wrt_module_delete(module);
    wrt_types_delete(NULL);
    types = types_of(engine, "");
    CHECK(wrt_types_count(types) == 0);
    wrt_types_delete(types);
    static const char *const bad[] = {"(type $a (struct", "(type $a (struct)) (type $a (struct))", "(type (struct (field $x)))",
                                      ") (module", "(type (struct (field (ref $nobody))))", "(type (array (mut i9)))", "\"", ")"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        FAILS(WRT_ERROR_KIND_MALFORMED, wrt_types_parse(engine, bad[i], strlen(bad[i]), &types));
        CHECK(!types);
    }
    FAILS(WRT_ERROR_KIND_INVALID_MODULE, wrt_types_parse(engine, TEXT("(type $a (struct)) (type (sub $a (struct)))"), &types));
    BAD(wrt_types_parse(engine, TEXT("(type $f (func)) (func (type $f))"), &types)); /* not only types */
    BAD(wrt_types_parse(NULL, TEXT("(type (struct))"), &types));
    BAD(wrt_types_parse(engine, NULL, 3, &types));
    BAD(wrt_types_parse(engine, TEXT("(type (struct))"), NULL));
    CHECK(!types);
    /* The list is deleted, the types stay valid. */
    wrt_types_delete(k.types);
    CHECK(has_text(&k, k.leaf, "(ref null $leaf)"));
}

int main(void) {
    wrt_engine_t *engine;
    OK(wrt_engine_new(NULL, &engine));
    plain_types(engine);
    defined_types(engine);
    questions_misused(engine);
    lists(engine);
    wrt_engine_delete(engine);
    return 0;
}
