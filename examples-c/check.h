/* For the examples: prints an error and exits. A real host would handle the error. */
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

/* The API takes strings as a pointer and a length. */
#define STR(s) (s), strlen(s)
#endif
