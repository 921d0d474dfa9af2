/* Text for the user: complaints, advice, sizes, times, names. */
#include "cli.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

static void say(const char *before, const char *format, va_list args) {
    /* Keeps the order if standard output and standard error go to the same place. */
    fflush(stdout);
    fputs(before, stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
}

void complain(const char *format, ...) {
    va_list args;
    va_start(args, format);
    say("wrt: ", format, args);
    va_end(args);
}

void advise(const char *format, ...) {
    va_list args;
    va_start(args, format);
    say("  ", format, args);
    va_end(args);
}

int bad_usage(const command_t *command, const char *format, ...) {
    char before[40] = "wrt: ";
    if (command) snprintf(before, sizeof before, "wrt %s: ", command->name);
    va_list args;
    va_start(args, format);
    say(before, format, args);
    va_end(args);
    advise("'wrt %s%s--help' shows what there is", command ? command->name : "", command ? " " : "");
    return STATUS_USAGE;
}

bool failed(wrt_error_t *error, const char *what) {
    if (!error) return false;
    complain("%s: %s: %s", what, wrt_error_kind_name(wrt_error_kind(error)), wrt_error_message(error, NULL));
    wrt_error_delete(error);
    return true;
}

int finish_output(int status) {
    if (fflush(stdout) == 0 && !ferror(stdout)) return status;
    complain("standard output: %s", strerror(errno));
    return status ? status : STATUS_FAILED;
}

static char *turn(size_t *out_size) {
    static char buffers[4][256];
    static unsigned next;
    *out_size = sizeof buffers[0];
    return buffers[next++ % 4];
}

const char *show_size(uint64_t bytes) {
    size_t size;
    char *text = turn(&size);
    double n = (double)bytes;
    if (bytes < 1000)
        snprintf(text, size, "%d bytes", (int)bytes);
    else if (n < 999950)
        snprintf(text, size, "%.1f kB", n / 1e3);
    else if (n < 999950000)
        snprintf(text, size, "%.1f MB", n / 1e6);
    else
        snprintf(text, size, "%.2f GB", n / 1e9);
    return text;
}

const char *show_time(uint64_t nanoseconds) {
    size_t size;
    char *text = turn(&size);
    double n = (double)nanoseconds;
    if (n < 1e6)
        snprintf(text, size, "%.0f us", n / 1e3);
    else if (n < 1e9)
        snprintf(text, size, "%.*f ms", n < 1e7 ? 1 : 0, n / 1e6);
    else
        snprintf(text, size, "%.2f s", n / 1e9);
    return text;
}

/* The length in bytes of the UTF-8 character that begins here; 0 if none does. */
static size_t utf8(const unsigned char *s, size_t len) {
    size_t n = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : s[0] < 0xf5 ? 4 : 0;
    if (!n || n > len) return 0;
    for (size_t i = 1; i < n; i++)
        if ((s[i] & 0xc0) != 0x80) return 0;
    return n;
}

const char *show_name(const char *name, size_t len) {
    size_t size, used = 0;
    char *text = turn(&size);
    const unsigned char *s = (const unsigned char *)name;
    for (size_t i = 0; i < len;) {
        size_t n = utf8(s + i, len - i);
        /* The control characters of Latin-1 (c2 80 to c2 9f) are not plain either. */
        bool plain = n && s[i] >= 0x20 && s[i] != 0x7f && !(n == 2 && s[i] == 0xc2 && s[i + 1] < 0xa0);
        if (used + 8 >= size) {
            memcpy(text + used, "...", 3);
            used += 3;
            break;
        }
        if (plain) {
            memcpy(text + used, s + i, n);
            used += n;
        } else {
            n = 1;
            used += (size_t)snprintf(text + used, 5, "\\x%02x", s[i]);
        }
        i += n;
    }
    text[used] = 0;
    return text;
}

uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}
