/* Values: bit patterns are preserved, unknown kinds are rejected. */
#include "test.h"

static wrt_val_t through(world_t *w, uint8_t kind, uint64_t bits) {
    wrt_global_t g;
    wrt_val_t value;
    memset(&value, 0, sizeof value);
    value.kind = kind;
    memcpy(&value.of, &bits, sizeof bits);
    OK(wrt_global_new(w->store, kind, true, &value, &g));
    OK(wrt_global_get(w->store, &g, &value));
    CHECK(value.kind == kind);
    return value;
}

int main(void) {
    world_t w = world();
    static const uint64_t patterns[] = {0, 1, UINT64_MAX, 0x7ff0000000000001, 0x8000000000000000, 0x7fa00001};
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
        wrt_val_t v = through(&w, WRT_I64, patterns[i]);
        CHECK(!memcmp(&v.of, &patterns[i], 8));
        /* Including signaling NaNs. */
        v = through(&w, WRT_F64, patterns[i]);
        CHECK(!memcmp(&v.of, &patterns[i], 8));
        v = through(&w, WRT_F32, patterns[i]);
        CHECK(!memcmp(&v.of, &patterns[i], 4));
        v = through(&w, WRT_I32, patterns[i]);
        CHECK(!memcmp(&v.of, &patterns[i], 4));
    }
    wrt_global_t g;
    for (int kind = 0; kind < 256; kind++) {
        if (kind >= WRT_I32 && kind <= WRT_FUNCREF) continue;
        wrt_val_t v = i32_val(0);
        v.kind = (uint8_t)kind;
        wrt_error_t *e = wrt_global_new(w.store, WRT_I32, true, &v, &g);
        CHECK(e && g.store == 0 && v.kind == WRT_EMPTY);
        wrt_error_delete(e);
    }
    world_end(&w);
    return 0;
}
