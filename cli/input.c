/* Reads what is to be run and says what it is, by its first bytes: names of files mean nothing. */
#include "cli.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What people give by mistake, by how it begins, and what to say about it. */
static const struct {
    const char *begins;
    size_t len;
    const char *what, *advice;
} KNOWN[] = {
#define BEGINS(text) text, sizeof text - 1
    {BEGINS("\0asm\x0d\0\1\0"), "a component, not a core module",
     "components are not supported: build a core module for WASI preview 1, such as wasm32-wasip1"},
    {BEGINS("\177ELF"), "a native program (ELF)", "compile it for a WebAssembly target, such as wasm32-wasip1"},
    {BEGINS("MZ"), "a native program for Windows", "compile it for a WebAssembly target, such as wasm32-wasip1"},
    {BEGINS("\xcf\xfa\xed\xfe"), "a native program for macOS", "compile it for a WebAssembly target, such as wasm32-wasip1"},
    {BEGINS("!<arch>"), "an archive of object files", "link it into a module first (wasm-ld)"},
    {BEGINS("BC\xc0\xde"), "LLVM bitcode", "compile it for a WebAssembly target first"},
    {BEGINS("\x1f\x8b"), "compressed with gzip", "unpack it first: gunzip -c FILE | wrt run -"},
    {BEGINS("\x28\xb5\x2f\xfd"), "compressed with zstd", "unpack it first: zstd -dc FILE | wrt run -"},
    {BEGINS("PK\3\4"), "a zip archive", "unpack it first"},
    {BEGINS("version https://git-lfs"), "a Git LFS pointer, not the file itself", "fetch it: git lfs pull"},
    {BEGINS("#!"), "a script", NULL},
    {BEGINS("<"), "HTML or XML", "a download that failed often leaves such a page"},
    {BEGINS("{"), "JSON, it seems", NULL},
};

/* Whether a text begins as WebAssembly text does: after blanks and comments comes "(". */
static bool is_text(const uint8_t *s, size_t len) {
    size_t i = len >= 3 && !memcmp(s, "\xef\xbb\xbf", 3) ? 3 : 0;
    while (i < len) {
        if (s[i] == ' ' || (s[i] >= '\t' && s[i] <= '\r')) {
            i++;
        } else if (i + 1 < len && s[i] == ';' && s[i + 1] == ';') {
            while (i < len && s[i] != '\n') i++;
        } else {
            return s[i] == '(';
        }
    }
    return false;
}

static bool is_saved(const uint8_t *s, size_t len) { return len >= 7 && !memcmp(s, "\0wrtmod", 7); }

static bool recognise(input_t *in) {
    if (in->kind == INPUT_SAVED) return true;
    const uint8_t *s = in->bytes;
    size_t len = in->size;
    if (!len) {
        complain("%s: the file is empty", in->shown);
        return false;
    }
    for (size_t i = 0; i < COUNT(KNOWN); i++) {
        if (len < KNOWN[i].len || memcmp(s, KNOWN[i].begins, KNOWN[i].len)) continue;
        complain("%s: not a WebAssembly module: it is %s", in->shown, KNOWN[i].what);
        if (KNOWN[i].advice) advise("%s", KNOWN[i].advice);
        return false;
    }
    if (len >= 4 && !memcmp(s, "\0asm", 4))
        in->kind = INPUT_BINARY;
    else if (is_saved(s, len))
        in->kind = INPUT_SAVED;
    else if (is_text(s, len))
        in->kind = INPUT_TEXT;
    else {
        char first[3 * 8 + 1] = "";
        for (size_t i = 0; i < len && i < 8; i++) snprintf(first + 3 * i, 4, " %02x", s[i]);
        complain("%s: not a WebAssembly module", in->shown);
        advise("a binary begins with 00 61 73 6d, a text with \"(\"; this begins with%s", first);
        return false;
    }
    return true;
}

/* All that can be read from a file, pipe or terminal. */
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

/* A compiled module is left in its file. */
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
    if (open_and_read(out) && recognise(out)) return true;
    input_free(out);
    return false;
}

void input_free(input_t *input) {
    free(input->bytes);
    input->bytes = NULL;
    input->size = 0;
}
