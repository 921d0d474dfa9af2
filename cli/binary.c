/* The structure of a binary module: sections, functions and names, to show sizes and the locations of errors. The bytes
 * are not trusted: reading stops at the first byte that does not parse. */
#include "cli.h"

#include <string.h>

typedef struct {
    const uint8_t *bytes;
    size_t at, end;
    bool bad;
} reader_t;

static uint8_t byte(reader_t *r) {
    if (r->at < r->end) return r->bytes[r->at++];
    r->bad = true;
    return 0;
}

static uint64_t number(reader_t *r) {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint8_t b = byte(r);
        value |= (uint64_t)(b & 0x7f) << shift;
        if (!(b & 0x80)) return value;
    }
    r->bad = true;
    return 0;
}

static void skip(reader_t *r, uint64_t len) {
    if (len > r->end - r->at)
        r->bad = true;
    else
        r->at += (size_t)len;
}

bool section_next(const uint8_t *bytes, size_t size, size_t *at, section_t *out) {
    reader_t r = {bytes, *at < 8 ? 8 : *at, size, false};
    *out = (section_t){0};
    if (r.at >= size) return false;
    out->id = byte(&r);
    uint64_t len = number(&r);
    out->at = r.at;
    if (r.bad || len > size - r.at) return false;
    out->size = (size_t)len;
    *at = r.at + out->size;
    r.end = *at;
    if (out->id == 0) {
        out->name_len = (size_t)number(&r);
        out->name = (const char *)bytes + r.at;
        skip(&r, out->name_len);
        if (r.bad) out->name = "", out->name_len = 0;
    } else if (out->id != 8) {
        out->count = (uint32_t)number(&r);
    }
    return true;
}

const char *section_name(const section_t *section) {
    static const char *const names[] = {"custom", "type", "import", "function", "table", "memory", "global",
                                        "export", "start", "element", "code", "data", "data count", "tag"};
    return section->id < COUNT(names) ? names[section->id] : "unknown";
}

bool function_next(const uint8_t *bytes, const section_t *code, size_t *at, function_t *function) {
    reader_t r = {bytes, *at ? *at : code->at, code->at + code->size, false};
    if (!*at)
        number(&r);
    else
        function->index++;
    if (r.at >= r.end) return false;
    uint64_t len = number(&r);
    function->at = r.at;
    function->size = (size_t)len;
    skip(&r, len);
    *at = r.at;
    return !r.bad;
}

/* Skips a value type: one byte, followed by a number if it is a reference type. */
static void skip_type(reader_t *r) {
    uint8_t b = byte(r);
    if (b == 0x63 || b == 0x64) number(r);
}

static void skip_limits(reader_t *r) {
    uint64_t flags = number(r);
    number(r);
    if (flags & 1) number(r);
}

uint32_t imported_functions(const uint8_t *bytes, size_t size) {
    size_t at = 0;
    section_t s;
    uint32_t functions = 0;
    while (section_next(bytes, size, &at, &s)) {
        if (s.id != 2) continue;
        reader_t r = {bytes, s.at, s.at + s.size, false};
        for (uint64_t left = number(&r); left && !r.bad; left--) {
            skip(&r, number(&r));
            skip(&r, number(&r));
            switch (byte(&r)) {
            case 0: number(&r), functions++; break;
            case 1: skip_type(&r), skip_limits(&r); break;
            case 2: skip_limits(&r); break;
            case 3: skip_type(&r), byte(&r); break;
            case 4: byte(&r), number(&r); break;
            default: return functions;
            }
        }
        return functions;
    }
    return functions;
}

const char *function_name(const uint8_t *bytes, size_t size, uint32_t index, size_t *out_len) {
    size_t at = 0;
    section_t s;
    while (section_next(bytes, size, &at, &s)) {
        if (s.id || s.name_len != 4 || memcmp(s.name, "name", 4)) continue;
        reader_t r = {bytes, s.at + 5, s.at + s.size, false};
        while (!r.bad && r.at < r.end) {
            uint8_t id = byte(&r);
            uint64_t len = number(&r);
            if (id != 1) {
                skip(&r, len);
                continue;
            }
            for (uint64_t left = number(&r); left && !r.bad; left--) {
                uint64_t of = number(&r), name_len = number(&r);
                const char *name = (const char *)bytes + r.at;
                skip(&r, name_len);
                if (of != index || r.bad) continue;
                *out_len = (size_t)name_len;
                return name;
            }
            return NULL;
        }
    }
    return NULL;
}

void describe_place(const uint8_t *bytes, size_t size, uint64_t offset, char *out, size_t capacity) {
    size_t at = 0, len;
    section_t s;
    if (offset < 8) {
        snprintf(out, capacity, "the header");
        return;
    }
    snprintf(out, capacity, "between sections");
    while (section_next(bytes, size, &at, &s)) {
        if (offset < s.at || offset >= at) continue;
        snprintf(out, capacity, "%s section", section_name(&s));
        function_t f = {.index = imported_functions(bytes, size)};
        for (size_t place = 0; s.id == 10 && function_next(bytes, &s, &place, &f);) {
            if (offset < f.at || offset >= f.at + f.size) continue;
            const char *name = function_name(bytes, size, f.index, &len);
            snprintf(out, capacity, "code section, function %u%s%s%s", f.index, name ? " (" : "",
                     name ? show_name(name, len) : "", name ? ")" : "");
        }
        return;
    }
}
