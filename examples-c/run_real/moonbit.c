/* usage: moonbit LISP_WASM N [ZEAL]
 *
 * A scripting language inside a C program: an interpreter for a small Lisp, written in MoonBit (lisp.mbt). All its data
 * are garbage-collected objects. It does not use its linear memory, and text is passed one character at a time.
 * The script below finds all ways to place N queens on a board. With ZEAL, all live objects move at every ZEALth
 * allocation. */
#include "../check.h"

static const char *script =
    "(define (append a b) (if a (cons (car a) (append (cdr a) b)) b))\n"
    "(define (length xs sum) (if xs (length (cdr xs) (+ sum 1)) sum))\n"
    "(define (range a b) (if (< a b) (cons a (range (+ a 1) b))))\n"
    "(define (collect f xs all) (if xs (collect f (cdr xs) (append (f (car xs)) all)) all))\n"
    "(define (safe q d board)\n"
    "  (if board\n"
    "      (if (= (car board) q) nil\n"
    "          (if (= (car board) (+ q d)) nil\n"
    "              (if (= (car board) (- q d)) nil (safe q (+ d 1) (cdr board)))))\n"
    "      t))\n"
    "(define (queens k)\n"
    "  (if (= k 0) (list nil)\n"
    "      (collect (lambda (board)\n"
    "                 (collect (lambda (q) (if (safe q 1 board) (list (cons q board)))) (range 0 n) nil))\n"
    "               (queens (- k 1)) nil)))\n"
    "(define (show boards) (if boards (print (quote first:) (car boards))))\n"
    "(define (factorial k) (if (< k 2) 1 (* k (factorial (- k 1)))))\n"
    "(show (queens n))\n"
    "(print (quote factorial:) (factorial (* n 5)))\n"
    "(length (queens n) 0)\n";

/* host.read_char: the userdata is the current position in the script. */
static wrt_error_t *read_char(void *userdata, wrt_caller_t *caller, const wrt_val_t *args, size_t arg_count,
                              wrt_val_t *results, size_t result_count) {
    const char **next = userdata;
    (void)caller, (void)args, (void)arg_count, (void)result_count;
    results[0].of.i32 = **next ? *(*next)++ : -1;
    return NULL;
}

/* spectest.print_char: MoonBit's println calls it with UTF-16 code units. The script prints only ASCII. */
static wrt_error_t *print_char(void *userdata, wrt_caller_t *caller, const wrt_val_t *args, size_t arg_count,
                               wrt_val_t *results, size_t result_count) {
    (void)userdata, (void)caller, (void)arg_count, (void)results, (void)result_count;
    putchar(args[0].of.i32 < 128 ? args[0].of.i32 : '?');
    return NULL;
}

int main(int argc, char **argv) {
    static const int known[] = {1, 1, 0, 0, 2, 10, 4, 40, 92, 352};
    static uint8_t wasm[1 << 20];
    int n = argc > 2 ? atoi(argv[2]) : -1;
    FILE *file = n >= 0 && n < 10 ? fopen(argv[1], "rb") : NULL;
    if (!file) {
        fprintf(stderr, "usage: moonbit LISP_WASM N [ZEAL], N below 10\n");
        return 2;
    }
    size_t size = fread(wasm, 1, sizeof wasm, file);
    fclose(file);

    wrt_config_t *config = wrt_config_new();
    wrt_engine_t *engine;
    wrt_linker_t *linker;
    wrt_module_t *module;
    wrt_store_t *store;
    wrt_instance_t instance;
    wrt_func_t run;
    check(wrt_config_set_gc_zeal(config, argc > 3 ? (uint32_t)atoi(argv[3]) : 0));
    check(wrt_engine_new(config, &engine));
    check(wrt_linker_new(engine, &linker));
    check(wrt_linker_define_func(linker, STR("host"), STR("read_char"), STR("() -> i32"), read_char, &script, NULL));
    check(wrt_linker_define_func(linker, STR("spectest"), STR("print_char"), STR("(i32)"), print_char, NULL, NULL));
    check(wrt_module_new(engine, wasm, size, &module));
    check(wrt_store_new(engine, NULL, NULL, &store));
    check(wrt_linker_instantiate(linker, store, module, &instance));

    /* `_start` is MoonBit's main. It initializes the global values, so it is called first. */
    check(wrt_instance_get_func(store, &instance, STR("_start"), &run));
    check(wrt_func_call(store, &run, NULL, 0, NULL, 0));
    wrt_val_t value = {.kind = WRT_I32, .of.i32 = n};
    check(wrt_instance_get_func(store, &instance, STR("run"), &run));
    check(wrt_func_call(store, &run, &value, 1, &value, 1));
    printf("%d queens: %d solutions\n", n, value.of.i32);

    check(wrt_store_gc(store)); /* live_bytes is measured by the last full collection */
    wrt_heap_stats_t stats = {.size = sizeof stats};
    check(wrt_store_heap_stats(store, &stats));
    printf("heap: %llu minor collections, the longest %.2f ms; %llu full, the longest %.2f ms; %llu KiB survived a minor "
           "one, %llu bytes are alive\n",
           (unsigned long long)stats.minor_collections, (double)stats.longest_minor_nanoseconds / 1e6,
           (unsigned long long)stats.full_collections, (double)stats.longest_full_nanoseconds / 1e6,
           (unsigned long long)stats.promoted_bytes / 1024, (unsigned long long)stats.live_bytes);

    wrt_store_delete(store);
    wrt_module_delete(module);
    wrt_linker_delete(linker);
    wrt_engine_delete(engine);
    wrt_config_delete(config);
    if (value.of.i32 != known[n]) fprintf(stderr, "%d solutions are right\n", known[n]);
    return value.of.i32 != known[n];
}
