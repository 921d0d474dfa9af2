/* Explains errors of modules, with their location, and errors of guests, with the backtrace. */
#include "cli.h"

#include <stdlib.h>
#include <string.h>

/* Strips the locations from both ends of a message such as "2:12: ... (at offset 0x1a)"; they are shown separately, and either can be
 * missing. Moves `*message` to the start of the text, and returns the text's length. */
static size_t bare_length(const char **message, unsigned *line, unsigned *column) {
    int start = 0;
    if (sscanf(*message, "%u:%u: %n", line, column, &start) == 2 && start)
        *message += start;
    else
        *line = *column = 0;
    size_t len = strlen(*message);
    for (size_t i = len; i-- > 0;)
        if (!strncmp(*message + i, " (at offset ", 12)) return i;
    return len;
}

/* Shows a line of the text with a mark below the column. Both count from 1, and columns are characters. */
static void show_line(const input_t *input, unsigned line, unsigned column) {
    const char *s = (const char *)input->bytes, *end = s + input->size;
    for (unsigned i = 1; i < line && s < end; i++) {
        const char *newline = memchr(s, '\n', (size_t)(end - s));
        s = newline ? newline + 1 : end;
    }
    const char *stop = s < end ? memchr(s, '\n', (size_t)(end - s)) : NULL;
    size_t len = stop ? (size_t)(stop - s) : (size_t)(end - s), shown = len > 160 ? 160 : len;
    if (column > 120 || !column) return;
    fprintf(stderr, "%5u | ", line);
    for (size_t i = 0; i < shown; i++) {
        unsigned char c = (unsigned char)s[i];
        fputc(c == '\t' ? ' ' : c < 0x20 || c == 0x7f ? '.' : c, stderr);
    }
    fprintf(stderr, "%s\n      | %*s\n", shown < len ? " ..." : "", (int)column, "^");
}

/* Shows the bytes around an offset, and marks the one at the offset. */
static void show_bytes(const input_t *input, uint64_t offset) {
    if (offset >= input->size) {
        advise("the file ends at byte 0x%zx", input->size);
        return;
    }
    size_t from = offset < 4 ? 0 : (size_t)offset - 4, to = input->size - from < 12 ? input->size : from + 12;
    fprintf(stderr, "%#8zx |", from);
    for (size_t i = from; i < to; i++) fprintf(stderr, " %02x", input->bytes[i]);
    fprintf(stderr, "\n         | %*s\n", (int)(3 * (offset - from) + 2), "^^");
}

/* What to do, by a part of the message. */
static const struct { const char *part, *advice; } ADVICE[] = {
    {"needs shared memories", "threads of the guest's are not supported yet: build without threads"},
    {"needs legacy-exceptions", "build with the exceptions of WebAssembly 3.0, or translate it by wasm-opt --translate-to-exnref"},
    {"is off", "turn it on: --feature NAME"},
    {"are off", "turn them on, each by --feature NAME"},
    {"unexpected end", "the file is cut off, perhaps by a download that did not finish"},
    {"module was saved", "make it anew from the module: wrt compile"},
    {"saved module is", "make it anew from the module: wrt compile"},
};

void explain_module_error(const input_t *input, wrt_error_t *error) {
    const char *message = wrt_error_message(error, NULL);
    unsigned line, column;
    uint64_t offset;
    char place[300];
    int len = (int)bare_length(&message, &line, &column);
    const char *kind = wrt_error_kind_name(wrt_error_kind(error));
    if (line) {
        complain("%s:%u:%u: %s: %.*s", input->shown, line, column, kind, len, message);
        show_line(input, line, column);
    } else if (wrt_error_offset(error, &offset) && input->kind == INPUT_BINARY) {
        describe_place(input->bytes, input->size, offset, place, sizeof place);
        complain("%s: %s: %.*s", input->shown, kind, len, message);
        advise("at byte 0x%llx: %s", (unsigned long long)offset, place);
        show_bytes(input, offset);
    } else if (wrt_error_offset(error, &offset)) {
        complain("%s: %s: %.*s", input->shown, kind, len, message);
        advise("at byte 0x%llx of the binary that the text stands for", (unsigned long long)offset);
    } else {
        complain("%s: %s: %.*s", input->shown, kind, len, message);
    }
    for (size_t i = 0; i < COUNT(ADVICE); i++)
        if (strstr(message, ADVICE[i].part)) {
            advise("%s", ADVICE[i].advice);
            break;
        }
    wrt_error_delete(error);
}

static bool same_text(const char *a, const char *b) { return a == b || (a && b && !strcmp(a, b)); }

static bool same_place(const wrt_frame_t *a, const wrt_frame_t *b) {
    return a->func_index == b->func_index && a->module_offset == b->module_offset &&
           same_text(a->module_name, b->module_name);
}

static void show_frame(size_t i, const wrt_frame_t *f) {
    char name[300], at[40] = "";
    if (f->func_name)
        snprintf(name, sizeof name, "%s", show_name(f->func_name, f->func_name_len));
    else
        snprintf(name, sizeof name, "function %u", f->func_index);
    if (f->module_offset != UINT32_MAX) snprintf(at, sizeof at, " at byte 0x%x", f->module_offset);
    const char *module = show_name(f->module_name ? f->module_name : "", f->module_name_len);
    advise("%3zu: %s%s%s%s", i, module, *module ? "!" : "", name, at);
}

/* Shows the backtrace, innermost frame first. Repeated frames are shown once, and of a long backtrace only both ends. */
static void show_frames(const wrt_error_t *error) {
    size_t count = wrt_error_frame_count(error), same = 0, shown = 0;
    wrt_frame_t f, before = {0};
    for (size_t i = 0; i < count; i++) {
        wrt_error_t *none = wrt_error_frame(error, i, &f);
        if (none) {
            wrt_error_delete(none);
            return;
        }
        if (i && same_place(&f, &before)) {
            same++;
        } else {
            if (same) advise("     %zu more of the same", same);
            same = 0;
            if (++shown <= 20 || count - i <= 10) show_frame(i, &f);
            if (shown == 21 && count - i > 10) advise("     ...");
        }
        before = f;
    }
    if (same) advise("     %zu more of the same", same);
}

int explain_guest_error(wrt_error_t *error, uint64_t timeout) {
    int status = STATUS_FAILED;
    int32_t exit_status;
    uint8_t kind = wrt_error_kind(error);
    const char *message = wrt_error_message(error, NULL);
    if (wrt_error_exit_status(error, &exit_status)) {
        status = exit_status & 0xff;
        /* The system keeps only eight bits of a status. A failure must not become a success. */
        if (!status && exit_status) status = STATUS_FAILED;
    } else if (kind == WRT_ERROR_KIND_INTERRUPTED && timeout) {
        complain("stopped after %s (--timeout)", show_time(timeout));
        show_frames(error);
        status = STATUS_TIMEOUT;
    } else if (kind == WRT_ERROR_KIND_TRAP || kind == WRT_ERROR_KIND_EXCEPTION) {
        complain("%s: %s", wrt_error_kind_name(kind), message);
        show_frames(error);
        if (wrt_error_trap_code(error) == WRT_TRAP_STACK_OVERFLOW)
            advise("endless recursion, or it needs more stack: --max-stack");
        /* A C program's stack is in its linear memory, and leaves it when it grows down below address 0. */
        if (wrt_error_trap_code(error) == WRT_TRAP_MEMORY_OUT_OF_BOUNDS && wrt_error_frame_count(error) > 50)
            advise("perhaps endless recursion, or C's stack is too small: link with -Wl,-z,stack-size=BYTES");
        if (wrt_error_trap_code(error) == WRT_TRAP_HEAP_EXHAUSTED) advise("it may need more: --max-heap");
        status = STATUS_TRAP;
    } else {
        complain("%s: %s", wrt_error_kind_name(kind), message);
        show_frames(error);
        if (kind == WRT_ERROR_KIND_LIMIT) advise("--max-memory limits all memories together");
    }
    wrt_error_delete(error);
    return status;
}
