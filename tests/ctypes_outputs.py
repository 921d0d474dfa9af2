"""Outputs are always written: zeros on failure, whatever else is NULL or wrong. Reads the header, so that no function is left
out: python3 tests/ctypes_outputs.py LIBWRT.SO WRT.H

Each function with outputs is called with poisoned places for them, and without what it needs: with nothing at all, with one
place missing at a time, and with a good store, engine and so on but handles that name nothing."""
import ctypes as c
import re
import sys

lib = c.CDLL(sys.argv[1])
header = re.sub(r"//.*", "", open(sys.argv[2]).read())
P, POISON, ROOM = c.c_void_p, 0xA5, 4096
lib.wrt_error_message.restype = lib.wrt_error_message.argtypes = None
lib.wrt_error_delete.argtypes = [P]

# Succeed without any input, so that there is no failure to look at.
MAY_SUCCEED = {"wrt_wasi_new", "wrt_engine_new"}
# Structs that the caller sets the size of, in their first word.
SIZED = {"wrt_heap_stats_t", "wrt_heap_census_t", "wrt_pool_stats_t"}
# Plain values that may be anything: handles, types.
PLAIN = {"wrt_ref_t", "wrt_weak_t", "wrt_func_t", "wrt_table_t", "wrt_memory_t", "wrt_global_t", "wrt_tag_t", "wrt_instance_t",
         "wrt_val_t", "wrt_extern_t", "wrt_type_t", "wrt_field_t", "wrt_size_limits_t"}
SCALARS = {"bool": 1, "uint8_t": 1, "uint32_t": 4, "int32_t": 4, "uint64_t": 8, "size_t": 8}


class Param:
    def __init__(self, text):
        self.text = " ".join(text.split())
        self.type, self.name = re.match(r"(.*?)(\w+)$", self.text).groups()
        self.pointee = self.type.replace("const", "").strip()
        self.is_pointer = self.pointee.endswith("*")
        self.pointee = self.pointee[:-1].strip() if self.is_pointer else self.pointee
        self.is_out = self.is_pointer and (self.name.startswith("out_") or self.name == "out")


def functions():
    for result, name, params in re.findall(r"\n(?:WRT_MUST_USE )?([\w \*]+?)\s*\b(wrt_\w+)\(([^()]*)\);", header):
        yield result.strip(), name, [] if params.strip() == "void" else [Param(p) for p in params.split(",")]


def size_of(pointee):
    """Bytes of an output, and how many from the front have to be zeros: what pads a struct is not written."""
    if pointee.endswith("*"):
        return 8, 8
    if pointee in SCALARS:
        return SCALARS[pointee], SCALARS[pointee]
    value = c.c_size_t()
    name = pointee.encode()
    error = lib.wrt_abi_layout(name, c.c_size_t(len(name)), c.byref(value))
    if error:
        lib.wrt_error_delete(error)
    return value.value or 8, 1


lib.wrt_abi_layout.restype = P


def made(name, *args):
    """An object that a function makes, as its last argument."""
    f = getattr(lib, name)
    f.restype = P
    place = P()
    error = f(*args, c.byref(place))
    assert not error, name
    return place


engine = made("wrt_engine_new", None)
config = P(c.cast(lib.wrt_config_new, c.CFUNCTYPE(P))())
WAT = b'(module (import "" "" (func)) (memory (export "m") 1))'
GOOD = {
    "wrt_engine_t": engine,
    "wrt_config_t": config,
    "wrt_store_t": made("wrt_store_new", engine, None, None),
    "wrt_module_t": made("wrt_module_new", engine, WAT, c.c_size_t(len(WAT))),
    "wrt_linker_t": made("wrt_linker_new", engine),
    "wrt_functype_t": made("wrt_functype_parse", b"()", c.c_size_t(2)),
    "wrt_typebuilder_t": made("wrt_typebuilder_new", engine),
}
calls = failures = 0
problems = []


def check(name, result, params, inputs, missing):
    """Calls a function; `inputs` gives what is no output, `missing` is an output that is NULL. Whether it failed."""
    global calls, failures
    args, places = [], []
    for p in params:
        if p.is_out and p.name != missing:
            buffer = (c.c_ubyte * ROOM)(*[POISON] * ROOM)
            known = 0
            if p.pointee in SIZED:
                known = 8
                c.cast(buffer, c.POINTER(c.c_size_t))[0] = 16
            places.append((p, buffer, known))
            args.append(buffer)
        elif p.is_pointer:
            args.append(None if p.is_out else inputs(p))
        elif "callback_t" in p.type or "finalizer_t" in p.type:
            args.append(None)
        elif p.pointee == "bool" or p.pointee == "uint8_t":
            args.append(c.c_uint8(0))
        else:
            # As many elements as there is room for in an output; one of everything else.
            args.append(c.c_size_t(1))
    f = getattr(lib, name)
    f.restype = {"void": None, "bool": c.c_uint8}.get(result, P if "*" in result else c.c_uint64)
    value = f(*args)
    calls += 1
    is_error = result == "wrt_error_t *"
    # Texts of nothing are empty, or NULL.
    failed = bool(value) if is_error else not value or "char" in result and not c.string_at(value)
    if is_error and value:
        lib.wrt_error_delete(value)
    if not failed:
        return False
    failures += 1
    for p, buffer, known in places:
        size, zeros = size_of(p.pointee) if p.pointee not in SIZED else (16, 8)
        if p.pointee in ("void", "char"):
            size, zeros = 1, 1
        if any(buffer[known:known + zeros]):
            problems.append(f"{name}: {p.text} is not zero on failure ({missing or 'nothing'} missing)")
        if all(b == POISON for b in buffer[known:size]):
            problems.append(f"{name}: {p.text} is not written on failure ({missing or 'nothing'} missing)")
    return True


def nothing(_):
    return None


def garbage(p):
    if p.pointee in GOOD:
        return GOOD[p.pointee]
    if p.pointee in PLAIN:
        return (c.c_ubyte * ROOM)(*[0x5A] * ROOM)
    return None


tested = 0
for result, name, params in functions():
    outs = [p for p in params if p.is_out]
    if not outs or name.endswith("_init"):
        continue
    tested += 1
    failed = check(name, result, params, nothing, None)
    if not failed and "wrt_error_t" in result and name not in MAY_SUCCEED and len(params) > len(outs):
        problems.append(f"{name} succeeds without anything")
    check(name, result, params, garbage, None)
    for missing in outs:
        check(name, result, params, nothing, missing.name)
        check(name, result, params, garbage, missing.name)

for problem in sorted(set(problems)):
    print(problem)
# A header that is not understood any more must not pass for one without outputs.
assert tested > 100 and failures > 3 * tested, (tested, failures)
print(f"{tested} functions with outputs, {calls} calls, {failures} of which failed as they should")
sys.exit(1 if problems else 0)
