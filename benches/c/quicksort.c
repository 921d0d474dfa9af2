/* Indirect calls: sorting records by three comparison functions, chosen through a table. */
#include "bench.h"
enum { COUNT = 20000 };
struct record { uint32_t key; float weight; uint32_t tie; };
typedef int (*compare)(const struct record *, const struct record *);
static struct record records[COUNT];
static int by_key(const struct record *a, const struct record *b) { return (a->key > b->key) - (a->key < b->key); }
static int by_weight(const struct record *a, const struct record *b) { return (a->weight > b->weight) - (a->weight < b->weight); }
static int by_tie(const struct record *a, const struct record *b) { return (a->tie > b->tie) - (a->tie < b->tie); }
static compare volatile orders[] = {by_key, by_weight, by_tie};
static void sort(struct record *low, struct record *high, compare order) {
    while (high - low > 1) {
        struct record pivot = low[(high - low) / 2], *i = low, *j = high - 1;
        while (i <= j) {
            while (order(i, &pivot) < 0) i++;
            while (order(j, &pivot) > 0) j--;
            if (i > j) break;
            struct record swap = *i;
            *i++ = *j;
            *j-- = swap;
        }
        if (j + 1 - low < high - i) sort(low, j + 1, order), low = i;
        else sort(i, high, order), high = j + 1;
    }
}
int run(int n) {
    uint32_t state = 12345, sum = 0;
    for (int round = 0; round < n; round++) {
        for (int i = 0; i < COUNT; i++)
            records[i] = (struct record){rnd(&state), (float)(rnd(&state) >> 8), rnd(&state) % 1000};
        sort(records, records + COUNT, orders[round % 3]);
        for (int i = 0; i < COUNT; i += 97) sum = sum * 31 + records[i].key;
    }
    return (int32_t)sum;
}
