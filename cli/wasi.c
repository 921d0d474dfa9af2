/* What a WASI program sees of this machine: only what the command line names. */
#include "run.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

extern char **environ;

static size_t name_length(const char *variable) { return strcspn(variable, "="); }

/* Whether one of `words`, starting at index `from`, has the name of this variable. */
static bool named(const words_t *words, size_t from, const char *variable) {
    size_t len = name_length(variable);
    for (size_t i = from; i < words->count; i++)
        if (name_length(words->words[i]) == len && !strncmp(words->words[i], variable, len)) return true;
    return false;
}

static bool add_variable(wrt_wasi_t *wasi, const char *variable) {
    size_t len = name_length(variable);
    const char *value = variable[len] ? variable + len + 1 : NULL;
    char what[80];
    if (!value) {
        value = getenv(variable);
        /* A variable that is not set here is not set in the guest. */
        if (!value) return true;
    }
    snprintf(what, sizeof what, "--env %s", show_name(variable, len > 40 ? 40 : len));
    return !failed(wrt_wasi_add_env(wasi, variable, len, value, strlen(value)), what);
}

/* Adds each variable once: the last --env of a name counts, and takes precedence over an inherited one. */
static bool add_environment(wrt_wasi_t *wasi, const run_options_t *o) {
    for (size_t i = 0; i < o->envs.count; i++)
        if (!named(&o->envs, i + 1, o->envs.words[i]) && !add_variable(wasi, o->envs.words[i])) return false;
    for (char **e = environ; o->inherit_env && e && *e; e++)
        if (name_length(*e) && strchr(*e, '=') && !named(&o->envs, 0, *e) && !add_variable(wasi, *e)) return false;
    return true;
}

/* Splits "HOST[::GUEST][:ro]". The parts point into the word. */
static void split_dir(const char *word, size_t *host_len, const char **guest, size_t *guest_len, bool *read_only) {
    size_t len = strlen(word);
    const char *colons = strstr(word, "::");
    *read_only = len > 3 && !strcmp(word + len - 3, ":ro");
    if (*read_only) len -= 3;
    *host_len = colons ? (size_t)(colons - word) : len;
    *guest = colons ? colons + 2 : word;
    *guest_len = colons ? (size_t)(word + len - *guest) : len;
}

bool is_dir_word(const char *word) {
    size_t host_len, guest_len;
    const char *guest;
    bool read_only;
    split_dir(word, &host_len, &guest, &guest_len, &read_only);
    return host_len && guest_len;
}

static bool add_dir(wrt_wasi_t *wasi, const char *word) {
    size_t host_len, guest_len;
    const char *guest;
    bool read_only;
    split_dir(word, &host_len, &guest, &guest_len, &read_only);
    wrt_error_t *error = wrt_wasi_add_dir(wasi, word, host_len, guest, guest_len, read_only);
    if (!error) return true;
    complain("--dir %s: %s", show_name(word, strlen(word)), wrt_error_message(error, NULL));
    wrt_error_delete(error);
    if (!strstr(word, "::") && strchr(word, ':')) advise("two colons stand between both names: HOST::GUEST");
    return false;
}

static bool add_arguments(wrt_wasi_t *wasi, const guest_t *g) {
    const run_options_t *o = g->options;
    const char *slash = strrchr(o->file, '/'), *name = o->argv0 ? o->argv0 : slash ? slash + 1 : o->file;
    if (failed(wrt_wasi_add_arg(wasi, name, strlen(name)), "argument 0")) return false;
    /* With --invoke, the arguments belong to the function. */
    for (size_t i = 0; !o->invoke && i < o->arg_count; i++)
        if (failed(wrt_wasi_add_arg(wasi, o->args[i], strlen(o->args[i])), "argument")) return false;
    return true;
}

/* Writes the guest's output to a pipe. SIGPIPE ends this program, as it would for its own output, unless it is ignored. */
static int64_t write_through(void *userdata, uint8_t *bytes, size_t len) {
    enum { WASI_EIO = 29, WASI_EPIPE = 64 };
    int fd = (int)(intptr_t)userdata;
    for (;;) {
        ssize_t n = write(fd, bytes, len);
        if (n >= 0) return n;
        struct pollfd ready = {.fd = fd, .events = POLLOUT};
        if (errno == EAGAIN) poll(&ready, 1, -1);
        else if (errno != EINTR) return errno == EPIPE ? -WASI_EPIPE : -WASI_EIO;
    }
}

static bool give_stdio(wrt_wasi_t *wasi) {
    bool ok = !failed(wrt_wasi_inherit_stdio(wasi), "stdio");
    for (int fd = 1; ok && fd <= 2; fd++) {
        struct stat about;
        if (!fstat(fd, &about) && (S_ISFIFO(about.st_mode) || S_ISSOCK(about.st_mode)))
            ok = !failed(wrt_wasi_set_stdio_callback(wasi, (uint32_t)fd, write_through, (void *)(intptr_t)fd, NULL), "stdio");
    }
    return ok;
}

bool give_wasi(guest_t *g) {
    const run_options_t *o = g->options;
    wrt_wasi_t *wasi;
    if (failed(wrt_wasi_new(&wasi), "WASI")) return false;
    bool ok = add_arguments(wasi, g) && add_environment(wasi, o) && give_stdio(wasi);
    for (size_t i = 0; ok && i < o->dirs.count; i++) ok = add_dir(wasi, o->dirs.words[i]);
    if (!ok) {
        wrt_wasi_delete(wasi);
        return false;
    }
    return !failed(wrt_store_set_wasi(g->store, wasi), "WASI") && !failed(wrt_linker_define_wasi(g->linker), "WASI");
}

/* Whether a path is within a directory that the guest has, by the guest's name of it. "." contains all relative paths. */
static bool is_given(const run_options_t *o, const char *path) {
    for (size_t i = 0; i < o->dirs.count; i++) {
        size_t host_len, len;
        const char *guest;
        bool read_only;
        split_dir(o->dirs.words[i], &host_len, &guest, &len, &read_only);
        while (len > 1 && guest[len - 1] == '/') len--;
        if (len == 1 && *guest == (path[0] == '/' ? '/' : '.')) return true;
        if (!strncmp(path, guest, len) && (path[len] == '/' || !path[len])) return true;
    }
    return false;
}

static bool opens_files(const wrt_module_t *module) {
    for (size_t i = 0; i < wrt_module_import_count(module); i++) {
        wrt_import_t import;
        wrt_error_t *error = wrt_module_import(module, i, &import);
        wrt_error_delete(error);
        if (!error && !strcmp(import.name, "path_open")) return true;
    }
    return false;
}

void hint_about_files(const guest_t *g) {
    const run_options_t *o = g->options;
    if (o->invoke || !opens_files(g->module)) return;
    for (size_t i = 0; i < o->arg_count; i++) {
        const char *path = o->args[i], *slash = strrchr(path, '/');
        struct stat about;
        if (*path == '-' || stat(path, &about) || is_given(o, path)) continue;
        int len = slash == path ? 1 : slash ? (int)(slash - path) : 0;
        complain("the guest cannot see '%s': it has only the directories that it is given", show_name(path, strlen(path)));
        advise("--dir %.*s", S_ISDIR(about.st_mode) ? (int)strlen(path) : len ? len : 1,
               S_ISDIR(about.st_mode) || len ? path : ".");
        return;
    }
}
