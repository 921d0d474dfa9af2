/* Stops an endless loop: first by a deadline, then from another thread. */
#include "check.h"
#include <pthread.h>
#include <unistd.h>

static void *stop_soon(void *interrupt) {
    usleep(50 * 1000);
    wrt_interrupt_trigger(interrupt);
    return NULL;
}

int main(void) {
    wrt_config_t *config = wrt_config_new();
    wrt_engine_t *engine;
    wrt_store_t *store;
    wrt_module_t *module;
    wrt_instance_t instance;
    wrt_func_t spin;
    wrt_interrupt_t *interrupt;
    check(wrt_config_set_interruption(config, true));
    check(wrt_engine_new(config, &engine));
    wrt_config_delete(config);
    check(wrt_store_new(engine, NULL, NULL, &store));
    check(wrt_module_new(engine, (const uint8_t *)STR("(module (func (export \"spin\") (loop (br 0))))"), &module));
    check(wrt_instance_new(store, module, NULL, 0, &instance));
    check(wrt_instance_get_func(store, &instance, STR("spin"), &spin));

    check(wrt_store_set_deadline(store, 100 * 1000 * 1000));
    wrt_error_t *error = wrt_func_call(store, &spin, NULL, 0, NULL, 0);
    printf("by the deadline: %s\n", wrt_error_message(error, NULL));
    wrt_error_delete(error);
    check(wrt_store_set_deadline(store, 0));

    pthread_t thread;
    check(wrt_interrupt_new(store, &interrupt));
    pthread_create(&thread, NULL, stop_soon, interrupt);
    error = wrt_func_call(store, &spin, NULL, 0, NULL, 0);
    printf("by a thread: %s\n", wrt_error_message(error, NULL));
    wrt_error_delete(error);
    pthread_join(thread, NULL);

    wrt_interrupt_delete(interrupt);
    wrt_module_delete(module);
    wrt_store_delete(store);
    wrt_engine_delete(engine);
    return 0;
}
