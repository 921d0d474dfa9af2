/* Stacks of all kinds: of the first thread under several limits, of other threads, and stacks that the host has created itself,
 * described or not. On each of them endless recursion is a trap, and the store stays usable. */
#define _GNU_SOURCE
#include "test.h"
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

static const char *const MODULE =
    "(module (import \"\" \"again\" (func $again)) (memory 1)"
    " (func $deep (export \"deep\") (param i32) (result i32) (i32.add (i32.const 1) (call $deep (local.get 0))))"
    " (func (export \"through\") (call $again))"
    " (func (export \"outside\") (param i32) (result i32) (i32.load (i32.const -1)))"
    " (func (export \"seven\") (param i32) (result i32) (i32.const 7)))";

typedef struct {
    wrt_engine_t *engine;
    wrt_store_t *store;
    wrt_instance_t instance;
    wrt_func_t again; /* the function that the host function calls */
    void (*before)(void);
} guest_t;

static wrt_error_t *again(void *userdata, wrt_caller_t *caller, const wrt_val_t *args, size_t arg_count, wrt_val_t *results,
                          size_t result_count) {
    guest_t *g = userdata;
    (void)args, (void)arg_count, (void)results, (void)result_count;
    if (g->before) g->before();
    return wrt_func_call(wrt_caller_store(caller), &g->again, NULL, 0, NULL, 0);
}

static void start(guest_t *g, bool signals, bool lazy) {
    wrt_config_t *config = wrt_config_new();
    wrt_linker_t *linker;
    OK(wrt_config_set_signals(config, signals && may_use_signals()));
    OK(wrt_config_set_lazy(config, lazy));
    OK(wrt_engine_new(config, &g->engine));
    wrt_config_delete(config);
    OK(wrt_store_new(g->engine, NULL, NULL, &g->store));
    OK(wrt_linker_new(g->engine, &linker));
    OK(wrt_linker_define_func(linker, TEXT(""), TEXT("again"), TEXT("()"), again, g, NULL));
    wrt_module_t *module = module_of(g->engine, MODULE);
    OK(wrt_linker_instantiate(linker, g->store, module, &g->instance));
    wrt_module_delete(module);
    wrt_linker_delete(linker);
    g->again = func_of(g->store, &g->instance, "through");
    g->before = NULL;
}

static void end(guest_t *g) {
    wrt_store_delete(g->store);
    wrt_engine_delete(g->engine);
}

static wrt_error_t *call_of(guest_t *g, const char *name) {
    wrt_func_t f = func_of(g->store, &g->instance, name);
    int32_t result;
    wrt_error_t *error = call_i32(g->store, &f, 1, 0, 0, &result);
    if (!error) CHECK(result == 7);
    return error;
}

static void exercise(guest_t *g) {
    for (int i = 0; i < 2; i++) {
        OK(call_of(g, "seven"));
        TRAPS(WRT_TRAP_MEMORY_OUT_OF_BOUNDS, call_of(g, "outside"));
        TRAPS(WRT_TRAP_STACK_OVERFLOW, call_of(g, "deep"));
        TRAPS(WRT_TRAP_STACK_OVERFLOW, wrt_func_call(g->store, &g->again, NULL, 0, NULL, 0));
    }
    OK(call_of(g, "seven"));
}

/* Modes of the engine, by number. */
enum { MODES = 4 };
static void start_mode(guest_t *g, int mode) { start(g, mode & 1, mode & 2); }

static void all_modes(void) {
    for (int mode = 0; mode < MODES; mode++) {
        guest_t g;
        start_mode(&g, mode);
        exercise(&g);
        end(&g);
    }
}

static void no_signal_stack(void) {
    stack_t off;
    memset(&off, 0, sizeof off);
    off.ss_flags = SS_DISABLE;
    CHECK(!sigaltstack(&off, NULL));
}

/* The first thread's stack, whose size is the limit at the start of the program. */

static void run_with_limit(const char *program, rlim_t limit, const char *how) {
    pid_t child = fork();
    CHECK(child >= 0);
    if (!child) {
        struct rlimit most;
        CHECK(!getrlimit(RLIMIT_STACK, &most));
        most.rlim_cur = limit;
        if (most.rlim_max != RLIM_INFINITY && limit > most.rlim_max) most.rlim_cur = most.rlim_max;
        CHECK(!setrlimit(RLIMIT_STACK, &most));
        execl(program, program, how, (char *)NULL);
        _exit(127);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child);
    if (!WIFEXITED(status) || WEXITSTATUS(status)) {
        fprintf(stderr, "first thread with %llu KiB, %s: status %x\n", (unsigned long long)limit >> 10, how, status);
        exit(1);
    }
}

/* Hides /proc, if the process is allowed to. */
static void hide_proc(void) {
    char empty[] = "/tmp/wrt-empty-XXXXXX";
    CHECK(mkdtemp(empty));
    if (chroot(empty) && !unshare(CLONE_NEWUSER)) CHECK(!chroot(empty));
    rmdir(empty);
}

static void first_thread(const char *program) {
    const rlim_t limits[] = {512 << 10, 1 << 20, 8 << 20, 64 << 20, RLIM_INFINITY};
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        run_with_limit(program, limits[i], "plain");
        run_with_limit(program, limits[i], "without-proc");
    }
}

/* Threads. */

static void *on_thread(void *data) {
    if (!data) no_signal_stack();
    all_modes();
    return NULL;
}

static void run_thread(size_t size, void *(*f)(void *), void *data) {
    pthread_attr_t attributes;
    pthread_t thread;
    CHECK(!pthread_attr_init(&attributes));
    CHECK(!pthread_attr_setstacksize(&attributes, size));
    CHECK(!pthread_create(&thread, &attributes, f, data));
    CHECK(!pthread_join(thread, NULL));
    pthread_attr_destroy(&attributes);
}

/* AddressSanitizer's own frames and Valgrind's need more. */
static void threads(void) {
    const size_t sizes[] = {128, 192, 256, 512, 1024, 2048, 8192};
    int yes = 1;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        run_thread(sizes[i] << 10, on_thread, NULL);
        run_thread(sizes[i] << 10, on_thread, &yes);
    }
}

/* Stacks created by the host. */

enum { APART = 4 << 20 };

typedef struct {
    char *mapping, *low;
    size_t size;
    ucontext_t host, co;
    void (*f)(void *);
    void *data;
} co_t;

static co_t *current;

static void co_main(void) {
    current->f(current->data);
    swapcontext(&current->co, &current->host);
}

/* Far from all others, so that Valgrind does not mistake a change of stacks for a large frame. */
static void co_new(co_t *co, size_t size) {
    memset(co, 0, sizeof *co);
    co->size = size;
    co->mapping = mmap(NULL, 2 * APART + size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(co->mapping != MAP_FAILED);
    co->low = co->mapping + APART;
    CHECK(!mprotect(co->low, size, PROT_READ | PROT_WRITE));
}

static void co_run(co_t *co, void (*f)(void *), void *data) {
    co_t *outer = current;
    co->f = f;
    co->data = data;
    CHECK(!getcontext(&co->co));
    co->co.uc_stack.ss_sp = co->low;
    co->co.uc_stack.ss_size = co->size;
    makecontext(&co->co, co_main, 0);
    current = co;
    CHECK(!swapcontext(&co->host, &co->co));
    current = outer;
}

static void co_delete(co_t *co) { munmap(co->mapping, 2 * APART + co->size); }

static void co_exercise(void *data) { exercise(data); }

static void described(void) {
    const size_t sizes[] = {96, 128, 256, 1024};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        for (int mode = 0; mode < MODES; mode++) {
            guest_t g;
            co_t co;
            start_mode(&g, mode);
            co_new(&co, sizes[i] << 10);
            OK(wrt_store_set_stack(g.store, co.low, co.size));
            co_run(&co, co_exercise, &g);
            exercise(&g);
            co_run(&co, co_exercise, &g);
            OK(wrt_store_set_stack(g.store, NULL, 0));
            exercise(&g);
            co_delete(&co);
            end(&g);
        }
    }
}

static void by_call(void *data) {
    guest_t *g = data;
    wrt_func_t deep = func_of(g->store, &g->instance, "deep"), seven = func_of(g->store, &g->instance, "seven");
    wrt_val_t v = i32_val(0);
    wrt_raw_t slot;
    memset(&slot, 0, sizeof slot);
    for (int i = 0; i < 3; i++) {
        v = i32_val(0);
        TRAPS(WRT_TRAP_STACK_OVERFLOW, wrt_func_call_on_stack(g->store, &deep, &v, 1, &v, 1, current->low, current->size));
        CHECK(v.kind == WRT_EMPTY);
        v = i32_val(0);
        OK(wrt_func_call_on_stack(g->store, &seven, &v, 1, &v, 1, current->low, current->size));
        CHECK(v.kind == WRT_I32 && v.of.i32 == 7);
        slot.i32 = 0;
        TRAPS(WRT_TRAP_STACK_OVERFLOW, wrt_func_call_raw_on_stack(g->store, &deep, &slot, 1, current->low, current->size));
        OK(wrt_func_call_raw_on_stack(g->store, &seven, &slot, 1, current->low, current->size));
        CHECK(slot.i32 == 7);
        TRAPS(WRT_TRAP_STACK_OVERFLOW,
              wrt_func_call_on_stack(g->store, &g->again, NULL, 0, NULL, 0, current->low, current->size));
    }
}

static void described_by_call(void) {
    for (int mode = 0; mode < MODES; mode++) {
        guest_t g;
        co_t co;
        start_mode(&g, mode);
        co_new(&co, 128 << 10);
        co_run(&co, by_call, &g);
        exercise(&g);
        co_delete(&co);
        end(&g);
    }
}

static void not_described(void) {
    /* Valgrind treats memory below the stack pointer as inaccessible, and reports reads of it. */
    if (!may_use_signals()) return;
    for (int mode = 0; mode < MODES; mode++) {
        for (size_t size = 128 << 10; size <= 1 << 20; size *= 8) {
            guest_t g;
            co_t co;
            start_mode(&g, mode);
            co_new(&co, size);
            co_run(&co, co_exercise, &g);
            exercise(&g);
            co_delete(&co);
            end(&g);
        }
    }
}

/* A callback continues on another stack: of a coroutine, and of a thread. */

static guest_t *nested;

static void nested_exercise(void *data) {
    guest_t *g = data;
    OK(call_of(g, "seven"));
    TRAPS(WRT_TRAP_STACK_OVERFLOW, call_of(g, "deep"));
    TRAPS(WRT_TRAP_MEMORY_OUT_OF_BOUNDS, call_of(g, "outside"));
}

static void *nested_thread(void *data) {
    nested_exercise(data);
    return NULL;
}

static void go_elsewhere(void) {
    guest_t *g = nested;
    co_t co;
    g->before = NULL;
    co_new(&co, 192 << 10);
    OK(wrt_store_set_stack(g->store, co.low, co.size));
    co_run(&co, nested_exercise, g);
    OK(wrt_store_set_stack(g->store, NULL, 0));
    co_delete(&co);
    run_thread(256 << 10, nested_thread, g);
    run_thread(4 << 20, nested_thread, g);
    nested_exercise(g);
}

static void *nest(void *unused) {
    (void)unused;
    for (int mode = 0; mode < MODES; mode++) {
        guest_t g;
        start_mode(&g, mode);
        nested = &g;
        for (int i = 0; i < 2; i++) {
            g.before = go_elsewhere;
            /* The outer call continues with the limit of its own stack, and recurses through the host until it reaches that. */
            TRAPS(WRT_TRAP_STACK_OVERFLOW, wrt_func_call(g.store, &g.again, NULL, 0, NULL, 0));
            CHECK(!g.before);
        }
        exercise(&g);
        end(&g);
    }
    return NULL;
}

/* Invalid arguments. */

static void misuse(void) {
    guest_t g;
    wrt_val_t v = i32_val(0);
    wrt_raw_t slot;
    char here[64 << 10];
    start(&g, true, false);
    wrt_func_t seven = func_of(g.store, &g.instance, "seven");
    memset(&slot, 0, sizeof slot);
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_store_set_stack(NULL, here, sizeof here));
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_store_set_stack(g.store, NULL, 1 << 20));
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_store_set_stack(g.store, here, 1000));
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_store_set_stack(g.store, here, SIZE_MAX));
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_func_call_on_stack(NULL, &seven, &v, 1, &v, 1, here, sizeof here));
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_func_call_on_stack(g.store, &seven, &v, 1, &v, 1, NULL, 0));
    CHECK(v.kind == WRT_EMPTY);
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_func_call_on_stack(g.store, NULL, &v, 1, &v, 1, here, sizeof here));
    char *elsewhere = malloc(64 << 10);
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_func_call_raw_on_stack(g.store, &seven, &slot, 1, elsewhere, 64 << 10));
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_func_call_raw_on_stack(g.store, NULL, &slot, 1, elsewhere, 64 << 10));
    free(elsewhere);
    exercise(&g);
    end(&g);
}

/* Text on a small thread, nested arbitrarily deeply. */

static char *nest_text(const char *open, const char *close, size_t times) {
    size_t a = strlen(open), b = strlen(close);
    char *text = malloc(times * (a + b) + 1);
    CHECK(text);
    for (size_t i = 0; i < times; i++) {
        memcpy(text + i * a, open, a);
        memcpy(text + times * a + i * b, close, b);
    }
    text[times * (a + b)] = 0;
    return text;
}

static void *parse(void *unused) {
    (void)unused;
    const size_t depths[] = {1, 50, 100, 1000, 50000};
    wrt_engine_t *engine;
    OK(wrt_engine_new(NULL, &engine));
    for (size_t i = 0; i < sizeof depths / sizeof *depths; i++) {
        char *text = nest_text("(component ", ")", depths[i]);
        wrt_module_t *module;
        wrt_error_t *error = wrt_module_new(engine, text, strlen(text), &module);
        CHECK(error && !module);
        wrt_error_delete(error);
        wrt_types_t *types;
        error = wrt_types_parse(engine, text, strlen(text), &types);
        CHECK(error && !types);
        wrt_error_delete(error);
        wrt_functype_t *type;
        error = wrt_functype_parse(text, strlen(text), &type);
        CHECK(error && !type);
        wrt_error_delete(error);
        free(text);
        text = nest_text("(", ")", depths[i]);
        error = wrt_functype_parse(text, strlen(text), &type);
        CHECK(!error == (depths[i] == 1));
        wrt_functype_delete(type);
        wrt_error_delete(error);
        free(text);
    }
    wrt_engine_delete(engine);
    return NULL;
}

int main(int argc, char **argv) {
    /* Valgrind has its own stacks, and does not know others. */
    if (!may_use_signals()) return 0;
    if (argc > 1) {
        if (!strcmp(argv[1], "without-proc")) hide_proc();
        no_signal_stack();
        all_modes();
        /* Without /proc, leak checkers do not work. */
        _exit(0);
    }
    misuse();
    first_thread(argv[0]);
    threads();
    described();
    described_by_call();
    not_described();
    run_thread(512 << 10, nest, NULL);
    run_thread(2 << 20, nest, NULL);
    run_thread(96 << 10, parse, NULL);
    run_thread(256 << 10, parse, NULL);
    return 0;
}
