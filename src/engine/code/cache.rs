//! Compiled modules kept in a directory, for this process and others. A file is named by a hash of the module and of what its
//! code depends on; it holds the module itself, which is compared. Files are written aside and renamed, so that nobody
//! sees half of one, and nothing fails because the cache does.

use crate::base::Result;
use crate::engine::code::machine_code::Linked;
use crate::engine::code::saved;
use crate::engine::engine::Engine;
use crate::engine::module::Module;
use crate::err;
use std::fs::{self, DirBuilder, File};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use xxhash_rust::xxh3::{xxh3_64_with_seed, xxh3_128};

/// Where compiled modules are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheConfig {
    pub directory: PathBuf,
    /// Bytes that all files may take; beyond, those that were not used for the longest time are removed.
    pub max_bytes: u64,
}

const EXTENSION: &str = "wrt";
/// A file that somebody writes is done after this time, or never.
const ABANDONED: Duration = Duration::from_secs(3600);

impl CacheConfig {
    /// Makes the directory, for this user only, if it is not there.
    pub fn prepare(&self) -> Result<()> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&self.directory);
        made.map_err(|e| err!(Io, "can not make the cache directory {}: {e}", self.directory.display()))
    }

    fn file(&self, engine: &Engine, bytes: &[u8]) -> PathBuf {
        // Under other features the same bytes may be refused.
        let features = engine.config.features.bits().to_le_bytes();
        let name =
            format!("{:032x}-{:016x}", xxh3_128(bytes), xxh3_64_with_seed(&features, engine.compiler.contract().hash));
        self.directory.join(name).with_extension(EXTENSION)
    }

    /// The compiled module, if it is there.
    pub fn get(&self, engine: &Arc<Engine>, bytes: &[u8]) -> Option<Module> {
        let path = self.file(engine, bytes);
        let module = saved::load_file(engine, &path).ok()?;
        if module.bytes() != bytes {
            return None;
        }
        // So that it is not taken for one that nobody uses.
        let _ = File::open(&path).and_then(|f| f.set_modified(SystemTime::now()));
        Some(module)
    }

    /// Keeps a compiled module. A failure is not one of the module's.
    pub fn put(&self, engine: &Engine, linked: &Linked) {
        let path = self.file(engine, &linked.source().bytes);
        if saved::save_file(engine, linked, &path).is_ok() {
            self.make_room(&path);
        }
    }

    /// Removes files until all together are small enough, `newest` last.
    fn make_room(&self, newest: &Path) {
        let Ok(entries) = fs::read_dir(&self.directory) else { return };
        let now = SystemTime::now();
        let mut files = Vec::new();
        for (path, about) in entries.filter_map(|e| e.ok()).filter_map(|e| Some((e.path(), e.metadata().ok()?))) {
            let Ok(modified) = about.modified() else { continue };
            let is = |extension: &str| path.extension().is_some_and(|e| e == extension);
            if is(EXTENSION) && path != newest {
                files.push((modified, about.len(), path));
            } else if is(saved::PART) && now.duration_since(modified).is_ok_and(|age| age > ABANDONED) {
                let _ = fs::remove_file(path);
            }
        }
        files.sort();
        let newest = fs::metadata(newest).map_or(0, |m| m.len());
        let mut all = newest + files.iter().map(|(_, len, _)| len).sum::<u64>();
        for (_, len, path) in files {
            if all <= self.max_bytes {
                break;
            }
            // Another process may have removed it; who has mapped it keeps it.
            let _ = fs::remove_file(path);
            all -= len;
        }
    }
}
