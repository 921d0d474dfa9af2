/* usage: parts [NAME...]: a program against a library that was built without some parts. NAME is one that it has. Exits with 0 if what it
 * has works, and what it does not have fails as the header says. */
#include <stdio.h>
#include <string.h>
#include <wrt.h>

#define TEXT(s) (s), strlen(s)
#define CHECK(condition)                                                           \
    do {                                                                           \
        if (!(condition)) {                                                        \
            fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition); \
            return 1;                                                              \
        }                                                                          \
    } while (0)

/* (module (func (export "f") (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))) */
static const unsigned char MODULE[] = {0,    'a',  's',  'm',  1, 0, 0, 0, 1,   6, 1, 0x60, 1,    0x7f, 1,    0x7f, 3,   2, 1,
                                       0,    7,    5,    1,    1, 'f', 0, 0, 10, 9, 1, 7,    0,    0x20, 0,    0x41, 1,   0x6a, 0x0b};

static int argc_of;
static char **argv_of;
static bool has(const char *name) {
    for (int i = 1; i < argc_of; i++)
        if (!strcmp(argv_of[i], name)) return true;
    return false;
}

/* Whether a call succeeded if the part is there, and is unsupported if it is not. */
static bool as_built(const char *part, wrt_error_t *error) {
    bool right = has(part) ? !error : error && wrt_error_kind(error) == WRT_ERROR_KIND_UNSUPPORTED;
    if (!right && error) fprintf(stderr, "%s: %s\n", part, wrt_error_message(error, NULL));
    wrt_error_delete(error);
    return right;
}

int main(int argc, char **argv) {
    argc_of = argc, argv_of = argv;
    const char *parts[] = {"baseline", "wat", "wasi"};
    for (int i = 0; i < 3; i++) CHECK(wrt_has_feature(parts[i]) == has(parts[i]));
    for (int lazy = 0; lazy < 2; lazy++) {
        wrt_config_t *config = wrt_config_new();
        wrt_engine_t *engine;
        wrt_module_t *module, *text = NULL;
        wrt_store_t *store;
        wrt_instance_t instance;
        wrt_func_t f;
        wrt_linker_t *linker;
        wrt_wasi_t *wasi = NULL;
        wrt_val_t n = {.kind = WRT_I32, .of.i32 = 41};
        CHECK(!wrt_config_set_lazy(config, lazy));
        CHECK(!wrt_engine_new(config, &engine) && !wrt_module_new(engine, MODULE, sizeof MODULE, &module));
        CHECK(!wrt_store_new(engine, NULL, NULL, &store) && !wrt_instance_new(store, module, NULL, 0, &instance));
        CHECK(!wrt_instance_get_func(store, &instance, TEXT("f"), &f) && !wrt_func_call(store, &f, &n, 1, &n, 1));
        CHECK(n.of.i32 == 42);
        CHECK(as_built("wat", wrt_module_new(engine, TEXT("(module)"), &text)) && !text == !has("wat"));
        CHECK(as_built("wasi", wrt_wasi_new(&wasi)) && !wasi == !has("wasi"));
        CHECK(!wrt_linker_new(engine, &linker) && as_built("wasi", wrt_linker_define_wasi(linker)));
        const uint8_t *bytes;
        size_t len;
        CHECK(has("wasi") || as_built("wasi", wrt_store_wasi_output(store, 1, &bytes, &len)));
        wrt_types_t *types = NULL;
        CHECK(as_built("wat", wrt_types_parse(engine, TEXT("(type $t (struct))"), &types)) && !types == !has("wat"));
        wrt_types_delete(types);
        wrt_wasi_delete(wasi);
        wrt_linker_delete(linker);
        wrt_store_delete(store);
        wrt_module_delete(text);
        wrt_module_delete(module);
        wrt_engine_delete(engine);
        wrt_config_delete(config);
    }
    /* A function that is too much work for Cranelift needs the baseline compiler. */
    wrt_config_t *config = wrt_config_new();
    wrt_engine_t *engine;
    wrt_module_t *module = NULL;
    CHECK(!wrt_config_set_optimization_budget(config, 0) && !wrt_engine_new(config, &engine));
    wrt_error_t *error = wrt_module_new(engine, MODULE, sizeof MODULE, &module);
    CHECK(has("baseline") ? !error : error && wrt_error_kind(error) == WRT_ERROR_KIND_LIMIT);
    wrt_error_delete(error);
    wrt_module_delete(module);
    wrt_engine_delete(engine);
    wrt_config_delete(config);
    return 0;
}
