/* Used by every test file: checks that print where they fail, and the setup of each test. */
#ifndef TEST_H
#define TEST_H

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wrt.h>

#define CHECK(condition)                                                                                \
    do {                                                                                                \
        if (!(condition)) {                                                                             \
            fprintf(stderr, "%s:%d: %s: not true: %s\n", __FILE__, __LINE__, __func__, #condition);     \
            exit(1);                                                                                    \
        }                                                                                               \
    } while (0)

/* A call that must succeed. */
#define OK(call) test_ok((call), #call, __FILE__, __LINE__)
/* A call that must fail with an error of this kind. */
#define FAILS(error_kind, call) wrt_error_delete(test_fails((error_kind), (call), #call, __FILE__, __LINE__))
/* A call that must fail with this trap. */
#define TRAPS(code, call) test_traps((code), (call), #call, __FILE__, __LINE__)
/* Text and its length, as two arguments. */
#define TEXT(literal) (literal), (sizeof(literal) - 1)

static inline void test_ok(wrt_error_t *error, const char *call, const char *file, int line) {
    if (error) {
        fprintf(stderr, "%s:%d: %s: %s: %s\n", file, line, call, wrt_error_kind_name(wrt_error_kind(error)),
                wrt_error_message(error, NULL));
        exit(1);
    }
}

static inline wrt_error_t *test_fails(uint8_t kind, wrt_error_t *error, const char *call, const char *file, int line) {
    if (wrt_error_kind(error) != kind) {
        fprintf(stderr, "%s:%d: %s: expected an error of kind '%s', got '%s': %s\n", file, line, call,
                wrt_error_kind_name(kind), error ? wrt_error_kind_name(wrt_error_kind(error)) : "success",
                wrt_error_message(error, NULL));
        exit(1);
    }
    /* Every message is one line of bounded length. */
    size_t len;
    const char *message = wrt_error_message(error, &len);
    bool is_line = len == strlen(message) && len > 0 && len <= 1040;
    for (size_t i = 0; i < len; i++) is_line = is_line && (unsigned char)message[i] >= ' ' && message[i] != 0x7f;
    if (!is_line) {
        fprintf(stderr, "%s:%d: %s: a message of %zu bytes that is not one line of at most 1040: %s\n", file, line, call, len, message);
        exit(1);
    }
    return error;
}

static inline void test_traps(uint8_t code, wrt_error_t *error, const char *call, const char *file, int line) {
    uint8_t kind = code == WRT_TRAP_INTERRUPTED ? WRT_ERROR_KIND_INTERRUPTED : WRT_ERROR_KIND_TRAP;
    test_fails(kind, error, call, file, line);
    if (wrt_error_trap_code(error) != code) {
        fprintf(stderr, "%s:%d: %s: expected '%s', got '%s'\n", file, line, call, wrt_trap_name(code),
                wrt_trap_name(wrt_error_trap_code(error)));
        exit(1);
    }
    wrt_error_delete(error);
}

/* A finalizer that counts its calls in the int that userdata points to. */
static inline void count_call(void *userdata) { ++*(int *)userdata; }

static inline wrt_module_t *module_of(const wrt_engine_t *engine, const char *text) {
    wrt_module_t *module;
    OK(wrt_module_new(engine, text, strlen(text), &module));
    return module;
}

/* An instance of a module that imports nothing. */
static inline wrt_instance_t instance_of(const wrt_engine_t *engine, wrt_store_t *store, const char *text) {
    wrt_module_t *module = module_of(engine, text);
    wrt_instance_t instance;
    OK(wrt_instance_new(store, module, NULL, 0, &instance));
    wrt_module_delete(module);
    return instance;
}

static inline wrt_func_t func_of(wrt_store_t *store, const wrt_instance_t *instance, const char *name) {
    wrt_func_t func;
    OK(wrt_instance_get_func(store, instance, name, strlen(name), &func));
    return func;
}

static inline wrt_val_t i32_val(int32_t value) {
    wrt_val_t v;
    memset(&v, 0, sizeof v);
    v.kind = WRT_I32;
    v.of.i32 = value;
    return v;
}

static inline wrt_val_t func_val(const wrt_func_t *func) {
    wrt_val_t v;
    memset(&v, 0, sizeof v);
    v.kind = WRT_FUNCREF;
    if (func) v.of.func = *func;
    return v;
}

/* Calls a function of n parameters of i32 and one result of i32. */
static inline wrt_error_t *call_i32(wrt_store_t *store, const wrt_func_t *func, int n, int32_t a, int32_t b,
                                    int32_t *out) {
    wrt_val_t args[2], result;
    *out = 0;
    args[0] = i32_val(a);
    args[1] = i32_val(b);
    wrt_error_t *error = wrt_func_call(store, func, args, (size_t)n, &result, 1);
    if (!error) {
        CHECK(result.kind == WRT_I32);
        *out = result.of.i32;
    }
    return error;
}

/* Valgrind reports each fault of machine code as an error, and only its approximate location; under Valgrind, checks are explicit. */
static inline bool may_use_signals(void) { return getenv("WRT_TEST_NO_SIGNALS") == NULL; }

/* Creates and deletes an engine and a store. */
typedef struct {
    wrt_engine_t *engine;
    wrt_store_t *store;
} world_t;

static inline world_t world_with(bool signals, bool interruption) {
    world_t w;
    wrt_config_t *config = wrt_config_new();
    OK(wrt_config_set_feature(config, TEXT("custom-page-sizes"), true));
    OK(wrt_config_set_signals(config, signals && may_use_signals()));
    OK(wrt_config_set_interruption(config, interruption));
    OK(wrt_engine_new(config, &w.engine));
    wrt_config_delete(config);
    OK(wrt_store_new(w.engine, NULL, NULL, &w.store));
    return w;
}

static inline world_t world(void) { return world_with(true, false); }

static inline void world_end(world_t *w) {
    wrt_store_delete(w->store);
    wrt_engine_delete(w->engine);
}

#endif
