/* What the hosts have in common, so that they differ only in the engine: a host includes this and defines the functions below.
 *
 * usage: HOST MODE MODULE ARG REPEATS [--handles N] [--stack BYTES]
 *   compile      compiles the module
 *   exec         calls run(ARG), with N host references alive
 *   instantiate  makes and deletes ARG instances, each in a store of its own
 *   stores       the same, and calls run(100) in each
 *   alive        makes ARG stores with an instance, calls run(100) in each, and keeps them: KiB and mappings of a store
 * A host may define HEAP_REPORT, which adds to exec's line what it knows of its heap, and SETTLE, which exec does first.
 * One line of JSON: processor time of all threads in milliseconds for each of REPEATS, and the process's greatest resident size. */
#ifndef BENCH_HOST_H
#define BENCH_HOST_H
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MAX_REPEATS 64

typedef struct {
    const char *mode;
    /* From the environment: BENCH_INTERRUPTS is set. */
    bool interrupts;
    uint8_t *bytes;
    size_t size;
    int arg, repeats;
    size_t handles, stack;
} job_t;

/* A store with one instance and its function `run`. */
typedef struct instance instance_t;

static void engine_new(const job_t *job);
/* Compiles the module anew. */
static void compile(const job_t *job);
static instance_t *instance_new(const job_t *job);
static int32_t instance_run(instance_t *instance, int32_t arg);
/* Makes references to host objects, which stay alive. */
static void instance_hold(instance_t *instance, size_t handles);
static void instance_delete(instance_t *instance);

static void fail(const char *why) {
    fprintf(stderr, "%s\n", why);
    exit(1);
}

static double processor_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static long peak_kib(void) {
    char line[256];
    long kib = 0;
    FILE *file = fopen("/proc/self/status", "r");
    while (file && fgets(line, sizeof line, file) && sscanf(line, "VmHWM: %ld", &kib) != 1) continue;
    if (file) fclose(file);
    return kib;
}

static double resident_kib(void) {
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file || fscanf(file, "%*d %ld", &pages) != 1) fail("no /proc/self/statm");
    fclose(file);
    return (double)pages * (double)sysconf(_SC_PAGESIZE) / 1024;
}

static double mappings(void) {
    int c, lines = 0;
    FILE *file = fopen("/proc/self/maps", "r");
    if (!file) fail("no /proc/self/maps");
    while ((c = getc(file)) != EOF) lines += c == '\n';
    fclose(file);
    return lines;
}

static job_t job_of(int argc, char **argv) {
    if (argc < 5 || argc % 2 == 0) fail("usage: HOST compile|exec|instantiate|stores|alive MODULE ARG REPEATS [--handles N] [--stack BYTES]");
    job_t job = {.mode = argv[1], .interrupts = getenv("BENCH_INTERRUPTS"), .arg = atoi(argv[3]), .repeats = atoi(argv[4]), .stack = 1 << 20};
    for (int i = 5; i < argc; i += 2) {
        if (!strcmp(argv[i], "--handles")) job.handles = strtoul(argv[i + 1], NULL, 10);
        else if (!strcmp(argv[i], "--stack")) job.stack = strtoul(argv[i + 1], NULL, 10);
        else fail("no such option");
    }
    if (job.repeats < 1 || job.repeats > MAX_REPEATS) fail("REPEATS is out of range");
    FILE *file = fopen(argv[2], "rb");
    if (!file) fail("no such module");
    fseek(file, 0, SEEK_END);
    job.size = (size_t)ftell(file);
    rewind(file);
    job.bytes = malloc(job.size);
    if (fread(job.bytes, 1, job.size, file) != job.size) fail("the module cannot be read");
    fclose(file);
    return job;
}

int main(int argc, char **argv) {
    job_t job = job_of(argc, argv);
    bool compiles = !strcmp(job.mode, "compile"), exec = !strcmp(job.mode, "exec"), stores = !strcmp(job.mode, "stores");
    bool alive = !strcmp(job.mode, "alive");
    if (!compiles && !exec && !stores && !alive && strcmp(job.mode, "instantiate")) fail("no such mode");
    int32_t result = 0;
    double ms[MAX_REPEATS], kib = 0, maps = 0;
    instance_t *instance = NULL;
    engine_new(&job);
    if (!compiles) compile(&job);
    if (exec) {
        instance = instance_new(&job);
        instance_hold(instance, job.handles);
    }
    if (alive) {
        /* What the first one costs the process is not a store's. */
        result = instance_run(instance_new(&job), 100);
        kib = resident_kib();
        maps = mappings();
    }
#ifdef SETTLE
    if (exec) SETTLE(instance, job.arg);
#endif
    for (int i = 0; i < job.repeats; i++) {
        double start = processor_ms();
        if (compiles) compile(&job);
        else if (exec) result = instance_run(instance, job.arg);
        else
            for (int k = 0; k < job.arg; k++) {
                instance = instance_new(&job);
                if (stores || alive) result = instance_run(instance, 100);
                if (!alive) instance_delete(instance);
            }
        ms[i] = processor_ms() - start;
    }
    printf("{\"result\": %d, \"peak_kib\": %ld, \"ms\": [", result, peak_kib());
    for (int i = 0; i < job.repeats; i++) printf("%s%.4f", i ? ", " : "", ms[i]);
    printf("]");
    if (alive) {
        double n = (double)job.arg * job.repeats;
        printf(", \"kib\": %.2f, \"mappings\": %.3f", (resident_kib() - kib) / n, (mappings() - maps) / n);
    }
#ifdef HEAP_REPORT
    if (exec) HEAP_REPORT(instance);
#endif
    puts("}");
    fflush(stdout);
    /* Nothing is deleted: how long that takes is not measured. */
    _exit(0);
}
#endif
