//! Saved modules and the cache: damaged, foreign or partly written files are rejected, and never cause a crash.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use wrt::api::*;

const WAT: &str = "(module $saved (memory (export \"memory\") 1) (data (i32.const 4) \"\\2a\") (table 2 funcref) (elem (i32.const 1) $f)
    (type $pair (struct (field i32) (field anyref)))
    (tag $t (param i32)) (func $throw (throw $t (i32.load8_u (i32.const 4))))
    (func $f (result i32) (block $h (result i32) (try_table (catch $t $h) (call $throw)) (unreachable)))
    (func (export \"pair\") (result i32) (struct.get $pair 0 (struct.new $pair (i32.const 7) (ref.null any))))
    (func (export \"run\") (param i32) (result i32) (i32.div_u (call_indirect (result i32) (i32.const 1)) (local.get 0))))";

/// A directory for the test, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("wrt-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).unwrap();
        Folder(path)
    }

    fn files(&self) -> Vec<PathBuf> {
        let mut files: Vec<_> = fs::read_dir(&self.0).unwrap().map(|e| e.unwrap().path()).collect();
        files.sort();
        files
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn engine() -> Engine {
    Engine::new(&Config::new()).unwrap()
}

fn load(engine: &Engine, path: &Path) -> Result<Module> {
    // SAFETY: files of `save_file`, or with damage that the checks detect; no other process changes them in place.
    unsafe { Module::load_file(engine, path) }
}

fn run(module: &Module) -> [i32; 2] {
    let mut store = Store::new(&module.engine()).unwrap();
    let instance = Instance::new(&mut store, module, &[]).unwrap();
    [("run", &[Val::I32(6)][..]), ("pair", &[])].map(|(name, args)| {
        let Some(Extern::Func(f)) = instance.export(&mut store, name).unwrap() else { panic!("no {name}") };
        let mut out = [Val::I32(0)];
        f.call(&mut store, args, &mut out).unwrap();
        let Val::I32(n) = out[0] else { panic!("no i32") };
        n
    })
}

#[test]
fn a_file_is_the_module() {
    let folder = Folder::new("file");
    let path = folder.0.join("module.wrt");
    let module = Module::new(&engine(), WAT.as_bytes()).unwrap();
    module.save_file(&path).unwrap();
    assert_eq!(fs::read(&path).unwrap(), module.save().unwrap());
    assert_eq!(folder.files(), std::slice::from_ref(&path));
    let loaded = load(&engine(), &path).unwrap();
    assert_eq!((run(&module), run(&loaded)), ([7, 7], [7, 7]));
    assert_eq!(loaded.name(), Some("saved"));
    // Replaced and removed while it is in use; saved again from its own mapping.
    module.save_file(&path).unwrap();
    fs::remove_file(&path).unwrap();
    assert_eq!(run(&loaded), [7, 7]);
    loaded.save_file(&path).unwrap();
    assert_eq!(run(&load(&engine(), &path).unwrap()), [7, 7]);
}

/// An error says what is different: each setting by its name, another version, or that the bytes are something else.
#[test]
fn refusals_say_what_differs() {
    let module = Module::new(&engine(), WAT.as_bytes()).unwrap();
    let saved = module.save().unwrap();
    // SAFETY: made by `save`, or changed where the checks detect it.
    let refused =
        |config: Config, bytes: &[u8]| unsafe { Module::load(&Engine::new(&config).unwrap(), bytes) }.err().unwrap();
    let cases = [
        (Config::new().signals(false), "signals on, and this engine has it off (wrt_config_set_signals)"),
        (Config::new().interruption(true), "interruption off, and this engine has it on (wrt_config_set_interruption)"),
        (
            Config::new().relaxed_simd_deterministic(true),
            "deterministic relaxed SIMD off, and this engine has it on (wrt_config_set_relaxed_simd_deterministic)",
        ),
    ];
    for (config, difference) in cases {
        let e = refused(config, &saved);
        assert_eq!(e.kind(), ErrorKind::Unsupported);
        assert_eq!(e.message(), format!("the module was saved with {difference}"));
    }
    let both = refused(Config::new().signals(false).interruption(true), &saved);
    assert!(both.message().contains("signals on,") && both.message().contains("; with interruption off,"), "{both}");
    // The words of the header: magic, contract, hash, version, processor.
    let change = |at: usize| {
        let mut bytes = saved.clone();
        bytes[at] ^= 1;
        bytes[8] ^= 1;
        bytes
    };
    let own = env!("CARGO_PKG_VERSION");
    let texts: [(Vec<u8>, ErrorKind, String); 7] = [
        (change(24), ErrorKind::Unsupported, format!("this is {own}")),
        (change(32), ErrorKind::Unsupported, "for a processor with other features".into()),
        (change(200), ErrorKind::Unsupported, "another build of this version, or its header is damaged".into()),
        (saved[..100].to_vec(), ErrorKind::Malformed, "cut off after 100 bytes".into()),
        (b"\0wrtmod\x01 what an older version wrote".to_vec(), ErrorKind::Unsupported, "its format is 1".into()),
        (b"\0asm\x01\0\0\0".to_vec(), ErrorKind::Malformed, "use wrt_module_new".into()),
        (b"junk".to_vec(), ErrorKind::Malformed, "not a compiled module".into()),
    ];
    for (bytes, kind, said) in texts {
        let e = refused(Config::new(), &bytes);
        assert!(e.kind() == kind && e.message().contains(&said), "{said}: {e:?}");
    }
}

#[test]
fn each_flipped_bit_is_found() {
    let folder = Folder::new("bits");
    let path = folder.0.join("module.wrt");
    let engine = engine();
    let good = Module::new(&engine, WAT.as_bytes()).unwrap().save().unwrap();
    // Every bit of meaningful bytes; of padding zeros, every bit of one byte in eight.
    for at in 0..good.len() {
        let bits = if good[at] == 0 && at % 8 != 0 { 0..0 } else { 0..8 };
        for bit in bits {
            let mut bad = good.clone();
            bad[at] ^= 1 << bit;
            // SAFETY: rejected by the checks.
            let e = unsafe { Module::load(&engine, &bad) }.err().unwrap();
            assert!(matches!(e.kind(), ErrorKind::Malformed | ErrorKind::Unsupported), "byte {at}: {e}");
        }
    }
    for at in (0..good.len()).step_by(1009) {
        let mut bad = good.clone();
        bad[at] ^= 4;
        fs::write(&path, bad).unwrap();
        assert!(load(&engine, &path).is_err(), "byte {at}");
    }
}

#[test]
fn a_cut_or_longer_file_is_refused() {
    let folder = Folder::new("cut");
    let path = folder.0.join("module.wrt");
    let engine = engine();
    let good = Module::new(&engine, WAT.as_bytes()).unwrap().save().unwrap();
    let cuts = (0..400).chain((400..good.len()).step_by(997)).chain([good.len() - 1]);
    for len in cuts {
        fs::write(&path, &good[..len]).unwrap();
        let e = load(&engine, &path).err().unwrap();
        assert_eq!(e.kind(), ErrorKind::Malformed, "{len} bytes: {e}");
    }
    fs::write(&path, [&good[..], &[0]].concat()).unwrap();
    assert_eq!(load(&engine, &path).err().unwrap().kind(), ErrorKind::Malformed);
}

#[test]
fn what_is_no_file_is_an_error() {
    let folder = Folder::new("no-file");
    let module = Module::new(&engine(), WAT.as_bytes()).unwrap();
    let missing = folder.0.join("missing");
    for path in [&folder.0, &missing] {
        assert_eq!(load(&engine(), path).err().unwrap().kind(), ErrorKind::Io);
    }
    assert_eq!(load(&engine(), Path::new("/dev/null")).err().unwrap().kind(), ErrorKind::Io);
    // If nothing can be written, no file is left behind.
    assert_eq!(module.save_file(&folder.0).err().unwrap().kind(), ErrorKind::Io);
    assert_eq!(module.save_file(&missing.join("deeper")).err().unwrap().kind(), ErrorKind::Io);
    assert!(folder.files().is_empty());
    let empty = folder.0.join("empty");
    fs::write(&empty, []).unwrap();
    assert_eq!(load(&engine(), &empty).err().unwrap().kind(), ErrorKind::Malformed);
}

fn cached(folder: &Folder, max: u64, lazy: bool) -> Engine {
    Engine::new(&Config::new().lazy(lazy).cache(Some(folder.0.join("made")), max)).unwrap()
}

fn entries(folder: &Folder) -> Vec<PathBuf> {
    let mut all: Vec<_> = fs::read_dir(folder.0.join("made")).unwrap().map(|e| e.unwrap().path()).collect();
    all.sort();
    all
}

#[test]
fn the_cache_keeps_what_was_compiled() {
    let folder = Folder::new("cache");
    let first = Module::new(&cached(&folder, 1 << 30, false), WAT.as_bytes()).unwrap();
    let [file] = &entries(&folder)[..] else { panic!("one file") };
    // Sets another time, which a use of the file updates, to see that it is used.
    fs::File::open(file).unwrap().set_modified(std::time::UNIX_EPOCH).unwrap();
    let engine = cached(&folder, 1 << 30, false);
    let second = Module::new(&engine, WAT.as_bytes()).unwrap();
    assert_eq!(engine.compile_progress(), (0, 0), "nothing was compiled");
    assert!(fs::metadata(file).unwrap().modified().unwrap() > std::time::UNIX_EPOCH);
    assert_eq!((run(&first), run(&second)), ([7, 7], [7, 7]));
    // Another configuration has its own code.
    let other = Config::new().signals(false).cache(Some(folder.0.join("made")), 1 << 30);
    let other = Module::new(&Engine::new(&other).unwrap(), WAT.as_bytes()).unwrap();
    assert_eq!((run(&other), entries(&folder).len()), ([7, 7], 2));
}

#[test]
fn a_lazy_module_is_cached_when_all_of_it_is_there() {
    let folder = Folder::new("lazy-cache");
    let module = Module::new(&cached(&folder, 1 << 30, true), WAT.as_bytes()).unwrap();
    module.save().unwrap();
    // Its threads have ended, the one that writes the file among them.
    drop(module);
    assert_eq!(entries(&folder).len(), 1);
    let engine = cached(&folder, 1 << 30, true);
    assert_eq!(run(&Module::new(&engine, WAT.as_bytes()).unwrap()), [7, 7]);
    assert_eq!(engine.compile_progress(), (0, 0));
}

#[test]
fn a_damaged_entry_is_made_anew() {
    let folder = Folder::new("damaged-cache");
    Module::new(&cached(&folder, 1 << 30, false), WAT.as_bytes()).unwrap();
    let file = entries(&folder).remove(0);
    let good = fs::read(&file).unwrap();
    for bad in [&good[..good.len() / 2], b"", &[&good[1..], &good[..1]].concat()] {
        // As another process would: by replacing the file, never in place.
        fs::write(folder.0.join("part"), bad).unwrap();
        fs::rename(folder.0.join("part"), &file).unwrap();
        assert_eq!(run(&Module::new(&cached(&folder, 1 << 30, false), WAT.as_bytes()).unwrap()), [7, 7]);
        assert_eq!(fs::read(&file).unwrap(), good);
    }
    // An entry of another module, under this one's name.
    let other = Module::new(&engine(), b"(module)").unwrap();
    other.save_file(&file).unwrap();
    assert_eq!(run(&Module::new(&cached(&folder, 1 << 30, false), WAT.as_bytes()).unwrap()), [7, 7]);
}

#[test]
fn the_oldest_entries_go_when_there_is_no_room() {
    let folder = Folder::new("full-cache");
    let text = |n: usize| format!("(module (func (export \"f\") (result i32) (i32.const {n})))");
    let engine = cached(&folder, 1 << 30, false);
    Module::new(&engine, text(0).as_bytes()).unwrap();
    let size = fs::metadata(&entries(&folder)[0]).unwrap().len();
    for n in 1..4 {
        Module::new(&engine, text(n).as_bytes()).unwrap();
    }
    fs::write(folder.0.join("made/not-ours.txt"), "stays").unwrap();
    let engine = cached(&folder, 3 * size, false);
    Module::new(&engine, text(4).as_bytes()).unwrap();
    assert_eq!(entries(&folder).len(), 3 + 1);
    // The newest file is not removed, even if it alone is too large.
    let engine = cached(&folder, 1, false);
    Module::new(&engine, text(5).as_bytes()).unwrap();
    assert_eq!(entries(&folder).len(), 1 + 1);
}

#[test]
fn a_cache_that_can_not_be_made_is_an_error_of_the_engine() {
    let folder = Folder::new("no-cache");
    fs::write(folder.0.join("made"), "a file").unwrap();
    let e = Engine::new(&Config::new().cache(Some(folder.0.join("made")), 1)).err().unwrap();
    assert_eq!(e.kind(), ErrorKind::Io);
}

/// The child of the test below.
#[test]
fn processes_share_a_cache() {
    const FOLDER: &str = "WRT_TEST_CACHE";
    let work = |made: PathBuf| {
        for n in 0..20 {
            let config = Config::new().cache(Some(made.clone()), 200 << 10).lazy(n % 2 == 0);
            let engine = Engine::new(&config).unwrap();
            let wat = WAT.replace("(module $saved", &format!("(module $saved{}", n % 5));
            let module = Module::new(&engine, wat.as_bytes()).unwrap();
            assert_eq!(run(&module), [7, 7]);
            if n % 2 == 0 {
                // A lazy module's file is written by a thread that nothing waits for, not even the exit of the process.
                module.save().unwrap();
            }
        }
    };
    if let Some(made) = std::env::var_os(FOLDER) {
        return work(made.into());
    }
    let folder = Folder::new("shared-cache");
    let child = || {
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", "processes_share_a_cache"]).env(FOLDER, folder.0.join("made")).spawn().unwrap()
    };
    let mut children = [child(), child(), child()];
    work(folder.0.join("made"));
    assert!(children.iter_mut().all(|c| c.wait().unwrap().success()));
    assert!(entries(&folder).iter().all(|p| p.extension().unwrap() == "wrt"), "nothing half written is left");
}
