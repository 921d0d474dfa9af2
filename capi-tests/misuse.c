/* Incorrect uses of the API: each returns an error, none crashes. */
#include "test.h"

#define BAD(call) FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, call)

static wrt_error_t *no_callback(void *userdata, wrt_caller_t *caller, const wrt_val_t *args, size_t arg_count,
                                wrt_val_t *results, size_t result_count) {
    (void)userdata, (void)caller, (void)args, (void)arg_count, (void)results, (void)result_count;
    return NULL;
}

static const char *const ALL = "(module (func (export \"f\") (param i32) (result i32) (local.get 0))"
                               " (memory (export \"m\") 1) (table (export \"t\") 1 funcref)"
                               " (global (export \"g\") (mut i32) (i32.const 0)))";

/* The objects of one store. */
typedef struct {
    wrt_instance_t instance;
    wrt_func_t f;
    wrt_memory_t m;
    wrt_table_t t;
    wrt_global_t g;
} items_t;

static items_t items_of(world_t *w) {
    items_t i;
    i.instance = instance_of(w->engine, w->store, ALL);
    OK(wrt_instance_get_func(w->store, &i.instance, TEXT("f"), &i.f));
    OK(wrt_instance_get_memory(w->store, &i.instance, TEXT("m"), &i.m));
    OK(wrt_instance_get_table(w->store, &i.instance, TEXT("t"), &i.t));
    OK(wrt_instance_get_global(w->store, &i.instance, TEXT("g"), &i.g));
    return i;
}

static void nulls_of_shared_objects(world_t *w) {
    wrt_engine_t *engine;
    wrt_module_t *module = NULL, *good = module_of(w->engine, ALL);
    wrt_store_t *store;
    wrt_linker_t *linker = NULL;
    wrt_functype_t *type;
    wrt_import_t import;
    wrt_export_t export;
    wrt_size_limits_t limits;
    wrt_frame_t frame;
    uint8_t *bytes;
    size_t n;

    BAD(wrt_config_set_signals(NULL, true));
    BAD(wrt_config_set_interruption(NULL, true));
    BAD(wrt_config_set_max_wasm_stack(NULL, 1 << 20));
    BAD(wrt_config_set_threads(NULL, 1));
    BAD(wrt_engine_new(NULL, NULL));
    BAD(wrt_store_new(NULL, NULL, NULL, &store));
    BAD(wrt_store_new(w->engine, NULL, NULL, NULL));
    BAD(wrt_module_new(NULL, ALL, strlen(ALL), &module));
    BAD(wrt_module_new(w->engine, NULL, 8, &module));
    BAD(wrt_module_new(w->engine, ALL, strlen(ALL), NULL));
    BAD(wrt_module_new(w->engine, ALL, SIZE_MAX, &module));
    BAD(wrt_module_validate(NULL, ALL, strlen(ALL)));
    BAD(wrt_module_validate(w->engine, NULL, 8));
    BAD(wrt_module_save(NULL, &bytes, &n));
    BAD(wrt_module_save(good, NULL, &n));
    BAD(wrt_module_save(good, &bytes, NULL));
    BAD(wrt_module_load(NULL, ALL, strlen(ALL), &module));
    BAD(wrt_module_load(w->engine, NULL, 8, &module));
    BAD(wrt_module_load(w->engine, ALL, strlen(ALL), NULL));
    BAD(wrt_module_import(NULL, 0, &import));
    BAD(wrt_module_import(good, 0, NULL));
    BAD(wrt_module_export(NULL, 0, &export));
    BAD(wrt_module_export(good, 0, NULL));
    BAD(wrt_module_get_export(NULL, TEXT("f"), &export));
    BAD(wrt_module_get_export(good, NULL, 1, &export));
    BAD(wrt_module_get_export(good, TEXT("f"), NULL));
    BAD(wrt_module_get_export(good, TEXT("\xc0"), &export));
    BAD(wrt_functype_parse(NULL, 3, &type));
    BAD(wrt_functype_parse(TEXT("()"), NULL));
    BAD(wrt_functype_new(NULL, 0, NULL, 1, &type));
    BAD(wrt_functype_new(NULL, 0, NULL, 0, NULL));
    BAD(wrt_externtype_limits(NULL, &limits));
    BAD(wrt_linker_new(NULL, &linker));
    BAD(wrt_linker_new(w->engine, NULL));
    BAD(wrt_error_frame(NULL, 0, &frame));
    BAD(wrt_abi_layout(NULL, 3, &n));
    BAD(wrt_abi_layout(TEXT("wrt_val_t"), NULL));

    CHECK(!wrt_engine_clone(NULL) && !wrt_module_clone(NULL));
    CHECK(!wrt_module_name(NULL, NULL) && !wrt_module_import_count(NULL) && !wrt_module_export_count(NULL));
    CHECK(!wrt_functype_param_count(NULL) && !wrt_functype_result_count(NULL) && !wrt_functype_param(NULL, 0));
    CHECK(!wrt_functype_result(NULL, 0) && !wrt_functype_text(NULL, NULL)[0]);
    CHECK(!wrt_externtype_kind(NULL) && !wrt_externtype_func(NULL) && !wrt_externtype_valkind(NULL));
    CHECK(!wrt_externtype_is_mutable(NULL) && !wrt_externtype_text(NULL, NULL)[0]);
    CHECK(!wrt_store_userdata(NULL) && !wrt_store_id(NULL) && !wrt_caller_store(NULL));
    CHECK(!wrt_caller_instance(NULL, NULL) && !wrt_func_equal(NULL, NULL));
    wrt_limits_init(NULL);
    wrt_interrupt_trigger(NULL);
    wrt_config_delete(NULL), wrt_engine_delete(NULL), wrt_module_delete(NULL), wrt_store_delete(NULL);
    wrt_linker_delete(NULL), wrt_functype_delete(NULL), wrt_interrupt_delete(NULL), wrt_bytes_delete(NULL, 5);
    OK(wrt_engine_new(NULL, &engine));
    wrt_engine_delete(engine);
    wrt_module_delete(good);
}

static void nulls_in_a_store(world_t *w, items_t *i) {
    wrt_store_t *s = w->store;
    wrt_module_t *module = module_of(w->engine, "(module)");
    wrt_linker_t *linker;
    wrt_functype_t *type, *given;
    wrt_instance_t instance;
    wrt_func_t f;
    wrt_memory_t m;
    wrt_table_t t;
    wrt_global_t g;
    wrt_extern_t item;
    wrt_interrupt_t *interrupt;
    wrt_size_limits_t limits = {1, 0, 0};
    wrt_limits_t store_limits;
    wrt_val_t v = i32_val(1);
    wrt_raw_t slots[1] = {{.i32 = 1}};
    uint64_t n;
    uint8_t kind;
    bool flag;
    char byte;
    OK(wrt_linker_new(w->engine, &linker));
    OK(wrt_functype_parse(TEXT("()"), &type));
    wrt_limits_init(&store_limits);

    BAD(wrt_store_set_limits(NULL, &store_limits));
    BAD(wrt_store_set_limits(s, NULL));
    BAD(wrt_store_set_limiter(NULL, NULL, NULL, NULL));
    BAD(wrt_store_set_deadline(NULL, 1));
    BAD(wrt_store_set_deadline_callback(NULL, NULL, NULL, NULL));
    BAD(wrt_store_take_interrupt(NULL));
    BAD(wrt_interrupt_new(NULL, &interrupt));
    BAD(wrt_interrupt_new(s, NULL));

    BAD(wrt_instance_new(NULL, module, NULL, 0, &instance));
    BAD(wrt_instance_new(s, NULL, NULL, 0, &instance));
    BAD(wrt_instance_new(s, module, NULL, 1, &instance));
    BAD(wrt_instance_new(s, module, NULL, 0, NULL));
    BAD(wrt_instance_get(NULL, &i->instance, TEXT("f"), &item));
    BAD(wrt_instance_get(s, NULL, TEXT("f"), &item));
    BAD(wrt_instance_get(s, &i->instance, NULL, 1, &item));
    BAD(wrt_instance_get(s, &i->instance, TEXT("f"), NULL));
    BAD(wrt_instance_export(NULL, &i->instance, 0, &item));
    BAD(wrt_instance_export(s, NULL, 0, &item));
    BAD(wrt_instance_export(s, &i->instance, 0, NULL));
    BAD(wrt_instance_get_func(NULL, &i->instance, TEXT("f"), &f));
    BAD(wrt_instance_get_func(s, NULL, TEXT("f"), &f));
    BAD(wrt_instance_get_func(s, &i->instance, NULL, 1, &f));
    BAD(wrt_instance_get_func(s, &i->instance, TEXT("f"), NULL));
    BAD(wrt_instance_get_memory(s, NULL, TEXT("m"), &m));
    BAD(wrt_instance_get_memory(s, &i->instance, TEXT("m"), NULL));
    BAD(wrt_instance_get_table(s, NULL, TEXT("t"), &t));
    BAD(wrt_instance_get_table(s, &i->instance, TEXT("t"), NULL));
    BAD(wrt_instance_get_global(s, NULL, TEXT("g"), &g));
    BAD(wrt_instance_get_global(s, &i->instance, TEXT("g"), NULL));

    BAD(wrt_linker_define_func(linker, NULL, 1, TEXT("f"), TEXT("()"), no_callback, NULL, NULL));
    BAD(wrt_linker_define_func(linker, TEXT("m"), NULL, 1, TEXT("()"), no_callback, NULL, NULL));
    BAD(wrt_linker_define_func(linker, TEXT("m"), TEXT("f"), NULL, 1, no_callback, NULL, NULL));
    BAD(wrt_linker_define_func_raw(linker, TEXT("m"), TEXT("f"), TEXT("()"), NULL, NULL, NULL));
    BAD(wrt_linker_define_func_raw(NULL, TEXT("m"), TEXT("f"), TEXT("()"), NULL, NULL, NULL));
    OK(wrt_instance_get(s, &i->instance, TEXT("f"), &item));
    BAD(wrt_linker_define(NULL, s, TEXT("m"), TEXT("f"), &item));
    BAD(wrt_linker_define(linker, NULL, TEXT("m"), TEXT("f"), &item));
    BAD(wrt_linker_define(linker, s, NULL, 1, TEXT("f"), &item));
    BAD(wrt_linker_define(linker, s, TEXT("m"), NULL, 1, &item));
    BAD(wrt_linker_define(linker, s, TEXT("m"), TEXT("f"), NULL));
    item.kind = 99;
    BAD(wrt_linker_define(linker, s, TEXT("m"), TEXT("f"), &item));
    BAD(wrt_linker_define_instance(NULL, s, TEXT("m"), &i->instance));
    BAD(wrt_linker_define_instance(linker, NULL, TEXT("m"), &i->instance));
    BAD(wrt_linker_define_instance(linker, s, NULL, 1, &i->instance));
    BAD(wrt_linker_define_instance(linker, s, TEXT("m"), NULL));
    BAD(wrt_linker_instantiate(NULL, s, module, &instance));
    BAD(wrt_linker_instantiate(linker, NULL, module, &instance));
    BAD(wrt_linker_instantiate(linker, s, NULL, &instance));
    BAD(wrt_linker_instantiate(linker, s, module, NULL));

    BAD(wrt_func_new(NULL, type, no_callback, NULL, NULL, &f));
    BAD(wrt_func_new(s, NULL, no_callback, NULL, NULL, &f));
    BAD(wrt_func_new(s, type, NULL, NULL, NULL, &f));
    BAD(wrt_func_new(s, type, no_callback, NULL, NULL, NULL));
    BAD(wrt_func_new_raw(s, type, NULL, NULL, NULL, &f));
    BAD(wrt_func_type(NULL, &i->f, &given));
    BAD(wrt_func_type(s, NULL, &given));
    BAD(wrt_func_type(s, &i->f, NULL));
    BAD(wrt_func_call(NULL, &i->f, &v, 1, &v, 1));
    v = i32_val(1);
    BAD(wrt_func_call(s, NULL, &v, 1, &v, 1));
    v = i32_val(1);
    BAD(wrt_func_call(s, &i->f, NULL, 1, &v, 1));
    v = i32_val(1);
    BAD(wrt_func_call(s, &i->f, &v, 1, NULL, 1));
    BAD(wrt_func_call_raw(NULL, &i->f, slots, 1));
    BAD(wrt_func_call_raw(s, NULL, slots, 1));
    BAD(wrt_func_call_raw(s, &i->f, NULL, 1));

    BAD(wrt_memory_new(NULL, &limits, &m));
    BAD(wrt_memory_new(s, NULL, &m));
    BAD(wrt_memory_new(s, &limits, NULL));
    BAD(wrt_memory_type(s, NULL, &limits));
    BAD(wrt_memory_type(s, &i->m, NULL));
    BAD(wrt_memory_data(NULL, &i->m, NULL, NULL));
    BAD(wrt_memory_data(s, NULL, NULL, NULL));
    OK(wrt_memory_data(s, &i->m, NULL, NULL));
    BAD(wrt_memory_size(s, NULL, &n));
    BAD(wrt_memory_size(s, &i->m, NULL));
    BAD(wrt_memory_grow(NULL, &i->m, 0, &n));
    BAD(wrt_memory_grow(s, NULL, 0, &n));
    BAD(wrt_memory_read(NULL, &i->m, 0, &byte, 1));
    BAD(wrt_memory_read(s, NULL, 0, &byte, 1));
    BAD(wrt_memory_read(s, &i->m, 0, NULL, 1));
    BAD(wrt_memory_write(s, NULL, 0, &byte, 1));
    BAD(wrt_memory_write(s, &i->m, 0, NULL, 1));

    limits.min = 1, limits.has_max = 0;
    v = func_val(NULL);
    BAD(wrt_table_new(NULL, WRT_FUNCREF, &limits, &v, &t));
    v = func_val(NULL);
    BAD(wrt_table_new(s, WRT_FUNCREF, NULL, &v, &t));
    BAD(wrt_table_new(s, WRT_FUNCREF, &limits, NULL, &t));
    v = func_val(NULL);
    BAD(wrt_table_new(s, WRT_FUNCREF, &limits, &v, NULL));
    CHECK(v.kind == WRT_EMPTY);
    BAD(wrt_table_type(s, NULL, &kind, &limits));
    BAD(wrt_table_type(s, &i->t, NULL, &limits));
    BAD(wrt_table_type(s, &i->t, &kind, NULL));
    BAD(wrt_table_size(s, NULL, &n));
    BAD(wrt_table_size(s, &i->t, NULL));
    BAD(wrt_table_get(s, NULL, 0, &v));
    BAD(wrt_table_get(s, &i->t, 0, NULL));
    v = func_val(NULL);
    BAD(wrt_table_set(s, NULL, 0, &v));
    CHECK(v.kind == WRT_EMPTY);
    BAD(wrt_table_set(s, &i->t, 0, NULL));
    BAD(wrt_table_grow(s, &i->t, 1, NULL, &n));
    v = func_val(NULL);
    BAD(wrt_table_grow(s, NULL, 1, &v, &n));
    BAD(wrt_table_fill(s, &i->t, 0, NULL, 1));
    v = func_val(NULL);
    BAD(wrt_table_fill(s, NULL, 0, &v, 1));
    BAD(wrt_table_copy(s, NULL, 0, &i->t, 0, 1));
    BAD(wrt_table_copy(s, &i->t, 0, NULL, 0, 1));

    v = i32_val(1);
    BAD(wrt_global_new(NULL, WRT_I32, true, &v, &g));
    BAD(wrt_global_new(s, WRT_I32, true, NULL, &g));
    v = i32_val(1);
    BAD(wrt_global_new(s, WRT_I32, true, &v, NULL));
    BAD(wrt_global_type(s, NULL, &kind, &flag));
    BAD(wrt_global_type(s, &i->g, NULL, &flag));
    BAD(wrt_global_type(s, &i->g, &kind, NULL));
    BAD(wrt_global_get(s, NULL, &v));
    BAD(wrt_global_get(s, &i->g, NULL));
    v = i32_val(1);
    BAD(wrt_global_set(s, NULL, &v));
    BAD(wrt_global_set(s, &i->g, NULL));

    wrt_functype_delete(type);
    wrt_linker_delete(linker);
    wrt_module_delete(module);
}

/* Every use of a handle, with handles for which it must fail with this kind of error. */
static void all_uses(world_t *w, items_t *i, uint8_t kind) {
    wrt_store_t *s = w->store;
    wrt_val_t v = i32_val(1), null = func_val(NULL);
    wrt_functype_t *type;
    wrt_extern_t item;
    wrt_size_limits_t limits;
    wrt_raw_t slot = {.i32 = 1};
    wrt_linker_t *linker;
    uint64_t n;
    uint8_t k;
    bool flag;
    char byte;
    OK(wrt_linker_new(w->engine, &linker));
    FAILS(kind, wrt_func_call(s, &i->f, &v, 1, &v, 1));
    FAILS(kind, wrt_func_call_raw(s, &i->f, &slot, 1));
    FAILS(kind, wrt_func_type(s, &i->f, &type));
    FAILS(kind, wrt_instance_get(s, &i->instance, TEXT("f"), &item));
    FAILS(kind, wrt_instance_export(s, &i->instance, 0, &item));
    FAILS(kind, wrt_linker_define_instance(linker, s, TEXT("m"), &i->instance));
    item.kind = WRT_EXTERN_MEMORY;
    item.of.memory = i->m;
    FAILS(kind, wrt_linker_define(linker, s, TEXT("m"), TEXT("m"), &item));
    FAILS(kind, wrt_memory_size(s, &i->m, &n));
    FAILS(kind, wrt_memory_grow(s, &i->m, 1, &n));
    FAILS(kind, wrt_memory_read(s, &i->m, 0, &byte, 1));
    FAILS(kind, wrt_memory_write(s, &i->m, 0, "x", 1));
    FAILS(kind, wrt_memory_data(s, &i->m, NULL, NULL));
    FAILS(kind, wrt_memory_type(s, &i->m, &limits));
    FAILS(kind, wrt_table_size(s, &i->t, &n));
    FAILS(kind, wrt_table_get(s, &i->t, 0, &v));
    FAILS(kind, wrt_table_set(s, &i->t, 0, &null));
    null = func_val(NULL);
    FAILS(kind, wrt_table_grow(s, &i->t, 1, &null, &n));
    null = func_val(NULL);
    FAILS(kind, wrt_table_fill(s, &i->t, 0, &null, 1));
    FAILS(kind, wrt_table_copy(s, &i->t, 0, &i->t, 0, 1));
    FAILS(kind, wrt_table_type(s, &i->t, &k, &limits));
    FAILS(kind, wrt_global_get(s, &i->g, &v));
    v = i32_val(1);
    FAILS(kind, wrt_global_set(s, &i->g, &v));
    FAILS(kind, wrt_global_type(s, &i->g, &k, &flag));
    wrt_linker_delete(linker);
}

static void foreign_and_stale_handles(world_t *w, items_t *good) {
    world_t other = world();
    items_t items = items_of(&other);
    all_uses(w, &items, WRT_ERROR_KIND_WRONG_STORE);
    wrt_func_t f = items.f;
    world_end(&other);
    /* The numbers of stores are not reused. */
    all_uses(w, &items, WRT_ERROR_KIND_WRONG_STORE);
    wrt_val_t v = func_val(&f);
    FAILS(WRT_ERROR_KIND_WRONG_STORE, wrt_table_set(w->store, &good->t, 0, &v));

    memset(&items, 0, sizeof items);
    all_uses(w, &items, WRT_ERROR_KIND_STALE_HANDLE);
    items = *good;
    items.f.index = items.m.index = items.t.index = items.g.index = items.instance.index = 1000;
    all_uses(w, &items, WRT_ERROR_KIND_STALE_HANDLE);
    items.f.index = items.m.index = items.t.index = items.g.index = items.instance.index = UINT32_MAX;
    all_uses(w, &items, WRT_ERROR_KIND_STALE_HANDLE);
    items = *good;
    items.f.generation = items.m.generation = items.t.generation = items.g.generation = items.instance.generation = 77;
    all_uses(w, &items, WRT_ERROR_KIND_STALE_HANDLE);
}

/* A small real module, so that damage affects every section. */
static const uint8_t BINARY[] = {
    0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00, 0x01, 0x07, 0x01, 0x60, 0x02, 0x7f, 0x7f, 0x01, 0x7f,
    0x03, 0x02, 0x01, 0x00, 0x04, 0x04, 0x01, 0x70, 0x00, 0x02, 0x05, 0x03, 0x01, 0x00, 0x01, 0x06, 0x06,
    0x01, 0x7f, 0x01, 0x41, 0x2a, 0x0b, 0x07, 0x07, 0x01, 0x03, 0x61, 0x64, 0x64, 0x00, 0x00, 0x09, 0x07,
    0x01, 0x00, 0x41, 0x00, 0x0b, 0x01, 0x00, 0x0a, 0x09, 0x01, 0x07, 0x00, 0x20, 0x00, 0x20, 0x01, 0x6a,
    0x0b, 0x0b, 0x08, 0x01, 0x00, 0x41, 0x08, 0x0b, 0x02, 0x68, 0x69,
};

static uint32_t random_state = 1;

static uint32_t random_u32(void) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 17;
    return random_state ^= random_state << 5;
}

/* An error, or a module that can be instantiated or not; in any case the process survives. */
static bool try_module(world_t *w, const uint8_t *bytes, size_t len) {
    wrt_module_t *module;
    wrt_error_t *error = wrt_module_new(w->engine, bytes, len, &module);
    CHECK(!error == !!module);
    if (error) {
        wrt_error_delete(error);
        return false;
    }
    /* A separate store, since the address space for memories is limited. */
    wrt_store_t *store;
    wrt_instance_t instance;
    OK(wrt_store_new(w->engine, NULL, NULL, &store));
    wrt_error_delete(wrt_instance_new(store, module, NULL, 0, &instance));
    wrt_store_delete(store);
    wrt_module_delete(module);
    return true;
}

static void truncated_and_random_modules(world_t *w) {
    CHECK(try_module(w, BINARY, sizeof BINARY));
    for (size_t len = 0; len < sizeof BINARY; len++) {
        /* A copy of exactly this size, so that a read past its end is detected. */
        uint8_t *cut = malloc(len + !len);
        memcpy(cut, BINARY, len);
        try_module(w, cut, len);
        free(cut);
    }
    int good = 0;
    for (int round = 0; round < 1500; round++) {
        uint8_t bytes[sizeof BINARY];
        memcpy(bytes, BINARY, sizeof BINARY);
        for (uint32_t n = 1 + random_u32() % 2; n > 0; n--) bytes[8 + random_u32() % (sizeof BINARY - 8)] = (uint8_t)random_u32();
        good += try_module(w, bytes, sizeof bytes);
    }
    CHECK(good > 50);
    for (int round = 0; round < 300; round++) {
        uint8_t bytes[64];
        for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)random_u32();
        if (round % 2) memcpy(bytes, BINARY, 8);
        try_module(w, bytes, sizeof bytes);
    }
}

static wrt_store_t *misused;
static int misuses;

static void use_the_store(void) {
    wrt_memory_t memory;
    wrt_size_limits_t limits = {0, 0, 0};
    BAD(wrt_memory_new(misused, &limits, &memory));
    CHECK(wrt_store_id(misused) == 0);
    misuses++;
}

static int32_t misusing_limiter(void *userdata, const wrt_growth_t *growth) {
    (void)userdata, (void)growth;
    use_the_store();
    return 1;
}

static void misusing_finalizer(void *userdata) {
    (void)userdata;
    use_the_store();
    wrt_store_delete(misused);
}

static int32_t deleting_limiter(void *userdata, const wrt_growth_t *growth) {
    (void)userdata, (void)growth;
    wrt_store_delete(misused);
    return 1;
}

/* Limiters and finalizers run while an operation on the store is in progress. */
static void stores_in_limiters_and_finalizers(world_t *w) {
    wrt_memory_t memory;
    wrt_size_limits_t limits = {1, 0, 0};
    wrt_functype_t *type;
    wrt_func_t f;
    int finalized = 0;
    OK(wrt_functype_parse(TEXT("()"), &type));
    OK(wrt_store_new(w->engine, NULL, misusing_finalizer, &misused));
    OK(wrt_store_set_limiter(misused, misusing_limiter, NULL, NULL));
    OK(wrt_func_new(misused, type, no_callback, NULL, misusing_finalizer, &f));
    OK(wrt_memory_new(misused, &limits, &memory));
    OK(wrt_memory_grow(misused, &memory, 1, NULL));
    CHECK(misuses == 2);
    wrt_store_delete(misused);
    CHECK(misuses == 4);
    OK(wrt_store_new(w->engine, &finalized, count_call, &misused));
    OK(wrt_store_set_limiter(misused, deleting_limiter, NULL, NULL));
    OK(wrt_memory_new(misused, &limits, &memory));
    CHECK(finalized == 1);
    wrt_functype_delete(type);
}

static void odd_addresses(world_t *w, items_t *i) {
    static const char bytes[64];
    wrt_raw_t slots[3];
    wrt_val_t result;
    BAD(wrt_func_call_raw(w->store, &i->f, (wrt_raw_t *)((char *)slots + 1), 1));
    BAD(wrt_func_call(w->store, &i->f, (const wrt_val_t *)(bytes + 1 + (uintptr_t)bytes % 2), 1, &result, 1));
    CHECK(result.kind == WRT_EMPTY);
}

static void modules_of_another_engine(world_t *w) {
    wrt_engine_t *other;
    wrt_instance_t instance;
    OK(wrt_engine_new(NULL, &other));
    wrt_module_t *module = module_of(other, "(module)");
    BAD(wrt_instance_new(w->store, module, NULL, 0, &instance));
    wrt_module_delete(module);
    wrt_engine_delete(other);
}

int main(void) {
    world_t w = world();
    items_t items = items_of(&w);
    nulls_of_shared_objects(&w);
    nulls_in_a_store(&w, &items);
    foreign_and_stale_handles(&w, &items);
    truncated_and_random_modules(&w);
    modules_of_another_engine(&w);
    stores_in_limiters_and_finalizers(&w);
    odd_addresses(&w, &items);
    /* After all that, it works. */
    int32_t got;
    OK(call_i32(w.store, &items.f, 1, 3, 0, &got));
    CHECK(got == 3);
    world_end(&w);
    return 0;
}
