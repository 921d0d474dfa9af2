/* Lifetimes: of parts that the host created itself, of many successive instances, and what limits count. Each test runs normally, with a
 * collection at every allocation, and with one at every second allocation. */
#include "refs.h"
#include <unistd.h>

/* One of each part, created by the host. The table and the global hold the host object. */
typedef struct {
    wrt_func_t func;
    wrt_table_t table;
    wrt_memory_t memory;
    wrt_global_t global;
} items_t;

static items_t made(wrt_store_t *store, counts_t *counts, int *finalized) {
    items_t i;
    wrt_size_limits_t limits = {2, 0, 0};
    wrt_val_t v = ref_val(WRT_EXTERNREF, object(store, counts));
    i.func = host_func(store, nothing, finalized, count_call);
    OK(wrt_table_new(store, WRT_EXTERNREF, &limits, &v, &i.table));
    OK(wrt_memory_new(store, &limits, &i.memory));
    v = ref_val(WRT_EXTERNREF, object(store, counts));
    OK(wrt_global_new(store, WRT_EXTERNREF, true, &v, &i.global));
    return i;
}

static void release_all(wrt_store_t *store, items_t *i) {
    OK(wrt_func_release(store, &i->func));
    OK(wrt_table_release(store, &i->table));
    OK(wrt_memory_release(store, &i->memory));
    OK(wrt_global_release(store, &i->global));
    CHECK(EMPTY_HANDLE(i->func) && EMPTY_HANDLE(i->table) && EMPTY_HANDLE(i->memory) && EMPTY_HANDLE(i->global));
}

static void releases_fail(wrt_store_t *store, items_t i, uint8_t kind, bool empties) {
    items_t all = i;
    wrt_instance_t instance = {all.func.store, UINT32_MAX, 1};
    FAILS(kind, wrt_func_release(store, &all.func));
    FAILS(kind, wrt_table_release(store, &all.table));
    FAILS(kind, wrt_memory_release(store, &all.memory));
    FAILS(kind, wrt_global_release(store, &all.global));
    if (kind != WRT_ERROR_KIND_INVALID_ARGUMENT) FAILS(kind, wrt_instance_release(store, &instance));
    if (empties) {
        CHECK(EMPTY_HANDLE(all.func) && EMPTY_HANDLE(all.table) && EMPTY_HANDLE(all.memory) && EMPTY_HANDLE(all.global));
    } else CHECK(memcmp(&all, &i, sizeof i) == 0);
}

static void what_the_host_made(void) {
    world_t w = gc_world();
    counts_t counts = {0, 0};
    int finalized = 0;
    uint64_t n;
    items_t i = made(w.store, &counts, &finalized), slots = i;
    wrt_extern_t imports[4];
    wrt_module_t *module = module_of(w.engine, "(module (import \"\" \"\" (func)) (import \"\" \"\" (table 2 externref))"
                                               " (import \"\" \"\" (memory 2)) (import \"\" \"\" (global (mut externref))))");
    wrt_instance_t instance;
    memset(imports, 0, sizeof imports);
    imports[0].kind = WRT_EXTERN_FUNC, imports[0].of.func = i.func;
    imports[1].kind = WRT_EXTERN_TABLE, imports[1].of.table = i.table;
    imports[2].kind = WRT_EXTERN_MEMORY, imports[2].of.memory = i.memory;
    imports[3].kind = WRT_EXTERN_GLOBAL, imports[3].of.global = i.global;
    OK(wrt_instance_new(w.store, module, imports, 4, &instance));
    wrt_module_delete(module);
    release_all(w.store, &slots);
    releases_fail(w.store, i, WRT_ERROR_KIND_STALE_HANDLE, true);
    releases_fail(w.store, slots, WRT_ERROR_KIND_STALE_HANDLE, true);
    /* The instance keeps all of it. */
    CHECK(alive(w.store, &counts) == 2 && finalized == 0);
    OK(wrt_func_call(w.store, &i.func, NULL, 0, NULL, 0));
    OK(wrt_table_size(w.store, &i.table, &n));
    CHECK(n == 2);
    OK(wrt_memory_size(w.store, &i.memory, &n));
    CHECK(n == 2);
    OK(wrt_instance_release(w.store, &instance));
    CHECK(alive(w.store, &counts) == 0 && finalized == 1);
    STALE(wrt_func_call(w.store, &i.func, NULL, 0, NULL, 0));
    STALE(wrt_table_size(w.store, &i.table, &n));
    STALE(wrt_memory_size(w.store, &i.memory, &n));
    wrt_val_t v;
    STALE(wrt_global_get(w.store, &i.global, &v));
    releases_fail(w.store, i, WRT_ERROR_KIND_STALE_HANDLE, true);
    /* Parts that are not released are deleted with the store, also exactly once. */
    made(w.store, &counts, &finalized);
    world_end(&w);
    CHECK(counts.created == counts.dropped && finalized == 2);
}

static void misused(void) {
    world_t w = gc_world();
    wrt_store_t *other = other_store(&w);
    counts_t counts = {0, 0};
    int finalized = 0;
    items_t foreign = made(other, &counts, &finalized), mine = made(w.store, &counts, &finalized), of;
    releases_fail(w.store, foreign, WRT_ERROR_KIND_WRONG_STORE, false);
    wrt_instance_t instance = instance_of(w.engine, other, "(module)"), copy = instance;
    FOREIGN(wrt_instance_release(w.store, &instance));
    CHECK(memcmp(&instance, &copy, sizeof copy) == 0);
    BAD(wrt_instance_release(NULL, &instance));
    BAD(wrt_instance_release(w.store, NULL));
    BAD(wrt_func_release(NULL, &mine.func));
    BAD(wrt_func_release(w.store, NULL));
    BAD(wrt_table_release(NULL, &mine.table));
    BAD(wrt_table_release(w.store, NULL));
    BAD(wrt_memory_release(NULL, &mine.memory));
    BAD(wrt_memory_release(w.store, NULL));
    BAD(wrt_global_release(NULL, &mine.global));
    BAD(wrt_global_release(w.store, NULL));
    /* The host cannot release an instance's parts. */
    instance = instance_of(w.engine, w.store,
                           "(module (func (export \"f\")) (table (export \"t\") 1 funcref) (memory (export \"m\") 1)"
                           " (global (export \"g\") i32 (i32.const 0)))");
    of.func = func_of(w.store, &instance, "f");
    OK(wrt_instance_get_table(w.store, &instance, TEXT("t"), &of.table));
    OK(wrt_instance_get_memory(w.store, &instance, TEXT("m"), &of.memory));
    OK(wrt_instance_get_global(w.store, &instance, TEXT("g"), &of.global));
    releases_fail(w.store, of, WRT_ERROR_KIND_INVALID_ARGUMENT, true);
    OK(wrt_store_gc(w.store));
    OK(wrt_func_call(w.store, &of.func, NULL, 0, NULL, 0));
    wrt_store_delete(other);
    releases_fail(w.store, foreign, WRT_ERROR_KIND_WRONG_STORE, false);
    world_end(&w);
    CHECK(counts.created == counts.dropped && finalized == 2);
}

/* Also if the store never contained an object. */
static void without_objects(void) {
    world_t w = gc_world();
    int finalized = 0;
    uint64_t n;
    wrt_size_limits_t limits = {1, 0, 0};
    wrt_memory_t memory, memory_slot;
    wrt_instance_t instance = instance_of(w.engine, w.store, "(module (memory 1) (func (export \"f\")))");
    wrt_func_t f = func_of(w.store, &instance, "f"), h = host_func(w.store, nothing, &finalized, count_call), slot = h;
    OK(wrt_memory_new(w.store, &limits, &memory));
    memory_slot = memory;
    OK(wrt_instance_release(w.store, &instance));
    OK(wrt_func_release(w.store, &slot));
    OK(wrt_memory_release(w.store, &memory_slot));
    OK(wrt_store_gc(w.store));
    CHECK(finalized == 1);
    STALE(wrt_func_call(w.store, &f, NULL, 0, NULL, 0));
    STALE(wrt_func_call(w.store, &h, NULL, 0, NULL, 0));
    STALE(wrt_memory_size(w.store, &memory, &n));
    world_end(&w);
    CHECK(finalized == 1);
}

/* A function that releases itself while it runs. */
static wrt_error_t *suicide(void *userdata, wrt_caller_t *caller, const wrt_val_t *args, size_t arg_count,
                            wrt_val_t *results, size_t result_count) {
    wrt_func_t *self = *(wrt_func_t **)userdata;
    (void)args, (void)arg_count, (void)results, (void)result_count;
    OK(wrt_func_release(wrt_caller_store(caller), self));
    for (int i = 0; i < 3; i++) OK(wrt_store_gc(wrt_caller_store(caller)));
    CHECK(*(wrt_func_t **)userdata == self);
    return wrt_error_new(WRT_ERROR_KIND_IO, TEXT("last words"));
}

static void a_function_that_releases_itself(void) {
    world_t w = gc_world();
    counts_t counts = {0, 0};
    wrt_func_t slot, handle, **userdata = malloc(sizeof *userdata);
    *userdata = &slot;
    object(w.store, &counts);
    handle = slot = host_func(w.store, suicide, userdata, free);
    FAILS(WRT_ERROR_KIND_IO, wrt_func_call(w.store, &handle, NULL, 0, NULL, 0));
    CHECK(EMPTY_HANDLE(slot));
    OK(wrt_store_gc(w.store));
    STALE(wrt_func_call(w.store, &handle, NULL, 0, NULL, 0));
    world_end(&w);
}

/* The finalizer of a function cannot use the store, whenever it is called. */
static wrt_store_t *closed;
static int closings;

static void careless(void *userdata) {
    wrt_size_limits_t limits = {0, 0, 0};
    wrt_memory_t memory;
    (void)userdata;
    CHECK(wrt_store_id(closed) == 0);
    BAD(wrt_memory_new(closed, &limits, &memory));
    closings++;
}

static void deletes(void *userdata) {
    (void)userdata;
    wrt_store_delete(closed);
    closings++;
}

static void finalizers_of_functions(void) {
    world_t w = gc_world();
    counts_t counts = {0, 0};
    closed = w.store, closings = 0;
    object(w.store, &counts);
    wrt_func_t f = host_func(w.store, nothing, NULL, careless);
    OK(wrt_func_release(w.store, &f));
    OK(wrt_store_gc(w.store));
    CHECK(closings == 1);
    host_func(w.store, nothing, NULL, careless);
    /* It can delete the store, which ends when the call returns. */
    OK(wrt_store_new(w.engine, &closings, count_call, &closed));
    f = host_func(closed, nothing, NULL, deletes);
    OK(wrt_func_release(closed, &f));
    OK(wrt_store_gc(closed));
    CHECK(closings == 3);
    closed = w.store;
    world_end(&w);
    CHECK(closings == 4);
}

/* A linker's functions live as long as something refers to them; their userdata also lives as long as the linker. */
static void functions_of_linkers(void) {
    world_t w = gc_world();
    int finalized = 0;
    wrt_linker_t *linker;
    wrt_instance_t instance;
    wrt_module_t *module = module_of(w.engine, "(module (import \"m\" \"f\" (func)) (export \"f\" (func 0)))");
    i31_of(w.store, 1);
    OK(wrt_linker_new(w.engine, &linker));
    OK(wrt_linker_define_func(linker, TEXT("m"), TEXT("f"), TEXT("()"), nothing, &finalized, count_call));
    OK(wrt_linker_instantiate(linker, w.store, module, &instance));
    wrt_func_t f = func_of(w.store, &instance, "f");
    OK(wrt_instance_release(w.store, &instance));
    OK(wrt_store_gc(w.store));
    STALE(wrt_func_call(w.store, &f, NULL, 0, NULL, 0));
    CHECK(finalized == 0);
    OK(wrt_linker_instantiate(linker, w.store, module, &instance));
    wrt_linker_delete(linker);
    f = func_of(w.store, &instance, "f");
    OK(wrt_store_gc(w.store));
    OK(wrt_func_call(w.store, &f, NULL, 0, NULL, 0));
    CHECK(finalized == 0);
    OK(wrt_instance_release(w.store, &instance));
    OK(wrt_store_gc(w.store));
    CHECK(finalized == 1);
    wrt_module_delete(module);
    world_end(&w);
    CHECK(finalized == 1);
}

/* Limits count live parts: releasing some allows new ones. */
static void limits_count_what_lives(void) {
    world_t w = gc_world();
    wrt_limits_t limits;
    wrt_size_limits_t two = {2, 0, 0};
    wrt_module_t *module = module_of(w.engine, "(module (memory 1) (table 5 funcref))");
    wrt_instance_t instances[3];
    wrt_table_t table;
    wrt_memory_t memory;
    wrt_limits_init(&limits);
    limits.instances = 2, limits.memory_bytes = 2 << 16, limits.table_elements = 10;
    OK(wrt_store_set_limits(w.store, &limits));
    OK(wrt_instance_new(w.store, module, NULL, 0, &instances[0]));
    OK(wrt_instance_new(w.store, module, NULL, 0, &instances[1]));
    FAILS(WRT_ERROR_KIND_LIMIT, wrt_instance_new(w.store, module, NULL, 0, &instances[2]));
    OK(wrt_instance_release(w.store, &instances[0]));
    OK(wrt_instance_new(w.store, module, NULL, 0, &instances[2]));
    OK(wrt_instance_release(w.store, &instances[1]));
    OK(wrt_instance_release(w.store, &instances[2]));
    /* Also for parts that the host creates itself. */
    for (int i = 0; i < 5; i++) {
        wrt_val_t null = null_val(WRT_FUNCREF);
        two.min = 2;
        OK(wrt_memory_new(w.store, &two, &memory));
        OK(wrt_memory_release(w.store, &memory));
        two.min = 10;
        OK(wrt_table_new(w.store, WRT_FUNCREF, &two, &null, &table));
        OK(wrt_table_release(w.store, &table));
    }
    OK(wrt_instance_new(w.store, module, NULL, 0, &instances[0]));
    wrt_module_delete(module);
    world_end(&w);
}

#ifdef __SANITIZE_ADDRESS__
/* Freed memory is reused: it is not retained to detect later uses. */
const char *__asan_default_options(void);
const char *__asan_default_options(void) { return "quarantine_size_mb=1"; }
#endif

static long resident_pages(void) {
    long size, resident = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    CHECK(f && fscanf(f, "%ld %ld", &size, &resident) == 2);
    fclose(f);
    return resident;
}

/* Runs some rounds to warm up, then many, and measures how much memory was added. */
static void stays_small(world_t *w, void (*round)(world_t *, void *), void *arg, int rounds) {
    int warm = rounds / 10;
    for (int i = 0; i < warm; i++) round(w, arg);
    long before = resident_pages();
    for (int i = 0; i < rounds; i++) round(w, arg);
    long more = (resident_pages() - before) * sysconf(_SC_PAGESIZE);
    /* Valgrind's own bookkeeping is included. */
    if (may_use_signals() && more > 16 << 20) fprintf(stderr, "%ld bytes more after %d rounds\n", more, rounds);
    CHECK(!may_use_signals() || more <= 16 << 20);
}

static void instance_round(world_t *w, void *module) {
    wrt_instance_t instance;
    int32_t got;
    OK(wrt_instance_new(w->store, module, NULL, 0, &instance));
    wrt_func_t f = func_of(w->store, &instance, "f");
    OK(call_i32(w->store, &f, 0, 0, 0, &got));
    CHECK(got == 7);
    OK(wrt_instance_release(w->store, &instance));
}

static void made_round(world_t *w, void *finalized) {
    wrt_size_limits_t limits = {1, 0, 0};
    wrt_val_t v = null_val(WRT_FUNCREF);
    items_t i;
    i.func = host_func(w->store, nothing, finalized, count_call);
    OK(wrt_table_new(w->store, WRT_FUNCREF, &limits, &v, &i.table));
    OK(wrt_memory_new(w->store, &limits, &i.memory));
    v = i32_val(1);
    OK(wrt_global_new(w->store, WRT_I32, true, &v, &i.global));
    release_all(w->store, &i);
}

static void many(void) {
    world_t w = gc_world();
    bool quick = zeal || !may_use_signals();
    int finalized = 0;
    wrt_module_t *module = module_of(w.engine, "(module (memory 1) (table 3 funcref) (elem (i32.const 0) 0)"
                                               " (data (i32.const 0) \"\\07\")"
                                               " (func (export \"f\") (result i32) (i32.load (i32.const 0))))");
    stays_small(&w, instance_round, module, quick ? 2000 : 100000);
    wrt_module_delete(module);
    i31_of(w.store, 0);
    stays_small(&w, made_round, &finalized, quick ? 1000 : 20000);
    CHECK(finalized > (quick ? 500 : 10000)); /* on the way, without a call that asks for a collection */
    OK(wrt_store_gc(w.store));
    CHECK(finalized == (quick ? 1100 : 22000));
    world_end(&w);
    CHECK(finalized == (quick ? 1100 : 22000));
}

int main(void) {
    for (zeal = 0; zeal < 3; zeal++) {
        what_the_host_made();
        misused();
        a_function_that_releases_itself();
        functions_of_linkers();
        finalizers_of_functions();
        limits_count_what_lives();
        without_objects();
        many();
    }
    return 0;
}
