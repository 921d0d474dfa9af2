"""Uses the library as a program would that has only dlopen: python3 tests/ctypes_smoke.py LIBWRT.SO"""
import ctypes as c
import sys

lib = c.CDLL(sys.argv[1])


class Func(c.Structure):
    _fields_ = [("store", c.c_uint64), ("index", c.c_uint32), ("generation", c.c_uint32)]


class Of(c.Union):
    _fields_ = [("i32", c.c_int32), ("i64", c.c_int64), ("f32", c.c_float), ("f64", c.c_double),
                ("v128", c.c_uint8 * 16), ("func", Func)]


class Val(c.Structure):
    _fields_ = [("kind", c.c_uint8), ("of", Of)]


I32 = 1
P = c.c_void_p
for name in ("wrt_error_message", "wrt_version_string"):
    getattr(lib, name).restype = c.c_char_p
for name in ("wrt_engine_new", "wrt_store_new", "wrt_module_new", "wrt_linker_new", "wrt_linker_define_func",
             "wrt_linker_instantiate", "wrt_instance_get_func", "wrt_func_call", "wrt_abi_layout", "wrt_error_new"):
    getattr(lib, name).restype = P
lib.wrt_error_kind.restype = lib.wrt_error_trap_code.restype = c.c_uint8
size = c.c_size_t


def text(s):
    b = s.encode()
    return c.c_char_p(b), size(len(b))


def message(error):
    m = lib.wrt_error_message(P(error), None).decode()
    lib.wrt_error_delete(P(error))
    return m


def ok(error):
    if error:
        raise RuntimeError(message(error))


# A binding checks its layouts against the library's.
for struct, name in ((Func, "wrt_func_t"), (Val, "wrt_val_t")):
    value = size()
    ok(lib.wrt_abi_layout(*text(name), c.byref(value)))
    assert value.value == c.sizeof(struct), name

CALLBACK = c.CFUNCTYPE(P, P, P, c.POINTER(Val), size, c.POINTER(Val), size)
seen = []


@CALLBACK
def triple(userdata, caller, args, nargs, results, nresults):
    seen.append((userdata, args[0].of.i32))
    if args[0].of.i32 < 0:
        return lib.wrt_error_new(c.c_uint8(18), *text("no negative numbers"))
    results[0].of.i32 = 3 * args[0].of.i32
    return None


engine, store, linker, module, instance, run = P(), P(), P(), P(), Func(), Func()
ok(lib.wrt_engine_new(None, c.byref(engine)))
ok(lib.wrt_store_new(engine, None, None, c.byref(store)))
ok(lib.wrt_linker_new(engine, c.byref(linker)))
ok(lib.wrt_linker_define_func(linker, *text("py"), *text("triple"), *text("(i32) -> i32"), triple, P(77), None))
wat = '(module (import "py" "triple" (func $t (param i32) (result i32))) ' \
      '(func (export "run") (param i32) (result i32) (i32.div_s (call $t (local.get 0)) (local.get 0))))'
ok(lib.wrt_module_new(engine, *text(wat), c.byref(module)))
ok(lib.wrt_linker_instantiate(linker, store, module, c.byref(instance)))
ok(lib.wrt_instance_get_func(store, c.byref(instance), *text("run"), c.byref(run)))


def call(n):
    arg, result = Val(kind=I32, of=Of(i32=n)), Val()
    error = lib.wrt_func_call(store, c.byref(run), c.byref(arg), size(1), c.byref(result), size(1))
    return error, result.of.i32


assert call(5) == (None, 3)
assert seen == [(77, 5)]
error, _ = call(0)
assert lib.wrt_error_trap_code(P(error)) == 8, "integer divide by zero"
assert message(error).startswith("integer divide by zero")
error, _ = call(-1)
assert message(error) == "no negative numbers"
assert call(7) == (None, 3)
lib.wrt_store_delete(store)
lib.wrt_linker_delete(linker)
lib.wrt_module_delete(module)
lib.wrt_engine_delete(engine)
print("ctypes: wrt", lib.wrt_version_string().decode(), "loaded, called, called back, trapped")
