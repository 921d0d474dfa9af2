/* usage: paired [moving|checks]: prints nanoseconds of processor time for basic operations, one a line. benches/paired.py runs the program
 * against two builds of the library in turn. With an argument, memories may move, or signals are off. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <wrt.h>

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return t.tv_sec * 1e9 + t.tv_nsec;
}

static void ok(wrt_error_t *error) {
    if (!error) return;
    fprintf(stderr, "%s\n", wrt_error_message(error, NULL));
    exit(1);
}

#define TEXT(s) (s), strlen(s)

static wrt_error_t *raw_host(void *userdata, wrt_caller_t *caller, wrt_raw_t *slots, size_t count) {
    (void)userdata, (void)caller, (void)count;
    slots[0].i32 += 1;
    return NULL;
}
static wrt_error_t *checked_host(void *userdata, wrt_caller_t *caller, const wrt_val_t *args, size_t arg_count, wrt_val_t *results,
                                 size_t result_count) {
    (void)userdata, (void)caller, (void)arg_count, (void)result_count;
    results[0] = args[0];
    return NULL;
}

/* Each export takes a count or a depth, and returns a number. */
static const char *const MODULE =
    "(module"
    " (import \"host\" \"raw\" (func $raw (param i32) (result i32)))"
    " (import \"host\" \"checked\" (func $checked (param i32) (result i32)))"
    " (memory 1) (tag $t) (type $node (struct (field i32) (field (ref null $node))))"
    " (func (export \"same\") (param i32) (result i32) (local.get 0))"
    " (func (export \"raw\") (param i32) (result i32) (local $x i32)"
    "  (loop $l (local.set $x (call $raw (local.get $x))) (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))) (local.get $x))"
    " (func (export \"checked\") (param i32) (result i32) (local $x i32)"
    "  (loop $l (local.set $x (call $checked (local.get $x))) (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))) (local.get $x))"
    " (func (export \"trap\") (param i32) (result i32) (unreachable))"
    " (func $deep (param i32) (if (i32.eqz (local.get 0)) (then (throw $t))) (call $deep (i32.sub (local.get 0) (i32.const 1))) (nop))"
    " (func (export \"throw\") (param i32) (result i32) (local $i i32)"
    "  (loop $l (block $b (try_table (catch $t $b) (call $deep (local.get 0))))"
    "   (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 100)))) (i32.const 0))"
    " (func (export \"garbage\") (param i32) (result i32)"
    "  (loop $l (drop (struct.new $node (local.get 0) (ref.null $node))) (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))"
    "  (i32.const 0))"
    " (func (export \"list\") (param i32) (result i32) (local $n (ref null $node))"
    "  (loop $l (local.set $n (struct.new $node (local.get 0) (local.get $n))) (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))"
    "  (struct.get $node 0 (local.get $n)))"
    /* Loads and stores over one page. */
    " (func (export \"memory\") (param i32) (result i32) (local $i i32) (local $s i32)"
    "  (loop $again (local.set $i (i32.const 0))"
    "   (loop $l (i32.store (local.get $i) (i32.add (i32.load (local.get $i)) (local.get $s)))"
    "    (local.set $s (i32.add (local.get $s) (i32.load8_u offset=3 (local.get $i))))"
    "    (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 4))) (i32.const 65532))))"
    "   (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))) (local.get $s))"
    " (func (export \"sieve\") (param i32) (result i32) (local $i i32) (local $j i32) (local $c i32)"
    "  (loop $again (memory.fill (i32.const 0) (i32.const 1) (i32.const 65536)) (local.set $c (i32.const 0)) (local.set $i (i32.const 2))"
    "   (loop $o (if (i32.load8_u (local.get $i)) (then"
    "     (local.set $c (i32.add (local.get $c) (i32.const 1))) (local.set $j (i32.shl (local.get $i) (i32.const 1)))"
    "     (block $d (loop $l (br_if $d (i32.ge_u (local.get $j) (i32.const 65536))) (i32.store8 (local.get $j) (i32.const 0))"
    "      (local.set $j (i32.add (local.get $j) (local.get $i))) (br $l)))))"
    "    (br_if $o (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 65536))))"
    "   (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))) (local.get $c)))";

static wrt_engine_t *engine;
static wrt_store_t *store;
static wrt_instance_t instance;

static void report(const char *name, double start, double operations) { printf("%s %.2f\n", name, (now() - start) / operations); }

/* Calls an export `calls` times, which does `operations` of something each time. */
static void time_calls(const char *name, const char *function, int argument, int calls, double operations, bool fails) {
    wrt_func_t f;
    wrt_val_t n = {.kind = WRT_I32, .of.i32 = argument}, result;
    ok(wrt_instance_get_func(store, &instance, TEXT(function), &f));
    double start = now();
    for (int i = 0; i < calls; i++) {
        wrt_error_t *error = wrt_func_call(store, &f, &n, 1, &result, 1);
        if (!fails) ok(error);
        wrt_error_delete(error);
    }
    report(name, start, calls * operations);
}

static void configure(wrt_config_t *config, const char *how) {
    if (!strcmp(how, "checks")) ok(wrt_config_set_signals(config, false));
    /* Older libraries do not have it. */
    wrt_error_t *(*set)(wrt_config_t *, uint64_t);
    *(void **)&set = dlsym(RTLD_DEFAULT, "wrt_config_set_memory_reservation");
    if (!strcmp(how, "moving") && set) ok(set(config, 0));
}

int main(int argc, char **argv) {
    wrt_config_t *config = wrt_config_new();
    wrt_module_t *module;
    wrt_linker_t *linker;
    wrt_func_t same;
    if (argc > 1) configure(config, argv[1]);
    ok(wrt_engine_new(config, &engine));
    ok(wrt_module_new(engine, TEXT(MODULE), &module));
    ok(wrt_linker_new(engine, &linker));
    ok(wrt_linker_define_func_raw(linker, TEXT("host"), TEXT("raw"), TEXT("(i32) -> i32"), raw_host, NULL, NULL));
    ok(wrt_linker_define_func(linker, TEXT("host"), TEXT("checked"), TEXT("(i32) -> i32"), checked_host, NULL, NULL));
    ok(wrt_store_new(engine, NULL, NULL, &store));
    ok(wrt_linker_instantiate(linker, store, module, &instance));

    time_calls("call", "same", 1, 1000000, 1, false);
    ok(wrt_instance_get_func(store, &instance, TEXT("same"), &same));
    double start = now();
    for (int i = 0; i < 1000000; i++) {
        wrt_raw_t slot = {.i32 = 1};
        ok(wrt_func_call_raw(store, &same, &slot, 1));
    }
    report("raw-call", start, 1000000);
    time_calls("raw-host", "raw", 1000, 1000, 1000, false);
    time_calls("checked-host", "checked", 1000, 1000, 1000, false);
    time_calls("trap", "trap", 0, 5000, 1, true);
    time_calls("throw-to-caller", "throw", 0, 200, 100, false);
    time_calls("throw-300-frames", "throw", 300, 20, 100, false);
    time_calls("garbage", "garbage", 1000000, 10, 1000000, false);
    time_calls("list", "list", 300000, 6, 300000, false);
    time_calls("memory", "memory", 1000, 1, 1000, false);
    time_calls("sieve", "sieve", 200, 1, 200, false);

    start = now();
    for (int i = 0; i < 2000; i++) {
        wrt_instance_t another;
        ok(wrt_linker_instantiate(linker, store, module, &another));
        ok(wrt_instance_release(store, &another));
        if (i % 200 == 0) ok(wrt_store_gc(store));
    }
    report("instance", start, 2000);
    start = now();
    for (int i = 0; i < 2000; i++) {
        wrt_store_t *another;
        wrt_instance_t in_it;
        ok(wrt_store_new(engine, NULL, NULL, &another));
        ok(wrt_linker_instantiate(linker, another, module, &in_it));
        wrt_store_delete(another);
    }
    report("store", start, 2000);
    start = now();
    for (int i = 0; i < 300; i++) {
        wrt_module_t *trivial;
        ok(wrt_module_new(engine, TEXT("(module (func (export \"f\")))"), &trivial));
        wrt_module_delete(trivial);
    }
    report("module", start, 300);

    wrt_store_delete(store);
    wrt_linker_delete(linker);
    wrt_module_delete(module);
    wrt_engine_delete(engine);
    wrt_config_delete(config);
    return 0;
}
