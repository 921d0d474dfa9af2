/* Byte loads, branches and a switch: reading nested lists, numbers and names out of text. */
#include "bench.h"
enum { SIZE = 1 << 16 };
static char text[SIZE + 64];
static const char *at;
static uint32_t seen;
static int32_t depth, deepest;
static void value(void) {
    while (*at == ' ') at++;
    switch (*at) {
    case '[':
    case '{': {
        char end = *at == '[' ? ']' : '}';
        at++;
        if (++depth > deepest) deepest = depth;
        while (*at && *at != end) {
            value();
            while (*at == ' ') at++;
            if (*at == ',' || *at == ':') at++;
        }
        if (*at) at++;
        depth--;
        seen = seen * 7 + 1;
        return;
    }
    case '"': {
        uint32_t hash = 5381;
        for (at++; *at && *at != '"'; at++) hash = hash * 33 ^ (uint8_t)*at;
        if (*at) at++;
        seen += hash;
        return;
    }
    case '-': case '0': case '1': case '2': case '3': case '4': case '5': case '6': case '7': case '8': case '9': {
        int negative = *at == '-';
        if (negative) at++;
        int64_t number = 0;
        while (*at >= '0' && *at <= '9') number = number * 10 + (*at++ - '0');
        if (*at == '.') {
            double unit = 0.1, part = 0;
            for (at++; *at >= '0' && *at <= '9'; at++, unit *= 0.1) part += unit * (*at - '0');
            number += (int64_t)(part * 1000);
        }
        seen ^= (uint32_t)(negative ? -number : number);
        return;
    }
    default:
        at++;
    }
}
static char *put(char *out, const char *s) {
    while (*s) *out++ = *s++;
    return out;
}
int run(int n) {
    static const char *const pieces[] = {"{\"name\": \"node\", \"size\": 1024, ", "\"list\": [1, 22, 333, -4444, 5.125], ",
                                         "\"inner\": {\"a\": [[], [1], [[2]]], \"b\": \"text of some length\"}}, "};
    uint32_t state = 99;
    char *out = put(text, "[");
    while (out < text + SIZE - 128) out = put(put(put(out, pieces[0]), pieces[1 + rnd(&state) % 2]), "\"k\": 7}, ");
    put(out, "]");
    for (int round = 0; round < n; round++) at = text, depth = 0, value();
    return (int32_t)seen + deepest;
}
