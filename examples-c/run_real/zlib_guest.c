/* zlib inside WebAssembly: the host passes a text, the module compresses and decompresses it, and checks
 * that it is unchanged. */
#include "zlib.h"
#include <stdlib.h>
#include <string.h>

#define EXPORT(name) __attribute__((export_name(#name)))

EXPORT(version) const char *version(void) { return zlibVersion(); }
EXPORT(buffer) char *buffer(int size) { return malloc((size_t)size); }

/* Returns the compressed size of `size` bytes, or a negative zlib error; -100 if decompressing returns
 * different bytes. */
EXPORT(round_trip) int round_trip(const unsigned char *bytes, int size) {
    uLongf packed_size = compressBound((uLong)size), unpacked_size = (uLongf)size;
    unsigned char *packed = malloc(packed_size), *unpacked = malloc(unpacked_size + 1);
    int code = packed && unpacked ? compress2(packed, &packed_size, bytes, (uLong)size, 9) : Z_MEM_ERROR;
    if (code == Z_OK) code = uncompress(unpacked, &unpacked_size, packed, packed_size);
    if (code == Z_OK && (unpacked_size != (uLongf)size || memcmp(bytes, unpacked, unpacked_size))) code = -100;
    free(packed);
    free(unpacked);
    return code == Z_OK ? (int)packed_size : code;
}
EXPORT(checksum) unsigned checksum(const unsigned char *bytes, int size) {
    return (unsigned)crc32(0, bytes, (uInt)size);
}
