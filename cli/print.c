/* Values as text: numbers in a form that can be passed as arguments again, references as the objects they refer to. */
#include "cli.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_DEPTH = 4, MAX_ELEMENTS = 16 };

const char *show_type(const wrt_engine_t *engine, const wrt_type_t *type) {
    static char text[200];
    wrt_error_t *error = wrt_type_text(engine, type, text, sizeof text, NULL);
    if (error) snprintf(text, sizeof text, "?");
    wrt_error_delete(error);
    return text;
}

/* The shortest decimal that reads back as the same number. */
static void print_double(double value, bool single, FILE *out) {
    char text[40];
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (single ? strtof(text, NULL) == (float)value : strtod(text, NULL) == value) break;
    }
    fputs(text, out);
}

static void print_f32(float value, FILE *out) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    if (!isnan(value))
        print_double((double)value, true, out);
    else if ((bits & 0x7fffff) == 0x400000)
        fprintf(out, "%snan", bits >> 31 ? "-" : "");
    else
        fprintf(out, "%snan:0x%x", bits >> 31 ? "-" : "", bits & 0x7fffff);
}

static void print_f64(double value, FILE *out) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint64_t payload = bits & 0xfffffffffffff;
    if (!isnan(value))
        print_double(value, false, out);
    else if (payload == 0x8000000000000)
        fprintf(out, "%snan", bits >> 63 ? "-" : "");
    else
        fprintf(out, "%snan:0x%llx", bits >> 63 ? "-" : "", (unsigned long long)payload);
}

static void print_vector(const uint8_t bytes[16], FILE *out) {
    uint32_t lanes[4];
    memcpy(lanes, bytes, 16);
    fprintf(out, "i32x4:0x%08x,0x%08x,0x%08x,0x%08x", lanes[0], lanes[1], lanes[2], lanes[3]);
}

typedef struct {
    wrt_engine_t *engine;
    wrt_store_t *store;
    FILE *out;
} printer_t;

static void print_at(const printer_t *p, const wrt_val_t *value, int depth);

/* Prints a value that a library call returned, or "?" if the call failed. */
static void print_item(const printer_t *p, wrt_error_t *error, wrt_val_t *value, int depth) {
    if (error)
        fputs(" ?", p->out);
    else
        fputc(' ', p->out), print_at(p, value, depth + 1);
    wrt_error_delete(error);
}

/* Prints a structure or an array, with its first fields or elements. */
static void print_object(const printer_t *p, const wrt_ref_t *ref, wrt_type_t *type, int depth) {
    uint32_t count = 0;
    bool is_array = type->kind == WRT_DEFINED_ARRAY;
    /* The text is "(ref null $point)"; only the name is shown. */
    const char *name = strrchr(show_type(p->engine, type), ' ');
    char shown[200];
    snprintf(shown, sizeof shown, "%.*s", name ? (int)strcspn(name, ")") : 0, name ? name : "");
    wrt_error_t *error = is_array ? wrt_array_len(p->store, ref, &count) : wrt_struct_field_count(p->store, ref, &count);
    wrt_error_delete(error);
    fprintf(p->out, "(%s%s", is_array ? "array" : "struct", shown);
    if (is_array) fprintf(p->out, " of %u:", count);
    for (uint32_t i = 0; i < count; i++) {
        if (i == MAX_ELEMENTS || depth == MAX_DEPTH) {
            fputs(" ...", p->out);
            break;
        }
        wrt_val_t item;
        error = is_array ? wrt_array_get(p->store, ref, i, &item) : wrt_struct_get(p->store, ref, i, &item);
        print_item(p, error, &item, depth);
    }
    fputc(')', p->out);
}

/* Prints an exception, with its values. */
static void print_exception(const printer_t *p, const wrt_ref_t *ref, int depth) {
    uint32_t count = 0;
    wrt_error_delete(wrt_exception_value_count(p->store, ref, &count));
    fputs("(exception", p->out);
    for (uint32_t i = 0; i < count; i++) {
        if (i == MAX_ELEMENTS || depth == MAX_DEPTH) {
            fputs(" ...", p->out);
            break;
        }
        wrt_val_t item;
        wrt_error_t *error = wrt_exception_value(p->store, ref, i, &item);
        print_item(p, error, &item, depth);
    }
    fputc(')', p->out);
}

static void print_reference(const printer_t *p, const wrt_val_t *value, int depth) {
    const wrt_ref_t *ref = &value->of.ref;
    wrt_type_t type;
    int32_t small;
    void *text;
    wrt_error_t *error = wrt_ref_type(p->store, ref, &type);
    bool known = !error;
    wrt_error_delete(error);
    if (!ref->root) {
        fputs("null", p->out);
    } else if (!known) {
        fputs("?", p->out);
    } else if (type.kind == WRT_I31REF) {
        error = wrt_i31_get(p->store, ref, &small);
        fprintf(p->out, "%d", error ? 0 : small);
        wrt_error_delete(error);
    } else if (type.kind == WRT_DEFINED_STRUCT || type.kind == WRT_DEFINED_ARRAY) {
        print_object(p, ref, &type, depth);
    } else if (type.kind == WRT_EXNREF) {
        print_exception(p, ref, depth);
    } else {
        /* parse_value alone creates host objects, and these are strings. */
        error = wrt_externref_userdata(p->store, ref, &text);
        const char *shown = !error && text ? show_name(text, strlen(text)) : "(object of the host)";
        fputs(shown, p->out);
        wrt_error_delete(error);
    }
}

static void print_function(const printer_t *p, const wrt_func_t *func) {
    wrt_functype_t *type = NULL;
    if (!func->generation && !func->store) {
        fputs("null", p->out);
        return;
    }
    wrt_error_t *error = wrt_func_type(p->store, func, &type);
    fprintf(p->out, "func %s", wrt_functype_text(type, NULL));
    wrt_error_delete(error);
    wrt_functype_delete(type);
}

static void print_at(const printer_t *p, const wrt_val_t *value, int depth) {
    switch (value->kind) {
    case WRT_I32: fprintf(p->out, "%d", value->of.i32); break;
    case WRT_I64: fprintf(p->out, "%lld", (long long)value->of.i64); break;
    case WRT_F32: print_f32(value->of.f32, p->out); break;
    case WRT_F64: print_f64(value->of.f64, p->out); break;
    case WRT_V128: print_vector(value->of.v128, p->out); break;
    case WRT_FUNCREF: print_function(p, &value->of.func); break;
    default: print_reference(p, value, depth); break;
    }
}

void print_value(wrt_engine_t *engine, wrt_store_t *store, const wrt_val_t *value, FILE *out) {
    printer_t p = {engine, store, out};
    print_at(&p, value, 0);
}
