use super::*;
use crate::abi::code::NO_TRAMPOLINE;
use crate::base::ErrorKind;
use crate::engine::code::registry::{self, CodeOwner};
use crate::engine::code::trampoline::{EntryInfo, Trampoline};
use crate::engine::engine::EngineConfig;
use crate::store::run::RUNTIME;
use crate::wasm::registry::DefType;

const CODES: usize = 11;
const PLACES: usize = 12;

/// Five types: four function types, which have three shapes, and one that is not a function type.
const WAT: &str = "(module (type $f (func (param i32) (result i64))) (type (struct)) (import \"\" \"\" (func (param externref)))
    (func (export \"a\") (type $f) (i64.const 1)) (func (export \"b\") (param anyref)) (type $unused (func (result f64))))";

fn engine() -> Arc<Engine> {
    Engine::new(EngineConfig::default(), &RUNTIME).unwrap()
}

fn saved() -> Vec<u8> {
    save(&Module::new(&engine(), &wat::parse_str(WAT).unwrap()).unwrap()).unwrap()
}

/// The offsets in the header of a part's place and length.
fn header_of(part: usize) -> [usize; 2] {
    [0, 1].map(|i| (FIRST_PART + 2 * part + i) * 8)
}

fn number(bytes: &[u8], at: usize) -> usize {
    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap()) as usize
}

fn part(bytes: &[u8], part: usize) -> std::ops::Range<usize> {
    let [at, len] = header_of(part).map(|word| number(bytes, word));
    at..at + len
}

/// Writes the hash that matches the bytes.
fn rehash(bytes: &mut [u8]) {
    let mut hasher = Xxh3Default::new();
    hasher.update(&bytes[HASHED..]);
    bytes[HASHED - 8..HASHED].copy_from_slice(&hasher.digest().to_le_bytes());
}

fn is_malformed(mut bytes: Vec<u8>, what: &str) {
    rehash(&mut bytes);
    let e = load(&engine(), &bytes).err().unwrap_or_else(|| panic!("{what} is not noticed"));
    assert_eq!((e.kind(), e.message()), (ErrorKind::Malformed, "the saved module is damaged"), "{what}");
}

fn kept(ty: &DefType) -> Option<Arc<Trampoline>> {
    ty.attached(|| Err(err!(Internal, "it has none"))).ok()
}

#[test]
fn types_bring_their_trampolines() {
    let bytes = saved();
    let engine = engine();
    let module = load(&engine, &bytes).unwrap();
    let types: Vec<DefType> = module.info().types.values().cloned().collect();
    for ty in &types {
        assert_eq!(kept(ty).is_some(), ty.func().is_some(), "{ty:?}");
        assert!(kept(ty).is_none_or(|t| t.ty == *ty.func().unwrap()));
    }
    // Trampolines outlive the module, and the next module with the same types uses them.
    let before = kept(&types[0]).unwrap();
    drop(module);
    let next = load(&engine, &bytes).unwrap();
    assert!(Arc::ptr_eq(&kept(next.info().types.values().next().unwrap()).unwrap(), &before));
    drop((next, types));
    let is_known = |pc: usize| registry::find(pc, |owner, _| matches!(owner, CodeOwner::Trampolines(_))) == Some(true);
    assert!(is_known(EntryInfo::of(&before).handler_pc));
}

#[test]
fn a_module_is_always_saved_alike() {
    let bytes = saved();
    assert!(saved() == bytes);
    // The same is true of a loaded module, whose types have trampolines already.
    assert!(save(&load(&engine(), &bytes).unwrap()).unwrap() == bytes);
}

#[test]
fn damaged_trampolines_are_noticed() {
    let good = saved();
    let (text, codes, places) = (part(&good, TRAMPOLINES), part(&good, CODES), part(&good, PLACES));
    let size = size_of::<TrampolineCode>();
    assert_eq!((codes.len(), places.len()), (3 * size, 5 * 4), "three shapes, five types");
    assert!(text.start.is_multiple_of(UNIT) && load(&engine(), &good).is_ok());
    let change = |at: usize, value: u32, what: &str| {
        let mut bytes = good.clone();
        bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
        is_malformed(bytes, what);
    };
    // Entry, exit, raw exit, end and handler of each trampoline, before and after their valid range.
    for code in 0..3 {
        for field in 0..5 {
            let at = codes.start + code * size + field * 4;
            change(at, u32::MAX, "an offset far away");
            change(at, text.len() as u32 + 1, "an offset behind the text");
            // The first entry is at 0 already, and a raw exit of 0 means that there is none.
            if number(&good, at) as u32 != 0 && field != 2 {
                change(at, 0, "an offset out of order");
            }
        }
    }
    let place = |n: usize| u32::from_le_bytes(good[places.start + n * 4..][..4].try_into().unwrap());
    // In the order of the module: $f, the structure, $unused, and the two with a reference.
    assert_eq!([0, 1, 2, 3, 4].map(place), [0, NO_TRAMPOLINE, 1, 2, 2]);
    for n in 0..5 {
        change(places.start + n * 4, 3, "a trampoline that is not there");
    }
    change(places.start + 4, 0, "a trampoline of a structure");
    change(places.start, 2, "a trampoline without a way for raw functions");
    change(places.start + 3 * 4, 0, "a way for raw functions with references");
    for (part, by, what) in [(PLACES, 4, "a type without a place"), (CODES, size, "a trampoline less")] {
        let mut bytes = good.clone();
        let at = header_of(part)[1];
        let len = (number(&good, at) - by) as u64;
        bytes[at..at + 8].copy_from_slice(&len.to_le_bytes());
        is_malformed(bytes, what);
    }
    // Types may have no trampoline.
    let mut bytes = good.clone();
    bytes[places.clone()].fill(0xff);
    rehash(&mut bytes);
    let module = load(&engine(), &bytes).unwrap();
    assert!(module.info().types.values().all(|ty| kept(ty).is_none()));
}
