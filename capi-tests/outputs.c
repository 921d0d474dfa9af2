/* Outputs are written even if a call fails, whichever other arguments are NULL; nothing is leaked if an output pointer is NULL; and callers
 * can pass any byte as a bool. (tests/ctypes_outputs.py tests the outputs of all functions.) */
#include "refs.h"
#include <stddef.h>

static void a_type_without_a_top(void) {
    wrt_type_t out, number;
    memset(&out, 0xa5, sizeof out);
    BAD(wrt_type_top(NULL, &out));
    CHECK(out.kind == 0 && out.engine == 0 && out.index == 0);
    OK(wrt_type_new(WRT_I32, false, &number));
    memset(&out, 0xa5, sizeof out);
    MISMATCH(wrt_type_top(&number, &out));
    CHECK(out.kind == 0 && out.engine == 0);
    /* The type can be in the memory that its top type is written to. */
    OK(wrt_type_new(WRT_STRUCTREF, false, &out));
    OK(wrt_type_top(&out, &out));
    CHECK(out.kind == WRT_ANYREF && out.nullable);
}

/* The length of an empty text. */
static void texts_of_nothing(const world_t *w) {
    size_t len = 77;
    CHECK(!strcmp(wrt_functype_text(NULL, &len), "") && len == 0);
    len = 77;
    CHECK(!strcmp(wrt_externtype_text(NULL, &len), "") && len == 0);
    len = 77;
    CHECK(!strcmp(wrt_error_message(NULL, &len), "") && len == 0);
    len = 77;
    CHECK(!wrt_module_name(NULL, &len) && len == 0);
    wrt_module_t *nameless = module_of(w->engine, "(module)");
    len = 77;
    CHECK(!wrt_module_name(nameless, &len) && len == 0);
    wrt_module_delete(nameless);
}

/* One output is NULL: the others are written nevertheless. */
static void one_of_two(const world_t *w) {
    wrt_module_t *module = module_of(w->engine, "(module)");
    uint64_t total = 77;
    size_t len = 77;
    BAD(wrt_engine_compile_progress(w->engine, NULL, &total));
    CHECK(total == 0);
    BAD(wrt_module_save(module, NULL, &len));
    CHECK(len == 0);
    wrt_module_delete(module);
}

static void structs_of_a_known_size(const world_t *w) {
    wrt_heap_stats_t stats;
    wrt_heap_census_t census;
    wrt_pool_stats_t pool;
    memset(&stats, 0xa5, sizeof stats), stats.size = sizeof stats;
    memset(&census, 0xa5, sizeof census), census.size = sizeof census;
    memset(&pool, 0xa5, sizeof pool), pool.size = offsetof(wrt_pool_stats_t, tables_kept);
    BAD(wrt_store_heap_stats(NULL, &stats));
    CHECK(stats.minor_collections == 0 && stats.full_pauses[31] == 0 && stats.size == sizeof stats);
    BAD(wrt_store_heap_census(NULL, &census));
    CHECK(census.young.objects == 0 && census.tags == 0);
    BAD(wrt_engine_pool_stats(NULL, &pool));
    /* No further than the caller's size of the struct. */
    CHECK(pool.memories_in_use == 0 && pool.memories_made == 0 && pool.tables_kept == 0xa5a5a5a5a5a5a5a5u);
    memset(&pool, 0xa5, sizeof pool), pool.size = 3;
    BAD(wrt_engine_pool_stats(w->engine, &pool));
    CHECK(pool.size == 3 && pool.memories_in_use == 0xa5a5a5a5a5a5a5a5u);
}

static void bytes(const world_t *w) {
    unsigned char out[4];
    wrt_size_limits_t limits = {1, 1, 1};
    wrt_memory_t memory, none;
    wrt_ref_t empty;
    memset(&none, 0, sizeof none), memset(&empty, 0, sizeof empty);
    OK(wrt_memory_new(w->store, &limits, &memory));
    memset(out, 0xa5, sizeof out);
    TRAPS(WRT_TRAP_MEMORY_OUT_OF_BOUNDS, wrt_memory_read(w->store, &memory, 65533, out, 4));
    CHECK(!memcmp(out, "\0\0\0\0", 4));
    memset(out, 0xa5, sizeof out);
    STALE(wrt_memory_read(w->store, &none, 0, out, 4));
    CHECK(!memcmp(out, "\0\0\0\0", 4));
    memset(out, 0xa5, sizeof out);
    STALE(wrt_array_read(w->store, &empty, 0, out, 4));
    CHECK(!memcmp(out, "\0\0\0\0", 4));
}

/* If the output is NULL, nothing is created: it would be leaked, and the leak checker would report it. */
static void no_place(void) {
    world_t w = world_with(true, true);
    wrt_interrupt_t *interrupt = NULL;
    BAD(wrt_interrupt_new(w.store, NULL));
    BAD(wrt_interrupt_new(NULL, &interrupt));
    CHECK(!interrupt);
    world_end(&w);
}

/* Functions that take a bool, as seen by a caller that treats it as a byte. */
typedef void (*any_t)(void);
typedef wrt_error_t *(*set_byte_t)(wrt_config_t *, uint8_t);
typedef wrt_error_t *(*set_feature_t)(wrt_config_t *, const char *, size_t, uint8_t);
typedef wrt_error_t *(*new_type_t)(uint8_t, uint8_t, wrt_type_t *);
typedef wrt_error_t *(*member_t)(uint32_t, uint8_t, uint8_t, wrt_type_t *);
typedef wrt_error_t *(*structure_t)(wrt_typebuilder_t *, const wrt_field_t *, size_t, uint8_t, const wrt_type_t *, uint32_t *);
typedef wrt_error_t *(*global_t)(wrt_store_t *, uint8_t, uint8_t, wrt_val_t *, wrt_global_t *);
static set_byte_t volatile set_signals = (set_byte_t)(any_t)wrt_config_set_signals;
static set_feature_t volatile set_feature = (set_feature_t)(any_t)wrt_config_set_feature;
static new_type_t volatile new_type = (new_type_t)(any_t)wrt_type_new;
static member_t volatile member_of_group = (member_t)(any_t)wrt_typebuilder_ref;
static structure_t volatile add_structure = (structure_t)(any_t)wrt_typebuilder_struct;
static global_t volatile new_global = (global_t)(any_t)wrt_global_new;

static void bool_of(uint8_t byte) {
    wrt_config_t *config = wrt_config_new();
    const any_t setters[] = {
        (any_t)wrt_config_set_interruption,
        (any_t)wrt_config_set_relaxed_simd_deterministic,
        (any_t)wrt_config_set_lazy,
        (any_t)wrt_config_set_background,
        (any_t)wrt_config_set_debug_references,
    };
    for (size_t i = 0; i < sizeof setters / sizeof *setters; i++) OK(((set_byte_t)setters[i])(config, byte));
    OK(set_signals(config, may_use_signals() ? byte : 0));
    OK(set_feature(config, TEXT("tail-call"), byte));
    bool is_on;
    OK(wrt_config_get_feature(config, TEXT("tail-call"), &is_on));
    CHECK(is_on == (byte != 0));
    world_t w;
    OK(wrt_engine_new(config, &w.engine));
    wrt_config_delete(config);
    OK(wrt_store_new(w.engine, NULL, NULL, &w.store));
    wrt_instance_t i = instance_of(w.engine, w.store, "(module (func (export \"f\") (unreachable)))");
    wrt_func_t f = func_of(w.store, &i, "f");
    TRAPS(WRT_TRAP_UNREACHABLE, wrt_func_call(w.store, &f, NULL, 0, NULL, 0));
    /* It can be interrupted. */
    if (byte) OK(wrt_store_set_deadline(w.store, 0));
    else BAD(wrt_store_set_deadline(w.store, 0));

    wrt_type_t type, member;
    OK(new_type(WRT_ANYREF, byte, &type));
    CHECK(type.nullable == (byte != 0));
    OK(member_of_group(0, WRT_DEFINED_STRUCT, byte, &member));
    CHECK(member.nullable == (byte != 0));
    wrt_typebuilder_t *builder;
    wrt_types_t *types;
    OK(wrt_typebuilder_new(w.engine, &builder));
    OK(add_structure(builder, NULL, 0, byte, NULL, NULL));
    OK(wrt_typebuilder_finish(builder, &types));
    OK(wrt_types_get(types, 0, &type));
    bool is_final;
    OK(wrt_type_supertype(w.engine, &type, &member, &is_final));
    CHECK(is_final == (byte != 0));
    wrt_types_delete(types);
    wrt_typebuilder_delete(builder);

    wrt_global_t global;
    wrt_val_t value = i32_val(1);
    OK(new_global(w.store, WRT_I32, byte, &value, &global));
    value = i32_val(2);
    if (byte) OK(wrt_global_set(w.store, &global, &value));
    else MISMATCH(wrt_global_set(w.store, &global, &value));
    world_end(&w);
}

int main(void) {
    world_t w = world();
    a_type_without_a_top();
    texts_of_nothing(&w);
    one_of_two(&w);
    structs_of_a_known_size(&w);
    bytes(&w);
    world_end(&w);
    no_place();
    const uint8_t all[] = {0, 1, 2, 0x80, 0xff};
    for (size_t i = 0; i < sizeof all; i++) bool_of(all[i]);
    return 0;
}
