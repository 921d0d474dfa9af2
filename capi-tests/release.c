/* What the host releases: instances, functions, tables, memories and globals live as long as something refers to them. The next full
 * collection frees them, and their handles are then stale. Each test runs normally, with a collection at every allocation, and with one at
 * every second allocation. */
#include "refs.h"

/* All its parts can be imported. It holds a host object, so that its deletion is visible. */
static const char *const PLUGIN =
    "(module (type $f (func (result i32))) (memory (export \"memory\") 1) (data (i32.const 8) \"\\2a\")"
    " (global (export \"global\") (mut i32) (i32.const 1)) (global (export \"held\") (mut externref) (ref.null extern))"
    " (table (export \"table\") 4 funcref) (elem (i32.const 1) $f)"
    " (func $f (export \"f\") (type $f) (i32.add (i32.load8_u (i32.const 8)) (global.get 0))))";

/* Ways to hold a function. */
static const char *const HOLDER =
    "(module (type $f (func (result i32))) (type $box (struct (field (mut funcref)))) (type $row (array (mut funcref)))"
    " (import \"\" \"pause\" (func $pause)) (table $t 4 funcref) (global $g (mut funcref) (ref.null func))"
    " (global $a (mut anyref) (ref.null any))"
    " (func (export \"table\") (param funcref) (table.set $t (i32.const 2) (local.get 0)))"
    " (func (export \"table call\") (result i32) (call_indirect $t (type $f) (i32.const 2)))"
    " (func (export \"global\") (param funcref) (global.set $g (local.get 0)))"
    " (func (export \"global call\") (result i32) (call_ref $f (ref.cast (ref $f) (global.get $g))))"
    " (func (export \"struct\") (param funcref) (global.set $a (struct.new $box (local.get 0))))"
    " (func (export \"struct call\") (result i32)"
    "   (call_ref $f (ref.cast (ref $f) (struct.get $box 0 (ref.cast (ref $box) (global.get $a))))))"
    " (func (export \"array\") (param funcref) (global.set $a (array.new $row (local.get 0) (i32.const 900))))"
    " (func (export \"array call\") (result i32)"
    "   (call_ref $f (ref.cast (ref $f) (array.get $row (ref.cast (ref $row) (global.get $a)) (i32.const 899)))))"
    " (func (export \"clear\") (table.set $t (i32.const 2) (ref.null func)) (global.set $g (ref.null func))"
    "   (global.set $a (ref.null any)))"
    " (func (export \"frame\") (param $f funcref) (result i32)"
    "   (call $pause) (call_ref $f (ref.cast (ref $f) (local.get $f)))))";

typedef struct {
    world_t w;
    wrt_store_t *s;
    counts_t counts;
    wrt_module_t *plugin;
    wrt_instance_t holder;
} kit_t;

/* The plugin's exports. */
typedef struct {
    wrt_instance_t instance;
    wrt_func_t f;
    wrt_memory_t memory;
    wrt_table_t table;
    wrt_global_t global;
} plugin_t;

static wrt_error_t *collects(void *userdata, wrt_caller_t *caller, const wrt_val_t *args, size_t arg_count,
                             wrt_val_t *results, size_t result_count) {
    wrt_instance_t *release = userdata;
    (void)args, (void)arg_count, (void)results, (void)result_count;
    if (release && release->store) OK(wrt_instance_release(wrt_caller_store(caller), release));
    OK(wrt_store_gc(wrt_caller_store(caller)));
    return NULL;
}

static wrt_extern_t func_item(wrt_func_t f) {
    wrt_extern_t item;
    memset(&item, 0, sizeof item);
    item.kind = WRT_EXTERN_FUNC;
    item.of.func = f;
    return item;
}

static wrt_instance_t linked(world_t *w, const char *text, const wrt_extern_t *imports, size_t count) {
    wrt_module_t *module = module_of(w->engine, text);
    wrt_instance_t instance;
    OK(wrt_instance_new(w->store, module, imports, count, &instance));
    wrt_module_delete(module);
    return instance;
}

static kit_t kit(void) {
    kit_t k;
    memset(&k, 0, sizeof k);
    k.w = gc_world();
    k.s = k.w.store;
    k.plugin = module_of(k.w.engine, PLUGIN);
    wrt_extern_t pause = func_item(host_func(k.s, collects, NULL, NULL));
    k.holder = linked(&k.w, HOLDER, &pause, 1);
    return k;
}

static void kit_end(kit_t *k) {
    wrt_module_delete(k->plugin);
    world_end(&k->w);
    CHECK(k->counts.created == k->counts.dropped);
}

static plugin_t plugin(kit_t *k) {
    plugin_t p;
    wrt_global_t held;
    wrt_val_t v = ref_val(WRT_EXTERNREF, object(k->s, &k->counts));
    OK(wrt_instance_new(k->s, k->plugin, NULL, 0, &p.instance));
    p.f = func_of(k->s, &p.instance, "f");
    OK(wrt_instance_get_memory(k->s, &p.instance, TEXT("memory"), &p.memory));
    OK(wrt_instance_get_table(k->s, &p.instance, TEXT("table"), &p.table));
    OK(wrt_instance_get_global(k->s, &p.instance, TEXT("global"), &p.global));
    OK(wrt_instance_get_global(k->s, &p.instance, TEXT("held"), &held));
    OK(wrt_global_set(k->s, &held, &v));
    return p;
}

static void tell(kit_t *k, const char *name, const wrt_func_t *f) {
    wrt_func_t told = func_of(k->s, &k->holder, name);
    wrt_val_t arg = func_val(f);
    OK(wrt_func_call(k->s, &told, &arg, f != NULL, NULL, 0));
}

static void uses_are_stale(kit_t *k, const plugin_t *p) {
    wrt_extern_t item;
    wrt_val_t v;
    wrt_ref_t r;
    wrt_type_t type;
    uint64_t n;
    int32_t got;
    plugin_t q = *p;
    STALE(call_i32(k->s, &p->f, 0, 0, 0, &got));
    STALE(wrt_instance_get(k->s, &p->instance, TEXT("f"), &item));
    STALE(wrt_memory_size(k->s, &p->memory, &n));
    STALE(wrt_memory_data(k->s, &p->memory, NULL, NULL));
    STALE(wrt_table_size(k->s, &p->table, &n));
    STALE(wrt_table_get(k->s, &p->table, 0, &v));
    STALE(wrt_table_element_type(k->s, &p->table, &type));
    STALE(wrt_global_get(k->s, &p->global, &v));
    STALE(wrt_global_value_type(k->s, &p->global, &type));
    STALE(wrt_ref_of_func(k->s, &p->f, &r));
    v = func_val(&p->f);
    STALE(wrt_table_fill(k->s, &p->table, 0, &v, 0));
    STALE(wrt_instance_release(k->s, &q.instance));
    STALE(wrt_func_release(k->s, &q.f));
    STALE(wrt_memory_release(k->s, &q.memory));
    STALE(wrt_table_release(k->s, &q.table));
    STALE(wrt_global_release(k->s, &q.global));
    CHECK(EMPTY_HANDLE(q.instance) && EMPTY_HANDLE(q.f) && EMPTY_HANDLE(q.memory) && EMPTY_HANDLE(q.table));
    CHECK(EMPTY_HANDLE(q.global));
}

static void released_instances_go(void) {
    kit_t k = kit();
    plugin_t p = plugin(&k), again;
    wrt_instance_t slot = p.instance;
    int32_t got;
    CHECK(alive(k.s, &k.counts) == 1);
    OK(wrt_instance_release(k.s, &slot));
    CHECK(EMPTY_HANDLE(slot));
    slot = p.instance;
    STALE(wrt_instance_release(k.s, &slot)); /* twice, before it is freed */
    if (zeal != 1) OK(call_i32(k.s, &p.f, 0, 0, 0, &got)); /* a collection is what frees it */
    CHECK(alive(k.s, &k.counts) == 0);
    uses_are_stale(&k, &p);
    /* Its slots are reused; the old handles stay stale. */
    again = plugin(&k);
    uses_are_stale(&k, &p);
    OK(call_i32(k.s, &again.f, 0, 0, 0, &got));
    CHECK(got == 43);
    kit_end(&k);
}

static void functions_in_objects_keep_instances(void) {
    kit_t k = kit();
    static const char *const ways[] = {"table", "global", "struct", "array"};
    for (int i = 0; i < 4; i++) {
        plugin_t p = plugin(&k);
        char name[20];
        int32_t got;
        snprintf(name, sizeof name, "%s call", ways[i]);
        tell(&k, ways[i], &p.f);
        OK(wrt_instance_release(k.s, &p.instance));
        for (int round = 0; round < 2; round++) {
            CHECK(alive(k.s, &k.counts) == 1);
            wrt_func_t f = func_of(k.s, &k.holder, name);
            OK(call_i32(k.s, &f, 0, 0, 0, &got));
            CHECK(got == 43);
        }
        tell(&k, "clear", NULL);
        CHECK(alive(k.s, &k.counts) == 0);
        STALE(call_i32(k.s, &p.f, 0, 0, 0, &got));
    }
    kit_end(&k);
}

/* A reference to a function, one in a field of a host object, an element of an array of the host. */
static void references_keep_instances(void) {
    kit_t k = kit();
    wrt_types_t *types = types_of(k.w.engine, "(type $row (array (mut funcref)))");
    wrt_type_t row = type_named(types, "row");
    wrt_types_delete(types);
    for (int way = 0; way < 3; way++) {
        plugin_t p = plugin(&k);
        wrt_ref_t r, keeper;
        wrt_func_t f;
        wrt_val_t v = func_val(&p.f);
        int32_t got;
        OK(wrt_ref_of_func(k.s, &p.f, &r));
        if (way == 1) {
            OK(wrt_externref_new_with_fields(k.s, NULL, NULL, 0, 1, &keeper));
            OK(wrt_externref_set_field(k.s, &keeper, 0, &r));
        } else if (way == 2) {
            OK(wrt_array_new(k.s, &row, &v, 40, &keeper));
            OK(wrt_ref_release(k.s, &r));
        } else keeper = r;
        OK(wrt_instance_release(k.s, &p.instance));
        CHECK(alive(k.s, &k.counts) == 1);
        if (way == 1) OK(wrt_externref_get_field(k.s, &keeper, 0, &r));
        if (way == 2) {
            OK(wrt_array_get(k.s, &keeper, 39, &v));
            f = v.of.func;
        } else OK(wrt_ref_func(k.s, &r, &f));
        OK(call_i32(k.s, &f, 0, 0, 0, &got));
        CHECK(got == 43 && wrt_func_equal(&f, &p.f));
        if (way == 1) OK(wrt_ref_release(k.s, &r));
        OK(wrt_ref_release(k.s, &keeper));
        CHECK(alive(k.s, &k.counts) == 0);
        STALE(call_i32(k.s, &f, 0, 0, 0, &got));
    }
    kit_end(&k);
}

static void imports_keep_instances(void) {
    kit_t k = kit();
    static const char *const imports[][3] = {{"f", "(func $f (result i32))", "(call $f)"},
                                             {"memory", "(memory 1)", "(i32.load8_u (i32.const 8))"},
                                             {"global", "(global $g (mut i32))", "(global.get $g)"},
                                             {"table", "(table $t 4 funcref)", "(call_indirect $t (result i32) (i32.const 1))"}};
    static const int32_t want[] = {43, 42, 1, 43};
    for (int i = 0; i < 4; i++) {
        plugin_t p = plugin(&k);
        wrt_extern_t item;
        int32_t got;
        char text[300];
        snprintf(text, sizeof text, "(module (import \"\" \"\" %s) (func (export \"get\") (result i32) %s))", imports[i][1],
                 imports[i][2]);
        OK(wrt_instance_get(k.s, &p.instance, imports[i][0], strlen(imports[i][0]), &item));
        wrt_instance_t importer = linked(&k.w, text, &item, 1);
        wrt_func_t get = func_of(k.s, &importer, "get");
        OK(wrt_instance_release(k.s, &p.instance));
        CHECK(alive(k.s, &k.counts) == 1);
        OK(call_i32(k.s, &get, 0, 0, 0, &got));
        CHECK(got == want[i]);
        OK(wrt_instance_release(k.s, &importer));
        CHECK(alive(k.s, &k.counts) == 0);
        STALE(call_i32(k.s, &get, 0, 0, 0, &got));
    }
    kit_end(&k);
}

static void a_running_frame_keeps_its_instance(void) {
    kit_t k = kit();
    plugin_t p = plugin(&k);
    wrt_val_t arg = func_val(&p.f), result;
    wrt_func_t frame = func_of(k.s, &k.holder, "frame");
    wrt_instance_t handle = k.holder;
    OK(wrt_instance_release(k.s, &p.instance));
    OK(wrt_instance_release(k.s, &handle));
    OK(wrt_func_call(k.s, &frame, &arg, 1, &result, 1)); /* collects during the call */
    CHECK(result.kind == WRT_I32 && result.of.i32 == 43);
    CHECK(alive(k.s, &k.counts) == 0);
    STALE(wrt_func_call(k.s, &frame, &arg, 1, &result, 1));
    kit_end(&k);
}

/* A callback releases the instance that called it, collects, and returns into it. */
static void an_instance_released_by_its_callback(void) {
    kit_t k = kit();
    for (int tail = 0; tail < 2; tail++) {
        wrt_instance_t release;
        wrt_global_t g;
        int32_t got;
        wrt_extern_t item = func_item(host_func(k.s, collects, &release, NULL));
        wrt_instance_t instance =
            linked(&k.w, tail ? "(module (import \"\" \"\" (func $h)) (memory 1) (data (i32.const 0) \"\\05\")"
                                " (global $o (export \"o\") (mut externref) (ref.null extern))"
                                " (func $leave (return_call $h)) (func (export \"run\") (result i32)"
                                "   (call $leave) (i32.load8_u (i32.const 0))))"
                              : "(module (import \"\" \"\" (func $h)) (memory 1) (data (i32.const 0) \"\\05\")"
                                " (global $o (export \"o\") (mut externref) (ref.null extern))"
                                " (func (export \"run\") (result i32)"
                                "   (call $h) (call $h) (i32.load8_u (i32.const 0))))",
                   &item, 1);
        wrt_val_t v = ref_val(WRT_EXTERNREF, object(k.s, &k.counts));
        OK(wrt_instance_get_global(k.s, &instance, TEXT("o"), &g));
        OK(wrt_global_set(k.s, &g, &v));
        wrt_func_t run = func_of(k.s, &instance, "run");
        release = instance;
        OK(call_i32(k.s, &run, 0, 0, 0, &got));
        CHECK(got == 5 && EMPTY_HANDLE(release));
        CHECK(alive(k.s, &k.counts) == 0);
        STALE(call_i32(k.s, &run, 0, 0, 0, &got));
    }
    kit_end(&k);
}

int main(void) {
    for (zeal = 0; zeal < 3; zeal++) {
        released_instances_go();
        functions_in_objects_keep_instances();
        references_keep_instances();
        imports_keep_instances();
        a_running_frame_keeps_its_instance();
        an_instance_released_by_its_callback();
    }
    return 0;
}
