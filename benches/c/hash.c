/* Byte loads, multiplications and chained pointers: words of a made-up text counted in a hash table. */
#include "bench.h"
enum { BUCKETS = 4096, ENTRIES = 16384, TEXT = 1 << 16 };
static struct entry { uint32_t hash, at, len, count; struct entry *next; } entries[ENTRIES], *buckets[BUCKETS];
static uint8_t text[TEXT];
static int used;
static int same(const uint8_t *a, const uint8_t *b, uint32_t len) {
    while (len && *a == *b) a++, b++, len--;
    return !len;
}
static void count(uint32_t at, uint32_t len) {
    uint32_t hash = 2166136261u;
    for (uint32_t i = 0; i < len; i++) hash = (hash ^ text[at + i]) * 16777619u;
    struct entry **bucket = &buckets[hash % BUCKETS];
    for (struct entry *e = *bucket; e; e = e->next)
        if (e->hash == hash && e->len == len && same(text + e->at, text + at, len)) {
            e->count++;
            return;
        }
    if (used == ENTRIES) return;
    struct entry *e = &entries[used++];
    *e = (struct entry){hash, at, len, 1, *bucket};
    *bucket = e;
}
int run(int n) {
    uint32_t state = 4711, sum = 0;
    for (int i = 0; i < TEXT; i++) text[i] = rnd(&state) % 5 ? 'a' + rnd(&state) % 12 : ' ';
    for (int i = 0; i < BUCKETS; i++) buckets[i] = 0;
    used = 0;
    for (int round = 0; round < n; round++)
        for (uint32_t i = 0, start = 0; i < TEXT; i++)
            if (text[i] == ' ') {
                if (i > start) count(start, i - start);
                start = i + 1;
            }
    for (int i = 0; i < used; i++) sum = sum * 31 + entries[i].hash * entries[i].count;
    return (int)sum;
}
