/* Floating point and strided loads: products of 128 x 128 matrices. */
#include "bench.h"
enum { SIZE = 128 };
static double a[SIZE][SIZE], b[SIZE][SIZE], c[SIZE][SIZE];
int run(int n) {
    for (int i = 0; i < SIZE; i++)
        for (int j = 0; j < SIZE; j++) a[i][j] = (double)(i * 3 + j) / 7, b[i][j] = (double)(i - j) / 5;
    for (int round = 0; round < n; round++) {
        for (int i = 0; i < SIZE; i++)
            for (int j = 0; j < SIZE; j++) {
                double sum = 0;
                for (int k = 0; k < SIZE; k++) sum += a[i][k] * b[k][j];
                c[i][j] = sum;
            }
        a[round % SIZE][0] = c[1][round % SIZE] / 1e6;
    }
    return (int32_t)(c[3][5] + c[100][77]);
}
