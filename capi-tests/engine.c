/* Engines and configurations. */
#include "test.h"

int main(void) {
    wrt_engine_t *a = engine_new(), *b = wrt_engine_clone(a);
    CHECK(b && wrt_engine_clone(NULL) == NULL);
    wrt_engine_delete(a);
    /* A clone stands for itself. */
    world_t w = world_new(b, "(module)");
    wrt_engine_delete(b);
    world_delete(&w);

    wrt_config_t *config = wrt_config_new();
    OK(wrt_config_set_signals(config, false));
    OK(wrt_config_set_interruption(config, true));
    OK(wrt_config_set_max_wasm_stack(config, 64 << 10));
    OK(wrt_config_set_threads(config, 1));
    OK(wrt_engine_new(config, &a));
    wrt_engine_delete(a);
    OK(wrt_config_set_max_wasm_stack(config, 100));
    FAILS(INVALID_ARGUMENT, wrt_engine_new(config, &a));
    CHECK(a == NULL);
    OK(wrt_config_set_max_wasm_stack(config, 1 << 20));
    OK(wrt_config_set_threads(config, 0));
    FAILS(INVALID_ARGUMENT, wrt_engine_new(config, &a));
    wrt_config_delete(config);

    CHECK(strcmp(wrt_version_string(), "0.1.0") == 0);
    CHECK(wrt_abi_version() == WRT_ABI_VERSION);
    CHECK(wrt_has_feature("simd") && !wrt_has_feature("flux") && !wrt_has_feature(NULL));
    return 0;
}
