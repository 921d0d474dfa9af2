/* What the hosts have in common, so that they differ only in the engine. */
#ifndef BENCH_HOST_H
#define BENCH_HOST_H
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MAX_REPEATS 64

typedef struct {
    bool compile;
    /* From the environment: BENCH_INTERRUPTS is set. */
    bool interrupts;
    uint8_t *bytes;
    size_t size;
    int arg, repeats;
    double ms[MAX_REPEATS];
} job_t;

static void fail(const char *why) {
    fprintf(stderr, "%s\n", why);
    exit(1);
}

/* Of all threads of the process. */
static double processor_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static job_t job_of(int argc, char **argv) {
    if (argc != 5) fail("usage: HOST compile|exec MODULE ARG REPEATS");
    job_t job = {.compile = !strcmp(argv[1], "compile"), .interrupts = getenv("BENCH_INTERRUPTS"), .arg = atoi(argv[3]), .repeats = atoi(argv[4])};
    if (job.repeats < 1 || job.repeats > MAX_REPEATS) fail("REPEATS is out of range");
    FILE *file = fopen(argv[2], "rb");
    if (!file) fail("no such module");
    fseek(file, 0, SEEK_END);
    job.size = (size_t)ftell(file);
    rewind(file);
    job.bytes = malloc(job.size);
    if (fread(job.bytes, 1, job.size, file) != job.size) fail("the module can not be read");
    fclose(file);
    return job;
}

static int report(const job_t *job, int32_t result) {
    printf("{\"result\": %d, \"ms\": [", result);
    for (int i = 0; i < job->repeats; i++) printf("%s%.4f", i ? ", " : "", job->ms[i]);
    puts("]}");
    return 0;
}
#endif
