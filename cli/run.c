/* wrt run: creates a guest, runs it, and exits with its status. */
#include "run.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

enum {
    DIR, ENV, INHERIT_ENV, ARGV0, INVOKE, PRELOAD, TIMEOUT, MAX_MEMORY, MAX_HEAP, MAX_STACK, NO_LAZY, CACHE, NO_CACHE, THREADS, FEATURE,
    NO_FEATURE, TIME, HELP
};

static const option_t OPTIONS[] = {
    [DIR] = {"dir", 'd', "HOST[::GUEST][:ro]", "a directory that the guest may use, under its own name or GUEST; :ro: only read"},
    [ENV] = {"env", 'e', "NAME[=VALUE]", "an environment variable; without a value: as it is here"},
    [INHERIT_ENV] = {"inherit-env", 0, NULL, "all environment variables"},
    [ARGV0] = {"argv0", 0, "NAME", "the program's name as the guest sees it; unless set, FILE's last part"},
    [INVOKE] = {"invoke", 'i', "FUNCTION", "call this exported function with ARGS and print its results"},
    [PRELOAD] = {"preload", 0, "NAME=FILE", "instantiate another module first, for what is imported from NAME"},
    [TIMEOUT] = {"timeout", 't', "TIME", "stop the guest after this time, also when it waits: 2, 1.5s, 300ms, 1m"},
    [MAX_MEMORY] = {"max-memory", 'm', "SIZE", "most bytes of all memories together: 65536, 64M, 1G"},
    [MAX_HEAP] = {"max-heap", 0, "SIZE", "most bytes of garbage-collected objects"},
    [MAX_STACK] = {"max-stack", 0, "SIZE", "stack for WebAssembly; 16M unless set"},
    [NO_LAZY] = {"no-lazy", 0, NULL, "compile everything first, not each function when it is called"},
    [CACHE] = {"cache", 0, "[=DIR]", "compile everything and keep it in DIR (~/.cache/wrt unless set), or take it from there"},
    [NO_CACHE] = {"no-cache", 0, NULL, "do not, although WRT_CACHE_DIR is set"},
    [THREADS] = {"threads", 0, "N", "threads that compile; as many as processors unless set"},
    [FEATURE] = {"feature", 0, "NAME", "take modules that need this proposal (wrt help features lists them)"},
    [NO_FEATURE] = {"no-feature", 0, "NAME", "refuse modules that need this proposal"},
    [TIME] = {"time", 0, NULL, "say afterwards, on standard error, how long everything took"},
    [HELP] = {"help", 'h', NULL, "show this"},
    {0},
};

static void add(words_t *list, const char *word) { list->words[list->count++] = word; }

/* The user's directory for caches. NULL if it is not known. */
static const char *default_cache(void) {
    static char path[4096];
    const char *base = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    if (base && *base)
        snprintf(path, sizeof path, "%s/wrt", base);
    else if (home && *home)
        snprintf(path, sizeof path, "%s/.cache/wrt", home);
    return *path ? path : NULL;
}

/* Handles one option. Returns STATUS_OK if it is valid. */
static int take(run_options_t *o, int option, const char *value) {
    uint64_t n = 0;
    bool ok = true;
    switch (option) {
    case DIR:
        add(&o->dirs, value);
        ok = is_dir_word(value);
        if (!ok) complain("--dir '%s': not of the form HOST[::GUEST][:ro]", show_name(value, strlen(value)));
        break;
    case ENV:
        add(&o->envs, value);
        ok = *value && *value != '=';
        if (!ok) complain("--env '%s': not of the form NAME[=VALUE]", show_name(value, strlen(value)));
        break;
    case INHERIT_ENV: o->inherit_env = true; break;
    case ARGV0: o->argv0 = value; break;
    case INVOKE: o->invoke = value; break;
    case PRELOAD:
        add(&o->preloads, value);
        ok = preload_name_length(value) > 0;
        if (!ok) complain("--preload %s: not of the form NAME=FILE", show_name(value, strlen(value)));
        break;
    case TIMEOUT: ok = parse_duration(value, "--timeout", &o->timeout); break;
    case MAX_MEMORY: ok = parse_size(value, "--max-memory", &o->max_memory); break;
    case MAX_HEAP: ok = parse_size(value, "--max-heap", &o->max_heap); break;
    case MAX_STACK:
        ok = parse_size(value, "--max-stack", &n);
        if (ok && (n < 16 << 10 || n > 1 << 30)) {
            complain("--max-stack %s: from 16K to 1G", value);
            ok = false;
        }
        o->engine.max_stack = (size_t)n;
        break;
    case NO_LAZY: o->engine.lazy = false; break;
    case CACHE:
        o->engine.cache = value ? value : default_cache();
        ok = o->engine.cache && *o->engine.cache;
        if (!ok) complain("--cache: where? neither HOME nor XDG_CACHE_HOME is set: --cache=DIR");
        break;
    case NO_CACHE: o->engine.cache = NULL; break;
    case THREADS: ok = parse_count(value, "--threads", &o->engine.threads); break;
    case FEATURE: ok = set_feature(value, true); break;
    case NO_FEATURE: ok = set_feature(value, false); break;
    default: o->time = true; break;
    }
    return ok ? STATUS_OK : STATUS_USAGE;
}

/* Kills a guest that the library cannot stop, such as one that writes to a full pipe: it has had a second more. */
static void on_alarm(int number) {
    static const char text[] = "wrt: stopped by force (--timeout)\n";
    (void)number;
    ssize_t n = write(STDERR_FILENO, text, sizeof text - 1);
    (void)n;
    _exit(STATUS_TIMEOUT);
}

static bool start_clock(guest_t *g) {
    uint64_t limit = g->options->timeout;
    if (!limit) return true;
    if (failed(wrt_store_set_deadline(g->store, limit), "--timeout")) return false;
    struct sigaction action = {0};
    action.sa_handler = on_alarm;
    sigemptyset(&action.sa_mask);
    sigaction(SIGALRM, &action, NULL);
    uint64_t hard = limit / 1000 + 1000000;
    struct itimerval timer = {.it_value = {.tv_sec = (time_t)(hard / 1000000), .tv_usec = (suseconds_t)(hard % 1000000)}};
    setitimer(ITIMER_REAL, &timer, NULL);
    return true;
}

/* A saved module needs an engine with the settings it was saved with. Whether it is interruptible is found by trying. */
static bool make_code(guest_t *g) {
    engine_options_t options = g->options->engine;
    options.interruption = g->options->timeout != 0;
    /* The cache holds only modules that were compiled completely. */
    if (options.cache) options.lazy = false;
    options.may_move = g->input.kind != INPUT_SAVED;
    g->engine = make_engine(&options);
    if (!g->engine) return false;
    if (g->input.kind == INPUT_SAVED && !options.interruption) {
        wrt_error_t *error = load_module(g->engine, &g->input, &g->module);
        if (!error) return true;
        bool other = is_other_setting(error);
        wrt_error_delete(error);
        if (other) {
            wrt_engine_delete(g->engine);
            options.interruption = true;
            g->engine = make_engine(&options);
            if (!g->engine) return false;
        }
    }
    g->module = make_module(g->engine, &g->input);
    return g->module != NULL;
}

static bool make_store(guest_t *g) {
    const run_options_t *o = g->options;
    wrt_limits_t limits;
    wrt_limits_init(&limits);
    if (o->max_memory) limits.memory_bytes = o->max_memory;
    if (o->max_heap) limits.heap_bytes = o->max_heap;
    return !failed(wrt_store_new(g->engine, NULL, NULL, &g->store), "no store") &&
           !failed(wrt_store_set_limits(g->store, &limits), "--max-memory") &&
           !failed(wrt_linker_new(g->engine, &g->linker), "no linker");
}

static int instantiate_and_call(guest_t *g) {
    const run_options_t *o = g->options;
    uint64_t start = now();
    wrt_error_t *error = wrt_linker_instantiate(g->linker, g->store, g->module, &g->instance);
    g->start_time = now() - start;
    start = now();
    int status = error ? explain_guest_error(error, o->timeout) : call_entry(g);
    g->run_time = now() - start;
    return status;
}

static int run_guest(guest_t *g) {
    const run_options_t *o = g->options;
    if (!input_read(o->file, &g->input)) return STATUS_FAILED;
    uint64_t start = now();
    if (!make_code(g)) return STATUS_FAILED;
    g->compile_time = now() - start;
    const char **names = o->preloads.words;
    if (!check_entry(g) || !imports_can_be_met(g->module, g->input.shown, names, o->preloads.count)) return STATUS_FAILED;
    if (!make_store(g) || !give_wasi(g) || !start_clock(g) || !preload(g)) return STATUS_FAILED;
    int status = instantiate_and_call(g);
    if (status) hint_about_files(g);
    if (o->time)
        complain("%s in %s, instantiated in %s, ran for %s", g->input.kind == INPUT_SAVED ? "loaded" : "compiled",
                 show_time(g->compile_time), show_time(g->start_time), show_time(g->run_time));
    return status;
}

typedef struct {
    guest_t *guest;
    int status;
} threaded_t;

static void *on_thread(void *userdata) {
    threaded_t *t = userdata;
    t->status = run_guest(t->guest);
    return NULL;
}

/* Runs the guest on a thread with the stack that --max-stack promises, whatever the size of this thread's stack. */
static int run_on_own_stack(guest_t *g) {
    threaded_t t = {g, STATUS_FAILED};
    pthread_attr_t attributes;
    pthread_t thread;
    pthread_attr_init(&attributes);
    /* The library's own functions and signal handlers need stack as well. */
    int why = pthread_attr_setstacksize(&attributes, g->options->engine.max_stack + (1 << 20));
    if (!why) why = pthread_create(&thread, &attributes, on_thread, &t);
    pthread_attr_destroy(&attributes);
    if (why)
        complain("no thread with so much stack (--max-stack): %s", strerror(why));
    else
        pthread_join(thread, NULL);
    return t.status;
}

static int run(const command_t *command, int argc, char **argv) {
    /* None of the three lists is longer than the command line. */
    const char **words = calloc((size_t)argc * 3 + 1, sizeof *words);
    if (!words) return STATUS_FAILED;
    static run_options_t o;
    o = (run_options_t){.dirs.words = words, .envs.words = words + argc, .preloads.words = words + 2 * argc,
                        .engine = {.lazy = true, .max_stack = 16 << 20, .cache = getenv("WRT_CACHE_DIR")}};
    if (o.engine.cache && !*o.engine.cache) o.engine.cache = NULL;
    parser_t parser = {.command = command, .argc = argc, .argv = argv};
    int status = STATUS_OK, option;
    while (!status && (option = option_next(&parser)) >= 0) {
        if (option == HELP) {
            print_command_help(command, stdout);
            free(words);
            return STATUS_OK;
        }
        status = take(&o, option, parser.value);
    }
    if (!status && option == OPTION_BAD) status = STATUS_USAGE;
    if (!status && option == OPTION_END) status = bad_usage(command, "no file to run");
    if (!status) {
        /* Everything after the file is passed to the guest, even if it looks like an option. */
        o.file = parser.value;
        o.args = argv + parser.at;
        o.arg_count = (size_t)(argc - parser.at);
        /* The guest is not deleted at the end: exiting is faster than freeing. */
        static guest_t guest;
        guest.options = &o;
        status = run_on_own_stack(&guest);
    }
    free(words);
    return status;
}

const command_t command_run = {
    "run", "[OPTION]... FILE [ARG]...", "run a program, or call one function of a module",
    "FILE is a module (binary or text), or what wrt compile made; - is standard input.\n"
    "A WASI program sees only what it is given: its arguments, standard input and output,\n"
    "and the variables and directories named here. Options stand before FILE; what follows\n"
    "FILE is the guest's.\n\n"
    "Arguments of --invoke: 42, -7, 0xff; 1.5, inf, nan; i32x4:1,2,3,4; null; a text for\n"
    "an externref, an exported function's name for a funcref, a number for an i31ref.\n\n"
    "Exit status: the guest's; 1 when it cannot run, 2 for a bad command line, 124 after\n"
    "--timeout, 134 after a trap, 128 + N after signal N.",
    OPTIONS, run};
