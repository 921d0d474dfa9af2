/* The structs in the header have the layout of the structs in the library. */
#include "test.h"

static void is(const char *item, size_t expected) {
    size_t value;
    OK(wrt_abi_layout(item, strlen(item), &value));
    if (value != expected) {
        fprintf(stderr, "%s is %zu in the library, %zu in the header\n", item, value, expected);
        exit(1);
    }
}

#define STRUCT(type) (is(#type, sizeof(type)), is("alignof " #type, _Alignof(type)))
#define FIELD(type, field) is(#type "." #field, offsetof(type, field))
#define HANDLE(type) (STRUCT(type), FIELD(type, store), FIELD(type, index), FIELD(type, generation))

int main(void) {
    HANDLE(wrt_func_t);
    HANDLE(wrt_table_t);
    HANDLE(wrt_memory_t);
    HANDLE(wrt_global_t);
    HANDLE(wrt_tag_t);
    HANDLE(wrt_instance_t);
    STRUCT(wrt_val_t), FIELD(wrt_val_t, kind), FIELD(wrt_val_t, of);
    STRUCT(wrt_raw_t);
    STRUCT(wrt_extern_t), FIELD(wrt_extern_t, kind), FIELD(wrt_extern_t, of);
    STRUCT(wrt_import_t), FIELD(wrt_import_t, module), FIELD(wrt_import_t, module_len);
    FIELD(wrt_import_t, name), FIELD(wrt_import_t, name_len);
    STRUCT(wrt_export_t), FIELD(wrt_export_t, name), FIELD(wrt_export_t, name_len);
    STRUCT(wrt_frame_t), FIELD(wrt_frame_t, module_name), FIELD(wrt_frame_t, func_name);
    FIELD(wrt_frame_t, func_index), FIELD(wrt_frame_t, module_offset), FIELD(wrt_frame_t, func_offset);
    FIELD(wrt_frame_t, reserved), FIELD(wrt_frame_t, module_name_len), FIELD(wrt_frame_t, func_name_len);
    STRUCT(wrt_limits_t), FIELD(wrt_limits_t, size), FIELD(wrt_limits_t, memory_bytes);
    FIELD(wrt_limits_t, table_elements), FIELD(wrt_limits_t, instances);
    STRUCT(wrt_pool_options_t), FIELD(wrt_pool_options_t, size), FIELD(wrt_pool_options_t, memories);
    FIELD(wrt_pool_options_t, memory_resident_bytes), FIELD(wrt_pool_options_t, max_memories);
    FIELD(wrt_pool_options_t, tables), FIELD(wrt_pool_options_t, table_resident_bytes);
    FIELD(wrt_pool_options_t, heaps), FIELD(wrt_pool_options_t, heap_resident_bytes);
    STRUCT(wrt_pool_stats_t), FIELD(wrt_pool_stats_t, size), FIELD(wrt_pool_stats_t, memories_in_use);
    FIELD(wrt_pool_stats_t, memories_kept), FIELD(wrt_pool_stats_t, memory_bytes_resident);
    FIELD(wrt_pool_stats_t, memories_reused), FIELD(wrt_pool_stats_t, memories_made);
    FIELD(wrt_pool_stats_t, tables_kept), FIELD(wrt_pool_stats_t, table_bytes_resident);
    FIELD(wrt_pool_stats_t, tables_reused), FIELD(wrt_pool_stats_t, heaps_kept), FIELD(wrt_pool_stats_t, heaps_reused);
    STRUCT(wrt_memory_options_t), FIELD(wrt_memory_options_t, size), FIELD(wrt_memory_options_t, limits);
    FIELD(wrt_memory_options_t, page_size), FIELD(wrt_memory_options_t, is_64);
    STRUCT(wrt_table_options_t), FIELD(wrt_table_options_t, size), FIELD(wrt_table_options_t, limits);
    FIELD(wrt_table_options_t, element), FIELD(wrt_table_options_t, is_64);
    STRUCT(wrt_growth_t), FIELD(wrt_growth_t, resource), FIELD(wrt_growth_t, current), FIELD(wrt_growth_t, desired);
    STRUCT(wrt_size_limits_t), FIELD(wrt_size_limits_t, min), FIELD(wrt_size_limits_t, max);
    FIELD(wrt_size_limits_t, has_max);
    STRUCT(wrt_type_t), FIELD(wrt_type_t, engine), FIELD(wrt_type_t, index), FIELD(wrt_type_t, generation);
    FIELD(wrt_type_t, names), FIELD(wrt_type_t, kind), FIELD(wrt_type_t, nullable), FIELD(wrt_type_t, reserved);
    STRUCT(wrt_field_t), FIELD(wrt_field_t, type), FIELD(wrt_field_t, is_mutable);
    FIELD(wrt_import_t, type), FIELD(wrt_export_t, type);
    size_t value = 3;
    FAILS(WRT_ERROR_KIND_NOT_FOUND, wrt_abi_layout(TEXT("wrt_no_such_t"), &value));
    CHECK(value == 0);
    return 0;
}
