/* What the hosts of groups/instantiate.py have in common, so that they differ only in the engine: a host includes this and defines
 * `setup` and `instances`.
 *
 * usage: HOST MODULE plain|pool|pool_resident|living|living_pool none|run COUNT REPEATS THREADS
 * MODULE is a file of text. `living` makes and releases instances in a store that stays, the others make and delete a store for
 * each. With a pool, `resident` keeps memory as well, where that is not so anyway. With `run` each instance's export `run` is called once, with its number.
 * One line of JSON: processor and elapsed nanoseconds of one of COUNT operations, for each of REPEATS. With more than one thread each
 * of them makes COUNT, a repeat is done by one thread first, and `machine` says how much faster than one the threads were at
 * counting just before and after. Then the sum of what `run` gave, and the process's greatest resident size. */
#ifndef BENCH_INSTANCES_H
#define BENCH_INSTANCES_H
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MAX_REPEATS 64
#define MAX_THREADS 16

/* Makes the engine and the module. */
static void setup(const char *text, size_t len, bool pool, bool resident);
/* Makes so many instances, calls `run` of each if `call`, and gives the sum of the results. */
static int64_t instances(int64_t count, bool living, bool call);

static void fail(const char *why) {
    fprintf(stderr, "%s\n", why);
    exit(1);
}

static double ns_of(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
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

static int64_t count, results[MAX_THREADS];
static bool living, call;

static void *work(void *place) {
    *(int64_t *)place = instances(count, living, call);
    return NULL;
}

static void *spin(void *place) {
    for (volatile int i = 0; i < 20000000; i++) continue;
    return place;
}

static void run(void *(*work)(void *), int threads, double *processor, double *elapsed) {
    pthread_t ids[MAX_THREADS];
    double processor_start = ns_of(CLOCK_PROCESS_CPUTIME_ID), start = ns_of(CLOCK_MONOTONIC);
    for (int i = 1; i < threads; i++)
        if (pthread_create(&ids[i], NULL, work, &results[i])) fail("no thread");
    work(&results[0]);
    for (int i = 1; i < threads; i++) pthread_join(ids[i], NULL);
    *elapsed = (ns_of(CLOCK_MONOTONIC) - start) / (double)count;
    *processor = (ns_of(CLOCK_PROCESS_CPUTIME_ID) - processor_start) / (double)count;
}

static double machine(int threads) {
    double ignored, one, all;
    run(spin, 1, &ignored, &one);
    run(spin, threads, &ignored, &all);
    return threads * one / all;
}

static void print(const char *name, const double *values, int n) {
    printf("\"%s\": [", name);
    for (int i = 0; i < n; i++) printf("%s%.2f", i ? ", " : "", values[i]);
    printf("], ");
}

int main(int argc, char **argv) {
    if (argc != 7) fail("usage: HOST MODULE plain|pool|pool_resident|living|living_pool none|run COUNT REPEATS THREADS");
    living = !strncmp(argv[2], "living", 6);
    call = !strcmp(argv[3], "run");
    count = atoll(argv[4]);
    int repeats = atoi(argv[5]), threads = atoi(argv[6]);
    if (count < 1 || repeats < 1 || repeats > MAX_REPEATS || threads < 1 || threads > MAX_THREADS) fail("out of range");
    FILE *file = fopen(argv[1], "rb");
    if (!file) fail("no such file");
    fseek(file, 0, SEEK_END);
    size_t len = (size_t)ftell(file);
    rewind(file);
    char *text = malloc(len);
    if (!text || fread(text, 1, len, file) != len) fail("cannot read the module");
    setup(text, len, strstr(argv[2], "pool") != NULL, strstr(argv[2], "resident") != NULL);
    double processor[MAX_REPEATS], elapsed[MAX_REPEATS], of_one[MAX_REPEATS], speeds[MAX_REPEATS], ignored;
    for (int i = 0; i < repeats; i++) {
        if (threads > 1) {
            speeds[i] = machine(threads);
            run(work, 1, &ignored, &of_one[i]);
        }
        run(work, threads, &processor[i], &elapsed[i]);
        if (threads > 1) {
            double behind = machine(threads);
            if (behind < speeds[i]) speeds[i] = behind;
        }
    }
    printf("{");
    print("processor", processor, repeats);
    print("elapsed", elapsed, repeats);
    if (threads > 1) {
        print("of_one", of_one, repeats);
        print("machine", speeds, repeats);
    }
    int64_t sum = 0;
    for (int i = 0; i < threads; i++) sum += results[i];
    printf("\"result\": %lld, \"peak_kib\": %ld}\n", (long long)sum, peak_kib());
    fflush(stdout);
    /* Nothing is deleted: how long that takes is not measured. */
    _exit(0);
}
#endif
