/* What the hosts of groups/first_result.py have in common, so that they differ only in the engine: a host includes this and defines the
 * functions below.
 *
 * usage: HOST HOW FILE run N | HOST HOW FILE _start ARG... | HOST save FILE OUT
 *   HOW     eager, lazy, winch (as far as the engine has it): FILE is a module; saved: what `save` has written
 *   run     calls the export `run` with N and prints its result
 *   _start  runs a program of WASI with FILE's name and ARG... as arguments, and this process's standard streams
 * With BENCH_ENTERED in the environment the program's imports are replaced: the first call of one ends the process.
 * The last line of standard error is JSON: when things were done, in milliseconds of wall time since BENCH_START (CLOCK_MONOTONIC,
 * nanoseconds; otherwise since `main`), and the process's greatest resident size. */
#ifndef BENCH_FIRST_H
#define BENCH_FIRST_H
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

typedef struct {
    const char *how, *file;
    uint8_t *bytes;
    size_t size;
    bool entered;
    /* Arguments of WASI; the first one is the program's name. */
    int argc;
    const char **argv;
} job_t;

static void engine_new(const job_t *job);
/* Compiles the bytes, or loads the file. */
static void module_new(const job_t *job);
static void module_save(const char *out);
/* An instance in a store with WASI; its imports call `entered` if the job says so. */
static void instance_new(const job_t *job);
static int32_t instance_run(int32_t arg);
/* Until the program has returned or asked to exit with 0; anything else ends the process. */
static void instance_start(void);

static struct {
    const char *name;
    double ms;
} marks[16];
static int marked;

static double now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void mark(const char *name) {
    marks[marked].name = name;
    marks[marked++].ms = now_ms();
}

static void fail(const char *why) {
    fprintf(stderr, "%s\n", why);
    exit(1);
}

static long peak_kib(void) {
    char line[256];
    long kib = 0;
    FILE *file = fopen("/proc/self/status", "r");
    while (file && fgets(line, sizeof line, file) && sscanf(line, "VmHWM: %ld", &kib) != 1) continue;
    if (file) fclose(file);
    return kib;
}

/* Ends the process. Nothing is deleted: how long that takes is not measured. */
static void report(void) {
    const char *start = getenv("BENCH_START");
    double zero = start ? strtod(start, NULL) / 1e6 : marks[0].ms;
    fprintf(stderr, "{\"peak_kib\": %ld", peak_kib());
    for (int i = 0; i < marked; i++) fprintf(stderr, ", \"%s\": %.3f", marks[i].name, marks[i].ms - zero);
    fputs("}\n", stderr);
    _exit(0);
}

/* What a replaced import calls. */
static void entered(void) {
    mark("entered");
    report();
}

static void read_file(job_t *job) {
    FILE *file = fopen(job->file, "rb");
    if (!file) fail("no such module");
    fseek(file, 0, SEEK_END);
    job->size = (size_t)ftell(file);
    rewind(file);
    job->bytes = malloc(job->size);
    if (!job->bytes || fread(job->bytes, 1, job->size, file) != job->size) fail("the module cannot be read");
    fclose(file);
}

int main(int argc, char **argv) {
    mark("main");
    if (argc < 4) fail("usage: HOST HOW FILE run N | HOST HOW FILE _start ARG... | HOST save FILE OUT");
    bool save = !strcmp(argv[1], "save"), start = !strcmp(argv[3], "_start");
    job_t job = {.how = argv[1], .file = argv[2], .entered = getenv("BENCH_ENTERED") != NULL, .argc = argc - 3};
    job.argv = (const char **)argv + 3;
    if (!save && !start && (strcmp(argv[3], "run") || argc != 5)) fail("run takes a number");
    engine_new(&job);
    mark("engine");
    if (strcmp(job.how, "saved")) read_file(&job);
    mark("read");
    module_new(&job);
    mark("module");
    if (save) {
        module_save(argv[3]);
        report();
    }
    job.argv[0] = "program";
    instance_new(&job);
    mark("instance");
    if (start) instance_start();
    else {
        printf("%d\n", instance_run(atoi(argv[4])));
        fflush(stdout);
    }
    mark("result");
    report();
}
#endif
