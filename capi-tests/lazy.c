/* Modules that are compiled while they run, files of compiled modules, and the cache. */
#include "test.h"
#include <dirent.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const FIB =
    "(module (func $fib (export \"fib\") (param i32) (result i32)"
    " (if (result i32) (i32.lt_s (local.get 0) (i32.const 2)) (then (local.get 0))"
    "  (else (i32.add (call $fib (i32.sub (local.get 0) (i32.const 1))) (call $fib (i32.sub (local.get 0) (i32.const 2))))))))";

static wrt_engine_t *engine_in(bool lazy, bool background, const char *cache) {
    wrt_config_t *config = wrt_config_new();
    wrt_engine_t *engine;
    OK(wrt_config_set_lazy(config, lazy));
    OK(wrt_config_set_background(config, background));
    OK(wrt_config_set_signals(config, !getenv("WRT_TEST_NO_SIGNALS")));
    if (cache) OK(wrt_config_set_cache(config, cache, strlen(cache), 1 << 20));
    OK(wrt_engine_new(config, &engine));
    wrt_config_delete(config);
    return engine;
}

static wrt_engine_t *engine_with(bool lazy, const char *cache) {
    return engine_in(lazy, true, cache);
}

/* The number of threads of this process. */
static int threads(void) {
    int n = 0;
    DIR *tasks = opendir("/proc/self/task");
    for (struct dirent *entry; (entry = readdir(tasks));) n += entry->d_name[0] != '.';
    closedir(tasks);
    return n;
}

static void run(wrt_engine_t *engine, wrt_module_t *module) {
    wrt_store_t *store;
    wrt_instance_t instance;
    wrt_func_t fib;
    wrt_val_t n = {.kind = WRT_I32, .of.i32 = 15}, result;
    OK(wrt_store_new(engine, NULL, NULL, &store));
    OK(wrt_instance_new(store, module, NULL, 0, &instance));
    OK(wrt_instance_get_func(store, &instance, TEXT("fib"), &fib));
    for (int i = 0; i < 3; i++) {
        OK(wrt_func_call(store, &fib, &n, 1, &result, 1));
        CHECK(result.kind == WRT_I32 && result.of.i32 == 610);
    }
    wrt_store_delete(store);
}

static int32_t call(wrt_store_t *store, const wrt_instance_t *instance, const char *name) {
    wrt_func_t func;
    wrt_val_t result;
    OK(wrt_instance_get_func(store, instance, name, strlen(name), &func));
    OK(wrt_func_call(store, &func, NULL, 0, &result, 1));
    return result.of.i32;
}

/* A child compiles by itself, and does not change its parent's code, even if threads have compiled some. The threads have ended then, since
 * functions that threads are compiling are lost in a child. */
static void forked(bool background) {
    /* The threads of deleted engines end when they have finished their current function. */
    while (threads() > 1) usleep(1000);
    wrt_engine_t *engine = engine_in(true, background, NULL);
    wrt_module_t *module = module_of(engine, "(module (func (export \"a\") (result i32) (i32.const 1))"
                                             " (func (export \"b\") (result i32) (i32.const 2))"
                                             " (func (export \"c\") (result i32) (i32.const 3)))");
    wrt_store_t *store;
    wrt_instance_t instance;
    int to_child[2], status = -1;
    char byte = 0;
    OK(wrt_store_new(engine, NULL, NULL, &store));
    OK(wrt_instance_new(store, module, NULL, 0, &instance));
    CHECK(call(store, &instance, "c") == 3);
    while (threads() > 1) usleep(1000);
    CHECK(!pipe(to_child));
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        CHECK(call(store, &instance, "b") == 2 && call(store, &instance, "c") == 3);
        CHECK(read(to_child[0], &byte, 1) == 1);
        CHECK(call(store, &instance, "b") == 2 && call(store, &instance, "a") == 1);
        wrt_store_delete(store);
        wrt_module_delete(module);
        _exit(0);
    }
    CHECK(call(store, &instance, "a") == 1);
    CHECK(write(to_child[1], &byte, 1) == 1);
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    CHECK(call(store, &instance, "a") == 1 && call(store, &instance, "b") == 2 && call(store, &instance, "c") == 3);
    close(to_child[0]);
    close(to_child[1]);
    wrt_store_delete(store);
    wrt_module_delete(module);
    wrt_engine_delete(engine);
}

static int files_in(const char *folder) {
    int count = 0;
    DIR *dir = opendir(folder);
    for (struct dirent *e; dir && (e = readdir(dir));) count += e->d_name[0] != '.';
    if (dir) closedir(dir);
    return count;
}

/* Functions whose work exceeds the budget are not optimized: with a budget of 0, none; by default, very long ones. */
static void budgets(void) {
    char loops[20000], *p = loops;
    p += sprintf(p, "(module (func (export \"fib\") (param i32) (result i32) (local");
    for (int i = 0; i < 600; i++) p += sprintf(p, " i32");
    p += sprintf(p, ")");
    for (int i = 0; i < 600; i++) p += sprintf(p, "(loop ");
    for (int i = 0; i < 200; i++) p += sprintf(p, "(local.set %d (i32.add (local.get %d) (local.get 0)))", i + 1, i + 2);
    for (int i = 0; i < 600; i++) p += sprintf(p, ")");
    sprintf(p, "(i32.const 610)))");
    const char *texts[2] = {FIB, loops};
    for (int i = 0; i < 4; i++) {
        wrt_config_t *config = wrt_config_new();
        wrt_engine_t *engine;
        OK(wrt_config_set_lazy(config, i & 1));
        if (i < 2) OK(wrt_config_set_optimization_budget(config, 0));
        OK(wrt_config_set_max_code_size(config, 1 << 20));
        OK(wrt_engine_new(config, &engine));
        for (int text = 0; text < 2; text++) {
            wrt_module_t *module = module_of(engine, texts[text]);
            run(engine, module);
            wrt_module_delete(module);
        }
        wrt_engine_delete(engine);
        OK(wrt_config_set_lazy(config, false));
        OK(wrt_config_set_max_code_size(config, 10));
        OK(wrt_engine_new(config, &engine));
        wrt_module_t *module = (wrt_module_t *)1;
        FAILS(WRT_ERROR_KIND_LIMIT, wrt_module_new(engine, FIB, strlen(FIB), &module));
        CHECK(!module);
        wrt_engine_delete(engine);
        wrt_config_delete(config);
    }
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_config_set_optimization_budget(NULL, 1));
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_config_set_max_code_size(NULL, 1));
}

int main(void) {
    budgets();
    forked(false);
    forked(true);
    char folder[] = "/tmp/wrt-lazy-XXXXXX", path[64], cache[64];
    CHECK(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/fib.wrt", folder);
    snprintf(cache, sizeof cache, "%s/cache", folder);
    size_t len = strlen(path);
    uint64_t done = 7, total = 7;

    wrt_engine_t *engine = engine_with(true, NULL);
    OK(wrt_engine_compile_progress(engine, &done, &total));
    CHECK(!done && !total);
    wrt_module_t *module = module_of(engine, FIB), *loaded = (wrt_module_t *)1;
    run(engine, module);
    OK(wrt_module_save_file(module, path, len));
    OK(wrt_engine_compile_progress(engine, &done, &total));
    CHECK(done == total && total > 0);
    OK(wrt_module_load_file(engine, path, len, &loaded));
    wrt_module_delete(module);
    run(engine, loaded);
    wrt_module_delete(loaded);

    /* Wrong arguments. */
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_engine_compile_progress(NULL, &done, &total));
    CHECK(!done && !total);
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_engine_compile_progress(engine, NULL, &total));
    loaded = (wrt_module_t *)1;
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_module_load_file(engine, NULL, 0, &loaded));
    CHECK(!loaded);
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_module_load_file(engine, "a\0b", 3, &loaded));
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_module_load_file(NULL, path, len, &loaded));
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_module_load_file(engine, path, len, NULL));
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_module_save_file(NULL, path, len));
    FAILS(WRT_ERROR_KIND_IO, wrt_module_load_file(engine, folder, strlen(folder), &loaded));
    FAILS(WRT_ERROR_KIND_MALFORMED, wrt_module_load(engine, FIB, strlen(FIB), &loaded));
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_config_set_lazy(NULL, true));
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_config_set_background(NULL, true));
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_config_set_cache(NULL, cache, 1, 1));
    wrt_engine_delete(engine);

    /* A cache that two engines share. */
    for (int i = 0; i < 2; i++) {
        engine = engine_with(i == 0, cache);
        module = module_of(engine, FIB);
        run(engine, module);
        if (i == 0) OK(wrt_module_save_file(module, path, len));
        OK(wrt_engine_compile_progress(engine, &done, &total));
        CHECK(i == 0 ? total > 0 : total == 0);
        wrt_module_delete(module);
        wrt_engine_delete(engine);
        CHECK(files_in(cache) == 1);
    }
    /* Without threads. The thread that asks for the whole module compiles it. */
    engine = engine_in(true, false, NULL);
    while (threads() > 1) usleep(1000);
    module = module_of(engine, FIB);
    run(engine, module);
    CHECK(threads() == 1);
    OK(wrt_engine_compile_progress(engine, &done, &total));
    CHECK(done == 0 && total > 0);
    OK(wrt_module_save_file(module, path, len));
    OK(wrt_engine_compile_progress(engine, &done, &total));
    CHECK(done == total);
    run(engine, module);
    wrt_module_delete(module);
    wrt_engine_delete(engine);

    wrt_config_t *config = wrt_config_new();
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_config_set_cache(config, NULL, 3, 1));
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_config_set_cache(config, cache, 0, 1));
    OK(wrt_config_set_cache(config, path, len, 1)); /* a file */
    FAILS(WRT_ERROR_KIND_IO, wrt_engine_new(config, &engine));
    OK(wrt_config_set_cache(config, NULL, 0, 0));
    OK(wrt_engine_new(config, &engine));
    wrt_engine_delete(engine);
    wrt_config_delete(config);

    char command[80];
    snprintf(command, sizeof command, "rm -r %s", folder);
    CHECK(!system(command));
    return 0;
}
