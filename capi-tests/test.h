/* What the C tests share: checks that say where they failed, and short ways to make things. */
#ifndef TEST_H
#define TEST_H
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wrt.h>

#define CHECK(condition)                                                                   \
    do {                                                                                   \
        if (!(condition)) {                                                                \
            fprintf(stderr, "%s:%d: %s is false\n", __FILE__, __LINE__, #condition);       \
            exit(1);                                                                       \
        }                                                                                  \
    } while (0)

/* The call must succeed. */
#define OK(call)                                                                           \
    do {                                                                                   \
        wrt_error_t *error_ = (call);                                                      \
        if (error_) {                                                                      \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, wrt_error_message(error_, NULL)); \
            exit(1);                                                                       \
        }                                                                                  \
    } while (0)

/* The call must fail with this kind (the last part of WRT_ERROR_KIND_*). */
#define FAILS(kind, call)                                                                  \
    do {                                                                                   \
        wrt_error_t *error_ = (call);                                                      \
        if (!error_ || wrt_error_kind(error_) != WRT_ERROR_KIND_##kind) {                  \
            fprintf(stderr, "%s:%d: %s, not " #kind ": %s\n", __FILE__, __LINE__,          \
                    error_ ? wrt_error_kind_name(wrt_error_kind(error_)) : "success",      \
                    wrt_error_message(error_, NULL));                                      \
            exit(1);                                                                       \
        }                                                                                  \
        wrt_error_delete(error_);                                                          \
    } while (0)

/* The call must trap with this code. */
#define TRAPS(code, call)                                                                  \
    do {                                                                                   \
        wrt_error_t *error_ = (call);                                                      \
        CHECK(error_ && wrt_error_trap_code(error_) == WRT_TRAP_##code);                   \
        wrt_error_delete(error_);                                                          \
    } while (0)

#define TEXT(s) (s), strlen(s)

/* An engine, a store and an instance of a module given as text. */
typedef struct world {
    wrt_engine_t *engine;
    wrt_store_t *store;
    wrt_module_t *module;
    wrt_instance_t instance;
} world_t;

static inline world_t world_new(wrt_engine_t *engine, const char *wat) {
    world_t w;
    w.engine = engine;
    OK(wrt_store_new(engine, NULL, NULL, &w.store));
    OK(wrt_module_new(engine, (const uint8_t *)wat, strlen(wat), &w.module));
    OK(wrt_instance_new(w.store, w.module, NULL, 0, &w.instance));
    return w;
}

static inline void world_delete(world_t *w) {
    wrt_module_delete(w->module);
    wrt_store_delete(w->store);
}

/* Valgrind reports each fault of machine code as an error, and where it was only roughly: there, checks are explicit. */
static inline bool may_use_signals(void) { return getenv("WRT_TEST_NO_SIGNALS") == NULL; }

static inline wrt_engine_t *engine_new(void) {
    wrt_engine_t *engine;
    wrt_config_t *config = wrt_config_new();
    OK(wrt_config_set_signals(config, may_use_signals()));
    OK(wrt_engine_new(config, &engine));
    wrt_config_delete(config);
    return engine;
}

static inline wrt_func_t func_get(world_t *w, const char *name) {
    wrt_func_t f;
    OK(wrt_instance_get_func(w->store, &w->instance, TEXT(name), &f));
    return f;
}

static inline wrt_val_t i32(int32_t v) {
    wrt_val_t val;
    memset(&val, 0, sizeof val);
    val.kind = WRT_I32;
    val.of.i32 = v;
    return val;
}

static inline wrt_val_t funcref(const wrt_func_t *f) {
    wrt_val_t val;
    memset(&val, 0, sizeof val);
    val.kind = WRT_FUNCREF;
    if (f) val.of.func = *f;
    return val;
}

/* Counts how often a finalizer ran: its userdata is an int. */
static inline void count_finalized(void *userdata) { ++*(int *)userdata; }
#endif
