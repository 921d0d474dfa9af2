"""Signal handlers of the library beside those of Python's faulthandler, whichever was there first:
python3 tests/faulthandler_smoke.py LIBWRT.SO"""
import ctypes as c
import faulthandler
import signal
import subprocess
import sys
import threading

MODES = ("before", "engine", "module", "store", "calls", "install", "toggled")
WAT = b"""(module (memory 1)
  (func (export "load") (param i32) (result i32) (i32.load (local.get 0)))
  (func (export "divide") (param i32) (result i32) (i32.div_u (i32.const 1) (local.get 0)))
  (func $recurse (export "recurse") (param i32) (result i32) (i32.add (call $recurse (local.get 0)) (i32.const 1))))"""
P, size = c.c_void_p, c.c_size_t


class Func(c.Structure):
    _fields_ = [("store", c.c_uint64), ("index", c.c_uint32), ("generation", c.c_uint32)]


class Guest:
    def __init__(self, path):
        self.lib = lib = c.CDLL(path)
        lib.wrt_error_message.restype = c.c_char_p
        for name in ("wrt_engine_new", "wrt_store_new", "wrt_module_new", "wrt_instance_new", "wrt_instance_get_func",
                     "wrt_func_call_raw", "wrt_signals_install"):
            getattr(lib, name).restype = P
        self.engine, self.module, self.instance, self.store = P(), P(), Func(), None

    def ok(self, error):
        if error:
            message = self.lib.wrt_error_message(P(error), None).decode()
            self.lib.wrt_error_delete(P(error))
            raise RuntimeError(message)

    def make_engine(self):
        self.ok(self.lib.wrt_engine_new(None, c.byref(self.engine)))

    def make_module(self):
        self.ok(self.lib.wrt_module_new(self.engine, WAT, size(len(WAT)), c.byref(self.module)))

    def make_store(self):
        self.lib.wrt_store_delete(self.store)
        self.store = P()
        self.ok(self.lib.wrt_store_new(self.engine, None, None, c.byref(self.store)))
        self.ok(self.lib.wrt_instance_new(self.store, self.module, None, size(0), c.byref(self.instance)))

    def call(self, name, argument):
        func, slots = Func(), (c.c_int32 * 4)(argument)
        self.ok(self.lib.wrt_instance_get_func(self.store, c.byref(self.instance), name, size(len(name)), c.byref(func)))
        # A raw slot is aligned to 16 bytes.
        room = (c.c_uint8 * 32)()
        at = (c.addressof(room) + 15) & ~15
        c.memmove(at, slots, 16)
        self.ok(self.lib.wrt_func_call_raw(self.store, c.byref(func), P(at), size(1)))
        return c.c_int32.from_address(at).value

    def traps(self):
        for name, argument, message in ((b"load", -1, "out of bounds memory access"), (b"divide", 0, "integer divide by zero"),
                                        (b"recurse", 0, "call stack exhausted")):
            try:
                self.call(name, argument)
            except RuntimeError as e:
                assert message in str(e), e
            else:
                raise AssertionError(f"{name} did not trap")
        assert self.call(b"divide", 1) == 1


def run(mode, path):
    guest = Guest(path)
    if mode == "before":
        faulthandler.enable()
    guest.make_engine()
    if mode == "engine":
        faulthandler.enable()
    guest.make_module()
    if mode == "module":
        faulthandler.enable()
    guest.make_store()
    if mode == "store":
        faulthandler.enable()
        guest.make_store()
    if mode == "calls":
        faulthandler.enable()
        for _ in range(256):
            guest.call(b"divide", 1)
    if mode == "install":
        faulthandler.enable()
        guest.ok(guest.lib.wrt_signals_install())
    if mode == "toggled":
        for _ in range(50):
            faulthandler.enable()
            guest.make_store()
            guest.traps()
            faulthandler.disable()
            guest.traps()
        faulthandler.enable()
        guest.make_store()
    guest.traps()
    threads = [threading.Thread(target=lambda: (guest.make_store(), guest.traps())) for _ in range(2)]
    for t in threads:
        t.start()
        t.join()
    print("traps are errors", flush=True)
    c.string_at(8)


if len(sys.argv) == 3:
    run(sys.argv[1], sys.argv[2])
    sys.exit("the crash did not end the process")
passed = failed = 0
for mode in MODES:
    # A crash of Python's own is still Python's: its traceback, and the end by the signal.
    r = subprocess.run([sys.executable, __file__, mode, sys.argv[1]], capture_output=True, text=True, timeout=300)
    good = (r.returncode == -signal.SIGSEGV and r.stdout == "traps are errors\n"
            and r.stderr.count("Fatal Python error: Segmentation fault") == 1)
    passed, failed = passed + good, failed + (not good)
    if not good:
        print(f"{mode}: status {r.returncode}\n{r.stdout}\n{r.stderr}")
print(f"{passed} passed, {failed} failed")
sys.exit(failed != 0)
