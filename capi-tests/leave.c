/* Callbacks that the host leaves by longjmp: from then on every use of the store is an error, and it can be deleted. Calls on other stacks
 * are not mistaken for this. Each case runs in a separate process, since skipped code may leak. */
#define _GNU_SOURCE
#include "refs.h"
#include <setjmp.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

static const char *const MODULE =
    "(module (import \"e\" \"checked\" (func $c (param i32) (result i32))) (import \"e\" \"raw\" (func $r (param i32) (result i32)))"
    " (memory 1)"
    " (func (export \"checked\") (param i32) (result i32) (call $c (local.get 0)))"
    " (func (export \"raw\") (param i32) (result i32) (call $r (local.get 0)))"
    " (func (export \"trap\") (param i32) (result i32) unreachable)"
    " (func (export \"grow\") (param i32) (result i32) (memory.grow (local.get 0)))"
    " (func (export \"raw then trap\") (param i32) (result i32) (drop (call $r (local.get 0))) unreachable))";

enum { CHECKED, RAW, TRAP, GROW, RAW_THEN_TRAP, FUNCS };
static const char *const NAMES[] = {"checked", "raw", "trap", "grow", "raw then trap"};

typedef int32_t behaviour_t(wrt_store_t *store, int32_t argument);

static wrt_engine_t *engine;
static wrt_store_t *store;
static wrt_func_t funcs[FUNCS];
static behaviour_t *behaviour;
static jmp_buf back, inner_back;
static int finalized;
/* Outside of functions that `longjmp` returns to. */
static int which, distance;

static wrt_error_t *checked(void *userdata, wrt_caller_t *caller, const wrt_val_t *args, size_t n, wrt_val_t *results, size_t m) {
    (void)userdata, (void)n, (void)m;
    results[0] = i32_val(behaviour(wrt_caller_store(caller), args[0].of.i32));
    return NULL;
}
static wrt_error_t *raw(void *userdata, wrt_caller_t *caller, wrt_raw_t *slots, size_t n) {
    (void)userdata, (void)n;
    slots[0].i32 = behaviour(wrt_caller_store(caller), slots[0].i32);
    return NULL;
}

/* A store with items to finalize: its own data, an object, and host functions. */
static void begin(void) {
    wrt_config_t *config = wrt_config_new();
    wrt_linker_t *linker;
    wrt_instance_t instance;
    wrt_ref_t ref;
    OK(wrt_config_set_signals(config, may_use_signals()));
    /* No guest recurses here; on stacks that do not belong to the thread, the limit is the host's responsibility. */
    OK(wrt_config_set_max_wasm_stack(config, SIZE_MAX / 2));
    OK(wrt_engine_new(config, &engine));
    wrt_config_delete(config);
    OK(wrt_store_new(engine, &finalized, count_call, &store));
    OK(wrt_externref_new(store, &finalized, count_call, 0, &ref));
    OK(wrt_linker_new(engine, &linker));
    OK(wrt_linker_define_func(linker, TEXT("e"), TEXT("checked"), TEXT("(i32) -> i32"), checked, &finalized, count_call));
    OK(wrt_linker_define_func_raw(linker, TEXT("e"), TEXT("raw"), TEXT("(i32) -> i32"), raw, &finalized, count_call));
    wrt_module_t *module = module_of(engine, MODULE);
    OK(wrt_linker_instantiate(linker, store, module, &instance));
    for (int i = 0; i < FUNCS; i++) funcs[i] = func_of(store, &instance, NAMES[i]);
    wrt_module_delete(module);
    wrt_linker_delete(linker);
}

static wrt_error_t *call(int which, int32_t argument, int32_t *out) {
    return call_i32(store, &funcs[which], 1, argument, 0, out);
}

static void is_refused(wrt_error_t *error) {
    error = test_fails(WRT_ERROR_KIND_INVALID_ARGUMENT, error, "use", __FILE__, __LINE__);
    CHECK(strstr(wrt_error_message(error, NULL), "longjmp"));
    wrt_error_delete(error);
}

/* The store can no longer be used, but it can be deleted, and everything in it is finalized. */
static void end(void) {
    int32_t out;
    wrt_ref_t ref;
    for (int i = 0; i < 2; i++) {
        is_refused(call(TRAP, 0, &out));
        is_refused(wrt_externref_new(store, NULL, NULL, 0, &ref));
        is_refused(wrt_store_gc(store));
    }
    CHECK(finalized == 0);
    wrt_store_delete(store);
    CHECK(finalized == 4);
    wrt_engine_delete(engine);
}

static int32_t jumps(wrt_store_t *s, int32_t argument) {
    (void)s;
    longjmp(back, argument);
}

/* The next use of the store is a call. */
static void out_of(int func) {
    begin();
    behaviour = jumps;
    int32_t out;
    if (!setjmp(back)) {
        OK(call(func, 1, &out));
        CHECK(false);
    }
    end();
}
static void out_of_checked(void) { out_of(CHECKED); }
static void out_of_raw(void) { out_of(RAW); }

/* The next use of the store is its deletion. */
static void deleted_at_once(void) {
    for (which = CHECKED; which <= RAW; which++) {
        begin();
        behaviour = jumps;
        int32_t out;
        if (!setjmp(back)) OK(call(which, 1, &out));
        finalized = 0;
        wrt_store_delete(store);
        CHECK(finalized == 4);
        finalized = 0;
        wrt_engine_delete(engine);
    }
}

/* The call that is left, or the use afterwards, is made further down the stack, which is overwritten. */
static __attribute__((noinline)) void deeper(int bytes, void (*f)(void)) {
    volatile char room[4096];
    for (size_t i = 0; i < sizeof room; i++) room[i] = (char)bytes;
    if (bytes > (int)sizeof room) {
        deeper(bytes - (int)sizeof room, f);
    } else {
        f();
    }
    room[0] = room[1];
}
static void call_raw(void) {
    int32_t out;
    OK(call(RAW, 1, &out));
}
static void left_from_below(void) {
    begin();
    behaviour = jumps;
    if (!setjmp(back)) deeper(40000, call_raw);
    end();
}
static void refused_below(void) {
    int32_t out;
    is_refused(call(TRAP, 0, &out));
}
static __attribute__((noinline)) void a_little_deeper(int bytes, void (*f)(void)) {
    volatile char *room = __builtin_alloca((size_t)bytes);
    for (int i = 0; i < bytes; i++) room[i] = (char)i;
    f();
    room[0] = room[bytes - 1];
}
static void used_from_below(void) {
    for (distance = 16; distance < 8192; distance += may_use_signals() ? 16 : 1024) {
        begin();
        behaviour = jumps;
        if (!setjmp(back)) call_raw();
        a_little_deeper(distance, refused_below);
        end();
        finalized = 0;
    }
}

/* A call inside of a callback is left, and the callback continues: it gets an error, and so does the caller of the outer call. */
static int depth;
static int32_t leaves_inner(wrt_store_t *s, int32_t argument) {
    if (depth++) longjmp(inner_back, 1);
    int32_t out;
    if (!setjmp(inner_back)) {
        OK(call(argument, 0, &out));
        CHECK(false);
    }
    if (argument == RAW) is_refused(wrt_store_gc(s));
    return 7;
}
static void inner(void) {
    for (int outer = CHECKED; outer <= RAW_THEN_TRAP; outer++) {
        if (outer == TRAP || outer == GROW) continue;
        for (int which = CHECKED; which <= RAW; which++) {
            begin();
            behaviour = leaves_inner;
            depth = 0;
            int32_t out;
            is_refused(call(outer, which, &out));
            finalized = 0;
            end();
            finalized = 0;
        }
    }
}
/* The same, and then the outer one is left as well. */
static int32_t leaves_both(wrt_store_t *s, int32_t argument) {
    leaves_inner(s, argument);
    longjmp(back, 1);
}
static void inner_and_outer(void) {
    for (which = CHECKED; which <= RAW; which++) {
        begin();
        behaviour = leaves_both;
        depth = 0;
        int32_t out;
        if (!setjmp(back)) OK(call(RAW, which, &out));
        end();
        finalized = 0;
    }
}
/* After that, a callback deletes its store, which ends when the callback has returned. */
static int32_t deletes(wrt_store_t *s, int32_t argument) {
    leaves_inner(s, argument);
    wrt_store_delete(s);
    CHECK(!finalized);
    return 0;
}
static void inner_then_deleted(void) {
    begin();
    behaviour = deletes;
    depth = 0;
    int32_t out;
    is_refused(call(RAW, RAW, &out));
    CHECK(finalized == 4);
}

/* Out of callbacks that cannot use the store. */
static int32_t limiter(void *userdata, const wrt_growth_t *growth) {
    (void)userdata, (void)growth;
    longjmp(back, 1);
}
static void out_of_limiter(void) {
    begin();
    OK(wrt_store_set_limiter(store, limiter, NULL, NULL));
    int32_t out;
    if (!setjmp(back)) OK(call(GROW, 1, &out));
    end();
}
static void out_of_limiter_of_host(void) {
    begin();
    OK(wrt_store_set_limiter(store, limiter, NULL, NULL));
    wrt_instance_t instance;
    wrt_module_t *module = module_of(engine, "(module (memory (export \"m\") 1))");
    if (!setjmp(back)) OK(wrt_instance_new(store, module, NULL, 0, &instance));
    wrt_module_delete(module);
    end();
}

/* Legal: calls of the same store on other stacks, above and below, in both directions. */
static ucontext_t main_context, other_context;
static char *stacks;
enum { STACK = 256 << 10 };
static int32_t result;
static int32_t adds_one(wrt_store_t *s, int32_t argument) {
    OK(wrt_store_gc(s));
    return argument + 1;
}
static void on_other(void) {
    int32_t out;
    behaviour_t *before = behaviour;
    behaviour = adds_one;
    OK(wrt_store_gc(store));
    OK(call(CHECKED, 41, &result));
    OK(call(RAW, result, &result));
    TRAPS(WRT_TRAP_UNREACHABLE, call(TRAP, 0, &out));
    behaviour = before;
}
static int32_t switches(wrt_store_t *s, int32_t argument) {
    CHECK(!getcontext(&other_context));
    other_context.uc_stack.ss_sp = stacks + argument * STACK;
    other_context.uc_stack.ss_size = STACK;
    other_context.uc_link = &main_context;
    makecontext(&other_context, on_other, 0);
    CHECK(!swapcontext(&main_context, &other_context));
    OK(wrt_store_gc(s));
    return result;
}
static ucontext_t first_context;
static void first(void) {
    int32_t out;
    for (int which = CHECKED; which <= RAW; which++) {
        for (int other = 0; other < 3; other += 2) {
            behaviour = switches;
            OK(call(which, other, &out));
            CHECK(out == 43);
        }
    }
}
static void other_stacks(void) {
    begin();
    stacks = mmap(NULL, 3 * STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(stacks != MAP_FAILED);
    first();
    /* The middle one of three stacks, from which calls go to the ones above and below. */
    ucontext_t here;
    CHECK(!getcontext(&first_context));
    first_context.uc_stack.ss_sp = stacks + STACK;
    first_context.uc_stack.ss_size = STACK;
    first_context.uc_link = &here;
    makecontext(&first_context, first, 0);
    CHECK(!swapcontext(&here, &first_context));
    behaviour = adds_one;
    int32_t out;
    OK(call(RAW, 1, &out));
    CHECK(out == 2 && !finalized);
    wrt_store_delete(store);
    CHECK(finalized == 4);
}

/* Out of a callback on another stack than the thread's own, to the caller: detected if the stack's bounds are known. */
static void leaves_on_other(void) {
    behaviour = jumps;
    int32_t out;
    if (!setjmp(back)) OK(call(RAW, 1, &out));
    end();
}
static void left_on_other_stack(void) {
    begin();
    stacks = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(!getcontext(&other_context));
    other_context.uc_stack.ss_sp = stacks;
    other_context.uc_stack.ss_size = STACK;
    other_context.uc_link = &main_context;
    makecontext(&other_context, leaves_on_other, 0);
    CHECK(!swapcontext(&main_context, &other_context));
}

#ifdef __SANITIZE_ADDRESS__
enum { CANNOT_LONGJMP_ON_OTHERS = 1 };
#else
enum { CANNOT_LONGJMP_ON_OTHERS = 0 };
#endif

int main(void) {
    static const struct {
        const char *name;
        void (*f)(void);
    } cases[] = {{"out_of_checked", out_of_checked}, {"out_of_raw", out_of_raw}, {"deleted_at_once", deleted_at_once},
                 {"inner", inner},
                 {"inner_and_outer", inner_and_outer}, {"inner_then_deleted", inner_then_deleted},
                 {"out_of_limiter", out_of_limiter},
                 {"left_from_below", left_from_below}, {"out_of_limiter_of_host", out_of_limiter_of_host},
                 {"used_from_below", used_from_below}, {"other_stacks", other_stacks}, {"left_on_other_stack", left_on_other_stack}};
    int failed = 0;
    /* Valgrind knows neither other stacks nor the end of the first one, and reports reads of frames that were left, and leaks of what
       they owned; the sanitizer does not support longjmp on another stack. */
    size_t count = sizeof cases / sizeof *cases - (may_use_signals() ? CANNOT_LONGJMP_ON_OTHERS : 5);
    for (size_t i = 0; i < count; i++) {
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0) {
            alarm(60);
            cases[i].f();
            _exit(0);
        }
        int status;
        CHECK(waitpid(child, &status, 0) == child);
        if (status) fprintf(stderr, "%s: status %x\n", cases[i].name, status), failed = 1;
    }
    return failed;
}
