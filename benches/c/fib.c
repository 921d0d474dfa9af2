/* Direct calls: doubly recursive Fibonacci numbers. */
#include "bench.h"
__attribute__((noinline)) static int32_t fib(int32_t n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }
int run(int n) { return fib(n); }
