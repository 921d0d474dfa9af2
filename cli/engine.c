/* Creates engines and modules for the commands. */
#include "features.h"

#include <string.h>
#include <sys/resource.h>

/* The size limit of a cache. The least recently used files are removed first. */
enum { MAX_CACHE_BYTES = 1 << 30 };

/* If address space is limited (ulimit -v), heaps do not reserve gigabytes of it, and neither do memories that may move. */
static bool fit_address_space(wrt_config_t *config, bool may_move) {
    static const rlim_t PLENTY = (rlim_t)64 << 30;
    struct rlimit limit;
    if (getrlimit(RLIMIT_AS, &limit) || limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur >= PLENTY) return true;
    size_t heap = (size_t)limit.rlim_cur / 4, least = 1 << 20;
    if (failed(wrt_config_set_heap_reservation(config, heap > least ? heap : least), "ulimit -v")) return false;
    return !may_move || !failed(wrt_config_set_memory_reservation(config, 0), "ulimit -v");
}

static bool configure(wrt_config_t *config, const engine_options_t *options) {
    if (!apply_features(config, options->all_features)) return false;
    if (failed(wrt_config_set_lazy(config, options->lazy), "--no-lazy")) return false;
    if (!fit_address_space(config, options->may_move)) return false;
    const char *cache = options->cache;
    if (cache && failed(wrt_config_set_cache(config, cache, strlen(cache), MAX_CACHE_BYTES), "--cache")) return false;
    if (failed(wrt_config_set_interruption(config, options->interruption), "--timeout")) return false;
    if (options->max_stack && failed(wrt_config_set_max_wasm_stack(config, options->max_stack), "--max-stack")) return false;
    return !options->threads || !failed(wrt_config_set_threads(config, (size_t)options->threads), "--threads");
}

wrt_engine_t *make_engine(const engine_options_t *options) {
    wrt_engine_t *engine = NULL;
    wrt_config_t *config = wrt_config_new();
    if (configure(config, options) && failed(wrt_engine_new(config, &engine), "the engine cannot start")) engine = NULL;
    wrt_config_delete(config);
    return engine;
}

wrt_error_t *load_module(wrt_engine_t *engine, const input_t *input, wrt_module_t **out_module) {
    if (!input->bytes) return wrt_module_load_file(engine, input->path, strlen(input->path), out_module);
    if (input->kind == INPUT_SAVED) return wrt_module_load(engine, input->bytes, input->size, out_module);
    return wrt_module_new(engine, input->bytes, input->size, out_module);
}

bool is_other_setting(const wrt_error_t *error) {
    /* The message names the settings that differ. */
    return wrt_error_kind(error) == WRT_ERROR_KIND_UNSUPPORTED && strstr(wrt_error_message(error, NULL), "set_interruption");
}

wrt_module_t *make_module(wrt_engine_t *engine, const input_t *input) {
    wrt_module_t *module = NULL;
    progress_t *progress = input->kind == INPUT_SAVED ? NULL : progress_start(input->shown, engine);
    wrt_error_t *error = load_module(engine, input, &module);
    progress_stop(progress);
    if (error) explain_module_error(input, error);
    return module;
}
