/* Shows a line on the terminal during a long compilation. A separate thread draws it, since the library's call returns only
 * when the compilation is complete. */
#include "cli.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { FIRST_MS = 1000, NEXT_MS = 100 };

struct progress_t {
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool over;
    const char *what;
    uint64_t start;
    const wrt_engine_t *engine;
};

static void draw(const progress_t *p) {
    uint64_t done = 0, total = 0;
    double seconds = (double)(now() - p->start) / 1e9;
    wrt_error_delete(wrt_engine_compile_progress(p->engine, &done, &total));
    fprintf(stderr, "\r\033[Kcompiling %s", p->what);
    if (total) fprintf(stderr, ": %d%% of %s", (int)(100.0 * (double)done / (double)total), show_size(total));
    fprintf(stderr, ", %.1f s", seconds);
    fflush(stderr);
}

static void *watch(void *userdata) {
    progress_t *p = userdata;
    bool shown = false;
    struct timespec until;
    pthread_mutex_lock(&p->mutex);
    while (!p->over) {
        clock_gettime(CLOCK_REALTIME, &until);
        long ms = shown ? NEXT_MS : FIRST_MS;
        until.tv_sec += ms / 1000;
        until.tv_nsec += ms % 1000 * 1000000;
        if (until.tv_nsec >= 1000000000) until.tv_sec++, until.tv_nsec -= 1000000000;
        if (pthread_cond_timedwait(&p->changed, &p->mutex, &until) != ETIMEDOUT || p->over) continue;
        shown = true;
        cleanup_set_line(true);
        draw(p);
    }
    pthread_mutex_unlock(&p->mutex);
    if (shown) fputs("\r\033[K", stderr);
    cleanup_set_line(false);
    return NULL;
}

progress_t *progress_start(const char *what, const wrt_engine_t *engine) {
    if (!isatty(STDERR_FILENO)) return NULL;
    progress_t *p = calloc(1, sizeof *p);
    if (!p) return NULL;
    p->what = what;
    p->start = now();
    p->engine = engine;
    pthread_mutex_init(&p->mutex, NULL);
    pthread_cond_init(&p->changed, NULL);
    if (!pthread_create(&p->thread, NULL, watch, p)) return p;
    free(p);
    return NULL;
}

void progress_stop(progress_t *p) {
    if (!p) return;
    pthread_mutex_lock(&p->mutex);
    p->over = true;
    pthread_cond_signal(&p->changed);
    pthread_mutex_unlock(&p->mutex);
    pthread_join(p->thread, NULL);
    pthread_cond_destroy(&p->changed);
    pthread_mutex_destroy(&p->mutex);
    free(p);
}
