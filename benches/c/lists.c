/* Pointers and small allocations: binary trees made from free lists, walked and dropped. */
#include "bench.h"
struct tree { struct tree *left, *right; };
static struct tree pool[1 << 17], *free_list;
static struct tree *grow(int depth) {
    struct tree *t = free_list;
    free_list = t->left;
    *t = depth ? (struct tree){grow(depth - 1), grow(depth - 1)} : (struct tree){0, 0};
    return t;
}
static int32_t size(const struct tree *t) { return t->left ? 1 + size(t->left) + size(t->right) : 1; }
static void drop(struct tree *t) {
    if (t->left) drop(t->left), drop(t->right);
    t->left = free_list;
    free_list = t;
}
int run(int n) {
    int32_t sum = 0;
    free_list = 0;
    for (size_t i = 0; i < sizeof pool / sizeof *pool; i++) pool[i].left = free_list, free_list = &pool[i];
    for (int round = 0; round < n; round++) {
        struct tree *t = grow(8 + round % 8);
        sum += size(t);
        drop(t);
    }
    return sum;
}
