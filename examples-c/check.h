/* For the examples: print an error and stop. A real host decides for itself what to do. */
#ifndef CHECK_H
#define CHECK_H
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wrt.h>

static inline void check(wrt_error_t *error) {
    if (!error) return;
    fprintf(stderr, "%s: %s\n", wrt_error_kind_name(wrt_error_kind(error)), wrt_error_message(error, NULL));
    wrt_error_delete(error);
    exit(1);
}

/* Strings go in as pointer and length. */
#define STR(s) (s), strlen(s)
#endif
