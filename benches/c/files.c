/* File operations, as a guest makes them through WASI, or natively for comparison. They are in the directory "/d" of the
 * guest's, or NATIVE_DIR. Each line makes about `count` operations; it gives something that the engines must agree on. */
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#ifdef __wasm__
#define EXPORT(name) __attribute__((export_name(name)))
static const char *base = "/d";
#else
#define EXPORT(name)
static const char *base;
#endif

static char data[1 << 20];

static const char *in(const char *name) {
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", base, name);
    return path;
}

static int file(void) {
    int fd = open(in("file"), O_RDWR | O_CREAT | O_TRUNC, 0666);
    if (fd < 0 || write(fd, data, 65536) != 65536 || lseek(fd, 0, SEEK_SET)) abort();
    return fd;
}

static int list(const char *name) {
    DIR *dir = opendir(in(name));
    int n = 0;
    while (readdir(dir)) n++;
    closedir(dir);
    return n;
}

/* What a program does with small files: makes one, writes, moves back, looks, reads, closes, lists the directory, removes. */
EXPORT("mixed") int mixed(int count) {
    int sum = 0;
    mkdir(in("mixed"), 0777);
    for (int i = 0; i < count; i += 10) {
        struct stat st;
        char name[32];
        snprintf(name, sizeof name, "mixed/f%d", i % 70);
        int fd = open(in(name), O_RDWR | O_CREAT, 0666);
        sum += write(fd, data, 1000) + write(fd, data, 1000);
        lseek(fd, 500, SEEK_SET);
        fstat(fd, &st);
        sum += st.st_size + read(fd, data, 1000);
        close(fd);
        sum += list("mixed");
        unlink(in(name));
    }
    rmdir(in("mixed"));
    return sum;
}

EXPORT("open_close") int open_close(int count) {
    int sum = 0;
    close(file());
    const char *path = in("file");
    for (int i = 0; i < count; i++) {
        int fd = open(path, O_RDONLY);
        sum += fd >= 0;
        close(fd);
    }
    return sum;
}

EXPORT("write_64") int write_64(int count) {
    int fd = file(), sum = 0;
    for (int i = 0; i < count; i++) {
        if (i % 1000 == 0) lseek(fd, 0, SEEK_SET);
        sum += write(fd, data, 64);
    }
    close(fd);
    return sum;
}

EXPORT("read_64") int read_64(int count) {
    int fd = file(), sum = 0;
    for (int i = 0; i < count; i++) {
        if (i % 1000 == 0) lseek(fd, 0, SEEK_SET);
        sum += read(fd, data, 64);
    }
    close(fd);
    return sum;
}

EXPORT("read_1m") int read_1m(int count) {
    int fd = file(), sum = 0;
    lseek(fd, 0, SEEK_SET);
    if (write(fd, data, sizeof data) != sizeof data) abort();
    for (int i = 0; i < count; i++)
        for (size_t n = 0; n < sizeof data; sum++) n += pread(fd, data + n, sizeof data - n, n);
    close(fd);
    /* How often it was asked: engines may give less than is asked for. */
    return sum >= count;
}

EXPORT("seek") int seek(int count) {
    int fd = file();
    int64_t sum = 0;
    for (int i = 0; i < count; i++) sum += lseek(fd, i % 1000, SEEK_SET);
    close(fd);
    return (int)sum;
}

EXPORT("fstat") int fstat_(int count) {
    int fd = file();
    int64_t sum = 0;
    struct stat st;
    for (int i = 0; i < count; i++) sum += fstat(fd, &st) + st.st_size;
    close(fd);
    return (int)sum;
}

EXPORT("stat") int stat_(int count) {
    close(file());
    int64_t sum = 0;
    struct stat st;
    const char *path = in("file");
    for (int i = 0; i < count; i++) sum += stat(path, &st) + st.st_size;
    return (int)sum;
}

EXPORT("create_unlink") int create_unlink(int count) {
    int sum = 0;
    char path[256];
    strcpy(path, in("new"));
    for (int i = 0; i < count; i += 3) {
        int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0666);
        sum += fd >= 0;
        close(fd);
        sum += unlink(path);
    }
    return sum;
}

/* Entries of a directory of a hundred. */
EXPORT("readdir") int readdir_(int count) {
    char name[32];
    int sum = 0;
    mkdir(in("many"), 0777);
    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof name, "many/entry-%d", i);
        close(open(in(name), O_WRONLY | O_CREAT, 0666));
    }
    for (int i = 0; i < count; i += 102) sum += list("many");
    return sum;
}

EXPORT("clock") int clock_(int count) {
    struct timespec t;
    int sum = 0;
    for (int i = 0; i < count; i++) sum += clock_gettime(CLOCK_MONOTONIC, &t);
    return sum;
}
