/* The layout that the library tells is the compiler's. */
#include "test.h"
#include <stddef.h>

static size_t told(const char *item) {
    size_t value;
    OK(wrt_abi_layout(TEXT(item), &value));
    return value;
}

#define SIZE(type) CHECK(told(#type) == sizeof(type) && told("alignof " #type) == _Alignof(type))
#define FIELD(type, field) CHECK(told(#type "." #field) == offsetof(type, field))

int main(void) {
    SIZE(wrt_func_t);
    FIELD(wrt_func_t, index);
    FIELD(wrt_func_t, generation);
    SIZE(wrt_table_t);
    SIZE(wrt_memory_t);
    SIZE(wrt_global_t);
    SIZE(wrt_instance_t);
    SIZE(wrt_val_t);
    FIELD(wrt_val_t, of);
    SIZE(wrt_raw_t);
    SIZE(wrt_extern_t);
    FIELD(wrt_extern_t, of);
    SIZE(wrt_import_t);
    FIELD(wrt_import_t, name);
    SIZE(wrt_export_t);
    SIZE(wrt_frame_t);
    FIELD(wrt_frame_t, func_offset);
    SIZE(wrt_limits_t);
    FIELD(wrt_limits_t, instances);
    SIZE(wrt_growth_t);
    FIELD(wrt_growth_t, desired);
    SIZE(wrt_size_limits_t);
    size_t value;
    FAILS(INVALID_ARGUMENT, wrt_abi_layout(TEXT("wrt_nothing_t"), &value));
    return 0;
}
