/* Byte stores with a stride: the sieve of Eratosthenes up to a million. */
#include "bench.h"
enum { LIMIT = 1000000 };
static uint8_t composite[LIMIT];
int run(int n) {
    int32_t count = 0;
    for (int round = 0; round < n; round++) {
        __builtin_memset(composite, 0, sizeof composite);
        for (int i = 2; i < LIMIT; i++) {
            if (composite[i]) continue;
            count++;
            for (int64_t j = (int64_t)i * i; j < LIMIT; j += i) composite[j] = 1;
        }
    }
    return count;
}
