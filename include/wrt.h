/* wrt: a WebAssembly engine that lives inside other people's programs.
 *
 * This file is made from the Rust sources (make headers); do not edit it.
 *
 * Conventions
 * - `const T *` is borrowed for the time of the call, unless the text says otherwise.
 * - Parameters named take_* are taken: the caller's slot becomes the empty value, whether the call succeeds or not; only
 *   a value of another store stays where it is.
 * - Outputs are named out_*; they are always written: the result, or zeros on failure.
 * - A fallible function returns NULL, or an error object that the caller owns (wrt_error_delete).
 * - An owned pointer comes from a *_new, *_clone, *_parse or *_load; it goes to its *_delete, which takes NULL. Other
 *   pointers are borrowed from the first argument.
 * - Handles (wrt_func_t, wrt_instance_t, ...) are plain values that own nothing; every use checks them.
 * - References to objects (wrt_ref_t) keep their object alive until their scope ends or they are released; later uses are
 *   errors. Every callback has a scope of its own.
 * - No input aborts the process: NULL, foreign or stale handles, wrong kinds are errors.
 * - Engines, modules and types may be shared between threads; a store and its handles are used by one thread at a time.
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

/* Why WebAssembly trapped: wrt_error_trap_code. Append only. */
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


// Tokens are addresses of words, so the lowest bit is free.
#define LENT 1

// A memory, in bytes.
#define WRT_RESOURCE_MEMORY 1

// A table, in elements.
#define WRT_RESOURCE_TABLE 2

// The store's instances, as a number.
#define WRT_RESOURCE_INSTANCES 3

// What objects may take, in bytes. Asked when there is no room after a collection, from 4 MiB on.
#define WRT_RESOURCE_HEAP 4

// What an import, an export or a `wrt_extern_t` is.
#define WRT_EXTERN_FUNC 1

// A table.
#define WRT_EXTERN_TABLE 2

// A memory.
#define WRT_EXTERN_MEMORY 3

// A global.
#define WRT_EXTERN_GLOBAL 4

// A tag.
#define WRT_EXTERN_TAG 5

// The kind of the empty value, which a value becomes when it is taken.
#define WRT_EMPTY 0

// `of.i32`.
#define WRT_I32 1

// `of.i64`.
#define WRT_I64 2

// `of.f32`.
#define WRT_F32 3

// `of.f64`.
#define WRT_F64 4

// `of.v128`, little-endian bytes.
#define WRT_V128 5

// `of.func`; the empty handle is null.
#define WRT_FUNCREF 6

// `of.ref`; the empty reference is null.
#define WRT_EXTERNREF 7

// `of.ref`, of any type below `any`; the empty reference is null.
#define WRT_ANYREF 8

// `of.ref`, an exception; the empty reference is null.
#define WRT_EXNREF 21

// `of.ref`: a type of references, nullable, to what can be compared.
#define WRT_EQREF 9

// References to i31s.
#define WRT_I31REF 10

// References to structures.
#define WRT_STRUCTREF 11

// References to arrays.
#define WRT_ARRAYREF 12

// Below all types below `any`: only null.
#define WRT_NULLREF 13

// Below all types of functions: only null.
#define WRT_NULLFUNCREF 14

// Below `extern`: only null.
#define WRT_NULLEXTERNREF 15

// References to functions of the defined type `index`.
#define WRT_DEFINED_FUNC 16

// References to structures of the defined type `index`.
#define WRT_DEFINED_STRUCT 17

// References to arrays of the defined type `index`.
#define WRT_DEFINED_ARRAY 18

// A field of a byte. Its value is an i32.
#define WRT_I8 19

// A field of two bytes. Its value is an i32.
#define WRT_I16 20

// Below `exn`: only null.
#define WRT_NULLEXNREF 22

// The number of the binary interface that this header describes.
#define WRT_ABI_VERSION 0

// What went wrong, as far as a program can act on it. Numbers are part of the ABI: append only.
enum wrt_error_kind_t
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint8_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    // An argument is NULL, out of range or otherwise unusable.
    WRT_ERROR_KIND_INVALID_ARGUMENT = 1,
    // An object of one store was used with another.
    WRT_ERROR_KIND_WRONG_STORE = 2,
    // A handle whose object is gone, or that never named one.
    WRT_ERROR_KIND_STALE_HANDLE = 3,
    // A value or object is not of the type that is needed.
    WRT_ERROR_KIND_TYPE_MISMATCH = 4,
    // Bytes that are no WebAssembly module, or text that does not parse.
    WRT_ERROR_KIND_MALFORMED = 5,
    // A module that does not validate.
    WRT_ERROR_KIND_INVALID_MODULE = 6,
    // Something this version does not support.
    WRT_ERROR_KIND_UNSUPPORTED = 7,
    // An import is missing or does not fit.
    WRT_ERROR_KIND_LINK = 8,
    // The guest trapped.
    WRT_ERROR_KIND_TRAP = 9,
    // The guest threw an exception that nobody caught.
    WRT_ERROR_KIND_EXCEPTION = 10,
    // The guest asked to exit.
    WRT_ERROR_KIND_EXIT = 11,
    // A limit of the store or the engine was reached.
    WRT_ERROR_KIND_LIMIT = 12,
    // The system gave no memory.
    WRT_ERROR_KIND_OUT_OF_MEMORY = 13,
    // The store's fuel is used up.
    WRT_ERROR_KIND_OUT_OF_FUEL = 14,
    // The store was interrupted, or its deadline passed.
    WRT_ERROR_KIND_INTERRUPTED = 15,
    // A system call failed.
    WRT_ERROR_KIND_IO = 16,
    // A bug of the engine. If it panicked, the store it happened in is poisoned.
    WRT_ERROR_KIND_INTERNAL = 17,
    // A host function failed.
    WRT_ERROR_KIND_HOST = 18,
    // Nothing has the name that was asked for.
    WRT_ERROR_KIND_NOT_FOUND = 19,
    // A store was used by two threads at once.
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

// How an engine is made. Used by one thread at a time.
typedef struct wrt_config_t wrt_config_t;

// What modules and stores are made from. May be shared between threads; a program may have many. Modules and stores keep
// what they need of it, so it may be deleted before them.
typedef struct wrt_engine_t wrt_engine_t;

// What went wrong: a kind, a one-line message and, where there is one, a trap code, a byte offset, an exception and a
// backtrace. Owned by whoever got it. May be used from any thread, by one at a time. One that holds an exception
// (`wrt_error_exception`) may outlive its store.
typedef struct wrt_error_t wrt_error_t;

// The type of an import or export. Immutable; borrowed from the object it was asked of, or owned where said so.
typedef struct wrt_externtype_t wrt_externtype_t;

// A function type. Immutable; may be shared between threads. Keeps the types that it names.
typedef struct wrt_functype_t wrt_functype_t;

// Interrupts one store. May outlive it.
typedef struct wrt_interrupt_t wrt_interrupt_t;

// Names for what modules import. Defined by one thread at a time. Host functions defined here serve every store of the
// engine; objects of a store serve that store.
typedef struct wrt_linker_t wrt_linker_t;

// A compiled module. May be shared between threads and stores.
typedef struct wrt_module_t wrt_module_t;

// Owns instances and everything else that runs. Used by one thread at a time; may move between threads while no call is in it.
// While a host function with values (`wrt_func_callback_t`) waits, another thread may use the store in its place, from its own stack. If two
// threads use it at once, the second gets an error of kind `wrong thread`. That is noticed for nearly nothing, and so not
// always: not for two that come within the same few nanoseconds.
typedef struct wrt_store_t wrt_store_t;

// A recursion group that is being put together. Used by one thread at a time.
typedef struct wrt_typebuilder_t wrt_typebuilder_t;

// Types that were defined together, which live at least as long as this (`wrt_type_t`). Immutable; may be shared between threads.
typedef struct wrt_types_t wrt_types_t;

// What one guest process may use of WASI preview 1: arguments, environment, standard streams, directories, clocks. At first its
// standard input is empty, its output is discarded, and it has no directories. Given to a store by `wrt_store_set_wasi`; used
// by one thread at a time.
typedef struct wrt_wasi_t wrt_wasi_t;

// One WebAssembly frame of a backtrace. Strings are borrowed from the error, NULL where unknown.
typedef struct {
    // The module's name.
    const char *module_name;
    // The function's name.
    const char *func_name;
    // The function's index in its module.
    uint32_t func_index;
    // Byte offset of the instruction in the module; UINT32_MAX where unknown.
    uint32_t module_offset;
    // Byte offset of the instruction in the function; UINT32_MAX where unknown.
    uint32_t func_offset;
    // Always 0.
    uint32_t reserved;
    // Bytes of the module's name, which may have NULs inside; 0 where unknown.
    size_t module_name_len;
    // Bytes of the function's name, which may have NULs inside; 0 where unknown.
    size_t func_name_len;
} wrt_frame_t;

// A tag of a store: what kind of exception is thrown. A plain value, like `wrt_func_t`.
typedef struct {
    uint64_t store;
    uint32_t index;
    uint32_t generation;
} wrt_tag_t;

// A function of a store. A plain value: copy it freely; it owns nothing, and every use checks it. All zeros is the empty
// handle. `wrt_ref_of_func` makes a reference that keeps the function's instance alive.
typedef struct {
    uint64_t store;
    uint32_t index;
    uint32_t generation;
} wrt_func_t;

// A reference to an object of a store, or an i31: a root, which collections know of. A plain value: copies are the same
// reference. All zeros is the empty reference, which is null in a value.
//
// It lives until the scope ends that was open when it was made (`wrt_scope_open`; every callback has a scope of its own),
// outside of all scopes until `wrt_ref_release`, or the store's end. Later uses fail with `stale handle`.
typedef struct {
    uint64_t store;
    // Which of the store's references it is, and which of those that had the place one after the other.
    uint64_t root;
} wrt_ref_t;

// The value itself, by kind.
typedef union {
    int32_t i32;
    int64_t i64;
    float f32;
    double f64;
    uint8_t v128[16];
    wrt_func_t func;
    wrt_ref_t ref;
} wrt_val_of_t;

// A value. `kind` says which member of `of` counts.
typedef struct {
    // One of `WRT_EMPTY`, `WRT_I32`, ...
    uint8_t kind;
    wrt_val_of_t of;
} wrt_val_t;

// Called once when userdata is not needed any more. May be NULL. It returns, as all callbacks do: see `wrt_func_callback_t`.
typedef void (*wrt_finalizer_t)(void *userdata);

// An instance of a store. A plain value, like `wrt_func_t`. It lives until `wrt_instance_release`, and then as long as
// something refers to it.
typedef struct {
    uint64_t store;
    uint32_t index;
    uint32_t generation;
} wrt_instance_t;

// A host function. `args` are borrowed: references in them live until the callback returns. `results` are zeros and nulls of the right kinds, to be filled in; they are given.
// References in them from outside of the callback stay their owner's.
// Returns NULL, or an error that it gives and that ends the call; it passes through WebAssembly to whoever called it. An error that
// holds an exception of this store (`wrt_error_new_exception`, or what `wrt_func_call` gave) throws it: WebAssembly may catch it.
// It may use the store, calls into WebAssembly included, by `wrt_caller_store`.
//
// A callback of any kind returns. An exception of C++ that comes out of one ends the process (`abort`) after one line on standard error
// that names the callback, and so does `pthread_exit` in one: catch exceptions, and return errors. After a `longjmp` out of one,
// what is skipped is lost, and the store can only be deleted: its next use fails with `invalid argument`, and so do all that follow;
// `wrt_store_delete` on the same thread ends it, finalizers included. If the `longjmp` ends in another callback of the same store,
// that one goes on, and the call that has led to it fails in the same way. On a stack that the thread was not made with, this is noticed only if the
// frames of the lost call are where the next one is.
typedef wrt_error_t *(*wrt_func_callback_t)(void *userdata,
                                            wrt_caller_t *caller,
                                            const wrt_val_t *args,
                                            size_t arg_count,
                                            wrt_val_t *results,
                                            size_t result_count);

// A raw slot: 16 bytes that hold one value of a known type, little-endian, from the first byte on.
typedef union WRT_ALIGNED(16) {
    int32_t i32;
    int64_t i64;
    float f32;
    double f64;
    uint8_t v128[16];
    // A funcref: NULL or opaque. Good as long as its instance is: where instances are released, until the next call into the
    // library. `wrt_ref_of_func` keeps a function.
    void *funcref;
    // Any other reference, checked also in raw calls; empty is null.
    wrt_ref_t ref;
} wrt_raw_t;

// A host function without checks, otherwise as `wrt_func_callback_t`: `slots` hold the arguments and take the results, both from slot 0 on. As many slots as
// there are parameters or results, whichever are more.
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

// A type of values or of fields. A plain value: copy it freely; it owns nothing. All zeros is no type.
//
// Equal defined types of an engine are one type, wherever they come from. It is there as long as something keeps it: types that the
// host has defined (`wrt_types_parse`, `wrt_typebuilder_finish`) as long as the engine; those of modules as long as the module, a
// `wrt_types_t` or `wrt_functype_t` of it, or a store that has made an instance of it, an object or something else of
// the type. Afterwards uses fail with `stale handle`.
typedef struct {
    // The engine of a defined type; 0 for others.
    uint64_t engine;
    // The number of a defined type in its engine; 0 for others.
    uint32_t index;
    // Tells a defined type from others that had its number before it; 0 for others.
    uint32_t generation;
    // Whose names the type and its fields have: the module's, or the text's, that it was got from; 0 for nobody's. The names are
    // there as long as that is. Says nothing about which type it is.
    uint32_t names;
    // One of `WRT_I32`, ..., `WRT_FUNCREF`, ..., `WRT_I16`.
    uint8_t kind;
    // Of a reference type: whether null is one of its values; 0 or 1.
    uint8_t nullable;
    // Always 0.
    uint16_t reserved;
} wrt_type_t;
#define wrt_type_t_EMPTY (wrt_type_t){ .engine = 0, .index = 0, .generation = 0, .names = 0, .kind = 0, .nullable = 0, .reserved = 0 }

// What a store's heap has done and holds. More may come at the end.
typedef struct {
    // Bytes of this struct as the caller knows it: `sizeof(wrt_heap_stats_t)`, to be set before it is filled in.
    size_t size;
    uint64_t minor_collections;
    uint64_t full_collections;
    // Bytes that survived a minor collection, all in all.
    uint64_t promoted_bytes;
    uint64_t last_minor_nanoseconds;
    uint64_t longest_minor_nanoseconds;
    uint64_t last_full_nanoseconds;
    uint64_t longest_full_nanoseconds;
    // Bytes that were alive after the last full collection, in whole lines of 128 bytes.
    uint64_t live_bytes;
    // Bytes that objects, dead ones included, and the gaps between them take now.
    uint64_t used_bytes;
    // References of the host.
    uint64_t references;
    // Objects of the host that have not died.
    uint64_t host_objects;
    // What objects of the host have declared as theirs outside of the heap.
    uint64_t external_bytes;
    uint64_t weak_references;
    // Instances that are there: not released, or not freed yet.
    uint64_t instances;
    // What the nursery may take now, and what objects in it do.
    uint64_t nursery_bytes;
    uint64_t nursery_used_bytes;
    // All pauses together.
    uint64_t minor_nanoseconds;
    uint64_t full_nanoseconds;
    // How many pauses there were from 2^i nanoseconds on, below 2^(i+1); the last one has all longer ones.
    uint64_t minor_pauses[32];
    uint64_t full_pauses[32];
} wrt_heap_stats_t;

// Objects, and their bytes.
typedef struct {
    uint64_t objects;
    uint64_t bytes;
} wrt_tally_t;

// What is in a store's heap, and what refers into it, counted one by one. Objects that have died and were not collected yet
// count as well. More may come at the end.
typedef struct {
    // Bytes of this struct as the caller knows it: `sizeof(wrt_heap_census_t)`, to be set before it is filled in.
    size_t size;
    // In the nursery.
    wrt_tally_t young;
    // Survivors of a collection.
    wrt_tally_t old;
    // Objects of more than 8 KiB, which are old from the start.
    wrt_tally_t large;
    // What refers into the heap: references of the host and of errors, elements of tables and of segments, globals, places in
    // frames, and instances to their tags. Null and i31s are not counted.
    uint64_t references;
    uint64_t table_elements;
    uint64_t globals;
    uint64_t segment_elements;
    uint64_t frame_slots;
    uint64_t tags;
} wrt_heap_census_t;

// A collection that is over. More may come at the end.
typedef struct {
    // Bytes of this struct as the library knows it.
    size_t size;
    // Whether old objects were collected as well; 0 or 1.
    uint64_t is_full;
    uint64_t nanoseconds;
    // Bytes that survived their first collection.
    uint64_t promoted_bytes;
    // Bytes that objects and the gaps between them take afterwards.
    uint64_t used_bytes;
} wrt_gc_event_t;

// Told after each collection of a store. What it does with the store fails. It returns, as all callbacks do: see `wrt_func_callback_t`.
typedef void (*wrt_gc_callback_t)(void *userdata, const wrt_gc_event_t *event);

// Takes a piece of what is written. An error ends it, and is given on. It returns, as all callbacks do: see `wrt_func_callback_t`.
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

// The handle itself, by kind.
typedef union {
    wrt_func_t func;
    wrt_table_t table;
    wrt_memory_t memory;
    wrt_global_t global;
    wrt_tag_t tag;
} wrt_extern_of_t;

// Something that can be imported and exported. `kind` says which member of `of` counts.
typedef struct {
    // One of `WRT_EXTERN_*`; 0 when empty.
    uint8_t kind;
    wrt_extern_of_t of;
} wrt_extern_t;

// Answers for how many nanoseconds, from now, a guest may go on whose deadline has passed; 0 stops it. Called on the store's thread, where
// the guest would be stopped; what it does with the store fails, but for `wrt_store_userdata`.
typedef uint64_t (*wrt_deadline_callback_t)(void *userdata);

// Size limits of a table, in elements, or a memory, in pages.
typedef struct {
    uint64_t min;
    // Meaningful if `has_max` is not 0.
    uint64_t max;
    uint64_t has_max;
} wrt_size_limits_t;

// What a memory is to be. More may come at the end.
typedef struct {
    // Bytes of this struct as the caller knows it: `sizeof(wrt_memory_options_t)`. `wrt_memory_options_init` sets it.
    size_t size;
    // In pages.
    wrt_size_limits_t limits;
    // Bytes of a page: 65536 or 1.
    uint64_t page_size;
    // Whether its indexes have 64 bits instead of 32.
    uint64_t is_64;
} wrt_memory_options_t;

// An import. Everything is borrowed from the module.
typedef struct {
    const char *module;
    size_t module_len;
    const char *name;
    size_t name_len;
    const wrt_externtype_t *type;
} wrt_import_t;

// An export. Everything is borrowed from the module.
typedef struct {
    const char *name;
    size_t name_len;
    const wrt_externtype_t *type;
} wrt_export_t;

// What an engine keeps of instances that have ended, with or without their stores, for the next ones: address space, which is
// expensive to make and to give back. What is kept holds nothing of who had it. Large tables are those of functions with
// 16384 elements and more; small ones, and contexts of instances, come from the allocator.
typedef struct {
    // Bytes of this struct as the caller knows it: `sizeof(wrt_pool_options_t)`. `wrt_pool_options_init` sets it.
    size_t size;
    // Memories that are kept, at most. Each keeps all the address space that it ever may need: with signals 4 GiB and a guard, or, with
    // 64-bit indexes, as `wrt_config_set_max_memory64` says; without signals what its type allows.
    size_t memories;
    // Bytes of each kept memory that stay in memory, at most: pages that were written are made as new instead of given back, which
    // saves the next instance the page faults. Needs Linux 6.7; before, all is given back.
    size_t memory_resident_bytes;
    // Memories that may be in use at a time, in all stores together; `SIZE_MAX` is no limit. One more is refused with `limit`. The
    // number of kept ones refuses nothing: what finds none there is made anew.
    size_t max_memories;
    // Large tables that are kept, at most, and bytes of each that stay in memory.
    size_t tables;
    size_t table_resident_bytes;
    // Heaps that are kept, at most, and bytes of each one's nursery that stay in memory.
    size_t heaps;
    size_t heap_resident_bytes;
} wrt_pool_options_t;

// What an engine's pool holds and has done. More may come at the end.
typedef struct {
    // Bytes of this struct as the caller knows it: `sizeof(wrt_pool_stats_t)`, to be set before it is filled in.
    size_t size;
    // Memories of stores, those of the host included.
    uint64_t memories_in_use;
    // Memories that wait for their next use, and bytes of them that were left in memory.
    uint64_t memories_kept;
    uint64_t memory_bytes_resident;
    // How many memories were made of a kept one, and how many anew.
    uint64_t memories_reused;
    uint64_t memories_made;
    // The same of large tables.
    uint64_t tables_kept;
    uint64_t table_bytes_resident;
    uint64_t tables_reused;
    // Heaps that wait, and how often one was used again.
    uint64_t heaps_kept;
    uint64_t heaps_reused;
} wrt_pool_stats_t;

// What a store may use in total.
typedef struct {
    // Bytes of this struct as the caller knows it: `sizeof(wrt_limits_t)`. `wrt_limits_init` sets it.
    size_t size;
    // Bytes of all memories together.
    uint64_t memory_bytes;
    // Elements of all tables together.
    uint64_t table_elements;
    // Instances.
    uint64_t instances;
    // Bytes that objects may take, as `wrt_config_set_heap_limit`; that limit holds as well.
    uint64_t heap_bytes;
} wrt_limits_t;

// What is about to grow.
typedef struct {
    // One of `WRT_RESOURCE_*`.
    uint8_t resource;
    uint64_t current;
    uint64_t desired;
} wrt_growth_t;

// Answers whether it may grow; anything but 0 means yes. Asked before anything is touched, while WebAssembly waits; what
// it does with the store fails. It returns, as all callbacks do: see `wrt_func_callback_t`.
typedef int32_t (*wrt_limiter_callback_t)(void *userdata, const wrt_growth_t *growth);

// What a table is to be. More may come at the end.
typedef struct {
    // Bytes of this struct as the caller knows it: `sizeof(wrt_table_options_t)`. `wrt_table_options_init` sets it.
    size_t size;
    // In elements.
    wrt_size_limits_t limits;
    // A type of references.
    wrt_type_t element;
    // Whether its indexes have 64 bits instead of 32.
    uint64_t is_64;
} wrt_table_options_t;

// A field of a structure, or the element of an array.
typedef struct {
    wrt_type_t type;
    // Whether it can be changed; 0 or 1.
    uint64_t is_mutable;
} wrt_field_t;
#define wrt_field_t_EMPTY (wrt_field_t){ .type = wrt_type_t_EMPTY, .is_mutable = 0 }

// A standard stream. Fills `bytes` for 0, where 0 bytes are the end; takes them for 1 and 2. Gives how many, at most `len`, or
// a negative WASI error number, such as -29 for EIO. While it runs, what it does with the store fails; other stores are fine.
// It returns, as all callbacks do: see `wrt_func_callback_t`.
typedef int64_t (*wrt_wasi_stream_callback_t)(void *userdata, uint8_t *bytes, size_t len);

// A clock: 0 is the time since 1970, 1 the time since some point, 2 and 3 the time that the process and the thread have run.
// Writes nanoseconds and gives 0, or gives a negative WASI error number, such as -28 for EINVAL. While it runs, what it does with
// the store fails. It returns, as all callbacks do: see `wrt_func_callback_t`.
typedef int32_t (*wrt_wasi_clock_callback_t)(void *userdata, uint32_t clock_id, uint64_t *out_nanoseconds);

// Fills all of `out_bytes` and gives 0, or gives a negative WASI error number. While it runs, what it does with the store fails.
// It returns, as all callbacks do: see `wrt_func_callback_t`.
typedef int32_t (*wrt_wasi_random_callback_t)(void *userdata, uint8_t *out_bytes, size_t len);

// A reference that does not keep its object alive. A plain value: copies are the same reference. All zeros is the empty one.
// It lives until `wrt_weak_release`, or the store's end; scopes do not matter.
typedef struct {
    uint64_t store;
    uint32_t index;
    uint32_t generation;
} wrt_weak_t;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// A configuration with the defaults: signals on (off when the process runs on Valgrind), interruption off, a WebAssembly stack of 1 MiB, as many compile threads
// as processors. Owned by the caller. Never NULL.
wrt_config_t *wrt_config_new(void);

// Deletes a configuration. NULL does nothing.
void wrt_config_delete(wrt_config_t *config);

// Whether traps are found by hardware faults and signal handlers (the default), or by explicit checks in the code, which
// is slower and needs no signals. Results are the same. Valgrind would report every such fault, so signals are off by default when the
// process runs on it.
// The environment variable `WRT_SIGNALS` turns them off, whatever is set here, if it is `off` or `0` when `wrt_engine_new` is
// called.
//
// With signals, handlers of SIGSEGV, SIGBUS, SIGILL and SIGFPE are installed by the first engine. What is no trap goes to the handlers that
// were there, or to the default action. When handlers are installed later, ours are put back (see `wrt_signals_install`). A
// thread that blocks one of these signals can not run WebAssembly: the call fails with `invalid argument` and names the signal. This is looked
// at when the store was entered by another thread last, so a thread that blocks them between two calls, or in a callback, is not
// noticed, and the next trap ends the process.
WRT_MUST_USE wrt_error_t *wrt_config_set_signals(wrt_config_t *config,
                                    bool on);

// Whether stores can be interrupted and have deadlines. Off by default; costs nothing then.
WRT_MUST_USE wrt_error_t *wrt_config_set_interruption(wrt_config_t *config, bool on);

// Whether relaxed vector instructions give the same results on every processor: those of the specification's deterministic profile.
// Off by default: they do what is fastest on this one. Results that are not numbers may differ in their bits, as those of other
// instructions do.
WRT_MUST_USE wrt_error_t *wrt_config_set_relaxed_simd_deterministic(wrt_config_t *config,
                                                       bool on);

// Stack in bytes that WebAssembly may use below the frame that enters it, 1 MiB unless set. At least 16 KiB; checked by `wrt_engine_new`.
// Where the stack has less, WebAssembly may use less: a quarter of every stack, but 32 KiB at least and 256 KiB at most, is left to host
// functions, the runtime and signal handlers. So a thread with a stack of 1 MiB has 768 KiB for the host's frames and WebAssembly together, one
// with 128 KiB has 96 KiB, and one with 64 KiB has 32 KiB. Beyond that it traps: "call stack exhausted". A host function may be called when no more than the
// reserve is left. On stacks that the host has made itself: see `wrt_store_set_stack`.
WRT_MUST_USE wrt_error_t *wrt_config_set_max_wasm_stack(wrt_config_t *config,
                                           size_t bytes);

// Whether `wrt_module_new` is done when the module is valid (off by default): functions are compiled when they are first
// called, and the rest meanwhile by threads in the background, one less than `wrt_config_set_threads` says but at least
// one. Results are the same, and so is the code in the end. Code that was made at once for a first call takes more stack: WebAssembly may use up to 16
// times of what `wrt_config_set_max_wasm_stack` says then, as far as the stack has it. A function that can not be compiled is an error of its first
// call. `wrt_module_save` waits until all is compiled. Deleting waits for nothing: a thread that is compiling a function of a deleted
// module goes on to its end, and the module's memory goes then. Threads are the engine's, for all of its modules together.
WRT_MUST_USE wrt_error_t *wrt_config_set_lazy(wrt_config_t *config,
                                 bool on);

// Whether lazy modules (`wrt_config_set_lazy`) have threads in the background (on by default). Without them a function is compiled at
// its first call, in little time, and never again: for programs that run shortly, and for hosts that want no threads. Its
// code takes 1.2 to 2.8 times as long then. `wrt_module_save` still compiles all, on the calling thread.
WRT_MUST_USE wrt_error_t *wrt_config_set_background(wrt_config_t *config,
                                       bool on);

// A directory, as a path of `len` bytes, in which compiled modules are kept for this process and others, and how many bytes all of
// them may take; beyond, those that were not used for the longest time are removed. NULL and 0, as at first: none. The path is
// copied; the directory is made by `wrt_engine_new`, for this user only, if it is not there. Any number of processes may use it at the
// same time. What is damaged or of another version is compiled anew. What is in it will run: only who is trusted may
// write there. With `wrt_config_set_lazy` a module is kept when all of it is compiled.
WRT_MUST_USE wrt_error_t *wrt_config_set_cache(wrt_config_t *config,
                                  const char *directory,
                                  size_t len,
                                  uint64_t max_bytes);

// Threads that compile, at most; at least 1. Checked by `wrt_engine_new`.
WRT_MUST_USE wrt_error_t *wrt_config_set_threads(wrt_config_t *config, size_t threads);

// How much work the optimizing compiler may have with one function: 7 000 000 000 unless set, in units that stand for about a
// nanosecond. A function that would be more is compiled by the baseline compiler, whether the engine is lazy or not: its results are
// the same, its code takes 1.2 to 2.8 times as long and more stack. The work is estimated from counts (instructions, blocks, values
// that are alive at the same time, what branches pass, loops around each other), never from time, so the same module and settings have
// the same code. Work that grows faster than a function is limited to a share of the budget by its size: all of it from 140 000 bytes on. 0 optimizes nothing, `UINT64_MAX` everything, however long it takes. Modules saved with another budget are refused.
// On processors without a baseline compiler (all but x86-64) such a function is an error of kind `limit`.
WRT_MUST_USE wrt_error_t *wrt_config_set_optimization_budget(wrt_config_t *config,
                                                uint64_t work);

// Most bytes of a module's machine code: unless set, 64 MiB and 64 for each byte of its functions; 2 GiB is the most. A module
// that has more is an error of kind `limit`: of `wrt_module_new`, or of a function's first call where it is compiled lazily.
WRT_MUST_USE wrt_error_t *wrt_config_set_max_code_size(wrt_config_t *config,
                                          uint64_t bytes);

// Most bytes that a 64-bit memory may have, whatever its type allows: 16 GiB unless set, 32 TiB at most, checked by
// `wrt_engine_new`. So much address space is set aside for each one whose type does not allow less (with signals a power of two, 4 GiB
// at least); memory is taken only for what is used. A module whose memory begins with more is not instantiated (`limit`).
WRT_MUST_USE wrt_error_t *wrt_config_set_max_memory64(wrt_config_t *config,
                                         uint64_t bytes);

// Most bytes that the objects of a store may take. Beyond, allocation traps with `WRT_TRAP_HEAP_EXHAUSTED`.
WRT_MUST_USE wrt_error_t *wrt_config_set_heap_limit(wrt_config_t *config, size_t bytes);

// Address space that is set aside for the heap of each store that uses one, in bytes: 4 GiB unless set, which is the most.
// The least is 1 MiB and 16 times what the nursery begins with. Memory is taken only for what is used. Checked by
// `wrt_engine_new`.
WRT_MUST_USE wrt_error_t *wrt_config_set_heap_reservation(wrt_config_t *config,
                                             size_t bytes);

// Bytes of the nursery, where objects are made: to begin with (64 KiB unless set), and at most (32 MiB unless set, which
// is the most). It grows when that saves work. Checked by `wrt_engine_new`.
WRT_MUST_USE wrt_error_t *wrt_config_set_nursery_size(wrt_config_t *config,
                                         size_t min,
                                         size_t max);

// When the old objects are collected: after they have grown by `percent` of what was alive (100 unless set), and by
// `min_bytes` at least (8 MiB unless set).
WRT_MUST_USE wrt_error_t *wrt_config_set_heap_growth(wrt_config_t *config,
                                        size_t percent,
                                        size_t min_bytes);

// Whether it is noted where each reference of the host is made, for `wrt_store_write_reference_report`; and when a store is
// deleted, references that nobody has released are reported on standard error. Slow: for finding leaks. Off by default.
WRT_MUST_USE wrt_error_t *wrt_config_set_debug_references(wrt_config_t *config,
                                             bool on);

// For tests of hosts: every `n`-th allocation collects everything, moves all that lives, and overwrites the rest, so that
// a reference that was kept wrongly is found. 0, as at first, is off.
WRT_MUST_USE wrt_error_t *wrt_config_set_gc_zeal(wrt_config_t *config,
                                    uint32_t n);

// Makes an engine. `config` is borrowed and may be NULL for the defaults. `*out_engine` is owned by the caller, NULL on
// failure: `unsupported` on a machine that is not supported, `invalid argument` for settings out of range.
WRT_MUST_USE wrt_error_t *wrt_engine_new(const wrt_config_t *config,
                            wrt_engine_t **out_engine);

// Another owned pointer to the same engine. NULL for NULL.
wrt_engine_t *wrt_engine_clone(const wrt_engine_t *engine);

// How far the compilation of modules has come since the engine was made: bytes of function bodies that are compiled, and
// of those that were and are to be. May be called from any thread at any time, to show it while a module is made.
WRT_MUST_USE wrt_error_t *wrt_engine_compile_progress(const wrt_engine_t *engine,
                                         uint64_t *out_done,
                                         uint64_t *out_total);

// How many defined types there are now, of modules and of the host: those that something keeps (`wrt_type_t`). May be called from any
// thread at any time. 0 for NULL.
size_t wrt_engine_type_count(const wrt_engine_t *engine);

// Deletes an engine pointer. NULL does nothing.
void wrt_engine_delete(wrt_engine_t *engine);

// Makes an error for a callback to return. `kind` is one of the `WRT_ERROR_KIND_*`; an unknown one becomes
// `WRT_ERROR_KIND_HOST`. The message is UTF-8 and copied, control characters escaped and cut where it is longer than 1000 bytes; NULL stands for the kind's name. Never returns NULL. Legal
// anywhere.
wrt_error_t *wrt_error_new(uint8_t kind,
                           const char *message,
                           size_t message_len);

// Makes the error of a guest that asks to exit, for a callback to return. Never returns NULL.
wrt_error_t *wrt_error_new_exit(int32_t status);

// Makes the error of a trap, for a callback to return. `code` is one of the `WRT_TRAP_*`. Never returns NULL.
wrt_error_t *wrt_error_new_trap(uint8_t code);

// Deletes an error. NULL does nothing.
void wrt_error_delete(wrt_error_t *error);

// The error's kind, one of the `WRT_ERROR_KIND_*`; 0 for NULL. More kinds may come: be prepared for unknown ones.
uint8_t wrt_error_kind(const wrt_error_t *error);

// The static name of a kind, such as "type mismatch"; "unknown" for others. Never NULL.
const char *wrt_error_kind_name(uint8_t kind);

// The message, NUL-terminated, borrowed from the error. It is one line of UTF-8 of at most 1040 bytes: control characters are escaped,
// long names cut. `out_len` may be NULL. "" for NULL.
const char *wrt_error_message(const wrt_error_t *error,
                              size_t *out_len);

// The trap's code, one of the `WRT_TRAP_*`; 0 when the error is no trap.
uint8_t wrt_error_trap_code(const wrt_error_t *error);

// The static name of a trap code, such as "integer overflow"; "unknown" for others. Never NULL.
const char *wrt_trap_name(uint8_t code);

// The byte offset in the module that the error is about. False, and 0, when there is none.
bool wrt_error_offset(const wrt_error_t *error, uint64_t *out_offset);

// The status of a guest's exit. False, and 0, when the error is no exit.
bool wrt_error_exit_status(const wrt_error_t *error, int32_t *out_status);

// How many WebAssembly frames the backtrace has. 0 for NULL.
size_t wrt_error_frame_count(const wrt_error_t *error);

// A frame of the backtrace, innermost first. Fails with `invalid argument` when there is no such frame.
WRT_MUST_USE wrt_error_t *wrt_error_frame(const wrt_error_t *error, size_t index, wrt_frame_t *out_frame);

// Makes an exception of a tag, in the innermost scope; nothing is thrown. `take_values` are what it carries, one of each
// parameter of the tag's type, and are taken: the slots become empty, also on failure. May collect; finalizers run then.
WRT_MUST_USE wrt_error_t *wrt_exception_new(wrt_store_t *store,
                               const wrt_tag_t *tag,
                               wrt_val_t *take_values,
                               size_t value_count,
                               wrt_ref_t *out_reference);

// The tag of an exception, to be compared by `wrt_tag_equal`. Fails with `type mismatch` if the reference is to something else.
WRT_MUST_USE wrt_error_t *wrt_exception_tag(wrt_store_t *store,
                               const wrt_ref_t *reference,
                               wrt_tag_t *out_tag);

// How many values an exception carries. Fails as `wrt_exception_tag` does.
WRT_MUST_USE wrt_error_t *wrt_exception_value_count(wrt_store_t *store, const wrt_ref_t *reference, uint32_t *out_count);

// A value that an exception carries. A reference in it is the caller's, in the innermost scope. Fails with `invalid argument`
// when there is no such value, and as `wrt_exception_tag`.
WRT_MUST_USE wrt_error_t *wrt_exception_value(wrt_store_t *store,
                                 const wrt_ref_t *reference,
                                 uint32_t index,
                                 wrt_val_t *out_value);

// All values that an exception carries, of which there are `count`, otherwise this fails with `type mismatch`. As
// `wrt_exception_value`; all values are empty on failure.
WRT_MUST_USE wrt_error_t *wrt_exception_values(wrt_store_t *store,
                                  const wrt_ref_t *reference,
                                  wrt_val_t *out_values,
                                  size_t count);

// The exception that an error holds, in the innermost scope; the empty reference if it holds none. The error is borrowed, and
// goes on holding it. Fails with `wrong store` for an exception of another store.
WRT_MUST_USE wrt_error_t *wrt_error_exception(wrt_store_t *store,
                                 const wrt_error_t *error,
                                 wrt_ref_t *out_reference);

// Makes the error of an exception, for a callback to return: that throws it. `*take_reference` is taken: the slot becomes empty,
// but for a reference of another store. The error holds the exception until it is deleted, on any thread, also after the store's
// end. Never returns NULL: when this fails, the error is the one that says why.
wrt_error_t *wrt_error_new_exception(wrt_store_t *store,
                                     wrt_ref_t *take_reference);

// As `wrt_externref_new`; the object refers to `field_count` other ones, none at first, which it keeps alive while it lives
// itself. So cycles through it are collected.
WRT_MUST_USE wrt_error_t *wrt_externref_new_with_fields(wrt_store_t *store,
                                           void *userdata,
                                           wrt_finalizer_t finalizer,
                                           size_t external_bytes,
                                           uint32_t field_count,
                                           wrt_ref_t *out_reference);

// What a field of an object of the host refers to, in the innermost scope; the empty reference for nothing. Fails with `invalid
// argument` when there is no such field, and with `type mismatch` for what is no object of the host.
WRT_MUST_USE wrt_error_t *wrt_externref_get_field(wrt_store_t *store,
                                     const wrt_ref_t *reference,
                                     uint32_t index,
                                     wrt_ref_t *out_reference);

// Sets what a field of an object of the host refers to: `*take_value`, which is taken, the slot becomes empty, also on
// failure (but not if it is of another store). The empty reference is nothing.
WRT_MUST_USE wrt_error_t *wrt_externref_set_field(wrt_store_t *store,
                                     const wrt_ref_t *reference,
                                     uint32_t index,
                                     wrt_ref_t *take_value);

// Makes an externref to data of the host, in the innermost scope. `userdata` is never looked at; `finalizer` (may be NULL)
// is called with it once: after the last reference is gone, at the latest when the store is, or when this fails. It is
// called outside of collections, on a thread that uses or deletes the store, and can not use the store itself.
// `external_bytes` are memory of the host that lives and dies with it: the collector counts them as it counts its own.
WRT_MUST_USE wrt_error_t *wrt_externref_new(wrt_store_t *store,
                               void *userdata,
                               wrt_finalizer_t finalizer,
                               size_t external_bytes,
                               wrt_ref_t *out_reference);

// The userdata of a reference that leads to what `wrt_externref_new` made, also after a conversion to `any`. Fails with
// `type mismatch` for anything else.
WRT_MUST_USE wrt_error_t *wrt_externref_userdata(wrt_store_t *store,
                                    const wrt_ref_t *reference,
                                    void **out_userdata);

// How many proposals the library has that can be turned on and off.
size_t wrt_feature_count(void);

// The name of a proposal, such as "tail-call": that of its repository under github.com/WebAssembly. `index` is below
// `wrt_feature_count()`; otherwise NULL. `out_len` may be NULL. Static, NUL-terminated.
const char *wrt_feature_name(size_t index,
                             size_t *out_len);

// What a proposal is about, in a line. As `wrt_feature_name`.
const char *wrt_feature_summary(size_t index, size_t *out_len);

// Turns a proposal on, with those it builds upon, or off, with those that build upon it. At first all of WebAssembly 3.0 that the
// library has is on, and nothing else. A module that needs what is off is refused by an error of kind `unsupported` that says
// what it needs and where. Fails with `not found` for names there are not, and with `unsupported` when a proposal is
// turned on that the library does not have; the configuration is as before then.
WRT_MUST_USE wrt_error_t *wrt_config_set_feature(wrt_config_t *config,
                                    const char *name,
                                    size_t name_len,
                                    bool on);

// Whether a proposal is on. Fails with `not found` for names there are not; what the library knows of and does not have is off.
WRT_MUST_USE wrt_error_t *wrt_config_get_feature(const wrt_config_t *config,
                                    const char *name,
                                    size_t name_len,
                                    bool *out_on);

// The store of a call in progress. NULL for NULL. Valid in the callback only (and wherever the store is).
wrt_store_t *wrt_caller_store(const wrt_caller_t *caller);

// The instance whose code called. False, and the empty handle, when the host itself called the function.
bool wrt_caller_instance(const wrt_caller_t *caller, wrt_instance_t *out_instance);

// Makes a host function in a store. The type is borrowed. `userdata` is never looked at; `finalizer` (may be NULL) is
// called with it once: when the store is gone, when the function is released and freed, or when this fails. One callback may
// serve many functions. Where the system forbids executable memory, fails with `I/O` unless a module that declares the type was
// loaded from a file.
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

// The function's type. The caller owns `*out_type`.
WRT_MUST_USE wrt_error_t *wrt_func_type(wrt_store_t *store, const wrt_func_t *func, wrt_functype_t **out_type);

// Calls a function. `args` are borrowed; there must be exactly as many values, of exactly the kinds, as the type says.
// `results` are written: the results on success, empty values on failure; they may be the same array as `args`.
// References in them are the caller's, in the innermost scope. Fails with `trap`, `interrupted`, `exception` (what
// WebAssembly threw and did not catch), the error of a host function, or `type mismatch`; the store goes on. Legal in callbacks of the same store.
WRT_MUST_USE wrt_error_t *wrt_func_call(wrt_store_t *store,
                           const wrt_func_t *func,
                           const wrt_val_t *args,
                           size_t arg_count,
                           wrt_val_t *results,
                           size_t result_count);

// Calls a function without checking values: `slots` hold the arguments and take the results, both from slot 0 on.
// `slot_count` must be at least the number of parameters and of results, which is checked; that arguments are of the
// types, and that funcrefs are alive, is the caller's word.
WRT_MUST_USE wrt_error_t *wrt_func_call_raw(wrt_store_t *store,
                               const wrt_func_t *func,
                               wrt_raw_t *slots,
                               size_t slot_count);

// Gives up the host's hold on a function that `wrt_func_new` made. It lives as long as something refers to it, and is freed
// by a full collection after that; its handles are stale then. The slot becomes empty. Fails with `invalid argument` for a
// function of an instance, which lives as long as that, and with `stale handle` when it was released before.
WRT_MUST_USE wrt_error_t *wrt_func_release(wrt_store_t *store,
                              wrt_func_t *take_func);

// Whether two handles name the same function. False for NULL and for empty handles.
bool wrt_func_equal(const wrt_func_t *a, const wrt_func_t *b);

// Makes a global of a value kind (`WRT_I32`, ...). `*take_value` is taken: the slot becomes empty, also on failure.
WRT_MUST_USE wrt_error_t *wrt_global_new(wrt_store_t *store,
                            uint8_t kind,
                            bool mutable_,
                            wrt_val_t *take_value,
                            wrt_global_t *out_global);

// As `wrt_global_new`, of any type.
WRT_MUST_USE wrt_error_t *wrt_global_new_of(wrt_store_t *store,
                               const wrt_type_t *ty,
                               bool mutable_,
                               wrt_val_t *take_value,
                               wrt_global_t *out_global);

// The type of the global's value.
WRT_MUST_USE wrt_error_t *wrt_global_value_type(wrt_store_t *store, const wrt_global_t *global, wrt_type_t *out_type);

// The global's value kind and whether it is mutable.
WRT_MUST_USE wrt_error_t *wrt_global_type(wrt_store_t *store,
                             const wrt_global_t *global,
                             uint8_t *out_kind,
                             bool *out_mutable);

// The global's value; a reference in it is the caller's, in the innermost scope.
WRT_MUST_USE wrt_error_t *wrt_global_get(wrt_store_t *store, const wrt_global_t *global, wrt_val_t *out_value);

// Sets the global to `*take_value`, which is taken: the slot becomes empty, also on failure. Fails with `type mismatch`
// when the global is immutable or of another kind.
WRT_MUST_USE wrt_error_t *wrt_global_set(wrt_store_t *store,
                            const wrt_global_t *global,
                            wrt_val_t *take_value);

// Gives up the host's hold on a global that `wrt_global_new` made. It lives as long as something refers to it, and is freed by a
// full collection after that; its handles are stale then. The slot becomes empty. Fails with `invalid argument` for a global
// of an instance, which lives as long as that, and with `stale handle` when it was released before.
WRT_MUST_USE wrt_error_t *wrt_global_release(wrt_store_t *store,
                                wrt_global_t *take_global);

// Collects all objects that nothing refers to any more, and runs the finalizers of those of the host.
WRT_MUST_USE wrt_error_t *wrt_store_gc(wrt_store_t *store);

// Fills in what the store's heap has done and holds. `stats->size` must be set. On failure everything else is 0, unless the size
// is wrong.
WRT_MUST_USE wrt_error_t *wrt_store_heap_stats(wrt_store_t *store,
                                  wrt_heap_stats_t *out_stats);

// Counts the objects in a store's heap by age, and what refers there by kind. Walks all of them: it takes as long as a full
// collection, and collects nothing. `census->size` must be set. On failure everything else is 0, unless the size is wrong.
WRT_MUST_USE wrt_error_t *wrt_store_heap_census(wrt_store_t *store,
                                   wrt_heap_census_t *out_census);

// Bytes of the nursery, at most, for this store's heap: from the next collection on. As `wrt_config_set_nursery_size`.
WRT_MUST_USE wrt_error_t *wrt_store_set_nursery_max(wrt_store_t *store,
                                       size_t bytes);

// When the old objects of this store are collected: from the next collection on. As `wrt_config_set_heap_growth`.
WRT_MUST_USE wrt_error_t *wrt_store_set_heap_growth(wrt_store_t *store,
                                       size_t percent,
                                       size_t min_bytes);

// Sets who is told after each collection; a NULL callback removes it. `finalizer` (may be NULL) is called with `userdata` once:
// when the callback is replaced, the store is gone, or this fails. Not legal while the store runs.
WRT_MUST_USE wrt_error_t *wrt_store_set_gc_callback(wrt_store_t *store,
                                       wrt_gc_callback_t callback,
                                       void *userdata,
                                       wrt_finalizer_t finalizer);

// Writes all objects of a store, with names and with what refers to them, in the format of Chromium's developer tools: as a
// file `NAME.heapsnapshot` their memory panel opens it and shows sizes and retaining paths. Collects everything first. The
// callback is called piece by piece; what it does with the store fails.
WRT_MUST_USE wrt_error_t *wrt_store_write_heap_snapshot(wrt_store_t *store,
                                           wrt_write_callback_t write,
                                           void *userdata);

// Writes which references of the host are alive in a store, as text: how many were made where, most first. The engine must be
// configured for it (`wrt_config_set_debug_references`).
WRT_MUST_USE wrt_error_t *wrt_store_write_reference_report(wrt_store_t *store,
                                              wrt_write_callback_t write,
                                              void *userdata);

// Makes an instance with imports in the order of the module, and runs its start function. Everything is borrowed. Fails
// with `link` when an import does not fit, or as the start function does. `*out_instance` is empty on failure; what was
// made then lives as long as something refers to it.
WRT_MUST_USE wrt_error_t *wrt_instance_new(wrt_store_t *store,
                              const wrt_module_t *module,
                              const wrt_extern_t *imports,
                              size_t import_count,
                              wrt_instance_t *out_instance);

// Gives up the host's hold on an instance. It lives as long as a frame, an import, a table, a global, an object or a
// reference refers to it, and is freed by a full collection after that; its handles, and those of what it exports, are stale
// then. The slot becomes empty. Fails with `stale handle` when it was released before. Legal in callbacks, also for the
// instance that calls.
WRT_MUST_USE wrt_error_t *wrt_instance_release(wrt_store_t *store,
                                  wrt_instance_t *take_instance);

// As `wrt_instance_release`, from any thread: when its store is next used, if that is still there. The slot becomes empty.
// What was released before does no harm.
void wrt_instance_drop(wrt_instance_t *take_instance);

// The export of a name. Fails with `not found` when there is none.
WRT_MUST_USE wrt_error_t *wrt_instance_get(wrt_store_t *store,
                              const wrt_instance_t *instance,
                              const char *name,
                              size_t name_len,
                              wrt_extern_t *out_extern);

// The export at a place in the order of the module. Fails with `invalid argument` when there is none.
WRT_MUST_USE wrt_error_t *wrt_instance_export(wrt_store_t *store,
                                 const wrt_instance_t *instance,
                                 size_t index,
                                 wrt_extern_t *out_extern);

// The exported function of a name. Fails with `not found` when there is no such export, with `type mismatch` when
// it is something else.
WRT_MUST_USE wrt_error_t *wrt_instance_get_func(wrt_store_t *store,
                                   const wrt_instance_t *instance,
                                   const char *name,
                                   size_t name_len,
                                   wrt_func_t *out_func);

// The exported table of a name. Fails as `wrt_instance_get_func` does.
WRT_MUST_USE wrt_error_t *wrt_instance_get_table(wrt_store_t *store,
                                    const wrt_instance_t *instance,
                                    const char *name,
                                    size_t name_len,
                                    wrt_table_t *out_table);

// The exported memory of a name. Fails as `wrt_instance_get_func` does.
WRT_MUST_USE wrt_error_t *wrt_instance_get_memory(wrt_store_t *store,
                                     const wrt_instance_t *instance,
                                     const char *name,
                                     size_t name_len,
                                     wrt_memory_t *out_memory);

// The exported global of a name. Fails as `wrt_instance_get_func` does.
WRT_MUST_USE wrt_error_t *wrt_instance_get_global(wrt_store_t *store,
                                     const wrt_instance_t *instance,
                                     const char *name,
                                     size_t name_len,
                                     wrt_global_t *out_global);

// The exported tag of a name. Fails as `wrt_instance_get_func` does.
WRT_MUST_USE wrt_error_t *wrt_instance_get_tag(wrt_store_t *store,
                                  const wrt_instance_t *instance,
                                  const char *name,
                                  size_t name_len,
                                  wrt_tag_t *out_tag);

// Sets the store's deadline, `nanoseconds` from now, instead of the one before; 0 removes it. Fails with `invalid argument` if the
// engine is not configured for interruption.
//
// When the deadline passes, or after `wrt_interrupt_trigger`, an interrupt is pending. What runs then, or next, fails with an error of
// kind `interrupted`: WebAssembly at the next function entry or at the next turn of a loop; instantiation, instructions and functions of
// this library that copy or fill in bulk after 256 KiB of a memory or 4096 elements of a table or an array, at most; waiting in WASI.
// What was written until then stays written; what was to grow has not grown. Guests can not catch it.
//
// The interrupt stays pending until the outermost call of the store returns: if a callback goes on after a nested call that was
// interrupted, whatever it calls next, and the guest that called it, is interrupted as well. If nothing was interrupted meanwhile, it
// waits for the next call. While nothing runs, this function forgets a deadline that has passed, and, if `nanoseconds` is 0, also an
// interrupt that was triggered; while something runs, it forgets nothing.
//
// A collection is not interrupted, nor is a function of the host, which may ask by `wrt_store_interrupted`.
WRT_MUST_USE wrt_error_t *wrt_store_set_deadline(wrt_store_t *store,
                                    uint64_t nanoseconds);

// Sets who is asked for more time when the store's deadline has passed; a NULL callback removes it. It is not asked when
// the store was also interrupted by `wrt_interrupt_trigger`, nor again once it has answered 0, until the outermost call has returned.
// `finalizer` (may be NULL) is called with `userdata` once: when the callback is replaced, the store is gone, or this fails. Not legal
// while the store runs. Fails with `invalid argument` if the engine is not configured for interruption.
WRT_MUST_USE wrt_error_t *wrt_store_set_deadline_callback(wrt_store_t *store,
                                             wrt_deadline_callback_t callback,
                                             void *userdata,
                                             wrt_finalizer_t finalizer);

// Whether an interrupt is pending: it was triggered, or the deadline has passed. For host functions that take long; they may then return
// early, with any result, as the guest is stopped next. Changes nothing, and asks nobody for more time. On the store's thread; also
// legal in limiters and finalizers. False for NULL.
bool wrt_store_interrupted(const wrt_store_t *store);

// Nanoseconds until the store's deadline; 0 when it has passed, and `UINT64_MAX` when there is none, or for NULL. On the store's thread;
// also legal in limiters and finalizers.
uint64_t wrt_store_time_left(const wrt_store_t *store);

// For host functions that take long: fails with `interrupted` where a guest would be stopped, otherwise does nothing. If only the deadline
// has passed, the deadline's callback is asked for more time first. A host function may return the error; if it does not, the guest is
// stopped nevertheless.
WRT_MUST_USE wrt_error_t *wrt_store_take_interrupt(wrt_store_t *store);

// Makes an object that interrupts this store. Fails if the engine is not configured for interruption. The caller owns
// `*out_interrupt`, NULL on failure.
WRT_MUST_USE wrt_error_t *wrt_interrupt_new(wrt_store_t *store,
                               wrt_interrupt_t **out_interrupt);

// What the store runs now, or next, ends with an error of kind `interrupted`, as `wrt_store_set_deadline` says; nobody is asked for more
// time. From any thread, and from signal handlers. NULL does nothing.
void wrt_interrupt_trigger(const wrt_interrupt_t *interrupt);

// Deletes an interrupt object. NULL does nothing.
void wrt_interrupt_delete(wrt_interrupt_t *interrupt);

// Makes a linker without definitions. The engine is borrowed. The caller owns `*out_linker`, NULL on failure.
WRT_MUST_USE wrt_error_t *wrt_linker_new(const wrt_engine_t *engine, wrt_linker_t **out_linker);

// Deletes a linker. Instances made by it, and their functions' userdata, stay. NULL does nothing.
void wrt_linker_delete(wrt_linker_t *linker);

// Defines a host function under two names, with its type as text such as `(i32, i64) -> f64`. `userdata` is never looked
// at; `finalizer` (may be NULL) is called with it once: when the linker and all stores that use the function are gone, or
// when this fails. A name that is taken is an error.
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

// Defines an object of a store under two names. A name that is taken is an error.
WRT_MUST_USE wrt_error_t *wrt_linker_define(wrt_linker_t *linker,
                               wrt_store_t *store,
                               const char *module,
                               size_t module_len,
                               const char *name,
                               size_t name_len,
                               const wrt_extern_t *item);

// Defines every export of an instance under one module name. If one of the names is taken, nothing is defined.
WRT_MUST_USE wrt_error_t *wrt_linker_define_instance(wrt_linker_t *linker,
                                        wrt_store_t *store,
                                        const char *module,
                                        size_t module_len,
                                        const wrt_instance_t *instance);

// Makes an instance whose imports are found by name, and runs its start function. Everything is borrowed. Fails with
// `link`, naming all imports that nothing was defined for or the one that does not fit, or as the start function does. `*out_instance` is empty on failure.
WRT_MUST_USE wrt_error_t *wrt_linker_instantiate(const wrt_linker_t *linker,
                                    wrt_store_t *store,
                                    const wrt_module_t *module,
                                    wrt_instance_t *out_instance);

// Makes a memory with 32-bit indexes; limits are in pages of 64 KiB. Fails with `limit` or `out of memory`.
WRT_MUST_USE wrt_error_t *wrt_memory_new(wrt_store_t *store, const wrt_size_limits_t *limits, wrt_memory_t *out_memory);

// Fills in options of an empty memory with 32-bit indexes that may grow, by pages of 64 KiB, as far as they reach. NULL does nothing.
void wrt_memory_options_init(wrt_memory_options_t *out_options);

// As `wrt_memory_new`, of any type of memories. The options are borrowed. A 64-bit memory has no more bytes than
// `wrt_config_set_max_memory64` says: a larger minimum fails with `limit`.
WRT_MUST_USE wrt_error_t *wrt_memory_new_with(wrt_store_t *store,
                                 const wrt_memory_options_t *options,
                                 wrt_memory_t *out_memory);

// Whether the memory's indexes have 64 bits.
WRT_MUST_USE wrt_error_t *wrt_memory_is_64(wrt_store_t *store, const wrt_memory_t *memory, bool *out_is_64);

// Bytes of one of the memory's pages: 65536, or 1.
WRT_MUST_USE wrt_error_t *wrt_memory_page_size(wrt_store_t *store, const wrt_memory_t *memory, uint64_t *out_bytes);

// The memory's limits as of now, in pages: the minimum is the present size.
WRT_MUST_USE wrt_error_t *wrt_memory_type(wrt_store_t *store, const wrt_memory_t *memory, wrt_size_limits_t *out_limits);

// Where the memory is and how many bytes it has. The address stays for the memory's life; the size may grow whenever
// WebAssembly or `wrt_memory_grow` runs. Either place may be NULL. Once the memory is gone (with its store, or freed after a
// release) the address may be another memory's: a host that keeps it would write there.
WRT_MUST_USE wrt_error_t *wrt_memory_data(wrt_store_t *store,
                             const wrt_memory_t *memory,
                             uint8_t **out_data,
                             size_t *out_size);

// The size in pages (`wrt_memory_page_size`).
WRT_MUST_USE wrt_error_t *wrt_memory_size(wrt_store_t *store, const wrt_memory_t *memory, uint64_t *out_pages);

// Grows the memory by `delta` pages. Fails with `limit` when it can not; then nothing has changed.
// `out_old_pages` may be NULL.
WRT_MUST_USE wrt_error_t *wrt_memory_grow(wrt_store_t *store,
                             const wrt_memory_t *memory,
                             uint64_t delta,
                             uint64_t *out_old_pages);

// Copies `len` bytes from `offset` of the memory to `out`. Fails with a trap of code `WRT_TRAP_MEMORY_OUT_OF_BOUNDS`; all
// bytes are 0 then.
WRT_MUST_USE wrt_error_t *wrt_memory_read(wrt_store_t *store,
                             const wrt_memory_t *memory,
                             uint64_t offset,
                             void *out,
                             size_t len);

// Copies `len` bytes to `offset` of the memory. Fails with a trap of code `WRT_TRAP_MEMORY_OUT_OF_BOUNDS`; then nothing
// was written.
WRT_MUST_USE wrt_error_t *wrt_memory_write(wrt_store_t *store,
                              const wrt_memory_t *memory,
                              uint64_t offset,
                              const void *bytes,
                              size_t len);

// Gives up the host's hold on a memory that `wrt_memory_new` made. It lives as long as something refers to it, and is freed by a
// full collection after that; its handles are stale then. The slot becomes empty. Fails with `invalid argument` for a memory
// of an instance, which lives as long as that, and with `stale handle` when it was released before.
WRT_MUST_USE wrt_error_t *wrt_memory_release(wrt_store_t *store,
                                wrt_memory_t *take_memory);

// Compiles a module, in the binary format or as text (`(module ...)`). The bytes are borrowed. The caller owns
// `*out_module`, NULL on failure: `malformed`, `invalid module`, `unsupported` or `limit`, with the byte offset where
// known. Of text, that is the offset in the binary that it stands for, and the message ends with line and column where those are
// known. `I/O` where the system forbids executable memory: there, modules run from files (`wrt_module_load_file`).
WRT_MUST_USE wrt_error_t *wrt_module_new(const wrt_engine_t *engine,
                            const void *bytes,
                            size_t len,
                            wrt_module_t **out_module);

// Validates a module, in the binary format or as text, without compiling it. The bytes are borrowed.
WRT_MUST_USE wrt_error_t *wrt_module_validate(const wrt_engine_t *engine, const void *bytes, size_t len);

// The compiled module as bytes, for `wrt_module_load` in this or another process of the same version and configuration
// on the same kind of machine. The caller owns them: `wrt_bytes_delete`.
WRT_MUST_USE wrt_error_t *wrt_module_save(const wrt_module_t *module,
                             uint8_t **out_bytes,
                             size_t *out_len);

// Deletes bytes that `wrt_module_save` gave, with their number. NULL does nothing.
void wrt_bytes_delete(uint8_t *bytes, size_t len);

// A module from what `wrt_module_save` gave; the bytes are borrowed. Bytes of another version, machine or configuration
// (`unsupported`) and damaged ones (`malformed`) are refused, and `I/O` says that the system forbids executable memory. They hold
// machine code that will run: load only what you trust. The caller owns `*out_module`, NULL on failure.
WRT_MUST_USE wrt_error_t *wrt_module_load(const wrt_engine_t *engine,
                             const void *bytes,
                             size_t len,
                             wrt_module_t **out_module);

// Writes what `wrt_module_save` gives to a file, whose path has `len` bytes. The file is there whole or not at all: it is written
// aside and renamed. Fails with `I/O`.
WRT_MUST_USE wrt_error_t *wrt_module_save_file(const wrt_module_t *module,
                                  const char *path,
                                  size_t len);

// A module from a file that `wrt_module_save_file` made, or that holds what `wrt_module_save` gave. The file is mapped, not read
// as a whole: it may be replaced or removed, but must not be changed or shortened in place as long as the module or an instance
// of it lives. Otherwise as `wrt_module_load`; `I/O` if the file can not be read.
//
// This needs no executable memory but the file's, which has to be on a file system from which the system lets programs be executed:
// where the process may make no other memory executable, the module runs completely. Host functions of the types that the module
// declares can be made as well, once it is loaded. There, the file must not be changed in place as long as the engine lives.
WRT_MUST_USE wrt_error_t *wrt_module_load_file(const wrt_engine_t *engine,
                                  const char *path,
                                  size_t len,
                                  wrt_module_t **out_module);

// Another owned pointer to the same module. NULL for NULL.
wrt_module_t *wrt_module_clone(const wrt_module_t *module);

// Deletes a module pointer; instances keep what they need. NULL does nothing.
void wrt_module_delete(wrt_module_t *module);

// The module's name from its name section, borrowed; NULL when it has none. `out_len` may be NULL.
const char *wrt_module_name(const wrt_module_t *module, size_t *out_len);

// How many imports the module has. 0 for NULL.
size_t wrt_module_import_count(const wrt_module_t *module);

// An import, in the order of the module. Fails with `invalid argument` when there is no such import.
WRT_MUST_USE wrt_error_t *wrt_module_import(const wrt_module_t *module, size_t index, wrt_import_t *out_import);

// How many exports the module has. 0 for NULL.
size_t wrt_module_export_count(const wrt_module_t *module);

// An export, in the order of the module. Fails with `invalid argument` when there is no such export.
WRT_MUST_USE wrt_error_t *wrt_module_export(const wrt_module_t *module, size_t index, wrt_export_t *out_export);

// The export of a name. Fails with `not found` when there is none.
WRT_MUST_USE wrt_error_t *wrt_module_get_export(const wrt_module_t *module,
                                   const char *name,
                                   size_t name_len,
                                   wrt_export_t *out_export);

// Makes a structure of a defined type, in the innermost scope. `take_fields` are its fields, all of them, and are taken: the
// slots become empty, also on failure. May collect; finalizers run then.
WRT_MUST_USE wrt_error_t *wrt_struct_new(wrt_store_t *store,
                            const wrt_type_t *ty,
                            wrt_val_t *take_fields,
                            size_t field_count,
                            wrt_ref_t *out_reference);

// Makes a structure whose fields are zero and null, in the innermost scope. Fails with `type mismatch` if a field has no
// such value. May collect.
WRT_MUST_USE wrt_error_t *wrt_struct_new_default(wrt_store_t *store,
                                    const wrt_type_t *ty,
                                    wrt_ref_t *out_reference);

// How many fields the structure has.
WRT_MUST_USE wrt_error_t *wrt_struct_field_count(wrt_store_t *store, const wrt_ref_t *reference, uint32_t *out_count);

// A field of a structure. Packed ones are zero-extended. A reference in it is the caller's, in the innermost scope. Fails
// with `invalid argument` when there is no such field.
WRT_MUST_USE wrt_error_t *wrt_struct_get(wrt_store_t *store,
                            const wrt_ref_t *reference,
                            uint32_t field,
                            wrt_val_t *out_value);

// Sets a field of a structure to `*take_value`, which is taken: the slot becomes empty, also on failure. Packed fields take
// the low bits. Fails with `type mismatch` for an immutable field.
WRT_MUST_USE wrt_error_t *wrt_struct_set(wrt_store_t *store,
                            const wrt_ref_t *reference,
                            uint32_t field,
                            wrt_val_t *take_value);

// Makes an array of `len` elements that are `*take_init`, which is taken: the slot becomes empty, also on failure. In the
// innermost scope. May collect. Fails with a trap of code `WRT_TRAP_HEAP_EXHAUSTED` if there is no room.
WRT_MUST_USE wrt_error_t *wrt_array_new(wrt_store_t *store,
                           const wrt_type_t *ty,
                           wrt_val_t *take_init,
                           uint32_t len,
                           wrt_ref_t *out_reference);

// Makes an array of `len` elements that are zero or null, in the innermost scope. Fails with `type mismatch` if elements have
// no such value. May collect.
WRT_MUST_USE wrt_error_t *wrt_array_new_default(wrt_store_t *store,
                                   const wrt_type_t *ty,
                                   uint32_t len,
                                   wrt_ref_t *out_reference);

// Makes an array of these elements, which are taken: the slots become empty, also on failure. In the innermost scope. May
// collect.
WRT_MUST_USE wrt_error_t *wrt_array_new_of(wrt_store_t *store,
                              const wrt_type_t *ty,
                              wrt_val_t *take_elements,
                              size_t count,
                              wrt_ref_t *out_reference);

// Makes an array of numbers from their bytes: little-endian, one element behind the other, borrowed. In the innermost scope.
// Fails with `type mismatch` if the elements are references, and with `invalid argument` if the bytes are no whole elements.
// May collect.
WRT_MUST_USE wrt_error_t *wrt_array_new_bytes(wrt_store_t *store,
                                 const wrt_type_t *ty,
                                 const void *bytes,
                                 size_t size,
                                 wrt_ref_t *out_reference);

// How many elements the array has.
WRT_MUST_USE wrt_error_t *wrt_array_len(wrt_store_t *store, const wrt_ref_t *reference, uint32_t *out_len);

// An element of an array. Packed ones are zero-extended. A reference in it is the caller's, in the innermost scope. Fails
// with a trap of code `WRT_TRAP_ARRAY_OUT_OF_BOUNDS`.
WRT_MUST_USE wrt_error_t *wrt_array_get(wrt_store_t *store,
                           const wrt_ref_t *reference,
                           uint32_t index,
                           wrt_val_t *out_value);

// The elements from `index` on, `count` of them. As `wrt_array_get`; all values are empty on failure.
WRT_MUST_USE wrt_error_t *wrt_array_get_many(wrt_store_t *store,
                                const wrt_ref_t *reference,
                                uint32_t index,
                                wrt_val_t *out_values,
                                size_t count);

// Sets an element of an array to `*take_value`, which is taken: the slot becomes empty, also on failure. Packed elements take
// the low bits. Fails with `type mismatch` for an immutable array.
WRT_MUST_USE wrt_error_t *wrt_array_set(wrt_store_t *store,
                           const wrt_ref_t *reference,
                           uint32_t index,
                           wrt_val_t *take_value);

// Sets `len` elements from `index` on to `*take_value`, which is taken: the slot becomes empty, also on failure. Fails as
// `wrt_array_set` and `wrt_array_get` do.
WRT_MUST_USE wrt_error_t *wrt_array_fill(wrt_store_t *store,
                            const wrt_ref_t *reference,
                            uint32_t index,
                            wrt_val_t *take_value,
                            uint32_t len);

// Copies `len` elements from `from` of `source` to `index` of an array. Both may be the same, and the ranges may overlap. Fails
// with `type mismatch` if the elements do not fit or are immutable, and as `wrt_array_get`.
WRT_MUST_USE wrt_error_t *wrt_array_copy(wrt_store_t *store,
                            const wrt_ref_t *reference,
                            uint32_t index,
                            const wrt_ref_t *source,
                            uint32_t from,
                            uint32_t len);

// Copies numbers out of an array, from element `index` on: `size` bytes, little-endian, one element behind the other. Fails
// with `type mismatch` if the elements are references, with `invalid argument` if the bytes are no whole elements, and as
// `wrt_array_get`; all bytes are 0 then.
WRT_MUST_USE wrt_error_t *wrt_array_read(wrt_store_t *store,
                            const wrt_ref_t *reference,
                            uint32_t index,
                            void *out_bytes,
                            size_t size);

// Copies numbers into an array, as `wrt_array_read` gives them; fails as that, and with `type mismatch` for an immutable array.
// The bytes are borrowed.
WRT_MUST_USE wrt_error_t *wrt_array_write(wrt_store_t *store,
                             const wrt_ref_t *reference,
                             uint32_t index,
                             const void *bytes,
                             size_t size);

// Fills in pool options for a host that makes many instances: 1000 memories with 256 KiB, 1000 large tables with 64 KiB and 1000
// heaps with 64 KiB that stay in memory; no limit of memories in use. An engine without options keeps 100 memories with
// 64 KiB, 100 tables with 16 KiB and 16 heaps with 64 KiB. NULL does nothing.
void wrt_pool_options_init(wrt_pool_options_t *out_options);

// What engines of this configuration keep of instances that have ended. All numbers may be 0. The options are borrowed.
WRT_MUST_USE wrt_error_t *wrt_config_set_pool(wrt_config_t *config,
                                 const wrt_pool_options_t *options);

// Fills in what the engine's pool holds and has done. `stats->size` must be set. On failure everything else is 0, unless the size
// is wrong. From any thread; while others make instances the numbers are not of one moment.
WRT_MUST_USE wrt_error_t *wrt_engine_pool_stats(const wrt_engine_t *engine,
                                   wrt_pool_stats_t *out_stats);

// Opens a scope: references made from now on end with it. Scopes nest. In a callback, scopes that were opened and not
// closed are closed when it returns.
WRT_MUST_USE wrt_error_t *wrt_scope_open(wrt_store_t *store);

// Closes the innermost scope and releases the references made in it. Fails with `invalid argument` if none was opened, or,
// in a callback, none since the callback began.
WRT_MUST_USE wrt_error_t *wrt_scope_close(wrt_store_t *store);

// Makes a reference belong to the scope around the innermost one, or to the store if there is none.
WRT_MUST_USE wrt_error_t *wrt_ref_escape(wrt_store_t *store, const wrt_ref_t *reference);

// Another reference to the same object, in the innermost scope. The empty reference has an empty clone.
WRT_MUST_USE wrt_error_t *wrt_ref_clone(wrt_store_t *store, const wrt_ref_t *reference, wrt_ref_t *out_reference);

// Ends a reference now. The slot becomes empty, but for a reference of another store; releasing an empty one does nothing.
WRT_MUST_USE wrt_error_t *wrt_ref_release(wrt_store_t *store,
                             wrt_ref_t *take_reference);

// Ends a reference, from any thread: when its store is next used, if that is still there. The slot becomes empty. What was
// released before, and the empty reference, do no harm. For hosts that are collected themselves, and finalise in any order.
void wrt_ref_drop(wrt_ref_t *take_reference);

// Whether both refer to the same object, or are the same i31, or are both empty.
WRT_MUST_USE wrt_error_t *wrt_ref_equal(wrt_store_t *store, const wrt_ref_t *a, const wrt_ref_t *b, bool *out_equal);

// A number that stays the same while the object lives, although it moves; equal i31s, and references to the same function,
// have equal ones. Different objects of a store have different ones.
WRT_MUST_USE wrt_error_t *wrt_ref_hash(wrt_store_t *store,
                          const wrt_ref_t *reference,
                          uint64_t *out_hash);

// Whether what a reference leads to is of a reference type, as `ref.test` says: of any object's own type and its supertypes,
// and of `any` and `extern` alike; an exception is of `exn` alone. The empty reference is null, and of each nullable type.
WRT_MUST_USE wrt_error_t *wrt_ref_test(wrt_store_t *store,
                          const wrt_ref_t *reference,
                          const wrt_type_t *ty,
                          bool *out_is);

// A reference as a value of a reference type, as `ref.cast` gives it: of kind `WRT_ANYREF`, `WRT_EXTERNREF`, `WRT_EXNREF` or (for a
// reference that `wrt_ref_of_func` made) `WRT_FUNCREF`. The value is the same reference, not another one; a function is a plain handle. Fails
// with a trap of code `WRT_TRAP_CAST_FAILURE`.
WRT_MUST_USE wrt_error_t *wrt_ref_cast(wrt_store_t *store,
                          const wrt_ref_t *reference,
                          const wrt_type_t *ty,
                          wrt_val_t *out_value);

// The most special type of what a reference leads to, not nullable: a defined one of a structure, an array or a function;
// `WRT_I31REF`; `WRT_EXNREF` of an exception; `WRT_ANYREF` of an object of the host.
WRT_MUST_USE wrt_error_t *wrt_ref_type(wrt_store_t *store,
                          const wrt_ref_t *reference,
                          wrt_type_t *out_type);

// Makes a reference to a function, in the innermost scope: it keeps the function and its instance alive, also after
// `wrt_instance_release`. It can stand in fields of objects of the host, but is no value of WebAssembly's; `wrt_ref_func`
// gives the function.
WRT_MUST_USE wrt_error_t *wrt_ref_of_func(wrt_store_t *store,
                             const wrt_func_t *func,
                             wrt_ref_t *out_reference);

// The function of a reference that `wrt_ref_of_func` made. Fails with `type mismatch` for anything else.
WRT_MUST_USE wrt_error_t *wrt_ref_func(wrt_store_t *store, const wrt_ref_t *reference, wrt_func_t *out_func);

// `any.convert_extern`: the value, of kind `WRT_EXTERNREF`, as one of kind `WRT_ANYREF`. The same reference, not another one.
WRT_MUST_USE wrt_error_t *wrt_any_convert_extern(const wrt_val_t *value,
                                    wrt_val_t *out_value);

// `extern.convert_any`: the value, of kind `WRT_ANYREF`, as one of kind `WRT_EXTERNREF`. The same reference, not another one.
WRT_MUST_USE wrt_error_t *wrt_extern_convert_any(const wrt_val_t *value,
                                    wrt_val_t *out_value);

// An i31 with the low 31 bits of a number, in the innermost scope.
WRT_MUST_USE wrt_error_t *wrt_i31_new(wrt_store_t *store, int32_t value, wrt_ref_t *out_reference);

// The number of an i31, sign-extended. Fails with `type mismatch` for anything else.
WRT_MUST_USE wrt_error_t *wrt_i31_get(wrt_store_t *store, const wrt_ref_t *reference, int32_t *out_value);

// Puts the library's signal handlers back in place where the host, or a library such as Python's `faulthandler`, has installed others
// since: of SIGSEGV, SIGBUS, SIGILL and SIGFPE, by which traps are noticed. Whatever is not a trap goes to the handler that was there.
// The library looks itself whenever an engine, module, store or instance is made, and at every 256th call of a store from outside.
// It looks at all four for engines, modules, and every sixteenth time, otherwise at SIGSEGV first. Of stores it is every sixteenth when a process
// has made 256, and of instances when their store has made 64. Call this after installing handlers at other times: until
// the library looks, a trap goes to the other handler, which passes it on (fine), or ends the process. Installs the handlers, if they never were. Does nothing where the environment variable `WRT_SIGNALS`
// turns signals off. From any thread, not from signal handlers. Fails with `i/o` if the system refuses.
WRT_MUST_USE wrt_error_t *wrt_signals_install(void);

// Says where a stack is that the host has made itself (a coroutine, a fiber, `makecontext`) and will call this store on: `size` bytes
// from `low`, its lowest address, 48 KiB at least. For all calls that begin afterwards, until it is replaced; NULL and 0 take it back. A call
// that is on another stack is not affected. How deep WebAssembly may recurse:
//
// * On the stack of a thread: as the header says at `wrt_config_set_max_wasm_stack`, with nothing to be done by the host.
// * On the described stack: the same.
// * On any other stack: 64 KiB, or less if the memory that can be read ends before. That is looked up on every outermost call, which takes
//   some microseconds. If something else is in the memory below the stack, without a guard page between, it
//   is the host's duty to describe the stack: WebAssembly may overwrite it otherwise.
//
// Calls of one store may nest on different stacks, also those of different threads that wait for each other; each has the
// limit of its own stack. Fails with `invalid argument` for a stack that is too small or wraps around. Legal in callbacks, not in limiters and finalizers.
WRT_MUST_USE wrt_error_t *wrt_store_set_stack(wrt_store_t *store,
                                 const void *low,
                                 size_t size);

// As `wrt_func_call`, on a stack that the host has made itself, for hosts that have many: `size` bytes from `stack_low`, as in
// `wrt_store_set_stack`. Calls that callbacks make meanwhile know it, too. Fails with `invalid argument` if the
// caller is not on that stack.
WRT_MUST_USE wrt_error_t *wrt_func_call_on_stack(wrt_store_t *store,
                                    const wrt_func_t *func,
                                    const wrt_val_t *args,
                                    size_t arg_count,
                                    wrt_val_t *results,
                                    size_t result_count,
                                    const void *stack_low,
                                    size_t stack_size);

// As `wrt_func_call_raw`, on a stack that the host has made itself: see `wrt_func_call_on_stack`.
WRT_MUST_USE wrt_error_t *wrt_func_call_raw_on_stack(wrt_store_t *store,
                                        const wrt_func_t *func,
                                        wrt_raw_t *slots,
                                        size_t slot_count,
                                        const void *stack_low,
                                        size_t stack_size);

// Makes a store. `userdata` is never looked at; `finalizer` (may be NULL) is called with it once: when the store is gone,
// or when this fails. The caller owns `*out_store`, NULL on failure.
WRT_MUST_USE wrt_error_t *wrt_store_new(const wrt_engine_t *engine,
                           void *userdata,
                           wrt_finalizer_t finalizer,
                           wrt_store_t **out_store);

// Deletes a store and all that lives in it. Legal at any time, also from a callback of this store; and from another
// thread while a call is in it that runs WebAssembly or callbacks, or copies in bulk: the store dies when the outermost call
// returns. Handles of it must not be used with the pointer again.
// NULL does nothing.
void wrt_store_delete(wrt_store_t *store);

// The userdata the store was made with. NULL for NULL.
void *wrt_store_userdata(const wrt_store_t *store);

// The store's number, which its handles carry. Unique in the process; 0 for NULL, and in limiters and finalizers.
uint64_t wrt_store_id(const wrt_store_t *store);

// Fills in a limits struct: no limits. NULL does nothing.
void wrt_limits_init(wrt_limits_t *out_limits);

// Limits what the store may use from now on; what it holds already counts, and stays.
WRT_MUST_USE wrt_error_t *wrt_store_set_limits(wrt_store_t *store, const wrt_limits_t *limits);

// Sets who is asked before a memory, a table, the number of instances or the heap grows, after the limits; a NULL callback removes
// it. `finalizer` (may be NULL) is called with `userdata` once: when the limiter is replaced, the store is gone, or this
// fails. Not legal while the store runs.
WRT_MUST_USE wrt_error_t *wrt_store_set_limiter(wrt_store_t *store,
                                   wrt_limiter_callback_t callback,
                                   void *userdata,
                                   wrt_finalizer_t finalizer);

// Makes a table of `element_kind` (`WRT_FUNCREF`, `WRT_EXTERNREF`, `WRT_ANYREF`, `WRT_EXNREF`); limits count elements, and indexes have 32 bits. All elements are `*take_init`, which is taken:
// the slot becomes empty, also on failure.
WRT_MUST_USE wrt_error_t *wrt_table_new(wrt_store_t *store,
                           uint8_t element_kind,
                           const wrt_size_limits_t *limits,
                           wrt_val_t *take_init,
                           wrt_table_t *out_table);

// As `wrt_table_new`, of any reference type.
WRT_MUST_USE wrt_error_t *wrt_table_new_of(wrt_store_t *store,
                              const wrt_type_t *element,
                              const wrt_size_limits_t *limits,
                              wrt_val_t *take_init,
                              wrt_table_t *out_table);

// Fills in options of an empty table of `WRT_FUNCREF` with 32-bit indexes that may grow. NULL does nothing.
void wrt_table_options_init(wrt_table_options_t *out_options);

// As `wrt_table_new`, of any type of tables. The options are borrowed; `*take_init` is taken: the slot becomes empty, also on
// failure.
WRT_MUST_USE wrt_error_t *wrt_table_new_with(wrt_store_t *store,
                                const wrt_table_options_t *options,
                                wrt_val_t *take_init,
                                wrt_table_t *out_table);

// Whether the table's indexes have 64 bits.
WRT_MUST_USE wrt_error_t *wrt_table_is_64(wrt_store_t *store, const wrt_table_t *table, bool *out_is_64);

// The type of the elements.
WRT_MUST_USE wrt_error_t *wrt_table_element_type(wrt_store_t *store, const wrt_table_t *table, wrt_type_t *out_type);

// The elements from `index` on, `count` of them. References in them are the caller's, in the innermost scope. Fails with a
// trap of code `WRT_TRAP_TABLE_OUT_OF_BOUNDS`; all values are empty then.
WRT_MUST_USE wrt_error_t *wrt_table_get_many(wrt_store_t *store,
                                const wrt_table_t *table,
                                uint64_t index,
                                wrt_val_t *out_values,
                                size_t count);

// The kind of the elements, and the limits as of now: the minimum is the present size.
WRT_MUST_USE wrt_error_t *wrt_table_type(wrt_store_t *store,
                            const wrt_table_t *table,
                            uint8_t *out_element_kind,
                            wrt_size_limits_t *out_limits);

// The number of elements.
WRT_MUST_USE wrt_error_t *wrt_table_size(wrt_store_t *store, const wrt_table_t *table, uint64_t *out_size);

// The element at `index`; a reference in it is the caller's, in the innermost scope. Fails with a trap of code `WRT_TRAP_TABLE_OUT_OF_BOUNDS`.
WRT_MUST_USE wrt_error_t *wrt_table_get(wrt_store_t *store,
                           const wrt_table_t *table,
                           uint64_t index,
                           wrt_val_t *out_value);

// Sets the element at `index` to `*take_value`, which is taken: the slot becomes empty, also on failure.
WRT_MUST_USE wrt_error_t *wrt_table_set(wrt_store_t *store,
                           const wrt_table_t *table,
                           uint64_t index,
                           wrt_val_t *take_value);

// Grows the table by `delta` elements that are `*take_init`, which is taken: the slot becomes empty, also on failure.
// Fails with `limit` when it can not grow; then nothing has changed. `out_old_size` may be NULL.
WRT_MUST_USE wrt_error_t *wrt_table_grow(wrt_store_t *store,
                            const wrt_table_t *table,
                            uint64_t delta,
                            wrt_val_t *take_init,
                            uint64_t *out_old_size);

// Sets `len` elements from `index` on to `*take_value`, which is taken: the slot becomes empty, also on failure.
WRT_MUST_USE wrt_error_t *wrt_table_fill(wrt_store_t *store,
                            const wrt_table_t *table,
                            uint64_t index,
                            wrt_val_t *take_value,
                            uint64_t len);

// Copies `len` elements from `from` of `source` to `index` of `table`. Both may be the same, and the ranges may overlap.
WRT_MUST_USE wrt_error_t *wrt_table_copy(wrt_store_t *store,
                            const wrt_table_t *table,
                            uint64_t index,
                            const wrt_table_t *source,
                            uint64_t from,
                            uint64_t len);

// Gives up the host's hold on a table that `wrt_table_new` made. It lives as long as something refers to it, and is freed by a
// full collection after that; its handles are stale then. The slot becomes empty. Fails with `invalid argument` for a table
// of an instance, which lives as long as that, and with `stale handle` when it was released before.
WRT_MUST_USE wrt_error_t *wrt_table_release(wrt_store_t *store,
                               wrt_table_t *take_table);

// Makes a tag, whose exceptions carry values of the type's parameters. The type is borrowed; it has no results, otherwise this
// fails with `invalid argument`. May collect; finalizers run then.
WRT_MUST_USE wrt_error_t *wrt_tag_new(wrt_store_t *store,
                         const wrt_functype_t *ty,
                         wrt_tag_t *out_tag);

// The tag's type: its parameters are what its exceptions carry. The caller owns `*out_type`, NULL on failure.
WRT_MUST_USE wrt_error_t *wrt_tag_type(wrt_store_t *store, const wrt_tag_t *tag, wrt_functype_t **out_type);

// Gives up the host's hold on a tag that `wrt_tag_new` made. It lives as long as an instance, an exception or a reference
// to one refers to it, and is freed by a full collection after that; its handles are stale then. The slot becomes empty.
// Fails with `invalid argument` for a tag of an instance, which lives in the same way, and with `stale handle` when it was
// released before.
WRT_MUST_USE wrt_error_t *wrt_tag_release(wrt_store_t *store,
                             wrt_tag_t *take_tag);

// Whether two handles name the same tag: one that is imported, or exported under several names, is one tag. False for NULL
// and for empty handles.
bool wrt_tag_equal(const wrt_tag_t *a,
                   const wrt_tag_t *b);

// Types from the text format: type definitions and recursion groups, such as
// `(rec (type $node (struct (field $next (mut (ref null $node))))))`. Fails with `malformed` or `invalid module`,
// whose message says where, and with `invalid argument` if there is more than types. Equal types are the same as those of modules. The caller owns `*out_types`, NULL on failure.
WRT_MUST_USE wrt_error_t *wrt_types_parse(const wrt_engine_t *engine,
                             const char *text,
                             size_t text_len,
                             wrt_types_t **out_types);

// The types a module defines, in its order. The caller owns `*out_types`, NULL on failure.
WRT_MUST_USE wrt_error_t *wrt_module_types(const wrt_module_t *module, wrt_types_t **out_types);

// Deletes a list of types. Types of the host's stay, those of a module as long as something else keeps them. NULL does nothing.
void wrt_types_delete(wrt_types_t *types);

// How many there are. 0 for NULL.
size_t wrt_types_count(const wrt_types_t *types);

// A type by its number in the text or module, nullable. Fails with `invalid argument` when there is none.
WRT_MUST_USE wrt_error_t *wrt_types_get(const wrt_types_t *types, size_t index, wrt_type_t *out_type);

// A type by its name, without the dollar sign, nullable. Fails with `not found` when there is none.
WRT_MUST_USE wrt_error_t *wrt_types_find(const wrt_types_t *types,
                            const char *name,
                            size_t name_len,
                            wrt_type_t *out_type);

// Begins a recursion group: types that may refer to each other. The caller owns `*out_builder`, NULL on failure.
WRT_MUST_USE wrt_error_t *wrt_typebuilder_new(const wrt_engine_t *engine,
                                 wrt_typebuilder_t **out_builder);

// Deletes a builder. NULL does nothing.
void wrt_typebuilder_delete(wrt_typebuilder_t *builder);

// References to the member at `position` of the group, which may be added later as what `kind` says (`WRT_DEFINED_STRUCT`,
// `WRT_DEFINED_ARRAY` or `WRT_DEFINED_FUNC`). Good for fields, parameters, results and supertypes of the same group.
WRT_MUST_USE wrt_error_t *wrt_typebuilder_ref(uint32_t position,
                                 uint8_t kind,
                                 bool nullable,
                                 wrt_type_t *out_type);

// Adds a structure type. `supertype` may be NULL. `out_position` (may be NULL) is its place in the group. What it says is
// checked when the group is finished.
WRT_MUST_USE wrt_error_t *wrt_typebuilder_struct(wrt_typebuilder_t *builder,
                                    const wrt_field_t *fields,
                                    size_t field_count,
                                    bool is_final,
                                    const wrt_type_t *supertype,
                                    uint32_t *out_position);

// Adds an array type. As `wrt_typebuilder_struct`.
WRT_MUST_USE wrt_error_t *wrt_typebuilder_array(wrt_typebuilder_t *builder,
                                   const wrt_field_t *element,
                                   bool is_final,
                                   const wrt_type_t *supertype,
                                   uint32_t *out_position);

// Adds a function type. As `wrt_typebuilder_struct`.
WRT_MUST_USE wrt_error_t *wrt_typebuilder_func(wrt_typebuilder_t *builder,
                                  const wrt_type_t *params,
                                  size_t param_count,
                                  const wrt_type_t *results,
                                  size_t result_count,
                                  bool is_final,
                                  const wrt_type_t *supertype,
                                  uint32_t *out_position);

// Checks and defines the group, as a module's would be: fails with `invalid argument` for types that are not there, `type
// mismatch` for a supertype that does not fit, and `limit`. The builder is empty afterwards and may be used again. The caller
// owns `*out_types`, NULL on failure.
WRT_MUST_USE wrt_error_t *wrt_typebuilder_finish(wrt_typebuilder_t *builder,
                                    wrt_types_t **out_types);

// Null, as a value of the hierarchy of a reference type's kind (`WRT_FUNCREF`, `WRT_EQREF`, ...). Fails with `invalid
// argument` for a kind that is no reference type's.
WRT_MUST_USE wrt_error_t *wrt_val_null(uint8_t kind,
                          wrt_val_t *out_value);

// A function type from text such as `(i32, i64) -> f64`, `()`, or `(f32) -> (i32, i32)`. The caller owns `*out_type`.
WRT_MUST_USE wrt_error_t *wrt_functype_parse(const char *text,
                                size_t text_len,
                                wrt_functype_t **out_type);

// A function type from value kinds (`WRT_I32`, ...). The arrays are borrowed. The caller owns `*out_type`.
WRT_MUST_USE wrt_error_t *wrt_functype_new(const uint8_t *params,
                              size_t param_count,
                              const uint8_t *results,
                              size_t result_count,
                              wrt_functype_t **out_type);

// A function type of any types of an engine. The arrays are borrowed. The caller owns `*out_type`.
WRT_MUST_USE wrt_error_t *wrt_functype_of(const wrt_engine_t *engine,
                             const wrt_type_t *params,
                             size_t param_count,
                             const wrt_type_t *results,
                             size_t result_count,
                             wrt_functype_t **out_type);

// The type of a parameter. Fails with `invalid argument` when there is no such parameter.
WRT_MUST_USE wrt_error_t *wrt_functype_param_type(const wrt_functype_t *ty, size_t index, wrt_type_t *out_type);

// The type of a result. Fails with `invalid argument` when there is no such result.
WRT_MUST_USE wrt_error_t *wrt_functype_result_type(const wrt_functype_t *ty, size_t index, wrt_type_t *out_type);

// Deletes a function type that the caller owns. NULL does nothing.
void wrt_functype_delete(wrt_functype_t *ty);

// How many parameters the type has. 0 for NULL.
size_t wrt_functype_param_count(const wrt_functype_t *ty);

// How many results the type has. 0 for NULL.
size_t wrt_functype_result_count(const wrt_functype_t *ty);

// The kind of a parameter; 0 when there is no such parameter.
uint8_t wrt_functype_param(const wrt_functype_t *ty, size_t index);

// The kind of a result; 0 when there is no such result.
uint8_t wrt_functype_result(const wrt_functype_t *ty, size_t index);

// The type as text, such as `(i32) -> i32`, borrowed. `out_len` may be NULL. "" for NULL.
const char *wrt_functype_text(const wrt_functype_t *ty, size_t *out_len);

// One of `WRT_EXTERN_*`; 0 for NULL.
uint8_t wrt_externtype_kind(const wrt_externtype_t *ty);

// The function type of a function or tag, borrowed; NULL for others.
const wrt_functype_t *wrt_externtype_func(const wrt_externtype_t *ty);

// The limits of a table or memory. Fails with `type mismatch` for others.
WRT_MUST_USE wrt_error_t *wrt_externtype_limits(const wrt_externtype_t *ty, wrt_size_limits_t *out_limits);

// Whether it is a memory or a table whose indexes have 64 bits.
bool wrt_externtype_is_64(const wrt_externtype_t *ty);

// Bytes of a memory's page: 65536 or 1; 0 for others.
uint64_t wrt_externtype_page_size(const wrt_externtype_t *ty);

// The value kind of a global's value or a table's elements; 0 for others.
uint8_t wrt_externtype_valkind(const wrt_externtype_t *ty);

// The type of a global's value, of a table's elements, or of a function or tag (as `WRT_DEFINED_FUNC`). Fails with `type mismatch`
// for memories.
WRT_MUST_USE wrt_error_t *wrt_externtype_type(const wrt_externtype_t *ty,
                                 wrt_type_t *out_type);

// Whether it is a mutable global.
bool wrt_externtype_is_mutable(const wrt_externtype_t *ty);

// The type as text, such as `memory 1 2`, `table i64 10 funcref` or `func (i32) -> i32`, borrowed. `out_len` may be NULL. "" for NULL.
const char *wrt_externtype_text(const wrt_externtype_t *ty,
                                size_t *out_len);

// A type that needs no definition: a number type, a packed type (`WRT_I8`, `WRT_I16`), or an abstract reference type.
// `nullable` counts for reference types. Fails with `invalid argument` for another kind.
WRT_MUST_USE wrt_error_t *wrt_type_new(uint8_t kind,
                          bool nullable,
                          wrt_type_t *out_type);

// The most general type of a reference type's hierarchy, nullable: `funcref`, `externref`, `anyref` or `exnref`. Fails with `type
// mismatch` if it is no reference type.
WRT_MUST_USE wrt_error_t *wrt_type_top(const wrt_type_t *ty,
                          wrt_type_t *out_type);

// Whether both are the same type. False for NULL and for empty ones.
bool wrt_type_equal(const wrt_type_t *a, const wrt_type_t *b);

// Whether a value of type `a` may stand where one of type `b` is wanted: `a` is `b` or a subtype of it.
WRT_MUST_USE wrt_error_t *wrt_type_matches(const wrt_engine_t *engine,
                              const wrt_type_t *a,
                              const wrt_type_t *b,
                              bool *out_matches);

// Writes the type as the text format has it, NUL-terminated, such as `anyref` or `(ref null $node)`. A defined type has the name that
// it has where it was got from (`wrt_type_t.names`); without one it is described, as in `(ref null (struct i32 (mut i64)))`. At most `capacity` bytes are written, the text is cut there; `*out_len` (may be NULL) is its whole
// length without the NUL. `buffer` may be NULL if `capacity` is 0.
WRT_MUST_USE wrt_error_t *wrt_type_text(const wrt_engine_t *engine,
                           const wrt_type_t *ty,
                           char *buffer,
                           size_t capacity,
                           size_t *out_len);

// How many fields a defined structure type has; 1 for an array type, which has its element. Fails with `type mismatch` for
// others.
WRT_MUST_USE wrt_error_t *wrt_type_field_count(const wrt_engine_t *engine,
                                  const wrt_type_t *ty,
                                  uint32_t *out_count);

// A field of a defined structure type, or (as number 0) the element of an array type.
WRT_MUST_USE wrt_error_t *wrt_type_field(const wrt_engine_t *engine,
                            const wrt_type_t *ty,
                            uint32_t index,
                            wrt_field_t *out_field);

// The number of a field by the name that it has where the type was got from: in the module, or in the text of
// `wrt_types_parse` (`wrt_type_t.names`). Fails with `not found` when there is none.
WRT_MUST_USE wrt_error_t *wrt_type_find_field(const wrt_engine_t *engine,
                                 const wrt_type_t *ty,
                                 const char *name,
                                 size_t name_len,
                                 uint32_t *out_index);

// The supertype that a defined type was declared with; the empty type if there is none. `out_is_final` (may be NULL) says
// whether it can have subtypes.
WRT_MUST_USE wrt_error_t *wrt_type_supertype(const wrt_engine_t *engine,
                                const wrt_type_t *ty,
                                wrt_type_t *out_supertype,
                                bool *out_is_final);

// The function type of a defined one. The caller owns `*out_functype`.
WRT_MUST_USE wrt_error_t *wrt_type_functype(const wrt_engine_t *engine,
                               const wrt_type_t *ty,
                               wrt_functype_t **out_functype);

// The library's version as text, such as "0.1.0". Static.
const char *wrt_version_string(void);

// The number of the binary interface. Programs made with a header of another number do not fit (`WRT_ABI_VERSION`).
uint32_t wrt_abi_version(void);

// Whether the library has something, by its name: a proposal, such as "simd" (`wrt_feature_name` lists them), or "interruption",
// "wasi" or "wat". False for names it does not know, and NULL. What an engine takes of it, its configuration says.
bool wrt_has_feature(const char *name);

// Size, alignment or the offset of a field of a public struct, for bindings to check themselves at load time. `item` is
// "wrt_val_t", "alignof wrt_val_t", or "wrt_val_t.of". Fails with `not found` for items there are not.
WRT_MUST_USE wrt_error_t *wrt_abi_layout(const char *item,
                            size_t item_len,
                            size_t *out_value);

// Makes a process without arguments. The caller owns `*out_wasi`, NULL on failure.
WRT_MUST_USE wrt_error_t *wrt_wasi_new(wrt_wasi_t **out_wasi);

// Deletes a process that was not given to a store. NULL does nothing.
void wrt_wasi_delete(wrt_wasi_t *wasi);

// Adds an argument, of any bytes but NUL, which is copied. The first one is the program's name.
WRT_MUST_USE wrt_error_t *wrt_wasi_add_arg(wrt_wasi_t *wasi, const char *arg, size_t arg_len);

// Sets an environment variable, of any bytes but NUL, which are copied; one of the same name is replaced. The name is not empty and has
// no '='.
WRT_MUST_USE wrt_error_t *wrt_wasi_add_env(wrt_wasi_t *wasi,
                              const char *name,
                              size_t name_len,
                              const char *value,
                              size_t value_len);

// Sets the environment variables that the host's process has now, each as `wrt_wasi_add_env` does.
WRT_MUST_USE wrt_error_t *wrt_wasi_inherit_env(wrt_wasi_t *wasi);

// Makes the guest's 0, 1 and 2 those of the host's process. The guest can not close them for the host. What the host
// itself has buffered (stdio.h) it has to flush. Writing into a pipe that nobody reads is an error for the guest, never a signal.
WRT_MUST_USE wrt_error_t *wrt_wasi_inherit_stdio(wrt_wasi_t *wasi);

// Makes one of the guest's 0, 1 and 2 that of the host's process, as `wrt_wasi_inherit_stdio` does with all of them.
WRT_MUST_USE wrt_error_t *wrt_wasi_inherit_stream(wrt_wasi_t *wasi,
                                     uint32_t fd);

// Reads 0 from a file of the host's, or writes 1 or 2 to one, which is opened now. Output files are created or emptied, and
// appended to, so that 1 and 2 may be the same. Fails with `i/o`.
WRT_MUST_USE wrt_error_t *wrt_wasi_set_stdio_file(wrt_wasi_t *wasi,
                                     uint32_t fd,
                                     const char *host_path,
                                     size_t host_path_len);

// Reads 0 from memory, which is copied.
WRT_MUST_USE wrt_error_t *wrt_wasi_set_stdin_bytes(wrt_wasi_t *wasi, const uint8_t *bytes, size_t len);

// Keeps what the guest writes to 1 or 2, for `wrt_store_wasi_output`. Beyond `max_bytes` the guest gets ENOSPC.
WRT_MUST_USE wrt_error_t *wrt_wasi_capture(wrt_wasi_t *wasi,
                              uint32_t fd,
                              size_t max_bytes);

// Reads 0 from a callback, or writes 1 or 2 to one. `userdata` is never looked at; `finalizer` (may be NULL) is called with it
// once: when the process is gone, or when this fails.
WRT_MUST_USE wrt_error_t *wrt_wasi_set_stdio_callback(wrt_wasi_t *wasi,
                                         uint32_t fd,
                                         wrt_wasi_stream_callback_t callback,
                                         void *userdata,
                                         wrt_finalizer_t finalizer);

// Gives the guest a directory of the host's, which is opened now, under the name `guest_path`; `read_only` if nothing in it may be
// changed. Nothing else of the file system can be reached. Fails with `i/o`.
WRT_MUST_USE wrt_error_t *wrt_wasi_add_dir(wrt_wasi_t *wasi,
                              const char *host_path,
                              size_t host_path_len,
                              const char *guest_path,
                              size_t guest_path_len,
                              bool read_only);

// Sets what the guest's clocks say. Sleeping takes real time all the same. `userdata` is never looked at; `finalizer` (may be NULL)
// is called with it once: when the clock is replaced, the process is gone, or this fails.
WRT_MUST_USE wrt_error_t *wrt_wasi_set_clock(wrt_wasi_t *wasi,
                                wrt_wasi_clock_callback_t callback,
                                void *userdata,
                                wrt_finalizer_t finalizer);

// Sets where the guest's random bytes come from. `userdata` is never looked at; `finalizer` (may be NULL) is called with it once:
// when this is replaced, the process is gone, or this fails.
WRT_MUST_USE wrt_error_t *wrt_wasi_set_random(wrt_wasi_t *wasi,
                                 wrt_wasi_random_callback_t callback,
                                 void *userdata,
                                 wrt_finalizer_t finalizer);

// Defines the functions of `wasi_snapshot_preview1`, for every store of the engine; what a guest may use is its store's
// (`wrt_store_set_wasi`). Their memory is the one that the calling instance exports as "memory". A function of this module that is
// defined already stays as it is, so a host replaces single functions by defining its own first. The guest's exit is an error of kind `exit` (`wrt_error_exit_status`), also with status 0.
WRT_MUST_USE wrt_error_t *wrt_linker_define_wasi(wrt_linker_t *linker);

// Gives a store's guest what it may use; what was there before is deleted. `take_wasi` is taken, also when this fails, and must not
// be used again.
WRT_MUST_USE wrt_error_t *wrt_store_set_wasi(wrt_store_t *store,
                                wrt_wasi_t *take_wasi);

// What the guest wrote to 1 or 2, if that is captured (`wrt_wasi_capture`); otherwise nothing. Borrowed until the store's next use.
// NULL and 0 on failure.
WRT_MUST_USE wrt_error_t *wrt_store_wasi_output(wrt_store_t *store,
                                   uint32_t fd,
                                   const uint8_t **out_bytes,
                                   size_t *out_len);

// Makes a weak reference to what a reference leads to. One to an i31 never reads empty; one to a function looks at the object of
// that very reference (`wrt_ref_of_func`).
WRT_MUST_USE wrt_error_t *wrt_weak_new(wrt_store_t *store,
                          const wrt_ref_t *reference,
                          wrt_weak_t *out_weak);

// A reference to the object, in the innermost scope; the empty one once a collection has found that the object is gone,
// which is before its finalizer runs.
WRT_MUST_USE wrt_error_t *wrt_weak_get(wrt_store_t *store,
                          const wrt_weak_t *weak,
                          wrt_ref_t *out_reference);

// Ends a weak reference, from any thread: as `wrt_ref_drop`.
void wrt_weak_drop(wrt_weak_t *take_weak);

// Ends a weak reference. The slot becomes empty, but for one of another store; releasing an empty one does nothing.
WRT_MUST_USE wrt_error_t *wrt_weak_release(wrt_store_t *store,
                              wrt_weak_t *take_weak);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* WRT_H */
