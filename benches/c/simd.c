/* 128-bit vectors: dot products and a clamped blend of bytes. */
#include "bench.h"
#include <wasm_simd128.h>
enum { SIZE = 4096 };
static float a[SIZE], b[SIZE];
static uint8_t from[SIZE], to[SIZE];
int run(int n) {
    uint32_t state = 7, sum = 0;
    for (int i = 0; i < SIZE; i++) {
        a[i] = (float)(i % 17) / 16, b[i] = (float)(i % 5) / 4;
        from[i] = (uint8_t)rnd(&state), to[i] = (uint8_t)i;
    }
    for (int round = 0; round < n; round++) {
        v128_t total = wasm_f32x4_splat(0);
        for (int i = 0; i < SIZE; i += 4) total = wasm_f32x4_add(total, wasm_f32x4_mul(wasm_v128_load(a + i), wasm_v128_load(b + i)));
        sum += (uint32_t)(wasm_f32x4_extract_lane(total, 0) + wasm_f32x4_extract_lane(total, 3));
        for (int i = 0; i < SIZE; i += 16) {
            v128_t x = wasm_v128_load(from + i), y = wasm_v128_load(to + i), m = wasm_u8x16_gt(x, y);
            wasm_v128_store(to + i, wasm_u8x16_avgr(wasm_u8x16_add_sat(y, wasm_i8x16_splat(3)), wasm_v128_bitselect(x, y, m)));
        }
        sum = sum * 31 + to[round % SIZE];
    }
    return (int32_t)sum;
}
