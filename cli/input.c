/* Reads an input file and determines its kind by its first bytes, never by its name. */
#include "cli.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_saved(const uint8_t *s, size_t len) { return len >= 7 && !memcmp(s, "\0wrtmod", 7); }

/* Anything unknown is treated as text: the library then reports what it is instead. */
static input_kind_t kind_of(const input_t *in) {
    if (in->kind == INPUT_SAVED || is_saved(in->bytes, in->size)) return INPUT_SAVED;
    return in->size >= 4 && !memcmp(in->bytes, "\0asm", 4) ? INPUT_BINARY : INPUT_TEXT;
}

/* Reads a file, pipe or terminal to its end. */
static bool read_all(int fd, input_t *in, size_t expected) {
    size_t room = expected + 1 > 4096 ? expected + 1 : 4096;
    in->bytes = malloc(room);
    while (in->bytes) {
        ssize_t n = read(fd, in->bytes + in->size, room - in->size);
        if (n == 0) return true;
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) {
            complain("%s: %s", in->shown, strerror(errno));
            return false;
        }
        in->size += (size_t)n;
        if (in->size < room) continue;
        uint8_t *more = room > SIZE_MAX / 2 ? NULL : realloc(in->bytes, room *= 2);
        if (!more) break;
        in->bytes = more;
    }
    complain("%s: no memory for it", in->shown);
    return false;
}

/* A compiled module is not read: the library maps its file. */
static bool read_file(int fd, input_t *in, size_t size) {
    uint8_t first[8];
    ssize_t n = pread(fd, first, sizeof first, 0);
    if (n < (ssize_t)sizeof first || !is_saved(first, sizeof first)) return read_all(fd, in, size);
    in->kind = INPUT_SAVED;
    in->size = size;
    return true;
}

static bool open_and_read(input_t *in) {
    if (!strcmp(in->path, "-")) {
        if (isatty(STDIN_FILENO)) complain("reading a module from the terminal; Ctrl-D ends it");
        return read_all(STDIN_FILENO, in, 0);
    }
    int fd = open(in->path, O_RDONLY | O_CLOEXEC);
    struct stat about;
    if (fd < 0 || fstat(fd, &about)) {
        int why = errno;
        complain("%s: %s", in->shown, strerror(why));
        char longer[4096];
        static const char *const endings[] = {".wasm", ".wat"};
        for (size_t i = 0; why == ENOENT && i < COUNT(endings); i++) {
            snprintf(longer, sizeof longer, "%s%s", in->path, endings[i]);
            if (!access(longer, R_OK)) advise("there is %s", longer);
        }
        if (fd >= 0) close(fd);
        return false;
    }
    bool ok = false;
    if (S_ISDIR(about.st_mode))
        complain("%s: a directory, not a module", in->shown);
    else if (S_ISREG(about.st_mode) && about.st_size > 0)
        ok = read_file(fd, in, (size_t)about.st_size);
    else
        ok = read_all(fd, in, 0);
    close(fd);
    return ok;
}

bool input_read(const char *path, input_t *out) {
    *out = (input_t){.path = path, .shown = !*path ? "''" : strcmp(path, "-") ? path : "<stdin>"};
    if (!open_and_read(out)) {
        input_free(out);
        return false;
    }
    out->kind = kind_of(out);
    return true;
}

void input_free(input_t *input) {
    free(input->bytes);
    input->bytes = NULL;
    input->size = 0;
}
