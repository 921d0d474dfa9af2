/* What the hosts of groups/calls.py have in common, so that they differ only in the engine: a host includes this and defines
 * `setup` and the lines.
 *
 * usage: HOST LINE COUNT REPEATS
 * One line of JSON: processor time in nanoseconds of one of COUNT operations for each of REPEATS, what the last one gave,
 * and the process's greatest resident size. */
#ifndef BENCH_REFS_H
#define BENCH_REFS_H
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MAX_REPEATS 64

/* Its import is a checked or an unchecked host function, which adds one. No call needs the result of the one before, here
 * and in the lines: the time is what a call costs, not how long a value takes to come back. */
#define MODULE \
    "(module (import \"host\" \"next\" (func $next (param i32) (result i32)))" \
    " (table (export \"table\") 10 externref)" \
    " (func (export \"same\") (param externref) (result externref) (local.get 0))" \
    " (func (export \"add\") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))" \
    " (func (export \"count\") (param i32) (result i32) (local i32)" \
    "  (loop $again (local.set 1 (i32.add (local.get 1) (call $next (local.get 0))))" \
    "   (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))) (local.get 1)))"
/* What is instantiated again and again. */
#define SMALL(more) "(module (table (export \"table\") 10 externref) (func (export \"same\") (param i32) (result i32) (local.get 0))" more ")"
#define SMALL_WITH_MEMORY SMALL("(memory (export \"memory\") 1)")

/* A line makes `count` operations and gives something that the engines must agree on. */
#define LINES(LINE) \
    /* A new reference to an object of the host, put into a table, and released. */ \
    LINE(new_set_release) \
    /* A reference out of a table, and released. */ \
    LINE(get_release) \
    /* From the host into WebAssembly: a reference there and back, the result released; two numbers; the same unchecked. */ \
    LINE(call_ref) LINE(call_checked) LINE(call_unchecked) \
    /* From WebAssembly to the host. */ \
    LINE(host_checked) LINE(host_unchecked) \
    /* An instance that goes at once. */ \
    LINE(instances) LINE(instances_memory)
#define DECLARE(name) static int64_t name(int64_t count);
LINES(DECLARE)

/* Makes what the lines work on; the module's import is as the line needs it. */
static void setup(bool unchecked_import);

static void fail(const char *why) {
    fprintf(stderr, "%s\n", why);
    exit(1);
}

static double processor_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static long peak_kib(void) {
    char line[256];
    long kib = 0;
    FILE *file = fopen("/proc/self/status", "r");
    while (file && fgets(line, sizeof line, file) && sscanf(line, "VmHWM: %ld", &kib) != 1) continue;
    if (file) fclose(file);
    return kib;
}

int main(int argc, char **argv) {
    static const struct {
        const char *name;
        int64_t (*run)(int64_t count);
    } lines[] = {
#define ENTRY(name) {#name, name},
        LINES(ENTRY)};
    if (argc != 4) fail("usage: HOST LINE COUNT REPEATS");
    int64_t (*run)(int64_t) = NULL, count = atoll(argv[2]), result = 0;
    int repeats = atoi(argv[3]);
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        if (!strcmp(argv[1], lines[i].name)) run = lines[i].run;
    if (!run) fail("no such line");
    /* `count` in the module counts with an i32. */
    if (count < 1 || count > INT32_MAX) fail("COUNT is out of range");
    if (repeats < 1 || repeats > MAX_REPEATS) fail("REPEATS is out of range");
    setup(run == host_unchecked);
    double ns[MAX_REPEATS];
    for (int i = 0; i < repeats; i++) {
        double start = processor_ns();
        result = run(count);
        ns[i] = (processor_ns() - start) / (double)count;
    }
    printf("{\"result\": %lld, \"peak_kib\": %ld, \"ns\": [", (long long)result, peak_kib());
    for (int i = 0; i < repeats; i++) printf("%s%.3f", i ? ", " : "", ns[i]);
    puts("]}");
    fflush(stdout);
    /* Nothing is deleted: how long that takes is not measured. */
    _exit(0);
}
#endif
