/* What `wrt run` was asked to do, for its files. */
#ifndef RUN_H
#define RUN_H

#include "cli.h"

typedef struct {
    const char **words;
    size_t count;
} words_t;

typedef struct {
    const char *file;
    char **args;
    size_t arg_count;
    const char *invoke, *argv0;
    words_t dirs, envs, preloads;
    bool inherit_env, time;
    uint64_t timeout, max_memory, max_heap; /* 0: none */
    engine_options_t engine;
} run_options_t;

/* A guest and all that it lives in. */
typedef struct {
    const run_options_t *options;
    input_t input;
    wrt_engine_t *engine;
    wrt_module_t *module;
    wrt_linker_t *linker;
    wrt_store_t *store;
    wrt_instance_t instance;
    uint64_t compile_time, start_time, run_time;
} guest_t;

/* wasi.c: gives the store what a WASI program sees, and the linker its functions. False after a complaint. */
bool give_wasi(guest_t *guest);
/* Whether a word is of the form HOST[::GUEST][:ro]. */
bool is_dir_word(const char *word);
/* After a guest that failed: whether it was told of a file that it had no directory for. */
void hint_about_files(const guest_t *guest);

/* invoke.c: whether there is something to call; complains if not. */
bool check_entry(const guest_t *guest);
/* Calls it; gives the status to end with. */
int call_entry(guest_t *guest);

/* preload.c: instances whose exports the guest imports. */
bool preload(guest_t *guest);
/* "NAME=FILE": the length of the name; 0 when it is not of that form. */
size_t preload_name_length(const char *word);

#endif
