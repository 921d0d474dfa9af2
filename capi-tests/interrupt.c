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
    /* One that comes early waits for the next call. */
    wrt_interrupt_trigger(interrupt);
    TRAPS(WRT_TRAP_INTERRUPTED, call_i32(w.store, &loop, 0, 0, 0, &got));
    go_on(&w, &instance);
    /* Or it is forgotten. */
    wrt_interrupt_trigger(interrupt);
    OK(wrt_store_set_deadline(w.store, 0));
    go_on(&w, &instance);
    world_end(&w);
    /* The object outlives the store harmlessly. */
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
    /* A deadline that was removed does not come. */
    OK(wrt_store_set_deadline(w.store, 1000000));
    OK(wrt_store_set_deadline(w.store, 0));
    usleep(20000);
    go_on(&w, &instance);
    OK(wrt_store_set_deadline(w.store, UINT64_MAX));
    go_on(&w, &instance);
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
    }
    must_be_configured();
    return 0;
}
