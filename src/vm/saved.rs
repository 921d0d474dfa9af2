//! Saved modules: a header, the module's bytes, its machine code and tables, in such places that a file can be used where it
//! is mapped. Checked before use: version, contract, settings and processor by a hash, damage by another. Whoever loads one
//! runs its code, so it must come from a trusted place: the hashes guard against accidents only.

use super::engine::Engine;
use super::machine_code::{Linked, Source, Tables};
use super::module::Module;
use crate::abi::code::StackMap;
use crate::base::Result;
use crate::err;
use crate::sys::mmap::{Executable, FileMapping};
use crate::sys::shared::{Plain, Shared, bytes_of};
use crate::wasm::decode;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use xxhash_rust::xxh3::Xxh3Default;

const MAGIC: [u8; 8] = *b"\0wrtmod\x02";
/// The module, its text, its tables, and whether it uses the heap.
const PARTS: usize = 8;
/// Magic, contract, hash of the rest, and place and length of each part.
const HEADER: usize = (3 + 2 * PARTS) * 8;
/// Where the hashed part begins.
const HASHED: usize = 24;
/// Parts start at multiples of this; the text at one of `PAGE`, the largest page there is.
const ALIGN: usize = 16;
const PAGE: usize = 64 << 10;
const TEXT: usize = 1;

/// The extension of a file that is being written.
pub const PART: &str = "part";

/// A saved module in pieces, which are written one behind the other.
struct Pieces<'a> {
    header: Vec<u8>,
    parts: [&'a [u8]; PARTS],
    /// Zeros in front of each.
    gaps: [usize; PARTS],
}

impl<'a> Pieces<'a> {
    fn new(contract: u64, source: &'a Source, linked: &'a Linked, uses_heap: &'a [u32; 1]) -> Pieces<'a> {
        let t = linked.tables();
        let parts = [
            &*source.bytes,
            linked.text(),
            bytes_of(&t.funcs),
            bytes_of(&t.traps),
            bytes_of(&t.calls),
            bytes_of(&t.stack_maps),
            bytes_of(&t.stack_slots),
            bytes_of(uses_heap),
        ];
        let mut header = Vec::with_capacity(HEADER);
        header.extend_from_slice(&MAGIC);
        header.extend_from_slice(&contract.to_le_bytes());
        header.extend_from_slice(&[0; 8]);
        let (mut end, mut gaps) = (HEADER, [0; PARTS]);
        for (i, part) in parts.iter().enumerate() {
            let at = end.next_multiple_of(if i == TEXT { PAGE } else { ALIGN });
            gaps[i] = at - end;
            header.extend_from_slice(&(at as u64).to_le_bytes());
            header.extend_from_slice(&(part.len() as u64).to_le_bytes());
            end = at + part.len();
        }
        let mut pieces = Pieces { header, parts, gaps };
        let mut hasher = Xxh3Default::new();
        let mut skip = HASHED;
        // Cannot fail: the hasher takes everything.
        let _ = pieces.each(|piece| {
            hasher.update(&piece[std::mem::take(&mut skip)..]);
            Ok(())
        });
        pieces.header[16..24].copy_from_slice(&hasher.digest().to_le_bytes());
        pieces
    }

    fn each(&self, mut f: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        f(&self.header)?;
        self.parts.iter().zip(self.gaps).try_for_each(|(part, gap)| {
            f(&[0; PAGE][..gap])?;
            f(part)
        })
    }
}

/// The compiled module as bytes.
pub fn save(module: &Module) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    let linked = module.linked()?;
    let uses_heap = [module.uses_heap as u32];
    let pieces = Pieces::new(module.engine.compiler.contract(), linked.source(), linked, &uses_heap);
    pieces.each(|piece| out.write_all(piece)).map_err(|e| err!(OutOfMemory, "{e}"))?;
    Ok(out)
}

/// Writes the compiled module to a file, which is there whole or not at all: others may read and write it meanwhile.
pub fn save_file(engine: &Engine, linked: &Linked, uses_heap: bool, path: &Path) -> Result<()> {
    let uses_heap = [uses_heap as u32];
    let pieces = Pieces::new(engine.compiler.contract(), linked.source(), linked, &uses_heap);
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let mut part = path.as_os_str().to_owned();
    part.push(format!(".{}-{}.{PART}", std::process::id(), COUNT.fetch_add(1, Relaxed)));
    let part = Path::new(&part);
    let written = File::create(part).and_then(|mut file| pieces.each(|piece| file.write_all(piece)));
    written.and_then(|()| fs::rename(part, path)).map_err(|e| {
        // What could not be written is not left behind.
        let _ = fs::remove_file(part);
        err!(Io, "can not write {}: {e}", path.display())
    })
}

/// Where the bytes of a saved module are.
enum Place<'a> {
    Memory(&'a [u8]),
    File(Arc<FileMapping>),
}

impl Place<'_> {
    fn bytes(&self) -> &[u8] {
        match self {
            Place::Memory(bytes) => bytes,
            Place::File(file) => file.bytes(),
        }
    }

    fn shared<T: Plain>(&self, part: Part) -> Option<Shared<T>> {
        match self {
            Place::Memory(bytes) => Shared::copied(&bytes[part.at..part.at + part.len]),
            Place::File(file) => Shared::mapped(file, part.at, part.len),
        }
    }

    fn executable(&self, part: Part) -> io::Result<Executable> {
        if let Place::File(file) = self
            && part.at.is_multiple_of(PAGE)
            && let Ok(text) = Executable::of_file(file, part.at, part.len)
        {
            return Ok(text);
        }
        // In memory, or on a file system that nothing may be executed from.
        Executable::new(&self.bytes()[part.at..part.at + part.len])
    }
}

#[derive(Clone, Copy)]
struct Part {
    at: usize,
    len: usize,
}

/// A module from saved bytes.
pub fn load(engine: &Arc<Engine>, saved: &[u8]) -> Result<Module> {
    load_from(engine, Place::Memory(saved))
}

/// A module from a file, which is mapped: it must not be changed in place as long as the module lives.
pub fn load_file(engine: &Arc<Engine>, path: &Path) -> Result<Module> {
    let file = File::open(path).and_then(FileMapping::new);
    let file = file.map_err(|e| err!(Io, "can not read {}: {e}", path.display()))?;
    load_from(engine, Place::File(Arc::new(file)))
}

fn load_from(engine: &Arc<Engine>, place: Place<'_>) -> Result<Module> {
    let damaged = || err!(Malformed, "the saved module is damaged");
    let parts = check(engine, place.bytes())?;
    let [bytes, text, funcs, traps, calls, stack_maps, stack_slots, uses_heap] = parts;
    let bytes = place.shared(bytes).ok_or_else(damaged)?;
    let tables = Tables {
        funcs: place.shared(funcs).ok_or_else(damaged)?,
        traps: place.shared(traps).ok_or_else(damaged)?,
        calls: place.shared(calls).ok_or_else(damaged)?,
        stack_maps: place.shared(stack_maps).ok_or_else(damaged)?,
        stack_slots: place.shared(stack_slots).ok_or_else(damaged)?,
    };
    let uses_heap: Shared<u32> = place.shared(uses_heap).ok_or_else(damaged)?;
    let info = decode::decode(&bytes, &engine.types)?.info;
    let slots = tables.stack_slots.len() as u64;
    let inside = |m: &StackMap| m.first as u64 + m.count as u64 <= slots;
    let sound = tables.funcs.len() == info.bodies.len()
        && tables.funcs.iter().all(|f| f.start as u64 + f.len as u64 <= text.len as u64)
        && tables.stack_maps.iter().all(inside);
    if !sound {
        return Err(damaged());
    }
    let text = place.executable(text).map_err(|e| err!(OutOfMemory, "no memory for machine code: {e}"))?;
    let source = Arc::new(Source { bytes, info });
    let linked = Linked::of(&source, text, tables);
    Ok(Module::of_linked(engine, source, linked, uses_heap[..] == [1]))
}

/// Whether these are bytes that `save` gave, here or somewhere alike; where the parts are.
fn check(engine: &Engine, saved: &[u8]) -> Result<[Part; PARTS]> {
    if saved.len() < HEADER || saved[..8] != MAGIC {
        return Err(err!(Malformed, "these bytes are no saved module of this version"));
    }
    let word = |i: usize| u64::from_le_bytes(saved[i * 8..i * 8 + 8].try_into().expect("eight bytes"));
    if word(1) != engine.compiler.contract() {
        return Err(err!(
            Unsupported,
            "the module was saved by another version, for another processor or other settings"
        ));
    }
    let mut hasher = Xxh3Default::new();
    hasher.update(&saved[HASHED..]);
    if word(2) != hasher.digest() {
        return Err(err!(Malformed, "the saved module is damaged"));
    }
    let mut parts = [Part { at: 0, len: 0 }; PARTS];
    for (i, part) in parts.iter_mut().enumerate() {
        let number = |n: u64| usize::try_from(n).ok().filter(|n| *n <= saved.len());
        let (at, len) = (number(word(3 + 2 * i)), number(word(4 + 2 * i)));
        let found = at.zip(len).filter(|(at, len)| at + len <= saved.len());
        let (at, len) = found.ok_or_else(|| err!(Malformed, "the saved module is damaged"))?;
        *part = Part { at, len };
    }
    Ok(parts)
}
