/* Nothing runs forever: interrupts from a thread and from a signal handler, and deadlines. */
#include "test.h"
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

static const char *const FOREVER =
    "(module (global (export \"turns\") (mut i32) (i32.const 0))"
    " (func (export \"loop\") (result i32)"
    "  (loop $l (global.set 0 (i32.add (global.get 0) (i32.const 1))) (br $l)) (i32.const 0))"
    " (func $r (export \"recurse\") (param i32) (result i32)"
    "  (loop $again (br_if $again (call $leaf))) (i32.const 0))"
    " (func $leaf (result i32) (i32.const 1))"
    " (func (export \"seven\") (result i32) (i32.const 7)))";

static wrt_interrupt_t *interrupt;

static void *trigger_soon(void *unused) {
    (void)unused;
    usleep(20000);
    wrt_interrupt_trigger(interrupt);
    return NULL;
}

static void on_alarm(int signal) {
    (void)signal;
    wrt_interrupt_trigger(interrupt);
}

static void go_on(world_t *w, wrt_instance_t *instance) {
    wrt_func_t seven = func_of(w->store, instance, "seven");
    int32_t got;
    OK(call_i32(w->store, &seven, 0, 0, 0, &got));
    CHECK(got == 7);
}

static void interrupts(bool signals) {
    world_t w = world_with(signals, true);
    wrt_instance_t instance = instance_of(w.engine, w.store, FOREVER);
    wrt_func_t loop = func_of(w.store, &instance, "loop"), recurse = func_of(w.store, &instance, "recurse");
    int32_t got;
    OK(wrt_interrupt_new(w.store, &interrupt));
    for (int i = 0; i < 4; i++) {
        pthread_t thread;
        CHECK(!pthread_create(&thread, NULL, trigger_soon, NULL));
        if (i % 2) {
            TRAPS(WRT_TRAP_INTERRUPTED, call_i32(w.store, &loop, 0, 0, 0, &got));
        } else {
            TRAPS(WRT_TRAP_INTERRUPTED, call_i32(w.store, &recurse, 1, 0, 0, &got));
        }
        pthread_join(thread, NULL);
        go_on(&w, &instance);
    }
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_alarm;
    CHECK(!sigaction(SIGALRM, &action, NULL));
    ualarm(20000, 0);
    TRAPS(WRT_TRAP_INTERRUPTED, call_i32(w.store, &loop, 0, 0, 0, &got));
    go_on(&w, &instance);
    /* An early interrupt waits for the next call. */
    wrt_interrupt_trigger(interrupt);
    TRAPS(WRT_TRAP_INTERRUPTED, call_i32(w.store, &loop, 0, 0, 0, &got));
    go_on(&w, &instance);
    /* Or it is cleared. */
    wrt_interrupt_trigger(interrupt);
    OK(wrt_store_set_deadline(w.store, 0));
    go_on(&w, &instance);
    world_end(&w);
    /* The interrupt object can outlive the store. */
    wrt_interrupt_trigger(interrupt);
    wrt_interrupt_delete(interrupt);
}

static void deadlines(bool signals) {
    world_t w = world_with(signals, true);
    wrt_instance_t instance = instance_of(w.engine, w.store, FOREVER);
    wrt_func_t loop = func_of(w.store, &instance, "loop");
    int32_t got;
    OK(wrt_store_set_deadline(w.store, 20 * 1000000));
    TRAPS(WRT_TRAP_INTERRUPTED, call_i32(w.store, &loop, 0, 0, 0, &got));
    OK(wrt_store_set_deadline(w.store, 0));
    go_on(&w, &instance);
    /* A deadline that was removed does not take effect. */
    OK(wrt_store_set_deadline(w.store, 1000000));
    OK(wrt_store_set_deadline(w.store, 0));
    usleep(20000);
    go_on(&w, &instance);
    OK(wrt_store_set_deadline(w.store, UINT64_MAX));
    go_on(&w, &instance);
    world_end(&w);
}

/* Ignores the error of a nested call that was interrupted. */
static wrt_func_t nested;
static int nested_calls;

static wrt_error_t *swallow(void *unused, wrt_caller_t *caller, const wrt_val_t *args, size_t arg_count,
                            wrt_val_t *results, size_t result_count) {
    wrt_store_t *store = wrt_caller_store(caller);
    int32_t got;
    (void)unused, (void)args, (void)arg_count, (void)results, (void)result_count;
    nested_calls++;
    wrt_interrupt_trigger(interrupt);
    CHECK(wrt_store_interrupted(store));
    TRAPS(WRT_TRAP_INTERRUPTED, call_i32(store, &nested, 0, 0, 0, &got));
    CHECK(wrt_store_interrupted(store));
    TRAPS(WRT_TRAP_INTERRUPTED, wrt_store_take_interrupt(store));
    return NULL;
}

/* The calls around a nested one are interrupted as well, whatever the host does with its error. */
static void all_the_way_out(bool signals) {
    world_t w = world_with(signals, true);
    wrt_instance_t instance = instance_of(w.engine, w.store, FOREVER), outer;
    nested = func_of(w.store, &instance, "loop");
    nested_calls = 0;
    OK(wrt_interrupt_new(w.store, &interrupt));
    wrt_linker_t *linker;
    wrt_module_t *module = module_of(w.engine, "(module (import \"\" \"h\" (func $h))"
                                               " (func (export \"run\") (result i32) (loop $l (call $h) (br $l)) (i32.const 0)))");
    OK(wrt_linker_new(w.engine, &linker));
    OK(wrt_linker_define_func(linker, TEXT(""), TEXT("h"), TEXT("()"), swallow, NULL, NULL));
    OK(wrt_linker_instantiate(linker, w.store, module, &outer));
    wrt_func_t run = func_of(w.store, &outer, "run");
    int32_t got;
    TRAPS(WRT_TRAP_INTERRUPTED, call_i32(w.store, &run, 0, 0, 0, &got));
    CHECK(nested_calls == 1 && !wrt_store_interrupted(w.store));
    OK(wrt_store_take_interrupt(w.store));
    go_on(&w, &instance);
    wrt_interrupt_delete(interrupt);
    wrt_module_delete(module);
    wrt_linker_delete(linker);
    world_end(&w);
}

typedef struct {
    world_t *w;
    wrt_memory_t memory;
    int asked, finalized;
} asker_t;

/* Grants a millisecond twice. */
static uint64_t more_time(void *userdata) {
    asker_t *a = userdata;
    uint64_t pages;
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_memory_size(a->w->store, &a->memory, &pages));
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_store_set_deadline(a->w->store, 5));
    CHECK(wrt_store_interrupted(a->w->store) && wrt_store_time_left(a->w->store) == 0);
    return a->asked++ < 2 ? 1000000 : 0;
}

static void asker_end(void *userdata) { ((asker_t *)userdata)->finalized++; }

static void deadline_callbacks(bool signals) {
    world_t w = world_with(signals, true);
    wrt_instance_t instance = instance_of(w.engine, w.store, FOREVER);
    wrt_func_t loop = func_of(w.store, &instance, "loop");
    asker_t a, b;
    int32_t got;
    wrt_size_limits_t limits = {1, 0, 0};
    memset(&a, 0, sizeof a);
    a.w = &w;
    b = a;
    OK(wrt_memory_new(w.store, &limits, &a.memory));
    CHECK(wrt_store_time_left(w.store) == UINT64_MAX && wrt_store_time_left(NULL) == UINT64_MAX);
    CHECK(!wrt_store_interrupted(w.store) && !wrt_store_interrupted(NULL));
    OK(wrt_store_set_deadline_callback(w.store, more_time, &a, asker_end));
    OK(wrt_store_set_deadline(w.store, 3600 * UINT64_C(1000000000)));
    CHECK(wrt_store_time_left(w.store) > UINT64_C(1000000000) && wrt_store_time_left(w.store) < UINT64_MAX);
    OK(wrt_store_set_deadline(w.store, 1000000));
    TRAPS(WRT_TRAP_INTERRUPTED, call_i32(w.store, &loop, 0, 0, 0, &got));
    CHECK(a.asked == 3 && a.finalized == 0 && wrt_store_time_left(w.store) == UINT64_MAX);
    /* An explicit interrupt does not call the callback. */
    OK(wrt_interrupt_new(w.store, &interrupt));
    wrt_interrupt_trigger(interrupt);
    TRAPS(WRT_TRAP_INTERRUPTED, call_i32(w.store, &loop, 0, 0, 0, &got));
    CHECK(a.asked == 3);
    /* A new deadline does not clear an explicit interrupt; removing it does. */
    wrt_interrupt_trigger(interrupt);
    OK(wrt_store_set_deadline(w.store, 3600 * UINT64_C(1000000000)));
    CHECK(wrt_store_interrupted(w.store));
    OK(wrt_store_set_deadline(w.store, 0));
    CHECK(!wrt_store_interrupted(w.store));
    wrt_interrupt_delete(interrupt);
    /* Finalizers: when the callback is replaced, when the store is deleted, and when the call fails. */
    OK(wrt_store_set_deadline_callback(w.store, more_time, &b, asker_end));
    CHECK(a.finalized == 1);
    world_end(&w);
    CHECK(a.finalized == 1 && b.finalized == 1);
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_store_set_deadline_callback(NULL, more_time, &b, asker_end));
    CHECK(b.finalized == 2);
    w = world();
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_store_set_deadline_callback(w.store, more_time, &b, asker_end));
    CHECK(b.finalized == 3);
    world_end(&w);
}

/* Bulk operations stop after a chunk. */
static void in_bulk(void) {
    world_t w = world_with(true, true);
    wrt_memory_t memory;
    wrt_size_limits_t limits = {32, 0, 0};
    static uint8_t bytes[1 << 20], out[1 << 20];
    OK(wrt_memory_new(w.store, &limits, &memory));
    OK(wrt_interrupt_new(w.store, &interrupt));
    memset(bytes, 7, sizeof bytes);
    wrt_interrupt_trigger(interrupt);
    TRAPS(WRT_TRAP_INTERRUPTED, wrt_memory_write(w.store, &memory, 0, bytes, sizeof bytes));
    OK(wrt_memory_read(w.store, &memory, 0, out, sizeof out));
    CHECK(!memchr(out, 7, sizeof out));
    wrt_interrupt_trigger(interrupt);
    TRAPS(WRT_TRAP_MEMORY_OUT_OF_BOUNDS, wrt_memory_write(w.store, &memory, 31 << 16, bytes, sizeof bytes));
    /* A single chunk is not interrupted. */
    OK(wrt_memory_write(w.store, &memory, 0, bytes, 1 << 18));
    OK(wrt_store_set_deadline(w.store, 0));
    wrt_interrupt_delete(interrupt);
    world_end(&w);
}

static void must_be_configured(void) {
    world_t w = world();
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_interrupt_new(w.store, &interrupt));
    CHECK(!interrupt);
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_store_set_deadline(w.store, 5));
    world_end(&w);
}

int main(void) {
    for (int signals = 0; signals < 2; signals++) {
        interrupts(signals);
        deadlines(signals);
        all_the_way_out(signals);
        deadline_callbacks(signals);
    }
    in_bulk();
    must_be_configured();
    return 0;
}
