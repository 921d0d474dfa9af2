/* wrt: a WebAssembly engine to embed in other programs.
 *
 * This file is generated from the Rust sources (make headers); do not edit it.
 *
 * Conventions. The comment of a function says where it deviates from them.
 * - `const T *` parameters are borrowed for the duration of the call.
 * - take_* parameters transfer ownership to the library: the caller's slot becomes the empty value, whether the call
 *   succeeds or fails. But a value of another store stays in its slot, and so do all values if the store itself cannot
 *   be used (for example because it is NULL, or another thread is using it).
 * - out_* parameters receive results. They are always written: with the result on success, with zeros on failure.
 * - A function that can fail returns NULL on success, or an error that the caller owns (wrt_error_delete). Comments name
 *   the kinds of errors in backticks: `not found` is WRT_ERROR_KIND_NOT_FOUND.
 * - The caller owns a pointer if the comment of the function says so (*_new, *_clone, *_parse, *_load and some others),
 *   and passes it to the *_delete function of its type, which accepts NULL. All other pointers are borrowed from the
 *   first argument.
 * - Handles (wrt_func_t, wrt_instance_t, ...) are plain values that own nothing; every use checks them.
 * - References (wrt_ref_t) keep their object alive until they are released or their scope ends; later uses are errors.
 *   Every callback has its own scope.
 * - Invalid arguments do not end the process: NULL, handles that are stale or of another store, and values of the wrong
 *   kind are errors. Pointers themselves must be valid, and the *_raw functions do not check all values.
 * - Engines, modules and types can be shared between threads; a store and its handles are used by one thread at a time.
 */

#ifndef WRT_H
#define WRT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#if defined(__GNUC__)
#define WRT_MUST_USE __attribute__((warn_unused_result))
#define WRT_ALIGNED(n) __attribute__((aligned(n)))
#else
#define WRT_MUST_USE
#define WRT_ALIGNED(n)
#endif

/* Trap codes (wrt_error_trap_code). Codes are never changed, only added. */
/* unreachable */
#define WRT_TRAP_UNREACHABLE 1
/* out of bounds memory access */
#define WRT_TRAP_MEMORY_OUT_OF_BOUNDS 2
/* out of bounds table access */
#define WRT_TRAP_TABLE_OUT_OF_BOUNDS 3
/* undefined element */
#define WRT_TRAP_UNDEFINED_ELEMENT 4
/* uninitialized element */
#define WRT_TRAP_UNINITIALIZED_ELEMENT 5
/* indirect call type mismatch */
#define WRT_TRAP_INDIRECT_CALL_TYPE_MISMATCH 6
/* integer overflow */
#define WRT_TRAP_INTEGER_OVERFLOW 7
/* integer divide by zero */
#define WRT_TRAP_INTEGER_DIVIDE_BY_ZERO 8
/* invalid conversion to integer */
#define WRT_TRAP_INVALID_CONVERSION 9
/* call stack exhausted */
#define WRT_TRAP_STACK_OVERFLOW 10
/* interrupted */
#define WRT_TRAP_INTERRUPTED 11
/* null reference */
#define WRT_TRAP_NULL_REFERENCE 12
/* limit reached */
#define WRT_TRAP_LIMIT_REACHED 13
/* out of bounds array access */
#define WRT_TRAP_ARRAY_OUT_OF_BOUNDS 14
/* cast failure */
#define WRT_TRAP_CAST_FAILURE 15
/* garbage-collected heap exhausted */
#define WRT_TRAP_HEAP_EXHAUSTED 16
/* unaligned atomic */
#define WRT_TRAP_UNALIGNED_ATOMIC 17
/* expected shared memory */
#define WRT_TRAP_EXPECTED_SHARED 18


// The resource of a `wrt_growth_t`: a memory, in bytes.
#define WRT_RESOURCE_MEMORY 1

// A table, in elements.
#define WRT_RESOURCE_TABLE 2

// The number of the store's instances.
#define WRT_RESOURCE_INSTANCES 3

// The store's objects, in bytes. The limiter is asked when a collection has not freed enough, and only if they are
// to use more than 4 MiB.
#define WRT_RESOURCE_HEAP 4

// The kind of an import, an export or a `wrt_extern_t`: a function.
#define WRT_EXTERN_FUNC 1

// A table.
#define WRT_EXTERN_TABLE 2

// A memory.
#define WRT_EXTERN_MEMORY 3

// A global.
#define WRT_EXTERN_GLOBAL 4

// A tag.
#define WRT_EXTERN_TAG 5

// No value: the kind of a slot whose value was taken.
#define WRT_EMPTY 0

// An i32, in `of.i32`.
#define WRT_I32 1

// An i64, in `of.i64`.
#define WRT_I64 2

// An f32, in `of.f32`.
#define WRT_F32 3

// An f64, in `of.f64`.
#define WRT_F64 4

// A v128, in `of.v128`: its bytes, little-endian.
#define WRT_V128 5

// A reference to a function, in `of.func`; the empty handle is null.
#define WRT_FUNCREF 6

// A reference of type `extern`, in `of.ref`; the empty reference is null.
#define WRT_EXTERNREF 7

// A reference of type `any` or a subtype, in `of.ref`; the empty reference is null.
#define WRT_ANYREF 8

// A reference to an exception, in `of.ref`; the empty reference is null.
#define WRT_EXNREF 21

// References to what `ref.eq` can compare. This kind and the ones below are kinds of types only (`wrt_type_t`): values of
// these types have one of the kinds above.
#define WRT_EQREF 9

// References to i31s.
#define WRT_I31REF 10

// References to structures.
#define WRT_STRUCTREF 11

// References to arrays.
#define WRT_ARRAYREF 12

// References of type `none`, the bottom type below `any`: only null.
#define WRT_NULLREF 13

// References of type `nofunc`, the bottom type of functions: only null.
#define WRT_NULLFUNCREF 14

// References of type `noextern`, the bottom type below `extern`: only null.
#define WRT_NULLEXTERNREF 15

// References to functions of the defined type `index`.
#define WRT_DEFINED_FUNC 16

// References to structures of the defined type `index`.
#define WRT_DEFINED_STRUCT 17

// References to arrays of the defined type `index`.
#define WRT_DEFINED_ARRAY 18

// The packed type i8, for fields only. The value of such a field is an i32.
#define WRT_I8 19

// The packed type i16, for fields only. The value of such a field is an i32.
#define WRT_I16 20

// References of type `noexn`, the bottom type below `exn`: only null.
#define WRT_NULLEXNREF 22

// The number of the binary interface that this header describes.
#define WRT_ABI_VERSION 0

// The kind of an error, for programs to act on. Numbers are part of the ABI: append only.
enum wrt_error_kind_t
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint8_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    // An argument is NULL, out of range or otherwise unusable.
    WRT_ERROR_KIND_INVALID_ARGUMENT = 1,
    // An object of one store was used with another.
    WRT_ERROR_KIND_WRONG_STORE = 2,
    // A handle whose object is gone, or that never denoted one.
    WRT_ERROR_KIND_STALE_HANDLE = 3,
    // A value or object does not have the required type.
    WRT_ERROR_KIND_TYPE_MISMATCH = 4,
    // The bytes are not a WebAssembly module, or the text does not parse.
    WRT_ERROR_KIND_MALFORMED = 5,
    // A module that does not validate.
    WRT_ERROR_KIND_INVALID_MODULE = 6,
    // Something this version does not support.
    WRT_ERROR_KIND_UNSUPPORTED = 7,
    // An import is missing or does not fit.
    WRT_ERROR_KIND_LINK = 8,
    // The guest trapped.
    WRT_ERROR_KIND_TRAP = 9,
    // The guest threw an exception that was not caught.
    WRT_ERROR_KIND_EXCEPTION = 10,
    // The guest asked to exit.
    WRT_ERROR_KIND_EXIT = 11,
    // A limit of the store or the engine was reached.
    WRT_ERROR_KIND_LIMIT = 12,
    // The system could not provide memory.
    WRT_ERROR_KIND_OUT_OF_MEMORY = 13,
    // The store's fuel is used up. Reserved: no function measures fuel yet.
    WRT_ERROR_KIND_OUT_OF_FUEL = 14,
    // The store was interrupted, or its deadline passed.
    WRT_ERROR_KIND_INTERRUPTED = 15,
    // A system call failed.
    WRT_ERROR_KIND_IO = 16,
    // A bug of the engine. If it panicked, the store it happened in is poisoned.
    WRT_ERROR_KIND_INTERNAL = 17,
    // A host function failed.
    WRT_ERROR_KIND_HOST = 18,
    // Nothing has the requested name.
    WRT_ERROR_KIND_NOT_FOUND = 19,
    // A store was used by two threads at the same time.
    WRT_ERROR_KIND_WRONG_THREAD = 20,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum wrt_error_kind_t wrt_error_kind_t;
#else
typedef uint8_t wrt_error_kind_t;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// A call in progress, as a callback sees it. Valid until the callback returns.
typedef struct wrt_caller_t wrt_caller_t;

// The settings of an engine. Used by one thread at a time.
typedef struct wrt_config_t wrt_config_t;

// An engine: the settings, and everything that modules and stores share. Can be shared between threads; a program
// can have many. Modules and stores keep what they need of their engine, so it can be deleted before them.
typedef struct wrt_engine_t wrt_engine_t;

// An error: a kind, a one-line message and, if available, a trap code, a byte offset, an exception and a backtrace.
// Owned by the code that receives it. Can be used from any thread, by one thread at a time. An error that holds an
// exception (`wrt_error_exception`) can outlive its store.
typedef struct wrt_error_t wrt_error_t;

// The type of an import or export. Immutable; borrowed from the object that it was read from.
typedef struct wrt_externtype_t wrt_externtype_t;

// A function type. It keeps the types that it names alive. Immutable; can be shared between threads.
typedef struct wrt_functype_t wrt_functype_t;

// An object that interrupts one store. It can outlive the store.
typedef struct wrt_interrupt_t wrt_interrupt_t;

// Definitions by name for what modules import. One thread at a time may add definitions. Host functions that are
// defined here work in every store of the engine; objects of a store work only in that store.
typedef struct wrt_linker_t wrt_linker_t;

// A compiled module. Can be shared between threads and stores.
typedef struct wrt_module_t wrt_module_t;

// A store: owns instances and everything else that runs. Used by one thread at a time; it can move between threads
// while no call is in it. While a host function with values (`wrt_func_callback_t`) runs, another thread may use the
// store instead of the thread that waits in the callback, from its own stack. If two threads use a store at the same
// time, the second one gets an error of kind `wrong thread`. The check costs almost nothing, and is therefore not
// complete: it can miss two threads that enter within the same few nanoseconds.
typedef struct wrt_store_t wrt_store_t;

// A recursion group that is being built. Used by one thread at a time.
typedef struct wrt_typebuilder_t wrt_typebuilder_t;

// A list of types that were defined together, which live at least as long as the list (`wrt_type_t`). Immutable; can
// be shared between threads.
typedef struct wrt_types_t wrt_types_t;

// What one guest process may use of WASI preview 1: arguments, environment, standard streams, directories and
// clocks. By default its standard input is empty, its output is discarded, and it has no directories.
// `wrt_store_set_wasi` passes it to a store. Used by one thread at a time.
typedef struct wrt_wasi_t wrt_wasi_t;

// A WebAssembly frame of a backtrace. Strings are borrowed from the error; they are NULL if unknown.
typedef struct {
    // The module's name.
    const char *module_name;
    // The function's name.
    const char *func_name;
    // The function's index in its module.
    uint32_t func_index;
    // Byte offset of the instruction in the module; UINT32_MAX if unknown.
    uint32_t module_offset;
    // Byte offset of the instruction in the function; UINT32_MAX if unknown.
    uint32_t func_offset;
    // Always 0.
    uint32_t reserved;
    // Length of the module's name in bytes, which may include NULs; 0 if unknown.
    size_t module_name_len;
    // Length of the function's name in bytes, which may include NULs; 0 if unknown.
    size_t func_name_len;
} wrt_frame_t;

// A tag of a store: identifies a kind of exceptions. A plain value, like `wrt_func_t`.
typedef struct {
    uint64_t store;
    uint32_t index;
    uint32_t generation;
} wrt_tag_t;

// A function of a store. A plain value that owns nothing: copy it freely; every use checks it. All zeros is the
// empty handle. `wrt_ref_of_func` creates a reference that keeps the function's instance alive.
typedef struct {
    uint64_t store;
    uint32_t index;
    uint32_t generation;
} wrt_func_t;

// A reference to an object of a store, or an i31. The garbage collector treats it as a root, so the object lives
// while the reference does. A plain value: copies are the same reference. All zeros is the empty reference, which is
// null in a value.
//
// A reference lives until the scope ends that was open when it was created (`wrt_scope_open`; every callback has a
// scope of its own). A reference that was created outside of all scopes lives until `wrt_ref_release`, or until the
// store is destroyed. Later uses fail with `stale handle`.
typedef struct {
    uint64_t store;
    // The index of the reference in its store, and a generation that distinguishes it from earlier references with
    // that index.
    uint64_t root;
} wrt_ref_t;

// The content of a `wrt_val_t`.
typedef union {
    int32_t i32;
    int64_t i64;
    float f32;
    double f64;
    uint8_t v128[16];
    wrt_func_t func;
    wrt_ref_t ref;
} wrt_val_of_t;

// A value. `kind` says which member of `of` is valid.
typedef struct {
    // One of `WRT_EMPTY`, `WRT_I32`, ...
    uint8_t kind;
    wrt_val_of_t of;
} wrt_val_t;

// Called once, when userdata is no longer needed. May be NULL. It has to return, as all callbacks do: see
// `wrt_func_callback_t`.
typedef void (*wrt_finalizer_t)(void *userdata);

// An instance of a store. A plain value, like `wrt_func_t`. The instance lives until `wrt_instance_release`, and
// after that as long as something refers to it.
typedef struct {
    uint64_t store;
    uint32_t index;
    uint32_t generation;
} wrt_instance_t;

// A host function. `args` are borrowed, and references in them are valid until the callback returns. `results` start
// as zeros and nulls of the right kinds; the callback fills them in. A reference in them that was created in the
// callback need not be released; one from outside of the callback still belongs to its owner. The callback may use
// the store (`wrt_caller_store`), including calls into WebAssembly.
//
// The callback returns NULL, or an error, which the library then owns. An error ends the call: it propagates through
// WebAssembly to the host's call that entered it. An error that holds an exception of this store (from
// `wrt_error_new_exception` or `wrt_func_call`) throws the exception, and WebAssembly may catch it.
//
// All callbacks, of every kind, have to return. If a C++ exception leaves a callback, or the callback calls
// `pthread_exit`, the process ends (`abort`) after one line on standard error that names the callback: catch
// exceptions, and return errors. After a `longjmp` out of a callback, whatever the skipped frames held is leaked,
// and the store can only be deleted: its next use and all later ones fail with `invalid argument`, while
// `wrt_store_delete` on the same thread destroys it and runs its finalizers. If the `longjmp` ends in another
// callback of the same store, that callback continues, and the call that led to it fails in the same way. On a stack
// other than the thread's original one, the library notices a lost call only if the next call overlaps its frames.
typedef wrt_error_t *(*wrt_func_callback_t)(void *userdata,
                                            wrt_caller_t *caller,
                                            const wrt_val_t *args,
                                            size_t arg_count,
                                            wrt_val_t *results,
                                            size_t result_count);

// A raw slot: 16 bytes that hold one value of a known type, little-endian, starting at the first byte.
typedef union WRT_ALIGNED(16) {
    int32_t i32;
    int64_t i64;
    float f32;
    double f64;
    uint8_t v128[16];
    // A funcref: NULL or an opaque pointer. It is valid as long as the function's instance; if instances are
    // released, only until the next call into the library. `wrt_ref_of_func` keeps a function alive.
    void *funcref;
    // Any other reference; the empty one is null. It is checked even in raw calls.
    wrt_ref_t ref;
} wrt_raw_t;

// A host function on raw slots, whose values are not checked; otherwise as `wrt_func_callback_t`. `slots` hold the
// arguments and receive the results, both starting at slot 0. There are as many slots as parameters or as results,
// whichever is more.
typedef wrt_error_t *(*wrt_func_raw_callback_t)(void *userdata,
                                                wrt_caller_t *caller,
                                                wrt_raw_t *slots,
                                                size_t slot_count);

// A global of a store. A plain value, like `wrt_func_t`.
typedef struct {
    uint64_t store;
    uint32_t index;
    uint32_t generation;
} wrt_global_t;

// A type of values or of fields. A plain value that owns nothing: copy it freely. All zeros is no type.
//
// Equal defined types of an engine are one type, wherever they come from. A defined type exists as long as something
// keeps it. The engine keeps types that the host has defined (`wrt_types_parse`, `wrt_typebuilder_finish`). A type
// of a module is kept by the module, by its `wrt_types_t` and `wrt_functype_t`, and by every store that has created
// an instance of the module, or an object or something else of the type. After that, uses fail with `stale handle`.
typedef struct {
    // The engine of a defined type; 0 for others.
    uint64_t engine;
    // The index of a defined type in its engine; 0 for others.
    uint32_t index;
    // Distinguishes a defined type from earlier ones with its index; 0 for others.
    uint32_t generation;
    // Identifies where the type and its fields have their names from: the module, or the text, that the type was
    // read from; 0 for none. The names exist as long as that does. This says nothing about which type it is.
    uint32_t names;
    // One of `WRT_I32`, ..., `WRT_FUNCREF`, ..., `WRT_I16`.
    uint8_t kind;
    // For a reference type, whether it includes null; 0 or 1.
    uint8_t nullable;
    // Always 0.
    uint16_t reserved;
} wrt_type_t;

// Statistics of a store's heap. Later versions may add fields at the end.
typedef struct {
    // Size of this struct as the caller knows it: `sizeof(wrt_heap_stats_t)`. To be set before the struct is filled
    // in.
    size_t size;
    uint64_t minor_collections;
    uint64_t full_collections;
    // Bytes that survived a minor collection, over all collections.
    uint64_t promoted_bytes;
    uint64_t last_minor_nanoseconds;
    uint64_t longest_minor_nanoseconds;
    uint64_t last_full_nanoseconds;
    uint64_t longest_full_nanoseconds;
    // Bytes that were alive after the last full collection, counted in lines of 128 bytes.
    uint64_t live_bytes;
    // Bytes that objects take now, including dead objects and the gaps between objects.
    uint64_t used_bytes;
    // References that the host holds.
    uint64_t references;
    // Host objects that are alive.
    uint64_t host_objects;
    // Bytes outside of the heap that host objects stand for (`external_bytes` of `wrt_externref_new`).
    uint64_t external_bytes;
    uint64_t weak_references;
    // Instances of the store, including released ones that have not been freed yet.
    uint64_t instances;
    // Current size of the nursery, and how much of it objects use.
    uint64_t nursery_bytes;
    uint64_t nursery_used_bytes;
    // Total time of all pauses.
    uint64_t minor_nanoseconds;
    uint64_t full_nanoseconds;
    // Entry i counts the pauses of at least 2^i and less than 2^(i+1) nanoseconds; the last entry also counts all
    // longer ones.
    uint64_t minor_pauses[32];
    uint64_t full_pauses[32];
} wrt_heap_stats_t;

// A number of objects, and their size in bytes.
typedef struct {
    uint64_t objects;
    uint64_t bytes;
} wrt_tally_t;

// The number of objects in a store's heap, and of references into it. Dead objects that have not been collected yet
// count as well. Later versions may add fields at the end.
typedef struct {
    // Size of this struct as the caller knows it: `sizeof(wrt_heap_census_t)`. To be set before the struct is filled
    // in.
    size_t size;
    // Objects in the nursery.
    wrt_tally_t young;
    // Objects that have survived a collection, without the large ones.
    wrt_tally_t old;
    // Objects of more than 8 KiB, which are old from the start.
    wrt_tally_t large;
    // What refers into the heap: references of the host and of errors, elements of tables, globals, elements of
    // segments, slots in frames, and the tags of instances. Null and i31s are not counted.
    uint64_t references;
    uint64_t table_elements;
    uint64_t globals;
    uint64_t segment_elements;
    uint64_t frame_slots;
    uint64_t tags;
} wrt_heap_census_t;

// A collection that has finished. Later versions may add fields at the end.
typedef struct {
    // Size of this struct in bytes, as the library knows it.
    size_t size;
    // Whether old objects were collected as well; 0 or 1.
    uint64_t is_full;
    uint64_t nanoseconds;
    // Bytes that survived their first collection and became old.
    uint64_t promoted_bytes;
    // Bytes that objects, and the gaps between them, take after the collection.
    uint64_t used_bytes;
} wrt_gc_event_t;

// Called after each collection of a store. Using the store in it fails, except by functions that are legal in
// limiters. It has to return, as all callbacks do: see `wrt_func_callback_t`.
typedef void (*wrt_gc_callback_t)(void *userdata, const wrt_gc_event_t *event);

// Receives a piece of output. If it returns an error, writing stops and the caller gets that error. It has to
// return, as all callbacks do: see `wrt_func_callback_t`.
typedef wrt_error_t *(*wrt_write_callback_t)(void *userdata, const char *bytes, size_t size);

// A table of a store. A plain value, like `wrt_func_t`.
typedef struct {
    uint64_t store;
    uint32_t index;
    uint32_t generation;
} wrt_table_t;

// A memory of a store. A plain value, like `wrt_func_t`.
typedef struct {
    uint64_t store;
    uint32_t index;
    uint32_t generation;
} wrt_memory_t;

// The handle in a `wrt_extern_t`.
typedef union {
    wrt_func_t func;
    wrt_table_t table;
    wrt_memory_t memory;
    wrt_global_t global;
    wrt_tag_t tag;
} wrt_extern_of_t;

// Something that can be imported and exported. `kind` says which member of `of` is valid.
typedef struct {
    // One of the `WRT_EXTERN_*`; 0 if empty.
    uint8_t kind;
    wrt_extern_of_t of;
} wrt_extern_t;

// Returns for how many nanoseconds, from now, a guest may continue whose deadline has passed; 0 stops it. Called on
// the store's thread, at the point where the guest would be stopped. Using the store in it fails, except by
// functions that are legal in limiters, such as `wrt_store_userdata`.
typedef uint64_t (*wrt_deadline_callback_t)(void *userdata);

// Size limits: of a table in elements, or of a memory in pages.
typedef struct {
    uint64_t min;
    // Used if `has_max` is not 0.
    uint64_t max;
    uint64_t has_max;
} wrt_size_limits_t;

// The type of a memory to be created. Later versions may add fields at the end.
typedef struct {
    // Size of this struct as the caller knows it: `sizeof(wrt_memory_options_t)`. `wrt_memory_options_init` sets it.
    size_t size;
    // In pages.
    wrt_size_limits_t limits;
    // Bytes in a page: 65536 or 1.
    uint64_t page_size;
    // Whether indexes have 64 bits instead of 32; 0 or 1.
    uint64_t is_64;
} wrt_memory_options_t;

// An import of a module. Everything in it is borrowed from the module.
typedef struct {
    const char *module;
    size_t module_len;
    const char *name;
    size_t name_len;
    const wrt_externtype_t *type;
} wrt_import_t;

// An export of a module. Everything in it is borrowed from the module.
typedef struct {
    const char *name;
    size_t name_len;
    const wrt_externtype_t *type;
} wrt_export_t;

// What an engine keeps of destroyed instances and stores for the next ones: address space, which is expensive to map
// and to unmap. What it keeps holds no data of its previous owner. Large tables are function tables of at least
// 16384 elements; smaller ones, and the contexts of instances, come from the allocator.
typedef struct {
    // Size of this struct as the caller knows it: `sizeof(wrt_pool_options_t)`. `wrt_pool_options_init` sets it.
    size_t size;
    // Maximum number of memories that are kept. Each keeps all the address space that it may ever need: with signals
    // 4 GiB and a guard region, or for 64-bit indexes as `wrt_config_set_max_memory64` says; without signals what
    // its type allows.
    size_t memories;
    // Maximum number of bytes of each kept memory that stay in physical memory: pages that were written are reset
    // instead of unmapped, which saves the next instance page faults. Needs Linux 6.7; older kernels unmap all
    // pages.
    size_t memory_resident_bytes;
    // Maximum number of memories in use at the same time, in all stores together; `SIZE_MAX` is no limit. Creating
    // one more fails with `limit`. The number of kept memories, in contrast, is no limit: if none is left, a new one
    // is mapped.
    size_t max_memories;
    // Maximum number of large tables that are kept, and of bytes of each that stay in physical memory.
    size_t tables;
    size_t table_resident_bytes;
    // Maximum number of heaps that are kept, and of bytes of each one's nursery that stay in physical memory.
    size_t heaps;
    size_t heap_resident_bytes;
} wrt_pool_options_t;

// What an engine's pool holds and has done. Later versions may add fields at the end.
typedef struct {
    // Size of this struct as the caller knows it: `sizeof(wrt_pool_stats_t)`. To be set before the struct is filled
    // in.
    size_t size;
    // Memories of all stores, including those that the host created.
    uint64_t memories_in_use;
    // Memories in the pool, and how many of their bytes are in physical memory.
    uint64_t memories_kept;
    uint64_t memory_bytes_resident;
    // How many memories were taken from the pool, and how many were mapped.
    uint64_t memories_reused;
    uint64_t memories_made;
    // The same for large tables.
    uint64_t tables_kept;
    uint64_t table_bytes_resident;
    uint64_t tables_reused;
    // Heaps in the pool, and how often one was reused.
    uint64_t heaps_kept;
    uint64_t heaps_reused;
} wrt_pool_stats_t;

// What a store may use in total.
typedef struct {
    // Size of this struct as the caller knows it: `sizeof(wrt_limits_t)`. `wrt_limits_init` sets it.
    size_t size;
    // Bytes of all memories together.
    uint64_t memory_bytes;
    // Elements of all tables together.
    uint64_t table_elements;
    // Number of instances.
    uint64_t instances;
    // Bytes of all objects together. The limit of `wrt_config_set_heap_limit` applies as well.
    uint64_t heap_bytes;
} wrt_limits_t;

// What is about to grow: from `current` to `desired`.
typedef struct {
    // One of the `WRT_RESOURCE_*`.
    uint8_t resource;
    uint64_t current;
    uint64_t desired;
} wrt_growth_t;

// Returns whether a resource may grow: 0 means no, everything else means yes. Called before anything has changed,
// while WebAssembly waits. Using the store in it fails, except by functions that are legal in limiters. It has to
// return, as all callbacks do: see `wrt_func_callback_t`.
typedef int32_t (*wrt_limiter_callback_t)(void *userdata, const wrt_growth_t *growth);

// The type of a table to be created. Later versions may add fields at the end.
typedef struct {
    // Size of this struct as the caller knows it: `sizeof(wrt_table_options_t)`. `wrt_table_options_init` sets it.
    size_t size;
    // In elements.
    wrt_size_limits_t limits;
    // A reference type.
    wrt_type_t element;
    // Whether indexes have 64 bits instead of 32; 0 or 1.
    uint64_t is_64;
} wrt_table_options_t;

// A field of a structure, or the element of an array.
typedef struct {
    wrt_type_t type;
    // Whether the field can be changed; 0 or 1.
    uint64_t is_mutable;
} wrt_field_t;

// A standard stream of the guest. For descriptor 0 it fills `bytes` with input; for 1 and 2 it receives output in
// them. Returns the number of bytes, at most `len`, which is 0 at the end of the input; or a negative WASI error
// number, such as -29 for EIO. It cannot use the guest's store, but can use other stores. It has to return, as all
// callbacks do: see `wrt_func_callback_t`.
typedef int64_t (*wrt_wasi_stream_callback_t)(void *userdata, uint8_t *bytes, size_t len);

// A clock of the guest. `clock_id` 0 is the time since 1970, 1 is the time since some fixed point, and 2 and 3 are
// the time that the process and the thread have run. Writes nanoseconds and returns 0, or returns a negative WASI
// error number, such as -28 for EINVAL. It cannot use the guest's store. It has to return, as all callbacks do: see
// `wrt_func_callback_t`.
typedef int32_t (*wrt_wasi_clock_callback_t)(void *userdata, uint32_t clock_id, uint64_t *out_nanoseconds);

// A source of random bytes. Fills all of `out_bytes` and returns 0, or returns a negative WASI error number. It
// cannot use the guest's store. It has to return, as all callbacks do: see `wrt_func_callback_t`.
typedef int32_t (*wrt_wasi_random_callback_t)(void *userdata, uint8_t *out_bytes, size_t len);

// A reference that does not keep its object alive. A plain value: copies are the same reference. All zeros is the
// empty reference. It lives until `wrt_weak_release`, or until the store is destroyed; scopes do not affect it.
typedef struct {
    uint64_t store;
    uint32_t index;
    uint32_t generation;
} wrt_weak_t;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// Creates a configuration with the default settings: signals on (off if the process runs under Valgrind),
// interruption off, a WebAssembly stack of 1 MiB, and as many compile threads as processors. The caller owns it.
// Never returns NULL.
wrt_config_t *wrt_config_new(void);

// Deletes a configuration. NULL does nothing.
void wrt_config_delete(wrt_config_t *config);

// Sets how traps are detected: by hardware faults and signal handlers (the default), or by explicit checks in the
// code, which are slower but need no signals. Results are the same. Signals are off by default when the process runs
// under Valgrind, which would report every such fault. Whatever is set here, they are off if the environment
// variable `WRT_SIGNALS` is `off` or `0` when `wrt_engine_new` is called.
//
// With signals, the first engine installs handlers of SIGSEGV, SIGBUS, SIGILL and SIGFPE. A signal that is not a
// trap goes to the handler that was installed before, or has its default action. If other handlers are installed
// later, the library puts its own back (see `wrt_signals_install`). A thread that blocks one of these signals cannot
// run WebAssembly: the call fails with `invalid argument` and names the signal. This is checked only when the store
// was last entered by another thread. If a thread blocks a signal between two calls, or in a callback, the library
// does not notice, and the next trap ends the process.
WRT_MUST_USE wrt_error_t *wrt_config_set_signals(wrt_config_t *config,
                                    bool on);

// Sets whether stores can be interrupted and have deadlines. Off by default; it costs nothing while it is off.
WRT_MUST_USE wrt_error_t *wrt_config_set_interruption(wrt_config_t *config,
                                         bool on);

// Sets whether relaxed vector instructions return the same results on every processor: those of the specification's
// deterministic profile. Off by default: they then do what is fastest on this processor. The bits of NaN results can
// differ in both modes, as they do for other instructions.
WRT_MUST_USE wrt_error_t *wrt_config_set_relaxed_simd_deterministic(wrt_config_t *config,
                                                       bool on);

// Sets how many bytes of stack WebAssembly may use below the frame that enters it: 1 MiB by default, at least 16 KiB
// (checked by `wrt_engine_new`). It may use less on a small stack, because a quarter of every stack, but at least
// 32 KiB and at most 256 KiB, is reserved for host functions, the runtime and signal handlers. For example, the
// host's frames and WebAssembly together have 768 KiB on a thread with a stack of 1 MiB, 96 KiB on one with 128 KiB,
// and 32 KiB on one with 64 KiB. Beyond that WebAssembly traps: "call stack exhausted". A host function may be
// called when only the reserve is left. For stacks that the host has allocated itself, see `wrt_store_set_stack`.
WRT_MUST_USE wrt_error_t *wrt_config_set_max_wasm_stack(wrt_config_t *config,
                                           size_t bytes);

// Sets whether modules are compiled lazily. Off by default; supported on x86-64 only, and ignored elsewhere.
// `wrt_module_new` then returns as soon as the module has been validated. Each function is compiled when it is first
// called, and background threads compile the rest. The number of these threads is one less than
// `wrt_config_set_threads` says, but at least one; all modules of the engine share them. Results are the same, and
// so is the final code.
//
// A function that is called before its optimized code is ready runs as baseline code, which needs more stack.
// WebAssembly may therefore use up to 16 times the stack that `wrt_config_set_max_wasm_stack` says, if the thread's
// stack is large enough. If a function cannot be compiled, its first call fails. `wrt_module_save` waits until the
// whole module is compiled. Deleting a module does not wait: a thread that is compiling one of its functions
// finishes that function first, and then the module's memory is released.
WRT_MUST_USE wrt_error_t *wrt_config_set_lazy(wrt_config_t *config,
                                 bool on);

// Sets whether background threads compile the rest of lazy modules (`wrt_config_set_lazy`). On by default. Without
// them, a function is compiled quickly by the baseline compiler at its first call, and never again. That suits
// programs that run only briefly, and hosts that do not want threads. The code then takes 1.2 to 2.8 times as long
// to run. `wrt_module_save` still compiles the whole module, on the calling thread.
WRT_MUST_USE wrt_error_t *wrt_config_set_background(wrt_config_t *config,
                                       bool on);

// Sets a directory in which compiled modules are cached, for this process and others, and how many bytes they may
// take together. Beyond `max_bytes`, the least recently used modules are removed. `directory` is a path of `len`
// bytes, which is copied; NULL and 0 mean no cache (the default). `wrt_engine_new` creates the directory, for this
// user only, if it does not exist. Any number of processes can use it at the same time. A module that is damaged, or
// comes from another version, is compiled again. The cached code will run: only trusted users may have write access
// to the directory. With `wrt_config_set_lazy`, a module is cached when all of it is compiled.
WRT_MUST_USE wrt_error_t *wrt_config_set_cache(wrt_config_t *config,
                                  const char *directory,
                                  size_t len,
                                  uint64_t max_bytes);

// Sets the maximum number of threads that compile: at least 1 (checked by `wrt_engine_new`), and as many as
// processors by default.
WRT_MUST_USE wrt_error_t *wrt_config_set_threads(wrt_config_t *config, size_t threads);

// Sets how much work the optimizing compiler may spend on one function: 7 000 000 000 by default, in units of about
// a nanosecond. A function that needs more is compiled by the baseline compiler, in lazy and other engines alike:
// its results are the same, but its code takes 1.2 to 2.8 times as long to run and needs more stack. 0 optimizes
// nothing; `UINT64_MAX` optimizes everything, however long it takes.
//
// The work is estimated from counts (instructions, blocks, values that are live at the same time, values that
// branches pass, nested loops) and never from time, so the same module and settings always produce the same code.
// Work that grows faster than a function's size may use only a share of the budget, in proportion to that size: the
// whole budget from 140 000 bytes on. Modules that were saved with another budget are rejected (`unsupported`). On
// processors without a baseline compiler (all but x86-64), a function that exceeds the budget is an error of kind
// `limit`.
WRT_MUST_USE wrt_error_t *wrt_config_set_optimization_budget(wrt_config_t *config,
                                                uint64_t work);

// Sets the maximum size of a module's machine code in bytes. The default is 64 MiB plus 64 bytes for each byte of
// the module's functions; the upper limit is 2 GiB. A module that needs more is an error of kind `limit`: of
// `wrt_module_new`, or of a function's first call if it is compiled lazily.
WRT_MUST_USE wrt_error_t *wrt_config_set_max_code_size(wrt_config_t *config,
                                          uint64_t bytes);

// Sets the maximum size of a 64-bit memory in bytes, whatever its type allows: 16 GiB by default, at most 32 TiB
// (checked by `wrt_engine_new`). This much address space is reserved for each 64-bit memory whose type does not have
// a smaller maximum; with signals, it is rounded up to a power of two of at least 4 GiB. Physical memory is used
// only for what is accessed. A module whose memory starts with more cannot be instantiated (`limit`).
WRT_MUST_USE wrt_error_t *wrt_config_set_max_memory64(wrt_config_t *config,
                                         uint64_t bytes);

// Sets how much address space is reserved for each memory, in bytes. The default, `UINT64_MAX`, reserves all that
// the memory may ever need: a little more than 4 GiB for most. A smaller value is for processes with little address
// space (`ulimit -v`, small machines) and for very many memories.
//
// With a smaller value, a memory starts with this much address space, or with its initial size if that is larger.
// When it grows beyond that, it may have to move, and an address that `wrt_memory_data` returned before is stale.
// Machine code loads the memory's address before each access and checks the access, with signals and without, so it
// is slower. A saved module can only be loaded by an engine that agrees with the saving one on whether memories may
// move: both have set less than `UINT64_MAX`, or neither has.
WRT_MUST_USE wrt_error_t *wrt_config_set_memory_reservation(wrt_config_t *config,
                                               uint64_t bytes);

// Sets the maximum number of bytes that the objects of a store may use. An allocation beyond it traps with
// `WRT_TRAP_HEAP_EXHAUSTED`. By default only the address space limits them (`wrt_config_set_heap_reservation`).
WRT_MUST_USE wrt_error_t *wrt_config_set_heap_limit(wrt_config_t *config,
                                       size_t bytes);

// Sets how much address space is reserved for the objects of each store that has a heap, in bytes. The default,
// 4 GiB, is the maximum. The minimum is 1 MiB or 16 times the initial size of the nursery, whichever is larger
// (checked by `wrt_engine_new`). The nursery and the heap's own tables take another 160 MiB of address space,
// whatever is set here. Physical memory is used only for what is accessed.
WRT_MUST_USE wrt_error_t *wrt_config_set_heap_reservation(wrt_config_t *config,
                                             size_t bytes);

// Sets the initial and the maximum size in bytes of the nursery, where objects are allocated. The defaults are
// 64 KiB and 32 MiB, and `max` cannot be more than 32 MiB (checked by `wrt_engine_new`). The nursery grows when that
// saves work.
WRT_MUST_USE wrt_error_t *wrt_config_set_nursery_size(wrt_config_t *config,
                                         size_t min,
                                         size_t max);

// Sets when the old objects are collected: after they have grown by `percent` percent of what was alive after the
// last such collection (100 by default), and by at least `min_bytes` bytes (8 MiB by default).
WRT_MUST_USE wrt_error_t *wrt_config_set_heap_growth(wrt_config_t *config,
                                        size_t percent,
                                        size_t min_bytes);

// Sets whether the library records where the host creates each reference, for `wrt_store_write_reference_report`.
// References that are still unreleased when a store is deleted are then reported on standard error. This is slow and
// meant for finding leaks. Off by default.
WRT_MUST_USE wrt_error_t *wrt_config_set_debug_references(wrt_config_t *config,
                                             bool on);

// Sets a stress mode for tests of hosts: every `n`-th allocation runs a full collection, moves all live objects, and
// overwrites the freed memory, so that references that were kept wrongly are found. 0, the default, is off.
WRT_MUST_USE wrt_error_t *wrt_config_set_gc_zeal(wrt_config_t *config,
                                    uint32_t n);

// Creates an engine. `config` is borrowed; NULL stands for the defaults. The caller owns `*out_engine`, which is
// NULL on failure. Fails with `unsupported` on a machine that is not supported, with `invalid argument` for settings
// that are out of range, and with `i/o` if the system refuses the signal handlers or the cache directory.
WRT_MUST_USE wrt_error_t *wrt_engine_new(const wrt_config_t *config,
                            wrt_engine_t **out_engine);

// Returns another owned pointer to the same engine. NULL for NULL.
wrt_engine_t *wrt_engine_clone(const wrt_engine_t *engine);

// Reports how far the compilation of the engine's modules has come: `*out_done` is how many bytes of function bodies
// have been compiled since the engine was created, and `*out_total` is how many have been compiled or are waiting to
// be. Can be called from any thread at any time, for example to show progress while another thread creates a module.
WRT_MUST_USE wrt_error_t *wrt_engine_compile_progress(const wrt_engine_t *engine,
                                         uint64_t *out_done,
                                         uint64_t *out_total);

// Returns how many defined types exist in the engine, from modules and from the host: those that something keeps
// alive (see `wrt_type_t`). Can be called from any thread at any time. 0 for NULL.
size_t wrt_engine_type_count(const wrt_engine_t *engine);

// Deletes an engine pointer. NULL does nothing.
void wrt_engine_delete(wrt_engine_t *engine);

// Creates an error for a callback to return. `kind` is one of the `WRT_ERROR_KIND_*`; an unknown one becomes
// `WRT_ERROR_KIND_HOST`. The message is UTF-8 and is copied. Control characters are escaped, and a message of more
// than 1000 bytes is cut off. NULL stands for the name of the kind. The caller owns the error. Never returns NULL.
// Legal anywhere.
wrt_error_t *wrt_error_new(uint8_t kind,
                           const char *message,
                           size_t message_len);

// Creates the error of a guest that asks to exit with `status`, for a callback to return. The caller owns it. Never
// returns NULL.
wrt_error_t *wrt_error_new_exit(int32_t status);

// Creates the error of a trap, for a callback to return. `code` is one of the `WRT_TRAP_*`; any other code returns
// an error of kind `invalid argument` instead. The caller owns it. Never returns NULL.
wrt_error_t *wrt_error_new_trap(uint8_t code);

// Deletes an error. NULL does nothing.
void wrt_error_delete(wrt_error_t *error);

// Returns the error's kind, one of the `WRT_ERROR_KIND_*`. 0 for NULL. Later versions may add kinds: be prepared for
// unknown ones.
uint8_t wrt_error_kind(const wrt_error_t *error);

// Returns the static name of a kind, such as "type mismatch". "unknown" for an unknown kind; never NULL.
const char *wrt_error_kind_name(uint8_t kind);

// Returns the message, NUL-terminated and borrowed from the error. It is one line of UTF-8 of at most 1040 bytes:
// control characters are escaped, and long names are cut off. `out_len` may be NULL. "" for NULL.
const char *wrt_error_message(const wrt_error_t *error,
                              size_t *out_len);

// Returns the trap's code, one of the `WRT_TRAP_*`; 0 if the error is not a trap.
uint8_t wrt_error_trap_code(const wrt_error_t *error);

// Returns the static name of a trap code, such as "integer overflow". "unknown" for an unknown code; never NULL.
const char *wrt_trap_name(uint8_t code);

// Returns whether the error is about a position in the module, and writes its byte offset to `*out_offset` (may be
// NULL): 0 if there is none.
bool wrt_error_offset(const wrt_error_t *error,
                      uint64_t *out_offset);

// Returns whether the error is a guest's exit, and writes the exit status to `*out_status` (may be NULL): 0 if it is
// not.
bool wrt_error_exit_status(const wrt_error_t *error,
                           int32_t *out_status);

// Returns how many WebAssembly frames the backtrace has. 0 for NULL.
size_t wrt_error_frame_count(const wrt_error_t *error);

// Writes frame `index` of the backtrace, counted from the innermost, which is 0. Fails with `invalid argument` if
// there is no such frame; the offsets are then UINT32_MAX, and the other fields NULL or 0.
WRT_MUST_USE wrt_error_t *wrt_error_frame(const wrt_error_t *error,
                             size_t index,
                             wrt_frame_t *out_frame);

// Creates an exception of a tag, in the innermost scope, without throwing it. `take_values` are the values that it
// carries, one for each parameter of the tag's type. They are taken: the slots become empty, also on failure. Fails
// with `type mismatch` if their number or types do not fit. May run a collection, and finalizers.
WRT_MUST_USE wrt_error_t *wrt_exception_new(wrt_store_t *store,
                               const wrt_tag_t *tag,
                               wrt_val_t *take_values,
                               size_t value_count,
                               wrt_ref_t *out_reference);

// Writes the tag of an exception; compare it by `wrt_tag_equal`. Fails with `type mismatch` if the reference is not
// to an exception.
WRT_MUST_USE wrt_error_t *wrt_exception_tag(wrt_store_t *store,
                               const wrt_ref_t *reference,
                               wrt_tag_t *out_tag);

// Writes how many values an exception carries. Fails as `wrt_exception_tag` does.
WRT_MUST_USE wrt_error_t *wrt_exception_value_count(wrt_store_t *store, const wrt_ref_t *reference, uint32_t *out_count);

// Writes value `index` of an exception. A reference in it belongs to the caller, in the innermost scope. Fails with
// `invalid argument` if there is no such value, and as `wrt_exception_tag` does.
WRT_MUST_USE wrt_error_t *wrt_exception_value(wrt_store_t *store,
                                 const wrt_ref_t *reference,
                                 uint32_t index,
                                 wrt_val_t *out_value);

// Writes all values that an exception carries. `count` must be their number, otherwise this fails with
// `type mismatch`. References belong to the caller, in the innermost scope. Fails also as `wrt_exception_tag` does;
// all values are empty on failure.
WRT_MUST_USE wrt_error_t *wrt_exception_values(wrt_store_t *store,
                                  const wrt_ref_t *reference,
                                  wrt_val_t *out_values,
                                  size_t count);

// Writes the exception that an error holds, as a reference in the innermost scope; the empty reference if it holds
// none. The error is borrowed and continues to hold the exception. Fails with `wrong store` for an exception of
// another store.
WRT_MUST_USE wrt_error_t *wrt_error_exception(wrt_store_t *store,
                                 const wrt_error_t *error,
                                 wrt_ref_t *out_reference);

// Creates the error that holds an exception: a callback that returns it throws the exception. `*take_reference` is
// taken: the slot becomes empty, except for a reference of another store. The error holds the exception until it is
// deleted, which any thread can do, also after the store is destroyed. The caller owns the error. Never returns
// NULL: on failure, the returned error says why.
wrt_error_t *wrt_error_new_exception(wrt_store_t *store,
                                     wrt_ref_t *take_reference);

// As `wrt_externref_new`, for a host object with `field_count` fields. Each field refers to another object, or to
// nothing, as at first. The host object keeps the objects in its fields alive while it lives itself, so cycles
// through it are collected.
WRT_MUST_USE wrt_error_t *wrt_externref_new_with_fields(wrt_store_t *store,
                                           void *userdata,
                                           wrt_finalizer_t finalizer,
                                           size_t external_bytes,
                                           uint32_t field_count,
                                           wrt_ref_t *out_reference);

// Writes what a field of a host object refers to, as a reference in the innermost scope; the empty reference if it
// refers to nothing. Fails with `invalid argument` if there is no such field, and with `type mismatch` if the
// reference is not to a host object.
WRT_MUST_USE wrt_error_t *wrt_externref_get_field(wrt_store_t *store,
                                     const wrt_ref_t *reference,
                                     uint32_t index,
                                     wrt_ref_t *out_reference);

// Sets what a field of a host object refers to: `*take_value`, or nothing if that is the empty reference.
// `*take_value` is taken: the slot becomes empty, also on failure, except for a reference of another store. Fails as
// `wrt_externref_get_field` does.
WRT_MUST_USE wrt_error_t *wrt_externref_set_field(wrt_store_t *store,
                                     const wrt_ref_t *reference,
                                     uint32_t index,
                                     wrt_ref_t *take_value);

// Creates a host object: an externref to data of the host, in the innermost scope. `userdata` is never dereferenced.
// `finalizer` (may be NULL) is called with it once: after the last reference is gone, at the latest when the store
// is destroyed, or when this call fails. It is called outside of collections, on a thread that uses or deletes the
// store, and cannot use the store itself. `external_bytes` is how many bytes of the host's memory the object stands
// for: the collector counts them like bytes of its own heap.
WRT_MUST_USE wrt_error_t *wrt_externref_new(wrt_store_t *store,
                               void *userdata,
                               wrt_finalizer_t finalizer,
                               size_t external_bytes,
                               wrt_ref_t *out_reference);

// Writes the userdata of a host object, also if the reference was converted to `any`. Fails with `type mismatch` if
// the reference is not to a host object.
WRT_MUST_USE wrt_error_t *wrt_externref_userdata(wrt_store_t *store,
                                    const wrt_ref_t *reference,
                                    void **out_userdata);

// Returns how many proposals the library has. Each can be turned on and off.
size_t wrt_feature_count(void);

// Returns the name of a proposal, such as "tail-call": that of its repository under github.com/WebAssembly. The
// string is static and NUL-terminated. `out_len` may be NULL. NULL if `index` is not below `wrt_feature_count()`.
const char *wrt_feature_name(size_t index,
                             size_t *out_len);

// Returns one line that says what a proposal adds. Otherwise as `wrt_feature_name`.
const char *wrt_feature_summary(size_t index, size_t *out_len);

// Turns a proposal on, together with those it depends on, or off, together with those that depend on it. By default
// all of WebAssembly 3.0 that the library has is on, and atomic instructions ("threads"); everything else is off. A
// module that needs a proposal that is off is rejected by an error of kind `unsupported` that says what it needs and
// where. Fails with `not found` for an unknown name, and with `unsupported` if a proposal is turned on that the
// library does not have; the configuration is then unchanged.
WRT_MUST_USE wrt_error_t *wrt_config_set_feature(wrt_config_t *config,
                                    const char *name,
                                    size_t name_len,
                                    bool on);

// Writes whether a proposal is on. A proposal that the library knows but does not have is off. Fails with
// `not found` for an unknown name.
WRT_MUST_USE wrt_error_t *wrt_config_get_feature(const wrt_config_t *config,
                                    const char *name,
                                    size_t name_len,
                                    bool *out_on);

// Returns the store that the call runs in: the pointer that `wrt_store_new` has written. NULL for NULL.
wrt_store_t *wrt_caller_store(const wrt_caller_t *caller);

// Writes the instance whose code made the call. Returns false, and writes the empty handle, if the host itself
// called the function.
bool wrt_caller_instance(const wrt_caller_t *caller,
                         wrt_instance_t *out_instance);

// Creates a host function in a store. The type is borrowed. `userdata` is never dereferenced. `finalizer` (may be
// NULL) is called with it once: when the store is destroyed, when the function is released and freed, or when this
// call fails. One callback can serve many functions.
// If the system forbids executable memory, fails with `i/o` unless a module that declares the type was loaded from a
// file.
WRT_MUST_USE wrt_error_t *wrt_func_new(wrt_store_t *store,
                          const wrt_functype_t *ty,
                          wrt_func_callback_t callback,
                          void *userdata,
                          wrt_finalizer_t finalizer,
                          wrt_func_t *out_func);

// As `wrt_func_new`, with a callback on raw slots.
WRT_MUST_USE wrt_error_t *wrt_func_new_raw(wrt_store_t *store,
                              const wrt_functype_t *ty,
                              wrt_func_raw_callback_t callback,
                              void *userdata,
                              wrt_finalizer_t finalizer,
                              wrt_func_t *out_func);

// Writes the function's type. The caller owns `*out_type`, which is NULL on failure.
WRT_MUST_USE wrt_error_t *wrt_func_type(wrt_store_t *store, const wrt_func_t *func, wrt_functype_t **out_type);

// Calls a function. `args` are borrowed; their number and kinds must be exactly those of the function's type.
// `results` are always written: the results on success, empty values on failure. They may be the same array as
// `args`. References in the results belong to the caller, in the innermost scope. Fails with `trap`, with
// `interrupted`, with `exception` (WebAssembly threw one and did not catch it), with the error of a host function,
// or with `type mismatch`; the store stays usable. Legal in callbacks of the same store.
WRT_MUST_USE wrt_error_t *wrt_func_call(wrt_store_t *store,
                           const wrt_func_t *func,
                           const wrt_val_t *args,
                           size_t arg_count,
                           wrt_val_t *results,
                           size_t result_count);

// Calls a function without checking the values: `slots` hold the arguments and receive the results, both starting at
// slot 0. `slot_count` must be at least the number of parameters and the number of results; this is checked. The
// caller must ensure that the arguments have the right types and that funcrefs are alive. Otherwise as
// `wrt_func_call`.
WRT_MUST_USE wrt_error_t *wrt_func_call_raw(wrt_store_t *store,
                               const wrt_func_t *func,
                               wrt_raw_t *slots,
                               size_t slot_count);

// Gives up the host's hold on a function that `wrt_func_new` created. The function lives as long as something refers
// to it, and a full collection after that frees it; its handles are then stale. The slot becomes empty. Fails with
// `invalid argument` for a function of an instance, which lives as long as the instance, and with `stale handle` if
// the function was already released.
WRT_MUST_USE wrt_error_t *wrt_func_release(wrt_store_t *store,
                              wrt_func_t *take_func);

// Returns whether two handles name the same function. False for NULL and for empty handles.
bool wrt_func_equal(const wrt_func_t *a, const wrt_func_t *b);

// Creates a global of a value kind (`WRT_I32`, ...). `*take_value` is taken: the slot becomes empty, also on
// failure. Fails with `type mismatch` if the value is of another kind.
WRT_MUST_USE wrt_error_t *wrt_global_new(wrt_store_t *store,
                            uint8_t kind,
                            bool mutable_,
                            wrt_val_t *take_value,
                            wrt_global_t *out_global);

// As `wrt_global_new`, for a global of any type.
WRT_MUST_USE wrt_error_t *wrt_global_new_of(wrt_store_t *store,
                               const wrt_type_t *ty,
                               bool mutable_,
                               wrt_val_t *take_value,
                               wrt_global_t *out_global);

// Writes the type of the global's value.
WRT_MUST_USE wrt_error_t *wrt_global_value_type(wrt_store_t *store, const wrt_global_t *global, wrt_type_t *out_type);

// Writes the kind of the global's value, and whether the global is mutable.
WRT_MUST_USE wrt_error_t *wrt_global_type(wrt_store_t *store,
                             const wrt_global_t *global,
                             uint8_t *out_kind,
                             bool *out_mutable);

// Writes the global's value. A reference in it belongs to the caller, in the innermost scope.
WRT_MUST_USE wrt_error_t *wrt_global_get(wrt_store_t *store, const wrt_global_t *global, wrt_val_t *out_value);

// Sets the global to `*take_value`, which is taken: the slot becomes empty, also on failure. Fails with
// `type mismatch` if the global is immutable or of another kind.
WRT_MUST_USE wrt_error_t *wrt_global_set(wrt_store_t *store, const wrt_global_t *global, wrt_val_t *take_value);

// Gives up the host's hold on a global that `wrt_global_new` created. The global lives as long as something refers
// to it, and a full collection after that frees it; its handles are then stale. The slot becomes empty. Fails with
// `invalid argument` for a global of an instance, which lives as long as the instance, and with `stale handle` if
// the global was already released.
WRT_MUST_USE wrt_error_t *wrt_global_release(wrt_store_t *store,
                                wrt_global_t *take_global);

// Runs a full collection: frees all objects and released parts of the store that nothing refers to any more, and
// runs the finalizers of host objects among them.
WRT_MUST_USE wrt_error_t *wrt_store_gc(wrt_store_t *store);

// Fills in statistics of the store's heap. `stats->size` must be set. On failure all other fields are 0, unless the
// size is wrong: then nothing is written.
WRT_MUST_USE wrt_error_t *wrt_store_heap_stats(wrt_store_t *store,
                                  wrt_heap_stats_t *out_stats);

// Counts the objects in a store's heap by age, and the references into it by kind. It visits every object and frees
// none, so it takes as long as a full collection. `census->size` must be set. On failure all other fields are 0,
// unless the size is wrong: then nothing is written.
WRT_MUST_USE wrt_error_t *wrt_store_heap_census(wrt_store_t *store,
                                   wrt_heap_census_t *out_census);

// Sets the maximum size in bytes of the nursery for this store, from the next collection on. Otherwise as
// `wrt_config_set_nursery_size`.
WRT_MUST_USE wrt_error_t *wrt_store_set_nursery_max(wrt_store_t *store, size_t bytes);

// Sets when the old objects of this store are collected, from the next collection on. Otherwise as
// `wrt_config_set_heap_growth`.
WRT_MUST_USE wrt_error_t *wrt_store_set_heap_growth(wrt_store_t *store, size_t percent, size_t min_bytes);

// Sets the callback that is called after each collection; NULL removes it. `finalizer` (may be NULL) is called with
// `userdata` once: when the callback is replaced, when the store is destroyed, or when this call fails. Fails with
// `invalid argument` while the store runs WebAssembly.
WRT_MUST_USE wrt_error_t *wrt_store_set_gc_callback(wrt_store_t *store,
                                       wrt_gc_callback_t callback,
                                       void *userdata,
                                       wrt_finalizer_t finalizer);

// Runs a full collection, and then writes all objects of a store, with their names and what refers to them, in the
// format of Chromium's developer tools. Saved in a file `NAME.heapsnapshot`, the output can be opened in their
// memory panel, which shows sizes and retaining paths. The callback is called several times, with one piece each; it
// cannot use the store.
WRT_MUST_USE wrt_error_t *wrt_store_write_heap_snapshot(wrt_store_t *store,
                                           wrt_write_callback_t write,
                                           void *userdata);

// Writes as text which references of the host are alive in a store: how many were created where, the most frequent
// place first. The engine must be configured for it (`wrt_config_set_debug_references`). The callback cannot use the
// store.
WRT_MUST_USE wrt_error_t *wrt_store_write_reference_report(wrt_store_t *store,
                                              wrt_write_callback_t write,
                                              void *userdata);

// Creates an instance and runs its start function. `imports` are in the order of the module's imports; everything is
// borrowed. Fails with `link` if an import does not fit, and as the start function does. `*out_instance` is empty on
// failure; an instance that already existed when this failed lives as long as something refers to it.
WRT_MUST_USE wrt_error_t *wrt_instance_new(wrt_store_t *store,
                              const wrt_module_t *module,
                              const wrt_extern_t *imports,
                              size_t import_count,
                              wrt_instance_t *out_instance);

// Gives up the host's hold on an instance. The instance lives as long as a frame, an import, a table, a global, an
// object or a reference refers to it, and a full collection after that frees it; its handles, and those of its
// exports, are then stale. The slot becomes empty. Fails with `stale handle` if the instance was already released.
// Legal in callbacks, also for the calling instance.
WRT_MUST_USE wrt_error_t *wrt_instance_release(wrt_store_t *store,
                                  wrt_instance_t *take_instance);

// As `wrt_instance_release`, from any thread: the release takes effect when the store is next used, if it still
// exists. The slot becomes empty. Does nothing if the instance was already released.
void wrt_instance_drop(wrt_instance_t *take_instance);

// Writes the export with a name. Fails with `not found` if there is none.
WRT_MUST_USE wrt_error_t *wrt_instance_get(wrt_store_t *store,
                              const wrt_instance_t *instance,
                              const char *name,
                              size_t name_len,
                              wrt_extern_t *out_extern);

// Writes export `index`, in the order of the module. Fails with `invalid argument` if there is none.
WRT_MUST_USE wrt_error_t *wrt_instance_export(wrt_store_t *store,
                                 const wrt_instance_t *instance,
                                 size_t index,
                                 wrt_extern_t *out_extern);

// Writes the exported function with a name. Fails with `not found` if there is no such export, and with
// `type mismatch` if it is not a function.
WRT_MUST_USE wrt_error_t *wrt_instance_get_func(wrt_store_t *store,
                                   const wrt_instance_t *instance,
                                   const char *name,
                                   size_t name_len,
                                   wrt_func_t *out_func);

// Writes the exported table with a name. Fails as `wrt_instance_get_func` does.
WRT_MUST_USE wrt_error_t *wrt_instance_get_table(wrt_store_t *store,
                                    const wrt_instance_t *instance,
                                    const char *name,
                                    size_t name_len,
                                    wrt_table_t *out_table);

// Writes the exported memory with a name. Fails as `wrt_instance_get_func` does.
WRT_MUST_USE wrt_error_t *wrt_instance_get_memory(wrt_store_t *store,
                                     const wrt_instance_t *instance,
                                     const char *name,
                                     size_t name_len,
                                     wrt_memory_t *out_memory);

// Writes the exported global with a name. Fails as `wrt_instance_get_func` does.
WRT_MUST_USE wrt_error_t *wrt_instance_get_global(wrt_store_t *store,
                                     const wrt_instance_t *instance,
                                     const char *name,
                                     size_t name_len,
                                     wrt_global_t *out_global);

// Writes the exported tag with a name. Fails as `wrt_instance_get_func` does.
WRT_MUST_USE wrt_error_t *wrt_instance_get_tag(wrt_store_t *store,
                                  const wrt_instance_t *instance,
                                  const char *name,
                                  size_t name_len,
                                  wrt_tag_t *out_tag);

// Sets the store's deadline to `nanoseconds` from now, in place of the previous one; 0 removes it. Fails with
// `invalid argument` if the engine is not configured for interruption (`wrt_config_set_interruption`).
//
// When the deadline passes, or after `wrt_interrupt_trigger`, an interrupt is pending. What the store runs then, or
// next, fails with an error of kind `interrupted`: WebAssembly at the next function entry or loop iteration; WASI
// functions that wait; and instantiation, bulk instructions and bulk functions of this library, after at most
// 256 KiB of a memory or 4096 elements of a table or an array. What was written before the interrupt stays written;
// what was to grow has not grown. Guests cannot catch an interrupt.
//
// An interrupt stays pending until the outermost call of the store has returned. If a callback continues after a
// nested call was interrupted, everything it calls next is interrupted as well, and so is the guest that called it.
// An interrupt that has not interrupted anything applies to the next call. While the store runs nothing, this
// function clears a deadline that has passed and, if `nanoseconds` is 0, also an interrupt that was triggered. While
// the store runs something, it clears nothing.
//
// Collections and host functions are not interrupted; a host function can ask by `wrt_store_interrupted`.
WRT_MUST_USE wrt_error_t *wrt_store_set_deadline(wrt_store_t *store,
                                    uint64_t nanoseconds);

// Sets the callback that is asked for more time when the store's deadline has passed; NULL removes it. It is not
// asked if the store was also interrupted by `wrt_interrupt_trigger`. Once it has returned 0, it is not asked again
// until the outermost call has returned. `finalizer` (may be NULL) is called with `userdata` once: when the callback
// is replaced, when the store is destroyed, or when this call fails. Fails with `invalid argument` while the store
// runs WebAssembly, and if the engine is not configured for interruption.
WRT_MUST_USE wrt_error_t *wrt_store_set_deadline_callback(wrt_store_t *store,
                                             wrt_deadline_callback_t callback,
                                             void *userdata,
                                             wrt_finalizer_t finalizer);

// Returns whether an interrupt is pending: it was triggered, or the deadline has passed. This is for host functions
// that take long: they may then return early, with any result, because the guest is stopped next. Changes nothing,
// and does not call the deadline callback. To be called on the store's thread; also legal in limiters and
// finalizers. False for NULL.
bool wrt_store_interrupted(const wrt_store_t *store);

// Returns the nanoseconds until the store's deadline: 0 if it has passed, and `UINT64_MAX` if there is none. To be
// called on the store's thread; also legal in limiters and finalizers. `UINT64_MAX` for NULL.
uint64_t wrt_store_time_left(const wrt_store_t *store);

// Fails with `interrupted` if a guest would be stopped now; otherwise does nothing. This is for host functions that
// take long. If only the deadline has passed, the deadline callback is asked for more time first. A host function
// may return the error; if it does not, the guest is stopped nevertheless.
WRT_MUST_USE wrt_error_t *wrt_store_take_interrupt(wrt_store_t *store);

// Creates an object that interrupts this store. The caller owns `*out_interrupt`, which is NULL on failure. Fails
// with `invalid argument` if the engine is not configured for interruption.
WRT_MUST_USE wrt_error_t *wrt_interrupt_new(wrt_store_t *store,
                               wrt_interrupt_t **out_interrupt);

// Interrupts the store: what it runs now, or next, ends with an error of kind `interrupted`, as described at
// `wrt_store_set_deadline`. The deadline callback is not asked. Can be called from any thread and from signal
// handlers. NULL does nothing.
void wrt_interrupt_trigger(const wrt_interrupt_t *interrupt);

// Deletes an interrupt object. NULL does nothing.
void wrt_interrupt_delete(wrt_interrupt_t *interrupt);

// Creates a linker without definitions. The engine is borrowed. The caller owns `*out_linker`, which is NULL on
// failure.
WRT_MUST_USE wrt_error_t *wrt_linker_new(const wrt_engine_t *engine,
                            wrt_linker_t **out_linker);

// Deletes a linker. Instances that it has created stay, and so does the userdata of the functions that they use.
// NULL does nothing.
void wrt_linker_delete(wrt_linker_t *linker);

// Defines a host function by a module name and a name. `signature` is its type as text, such as `(i32, i64) -> f64`.
// `userdata` is never dereferenced. `finalizer` (may be NULL) is called with it once: when the linker and all stores
// that use the function are gone, or when this call fails. Fails with `invalid argument` if the name is already
// defined.
WRT_MUST_USE wrt_error_t *wrt_linker_define_func(wrt_linker_t *linker,
                                    const char *module,
                                    size_t module_len,
                                    const char *name,
                                    size_t name_len,
                                    const char *signature,
                                    size_t signature_len,
                                    wrt_func_callback_t callback,
                                    void *userdata,
                                    wrt_finalizer_t finalizer);

// As `wrt_linker_define_func`, with a callback on raw slots.
WRT_MUST_USE wrt_error_t *wrt_linker_define_func_raw(wrt_linker_t *linker,
                                        const char *module,
                                        size_t module_len,
                                        const char *name,
                                        size_t name_len,
                                        const char *signature,
                                        size_t signature_len,
                                        wrt_func_raw_callback_t callback,
                                        void *userdata,
                                        wrt_finalizer_t finalizer);

// As `wrt_linker_define_func`, with any function type, which is borrowed.
WRT_MUST_USE wrt_error_t *wrt_linker_define_func_of(wrt_linker_t *linker,
                                       const char *module,
                                       size_t module_len,
                                       const char *name,
                                       size_t name_len,
                                       const wrt_functype_t *ty,
                                       wrt_func_callback_t callback,
                                       void *userdata,
                                       wrt_finalizer_t finalizer);

// Defines an object of a store by a module name and a name. The object is borrowed. Fails with `invalid argument` if
// the name is already defined.
WRT_MUST_USE wrt_error_t *wrt_linker_define(wrt_linker_t *linker,
                               wrt_store_t *store,
                               const char *module,
                               size_t module_len,
                               const char *name,
                               size_t name_len,
                               const wrt_extern_t *item);

// Defines every export of an instance under one module name. If one of the names is already defined, this fails with
// `invalid argument` and defines nothing.
WRT_MUST_USE wrt_error_t *wrt_linker_define_instance(wrt_linker_t *linker,
                                        wrt_store_t *store,
                                        const char *module,
                                        size_t module_len,
                                        const wrt_instance_t *instance);

// Creates an instance whose imports are found by name, and runs its start function. Everything is borrowed. Fails
// with `link` if imports are not defined or one does not fit; the message names the undefined imports (at most
// eight), or the one that does not fit. Fails also as the start function does. `*out_instance` is empty on failure.
WRT_MUST_USE wrt_error_t *wrt_linker_instantiate(const wrt_linker_t *linker,
                                    wrt_store_t *store,
                                    const wrt_module_t *module,
                                    wrt_instance_t *out_instance);

// Creates a memory with 32-bit indexes. `limits` are in pages of 64 KiB, and are borrowed. Fails with `limit` or
// `out of memory`, and with `invalid argument` if the maximum is below the minimum.
WRT_MUST_USE wrt_error_t *wrt_memory_new(wrt_store_t *store,
                            const wrt_size_limits_t *limits,
                            wrt_memory_t *out_memory);

// Fills in options for an empty memory with 32-bit indexes and pages of 64 KiB, which can grow as far as these
// indexes reach. NULL does nothing.
void wrt_memory_options_init(wrt_memory_options_t *out_options);

// As `wrt_memory_new`, for a memory of any type. The options are borrowed. Fails with `limit` if a 64-bit memory is
// to start with more bytes than `wrt_config_set_max_memory64` allows.
WRT_MUST_USE wrt_error_t *wrt_memory_new_with(wrt_store_t *store,
                                 const wrt_memory_options_t *options,
                                 wrt_memory_t *out_memory);

// Writes whether the memory's indexes have 64 bits.
WRT_MUST_USE wrt_error_t *wrt_memory_is_64(wrt_store_t *store, const wrt_memory_t *memory, bool *out_is_64);

// Writes how many bytes a page of the memory has: 65536 or 1.
WRT_MUST_USE wrt_error_t *wrt_memory_page_size(wrt_store_t *store, const wrt_memory_t *memory, uint64_t *out_bytes);

// Writes the memory's current limits in pages: the minimum is the current size.
WRT_MUST_USE wrt_error_t *wrt_memory_type(wrt_store_t *store, const wrt_memory_t *memory, wrt_size_limits_t *out_limits);

// Writes the memory's address, and its size in bytes. Either output may be NULL. The size can grow whenever
// WebAssembly or `wrt_memory_grow` runs. The address stays the same for the memory's life, unless memories can move
// (`wrt_config_set_memory_reservation`): then it can change whenever the size does. Once the memory is gone (with
// its store, or freed after a release), do not use the address any more: it may be another memory's.
WRT_MUST_USE wrt_error_t *wrt_memory_data(wrt_store_t *store,
                             const wrt_memory_t *memory,
                             uint8_t **out_data,
                             size_t *out_size);

// Writes the memory's size in pages (`wrt_memory_page_size`).
WRT_MUST_USE wrt_error_t *wrt_memory_size(wrt_store_t *store, const wrt_memory_t *memory, uint64_t *out_pages);

// Grows the memory by `delta` pages, and writes its previous size in pages to `*out_old_pages` (may be NULL). Fails
// with `limit` if it cannot grow, and then changes nothing.
WRT_MUST_USE wrt_error_t *wrt_memory_grow(wrt_store_t *store,
                             const wrt_memory_t *memory,
                             uint64_t delta,
                             uint64_t *out_old_pages);

// Copies `len` bytes from `offset` of the memory to `out`. Fails with a trap of code
// `WRT_TRAP_MEMORY_OUT_OF_BOUNDS`, or with `interrupted`; all bytes of `out` are 0 on failure.
WRT_MUST_USE wrt_error_t *wrt_memory_read(wrt_store_t *store,
                             const wrt_memory_t *memory,
                             uint64_t offset,
                             void *out,
                             size_t len);

// Copies `len` bytes to `offset` of the memory. Fails with a trap of code `WRT_TRAP_MEMORY_OUT_OF_BOUNDS`, and then
// writes nothing; or with `interrupted`, and then may have written some of the bytes.
WRT_MUST_USE wrt_error_t *wrt_memory_write(wrt_store_t *store,
                              const wrt_memory_t *memory,
                              uint64_t offset,
                              const void *bytes,
                              size_t len);

// Gives up the host's hold on a memory that `wrt_memory_new` created. The memory lives as long as something refers
// to it, and a full collection after that frees it; its handles are then stale. The slot becomes empty. Fails with
// `invalid argument` for a memory of an instance, which lives as long as the instance, and with `stale handle` if
// the memory was already released.
WRT_MUST_USE wrt_error_t *wrt_memory_release(wrt_store_t *store,
                                wrt_memory_t *take_memory);

// Compiles a module in the binary format or as text (`(module ...)`). The bytes are borrowed. The caller owns
// `*out_module`, which is NULL on failure. Fails with `malformed`, `invalid module`, `unsupported` or `limit`, and
// with the byte offset if it is known (`wrt_error_offset`). If the module is text, the offset is in the binary that
// it is translated to, and the message starts with line and column if they are known. Fails with `i/o` if the system
// forbids executable memory: then modules run only from files (`wrt_module_load_file`).
WRT_MUST_USE wrt_error_t *wrt_module_new(const wrt_engine_t *engine,
                            const void *bytes,
                            size_t len,
                            wrt_module_t **out_module);

// Validates a module in the binary format or as text, without compiling it. The bytes are borrowed. Fails as
// `wrt_module_new` does.
WRT_MUST_USE wrt_error_t *wrt_module_validate(const wrt_engine_t *engine, const void *bytes, size_t len);

// Writes the compiled module as bytes for `wrt_module_load`, in this or another process of the same version and
// configuration on the same kind of machine. The caller owns `*out_bytes`, and deletes them with `wrt_bytes_delete`.
// Waits until all functions of a lazy module are compiled.
WRT_MUST_USE wrt_error_t *wrt_module_save(const wrt_module_t *module,
                             uint8_t **out_bytes,
                             size_t *out_len);

// Deletes bytes that `wrt_module_save` has written; `len` must be the length that it has written. NULL does nothing.
void wrt_bytes_delete(uint8_t *bytes,
                      size_t len);

// Creates a module from bytes that `wrt_module_save` has written, which are borrowed. The caller owns `*out_module`,
// which is NULL on failure. Fails with `unsupported` if the bytes are of another version, machine or configuration,
// with `malformed` if they are damaged, and with `i/o` if the system forbids executable memory. The bytes contain machine
// code that will run: load only what you trust.
WRT_MUST_USE wrt_error_t *wrt_module_load(const wrt_engine_t *engine,
                             const void *bytes,
                             size_t len,
                             wrt_module_t **out_module);

// Writes the compiled module to a file, as `wrt_module_save` does to memory. `path` has `len` bytes. The file
// appears complete or not at all: it is written under another name and then renamed. Fails with `i/o`.
WRT_MUST_USE wrt_error_t *wrt_module_save_file(const wrt_module_t *module, const char *path, size_t len);

// Creates a module from a file that `wrt_module_save_file` has written, or that holds the bytes of
// `wrt_module_save`. `path` has `len` bytes. The file is mapped, not read as a whole: it may be replaced or removed,
// but must not be changed or shortened in place while the module or an instance of it lives. Fails with `i/o` if the
// file cannot be read. Otherwise as `wrt_module_load`.
//
// The only executable memory that this needs is the file's own, which must be on a file system that allows execution.
// If the process can make no other memory executable, the module still runs completely, and host functions of the types
// that it declares can be created once it is loaded. But then the file must not be changed in place while the engine
// lives.
WRT_MUST_USE wrt_error_t *wrt_module_load_file(const wrt_engine_t *engine,
                                  const char *path,
                                  size_t len,
                                  wrt_module_t **out_module);

// Returns another owned pointer to the same module. NULL for NULL.
wrt_module_t *wrt_module_clone(const wrt_module_t *module);

// Deletes a module pointer. Instances keep what they need of the module. NULL does nothing.
void wrt_module_delete(wrt_module_t *module);

// Returns the module's name from its name section, borrowed from the module; NULL if it has none. `out_len` may be
// NULL.
const char *wrt_module_name(const wrt_module_t *module,
                            size_t *out_len);

// Returns how many imports the module has. 0 for NULL.
size_t wrt_module_import_count(const wrt_module_t *module);

// Writes import `index`, in the order of the module. Fails with `invalid argument` if there is no such import.
WRT_MUST_USE wrt_error_t *wrt_module_import(const wrt_module_t *module,
                               size_t index,
                               wrt_import_t *out_import);

// Returns how many exports the module has. 0 for NULL.
size_t wrt_module_export_count(const wrt_module_t *module);

// Writes export `index`, in the order of the module. Fails with `invalid argument` if there is no such export.
WRT_MUST_USE wrt_error_t *wrt_module_export(const wrt_module_t *module,
                               size_t index,
                               wrt_export_t *out_export);

// Writes the export with a name. Fails with `not found` if there is none.
WRT_MUST_USE wrt_error_t *wrt_module_get_export(const wrt_module_t *module,
                                   const char *name,
                                   size_t name_len,
                                   wrt_export_t *out_export);

// Creates a structure of a defined type, in the innermost scope. `take_fields` are the values of all its fields, in
// order. They are taken: the slots become empty, also on failure. Fails with `type mismatch` if their number or
// types do not fit. May run a collection, and finalizers.
WRT_MUST_USE wrt_error_t *wrt_struct_new(wrt_store_t *store,
                            const wrt_type_t *ty,
                            wrt_val_t *take_fields,
                            size_t field_count,
                            wrt_ref_t *out_reference);

// Creates a structure whose fields are zero or null, in the innermost scope. Fails with `type mismatch` if a field
// has no such value. May run a collection.
WRT_MUST_USE wrt_error_t *wrt_struct_new_default(wrt_store_t *store,
                                    const wrt_type_t *ty,
                                    wrt_ref_t *out_reference);

// Writes how many fields the structure has.
WRT_MUST_USE wrt_error_t *wrt_struct_field_count(wrt_store_t *store, const wrt_ref_t *reference, uint32_t *out_count);

// Writes the value of a field of a structure. A packed field is zero-extended. A reference in the value belongs to
// the caller, in the innermost scope. Fails with `invalid argument` if there is no such field.
WRT_MUST_USE wrt_error_t *wrt_struct_get(wrt_store_t *store,
                            const wrt_ref_t *reference,
                            uint32_t field,
                            wrt_val_t *out_value);

// Sets a field of a structure to `*take_value`, which is taken: the slot becomes empty, also on failure. A packed
// field takes the low bits. Fails with `type mismatch` if the field is immutable.
WRT_MUST_USE wrt_error_t *wrt_struct_set(wrt_store_t *store,
                            const wrt_ref_t *reference,
                            uint32_t field,
                            wrt_val_t *take_value);

// Creates an array of `len` elements that are all `*take_init`, in the innermost scope. `*take_init` is taken: the
// slot becomes empty, also on failure. Fails with a trap of code `WRT_TRAP_HEAP_EXHAUSTED` if the heap has no space.
// May run a collection.
WRT_MUST_USE wrt_error_t *wrt_array_new(wrt_store_t *store,
                           const wrt_type_t *ty,
                           wrt_val_t *take_init,
                           uint32_t len,
                           wrt_ref_t *out_reference);

// Creates an array of `len` elements that are zero or null, in the innermost scope. Fails with `type mismatch` if
// the elements have no such value. May run a collection.
WRT_MUST_USE wrt_error_t *wrt_array_new_default(wrt_store_t *store,
                                   const wrt_type_t *ty,
                                   uint32_t len,
                                   wrt_ref_t *out_reference);

// Creates an array of `count` given elements, in the innermost scope. `take_elements` are taken: the slots become
// empty, also on failure. May run a collection.
WRT_MUST_USE wrt_error_t *wrt_array_new_of(wrt_store_t *store,
                              const wrt_type_t *ty,
                              wrt_val_t *take_elements,
                              size_t count,
                              wrt_ref_t *out_reference);

// Creates an array of numbers, in the innermost scope, from `size` bytes: the elements in order, little-endian. The
// bytes are borrowed. Fails with `type mismatch` if the elements are references, and with `invalid argument` if
// `size` is not a multiple of the element's size. May run a collection.
WRT_MUST_USE wrt_error_t *wrt_array_new_bytes(wrt_store_t *store,
                                 const wrt_type_t *ty,
                                 const void *bytes,
                                 size_t size,
                                 wrt_ref_t *out_reference);

// Writes how many elements the array has.
WRT_MUST_USE wrt_error_t *wrt_array_len(wrt_store_t *store, const wrt_ref_t *reference, uint32_t *out_len);

// Writes the value of an element of an array. A packed element is zero-extended. A reference in the value belongs to
// the caller, in the innermost scope. Fails with a trap of code `WRT_TRAP_ARRAY_OUT_OF_BOUNDS`.
WRT_MUST_USE wrt_error_t *wrt_array_get(wrt_store_t *store,
                           const wrt_ref_t *reference,
                           uint32_t index,
                           wrt_val_t *out_value);

// Writes the values of `count` elements of an array, starting at `index`. Otherwise as `wrt_array_get`; all values
// are empty on failure.
WRT_MUST_USE wrt_error_t *wrt_array_get_many(wrt_store_t *store,
                                const wrt_ref_t *reference,
                                uint32_t index,
                                wrt_val_t *out_values,
                                size_t count);

// Sets an element of an array to `*take_value`, which is taken: the slot becomes empty, also on failure. A packed
// element takes the low bits. Fails with `type mismatch` if the array is immutable, and as `wrt_array_get` does.
WRT_MUST_USE wrt_error_t *wrt_array_set(wrt_store_t *store,
                           const wrt_ref_t *reference,
                           uint32_t index,
                           wrt_val_t *take_value);

// Sets `len` elements of an array, starting at `index`, to `*take_value`, which is taken: the slot becomes empty,
// also on failure. Fails as `wrt_array_set` does.
WRT_MUST_USE wrt_error_t *wrt_array_fill(wrt_store_t *store,
                            const wrt_ref_t *reference,
                            uint32_t index,
                            wrt_val_t *take_value,
                            uint32_t len);

// Copies `len` elements, from index `from` of `source` to `index` of an array. Both may be the same array, and the
// ranges may overlap. Fails with `type mismatch` if the element types do not fit or the array is immutable, and as
// `wrt_array_get` does.
WRT_MUST_USE wrt_error_t *wrt_array_copy(wrt_store_t *store,
                            const wrt_ref_t *reference,
                            uint32_t index,
                            const wrt_ref_t *source,
                            uint32_t from,
                            uint32_t len);

// Copies numbers out of an array, starting at element `index`, to `size` bytes: the elements in order,
// little-endian. Fails with `type mismatch` if the elements are references, with `invalid argument` if `size` is not
// a multiple of the element's size, and as `wrt_array_get` does; all bytes are 0 on failure.
WRT_MUST_USE wrt_error_t *wrt_array_read(wrt_store_t *store,
                            const wrt_ref_t *reference,
                            uint32_t index,
                            void *out_bytes,
                            size_t size);

// Copies numbers into an array, starting at element `index`, from `size` bytes in the format of `wrt_array_read`.
// The bytes are borrowed. Fails as `wrt_array_read` does, and with `type mismatch` if the array is immutable.
WRT_MUST_USE wrt_error_t *wrt_array_write(wrt_store_t *store,
                             const wrt_ref_t *reference,
                             uint32_t index,
                             const void *bytes,
                             size_t size);

// Fills in pool options for a host that creates many instances. They keep 1000 memories with 256 KiB each in
// physical memory, 1000 large tables with 64 KiB each, and 1000 heaps with 64 KiB each, and do not limit the
// memories in use. An engine without options keeps 100 memories with 64 KiB, 100 tables with 16 KiB and 16 heaps
// with 64 KiB. NULL does nothing.
void wrt_pool_options_init(wrt_pool_options_t *out_options);

// Sets what engines of this configuration keep of destroyed instances. All numbers may be 0. The options are
// borrowed.
WRT_MUST_USE wrt_error_t *wrt_config_set_pool(wrt_config_t *config, const wrt_pool_options_t *options);

// Fills in statistics of the engine's pool. `stats->size` must be set. On failure all other fields are 0, unless the
// size is wrong: then nothing is written. Can be called from any thread. While other threads create instances, the
// numbers may be from slightly different moments.
WRT_MUST_USE wrt_error_t *wrt_engine_pool_stats(const wrt_engine_t *engine,
                                   wrt_pool_stats_t *out_stats);

// Opens a scope: references that are created from now on end with it. Scopes nest. When a callback returns, the
// scopes that it has opened and not closed are closed.
WRT_MUST_USE wrt_error_t *wrt_scope_open(wrt_store_t *store);

// Closes the innermost scope and releases the references that were created in it. Fails with `invalid argument` if
// no scope is open; in a callback, if it has opened none that is still open.
WRT_MUST_USE wrt_error_t *wrt_scope_close(wrt_store_t *store);

// Moves a reference to the scope around the innermost one, or to the store if there is none.
WRT_MUST_USE wrt_error_t *wrt_ref_escape(wrt_store_t *store, const wrt_ref_t *reference);

// Creates another reference to the same object, in the innermost scope. The clone of the empty reference is empty.
WRT_MUST_USE wrt_error_t *wrt_ref_clone(wrt_store_t *store,
                           const wrt_ref_t *reference,
                           wrt_ref_t *out_reference);

// Releases a reference. The slot becomes empty, except for a reference of another store. Does nothing if the slot is
// empty.
WRT_MUST_USE wrt_error_t *wrt_ref_release(wrt_store_t *store,
                             wrt_ref_t *take_reference);

// Releases a reference, from any thread: the release takes effect when the store is next used, if it still exists.
// The slot becomes empty. Does nothing if the reference is empty or was already released. This is for hosts with
// their own garbage collector, which run finalizers in any order.
void wrt_ref_drop(wrt_ref_t *take_reference);

// Writes whether two references are to the same object, are the same i31, or are both empty.
WRT_MUST_USE wrt_error_t *wrt_ref_equal(wrt_store_t *store, const wrt_ref_t *a, const wrt_ref_t *b, bool *out_equal);

// Writes a number that stays the same while the object lives, even if it moves. Different objects of a store have
// different numbers. Equal i31s have equal numbers, and so have references to the same function.
WRT_MUST_USE wrt_error_t *wrt_ref_hash(wrt_store_t *store,
                          const wrt_ref_t *reference,
                          uint64_t *out_hash);

// Writes whether what a reference refers to is of a reference type, as `ref.test` does. An object is of its own
// type, of its supertypes, and of both `any` and `extern`. An exception is of `exn` only, and a function
// (`wrt_ref_of_func`) of its function type and the supertypes of that. The empty reference is null, and is of every
// nullable type.
WRT_MUST_USE wrt_error_t *wrt_ref_test(wrt_store_t *store,
                          const wrt_ref_t *reference,
                          const wrt_type_t *ty,
                          bool *out_is);

// Writes a reference as a value of a reference type, as `ref.cast` does. The value's kind is `WRT_ANYREF`,
// `WRT_EXTERNREF`, `WRT_EXNREF` or, for a reference that `wrt_ref_of_func` created, `WRT_FUNCREF`. The value holds
// the same reference, not another one; for a function it holds a plain handle. Fails with a trap of code
// `WRT_TRAP_CAST_FAILURE` if the reference is not of that type.
WRT_MUST_USE wrt_error_t *wrt_ref_cast(wrt_store_t *store,
                          const wrt_ref_t *reference,
                          const wrt_type_t *ty,
                          wrt_val_t *out_value);

// Writes the most specific type of what a reference refers to, not nullable: a defined type for a structure, an
// array or a function; `WRT_I31REF` for an i31; `WRT_EXNREF` for an exception; `WRT_ANYREF` for a host object.
WRT_MUST_USE wrt_error_t *wrt_ref_type(wrt_store_t *store,
                          const wrt_ref_t *reference,
                          wrt_type_t *out_type);

// Creates a reference to a function, in the innermost scope. It keeps the function and its instance alive, also
// after `wrt_instance_release`. It can be stored in fields of host objects, but is not a WebAssembly value;
// `wrt_ref_func` returns the function.
WRT_MUST_USE wrt_error_t *wrt_ref_of_func(wrt_store_t *store,
                             const wrt_func_t *func,
                             wrt_ref_t *out_reference);

// Writes the function of a reference that `wrt_ref_of_func` created. Fails with `type mismatch` for any other
// reference.
WRT_MUST_USE wrt_error_t *wrt_ref_func(wrt_store_t *store, const wrt_ref_t *reference, wrt_func_t *out_func);

// Converts a value of kind `WRT_EXTERNREF` to one of kind `WRT_ANYREF`, as `any.convert_extern` does. It holds the
// same reference, not another one. Fails with `type mismatch` for a value of another kind.
WRT_MUST_USE wrt_error_t *wrt_any_convert_extern(const wrt_val_t *value,
                                    wrt_val_t *out_value);

// Converts a value of kind `WRT_ANYREF` to one of kind `WRT_EXTERNREF`, as `extern.convert_any` does. It holds the
// same reference, not another one. Fails with `type mismatch` for a value of another kind.
WRT_MUST_USE wrt_error_t *wrt_extern_convert_any(const wrt_val_t *value,
                                    wrt_val_t *out_value);

// Creates an i31 with the low 31 bits of a number, in the innermost scope.
WRT_MUST_USE wrt_error_t *wrt_i31_new(wrt_store_t *store, int32_t value, wrt_ref_t *out_reference);

// Writes the number of an i31, sign-extended. Fails with `type mismatch` if the reference is not to an i31.
WRT_MUST_USE wrt_error_t *wrt_i31_get(wrt_store_t *store, const wrt_ref_t *reference, int32_t *out_value);

// Puts the library's handlers of SIGSEGV, SIGBUS, SIGILL and SIGFPE, which detect traps, back in place if the host,
// or a library such as Python's `faulthandler`, has installed others since. Installs them if they never were. A
// signal that is not a trap still goes to the handler that was there before. Does nothing if the environment
// variable `WRT_SIGNALS` turns signals off. Can be called from any thread, but not from signal handlers. Fails with
// `i/o` if the system refuses.
//
// The library also checks its handlers itself: whenever an engine, a module, a store or an instance is created, and
// on every 256th call of a store from outside. If a process has very many stores (256, or fewer with several threads
// or engines), or a store has 64 instances, it checks for only every sixteenth store or instance. It checks all four
// signals for engines and modules, and on every sixteenth check of a store; otherwise it checks SIGSEGV, and the
// others only if that handler was replaced. Call this function after installing handlers at other times: until the
// library checks, a trap goes to the other handler, which either passes it on (which is fine) or ends the process.
WRT_MUST_USE wrt_error_t *wrt_signals_install(void);

// Describes a stack that the host has allocated itself (a coroutine, a fiber, `makecontext`) and will call this
// store on: `size` bytes, at least 48 KiB, starting at `low`, its lowest address. This holds for all calls that
// begin afterwards, until the description is replaced; NULL and 0 remove it. Calls on other stacks are not affected.
// How deep WebAssembly can recurse:
//
// * On the stack of a thread: as described at `wrt_config_set_max_wasm_stack`. The host need not do anything.
// * On the described stack: the same.
// * On any other stack: 64 KiB, or less if the readable memory ends before. The library looks this up on every
//   outermost call, which takes some microseconds. If other data is in the memory below the stack, without a guard
//   page between them, the host must describe the stack: otherwise WebAssembly may overwrite that data.
//
// Calls of one store can nest on different stacks, including those of different threads that wait for each other;
// each call has the limit of its own stack. Fails with `invalid argument` for a stack that is too small or wraps
// around. Legal in callbacks, but not in limiters and finalizers.
WRT_MUST_USE wrt_error_t *wrt_store_set_stack(wrt_store_t *store,
                                 const void *low,
                                 size_t size);

// As `wrt_func_call`, on a stack that the host has allocated itself: `stack_size` bytes from `stack_low`, as in
// `wrt_store_set_stack`. This is for hosts that have many stacks. The description also holds for calls that
// callbacks make in the meantime. Fails with `invalid argument` if the caller is not on that stack.
WRT_MUST_USE wrt_error_t *wrt_func_call_on_stack(wrt_store_t *store,
                                    const wrt_func_t *func,
                                    const wrt_val_t *args,
                                    size_t arg_count,
                                    wrt_val_t *results,
                                    size_t result_count,
                                    const void *stack_low,
                                    size_t stack_size);

// As `wrt_func_call_raw`, on a stack that the host has allocated itself: see `wrt_func_call_on_stack`.
WRT_MUST_USE wrt_error_t *wrt_func_call_raw_on_stack(wrt_store_t *store,
                                        const wrt_func_t *func,
                                        wrt_raw_t *slots,
                                        size_t slot_count,
                                        const void *stack_low,
                                        size_t stack_size);

// Creates a store. `userdata` is never dereferenced. `finalizer` (may be NULL) is called with it once: when the
// store is destroyed, or when this call fails. The caller owns `*out_store`, which is NULL on failure.
WRT_MUST_USE wrt_error_t *wrt_store_new(const wrt_engine_t *engine,
                           void *userdata,
                           wrt_finalizer_t finalizer,
                           wrt_store_t **out_store);

// Deletes a store and everything in it. Also legal from a callback of this store, and from another thread while a
// call in the store runs WebAssembly or callbacks or copies in bulk: the store is then destroyed when its outermost
// call returns. Not legal while another thread is in any other function of the store. The pointer, and the store's
// handles with it, must not be used again. NULL does nothing.
void wrt_store_delete(wrt_store_t *store);

// Returns the userdata that the store was created with. Also legal in limiters and finalizers. NULL for NULL.
void *wrt_store_userdata(const wrt_store_t *store);

// Returns the store's number, which its handles contain. It is unique in the process. 0 for NULL, and in limiters
// and finalizers.
uint64_t wrt_store_id(const wrt_store_t *store);

// Fills in limits that limit nothing. NULL does nothing.
void wrt_limits_init(wrt_limits_t *out_limits);

// Limits what the store may use from now on. What it uses already counts, and stays. The limits are borrowed. Fails
// with `invalid argument` if their size is wrong.
WRT_MUST_USE wrt_error_t *wrt_store_set_limits(wrt_store_t *store,
                                  const wrt_limits_t *limits);

// Sets the callback that is asked before a memory, a table, the number of instances or the heap grows, if the
// store's limits allow that; NULL removes it. `finalizer` (may be NULL) is called with `userdata` once: when the
// limiter is replaced, when the store is destroyed, or when this call fails. Fails with `invalid argument` while the
// store runs WebAssembly.
WRT_MUST_USE wrt_error_t *wrt_store_set_limiter(wrt_store_t *store,
                                   wrt_limiter_callback_t callback,
                                   void *userdata,
                                   wrt_finalizer_t finalizer);

// Creates a table with 32-bit indexes. `element_kind` is `WRT_FUNCREF`, `WRT_EXTERNREF`, `WRT_ANYREF` or
// `WRT_EXNREF`; `limits` count elements, and are borrowed. All elements are `*take_init`, which is taken: the slot
// becomes empty, also on failure. Fails with `limit` or `out of memory`, and with `type mismatch` if the value does
// not fit.
WRT_MUST_USE wrt_error_t *wrt_table_new(wrt_store_t *store,
                           uint8_t element_kind,
                           const wrt_size_limits_t *limits,
                           wrt_val_t *take_init,
                           wrt_table_t *out_table);

// As `wrt_table_new`, for elements of any reference type.
WRT_MUST_USE wrt_error_t *wrt_table_new_of(wrt_store_t *store,
                              const wrt_type_t *element,
                              const wrt_size_limits_t *limits,
                              wrt_val_t *take_init,
                              wrt_table_t *out_table);

// Fills in options for an empty table of `WRT_FUNCREF` with 32-bit indexes, which can grow. NULL does nothing.
void wrt_table_options_init(wrt_table_options_t *out_options);

// As `wrt_table_new`, for a table of any type. The options are borrowed; `*take_init` is taken: the slot becomes
// empty, also on failure.
WRT_MUST_USE wrt_error_t *wrt_table_new_with(wrt_store_t *store,
                                const wrt_table_options_t *options,
                                wrt_val_t *take_init,
                                wrt_table_t *out_table);

// Writes whether the table's indexes have 64 bits.
WRT_MUST_USE wrt_error_t *wrt_table_is_64(wrt_store_t *store, const wrt_table_t *table, bool *out_is_64);

// Writes the type of the table's elements.
WRT_MUST_USE wrt_error_t *wrt_table_element_type(wrt_store_t *store, const wrt_table_t *table, wrt_type_t *out_type);

// Writes `count` elements of the table, starting at `index`. References in them belong to the caller, in the
// innermost scope. Fails with a trap of code `WRT_TRAP_TABLE_OUT_OF_BOUNDS`; all values are empty on failure.
WRT_MUST_USE wrt_error_t *wrt_table_get_many(wrt_store_t *store,
                                const wrt_table_t *table,
                                uint64_t index,
                                wrt_val_t *out_values,
                                size_t count);

// Writes the kind of the table's elements and its current limits: the minimum is the current size.
WRT_MUST_USE wrt_error_t *wrt_table_type(wrt_store_t *store,
                            const wrt_table_t *table,
                            uint8_t *out_element_kind,
                            wrt_size_limits_t *out_limits);

// Writes how many elements the table has.
WRT_MUST_USE wrt_error_t *wrt_table_size(wrt_store_t *store, const wrt_table_t *table, uint64_t *out_size);

// Writes the element at `index`. A reference in it belongs to the caller, in the innermost scope. Fails with a trap
// of code `WRT_TRAP_TABLE_OUT_OF_BOUNDS`.
WRT_MUST_USE wrt_error_t *wrt_table_get(wrt_store_t *store,
                           const wrt_table_t *table,
                           uint64_t index,
                           wrt_val_t *out_value);

// Sets the element at `index` to `*take_value`, which is taken: the slot becomes empty, also on failure. Fails with
// a trap of code `WRT_TRAP_TABLE_OUT_OF_BOUNDS`, or with `type mismatch`.
WRT_MUST_USE wrt_error_t *wrt_table_set(wrt_store_t *store,
                           const wrt_table_t *table,
                           uint64_t index,
                           wrt_val_t *take_value);

// Grows the table by `delta` elements that are all `*take_init`, and writes its previous size to `*out_old_size`
// (may be NULL). `*take_init` is taken: the slot becomes empty, also on failure. Fails with `limit` if the table
// cannot grow, and then changes nothing.
WRT_MUST_USE wrt_error_t *wrt_table_grow(wrt_store_t *store,
                            const wrt_table_t *table,
                            uint64_t delta,
                            wrt_val_t *take_init,
                            uint64_t *out_old_size);

// Sets `len` elements of the table, starting at `index`, to `*take_value`, which is taken: the slot becomes empty,
// also on failure. Fails as `wrt_table_set` does.
WRT_MUST_USE wrt_error_t *wrt_table_fill(wrt_store_t *store,
                            const wrt_table_t *table,
                            uint64_t index,
                            wrt_val_t *take_value,
                            uint64_t len);

// Copies `len` elements, from index `from` of `source` to `index` of `table`. Both may be the same table, and the
// ranges may overlap. Fails with a trap of code `WRT_TRAP_TABLE_OUT_OF_BOUNDS`, or with `type mismatch` if the
// element types do not fit.
WRT_MUST_USE wrt_error_t *wrt_table_copy(wrt_store_t *store,
                            const wrt_table_t *table,
                            uint64_t index,
                            const wrt_table_t *source,
                            uint64_t from,
                            uint64_t len);

// Gives up the host's hold on a table that `wrt_table_new` created. The table lives as long as something refers to
// it, and a full collection after that frees it; its handles are then stale. The slot becomes empty. Fails with
// `invalid argument` for a table of an instance, which lives as long as the instance, and with `stale handle` if the
// table was already released.
WRT_MUST_USE wrt_error_t *wrt_table_release(wrt_store_t *store,
                               wrt_table_t *take_table);

// Creates a tag, whose exceptions carry a value for each parameter of the type. The type is borrowed. Fails with
// `invalid argument` if it has results. May run a collection, and finalizers.
WRT_MUST_USE wrt_error_t *wrt_tag_new(wrt_store_t *store,
                         const wrt_functype_t *ty,
                         wrt_tag_t *out_tag);

// Writes the tag's type, whose parameters are the types of the values that its exceptions carry. The caller owns
// `*out_type`, which is NULL on failure.
WRT_MUST_USE wrt_error_t *wrt_tag_type(wrt_store_t *store,
                          const wrt_tag_t *tag,
                          wrt_functype_t **out_type);

// Gives up the host's hold on a tag that `wrt_tag_new` created. The tag lives as long as an instance, an exception
// or a reference to one refers to it, and a full collection after that frees it; its handles are then stale. The
// slot becomes empty. Fails with `invalid argument` for a tag of an instance, which lives in the same way, and with
// `stale handle` if the tag was already released.
WRT_MUST_USE wrt_error_t *wrt_tag_release(wrt_store_t *store,
                             wrt_tag_t *take_tag);

// Returns whether two handles name the same tag. A tag that is imported, or exported under several names, is one
// tag. False for NULL and for empty handles.
bool wrt_tag_equal(const wrt_tag_t *a,
                   const wrt_tag_t *b);

// Defines types in the text format: type definitions and recursion groups, such as `(rec (type $node (struct (field
// $next (mut (ref null $node))))))`. A type that equals one of a module, or of the host, is the same type. The
// caller owns `*out_types`, which is NULL on failure. Fails with `malformed` or `invalid module`, whose message says
// where, and with `invalid argument` if the text defines anything but types.
WRT_MUST_USE wrt_error_t *wrt_types_parse(const wrt_engine_t *engine,
                             const char *text,
                             size_t text_len,
                             wrt_types_t **out_types);

// Writes the types that a module defines, in its order. The caller owns `*out_types`, which is NULL on failure.
WRT_MUST_USE wrt_error_t *wrt_module_types(const wrt_module_t *module,
                              wrt_types_t **out_types);

// Deletes a list of types. Types that the host has defined stay; those of a module stay as long as something else
// keeps them. NULL does nothing.
void wrt_types_delete(wrt_types_t *types);

// Returns how many types the list has. 0 for NULL.
size_t wrt_types_count(const wrt_types_t *types);

// Writes a type by its index in the text or module, as a nullable type. Fails with `invalid argument` if there is
// none.
WRT_MUST_USE wrt_error_t *wrt_types_get(const wrt_types_t *types,
                           size_t index,
                           wrt_type_t *out_type);

// Writes a type by its name, without the dollar sign, as a nullable type. Fails with `not found` if there is none.
WRT_MUST_USE wrt_error_t *wrt_types_find(const wrt_types_t *types,
                            const char *name,
                            size_t name_len,
                            wrt_type_t *out_type);

// Creates a builder for a recursion group: types that can refer to each other. The caller owns `*out_builder`, which
// is NULL on failure.
WRT_MUST_USE wrt_error_t *wrt_typebuilder_new(const wrt_engine_t *engine,
                                 wrt_typebuilder_t **out_builder);

// Deletes a builder. NULL does nothing.
void wrt_typebuilder_delete(wrt_typebuilder_t *builder);

// Writes the type of references to the member at `position` of the group. That member may be added later, as what
// `kind` says: `WRT_DEFINED_STRUCT`, `WRT_DEFINED_ARRAY` or `WRT_DEFINED_FUNC`. The type is valid in fields,
// parameters, results and supertypes of the same group. Fails with `invalid argument` for another kind.
WRT_MUST_USE wrt_error_t *wrt_typebuilder_ref(uint32_t position,
                                 uint8_t kind,
                                 bool nullable,
                                 wrt_type_t *out_type);

// Adds a structure type to the group, and writes its position in the group to `*out_position` (may be NULL).
// `fields` are borrowed. `supertype` may be NULL. Fails with `invalid argument` or `type mismatch` for an unusable
// field or supertype; everything else is checked when the group is finished.
WRT_MUST_USE wrt_error_t *wrt_typebuilder_struct(wrt_typebuilder_t *builder,
                                    const wrt_field_t *fields,
                                    size_t field_count,
                                    bool is_final,
                                    const wrt_type_t *supertype,
                                    uint32_t *out_position);

// Adds an array type to the group. Otherwise as `wrt_typebuilder_struct`.
WRT_MUST_USE wrt_error_t *wrt_typebuilder_array(wrt_typebuilder_t *builder,
                                   const wrt_field_t *element,
                                   bool is_final,
                                   const wrt_type_t *supertype,
                                   uint32_t *out_position);

// Adds a function type to the group. Otherwise as `wrt_typebuilder_struct`.
WRT_MUST_USE wrt_error_t *wrt_typebuilder_func(wrt_typebuilder_t *builder,
                                  const wrt_type_t *params,
                                  size_t param_count,
                                  const wrt_type_t *results,
                                  size_t result_count,
                                  bool is_final,
                                  const wrt_type_t *supertype,
                                  uint32_t *out_position);

// Checks and defines the group, as if a module had defined it. The builder is empty afterwards, also on failure, and
// can be used again. The caller owns `*out_types`, which is NULL on failure. Fails with `invalid argument` for types
// that do not exist, with `type mismatch` for a supertype that does not fit, and with `limit`.
WRT_MUST_USE wrt_error_t *wrt_typebuilder_finish(wrt_typebuilder_t *builder,
                                    wrt_types_t **out_types);

// Writes null as a value of the hierarchy that a reference type's kind (`WRT_FUNCREF`, `WRT_EQREF`, ...) belongs to.
// Fails with `invalid argument` if `kind` is not one of a reference type.
WRT_MUST_USE wrt_error_t *wrt_val_null(uint8_t kind,
                          wrt_val_t *out_value);

// Creates a function type from text, such as `(i32, i64) -> f64`, `()`, or `(f32) -> (i32, i32)`. The caller owns
// `*out_type`, which is NULL on failure. Fails with `invalid argument`; the message says where.
WRT_MUST_USE wrt_error_t *wrt_functype_parse(const char *text,
                                size_t text_len,
                                wrt_functype_t **out_type);

// Creates a function type from value kinds (`WRT_I32`, ...). The arrays are borrowed. The caller owns `*out_type`,
// which is NULL on failure. Fails with `invalid argument` for an unknown kind.
WRT_MUST_USE wrt_error_t *wrt_functype_new(const uint8_t *params,
                              size_t param_count,
                              const uint8_t *results,
                              size_t result_count,
                              wrt_functype_t **out_type);

// Creates a function type from any types of an engine. The arrays are borrowed. The caller owns `*out_type`, which
// is NULL on failure.
WRT_MUST_USE wrt_error_t *wrt_functype_of(const wrt_engine_t *engine,
                             const wrt_type_t *params,
                             size_t param_count,
                             const wrt_type_t *results,
                             size_t result_count,
                             wrt_functype_t **out_type);

// Writes the type of a parameter. Fails with `invalid argument` if there is no such parameter.
WRT_MUST_USE wrt_error_t *wrt_functype_param_type(const wrt_functype_t *ty, size_t index, wrt_type_t *out_type);

// Writes the type of a result. Fails with `invalid argument` if there is no such result.
WRT_MUST_USE wrt_error_t *wrt_functype_result_type(const wrt_functype_t *ty, size_t index, wrt_type_t *out_type);

// Deletes a function type that the caller owns. NULL does nothing.
void wrt_functype_delete(wrt_functype_t *ty);

// Returns how many parameters the type has. 0 for NULL.
size_t wrt_functype_param_count(const wrt_functype_t *ty);

// Returns how many results the type has. 0 for NULL.
size_t wrt_functype_result_count(const wrt_functype_t *ty);

// Returns the kind of a parameter; 0 if there is no such parameter.
uint8_t wrt_functype_param(const wrt_functype_t *ty, size_t index);

// Returns the kind of a result; 0 if there is no such result.
uint8_t wrt_functype_result(const wrt_functype_t *ty, size_t index);

// Returns the type as text, such as `(i32) -> i32`, borrowed. `out_len` may be NULL. "" for NULL.
const char *wrt_functype_text(const wrt_functype_t *ty, size_t *out_len);

// Returns the kind of the import or export: one of the `WRT_EXTERN_*`. 0 for NULL.
uint8_t wrt_externtype_kind(const wrt_externtype_t *ty);

// Returns the function type of a function or tag, borrowed; NULL for others.
const wrt_functype_t *wrt_externtype_func(const wrt_externtype_t *ty);

// Writes the limits of a table or memory. Fails with `type mismatch` for others.
WRT_MUST_USE wrt_error_t *wrt_externtype_limits(const wrt_externtype_t *ty, wrt_size_limits_t *out_limits);

// Returns whether the type is a memory or a table whose indexes have 64 bits.
bool wrt_externtype_is_64(const wrt_externtype_t *ty);

// Returns how many bytes a page of a memory has: 65536 or 1. 0 for others.
uint64_t wrt_externtype_page_size(const wrt_externtype_t *ty);

// Returns the kind of a global's value or of a table's elements; 0 for others.
uint8_t wrt_externtype_valkind(const wrt_externtype_t *ty);

// Writes the type of a global's value, of a table's elements, or of a function or tag (as `WRT_DEFINED_FUNC`). Fails
// with `type mismatch` for a memory.
WRT_MUST_USE wrt_error_t *wrt_externtype_type(const wrt_externtype_t *ty,
                                 wrt_type_t *out_type);

// Returns whether the type is a mutable global.
bool wrt_externtype_is_mutable(const wrt_externtype_t *ty);

// Returns the type as text, such as `memory 1 2`, `table i64 10 funcref` or `func (i32) -> i32`, borrowed. `out_len`
// may be NULL. "" for NULL.
const char *wrt_externtype_text(const wrt_externtype_t *ty,
                                size_t *out_len);

// Writes a type that needs no definition: a number type, a packed type (`WRT_I8`, `WRT_I16`), or an abstract
// reference type. `nullable` is used for reference types only. Fails with `invalid argument` for another kind.
WRT_MUST_USE wrt_error_t *wrt_type_new(uint8_t kind,
                          bool nullable,
                          wrt_type_t *out_type);

// Writes the most general type of a reference type's hierarchy, nullable: `funcref`, `externref`, `anyref` or
// `exnref`. Fails with `type mismatch` if the type is not a reference type.
WRT_MUST_USE wrt_error_t *wrt_type_top(const wrt_type_t *ty, wrt_type_t *out_type);

// Returns whether two types are the same. False for NULL and for empty types.
bool wrt_type_equal(const wrt_type_t *a, const wrt_type_t *b);

// Writes whether a value of type `a` can be used where one of type `b` is expected: `a` is `b`, or a subtype of it.
WRT_MUST_USE wrt_error_t *wrt_type_matches(const wrt_engine_t *engine,
                              const wrt_type_t *a,
                              const wrt_type_t *b,
                              bool *out_matches);

// Writes the type as in the text format, NUL-terminated, such as `anyref` or `(ref null $node)`. A defined type is
// shown by the name that it has where it was read from (`wrt_type_t.names`), or without a name by its definition, as
// in `(ref null (struct i32 (mut i64)))`. At most `capacity` bytes are written, and longer text is cut off;
// `*out_len` (may be NULL) is the full length without the NUL. `buffer` may be NULL if `capacity` is 0.
WRT_MUST_USE wrt_error_t *wrt_type_text(const wrt_engine_t *engine,
                           const wrt_type_t *ty,
                           char *buffer,
                           size_t capacity,
                           size_t *out_len);

// Writes how many fields a defined structure type has; 1 for an array type, which has its element. Fails with
// `type mismatch` for other types.
WRT_MUST_USE wrt_error_t *wrt_type_field_count(const wrt_engine_t *engine, const wrt_type_t *ty, uint32_t *out_count);

// Writes a field of a defined structure type, or the element of an array type, which has index 0. Fails with
// `invalid argument` if there is no such field, and with `type mismatch` for other types.
WRT_MUST_USE wrt_error_t *wrt_type_field(const wrt_engine_t *engine,
                            const wrt_type_t *ty,
                            uint32_t index,
                            wrt_field_t *out_field);

// Writes the index of a field by its name. Names are those of the module, or of the text of `wrt_types_parse`, that
// the type was read from (`wrt_type_t.names`). Fails with `not found` if there is no such field.
WRT_MUST_USE wrt_error_t *wrt_type_find_field(const wrt_engine_t *engine,
                                 const wrt_type_t *ty,
                                 const char *name,
                                 size_t name_len,
                                 uint32_t *out_index);

// Writes the supertype that a defined type was declared with; the empty type if there is none. `*out_is_final` (may
// be NULL) is true if the type cannot have subtypes.
WRT_MUST_USE wrt_error_t *wrt_type_supertype(const wrt_engine_t *engine,
                                const wrt_type_t *ty,
                                wrt_type_t *out_supertype,
                                bool *out_is_final);

// Writes the function type of a defined type. The caller owns `*out_functype`, which is NULL on failure. Fails with
// `type mismatch` if the type is not a function type.
WRT_MUST_USE wrt_error_t *wrt_type_functype(const wrt_engine_t *engine,
                               const wrt_type_t *ty,
                               wrt_functype_t **out_functype);

// Returns the library's version as text, such as "0.1.0". The string is static and NUL-terminated.
const char *wrt_version_string(void);

// Returns the number of the library's binary interface. A program must have been compiled with a header of the same
// number (`WRT_ABI_VERSION`).
uint32_t wrt_abi_version(void);

// Returns whether the library has a feature: a proposal, such as "simd" (`wrt_feature_name` lists them), or
// "baseline" (the baseline compiler), "interruption", "wasi" or "wat". Whether an engine uses it depends on its configuration. False for an unknown name
// and for NULL.
bool wrt_has_feature(const char *name);

// Writes the size or alignment of a public struct, or the offset of one of its fields, so that bindings can check
// themselves at load time. `item` is "wrt_val_t", "alignof wrt_val_t" or "wrt_val_t.of", for example. Fails with
// `not found` for items that are not listed, such as `wrt_heap_stats_t`.
WRT_MUST_USE wrt_error_t *wrt_abi_layout(const char *item,
                            size_t item_len,
                            size_t *out_value);

// Creates a guest process without arguments. The caller owns `*out_wasi`, which is NULL on failure. Fails with
// `unsupported` if the library was built without WASI (`wrt_has_feature`), as the other functions of WASI then do.
WRT_MUST_USE wrt_error_t *wrt_wasi_new(wrt_wasi_t **out_wasi);

// Deletes a guest process that was not passed to a store. NULL does nothing.
void wrt_wasi_delete(wrt_wasi_t *wasi);

// Adds an argument, which is copied. The first argument is the program's name. An argument can have any bytes except
// NUL.
WRT_MUST_USE wrt_error_t *wrt_wasi_add_arg(wrt_wasi_t *wasi,
                              const char *arg,
                              size_t arg_len);

// Sets an environment variable, which is copied; one of the same name is replaced. Name and value can have any bytes
// except NUL. The name must not be empty or contain '='.
WRT_MUST_USE wrt_error_t *wrt_wasi_add_env(wrt_wasi_t *wasi,
                              const char *name,
                              size_t name_len,
                              const char *value,
                              size_t value_len);

// Sets all environment variables that the host's process has now, each as `wrt_wasi_add_env` does.
WRT_MUST_USE wrt_error_t *wrt_wasi_inherit_env(wrt_wasi_t *wasi);

// Connects the guest's descriptors 0, 1 and 2 to those of the host's process. The guest cannot close them for the
// host. The host must flush what it has buffered itself (stdio.h). If the guest writes to a pipe without a reader,
// it gets an error; the host never gets a signal.
WRT_MUST_USE wrt_error_t *wrt_wasi_inherit_stdio(wrt_wasi_t *wasi);

// Connects one of the guest's descriptors 0, 1 and 2 to that of the host's process, as `wrt_wasi_inherit_stdio` does
// for all of them.
WRT_MUST_USE wrt_error_t *wrt_wasi_inherit_stream(wrt_wasi_t *wasi,
                                     uint32_t fd);

// Connects the guest's descriptor 0, 1 or 2 to a file of the host, which is opened now: 0 reads from it, 1 and 2
// write to it. An output file is created or emptied, and then appended to, so 1 and 2 can be the same file. Fails
// with `i/o`.
WRT_MUST_USE wrt_error_t *wrt_wasi_set_stdio_file(wrt_wasi_t *wasi,
                                     uint32_t fd,
                                     const char *host_path,
                                     size_t host_path_len);

// Lets the guest's descriptor 0 read from bytes in memory, which are copied.
WRT_MUST_USE wrt_error_t *wrt_wasi_set_stdin_bytes(wrt_wasi_t *wasi, const uint8_t *bytes, size_t len);

// Keeps in memory what the guest writes to descriptor 1 or 2, for `wrt_store_wasi_output`. Beyond `max_bytes` the
// guest gets ENOSPC.
WRT_MUST_USE wrt_error_t *wrt_wasi_capture(wrt_wasi_t *wasi,
                              uint32_t fd,
                              size_t max_bytes);

// Connects the guest's descriptor 0, 1 or 2 to a callback: 0 reads from it, 1 and 2 write to it. `userdata` is never
// dereferenced. `finalizer` (may be NULL) is called with it once: when the guest process is destroyed, or when this
// call fails.
WRT_MUST_USE wrt_error_t *wrt_wasi_set_stdio_callback(wrt_wasi_t *wasi,
                                         uint32_t fd,
                                         wrt_wasi_stream_callback_t callback,
                                         void *userdata,
                                         wrt_finalizer_t finalizer);

// Opens a directory of the host, which the guest can then use under the name `guest_path`. If
// `read_only`, the guest cannot change anything in it. The guest can reach nothing else of the file system. Fails
// with `i/o`.
WRT_MUST_USE wrt_error_t *wrt_wasi_add_dir(wrt_wasi_t *wasi,
                              const char *host_path,
                              size_t host_path_len,
                              const char *guest_path,
                              size_t guest_path_len,
                              bool read_only);

// Sets the guest's clocks. Sleeping still takes real time. `userdata` is never dereferenced. `finalizer` (may be
// NULL) is called with it once: when the clock is replaced, when the guest process is destroyed, or when this call
// fails.
WRT_MUST_USE wrt_error_t *wrt_wasi_set_clock(wrt_wasi_t *wasi,
                                wrt_wasi_clock_callback_t callback,
                                void *userdata,
                                wrt_finalizer_t finalizer);

// Sets the source of the guest's random bytes. `userdata` is never dereferenced. `finalizer` (may be NULL) is called
// with it once: when the source is replaced, when the guest process is destroyed, or when this call fails.
WRT_MUST_USE wrt_error_t *wrt_wasi_set_random(wrt_wasi_t *wasi,
                                 wrt_wasi_random_callback_t callback,
                                 void *userdata,
                                 wrt_finalizer_t finalizer);

// Defines the functions of `wasi_snapshot_preview1` for every store of the engine. What a guest may use is set for
// its store (`wrt_store_set_wasi`). The functions use the memory that the calling instance exports as "memory". A
// function of that module that is already defined stays as it is, so a host can replace single functions by defining
// its own first. When the guest exits, its call fails with `exit` (`wrt_error_exit_status`), also with status 0.
WRT_MUST_USE wrt_error_t *wrt_linker_define_wasi(wrt_linker_t *linker);

// Sets the guest process of a store; the previous one is deleted. `take_wasi` is taken, also on failure, and must
// not be used again.
WRT_MUST_USE wrt_error_t *wrt_store_set_wasi(wrt_store_t *store,
                                wrt_wasi_t *take_wasi);

// Writes a pointer to what the guest has written to descriptor 1 or 2, if that is captured (`wrt_wasi_capture`);
// 0 bytes otherwise. The bytes are borrowed until the store's next use. NULL and 0 on failure.
WRT_MUST_USE wrt_error_t *wrt_store_wasi_output(wrt_store_t *store,
                                   uint32_t fd,
                                   const uint8_t **out_bytes,
                                   size_t *out_len);

// Creates a weak reference to what a reference refers to. A weak reference to an i31 never becomes empty. If
// `*reference` is to a function, the weak reference becomes empty when the object that `wrt_ref_of_func` created for
// that reference is gone.
WRT_MUST_USE wrt_error_t *wrt_weak_new(wrt_store_t *store,
                          const wrt_ref_t *reference,
                          wrt_weak_t *out_weak);

// Writes a reference to the object, in the innermost scope. It is empty once a collection has found that the object
// is gone, which is before the object's finalizer runs.
WRT_MUST_USE wrt_error_t *wrt_weak_get(wrt_store_t *store,
                          const wrt_weak_t *weak,
                          wrt_ref_t *out_reference);

// Releases a weak reference, from any thread: as `wrt_ref_drop` does.
void wrt_weak_drop(wrt_weak_t *take_weak);

// Releases a weak reference. The slot becomes empty, except for a weak reference of another store. Does nothing if
// the slot is empty.
WRT_MUST_USE wrt_error_t *wrt_weak_release(wrt_store_t *store,
                              wrt_weak_t *take_weak);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* WRT_H */
