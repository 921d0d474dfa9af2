//! A guest that makes exactly the WASI calls that the test asks for.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use wrt::api::*;
use wrt::wasi::{MODULE, Wasi};

/// Every function with its type, as in the specification (i: i32, I: i64; only `proc_exit` has no result).
pub const FUNCTIONS: &[(&str, &str)] = &[
    ("args_get", "ii"),
    ("args_sizes_get", "ii"),
    ("environ_get", "ii"),
    ("environ_sizes_get", "ii"),
    ("clock_res_get", "ii"),
    ("clock_time_get", "iIi"),
    ("fd_advise", "iIIi"),
    ("fd_allocate", "iII"),
    ("fd_close", "i"),
    ("fd_datasync", "i"),
    ("fd_fdstat_get", "ii"),
    ("fd_fdstat_set_flags", "ii"),
    ("fd_fdstat_set_rights", "iII"),
    ("fd_filestat_get", "ii"),
    ("fd_filestat_set_size", "iI"),
    ("fd_filestat_set_times", "iIIi"),
    ("fd_pread", "iiiIi"),
    ("fd_prestat_get", "ii"),
    ("fd_prestat_dir_name", "iii"),
    ("fd_pwrite", "iiiIi"),
    ("fd_read", "iiii"),
    ("fd_readdir", "iiiIi"),
    ("fd_renumber", "ii"),
    ("fd_seek", "iIii"),
    ("fd_sync", "i"),
    ("fd_tell", "ii"),
    ("fd_write", "iiii"),
    ("path_create_directory", "iii"),
    ("path_filestat_get", "iiiii"),
    ("path_filestat_set_times", "iiiiIIi"),
    ("path_link", "iiiiiii"),
    ("path_open", "iiiiiIIii"),
    ("path_readlink", "iiiiii"),
    ("path_remove_directory", "iii"),
    ("path_rename", "iiiiii"),
    ("path_symlink", "iiiii"),
    ("path_unlink_file", "iii"),
    ("poll_oneoff", "iiii"),
    ("proc_exit", "i"),
    ("proc_raise", "i"),
    ("sched_yield", ""),
    ("random_get", "ii"),
    ("sock_accept", "iii"),
    ("sock_recv", "iiiiii"),
    ("sock_send", "iiiii"),
    ("sock_shutdown", "ii"),
];

/// A module that imports every function and exports one of the same name that calls it.
pub fn passing_on(memory: &str) -> String {
    let mut imports = String::new();
    let mut funcs = String::new();
    for (name, types) in FUNCTIONS {
        let params: String = types.chars().map(|c| if c == 'i' { " i32" } else { " i64" }).collect();
        let result = if *name == "proc_exit" { "" } else { " (result i32)" };
        let gets: String = (0..types.len()).map(|i| format!(" (local.get {i})")).collect();
        imports += &format!("(import \"{MODULE}\" \"{name}\" (func ${name} (param{params}){result}))\n");
        funcs += &format!("(func (export \"{name}\") (param{params}){result} (call ${name}{gets}))\n");
    }
    format!("(module {imports} {memory} {funcs})")
}

/// Error numbers that tests expect.
pub mod errno {
    pub const AGAIN: u16 = 6;
    pub const BADF: u16 = 8;
    pub const EXIST: u16 = 20;
    pub const FAULT: u16 = 21;
    pub const INVAL: u16 = 28;
    pub const ISDIR: u16 = 31;
    pub const LOOP: u16 = 32;
    pub const MFILE: u16 = 33;
    pub const NAMETOOLONG: u16 = 37;
    pub const NOENT: u16 = 44;
    pub const NOSPC: u16 = 51;
    pub const NOTDIR: u16 = 54;
    pub const NOTEMPTY: u16 = 55;
    pub const NOTSOCK: u16 = 57;
    pub const NOTSUP: u16 = 58;
    pub const PERM: u16 = 63;
    pub const PIPE: u16 = 64;
    pub const ROFS: u16 = 69;
    pub const NOTCAPABLE: u16 = 76;
}

pub const CREAT: u32 = 1;
pub const DIRECTORY: u32 = 2;
pub const EXCL: u32 = 4;
pub const TRUNC: u32 = 8;
/// Every right.
pub const ALL: u64 = (1 << 28) - 1;
pub const READ: u64 = ALL & !(1 << 6);
/// The addresses of a result, strings, an iovec and data in tests.
pub const OUT: u32 = 16;
const STRING: [u32; 2] = [1024, 8192];
const IOVEC: u32 = 64;
pub const DATA: u32 = 16384;

const MEMORY: &str = "(memory (export \"memory\") 4 64)";

pub struct Guest {
    pub store: Store,
    pub memory: Memory,
    instance: Instance,
}

impl Guest {
    pub fn new(wasi: Wasi) -> Guest {
        static SHARED: OnceLock<(Engine, Module)> = OnceLock::new();
        let (engine, module) = SHARED.get_or_init(|| {
            let engine = Engine::new(&Config::new()).unwrap();
            let module = Module::new(&engine, passing_on(MEMORY).as_bytes()).unwrap();
            (engine, module)
        });
        Guest::of(engine, module, wasi)
    }

    pub fn on(engine: &Engine, wasi: Wasi) -> Guest {
        Guest::of(engine, &Module::new(engine, passing_on(MEMORY).as_bytes()).unwrap(), wasi)
    }

    fn of(engine: &Engine, module: &Module, wasi: Wasi) -> Guest {
        let mut store = Store::new(engine).unwrap();
        let mut linker = Linker::new(engine);
        linker.define_wasi().unwrap();
        store.set_wasi(wasi);
        let instance = linker.instantiate(&mut store, module).unwrap();
        let Ok(Some(Extern::Memory(memory))) = instance.export(&mut store, "memory") else { panic!("no memory") };
        Guest { store, memory, instance }
    }

    /// With one directory, descriptor 3, whose name is "/".
    pub fn with_dir(dir: &Path) -> Guest {
        let mut wasi = Wasi::new();
        wasi.add_dir(dir, b"/", false).unwrap();
        Guest::new(wasi)
    }

    /// Calls a function; returns its error number, 0 for success, or how the guest ended.
    pub fn try_call(&mut self, name: &str, args: &[u64]) -> Result<u16> {
        let Some(Extern::Func(f)) = self.instance.export(&mut self.store, name)? else { panic!("no {name}") };
        let ty = f.ty(&self.store)?;
        let value = |(t, a): (&ValType, &u64)| match t {
            ValType::I32 => Val::I32(*a as i32),
            _ => Val::I64(*a as i64),
        };
        assert_eq!(ty.params().len(), args.len(), "{name}");
        let args: Vec<Val> = ty.params().iter().zip(args).map(value).collect();
        let mut results = vec![Val::I32(0); ty.results().len()];
        f.call(&mut self.store, &args, &mut results)?;
        match results.first() {
            Some(Val::I32(errno)) => Ok(*errno as u16),
            _ => Ok(0),
        }
    }

    pub fn call(&mut self, name: &str, args: &[u64]) -> u16 {
        self.try_call(name, args).unwrap_or_else(|e| panic!("{name}: {e:?}"))
    }

    /// A call that returns only an error number.
    pub fn done(&mut self, name: &str, args: &[u64]) -> Result<(), u16> {
        match self.call(name, args) {
            0 => Ok(()),
            e => Err(e),
        }
    }

    pub fn put(&mut self, at: u32, bytes: &[u8]) {
        self.memory.write(&mut self.store, at.into(), bytes).unwrap();
    }

    pub fn get(&self, at: u32, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        self.memory.read(&self.store, at.into(), &mut bytes).unwrap();
        bytes
    }

    pub fn u32(&self, at: u32) -> u32 {
        u32::from_le_bytes(self.get(at, 4).try_into().unwrap())
    }

    pub fn u64(&self, at: u32) -> u64 {
        u64::from_le_bytes(self.get(at, 8).try_into().unwrap())
    }

    /// Stores a string at its address; returns the address and length as arguments.
    pub fn string(&mut self, which: usize, bytes: &[u8]) -> (u64, u64) {
        self.put(STRING[which], bytes);
        (STRING[which].into(), bytes.len() as u64)
    }

    /// One iovec, as the two arguments.
    pub fn iovec(&mut self, at: u32, len: u32) -> (u64, u64) {
        let pair = [at.to_le_bytes(), len.to_le_bytes()].concat();
        self.put(IOVEC, &pair);
        (IOVEC.into(), 1)
    }

    pub fn open_with(
        &mut self,
        dir: u32,
        path: &[u8],
        dirflags: u32,
        oflags: u32,
        rights: u64,
        fdflags: u32,
    ) -> Result<u32, u16> {
        let (p, n) = self.string(0, path);
        let args = [dir.into(), dirflags.into(), p, n, oflags.into(), rights, ALL, fdflags.into(), OUT.into()];
        self.done("path_open", &args).map(|()| self.u32(OUT))
    }

    /// Opens a path of directory 3, following links.
    pub fn open(&mut self, path: &str, oflags: u32, rights: u64) -> Result<u32, u16> {
        self.open_with(3, path.as_bytes(), 1, oflags, rights, 0)
    }

    pub fn close(&mut self, fd: u32) {
        assert_eq!(self.call("fd_close", &[fd.into()]), 0);
    }

    pub fn write(&mut self, fd: u32, bytes: &[u8]) -> Result<u32, u16> {
        self.put(DATA, bytes);
        let (p, n) = self.iovec(DATA, bytes.len() as u32);
        self.done("fd_write", &[fd.into(), p, n, OUT.into()]).map(|()| self.u32(OUT))
    }

    pub fn read(&mut self, fd: u32, len: u32) -> Result<Vec<u8>, u16> {
        let (p, n) = self.iovec(DATA, len);
        self.done("fd_read", &[fd.into(), p, n, OUT.into()]).map(|()| self.get(DATA, self.u32(OUT) as usize))
    }

    pub fn seek(&mut self, fd: u32, offset: i64, whence: u32) -> Result<u64, u16> {
        self.done("fd_seek", &[fd.into(), offset as u64, whence.into(), OUT.into()]).map(|()| self.u64(OUT))
    }

    /// A function on one path of directory 3.
    pub fn path(&mut self, name: &str, path: &str) -> Result<(), u16> {
        let (p, n) = self.string(0, path.as_bytes());
        self.done(name, &[3, p, n])
    }

    /// A function on two paths of directory 3.
    pub fn two_paths(&mut self, name: &str, a: &str, b: &str) -> Result<(), u16> {
        let ((a, al), (b, bl)) = (self.string(0, a.as_bytes()), self.string(1, b.as_bytes()));
        match name {
            "path_symlink" => self.done(name, &[a, al, 3, b, bl]),
            "path_link" => self.done(name, &[3, 0, a, al, 3, b, bl]),
            _ => self.done(name, &[3, a, al, 3, b, bl]),
        }
    }

    /// The struct `filestat` of a path of directory 3.
    pub fn stat(&mut self, path: &str, follow: u32) -> Result<Stat, u16> {
        let (p, n) = self.string(0, path.as_bytes());
        self.done("path_filestat_get", &[3, follow.into(), p, n, OUT.into()]).map(|()| self.stat_out())
    }

    pub fn stat_out(&self) -> Stat {
        Stat {
            ino: self.u64(OUT + 8),
            file_type: self.get(OUT + 16, 1)[0],
            nlink: self.u64(OUT + 24),
            size: self.u64(OUT + 32),
            atim: self.u64(OUT + 40),
            mtim: self.u64(OUT + 48),
        }
    }

    /// The struct `fdstat`: type, flags, rights, inheriting rights.
    pub fn fdstat(&mut self, fd: u32) -> Result<(u8, u16, u64, u64), u16> {
        self.done("fd_fdstat_get", &[fd.into(), OUT.into()])?;
        let head = self.get(OUT, 4);
        Ok((head[0], u16::from_le_bytes([head[2], head[3]]), self.u64(OUT + 8), self.u64(OUT + 16)))
    }

    pub fn readlink(&mut self, path: &str) -> Result<Vec<u8>, u16> {
        let (p, n) = self.string(0, path.as_bytes());
        self.done("path_readlink", &[3, p, n, DATA.into(), 4096, OUT.into()])?;
        Ok(self.get(DATA, self.u32(OUT) as usize))
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stat {
    pub ino: u64,
    pub file_type: u8,
    pub nlink: u64,
    pub size: u64,
    pub atim: u64,
    pub mtim: u64,
}

/// A host directory that is removed at the end of the test.
pub struct Dir(PathBuf);

impl Dir {
    pub fn new() -> Dir {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("wrt-wasi-{}-{}", std::process::id(), NEXT.fetch_add(1, Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).unwrap();
        Dir(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.0.join(name)).unwrap()
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
