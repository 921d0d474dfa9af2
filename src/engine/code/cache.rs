//! Compiled modules in a directory, for this process and others. A file's name is a hash of the module and of
//! everything its code depends on. The file also contains the module itself, which is compared. Files are written under
//! another name and then renamed, so that no process sees an incomplete file. A failure of the cache makes nothing else
//! fail.

use crate::base::Result;
use crate::engine::code::machine_code::LinkedModule;
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

/// The cache's directory, and its maximum size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheConfig {
    pub directory: PathBuf,
    /// Maximum bytes of all files together. Beyond that, the least recently used files are removed.
    pub max_bytes: u64,
}

const EXTENSION: &str = "wrt";
/// A partial file older than this was abandoned by its writer.
const ABANDONED: Duration = Duration::from_secs(3600);

impl CacheConfig {
    /// Creates the directory, accessible only to this user, if it does not exist.
    pub fn prepare(&self) -> Result<()> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&self.directory);
        made.map_err(|e| err!(Io, "cannot create the cache directory {}: {e}", self.directory.display()))
    }

    fn file(&self, engine: &Engine, bytes: &[u8]) -> PathBuf {
        // With other features enabled, the same bytes can be invalid.
        let features = engine.config.features.bits().to_le_bytes();
        let name =
            format!("{:032x}-{:016x}", xxh3_128(bytes), xxh3_64_with_seed(&features, engine.compiler.contract().hash));
        self.directory.join(name).with_extension(EXTENSION)
    }

    /// The compiled module, if it is in the cache.
    pub fn get(&self, engine: &Arc<Engine>, bytes: &[u8]) -> Option<Module> {
        let path = self.file(engine, bytes);
        let module = saved::load_file(engine, &path).ok()?;
        if module.bytes() != bytes {
            return None;
        }
        // Marks the file as recently used.
        let _ = File::open(&path).and_then(|f| f.set_modified(SystemTime::now()));
        Some(module)
    }

    /// Stores a compiled module. Ignores errors: the module works without the cache.
    pub fn put(&self, engine: &Engine, linked: &LinkedModule) {
        let path = self.file(engine, &linked.source().bytes);
        if saved::save_file(engine, linked, &path).is_ok() {
            self.make_room(&path);
        }
    }

    /// Removes the oldest files until all files together are small enough. Never removes `newest`.
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
            // Another process may have removed the file. Processes that have mapped it keep their mapping.
            let _ = fs::remove_file(path);
            all -= len;
        }
    }
}
