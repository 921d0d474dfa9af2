/* Recursion groups built type by type: the same types as a module's, with the same rules. */
#include "refs.h"

static wrt_typebuilder_t *builder_of(const wrt_engine_t *engine) {
    wrt_typebuilder_t *b;
    OK(wrt_typebuilder_new(engine, &b));
    return b;
}

static wrt_type_t in_group(uint32_t position, uint8_t kind, bool nullable) {
    wrt_type_t t;
    OK(wrt_typebuilder_ref(position, kind, nullable, &t));
    return t;
}

static wrt_field_t field(wrt_type_t type, bool is_mutable) {
    wrt_field_t f;
    memset(&f, 0, sizeof f);
    f.type = type, f.is_mutable = is_mutable;
    return f;
}

static void same_as_text(wrt_engine_t *engine) {
    wrt_types_t *text = types_of(engine,
                                 "(rec (type $node (sub (struct (field (mut (ref null $leaf))) (field i8))))"
                                 " (type $leaf (sub final $node (struct (field (mut (ref null $leaf))) (field i8) (field funcref))))"
                                 " (type $row (array (mut (ref $node))))"
                                 " (type $f (func (param (ref $row) i64) (result v128 (ref null $f)))))"),
                *built;
    wrt_typebuilder_t *b = builder_of(engine);
    uint32_t at[4];
    wrt_field_t fields[3] = {field(in_group(1, WRT_DEFINED_STRUCT, true), true), field(plain_type(WRT_I8, false), false),
                             field(plain_type(WRT_FUNCREF, true), false)};
    OK(wrt_typebuilder_struct(b, fields, 2, false, NULL, &at[0]));
    wrt_type_t node = in_group(0, WRT_DEFINED_STRUCT, false);
    OK(wrt_typebuilder_struct(b, fields, 3, true, &node, &at[1]));
    wrt_field_t element = field(node, true);
    OK(wrt_typebuilder_array(b, &element, true, NULL, &at[2]));
    wrt_type_t params[2] = {in_group(2, WRT_DEFINED_ARRAY, false), plain_type(WRT_I64, false)},
               results[2] = {plain_type(WRT_V128, false), in_group(3, WRT_DEFINED_FUNC, true)};
    OK(wrt_typebuilder_func(b, params, 2, results, 2, true, NULL, &at[3]));
    OK(wrt_typebuilder_finish(b, &built));
    CHECK(wrt_types_count(built) == 4);
    for (uint32_t i = 0; i < 4; i++) {
        wrt_type_t t, u;
        OK(wrt_types_get(text, i, &t));
        OK(wrt_types_get(built, i, &u));
        CHECK(at[i] == i && wrt_type_equal(&t, &u));
    }
    wrt_type_t t;
    FAILS(WRT_ERROR_KIND_NOT_FOUND, wrt_types_find(built, TEXT("node"), &t)); /* these have no names */
    wrt_types_delete(text);
    /* The next group begins at 0, can be empty, and can refer to existing types. */
    wrt_types_delete(built);
    OK(wrt_typebuilder_finish(b, &built));
    CHECK(built && wrt_types_count(built) == 0);
    wrt_types_delete(built);
    text = types_of(engine, "(type $open (sub (array (mut i32)))) (type (sub $open (array (mut i32))))"
                            "(type $point (struct (field (ref $open))))");
    wrt_type_t open = type_named(text, "open"), again;
    element = field(plain_type(WRT_I32, false), true);
    OK(wrt_typebuilder_array(b, &element, false, &open, &at[0]));
    OK(wrt_typebuilder_finish(b, &built));
    OK(wrt_types_get(built, 0, &t));
    OK(wrt_types_get(text, 1, &again));
    CHECK(at[0] == 0 && wrt_type_equal(&t, &again));
    wrt_types_delete(built);
    open.nullable = 0;
    element = field(open, false);
    OK(wrt_typebuilder_struct(b, &element, 1, true, NULL, NULL));
    OK(wrt_typebuilder_finish(b, &built));
    OK(wrt_types_get(built, 0, &t));
    again = type_named(text, "point");
    CHECK(wrt_type_equal(&t, &again));
    wrt_types_delete(built);
    wrt_types_delete(text);
    wrt_typebuilder_delete(b);
}

/* A group that is rejected, after which the builder is empty. */
static void refused(wrt_typebuilder_t *b, uint8_t kind) {
    wrt_types_t *types;
    FAILS(kind, wrt_typebuilder_finish(b, &types));
    CHECK(!types);
    OK(wrt_typebuilder_finish(b, &types));
    CHECK(wrt_types_count(types) == 0);
    wrt_types_delete(types);
}

static void groups_that_are_none(wrt_engine_t *engine) {
    wrt_typebuilder_t *b = builder_of(engine);
    wrt_field_t n = field(plain_type(WRT_I32, false), true), constant = field(plain_type(WRT_I32, false), false), to;
    wrt_type_t first = in_group(0, WRT_DEFINED_STRUCT, true), second = in_group(1, WRT_DEFINED_STRUCT, true),
               array = in_group(0, WRT_DEFINED_ARRAY, true);
    to = field(second, true);
    OK(wrt_typebuilder_struct(b, &to, 1, true, NULL, NULL)); /* of a member that is never added */
    refused(b, ARGUMENT);
    to = field(array, true);
    OK(wrt_typebuilder_struct(b, &to, 1, true, NULL, NULL)); /* a structure is not an array */
    refused(b, ARGUMENT);
    OK(wrt_typebuilder_func(b, &second, 1, NULL, 0, true, NULL, NULL));
    refused(b, ARGUMENT);
    OK(wrt_typebuilder_struct(b, &n, 1, false, &first, NULL)); /* a subtype of itself */
    refused(b, ARGUMENT);
    OK(wrt_typebuilder_struct(b, &n, 1, false, &second, NULL)); /* a subtype of a later one */
    OK(wrt_typebuilder_struct(b, &n, 1, false, NULL, NULL));
    refused(b, ARGUMENT);
    OK(wrt_typebuilder_struct(b, &n, 1, true, NULL, NULL)); /* a subtype of a final type */
    OK(wrt_typebuilder_struct(b, &n, 1, true, &first, NULL));
    refused(b, TYPE);
    OK(wrt_typebuilder_struct(b, &n, 1, false, NULL, NULL)); /* fewer fields */
    OK(wrt_typebuilder_struct(b, NULL, 0, true, &first, NULL));
    refused(b, TYPE);
    OK(wrt_typebuilder_struct(b, &n, 1, false, NULL, NULL)); /* another field */
    OK(wrt_typebuilder_struct(b, &constant, 1, true, &first, NULL));
    refused(b, TYPE);
    OK(wrt_typebuilder_struct(b, &n, 1, false, NULL, NULL)); /* another kind */
    OK(wrt_typebuilder_array(b, &n, true, &first, NULL));
    refused(b, TYPE);
    /* A supertype that the caller declares as an array, but that is a structure. */
    OK(wrt_typebuilder_struct(b, &n, 1, false, NULL, NULL));
    BAD(wrt_typebuilder_struct(b, &n, 1, true, &array, NULL));
    wrt_types_t *types;
    OK(wrt_typebuilder_finish(b, &types));
    CHECK(wrt_types_count(types) == 1);
    wrt_types_delete(types);
    /* Deep and wide groups, at the limits and beyond. */
    for (uint32_t depth = 64; depth < 66; depth++) {
        for (uint32_t i = 0; i < depth; i++) {
            wrt_type_t above = in_group(i - (i > 0), WRT_DEFINED_STRUCT, true);
            OK(wrt_typebuilder_struct(b, &n, 1, false, i ? &above : NULL, NULL));
        }
        if (depth == 65) refused(b, WRT_ERROR_KIND_LIMIT);
        else {
            OK(wrt_typebuilder_finish(b, &types));
            wrt_types_delete(types);
        }
    }
    static wrt_field_t many[10001];
    for (int i = 0; i < 10001; i++) many[i] = n;
    OK(wrt_typebuilder_struct(b, many, 10001, true, NULL, NULL));
    refused(b, WRT_ERROR_KIND_LIMIT);
    OK(wrt_typebuilder_struct(b, many, 10000, true, NULL, NULL));
    OK(wrt_typebuilder_finish(b, &types));
    wrt_types_delete(types);
    static wrt_type_t values[1001];
    for (int i = 0; i < 1001; i++) values[i] = n.type;
    OK(wrt_typebuilder_func(b, values, 1001, NULL, 0, true, NULL, NULL));
    refused(b, WRT_ERROR_KIND_LIMIT);
    /* A builder that is deleted before it is finished. */
    OK(wrt_typebuilder_struct(b, many, 100, true, NULL, NULL));
    wrt_typebuilder_delete(b);
    wrt_typebuilder_delete(NULL);
}

static void misused(wrt_engine_t *engine) {
    wrt_typebuilder_t *b = builder_of(engine), *out = b;
    wrt_engine_t *far;
    OK(wrt_engine_new(NULL, &far));
    wrt_types_t *theirs = types_of(far, "(type $s (sub (struct)))"), *types, *ours = types_of(engine, "(type $open (sub (struct)))");
    wrt_type_t foreign = type_named(theirs, "s"), none = {0}, any = plain_type(WRT_ANYREF, true),
               packed = plain_type(WRT_I8, false), t, made_up = type_named(ours, "open");
    made_up.kind = WRT_DEFINED_FUNC;
    wrt_field_t f = field(any, true), bad_f = field(foreign, true), none_f = field(none, true), made_up_f = field(made_up, true);
    uint32_t at = 9;
    BAD(wrt_typebuilder_new(NULL, &out));
    CHECK(!out);
    BAD(wrt_typebuilder_new(engine, NULL));
    BAD(wrt_typebuilder_ref(0, WRT_DEFINED_STRUCT, true, NULL));
    static const uint8_t kinds[] = {0, WRT_I32, WRT_STRUCTREF, WRT_ANYREF, WRT_NULLEXTERNREF, WRT_I8, 255};
    for (size_t i = 0; i < sizeof kinds; i++) BAD(wrt_typebuilder_ref(0, kinds[i], true, &t));
    BAD(wrt_typebuilder_ref(UINT32_MAX, WRT_DEFINED_STRUCT, true, &t));
    CHECK(t.kind == 0 && t.engine == 0);
    BAD(wrt_typebuilder_struct(NULL, &f, 1, true, NULL, &at));
    CHECK(at == 0);
    BAD(wrt_typebuilder_struct(b, NULL, 1, true, NULL, &at));
    BAD(wrt_typebuilder_struct(b, &bad_f, 1, true, NULL, &at));
    BAD(wrt_typebuilder_struct(b, &none_f, 1, true, NULL, &at));
    BAD(wrt_typebuilder_struct(b, &made_up_f, 1, true, NULL, &at));
    BAD(wrt_typebuilder_struct(b, &f, 1, true, &foreign, &at));
    BAD(wrt_typebuilder_struct(b, &f, 1, true, &none, &at));
    MISMATCH(wrt_typebuilder_struct(b, &f, 1, true, &any, &at));
    MISMATCH(wrt_typebuilder_struct(b, &f, 1, true, &packed, &at));
    BAD(wrt_typebuilder_struct(b, &f, SIZE_MAX, true, NULL, &at));
    BAD(wrt_typebuilder_array(NULL, &f, true, NULL, &at));
    BAD(wrt_typebuilder_array(b, NULL, true, NULL, &at));
    BAD(wrt_typebuilder_array(b, &bad_f, true, NULL, &at));
    MISMATCH(wrt_typebuilder_array(b, &f, true, &any, &at));
    BAD(wrt_typebuilder_func(NULL, &any, 1, NULL, 0, true, NULL, &at));
    BAD(wrt_typebuilder_func(b, NULL, 1, NULL, 0, true, NULL, &at));
    BAD(wrt_typebuilder_func(b, NULL, 0, NULL, 1, true, NULL, &at));
    BAD(wrt_typebuilder_func(b, &foreign, 1, NULL, 0, true, NULL, &at));
    BAD(wrt_typebuilder_func(b, NULL, 0, &none, 1, true, NULL, &at));
    BAD(wrt_typebuilder_func(b, &packed, 1, NULL, 0, true, NULL, &at));
    MISMATCH(wrt_typebuilder_func(b, NULL, 0, NULL, 0, true, &any, &at));
    BAD(wrt_typebuilder_finish(NULL, &types));
    CHECK(!types);
    BAD(wrt_typebuilder_finish(b, NULL));
    /* None of these types was added. */
    OK(wrt_typebuilder_finish(b, &types));
    CHECK(wrt_types_count(types) == 0);
    wrt_types_delete(types);
    wrt_types_delete(ours);
    wrt_types_delete(theirs);
    wrt_engine_delete(far);
    wrt_typebuilder_delete(b);
}

int main(void) {
    wrt_engine_t *engine;
    OK(wrt_engine_new(NULL, &engine));
    same_as_text(engine);
    groups_that_are_none(engine);
    misused(engine);
    /* A builder keeps what it needs of its engine alive. */
    wrt_typebuilder_t *b = builder_of(engine);
    wrt_engine_delete(engine);
    wrt_types_t *types;
    OK(wrt_typebuilder_struct(b, NULL, 0, true, NULL, NULL));
    OK(wrt_typebuilder_finish(b, &types));
    wrt_typebuilder_delete(b);
    CHECK(wrt_types_count(types) == 1);
    wrt_types_delete(types);
    return 0;
}
