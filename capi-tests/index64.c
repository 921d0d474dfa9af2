/* Memories and tables with 64-bit indexes, and memories with pages of one byte. */
#include "refs.h"

static wrt_memory_options_t memory_options(uint64_t min, uint64_t max, bool is_64, uint64_t page_size) {
    wrt_memory_options_t o;
    wrt_memory_options_init(&o);
    CHECK(o.size == sizeof o && o.limits.min == 0 && !o.limits.has_max && o.page_size == 65536 && !o.is_64);
    o.limits = (wrt_size_limits_t){min, max, 1};
    o.is_64 = is_64;
    o.page_size = page_size;
    return o;
}

/* Calls a function with one i64 parameter and an i32 result. */
static wrt_error_t *call_i64(wrt_store_t *store, const wrt_func_t *func, uint64_t a, int32_t *out) {
    wrt_val_t arg = {.kind = WRT_I64}, result;
    arg.of.i64 = (int64_t)a;
    *out = 0;
    wrt_error_t *error = wrt_func_call(store, func, &arg, 1, &result, 1);
    if (!error) *out = result.of.i32;
    return error;
}

static const char *const IMPORTS_64 =
    "(module (import \"h\" \"m\" (memory i64 1)) (func (export \"get\") (param i64) (result i32) (i32.load8_u (local.get 0)))"
    " (func (export \"far\") (param i64) (result i32) (i32.load offset=0xfffffffffffffff0 (local.get 0))))";

static wrt_error_t *with_memory(world_t *w, const char *text, const wrt_memory_t *memory, wrt_instance_t *out) {
    wrt_module_t *module = module_of(w->engine, text);
    wrt_extern_t item = {.kind = WRT_EXTERN_MEMORY};
    item.of.memory = *memory;
    wrt_error_t *error = wrt_instance_new(w->store, module, &item, 1, out);
    wrt_module_delete(module);
    return error;
}

static void memory_of_the_host(world_t *w) {
    wrt_memory_options_t o = memory_options(1, 3, true, 65536);
    wrt_memory_t m;
    wrt_instance_t instance, none;
    wrt_size_limits_t limits;
    uint64_t n;
    int32_t got;
    bool is_64;
    OK(wrt_memory_new_with(w->store, &o, &m));
    OK(wrt_memory_is_64(w->store, &m, &is_64));
    OK(wrt_memory_page_size(w->store, &m, &n));
    CHECK(is_64 && n == 65536);
    OK(with_memory(w, IMPORTS_64, &m, &instance));
    FAILS(WRT_ERROR_KIND_LINK, with_memory(w, "(module (import \"h\" \"m\" (memory 1)))", &m, &none));
    FAILS(WRT_ERROR_KIND_LINK, with_memory(w, "(module (import \"h\" \"m\" (memory i64 1 2)))", &m, &none));
    FAILS(WRT_ERROR_KIND_LINK, with_memory(w, "(module (import \"h\" \"m\" (memory i64 1 (pagesize 1))))", &m, &none));
    wrt_func_t get = func_of(w->store, &instance, "get"), far = func_of(w->store, &instance, "far");
    OK(wrt_memory_grow(w->store, &m, 1, &n));
    CHECK(n == 1);
    FAILS(WRT_ERROR_KIND_LIMIT, wrt_memory_grow(w->store, &m, 2, &n));
    FAILS(WRT_ERROR_KIND_LIMIT, wrt_memory_grow(w->store, &m, UINT64_MAX, &n));
    FAILS(WRT_ERROR_KIND_LIMIT, wrt_memory_grow(w->store, &m, (uint64_t)1 << 48, &n));
    OK(wrt_memory_type(w->store, &m, &limits));
    CHECK(limits.min == 2 && limits.has_max && limits.max == 3);
    OK(wrt_memory_write(w->store, &m, 131071, "x", 1));
    OK(call_i64(w->store, &get, 131071, &got));
    CHECK(got == 'x');
    TRAPS(WRT_TRAP_MEMORY_OUT_OF_BOUNDS, call_i64(w->store, &get, 131072, &got));
    TRAPS(WRT_TRAP_MEMORY_OUT_OF_BOUNDS, call_i64(w->store, &get, UINT64_MAX, &got));
    TRAPS(WRT_TRAP_MEMORY_OUT_OF_BOUNDS, call_i64(w->store, &far, 20, &got));
}

/* The indexes really have more than 32 bits. */
static void more_than_32_bits(world_t *w) {
    const uint64_t four = (uint64_t)4 << 30, eight = 2 * four;
    wrt_memory_options_t o = memory_options((eight >> 16) + 1, (eight >> 16) + 2, true, 65536);
    wrt_memory_t m;
    wrt_instance_t instance;
    size_t size;
    int32_t got;
    OK(wrt_memory_new_with(w->store, &o, &m));
    OK(wrt_memory_data(w->store, &m, NULL, &size));
    CHECK(size == eight + 65536);
    OK(with_memory(w, IMPORTS_64, &m, &instance));
    wrt_func_t get = func_of(w->store, &instance, "get");
    OK(wrt_memory_write(w->store, &m, 5, "a", 1));
    OK(wrt_memory_write(w->store, &m, four + 5, "b", 1));
    OK(wrt_memory_write(w->store, &m, eight + 65535, "c", 1));
    OK(call_i64(w->store, &get, 5, &got));
    CHECK(got == 'a');
    OK(call_i64(w->store, &get, four + 5, &got));
    CHECK(got == 'b');
    OK(call_i64(w->store, &get, eight + 65535, &got));
    CHECK(got == 'c');
    TRAPS(WRT_TRAP_MEMORY_OUT_OF_BOUNDS, call_i64(w->store, &get, eight + 65536, &got));
    OK(wrt_memory_grow(w->store, &m, 1, NULL));
    OK(call_i64(w->store, &get, eight + 65536, &got));
    CHECK(got == 0);
}

static void pages_of_a_byte(world_t *w) {
    static const char *const text =
        "(module (import \"h\" \"m\" (memory 1 (pagesize 1)))"
        " (func (export \"byte\") (param i32) (result i32) (i32.load8_u (local.get 0)))"
        " (func (export \"word\") (param i32) (result i32) (i32.load (local.get 0)))"
        " (func (export \"size\") (param i32) (result i32) (memory.size)))";
    wrt_memory_options_t o = memory_options(10, 15, false, 1);
    wrt_memory_t m;
    wrt_instance_t instance, none;
    uint64_t n;
    int32_t got;
    bool is_64 = true;
    OK(wrt_memory_new_with(w->store, &o, &m));
    OK(wrt_memory_is_64(w->store, &m, &is_64));
    OK(wrt_memory_page_size(w->store, &m, &n));
    CHECK(!is_64 && n == 1);
    OK(with_memory(w, text, &m, &instance));
    FAILS(WRT_ERROR_KIND_LINK, with_memory(w, "(module (import \"h\" \"m\" (memory 0)))", &m, &none));
    wrt_func_t byte = func_of(w->store, &instance, "byte"), word = func_of(w->store, &instance, "word"),
               size = func_of(w->store, &instance, "size");
    OK(call_i32(w->store, &word, 1, 6, 0, &got));
    TRAPS(WRT_TRAP_MEMORY_OUT_OF_BOUNDS, call_i32(w->store, &word, 1, 7, 0, &got));
    TRAPS(WRT_TRAP_MEMORY_OUT_OF_BOUNDS, call_i32(w->store, &byte, 1, 10, 0, &got));
    OK(wrt_memory_grow(w->store, &m, 5, &n));
    CHECK(n == 10);
    FAILS(WRT_ERROR_KIND_LIMIT, wrt_memory_grow(w->store, &m, 1, &n));
    OK(wrt_memory_write(w->store, &m, 14, "z", 1));
    TRAPS(WRT_TRAP_MEMORY_OUT_OF_BOUNDS, wrt_memory_write(w->store, &m, 14, "zz", 2));
    OK(call_i32(w->store, &byte, 1, 14, 0, &got));
    CHECK(got == 'z');
    OK(call_i32(w->store, &size, 1, 0, 0, &got));
    CHECK(got == 15);
}

/* The engine's setting is the maximum size of a 64-bit memory. */
static void configured(void) {
    world_t w;
    wrt_config_t *config = wrt_config_new();
    OK(wrt_config_set_feature(config, TEXT("custom-page-sizes"), true));
    wrt_engine_t *engine;
    wrt_memory_t m;
    uint64_t n;
    BAD(wrt_config_set_max_memory64(NULL, 1));
    OK(wrt_config_set_max_memory64(config, UINT64_MAX));
    BAD(wrt_engine_new(config, &engine));
    OK(wrt_config_set_signals(config, may_use_signals()));
    OK(wrt_config_set_max_memory64(config, 5 * 65536 + 100));
    OK(wrt_engine_new(config, &w.engine));
    wrt_config_delete(config);
    OK(wrt_store_new(w.engine, NULL, NULL, &w.store));
    wrt_memory_options_t o = memory_options(6, 100, true, 65536);
    FAILS(WRT_ERROR_KIND_LIMIT, wrt_memory_new_with(w.store, &o, &m));
    o.limits.min = (uint64_t)1 << 48, o.limits.has_max = 0;
    FAILS(WRT_ERROR_KIND_LIMIT, wrt_memory_new_with(w.store, &o, &m));
    o.limits.min = 5;
    OK(wrt_memory_new_with(w.store, &o, &m));
    FAILS(WRT_ERROR_KIND_LIMIT, wrt_memory_grow(w.store, &m, 1, &n));
    OK(wrt_memory_grow(w.store, &m, 0, &n));
    /* Other memories are unaffected. */
    o.is_64 = 0;
    OK(wrt_memory_new_with(w.store, &o, &m));
    OK(wrt_memory_grow(w.store, &m, 95, NULL));
    wrt_module_t *module = module_of(w.engine, "(module (memory i64 6))");
    wrt_instance_t instance;
    FAILS(WRT_ERROR_KIND_LIMIT, wrt_instance_new(w.store, module, NULL, 0, &instance));
    wrt_module_delete(module);
    world_end(&w);
}

static const char *const TABLE_64 =
    "(module (import \"h\" \"t\" (table $t i64 3 externref))"
    " (func (export \"get\") (param i64) (result externref) (table.get $t (local.get 0)))"
    " (func (export \"clear\") (param i64) (result i32) (table.set $t (local.get 0) (ref.null extern)) (i32.const 0))"
    " (func (export \"move\") (param i64) (result i32) (table.copy (i64.const 0) (local.get 0) (i64.const 2)) (i32.const 0)))";

/* A table owns the values that are stored in it, whatever its index type. */
static void table_of_references(void) {
    world_t w = gc_world();
    counts_t counts = {0, 0};
    wrt_table_options_t o;
    wrt_table_t t;
    wrt_instance_t instance;
    wrt_extern_t item = {.kind = WRT_EXTERN_TABLE};
    uint64_t n;
    int32_t got;
    bool is_64;
    wrt_table_options_init(&o);
    CHECK(o.size == sizeof o && o.element.kind == WRT_FUNCREF && o.element.nullable && !o.limits.has_max && !o.is_64);
    o.element = plain_type(WRT_EXTERNREF, true);
    o.limits = (wrt_size_limits_t){3, 8, 1};
    o.is_64 = 1;
    wrt_val_t v = ref_val(WRT_EXTERNREF, object(w.store, &counts));
    OK(wrt_table_new_with(w.store, &o, &v, &t));
    CHECK(v.kind == WRT_EMPTY && alive(w.store, &counts) == 1);
    OK(wrt_table_is_64(w.store, &t, &is_64));
    CHECK(is_64);
    v = ref_val(WRT_EXTERNREF, object(w.store, &counts));
    OK(wrt_table_set(w.store, &t, 2, &v));
    CHECK(v.kind == WRT_EMPTY && alive(w.store, &counts) == 2);
    v = ref_val(WRT_EXTERNREF, object(w.store, &counts));
    TRAPS(WRT_TRAP_TABLE_OUT_OF_BOUNDS, wrt_table_set(w.store, &t, (uint64_t)1 << 32, &v));
    CHECK(v.kind == WRT_EMPTY && alive(w.store, &counts) == 2);
    v = ref_val(WRT_EXTERNREF, object(w.store, &counts));
    OK(wrt_table_grow(w.store, &t, 2, &v, &n));
    CHECK(n == 3 && v.kind == WRT_EMPTY && alive(w.store, &counts) == 3);
    TAKES(WRT_ERROR_KIND_LIMIT, ref_val(WRT_EXTERNREF, object(w.store, &counts)), wrt_table_grow(w.store, &t, 4, &v, &n));
    TAKES(WRT_ERROR_KIND_LIMIT, ref_val(WRT_EXTERNREF, object(w.store, &counts)),
          wrt_table_grow(w.store, &t, UINT64_MAX, &v, &n));
    TAKES(WRT_ERROR_KIND_TRAP, ref_val(WRT_EXTERNREF, object(w.store, &counts)),
          wrt_table_fill(w.store, &t, UINT64_MAX, &v, 2));
    CHECK(n == 0 && alive(w.store, &counts) == 3);

    wrt_module_t *module = module_of(w.engine, TABLE_64), *narrow = module_of(w.engine, "(module (import \"h\" \"t\" (table 3 externref)))");
    item.of.table = t;
    FAILS(WRT_ERROR_KIND_LINK, wrt_instance_new(w.store, narrow, &item, 1, &instance));
    OK(wrt_instance_new(w.store, module, &item, 1, &instance));
    wrt_module_delete(module);
    wrt_module_delete(narrow);
    wrt_func_t clear = func_of(w.store, &instance, "clear"), move = func_of(w.store, &instance, "move");
    /* The first object at 0 and 1, the second at 2, the third at 3 and 4. */
    OK(call_i64(w.store, &clear, 2, &got));
    CHECK(alive(w.store, &counts) == 2);
    TRAPS(WRT_TRAP_TABLE_OUT_OF_BOUNDS, call_i64(w.store, &clear, 5, &got));
    TRAPS(WRT_TRAP_TABLE_OUT_OF_BOUNDS, call_i64(w.store, &clear, (uint64_t)1 << 32, &got));
    TRAPS(WRT_TRAP_TABLE_OUT_OF_BOUNDS, call_i64(w.store, &move, UINT64_MAX - 1, &got));
    OK(call_i64(w.store, &move, 3, &got));
    CHECK(alive(w.store, &counts) == 1);
    wrt_val_t null = null_val(WRT_EXTERNREF);
    OK(wrt_table_fill(w.store, &t, 0, &null, 5));
    CHECK(alive(w.store, &counts) == 0);
    world_end(&w);
    CHECK(counts.created == counts.dropped);
}

static void types(world_t *w) {
    static const struct {
        const char *name, *text;
        bool is_64;
        uint64_t page_size;
    } all[] = {
        {"a", "memory i64 1 2", true, 65536}, {"b", "memory 1", false, 65536}, {"c", "memory 7 9 (pagesize 1)", false, 1},
        {"d", "memory i64 7 (pagesize 1)", true, 1}, {"e", "table i64 10 funcref", true, 0}, {"f", "table 10 20 funcref", false, 0},
        {"g", "func ()", false, 0},
    };
    wrt_module_t *module = module_of(w->engine, "(module (memory (export \"a\") i64 1 2) (memory (export \"b\") 1)"
                                                " (memory (export \"c\") 7 9 (pagesize 1)) (memory (export \"d\") i64 7 (pagesize 1))"
                                                " (table (export \"e\") i64 10 funcref) (table (export \"f\") 10 20 funcref)"
                                                " (func (export \"g\")))");
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        wrt_export_t e;
        OK(wrt_module_get_export(module, all[i].name, 1, &e));
        CHECK(!strcmp(wrt_externtype_text(e.type, NULL), all[i].text));
        CHECK(wrt_externtype_is_64(e.type) == all[i].is_64 && wrt_externtype_page_size(e.type) == all[i].page_size);
    }
    CHECK(!wrt_externtype_is_64(NULL) && wrt_externtype_page_size(NULL) == 0);
    wrt_module_delete(module);
    CHECK(wrt_has_feature("memory64") && wrt_has_feature("custom-page-sizes"));
}

static void misuse(world_t *w) {
    wrt_store_t *foreign = other_store(w);
    wrt_memory_options_t mo = memory_options(1, 2, true, 65536), bad = mo;
    wrt_table_options_t to;
    wrt_memory_t m, m2;
    wrt_table_t t, t2;
    wrt_val_t v = func_val(NULL);
    uint64_t n = 7;
    bool yes = true;
    wrt_memory_options_init(NULL);
    wrt_table_options_init(NULL);
    wrt_table_options_init(&to);
    OK(wrt_memory_new_with(w->store, &mo, &m));
    OK(wrt_table_new_with(w->store, &to, &v, &t));

    BAD(wrt_memory_new_with(NULL, &mo, &m2));
    BAD(wrt_memory_new_with(w->store, NULL, &m2));
    BAD(wrt_memory_new_with(w->store, &mo, NULL));
    bad.size = 8;
    BAD(wrt_memory_new_with(w->store, &bad, &m2));
    bad = memory_options(3, 2, true, 65536);
    BAD(wrt_memory_new_with(w->store, &bad, &m2));
    bad = memory_options(1, 2, true, 4096);
    BAD(wrt_memory_new_with(w->store, &bad, &m2));
    bad = memory_options(65537, 65537, false, 65536);
    BAD(wrt_memory_new_with(w->store, &bad, &m2));
    /* A size of 2^32 pages could not be represented. */
    bad = memory_options((uint64_t)1 << 32, (uint64_t)1 << 32, false, 1);
    BAD(wrt_memory_new_with(w->store, &bad, &m2));
    CHECK(EMPTY_HANDLE(m2));

    TAKES(ARGUMENT, func_val(NULL), wrt_table_new_with(w->store, NULL, &v, &t2));
    TAKES(ARGUMENT, func_val(NULL), wrt_table_new_with(w->store, &to, &v, NULL));
    BAD(wrt_table_new_with(w->store, &to, NULL, &t2));
    v = func_val(NULL);
    BAD(wrt_table_new_with(NULL, &to, &v, &t2));
    to.size = 8;
    TAKES(ARGUMENT, func_val(NULL), wrt_table_new_with(w->store, &to, &v, &t2));
    wrt_table_options_init(&to);
    to.element = plain_type(WRT_I32, false);
    TAKES(TYPE, func_val(NULL), wrt_table_new_with(w->store, &to, &v, &t2));
    wrt_table_options_init(&to);
    to.is_64 = 1, to.limits.min = UINT64_MAX;
    TAKES(WRT_ERROR_KIND_LIMIT, func_val(NULL), wrt_table_new_with(w->store, &to, &v, &t2));
    CHECK(EMPTY_HANDLE(t2));

    BAD(wrt_memory_is_64(NULL, &m, &yes));
    CHECK(!yes);
    BAD(wrt_memory_is_64(w->store, NULL, &yes));
    BAD(wrt_memory_is_64(w->store, &m, NULL));
    FOREIGN(wrt_memory_is_64(foreign, &m, &yes));
    BAD(wrt_memory_page_size(NULL, &m, &n));
    CHECK(n == 0);
    BAD(wrt_memory_page_size(w->store, NULL, &n));
    BAD(wrt_memory_page_size(w->store, &m, NULL));
    FOREIGN(wrt_memory_page_size(foreign, &m, &n));
    yes = true;
    BAD(wrt_table_is_64(NULL, &t, &yes));
    CHECK(!yes);
    BAD(wrt_table_is_64(w->store, NULL, &yes));
    BAD(wrt_table_is_64(w->store, &t, NULL));
    FOREIGN(wrt_table_is_64(foreign, &t, &yes));
    wrt_store_delete(foreign);
}

/* WASI preview 1 has 32-bit pointers. */
static void no_wasi(world_t *w) {
    wrt_linker_t *linker;
    wrt_wasi_t *wasi;
    wrt_instance_t instance;
    int32_t got;
    wrt_module_t *module = module_of(
        w->engine, "(module (import \"wasi_snapshot_preview1\" \"random_get\" (func $r (param i32 i32) (result i32)))"
                   " (memory (export \"memory\") i64 1)"
                   " (func (export \"f\") (param i32 i32) (result i32) (call $r (local.get 0) (local.get 1))))");
    OK(wrt_linker_new(w->engine, &linker));
    OK(wrt_linker_define_wasi(linker));
    OK(wrt_wasi_new(&wasi));
    OK(wrt_store_set_wasi(w->store, wasi));
    OK(wrt_linker_instantiate(linker, w->store, module, &instance));
    wrt_func_t f = func_of(w->store, &instance, "f");
    for (int i = 0; i < 2; i++) FAILS(WRT_ERROR_KIND_UNSUPPORTED, call_i32(w->store, &f, 2, 8, 8, &got));
    wrt_module_delete(module);
    wrt_linker_delete(linker);
}

int main(void) {
    for (int signals = 0; signals < 1 + may_use_signals(); signals++) {
        world_t w = world_with(signals, false);
        memory_of_the_host(&w);
        more_than_32_bits(&w);
        pages_of_a_byte(&w);
        types(&w);
        misuse(&w);
        no_wasi(&w);
        world_end(&w);
    }
    configured();
    for (zeal = 0; zeal < 2; zeal++) table_of_references();
    return 0;
}
