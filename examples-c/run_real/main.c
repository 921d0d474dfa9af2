/* usage: run_real FOLDER WAT_FOLDER
 *
 * Runs real programs inside this one: SQLite and zlib, compiled to WebAssembly from their unchanged C sources, if
 * FOLDER contains them, and the small modules in WAT_FOLDER. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <wrt.h>

#define MAX_COLUMNS 8
#define MAX_ROWS 32

static wrt_engine_t *engine;

/* If there is an error, prints its message and exits. */
static void check(wrt_error_t *error, const char *what) {
    if (!error) return;
    fprintf(stderr, "%s: %s: %s\n", what, wrt_error_kind_name(wrt_error_kind(error)), wrt_error_message(error, NULL));
    wrt_error_delete(error);
    exit(1);
}

static double milliseconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* A program: a module and its only instance. */
typedef struct {
    wrt_store_t *store;
    wrt_instance_t instance;
    wrt_memory_t memory;
} program_t;

/* Returns NULL if there is no such file. The caller frees the bytes. */
static uint8_t *read_file(const char *folder, const char *name, size_t *out_size) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    if (!file) return NULL;
    fseek(file, 0, SEEK_END);
    *out_size = (size_t)ftell(file);
    rewind(file);
    uint8_t *bytes = malloc(*out_size + 1);
    if (fread(bytes, 1, *out_size, file) != *out_size) exit(1);
    fclose(file);
    return bytes;
}

static void call_args(program_t *p, const char *name, const wrt_val_t *args, size_t count, wrt_val_t *result) {
    wrt_func_t func;
    check(wrt_instance_get_func(p->store, &p->instance, name, strlen(name), &func), name);
    check(wrt_func_call(p->store, &func, args, count, result, result ? 1 : 0), name);
}

/* Calls an exported function of up to two i32 parameters and one i32 result. */
static int32_t call(program_t *p, const char *name, int count, ...) {
    wrt_val_t args[2], result;
    va_list list;
    va_start(list, count);
    for (int i = 0; i < count; i++) {
        args[i].kind = WRT_I32;
        args[i].of.i32 = va_arg(list, int32_t);
    }
    va_end(list);
    call_args(p, name, args, (size_t)count, &result);
    return result.of.i32;
}

/* Compiles and instantiates a module. In a reactor, calls `_initialize`, which initializes its libc. */
static bool load(program_t *p, const wrt_linker_t *linker, const char *folder, const char *file) {
    size_t size;
    uint8_t *bytes = read_file(folder, file, &size);
    if (!bytes) return false;
    wrt_module_t *module;
    double start = milliseconds();
    check(wrt_module_new(engine, bytes, size, &module), file);
    double compiled = milliseconds();
    check(wrt_store_new(engine, NULL, NULL, &p->store), file);
    check(wrt_linker_instantiate(linker, p->store, module, &p->instance), file);
    printf("\n== %s: %zu bytes, %zu exports; compiled in %.1f ms, instantiated in %.2f ms\n", file, size,
           wrt_module_export_count(module), compiled - start, milliseconds() - compiled);
    wrt_export_t entry;
    wrt_error_t *none = wrt_module_get_export(module, "_initialize", 11, &entry);
    if (!none) call_args(p, "_initialize", NULL, 0, NULL);
    wrt_error_delete(none);
    none = wrt_instance_get_memory(p->store, &p->instance, "memory", 6, &p->memory);
    wrt_error_delete(none);
    wrt_module_delete(module);
    free(bytes);
    return true;
}

/* Copies bytes into a buffer that the program allocates by its own malloc. */
static int32_t give(program_t *p, const void *bytes, size_t size) {
    int32_t at = call(p, "buffer", 1, (int32_t)size);
    check(wrt_memory_write(p->store, &p->memory, (uint32_t)at, bytes, size), "give");
    return at;
}

/* Copies a NUL-terminated string out of the program's memory, truncated to the buffer's size. The program is not
 * trusted: nothing outside its memory is read. */
static void text_at(program_t *p, int32_t at, char *out, size_t size) {
    size_t i = 0;
    for (; i + 1 < size; i++) {
        check(wrt_memory_read(p->store, &p->memory, (uint64_t)(uint32_t)at + i, out + i, 1), "text");
        if (!out[i]) break;
    }
    out[i] = 0;
}

static void line(int columns, const int *widths) {
    for (int c = 0; c < columns; c++) {
        putchar('+');
        for (int i = 0; i < widths[c] + 2; i++) putchar('-');
    }
    puts("+");
}

/* Runs SQL and prints the rows as a table. 100 and 101 are SQLITE_ROW and SQLITE_DONE. */
static void query(program_t *p, const char *sql) {
    static char cells[MAX_ROWS + 1][MAX_COLUMNS][40];
    int widths[MAX_COLUMNS] = {0}, columns = 0, rows = 0, code;
    printf("sql> %s\n", sql);
    if (call(p, "begin", 1, give(p, sql, strlen(sql) + 1))) exit(1);
    while ((code = call(p, "step", 0)) == 100 && rows < MAX_ROWS) {
        columns = call(p, "columns", 0);
        if (columns > MAX_COLUMNS) columns = MAX_COLUMNS;
        for (int c = 0; c < columns; c++) {
            if (!rows) text_at(p, call(p, "name", 1, c), cells[0][c], sizeof cells[0][c]);
            text_at(p, call(p, "text", 1, c), cells[rows + 1][c], sizeof cells[0][c]);
        }
        rows++;
    }
    if (code != 100 && code != 101) {
        char message[200];
        text_at(p, call(p, "message", 0), message, sizeof message);
        printf("error %d: %s\n", code, message);
        return;
    }
    if (!rows) return;
    for (int r = 0; r <= rows; r++)
        for (int c = 0; c < columns; c++)
            if ((int)strlen(cells[r][c]) > widths[c]) widths[c] = (int)strlen(cells[r][c]);
    line(columns, widths);
    for (int r = 0; r <= rows; r++) {
        for (int c = 0; c < columns; c++) printf("| %-*s ", widths[c], cells[r][c]);
        puts("|");
        if (!r) line(columns, widths);
    }
    line(columns, widths);
}

static bool sqlite(const wrt_linker_t *linker, const char *folder) {
    program_t p;
    if (!load(&p, linker, folder, "sqlite.wasm")) return false;
    char version[40];
    text_at(&p, call(&p, "version", 0), version, sizeof version);
    printf("SQLite %s, a database in the module's memory\n", version);
    query(&p, "create table city(name text, country text, people int)");
    query(&p, "insert into city values('Tokyo','Japan',37400),('Delhi','India',28514),('Shanghai','China',25582),"
              "('Mumbai','India',19980),('Osaka','Japan',19281),('Beijing','China',19618),('Cairo','Egypt',20076)");
    query(&p, "select country, count(*) as cities, sum(people) as thousands, group_concat(name, ', ') as names "
              "from city group by country order by thousands desc");
    query(&p, "with recursive n(i) as (select 1 union all select i + 1 from n where i < 200000) "
              "select count(*) as rows, sum(i * i % 1009) as sum, max(printf('%x', i * 7)) as max from n");
    query(&p, "select nonsense from city");
    wrt_store_delete(p.store);
    return true;
}

static bool zlib(const wrt_linker_t *linker, const char *folder, const char *text_folder) {
    program_t p;
    if (!load(&p, linker, folder, "zlib.wasm")) return false;
    char version[40];
    text_at(&p, call(&p, "version", 0), version, sizeof version);
    size_t size;
    uint8_t *text = read_file(text_folder, "life.wat", &size);
    if (!text) exit(1);
    int32_t at = give(&p, text, size);
    int32_t packed = call(&p, "round_trip", 2, at, (int32_t)size);
    printf("zlib %s: %zu bytes packed to %d and back; crc32 %08x\n", version, size, packed,
           (unsigned)call(&p, "checksum", 2, at, (int32_t)size));
    if (packed <= 0) exit(1);
    free(text);
    wrt_store_delete(p.store);
    return true;
}

static void life(const wrt_linker_t *linker, const char *folder) {
    static const char *const glider[] = {" #", "  #", "###"};
    program_t p;
    if (!load(&p, linker, folder, "life.wat")) exit(1);
    for (int y = 0; y < 3; y++)
        for (int x = 0; glider[y][x]; x++) {
            uint8_t alive = glider[y][x] == '#';
            check(wrt_memory_write(p.store, &p.memory, (uint64_t)(y * 32 + x), &alive, 1), "life");
        }
    int32_t alive = call(&p, "step", 1, 24);
    printf("A glider after 24 generations, %d cells:\n", alive);
    for (uint64_t y = 4; y < 12; y++) {
        uint8_t row[32];
        check(wrt_memory_read(p.store, &p.memory, y * 32, row, sizeof row), "life");
        for (int x = 0; x < 24; x++) fputs(row[x] ? "()" : " .", stdout);
        putchar('\n');
    }
    wrt_store_delete(p.store);
}

/* The host function that primes.wat imports: counts the primes, and remembers the last one. */
typedef struct {
    int count, last;
} primes_t;
static wrt_error_t *prime(void *userdata, wrt_caller_t *caller, const wrt_val_t *args, size_t arg_count,
                          wrt_val_t *results, size_t result_count) {
    primes_t *primes = userdata;
    (void)caller, (void)arg_count, (void)results, (void)result_count;
    primes->count++;
    primes->last = args[0].of.i32;
    return NULL;
}
static void primes(wrt_linker_t *linker, const char *folder) {
    primes_t seen = {0, 0};
    program_t p;
    check(wrt_linker_define_func(linker, "host", 4, "prime", 5, "(i32) -> ()", 11, prime, &seen, NULL), "host.prime");
    if (!load(&p, linker, folder, "primes.wat")) exit(1);
    double start = milliseconds();
    int32_t found = call(&p, "below", 1, 1000000);
    printf("%d primes below a million, the last %d; the host was told of %d, in %.1f ms\n", found, seen.last, seen.count,
           milliseconds() - start);
    wrt_store_delete(p.store);
}

static void divide(const wrt_linker_t *linker, const char *folder) {
    program_t p;
    if (!load(&p, linker, folder, "divide.wat")) exit(1);
    wrt_func_t average;
    wrt_val_t args[2] = {{.kind = WRT_I32, .of.i32 = 42}, {.kind = WRT_I32, .of.i32 = 0}}, result;
    check(wrt_instance_get_func(p.store, &p.instance, "average", 7, &average), "average");
    wrt_error_t *error = wrt_func_call(p.store, &average, args, 2, &result, 1);
    if (!error) exit(1);
    printf("42 / 0 is an error, not a crash: %s: %s\n", wrt_error_kind_name(wrt_error_kind(error)),
           wrt_error_message(error, NULL));
    for (size_t i = 0; i < wrt_error_frame_count(error); i++) {
        wrt_frame_t frame;
        check(wrt_error_frame(error, i, &frame), "frame");
        printf("  at %s, byte 0x%x of the module\n", frame.func_name ? frame.func_name : "?", frame.module_offset);
    }
    wrt_error_delete(error);
    printf("and the program goes on: 42 / 7 = %d\n", call(&p, "average", 2, 42, 7));
    wrt_store_delete(p.store);
}

int main(int argc, char **argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: run_real FOLDER WAT_FOLDER\n");
        return 2;
    }
    printf("wrt %s\n", wrt_version_string());
    wrt_linker_t *linker;
    check(wrt_engine_new(NULL, &engine), "engine");
    check(wrt_linker_new(engine, &linker), "linker");
    if (!sqlite(linker, argv[1])) puts("\n(no sqlite.wasm: only what needs no download runs)");
    if (!zlib(linker, argv[1], argv[2])) puts("\n(no zlib.wasm: only what needs no download runs)");
    life(linker, argv[2]);
    primes(linker, argv[2]);
    divide(linker, argv[2]);
    wrt_linker_delete(linker);
    wrt_engine_delete(engine);
    return 0;
}
