//! Saved modules: a header, the module's bytes, and its machine code and tables, aligned so that a mapped file can be
//! used in place. Before use, one hash checks the version, contract, settings and processor, and another one checks for
//! damage. The engine must also support every feature that the saving engine had enabled.
//!
//! Loading a saved module means running its code, so it must come from a trusted source: the hashes only guard against
//! accidents.

use crate::abi::code::{CATCH_ALL, NO_PART, StackPart, TrampolineCode, Trampolines, TrySite};
use crate::abi::settings::SETTINGS;
use crate::base::index::*;
use crate::base::{Error, Result};
use crate::compile::Contract;
use crate::engine::code::machine_code::{LinkedModule, Source, Tables};
use crate::engine::code::no_code::no_code;
use crate::engine::code::saved_trampolines;
use crate::engine::code::trampoline::TrampolineText;
use crate::engine::engine::Engine;
use crate::engine::module::Module;
use crate::engine::pooling::image::{Image, Images};
use crate::err;
use crate::sys::mapped_slice::{Plain, Shared, bytes_of};
use crate::sys::mmap::{Executable, FileMapping, check_file_size};
use crate::sys::refused;
use crate::sys::thread::{THREAD_STACK, without_signals};
use crate::wasm::decode;
use crate::wasm::features::FeatureSet;
use crate::wasm::module::ModuleInfo;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{SystemTime, UNIX_EPOCH};
use xxhash_rust::xxh3::{Xxh3Default, xxh3_64_with_seed};

#[cfg(test)]
mod tests;

const MAGIC: [u8; 8] = *b"\0wrtmod\x08";
/// The parts: the module's bytes, its text, its trampolines' text, its tables, its trampolines' tables, its memories'
/// images as records and as bytes, and facts.
const PARTS: usize = 16;
/// Words before the places of the parts: magic, contract, hash of the rest, then the contents of the contract: version,
/// processor, settings.
const FIRST_PART: usize = 5 + SETTINGS;
/// Bytes of the header: these words, and the place and length of each part.
const HEADER: usize = (FIRST_PART + 2 * PARTS) * 8;
/// The offset at which the hashed bytes begin.
const HASHED: usize = 24;
/// Parts start at multiples of this. Text and images start at multiples of `PAGE`, the largest page size there is, and
/// trampolines at multiples of `UNIT`.
const ALIGN: usize = 16;
const PAGE: usize = 64 << 10;
/// A saved module of at least this many bytes is checked for damage on a thread of its own.
const PARALLEL_CHECK: usize = 4 << 20;
const TEXT: usize = 1;
const TRAMPOLINES: usize = 2;
const IMAGES: usize = 14;

/// An image: its memory, and its start in that memory and its length, both in `UNIT`s. Images are stored one after the
/// other.
#[derive(Clone, Copy)]
#[repr(C)]
struct ImageRecord {
    memory: u32,
    start: u32,
    len: u32,
}
// SAFETY: it consists of 32-bit numbers only, so it has no padding, and all bit patterns are valid.
unsafe impl Plain for ImageRecord {}

/// The smallest page size there is.
const UNIT: usize = 4096;
/// Bits of the first of the facts.
const USES_HEAP: u32 = 1;
const HAS_IMAGES: u32 = 2;
/// Number of words of facts: the bits, and the two halves of the set of features with which the module was validated.
const FACTS: usize = 3;

/// The extension of a file that is being written.
pub const PART: &str = "part";

/// Parts that must be created for saving.
struct Extra {
    trampolines: Trampolines,
    /// By type index, the place of the type's trampoline.
    places: Vec<u32>,
    records: Vec<ImageRecord>,
    bytes: Vec<u8>,
    facts: [u32; FACTS],
}

impl Extra {
    fn new(engine: &Engine, linked: &LinkedModule) -> Result<Extra> {
        let (trampolines, places) = saved_trampolines::make(engine, &linked.source().info)?;
        let images = &linked.source().images;
        let (mut records, mut bytes) = (Vec::new(), Vec::new());
        for (memory, image) in images.by_memory.iter() {
            if let Some(image) = image {
                let [start, len] = [image.start, image.bytes.len()].map(|n| (n / UNIT) as u32);
                records.push(ImageRecord { memory: memory.as_u32(), start, len });
                bytes.extend_from_slice(&image.bytes);
            }
        }
        let fact = |is: bool, bit: u32| if is { bit } else { 0 };
        let facts = fact(linked.uses_heap, USES_HEAP) | fact(images.complete, HAS_IMAGES);
        let features = engine.config.features.bits();
        let facts = [facts, features as u32, (features >> 32) as u32];
        Ok(Extra { trampolines, places, records, bytes, facts })
    }
}

/// A saved module in pieces, which are written one after the other.
struct Pieces<'a> {
    header: Vec<u8>,
    parts: [&'a [u8]; PARTS],
    /// The number of zeros before each part.
    gaps: [usize; PARTS],
}

impl<'a> Pieces<'a> {
    fn new(contract: Contract, linked: &'a LinkedModule, extra: &'a Extra) -> Pieces<'a> {
        let t = linked.tables();
        let parts = [
            &*linked.source().bytes,
            linked.text(),
            &extra.trampolines.text,
            bytes_of(&t.funcs),
            bytes_of(&t.traps),
            bytes_of(&t.calls),
            bytes_of(&t.stack_maps),
            bytes_of(&t.stack_parts),
            bytes_of(&t.stack_slots),
            bytes_of(&t.tries),
            bytes_of(&t.handlers),
            bytes_of(&extra.trampolines.codes),
            bytes_of(&extra.places),
            bytes_of(&extra.records),
            &extra.bytes,
            bytes_of(&extra.facts),
        ];
        let mut header = Vec::with_capacity(HEADER);
        header.extend_from_slice(&MAGIC);
        header.extend_from_slice(&contract.hash.to_le_bytes());
        header.extend_from_slice(&[0; 8]);
        for word in [contract.version, contract.processor].into_iter().chain(contract.settings.values()) {
            header.extend_from_slice(&word.to_le_bytes());
        }
        let (mut end, mut gaps) = (HEADER, [0; PARTS]);
        for (i, part) in parts.iter().enumerate() {
            let at = end.next_multiple_of(match i {
                TEXT | IMAGES => PAGE,
                TRAMPOLINES => UNIT,
                _ => ALIGN,
            });
            gaps[i] = at - end;
            header.extend_from_slice(&(at as u64).to_le_bytes());
            header.extend_from_slice(&(part.len() as u64).to_le_bytes());
            end = at + part.len();
        }
        let mut pieces = Pieces { header, parts, gaps };
        let mut hasher = Xxh3Default::new();
        let mut skip = HASHED;
        // This cannot fail: the hasher accepts everything.
        let _ = pieces.each(|piece| {
            hasher.update(&piece[std::mem::take(&mut skip)..]);
            Ok(())
        });
        pieces.header[16..24].copy_from_slice(&hasher.digest().to_le_bytes());
        pieces
    }

    /// The total number of bytes.
    fn len(&self) -> u64 {
        (self.header.len() + self.parts.iter().map(|p| p.len()).sum::<usize>() + self.gaps.iter().sum::<usize>()) as u64
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
    let extra = Extra::new(&module.engine, linked)?;
    let pieces = Pieces::new(module.engine.compiler.contract(), linked, &extra);
    pieces.each(|piece| out.write_all(piece)).map_err(|e| err!(OutOfMemory, "{e}"))?;
    Ok(out)
}

/// Writes the compiled module to a file. The file appears complete or not at all, so other processes can read and write
/// it at the same time.
pub fn save_file(engine: &Engine, linked: &LinkedModule, path: &Path) -> Result<()> {
    let extra = Extra::new(engine, linked)?;
    let pieces = Pieces::new(engine.compiler.contract(), linked, &extra);
    static COUNT: AtomicU64 = AtomicU64::new(0);
    // A name that is unique even among other processes and containers. If such a file exists anyway, it is not overwritten.
    let salt = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |t| t.as_nanos() as u64);
    let name = xxh3_64_with_seed(&salt.to_le_bytes(), (&raw const pieces) as u64);
    let mut part = path.as_os_str().to_owned();
    part.push(format!(".{}-{}-{name:x}.{PART}", std::process::id(), COUNT.fetch_add(1, Relaxed)));
    let part = Path::new(&part);
    let can_not = |e: io::Error| err!(Io, "cannot write {}: {e}", path.display());
    check_file_size(pieces.len()).map_err(can_not)?;
    let mut file = File::create_new(part).map_err(can_not)?;
    let written = pieces.each(|piece| file.write_all(piece)).and_then(|()| fs::rename(part, path));
    written.map_err(|e| {
        // Remove the incomplete file.
        let _ = fs::remove_file(part);
        can_not(e)
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

    /// Closes a file, unless images will be mapped from it.
    fn close_unless(&self, has_images: bool) {
        if let (Place::File(file), false) = (self, has_images) {
            file.close();
        }
    }

    fn shared<T: Plain>(&self, part: Part) -> Option<Shared<T>> {
        match self {
            Place::Memory(bytes) => Shared::copied(&bytes[part.at..part.at + part.len]),
            Place::File(file) => Shared::mapped(file, part.at, part.len),
        }
    }

    /// The text, mapped if it is in a file.
    fn executable(&self, part: Part) -> io::Result<Executable> {
        match self.mapped(part, PAGE) {
            Some(Ok(text)) => Ok(text),
            // The file system may forbid executing anything on it.
            Some(Err(e)) => self.copied(part).map_err(|second| refused::both(&e, second)),
            None => self.copied(part),
        }
    }

    /// Trampolines' code, which lives as long as the types. That may be longer than the file stays unchanged, so the
    /// code is mapped only if it cannot be copied.
    fn lasting(&self, part: Part) -> io::Result<Executable> {
        self.copied(part).or_else(|e| self.mapped(part, UNIT).filter(|_| refused::is_refused(&e)).unwrap_or(Err(e)))
    }

    fn mapped(&self, part: Part, align: usize) -> Option<io::Result<Executable>> {
        match self {
            Place::File(file) if part.at.is_multiple_of(align) => Some(Executable::of_file(file, part.at, part.len)),
            _ => None,
        }
    }

    fn copied(&self, part: Part) -> io::Result<Executable> {
        Executable::new(&self.bytes()[part.at..part.at + part.len])
    }
}

#[derive(Clone, Copy)]
struct Part {
    at: usize,
    len: usize,
}

/// Loads a module from saved bytes.
pub fn load(engine: &Arc<Engine>, saved: &[u8]) -> Result<Module> {
    load_from(engine, Place::Memory(saved))
}

/// Loads a module from a file, which is mapped. The file must not be changed in place as long as the module lives.
pub fn load_file(engine: &Arc<Engine>, path: &Path) -> Result<Module> {
    // If it is a pipe, opening it must not wait for a writer.
    let file = File::options().read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path);
    let file = file.and_then(FileMapping::new);
    let file = file.map_err(|e| err!(Io, "cannot read {}: {e}", path.display()))?;
    load_from(engine, Place::File(Arc::new(file)))
}

fn load_from(engine: &Arc<Engine>, place: Place<'_>) -> Result<Module> {
    let damaged = || err!(Malformed, "the saved module is damaged");
    let parts = check(engine, place.bytes())?;
    let [
        bytes,
        text,
        trampoline_text,
        funcs,
        traps,
        calls,
        stack_maps,
        stack_parts,
        stack_slots,
        tries,
        handlers,
        trampolines,
        places,
        records,
        images,
        facts,
    ] = parts;
    let bytes = place.shared(bytes).ok_or_else(damaged)?;
    let tables = Tables {
        funcs: place.shared(funcs).ok_or_else(damaged)?,
        traps: place.shared(traps).ok_or_else(damaged)?,
        calls: place.shared(calls).ok_or_else(damaged)?,
        stack_maps: place.shared(stack_maps).ok_or_else(damaged)?,
        stack_parts: place.shared(stack_parts).ok_or_else(damaged)?,
        stack_slots: place.shared(stack_slots).ok_or_else(damaged)?,
        tries: place.shared(tries).ok_or_else(damaged)?,
        handlers: place.shared(handlers).ok_or_else(damaged)?,
    };
    let trampolines: Shared<TrampolineCode> = place.shared(trampolines).ok_or_else(damaged)?;
    let places: Shared<u32> = place.shared(places).ok_or_else(damaged)?;
    let facts: Shared<u32> = place.shared(facts).filter(|f: &Shared<u32>| f.len() == FACTS).ok_or_else(damaged)?;
    let records: Shared<ImageRecord> = place.shared(records).ok_or_else(damaged)?;
    // Decoding the declarations is safe even if the bytes are damaged, and takes about as long as the check for damage.
    let (is_whole, decoded) = std::thread::scope(|scope| {
        let check = || is_whole(place.bytes());
        let thread = std::thread::Builder::new().name("wrt-check".into()).stack_size(THREAD_STACK);
        let checking = match place.bytes().len() >= PARALLEL_CHECK {
            true => without_signals(|| thread.spawn_scoped(scope, check)).ok(),
            false => None,
        };
        let decoded = decode::decode(&bytes, &engine.types, engine.config.features);
        (checking.map_or_else(check, |c| c.join().unwrap_or(false)), decoded)
    });
    if !is_whole {
        return Err(damaged());
    }
    check_features(engine, &facts)?;
    let info = decoded?.info;
    let sound = are_sound(&tables, &info, text.len)
        && saved_trampolines::are_sound(&info, trampoline_text.len, &trampolines, &places);
    if !sound {
        return Err(damaged());
    }
    let text = place.executable(text).map_err(|e| no_code("machine code", e))?;
    saved_trampolines::attach(&info, &places, || {
        Ok(TrampolineText::of(place.lasting(trampoline_text)?, trampolines[..].into(), engine.runtime.personality))
    });
    let images = match facts[0] & HAS_IMAGES {
        0 => Images::default(),
        _ => place_images(&place, &info, &records, images).unwrap_or_else(|| Images::new(&info, &bytes)),
    };
    place.close_unless(!records.is_empty());
    let source = Arc::new(Source { bytes, info, images });
    let linked = LinkedModule::of(&source, text, tables, facts[0] & USES_HEAP != 0);
    Ok(Module::of_linked(engine, source, linked))
}

/// An error if the bodies could use a feature that this engine does not support: they are not validated again.
fn check_features(engine: &Engine, facts: &[u32]) -> Result<()> {
    let saved_with = FeatureSet::from_bits(facts[1] as u64 | (facts[2] as u64) << 32);
    let beyond = saved_with.beyond(engine.config.features);
    if beyond.is_empty() {
        return Ok(());
    }
    let (s, is) = if beyond.len() > 1 { ("s", "are") } else { ("", "is") };
    Err(err!(
        Unsupported,
        "the module was saved with the feature{s} {}, which {is} off here (wrt_config_set_feature)",
        beyond.join(" and ")
    ))
}

/// Whether all offsets and indices in the tables are within what they refer to. The module's code has `text` bytes.
fn are_sound(tables: &Tables, info: &ModuleInfo, text: usize) -> bool {
    let slots = tables.stack_slots.len() as u64;
    let is_part = |(i, p): (usize, &StackPart)| {
        p.first as u64 + p.count as u64 <= slots && (p.below == NO_PART || (p.below as usize) < i)
    };
    let handlers = tables.handlers.len() as u64;
    let caught = |t: &TrySite| t.first as u64 + t.count as u64 <= handlers;
    tables.funcs.len() == info.bodies.len()
        && tables.funcs.iter().all(|f| f.start as u64 + f.len as u64 <= text as u64)
        && tables.stack_parts.iter().enumerate().all(is_part)
        && tables.stack_maps.iter().all(|m| (m.part as usize) < tables.stack_parts.len())
        && tables.tries.iter().all(caught)
        && tables.handlers.iter().all(|h| (h.at as u64) < text as u64)
        && tables.handlers.iter().all(|h| h.tag == CATCH_ALL || (h.tag as usize) < info.tags.len())
}

/// The images, used where they are stored. `None` if they do not fit this system's page size.
fn place_images(place: &Place<'_>, info: &ModuleInfo, records: &[ImageRecord], all: Part) -> Option<Images> {
    let mut by_memory: PrimaryMap<MemoryIndex, Option<Arc<Image>>> = info.memories.keys().map(|_| None).collect();
    let mut at = all.at;
    for r in records {
        let [start, len] = [r.start, r.len].map(|n| n as usize * UNIT);
        let part = Part { at, len };
        let memory = by_memory.get_mut(MemoryIndex::from_u32(r.memory)).filter(|_| at + len <= all.at + all.len)?;
        *memory = Some(Arc::new(Image::new(start, place.shared(part)?)?));
        at += len;
    }
    Some(Images { by_memory, complete: true })
}

/// Whether everything after the hash in the header is unchanged.
fn is_whole(saved: &[u8]) -> bool {
    let mut hasher = Xxh3Default::new();
    hasher.update(&saved[HASHED..]);
    saved[HASHED - 8..HASHED] == hasher.digest().to_le_bytes()
}

/// Checks that these bytes can be output of `save` under the same contract, and returns the places of the parts.
fn check(engine: &Engine, saved: &[u8]) -> Result<[Part; PARTS]> {
    if saved.len() < HEADER || saved[..8] != MAGIC {
        return Err(not_saved(saved));
    }
    let word = |i: usize| u64::from_le_bytes(saved[i * 8..i * 8 + 8].try_into().expect("eight bytes"));
    if word(1) != engine.compiler.contract().hash {
        return Err(other_contract(engine.compiler.contract(), word(3), word(4), std::array::from_fn(|i| word(5 + i))));
    }
    let mut parts = [Part { at: 0, len: 0 }; PARTS];
    for (i, part) in parts.iter_mut().enumerate() {
        let number = |n: u64| usize::try_from(n).ok().filter(|n| *n <= saved.len());
        let (at, len) = (number(word(FIRST_PART + 2 * i)), number(word(FIRST_PART + 1 + 2 * i)));
        let found = at.zip(len).filter(|(at, len)| at + len <= saved.len());
        let (at, len) = found.ok_or_else(|| err!(Malformed, "the saved module is damaged"))?;
        *part = Part { at, len };
    }
    Ok(parts)
}

/// The error for bytes that do not begin like a saved module of this version.
#[cold]
fn not_saved(bytes: &[u8]) -> Error {
    let format = MAGIC.len() - 1;
    if bytes.starts_with(b"\0asm") {
        err!(Malformed, "this is a WebAssembly binary, not a compiled module: use wrt_module_new")
    } else if bytes.starts_with(&MAGIC) {
        err!(Malformed, "the saved module is cut off after {} bytes", bytes.len())
    } else if bytes.len() > format && bytes.starts_with(&MAGIC[..format]) {
        let (found, own) = (bytes[format], MAGIC[format]);
        err!(
            Unsupported,
            "the module was saved by another version of wrt: its format is {found}, this version's is {own}"
        )
    } else if bytes.trim_ascii_start().starts_with(b"(") {
        err!(Malformed, "this is WebAssembly text, not a compiled module: use wrt_module_new")
    } else {
        err!(Malformed, "these bytes are not a compiled module, which wrt_module_save or wrt compile creates")
    }
}

/// The error for code that was compiled under another contract: names the difference.
#[cold]
fn other_contract(own: Contract, version: u64, processor: u64, settings: [u64; SETTINGS]) -> Error {
    let text = |v: u64| format!("{}.{}.{}", v >> 32, v >> 16 & 0xffff, v & 0xffff);
    let differences = own.settings.differences(settings);
    if version != own.version {
        err!(Unsupported, "the module was saved by wrt {}, this is {}", text(version), text(own.version))
    } else if !differences.is_empty() {
        err!(Unsupported, "the module was saved with {}", differences.join("; with "))
    } else if processor != own.processor {
        err!(Unsupported, "the module was saved for a processor with other features than this one's")
    } else {
        err!(Unsupported, "the module was saved by another build of this version, or its header is damaged")
    }
}
