/* The same file operations without an engine: what the system and the C library take. */
#define _GNU_SOURCE
#include "wasi.h"
#include "c/files.c"

static int (*line_func)(int);

static void setup(const uint8_t *guest, size_t len, const char *directory, const char *line) {
    const struct {
        const char *name;
        int (*func)(int);
    } lines[] = {{"mixed", mixed},       {"open_close", open_close}, {"write_64", write_64},           {"read_64", read_64},
                 {"read_1m", read_1m},   {"seek", seek},             {"fstat", fstat_},                {"stat", stat_},
                 {"readdir", readdir_},  {"clock", clock_},          {"create_unlink", create_unlink}};
    (void)guest, (void)len;
    base = directory;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        if (!strcmp(lines[i].name, line)) line_func = lines[i].func;
    if (!line_func) fail(line);
}

static int32_t run(int32_t count) { return line_func(count); }
