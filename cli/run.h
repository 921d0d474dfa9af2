/* Declarations shared by the files of `wrt run`. */
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
    uint64_t timeout, max_memory, max_heap; /* 0: no limit */
    engine_options_t engine;
} run_options_t;

/* A guest, and all library objects it needs. */
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

/* wasi.c: sets up WASI in the store, and defines its functions in the linker. Returns false after a complaint. */
bool give_wasi(guest_t *guest);
/* Whether a word has the form HOST[::GUEST][:ro]. */
bool is_dir_word(const char *word);
/* After a guest failed: if an argument names a file outside of the guest's directories, says which --dir it needs. */
void hint_about_files(const guest_t *guest);

/* invoke.c: checks that the module has a function to call. Returns false after a complaint. */
bool check_entry(const guest_t *guest);
/* Calls the function. Returns the exit status. */
int call_entry(guest_t *guest);

/* preload.c: creates the instances whose exports the guest imports. Returns false after a complaint. */
bool preload(guest_t *guest);
/* Returns the length of the name in "NAME=FILE"; 0 if the word does not have that form. */
size_t preload_name_length(const char *word);

#endif
