/* Signal handlers: ours stay in place whatever the host installs, the host's receive every signal that is not a trap, and threads that
 * block our signals get an error. Each case runs in a separate process. */
#define _GNU_SOURCE
#include "test.h"
#include "child.h"
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static const int SIGNALS[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE};
enum { COUNT = 4 };

static const char *const MODULE =
    "(module (memory 1) (func (export \"load\") (param i32) (result i32) (i32.load (local.get 0)))"
    " (func (export \"divide\") (param i32) (result i32) (i32.div_u (i32.const 1) (local.get 0)))"
    " (func (export \"trap\") (param i32) (result i32) unreachable))";

typedef struct {
    world_t w;
    wrt_func_t load, divide, trap;
} guest_t;

static guest_t guest_of(world_t w) {
    guest_t g = {.w = w};
    wrt_instance_t instance = instance_of(w.engine, w.store, MODULE);
    g.load = func_of(w.store, &instance, "load");
    g.divide = func_of(w.store, &instance, "divide");
    g.trap = func_of(w.store, &instance, "trap");
    return g;
}

static guest_t guest(void) { return guest_of(world()); }

/* One trap for each signal that machine code raises. */
static void traps(guest_t *g) {
    int32_t out;
    TRAPS(WRT_TRAP_MEMORY_OUT_OF_BOUNDS, call_i32(g->w.store, &g->load, 1, -1, 0, &out));
    TRAPS(WRT_TRAP_INTEGER_DIVIDE_BY_ZERO, call_i32(g->w.store, &g->divide, 1, 0, 0, &out));
    TRAPS(WRT_TRAP_UNREACHABLE, call_i32(g->w.store, &g->trap, 1, 0, 0, &out));
    OK(call_i32(g->w.store, &g->divide, 1, 1, 0, &out));
    CHECK(out == 1);
}

/* What the cases' processes report to this one. */
static struct {
    volatile int calls, others, code;
} * seen;

static int run(void (*f)(void)) {
    memset((void *)seen, 0, sizeof *seen);
    return run_child(f, _exit);
}

static void install(int signal, void (*f)(int, siginfo_t *, void *), int flags) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = f;
    action.sa_flags = SA_SIGINFO | flags;
    CHECK(!sigaction(signal, &action, NULL));
}

static void install_all(void (*f)(int, siginfo_t *, void *), int flags) {
    for (int i = 0; i < COUNT; i++) install(SIGNALS[i], f, flags);
}

/* Whether our handlers are in place, compared with those in `first`. */
static struct sigaction first[COUNT];
static bool is_first(int i) {
    struct sigaction now;
    CHECK(!sigaction(SIGNALS[i], NULL, &now));
    return now.sa_sigaction == first[i].sa_sigaction;
}

static sigjmp_buf back;
static void jump(int signal, siginfo_t *info, void *context) {
    (void)signal, (void)context;
    seen->calls++;
    seen->code = info->si_code;
    siglongjmp(back, 1);
}
static void count(int signal, siginfo_t *info, void *context) {
    (void)signal, (void)context;
    seen->calls++;
    seen->code = info->si_code;
}

/* A fault in the host's own code. */
static void fault(void) {
    volatile int *nowhere = (int *)8;
    *nowhere = 1;
}

/* The host's handlers, installed before ours: traps are ours, faults in the host's code go to the host's handlers, repeatedly. */
static void handlers_before(void) {
    install_all(jump, 0);
    guest_t g = guest();
    for (int i = 1; i <= 3; i++) {
        traps(&g);
        if (!sigsetjmp(back, 1)) fault();
        CHECK(seen->calls == i && seen->code > 0);
    }
    traps(&g);
    CHECK(seen->calls == 3);
}

/* The host's handlers, installed after ours, and noticed by the action `look`. */
static void handlers_after(void (*look)(guest_t *)) {
    guest_t g = guest();
    traps(&g);
    for (int i = 1; i <= 40; i++) {
        install_all(jump, 0);
        look(&g);
        traps(&g);
        CHECK(seen->calls == i - 1);
        if (!sigsetjmp(back, 1)) fault();
        CHECK(seen->calls == i);
        traps(&g);
    }
}

static void make_engine(guest_t *g) {
    (void)g;
    wrt_engine_t *engine;
    OK(wrt_engine_new(NULL, &engine));
    wrt_engine_delete(engine);
}
static void make_module(guest_t *g) { wrt_module_delete(module_of(g->w.engine, "(module)")); }
static void make_store(guest_t *g) {
    wrt_store_t *store;
    OK(wrt_store_new(g->w.engine, NULL, NULL, &store));
    wrt_store_delete(store);
}
static wrt_module_t *ready;
static void make_instance(guest_t *g) {
    wrt_instance_t instance;
    OK(wrt_instance_new(g->w.store, ready, NULL, 0, &instance));
}
static void call_often(guest_t *g) {
    int32_t out;
    for (int i = 0; i < 256; i++) OK(call_i32(g->w.store, &g->divide, 1, 1, 0, &out));
}
static void ask(guest_t *g) {
    (void)g;
    OK(wrt_signals_install());
}

static void after_engine(void) { handlers_after(make_engine); }
static void after_module(void) { handlers_after(make_module); }
static void after_store(void) { handlers_after(make_store); }
static void after_calls(void) { handlers_after(call_often); }
static void after_asking(void) { handlers_after(ask); }
static void after_instance(void) {
    wrt_engine_t *engine;
    world_t w;
    OK(wrt_engine_new(NULL, &engine));
    w.engine = engine;
    OK(wrt_store_new(engine, NULL, NULL, &w.store));
    ready = module_of(engine, "(module)");
    guest_t g = guest_of(w);
    for (int i = 0; i < 3; i++) {
        install_all(jump, 0);
        make_instance(&g);
        traps(&g);
    }
    CHECK(!seen->calls);
}

/* A handler of only one signal, which is not SIGSEGV: noticed by actions that check all signals. */
static void only_one(void) {
    guest_t g = guest();
    for (int i = 1; i < COUNT; i++) {
        install(SIGNALS[i], jump, 0);
        make_module(&g);
        traps(&g);
        install(SIGNALS[i], jump, 0);
        for (int k = 0; k < 16; k++) call_often(&g);
        traps(&g);
        install(SIGNALS[i], jump, 0);
        ask(&g);
        traps(&g);
    }
    CHECK(!seen->calls);
}

/* A handler that passes everything on to the one it displaced, ours: called once for each signal that is not a trap, however
 * many times both are installed again; at the end of the chain, the default action is taken. */
static struct sigaction displaced;
static void pass_on(int signal, siginfo_t *info, void *context) {
    seen->calls++;
    displaced.sa_sigaction(signal, info, context);
}
static void chained(void) {
    guest_t g = guest();
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = pass_on;
    action.sa_flags = SA_SIGINFO;
    for (int i = 0; i < 50; i++) {
        CHECK(!sigaction(SIGSEGV, &action, &displaced));
        int32_t out;
        seen->calls = 0;
        TRAPS(WRT_TRAP_MEMORY_OUT_OF_BOUNDS, call_i32(g.w.store, &g.load, 1, -1, 0, &out));
        CHECK(seen->calls == 1);
        OK(wrt_signals_install());
        traps(&g);
        CHECK(seen->calls == 1);
    }
    seen->calls = 0;
    fault();
}

/* The host removes its handler as documented: the displaced handler is restored, which is one of ours. */
static void toggled(void) {
    guest_t g = guest();
    struct sigaction action, old;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = count;
    action.sa_flags = SA_SIGINFO;
    for (int i = 0; i < 100; i++) {
        CHECK(!sigaction(SIGSEGV, &action, &old));
        make_store(&g);
        traps(&g);
        CHECK(!sigaction(SIGSEGV, &old, NULL));
        traps(&g);
    }
    CHECK(is_first(0) && !seen->calls);
    fault();
}

/* Signals that were sent are passed on to the host, even while a guest runs; and our handlers stay. */
static void send(int how) {
    union sigval value = {0};
    switch (how) {
    case 0: CHECK(!kill(getpid(), SIGSEGV)); break;
    case 1: CHECK(!raise(SIGSEGV)); break;
    case 2: CHECK(!sigqueue(getpid(), SIGSEGV, value)); break;
    default: CHECK(!pthread_kill(pthread_self(), SIGSEGV));
    }
}
static void sent_ignored(void) {
    for (int i = 0; i < COUNT; i++) signal(SIGNALS[i], SIG_IGN);
    guest_t g = guest();
    for (int i = 0; i < 4; i++) {
        send(i);
        traps(&g);
    }
    for (int i = 0; i < COUNT; i++) CHECK(!raise(SIGNALS[i]));
    traps(&g);
}
static void sent_handled(void) {
    install_all(count, 0);
    guest_t g = guest();
    for (int i = 0; i < 4; i++) {
        send(i);
        CHECK(seen->calls == i + 1 && seen->code <= 0);
        traps(&g);
    }
    CHECK(seen->calls == 4);
}
static int how;
static void sent_default(void) {
    guest_t g = guest();
    traps(&g);
    seen->others = 1;
    send(how);
    seen->others = 2;
}
static void fault_default(void) {
    guest_t g = guest();
    traps(&g);
    fault();
}
/* The system never ignores a fault. */
static void fault_ignored(void) {
    signal(SIGSEGV, SIG_IGN);
    fault_default();
}

/* Signals that arrive while a guest's code runs, at any instruction. */
static volatile bool stop;
static pthread_t target;
static void *shoot(void *data) {
    (void)data;
    while (!stop) pthread_kill(target, SIGSEGV);
    return NULL;
}
static void sent_while_running(void) {
    install_all(count, 0);
    guest_t g = guest();
    pthread_t thread;
    int32_t out;
    target = pthread_self();
    CHECK(!pthread_create(&thread, NULL, shoot, NULL));
    /* The system merges a signal with a pending fault of the same number, so not all of them arrive. */
    while (seen->calls < 500) {
        OK(call_i32(g.w.store, &g.load, 1, 65532, 0, &out));
        TRAPS(WRT_TRAP_MEMORY_OUT_OF_BOUNDS, call_i32(g.w.store, &g.load, 1, 65533, 0, &out));
    }
    stop = true;
    CHECK(!pthread_join(thread, NULL));
    traps(&g);
}

/* Handlers run with the options they were installed with: their mask, and SA_RESETHAND. */
static void look_at_mask(int signal, siginfo_t *info, void *context) {
    sigset_t now;
    count(signal, info, context);
    pthread_sigmask(SIG_BLOCK, NULL, &now);
    seen->others = sigismember(&now, signal) + 2 * sigismember(&now, SIGUSR1) + 4 * sigismember(&now, SIGUSR2);
}
static void masks(void) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = look_at_mask;
    for (int nodefer = 0; nodefer < 2; nodefer++) {
        action.sa_flags = SA_SIGINFO | (nodefer ? SA_NODEFER : 0);
        sigaddset(&action.sa_mask, SIGUSR1);
        CHECK(!sigaction(SIGSEGV, &action, NULL));
        guest_t g = guest();
        raise(SIGSEGV);
        CHECK(seen->others == (nodefer ? 2 : 3));
        sigset_t now;
        pthread_sigmask(SIG_BLOCK, NULL, &now);
        CHECK(!sigismember(&now, SIGSEGV) && !sigismember(&now, SIGUSR1));
        traps(&g);
    }
    CHECK(seen->calls == 2);
}
static void only_once(void) {
    install(SIGSEGV, count, SA_RESETHAND);
    guest_t g = guest();
    raise(SIGSEGV);
    CHECK(seen->calls == 1);
    traps(&g);
    raise(SIGSEGV);
}

/* The second kind of handler, which takes only the signal's number. */
static void old_style(int signal) {
    seen->calls++;
    seen->code = signal;
}
static void without_info(void) {
    signal(SIGBUS, old_style);
    guest_t g = guest();
    raise(SIGBUS);
    CHECK(seen->calls == 1 && seen->code == SIGBUS);
    traps(&g);
}

static void call_while_blocked(guest_t *g, const char *name) {
    int32_t out;
    wrt_error_t *e = call_i32(g->w.store, &g->divide, 1, 1, 0, &out);
    if (name) {
        e = test_fails(WRT_ERROR_KIND_INVALID_ARGUMENT, e, "call", __FILE__, __LINE__);
        CHECK(strstr(wrt_error_message(e, NULL), name));
        wrt_error_delete(e);
    } else {
        OK(e);
    }
}
static void *all_blocked(void *data) {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, NULL);
    call_while_blocked(data, "SIGSEGV");
    call_while_blocked(data, "SIGSEGV");
    return NULL;
}
static void *all_blocked_but_ours(void *data) {
    sigset_t all;
    sigfillset(&all);
    for (int i = 0; i < COUNT; i++) sigdelset(&all, SIGNALS[i]);
    pthread_sigmask(SIG_SETMASK, &all, NULL);
    traps(data);
    return NULL;
}
static void on_thread(void *(*f)(void *), void *data) {
    pthread_t thread;
    CHECK(!pthread_create(&thread, NULL, f, data));
    CHECK(!pthread_join(thread, NULL));
}
static void blocked(void) {
    static const char *const names[] = {"SIGSEGV", "SIGBUS", "SIGILL", "SIGFPE"};
    for (int i = 0; i < COUNT; i++) {
        guest_t g = guest();
        sigset_t one;
        sigemptyset(&one);
        sigaddset(&one, SIGNALS[i]);
        pthread_sigmask(SIG_BLOCK, &one, NULL);
        call_while_blocked(&g, names[i]);
        pthread_sigmask(SIG_UNBLOCK, &one, NULL);
        traps(&g);
        on_thread(all_blocked, &g);
        traps(&g);
        on_thread(all_blocked_but_ours, &g);
        /* A thread that mostly gets the stack of the previous one from the system. */
        on_thread(all_blocked, &g);
        traps(&g);
    }
}
static void *blocked_without_signals(void *data) {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, NULL);
    traps(data);
    return NULL;
}
/* The handlers that a process starts with: sanitizers install some. */
static struct sigaction begun[COUNT];
static void no_handlers(void) {
    struct sigaction now;
    for (int i = 0; i < COUNT; i++) {
        CHECK(!sigaction(SIGNALS[i], NULL, &now));
        CHECK(now.sa_handler == begun[i].sa_handler);
    }
}
static void setting_off(void) {
    guest_t g = guest_of(world_with(false, false));
    on_thread(blocked_without_signals, &g);
    no_handlers();
}
/* The environment variable turns signals off, whatever the host configures. */
static void environment_off(void) {
    setenv("WRT_SIGNALS", "off", 1);
    guest_t g = guest();
    on_thread(blocked_without_signals, &g);
    OK(wrt_signals_install());
    no_handlers();
}
static void environment_on(void) {
    setenv("WRT_SIGNALS", "on", 1);
    guest_t g = guest();
    traps(&g);
    struct sigaction now;
    CHECK(!sigaction(SIGSEGV, NULL, &now) && now.sa_handler != begun[0].sa_handler);
}
/* Without an engine. */
static void installed_first(void) {
    OK(wrt_signals_install());
    for (int i = 0; i < COUNT; i++) CHECK(!sigaction(SIGNALS[i], NULL, &first[i]) && first[i].sa_handler != begun[i].sa_handler);
    guest_t g = guest();
    traps(&g);
    for (int i = 0; i < COUNT; i++) CHECK(is_first(i));
}

int main(void) {
    if (!may_use_signals()) {
        OK(wrt_signals_install());
        return 0;
    }
    seen = mmap(NULL, sizeof *seen, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(seen != MAP_FAILED);
    
    for (int i = 0; i < COUNT; i++) CHECK(!sigaction(SIGNALS[i], NULL, &begun[i]));
    static void (*const fine[])(void) = {handlers_before, after_engine, after_module, after_store, after_instance, after_calls,
                                         after_asking, only_one, sent_ignored, sent_handled, sent_while_running, masks, without_info,
                                         blocked, setting_off, environment_off, environment_on, installed_first};
    for (size_t i = 0; i < sizeof fine / sizeof *fine; i++) {
        int ended_by = run(fine[i]);
        if (ended_by) fprintf(stderr, "case %zu was ended by signal %d\n", i, ended_by);
        CHECK(!ended_by);
    }
    CHECK(run(chained) == SIGSEGV && seen->calls == 1);
    CHECK(run(only_once) == SIGSEGV && seen->calls == 1);
    CHECK(run(fault_default) == SIGSEGV && run(fault_ignored) == SIGSEGV);
    for (how = 0; how < 4; how++) CHECK(run(sent_default) == SIGSEGV && seen->others == 1);
    /* `first` describes what the first engine of a process installs. */
    OK(wrt_signals_install());
    for (int i = 0; i < COUNT; i++) CHECK(!sigaction(SIGNALS[i], NULL, &first[i]));
    CHECK(run(toggled) == SIGSEGV && seen->calls == 0);
    return 0;
}
