/* The command line: options from a table, their values, and suggestions for misspelled names. */
#include "cli.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The edit distance from `a` to `b`: letters inserted, deleted or replaced, and swapped neighbors count once. */
static size_t distance(const char *a, const char *b) {
    size_t rows[3][32] = {{0}}, la = strlen(a), lb = strlen(b);
    if (la > 30 || lb > 30) return 99;
    for (size_t j = 0; j <= lb; j++) rows[0][j] = j;
    for (size_t i = 1; i <= la; i++) {
        size_t *row = rows[i % 3], *above = rows[(i + 2) % 3], *twice = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= lb; j++) {
            size_t best = above[j - 1] + (a[i - 1] != b[j - 1]);
            if (above[j] + 1 < best) best = above[j] + 1;
            if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && twice[j - 2] + 1 < best)
                best = twice[j - 2] + 1;
            row[j] = best;
        }
    }
    return rows[la % 3][lb];
}

const char *closest(const char *word, const char *const *first, size_t count, size_t stride) {
    size_t len = strlen(word), best = len < 4 ? 2 : len < 8 ? 3 : 4;
    const char *found = NULL;
    for (size_t i = 0; i < count; i++) {
        const char *name = *(const char *const *)((const char *)first + i * stride);
        size_t d = distance(word, name);
        /* A part of the name, such as its beginning, is as close as one wrong letter. */
        if (len >= 3 && strstr(name, word) && d > 1) d = 1;
        if (d < best) best = d, found = name;
    }
    return found;
}

static int bad(const parser_t *p, const char *word, size_t len) {
    const option_t *options = p->command->options;
    size_t count = 0;
    char name[40];
    while (options[count].name) count++;
    snprintf(name, sizeof name, "%.*s", (int)len, word);
    const char *meant = closest(name, &options[0].name, count, sizeof *options);
    if (meant)
        bad_usage(p->command, "unknown option --%s; did you mean --%s?", name, meant);
    else
        bad_usage(p->command, "unknown option --%s", name);
    return OPTION_BAD;
}

static bool has_value(const option_t *o) { return o->value && o->value[0] != '['; }

static int long_option(parser_t *p, const char *word) {
    const option_t *options = p->command->options;
    size_t len = strcspn(word, "=");
    const char *given = word[len] ? word + len + 1 : NULL;
    for (int i = 0; options[i].name; i++) {
        if (strlen(options[i].name) != len || strncmp(options[i].name, word, len)) continue;
        p->value = given;
        if (given && !options[i].value) {
            bad_usage(p->command, "option --%s takes no value", options[i].name);
            return OPTION_BAD;
        }
        if (!given && has_value(&options[i])) {
            if (p->at >= p->argc) {
                bad_usage(p->command, "option --%s needs a value: --%s %s", options[i].name, options[i].name,
                          options[i].value);
                return OPTION_BAD;
            }
            p->value = p->argv[p->at++];
        }
        return i;
    }
    return bad(p, word, len);
}

static int short_option(parser_t *p) {
    const option_t *options = p->command->options;
    char letter = *p->bundle++;
    for (int i = 0; options[i].name; i++) {
        if (options[i].letter != letter) continue;
        p->value = NULL;
        if (has_value(&options[i])) {
            p->value = *p->bundle ? p->bundle : p->at < p->argc ? p->argv[p->at++] : NULL;
            p->bundle = NULL;
            if (!p->value) {
                bad_usage(p->command, "option -%c needs a value: -%c %s", letter, letter, options[i].value);
                return OPTION_BAD;
            }
        }
        return i;
    }
    char word[2] = {letter, 0};
    bad_usage(p->command, "unknown option -%s", show_name(word, 1));
    return OPTION_BAD;
}

int option_next(parser_t *p) {
    if (p->bundle && *p->bundle) return short_option(p);
    p->bundle = NULL;
    if (p->at >= p->argc) return OPTION_END;
    const char *word = p->argv[p->at++];
    p->value = word;
    if (p->only_operands || word[0] != '-' || !word[1]) return OPTION_OPERAND;
    if (!strcmp(word, "--")) {
        p->only_operands = true;
        return option_next(p);
    }
    if (word[1] == '-') return long_option(p, word + 2);
    p->bundle = word + 1;
    return short_option(p);
}

/* A number, and the text after it. */
static bool number(const char *text, double *out, const char **rest) {
    char *end;
    if (text[0] < '0' || text[0] > '9') return false;
    /* Plain decimals: no hexadecimal, no exponent. */
    size_t len = strspn(text, "0123456789.");
    char digits[40];
    if (len >= sizeof digits) return false;
    memcpy(digits, text, len);
    digits[len] = 0;
    *out = strtod(digits, &end);
    *rest = text + len;
    return !*end;
}

bool parse_size(const char *text, const char *option, uint64_t *out) {
    static const struct { const char *name; double factor; } units[] = {
        {"", 1}, {"b", 1}, {"k", 1024}, {"kb", 1024}, {"kib", 1024}, {"m", 1 << 20}, {"mb", 1 << 20}, {"mib", 1 << 20},
        {"g", 1 << 30}, {"gb", 1 << 30}, {"gib", 1 << 30}};
    double amount;
    const char *rest;
    if (number(text, &amount, &rest)) {
        char unit[5];
        snprintf(unit, sizeof unit, "%s", rest);
        for (char *c = unit; *c; c++)
            if (*c >= 'A' && *c <= 'Z') *c += 'a' - 'A';
        for (size_t i = 0; i < COUNT(units); i++)
            if (!strcmp(unit, units[i].name) && amount * units[i].factor < 9e18) {
                *out = (uint64_t)(amount * units[i].factor);
                return true;
            }
    }
    complain("%s %s: not a size; write bytes, or a number with K, M or G such as 64M", option, show_name(text, strlen(text)));
    return false;
}

bool parse_duration(const char *text, const char *option, uint64_t *out) {
    static const struct { const char *name; double factor; } units[] = {
        {"", 1e9}, {"s", 1e9}, {"ms", 1e6}, {"us", 1e3}, {"m", 60e9}, {"min", 60e9}, {"h", 3600e9}};
    double amount;
    const char *rest;
    if (number(text, &amount, &rest))
        for (size_t i = 0; i < COUNT(units); i++)
            if (!strcmp(rest, units[i].name) && amount * units[i].factor >= 1 && amount * units[i].factor < 9e18) {
                *out = (uint64_t)(amount * units[i].factor);
                return true;
            }
    complain("%s %s: not a time; write seconds, or a number with ms, s, m or h such as 500ms", option,
             show_name(text, strlen(text)));
    return false;
}

bool parse_count(const char *text, const char *option, uint64_t *out) {
    char *end;
    errno = 0;
    unsigned long long n = strtoull(text, &end, 10);
    *out = n;
    if (text[0] >= '0' && text[0] <= '9' && !*end && !errno && n > 0) return true;
    complain("%s %s: not a number above 0", option, show_name(text, strlen(text)));
    return false;
}
