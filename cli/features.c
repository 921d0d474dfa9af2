/* Features by name: --feature, --no-feature, and their list. */
#include "features.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    const char *name;
    bool on;
} setting_t;

/* The settings from the command line, in order. The last one for a feature counts. */
static setting_t *settings;
static size_t setting_count;

/* The name that was probably meant; NULL if none is close. */
static const char *meant(const char *name) {
    size_t count = wrt_feature_count();
    const char **names = calloc(count + 1, sizeof *names), *found = NULL;
    if (!names) return NULL;
    for (size_t i = 0; i < count; i++) names[i] = wrt_feature_name(i, NULL);
    found = closest(name, names, count, sizeof *names);
    free(names);
    return found;
}

static bool complain_about(const char *name, bool on, wrt_error_t *error) {
    const char *option = on ? "--feature" : "--no-feature", *shown = show_name(name, strlen(name)), *better = meant(name);
    if (wrt_error_kind(error) != WRT_ERROR_KIND_NOT_FOUND)
        complain("%s %s: %s", option, shown, wrt_error_message(error, NULL));
    else if (better)
        complain("%s: there is no feature '%s'; did you mean '%s'?", option, shown, better);
    else
        complain("%s: there is no feature '%s'", option, shown);
    advise("wrt help features lists them");
    wrt_error_delete(error);
    return false;
}

bool set_feature(const char *name, bool on) {
    wrt_config_t *scratch = wrt_config_new();
    wrt_error_t *error = wrt_config_set_feature(scratch, name, strlen(name), on);
    wrt_config_delete(scratch);
    if (error) return complain_about(name, on, error);
    setting_t *more = realloc(settings, (setting_count + 1) * sizeof *more);
    if (!more) return false;
    settings = more;
    settings[setting_count++] = (setting_t){name, on};
    return true;
}

bool apply_features(wrt_config_t *config, bool all) {
    for (size_t i = 0; all && i < wrt_feature_count(); i++) {
        size_t len;
        const char *name = wrt_feature_name(i, &len);
        if (failed(wrt_config_set_feature(config, name, len, true), name)) return false;
    }
    for (size_t i = 0; !all && i < setting_count; i++) {
        const char *name = settings[i].name;
        if (failed(wrt_config_set_feature(config, name, strlen(name), settings[i].on), name)) return false;
    }
    return true;
}

void print_features(FILE *out) {
    wrt_config_t *defaults = wrt_config_new();
    fputs("Features, for --feature NAME and --no-feature NAME. Each brings what it needs.\n\n", out);
    for (size_t i = 0; i < wrt_feature_count(); i++) {
        size_t len;
        bool on = false;
        const char *name = wrt_feature_name(i, &len);
        wrt_error_delete(wrt_config_get_feature(defaults, name, len, &on));
        fprintf(out, "  %-36s %-3s  %s\n", name, on ? "on" : "off", wrt_feature_summary(i, NULL));
    }
    wrt_config_delete(defaults);
}
