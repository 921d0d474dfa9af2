/* Nothing runs forever: interruption from threads and signal handlers, deadlines. */
#include "test.h"
#include <pthread.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

static wrt_interrupt_t *interrupt;

static void *trigger(void *unused) {
    (void)unused;
    struct timespec t = {0, 20 * 1000 * 1000};
    nanosleep(&t, NULL);
    wrt_interrupt_trigger(interrupt);
    return NULL;
}

static void on_alarm(int signal) {
    (void)signal;
    wrt_interrupt_trigger(interrupt);
}

int main(void) {
    wrt_config_t *config = wrt_config_new();
    wrt_engine_t *engine;
    for (int signals = 0; signals < 2; signals++) {
        OK(wrt_config_set_signals(config, signals));
        OK(wrt_config_set_interruption(config, true));
        OK(wrt_engine_new(config, &engine));
        world_t w = world_new(engine, "(module (func (export \"spin\") (loop (br 0)))"
                                      " (func $f (export \"calls\") (loop (call $g) (br 0))) (func $g)"
                                      " (func (export \"ok\") (result i32) (i32.const 1)))");
        wrt_func_t spin = func_get(&w, "spin"), calls = func_get(&w, "calls"), ok = func_get(&w, "ok");
        OK(wrt_interrupt_new(w.store, &interrupt));
        pthread_t thread;
        pthread_create(&thread, NULL, trigger, NULL);
        FAILS(INTERRUPTED, wrt_func_call(w.store, &spin, NULL, 0, NULL, 0));
        pthread_join(thread, NULL);
        wrt_val_t result;
        OK(wrt_func_call(w.store, &ok, NULL, 0, &result, 1)); /* the store goes on */

        OK(wrt_store_set_deadline(w.store, 20 * 1000 * 1000));
        FAILS(INTERRUPTED, wrt_func_call(w.store, &calls, NULL, 0, NULL, 0));
        OK(wrt_store_set_deadline(w.store, 0));

        struct sigaction action;
        memset(&action, 0, sizeof action);
        action.sa_handler = on_alarm;
        sigaction(SIGALRM, &action, NULL);
        alarm(1);
        FAILS(INTERRUPTED, wrt_func_call(w.store, &spin, NULL, 0, NULL, 0));

        /* One that comes early waits for the next call, or is forgotten. */
        wrt_interrupt_trigger(interrupt);
        FAILS(INTERRUPTED, wrt_func_call(w.store, &spin, NULL, 0, NULL, 0));
        wrt_interrupt_trigger(interrupt);
        OK(wrt_store_set_deadline(w.store, 0));
        OK(wrt_func_call(w.store, &ok, NULL, 0, &result, 1));
        world_delete(&w);
        wrt_interrupt_trigger(interrupt); /* outlives its store */
        wrt_interrupt_delete(interrupt);
        wrt_engine_delete(engine);
    }
    wrt_config_delete(config);

    engine = engine_new();
    wrt_store_t *store;
    OK(wrt_store_new(engine, NULL, NULL, &store));
    FAILS(INVALID_ARGUMENT, wrt_interrupt_new(store, &interrupt));
    FAILS(INVALID_ARGUMENT, wrt_store_set_deadline(store, 1));
    wrt_store_delete(store);
    wrt_engine_delete(engine);
    return 0;
}
