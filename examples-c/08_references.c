/* Host objects in a WebAssembly table: who owns a reference, and when an object is freed. */
#include "check.h"

typedef struct {
    const char *name;
} animal_t;

static void farewell(void *userdata) { printf("farewell, %s\n", ((animal_t *)userdata)->name); }

/* Called by WebAssembly. The reference in args lives until this returns. */
static wrt_error_t *greet(void *userdata, wrt_caller_t *caller, const wrt_val_t *args, size_t arg_count,
                          wrt_val_t *results, size_t result_count) {
    void *animal;
    (void)userdata, (void)arg_count, (void)results, (void)result_count;
    wrt_error_t *error = wrt_externref_userdata(wrt_caller_store(caller), &args[0].of.ref, &animal);
    if (!error) printf("hello, %s\n", ((animal_t *)animal)->name);
    return error;
}

int main(void) {
    const char *wat = "(module (import \"zoo\" \"greet\" (func $greet (param externref)))"
                      "  (table $animals (export \"animals\") 0 externref)"
                      "  (func (export \"greet_all\") (local $i i32)"
                      "    (loop $next"
                      "      (call $greet (table.get $animals (local.get $i)))"
                      "      (local.set $i (i32.add (local.get $i) (i32.const 1)))"
                      "      (br_if $next (i32.lt_u (local.get $i) (table.size $animals))))))";
    animal_t zoo[3] = {{"ape"}, {"bear"}, {"cat"}};
    wrt_engine_t *engine;
    wrt_linker_t *linker;
    wrt_store_t *store;
    wrt_module_t *module;
    wrt_instance_t instance;
    wrt_func_t greet_all;
    wrt_table_t animals;
    check(wrt_engine_new(NULL, &engine));
    check(wrt_linker_new(engine, &linker));
    check(wrt_linker_define_func(linker, STR("zoo"), STR("greet"), STR("(externref)"), greet, NULL, NULL));
    check(wrt_store_new(engine, NULL, NULL, &store));
    check(wrt_module_new(engine, wat, strlen(wat), &module));
    check(wrt_linker_instantiate(linker, store, module, &instance));
    check(wrt_instance_get_func(store, &instance, STR("greet_all"), &greet_all));
    check(wrt_instance_get_table(store, &instance, STR("animals"), &animals));

    for (int i = 0; i < 3; i++) {
        wrt_val_t value = {.kind = WRT_EXTERNREF};
        check(wrt_externref_new(store, &zoo[i], farewell, sizeof zoo[i], &value.of.ref));
        check(wrt_table_grow(store, &animals, 1, &value, NULL)); /* the table owns it; `value` is empty */
    }
    check(wrt_func_call(store, &greet_all, NULL, 0, NULL, 0));

    /* The host owns the reference that it gets, so the bear stays alive when the table drops its reference. */
    wrt_val_t bear, null = {.kind = WRT_EXTERNREF};
    check(wrt_table_get(store, &animals, 1, &bear));
    check(wrt_table_fill(store, &animals, 0, &null, 2));
    printf("the table forgets two\n");
    check(wrt_store_gc(store));
    check(wrt_ref_release(store, &bear.of.ref));
    printf("the host forgets one\n");
    check(wrt_store_gc(store));

    printf("the store ends\n");
    wrt_store_delete(store);
    wrt_module_delete(module);
    wrt_linker_delete(linker);
    wrt_engine_delete(engine);
    return 0;
}
