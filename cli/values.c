/* Parses the words of a command line as values. */
#include "cli.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* An integer of `bits` bits, signed or unsigned, decimal or hexadecimal. */
static bool integer(const char *text, unsigned bits, uint64_t *out) {
    bool negative = *text == '-';
    const char *digits = text + (*text == '-' || *text == '+');
    bool hex = digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'X');
    char *end;
    /* strtoull would accept blanks and a second sign. */
    if (!strspn(digits + (hex ? 2 : 0), hex ? "0123456789abcdefABCDEF" : "0123456789")) return false;
    errno = 0;
    unsigned long long n = strtoull(digits, &end, hex ? 16 : 10);
    uint64_t most = bits == 64 ? UINT64_MAX : ((uint64_t)1 << bits) - 1;
    if (*end || errno || n > (negative ? most / 2 + 1 : most)) return false;
    *out = negative ? 0 - (uint64_t)n : n;
    return true;
}

/* The payload of a NaN, the number after "nan:"; 0 if there is none. */
static uint64_t payload(const char *text, uint64_t most) {
    const char *at = strstr(text, "nan:0x");
    uint64_t bits;
    return at && integer(at + 4, 64, &bits) && bits <= most ? bits : 0;
}

static bool is_float(const char *text) {
    const char *s = text + (*text == '-' || *text == '+');
    return (*s >= '0' && *s <= '9') || *s == '.' || !strcmp(s, "inf") || !strncmp(s, "nan", 3);
}

static bool float32(const char *text, float *out) {
    char *end;
    uint64_t nan = payload(text, 0x7fffff);
    if (nan) {
        uint32_t bits = (uint32_t)nan | 0x7f800000 | (*text == '-' ? 0x80000000 : 0);
        memcpy(out, &bits, sizeof bits);
        return true;
    }
    *out = strtof(text, &end);
    return is_float(text) && !*end;
}

static bool float64(const char *text, double *out) {
    char *end;
    uint64_t nan = payload(text, 0xfffffffffffff);
    if (nan) {
        uint64_t bits = nan | 0x7ff0000000000000 | (*text == '-' ? 0x8000000000000000 : 0);
        memcpy(out, &bits, sizeof bits);
        return true;
    }
    *out = strtod(text, &end);
    return is_float(text) && !*end;
}

/* "i32x4:1,2,3,4": a shape and its lanes. */
static bool vector(const char *text, uint8_t out[16]) {
    unsigned bits, lanes;
    char kind, lane[64];
    int used = 0;
    if (sscanf(text, "%c%2ux%2u:%n", &kind, &bits, &lanes, &used) != 3 || !used || bits * lanes != 128) return false;
    if (bits < (kind == 'f' ? 32 : 8) || bits > 64 || (kind != 'i' && kind != 'f')) return false;
    text += used;
    for (unsigned i = 0; i < lanes; i++) {
        size_t len = strcspn(text, ",");
        if (len >= sizeof lane || (text[len] == ',') != (i + 1 < lanes)) return false;
        memcpy(lane, text, len);
        lane[len] = 0;
        text += len + 1;
        uint64_t n;
        float f;
        double d;
        if (kind == 'i' ? !integer(lane, bits, &n) : bits == 32 ? !float32(lane, &f) : !float64(lane, &d)) return false;
        const void *from = kind == 'i' ? (const void *)&n : bits == 32 ? (const void *)&f : (const void *)&d;
        memcpy(out + i * (bits / 8), from, bits / 8);
    }
    return true;
}

/* What a value of this kind can be written as. */
static const char *value_hint(uint8_t kind) {
    switch (kind) {
    case WRT_I32: return "a whole number from -2147483648 to 4294967295, or 0x...";
    case WRT_I64: return "a whole number of 64 bits, or 0x...";
    case WRT_F32:
    case WRT_F64: return "a number such as 1.5, -2e10, inf or nan";
    case WRT_V128: return "a vector such as i32x4:1,2,3,4 or f64x2:0.5,1";
    case WRT_FUNCREF:
    case WRT_DEFINED_FUNC: return "the name of an exported function, or null";
    case WRT_EXTERNREF: return "any text, which becomes an object of the host, or null";
    case WRT_ANYREF:
    case WRT_EQREF:
    case WRT_I31REF: return "a whole number from -1073741824 to 1073741823, or null";
    default: return "null";
    }
}

/* Finds a function by its export name. */
static bool function(wrt_store_t *store, const wrt_instance_t *instance, const char *text, wrt_val_t *out) {
    out->kind = WRT_FUNCREF;
    wrt_error_t *error = wrt_instance_get_func(store, instance, text, strlen(text), &out->of.func);
    wrt_error_delete(error);
    return !error;
}

static bool host_text(wrt_store_t *store, const char *text, wrt_val_t *out) {
    char *copy = malloc(strlen(text) + 1);
    if (!copy) return false;
    strcpy(copy, text);
    out->kind = WRT_EXTERNREF;
    /* The store frees the copy, even if this fails. */
    wrt_error_t *error = wrt_externref_new(store, copy, free, strlen(text), &out->of.ref);
    wrt_error_delete(error);
    return !error;
}

static bool small_integer(wrt_store_t *store, const char *text, wrt_val_t *out) {
    uint64_t n;
    if (!integer(text, 32, &n)) return false;
    int32_t value = (int32_t)n;
    if (value < -(1 << 30) || value >= 1 << 30) return false;
    out->kind = WRT_ANYREF;
    wrt_error_t *error = wrt_i31_new(store, value, &out->of.ref);
    wrt_error_delete(error);
    return !error;
}

static bool null(const wrt_type_t *type, wrt_val_t *out) {
    wrt_type_t top;
    if (!type->nullable) return false;
    wrt_error_t *error = wrt_type_top(type, &top);
    if (!error) error = wrt_val_null(top.kind, out);
    wrt_error_delete(error);
    return !error;
}

static bool convert(wrt_store_t *store, const wrt_instance_t *instance, const wrt_type_t *type, const char *text,
                    wrt_val_t *out) {
    uint64_t n;
    out->kind = type->kind;
    switch (type->kind) {
    case WRT_I32:
        if (!integer(text, 32, &n)) return false;
        out->of.i32 = (int32_t)n;
        return true;
    case WRT_I64:
        if (!integer(text, 64, &n)) return false;
        out->of.i64 = (int64_t)n;
        return true;
    case WRT_F32: return float32(text, &out->of.f32);
    case WRT_F64: return float64(text, &out->of.f64);
    case WRT_V128: return vector(text, out->of.v128);
    default: break;
    }
    if (!strcmp(text, "null")) return null(type, out);
    switch (type->kind) {
    case WRT_FUNCREF:
    case WRT_DEFINED_FUNC: return function(store, instance, text, out);
    case WRT_EXTERNREF: return host_text(store, text, out);
    case WRT_ANYREF:
    case WRT_EQREF:
    case WRT_I31REF: return small_integer(store, text, out);
    default: return false;
    }
}

bool parse_value(wrt_engine_t *engine, wrt_store_t *store, const wrt_instance_t *instance, const wrt_type_t *type,
                 const char *text, const char *what, wrt_val_t *out) {
    *out = (wrt_val_t){0};
    if (convert(store, instance, type, text, out)) return true;
    complain("%s: '%s' is no value of type %s", what, show_name(text, strlen(text)), show_type(engine, type));
    advise("give %s", value_hint(type->kind));
    return false;
}
