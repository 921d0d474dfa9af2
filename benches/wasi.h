/* What the hosts of groups/wasi.py have in common. A host includes this and defines `setup` and `run`.
 *
 * usage: HOST GUEST DIRECTORY LINE COUNT REPEATS
 * One line of JSON: processor time and time that passed, in nanoseconds of one of COUNT operations, for each of REPEATS, and what
 * the last one gave. */
#ifndef BENCH_WASI_H
#define BENCH_WASI_H
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MAX_REPEATS 64

/* Loads the guest, which may use the directory as "/d". */
static void setup(const uint8_t *guest, size_t len, const char *directory, const char *line);
/* Makes so many operations. */
static int32_t run(int32_t count);

static void fail(const char *why) {
    fprintf(stderr, "%s\n", why);
    exit(1);
}

static double ns(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

int main(int argc, char **argv) {
    if (argc != 6) fail("usage: HOST GUEST DIRECTORY LINE COUNT REPEATS");
    FILE *f = fopen(argv[1], "rb");
    static uint8_t guest[4 << 20];
    size_t len = f ? fread(guest, 1, sizeof guest, f) : 0;
    int count = atoi(argv[4]), repeats = atoi(argv[5]);
    double processor[MAX_REPEATS], passed[MAX_REPEATS];
    int32_t result = 0;
    if (!len || repeats > MAX_REPEATS) fail("no guest, or too many repeats");
    setup(guest, len, argv[2], argv[3]);
    for (int i = 0; i < repeats; i++) {
        double p = ns(CLOCK_PROCESS_CPUTIME_ID), t = ns(CLOCK_MONOTONIC);
        result = run(count);
        processor[i] = (ns(CLOCK_PROCESS_CPUTIME_ID) - p) / count;
        passed[i] = (ns(CLOCK_MONOTONIC) - t) / count;
    }
    printf("{\"result\": %d, \"processor\": [", result);
    for (int i = 0; i < repeats; i++) printf("%s%.2f", i ? ", " : "", processor[i]);
    printf("], \"passed\": [");
    for (int i = 0; i < repeats; i++) printf("%s%.2f", i ? ", " : "", passed[i]);
    printf("]}\n");
    return 0;
}
#endif
