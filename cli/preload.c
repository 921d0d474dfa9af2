/* --preload NAME=FILE: modules whose exports other modules import. Each can import from those before it. */
#include "run.h"

#include <string.h>

size_t preload_name_length(const char *word) {
    const char *equals = strchr(word, '=');
    return equals && equals[1] ? (size_t)(equals - word) : 0;
}

static bool preload_one(guest_t *g, const char *word) {
    size_t len = preload_name_length(word);
    input_t input;
    wrt_instance_t instance;
    if (!input_read(word + len + 1, &input)) return false;
    wrt_module_t *module = make_module(g->engine, &input);
    bool ok = module != NULL;
    if (ok) {
        wrt_error_t *error = wrt_linker_instantiate(g->linker, g->store, module, &instance);
        if (error) {
            complain("%s: it cannot be instantiated", input.shown);
            explain_guest_error(error, g->options->timeout);
            ok = false;
        }
    }
    ok = ok && !failed(wrt_linker_define_instance(g->linker, g->store, word, len, &instance), "--preload");
    wrt_module_delete(module);
    input_free(&input);
    return ok;
}

bool preload(guest_t *g) {
    for (size_t i = 0; i < g->options->preloads.count; i++)
        if (!preload_one(g, g->options->preloads.words[i])) return false;
    return true;
}
