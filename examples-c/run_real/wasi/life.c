/* Conway's game of life: the R-pentomino settles after 1103 generations with 116 cells. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N = 512 };
static unsigned char now[N][N], next[N][N];

static int neighbours(int y, int x) {
    int n = 0;
    for (int dy = -1; dy <= 1; dy++)
        for (int dx = -1; dx <= 1; dx++) n += (dy || dx) && now[(y + dy + N) % N][(x + dx + N) % N];
    return n;
}

int main(int argc, char **argv) {
    int generations = argc > 1 ? atoi(argv[1]) : 1103, alive = 0;
    const char *shape[] = {".##", "##.", ".#."};
    for (int y = 0; y < 3; y++)
        for (int x = 0; x < 3; x++) now[N / 2 + y][N / 2 + x] = shape[y][x] == '#';
    for (int g = 0; g < generations; g++) {
        for (int y = 0; y < N; y++)
            for (int x = 0; x < N; x++) {
                int n = neighbours(y, x);
                next[y][x] = n == 3 || (n == 2 && now[y][x]);
            }
        memcpy(now, next, sizeof now);
    }
    for (int y = 0; y < N; y++)
        for (int x = 0; x < N; x++) alive += now[y][x];
    printf("%d cells after %d generations\n", alive, generations);
    return 0;
}
