/* Proposals by name: listing them, turning them on and off, and modules that are rejected because of them. */
#include "test.h"

static const char TAIL[] = "(module (func $f (export \"f\") (return_call $f)))";

static bool is_on(const wrt_config_t *config, const char *name) {
    bool on;
    OK(wrt_config_get_feature(config, name, strlen(name), &on));
    return on;
}

static void all_are_listed(void) {
    wrt_config_t *config = wrt_config_new();
    size_t count = wrt_feature_count(), len = 7;
    CHECK(count > 10);
    for (size_t i = 0; i < count; i++) {
        const char *name = wrt_feature_name(i, &len), *summary = wrt_feature_summary(i, NULL);
        CHECK(name && strlen(name) == len && len > 1 && wrt_has_feature(name));
        CHECK(summary && *summary);
        bool before = is_on(config, name);
        OK(wrt_config_set_feature(config, name, len, !before));
        CHECK(is_on(config, name) == !before);
        OK(wrt_config_set_feature(config, name, len, before));
    }
    CHECK(!wrt_feature_name(count, &len) && len == 0);
    CHECK(!wrt_feature_name(SIZE_MAX, NULL) && !wrt_feature_summary(count, NULL));
    wrt_config_delete(config);
}

/* Turning a proposal off also turns off the proposals that depend on it. */
static void sets_are_closed(void) {
    wrt_config_t *config = wrt_config_new();
    CHECK(is_on(config, "gc") && is_on(config, "bulk-memory"));
    OK(wrt_config_set_feature(config, TEXT("function-references"), false));
    CHECK(!is_on(config, "gc") && is_on(config, "reference-types"));
    OK(wrt_config_set_feature(config, TEXT("gc"), true));
    CHECK(is_on(config, "function-references"));
    wrt_config_delete(config);
}

static void bad_names(void) {
    bool on = true;
    wrt_config_t *config = wrt_config_new();
    FAILS(WRT_ERROR_KIND_NOT_FOUND, wrt_config_set_feature(config, TEXT("no such thing"), true));
    FAILS(WRT_ERROR_KIND_NOT_FOUND, wrt_config_set_feature(config, TEXT(""), true));
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_config_set_feature(config, NULL, 3, true));
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_config_set_feature(config, "\xff", 1, true));
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_config_set_feature(NULL, TEXT("gc"), true));
    FAILS(WRT_ERROR_KIND_UNSUPPORTED, wrt_config_set_feature(config, TEXT("stack-switching"), true));
    OK(wrt_config_set_feature(config, TEXT("stack-switching"), false));
    FAILS(WRT_ERROR_KIND_NOT_FOUND, wrt_config_get_feature(config, TEXT("no such thing"), &on));
    CHECK(!on);
    on = true;
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_config_get_feature(NULL, TEXT("gc"), &on));
    CHECK(!on);
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_config_get_feature(config, TEXT("gc"), NULL));
    CHECK(!is_on(config, "stack-switching") && is_on(config, "gc"));
    wrt_config_delete(config);
}

/* A module is accepted with the proposal and rejected without it, also if it was saved. */
static void modules_are_refused(void) {
    uint8_t *saved = NULL;
    size_t saved_len = 0;
    for (int on = 1; on >= 0; on--) {
        wrt_engine_t *engine;
        wrt_module_t *module;
        wrt_config_t *config = wrt_config_new();
        OK(wrt_config_set_signals(config, may_use_signals()));
        OK(wrt_config_set_feature(config, TEXT("tail-call"), on));
        OK(wrt_engine_new(config, &engine));
        wrt_config_delete(config);
        wrt_error_t *error = wrt_module_new(engine, TEXT(TAIL), &module);
        if (on) {
            CHECK(!error);
            OK(wrt_module_save(module, &saved, &saved_len));
            wrt_module_delete(module);
        } else {
            uint64_t offset;
            CHECK(!module && wrt_error_kind(error) == WRT_ERROR_KIND_UNSUPPORTED);
            CHECK(strstr(wrt_error_message(error, NULL), "needs the feature tail-call, which is off (return_call in function 0)"));
            CHECK(wrt_error_offset(error, &offset) && offset > 8);
            wrt_error_delete(error);
            FAILS(WRT_ERROR_KIND_UNSUPPORTED, wrt_module_validate(engine, TEXT(TAIL)));
            FAILS(WRT_ERROR_KIND_UNSUPPORTED, wrt_module_load(engine, saved, saved_len, &module));
            wrt_bytes_delete(saved, saved_len);
        }
        wrt_engine_delete(engine);
    }
}

/* 0x1p-37 if the product is not rounded; the deterministic profile rounds it. */
static void relaxed_instructions_can_be_exact(void) {
    static const char text[] =
        "(module (func (export \"f\") (param f32 f32 f32) (result f32)"
        " (f32x4.extract_lane 0 (f32x4.relaxed_madd (f32x4.splat (local.get 0)) (f32x4.splat (local.get 1)) (f32x4.splat (local.get 2))))))";
    wrt_engine_t *engine;
    wrt_store_t *store;
    wrt_config_t *config = wrt_config_new();
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_config_set_relaxed_simd_deterministic(NULL, true));
    OK(wrt_config_set_relaxed_simd_deterministic(config, true));
    OK(wrt_config_set_signals(config, may_use_signals()));
    OK(wrt_engine_new(config, &engine));
    wrt_config_delete(config);
    OK(wrt_store_new(engine, NULL, NULL, &store));
    wrt_instance_t instance = instance_of(engine, store, text);
    wrt_func_t f = func_of(store, &instance, "f");
    wrt_val_t args[3], result;
    static const float given[3] = {0x1.000004p+0f, 0x1.0002p+0f, -0x1.000204p+0f};
    memset(args, 0, sizeof args);
    for (int i = 0; i < 3; i++) {
        args[i].kind = WRT_F32;
        args[i].of.f32 = given[i];
    }
    OK(wrt_func_call(store, &f, args, 3, &result, 1));
    CHECK(result.kind == WRT_F32 && result.of.f32 == 0);
    wrt_store_delete(store);
    wrt_engine_delete(engine);
}

int main(void) {
    relaxed_instructions_can_be_exact();
    all_are_listed();
    sets_are_closed();
    bad_names();
    modules_are_refused();
    return 0;
}
