/* Floating-point loops that end early: the Mandelbrot set at 128 x 128 points. */
#include "bench.h"
int run(int n) {
    int32_t inside = 0;
    for (int y = 0; y < 128; y++)
        for (int x = 0; x < 128; x++) {
            double cr = x / 48.0 - 2, ci = y / 64.0 - 1, r = 0, i = 0;
            int step = 0;
            for (; step < n && r * r + i * i < 4; step++) {
                double t = r * r - i * i + cr;
                i = 2 * r * i + ci;
                r = t;
            }
            inside += step == n;
        }
    return inside;
}
