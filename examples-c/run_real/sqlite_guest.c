/* SQLite inside WebAssembly, driven by the host: it writes SQL into the module's memory and reads cells out of it.
 * The databases live in memory; there is no file system. */
#include "sqlite3.h"
#include <stdlib.h>
#include <string.h>

#define EXPORT(name) __attribute__((export_name(#name)))

static int no_file(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out) {
    (void)vfs, (void)name, (void)file, (void)flags, (void)out;
    return SQLITE_CANTOPEN;
}
static int no_delete(sqlite3_vfs *vfs, const char *name, int sync) {
    (void)vfs, (void)name, (void)sync;
    return SQLITE_OK;
}
static int no_access(sqlite3_vfs *vfs, const char *name, int flags, int *out) {
    (void)vfs, (void)name, (void)flags;
    *out = 0;
    return SQLITE_OK;
}
static int same_path(sqlite3_vfs *vfs, const char *name, int size, char *out) {
    (void)vfs;
    sqlite3_snprintf(size, out, "%s", name);
    return SQLITE_OK;
}
/* The same sequence in every run, so that a run can be compared with another. */
static int bytes(sqlite3_vfs *vfs, int count, char *out) {
    (void)vfs;
    for (int i = 0; i < count; i++) out[i] = (char)(i * 73 + 5);
    return count;
}
static int no_sleep(sqlite3_vfs *vfs, int microseconds) {
    (void)vfs;
    return microseconds;
}
static int julian_day(sqlite3_vfs *vfs, double *out) {
    (void)vfs;
    *out = 2461000.5;
    return SQLITE_OK;
}
static sqlite3_vfs nowhere = {
    .iVersion = 1,
    .szOsFile = sizeof(sqlite3_file),
    .mxPathname = 64,
    .zName = "nowhere",
    .xOpen = no_file,
    .xDelete = no_delete,
    .xAccess = no_access,
    .xFullPathname = same_path,
    .xRandomness = bytes,
    .xSleep = no_sleep,
    .xCurrentTime = julian_day,
};
int sqlite3_os_init(void) { return sqlite3_vfs_register(&nowhere, 1); }
int sqlite3_os_end(void) { return SQLITE_OK; }

static sqlite3 *database;
static sqlite3_stmt *statement;
static const char *rest;

EXPORT(version) const char *version(void) { return sqlite3_libversion(); }
EXPORT(buffer) char *buffer(int size) { return malloc((size_t)size); }
EXPORT(message) const char *message(void) { return sqlite3_errmsg(database); }

/* Begins a NUL-terminated text of one or more statements. The module takes ownership of the buffer. */
EXPORT(begin) int begin(char *sql) {
    static char *owned;
    sqlite3_finalize(statement);
    statement = 0;
    free(owned);
    rest = owned = sql;
    return database ? SQLITE_OK : sqlite3_open(":memory:", &database);
}
/* The next row of the text's statements: SQLITE_ROW, SQLITE_DONE after the last statement, or an error. */
EXPORT(step) int step(void) {
    for (;;) {
        if (!statement) {
            int code = sqlite3_prepare_v2(database, rest, -1, &statement, &rest);
            if (code != SQLITE_OK) return code;
            if (!statement) return SQLITE_DONE;
        }
        int code = sqlite3_step(statement);
        if (code == SQLITE_ROW) return code;
        sqlite3_finalize(statement);
        statement = 0;
        if (code != SQLITE_DONE) return code;
    }
}
EXPORT(columns) int columns(void) { return sqlite3_column_count(statement); }
EXPORT(name) const char *name(int column) { return sqlite3_column_name(statement, column); }
EXPORT(text) const char *text(int column) {
    const char *value = (const char *)sqlite3_column_text(statement, column);
    return value ? value : "NULL";
}
