/* usage: stopping: how many milliseconds after an interrupt a guest stops, which comes 300 ms after its start: the worst of eager and lazy
 * engines, with signals and without. The guests do long work in single instructions. Takes some gigabytes of memory. */
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <wrt.h>

#define TEXT(s) (s), strlen(s)

static void ok(wrt_error_t *error) {
    if (!error) return;
    fprintf(stderr, "%s\n", wrt_error_message(error, NULL));
    exit(1);
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

static const char *const GUESTS[][2] = {
    {"loop", "(module (func (export \"run\") (loop $l (br $l))))"},
    {"recursion", "(module (func $f (param i32) (if (local.get 0) (then (call $f (i32.sub (local.get 0) (i32.const 1)))"
                  " (call $f (i32.sub (local.get 0) (i32.const 1)))))) (func (export \"run\") (call $f (i32.const 60))))"},
    {"tail calls", "(module (func $f (export \"run\") (return_call $f)))"},
    {"memory.fill, 4 GiB", "(module (memory 65536) (func (export \"run\")"
                           " (loop $l (memory.fill (i32.const 0) (i32.const 1) (i32.const -1)) (br $l))))"},
    {"array.fill, 2 GB", "(module (type $a (array (mut i8))) (func (export \"run\") (local (ref null $a))"
                         " (local.set 0 (array.new_default $a (i32.const 2000000000)))"
                         " (loop $l (array.fill $a (local.get 0) (i32.const 0) (i32.const 1) (i32.const 2000000000)) (br $l))))"},
    {"array.copy, 2 GB", "(module (type $a (array (mut i8))) (func (export \"run\") (local (ref null $a))"
                         " (local.set 0 (array.new_default $a (i32.const 2000000000))) (loop $l (array.copy $a $a (local.get 0)"
                         " (i32.const 1) (local.get 0) (i32.const 0) (i32.const 1999999999)) (br $l))))"},
    {"array.new, 250 M i64", "(module (type $a (array (mut i64))) (func (export \"run\")"
                             " (loop $l (drop (array.new $a (i64.const 1) (i32.const 250000000))) (br $l))))"},
    {"array.new, 500 M references", "(module (type $a (array (mut anyref))) (func (export \"run\")"
                                    " (loop $l (drop (array.new $a (ref.i31 (i32.const 1)) (i32.const 500000000))) (br $l))))"},
    {"table.fill, 10 M functions", "(module (table 10000000 funcref) (func (export \"run\")"
                                   " (loop $l (table.fill (i32.const 0) (ref.null func) (i32.const 10000000)) (br $l))))"},
    {"table.copy, 10 M functions", "(module (table 10000000 funcref) (func (export \"run\")"
                                   " (loop $l (table.copy (i32.const 1) (i32.const 0) (i32.const 9999999)) (br $l))))"},
    {"table.fill, 10 M references", "(module (table 10000000 anyref) (func (export \"run\")"
                                    " (loop $l (table.fill (i32.const 0) (ref.i31 (i32.const 3)) (i32.const 10000000)) (br $l))))"},
    {"start function", "(module (func $s (loop $l (br $l))) (start $s) (func (export \"run\")))"},
};

static wrt_interrupt_t *interrupt;
static double triggered;

static void *trigger(void *unused) {
    struct timespec wait = {.tv_nsec = 300000000};
    nanosleep(&wait, NULL);
    triggered = now();
    wrt_interrupt_trigger(interrupt);
    return unused;
}

static double late(const char *text, bool lazy, bool signals) {
    wrt_config_t *config = wrt_config_new();
    wrt_engine_t *engine;
    wrt_module_t *module;
    wrt_store_t *store;
    wrt_instance_t instance;
    wrt_func_t run;
    pthread_t thread;
    ok(wrt_config_set_interruption(config, true));
    ok(wrt_config_set_lazy(config, lazy));
    ok(wrt_config_set_background(config, false));
    ok(wrt_config_set_signals(config, signals));
    ok(wrt_engine_new(config, &engine));
    ok(wrt_module_new(engine, TEXT(text), &module));
    ok(wrt_store_new(engine, NULL, NULL, &store));
    ok(wrt_interrupt_new(store, &interrupt));
    if (pthread_create(&thread, NULL, trigger, NULL)) exit(1);
    wrt_error_t *error = wrt_instance_new(store, module, NULL, 0, &instance);
    if (!error) error = wrt_instance_get_func(store, &instance, TEXT("run"), &run);
    if (!error) error = wrt_func_call(store, &run, NULL, 0, NULL, 0);
    double end = now();
    pthread_join(thread, NULL);
    if (!error || wrt_error_kind(error) != WRT_ERROR_KIND_INTERRUPTED) {
        fprintf(stderr, "not interrupted: %s\n", error ? wrt_error_message(error, NULL) : "it returned");
        exit(1);
    }
    wrt_error_delete(error);
    wrt_interrupt_delete(interrupt);
    wrt_store_delete(store);
    wrt_module_delete(module);
    wrt_engine_delete(engine);
    wrt_config_delete(config);
    return end - triggered;
}

int main(void) {
    for (size_t i = 0; i < sizeof GUESTS / sizeof *GUESTS; i++) {
        double worst = 0;
        for (int mode = 0; mode < 4; mode++) {
            double time = late(GUESTS[i][1], mode & 1, mode & 2);
            if (time > worst) worst = time;
        }
        printf("%-30s %6.1f ms\n", GUESTS[i][0], worst);
        fflush(stdout);
    }
    return 0;
}
