//! Trampolines in saved modules, so that nothing is compiled for calls in either direction: of every function type that the module
//! declares, since each may be the type of a function that the host calls, or makes. Types of one shape share one.

use crate::abi::code::{NO_TRAMPOLINE, TrampolineCode, Trampolines};
use crate::base::Result;
use crate::engine::code::no_code::no_code;
use crate::engine::code::trampoline::{Trampoline, TrampolineText};
use crate::engine::engine::Engine;
use crate::wasm::module::ModuleInfo;
use crate::wasm::registry::DefType;
use std::io;
use std::sync::Arc;

/// The trampolines of a module's types, and by type index which is whose.
pub fn make(engine: &Engine, info: &ModuleInfo) -> Result<(Trampolines, Vec<u32>)> {
    let types = info.types.values().map(|ty| ty.func().map(|func| &**func));
    let (made, places) = engine.compiler.trampolines(types)?;
    // Not to compile them again when the module is used.
    attach(info, &places, || TrampolineText::new(made.clone(), engine.runtime.personality));
    Ok((made, places))
}

/// Whether these can be what `make` gave: functions one behind the other in `len` bytes of text, and one trampoline for each function
/// type at most, with a way for raw functions where the type has one.
pub fn are_sound(info: &ModuleInfo, len: usize, codes: &[TrampolineCode], places: &[u32]) -> bool {
    let mut end = 0;
    let in_order = codes.iter().all(|c| {
        let is_behind = std::mem::replace(&mut end, c.end) <= c.entry;
        let has_raw = c.raw_exit != 0;
        let functions = [Some(c.entry), Some(c.handler), Some(c.exit), has_raw.then_some(c.raw_exit), Some(c.end)];
        is_behind && functions.into_iter().flatten().is_sorted_by(|a, b| a < b)
    });
    let fits = |(ty, place): (&DefType, &u32)| match (ty.func(), codes.get(*place as usize)) {
        _ if *place == NO_TRAMPOLINE => true,
        (Some(func), Some(code)) => func.has_references() == (code.raw_exit == 0),
        _ => false,
    };
    in_order && end as usize <= len && places.len() == info.types.len() && info.types.values().zip(places).all(fits)
}

/// Keeps trampolines with the types that have none yet, from what `text` gives, which is asked once at most. Where it has nothing to
/// give, those that are needed will be compiled.
pub fn attach(info: &ModuleInfo, places: &[u32], text: impl Fn() -> io::Result<Arc<TrampolineText>>) {
    let mut known = None;
    for (ty, place) in info.types.values().zip(places) {
        let Some(func) = ty.func().filter(|_| *place != NO_TRAMPOLINE) else { continue };
        let attached = ty.attached(|| {
            let text = match &known {
                Some(text) => text,
                None => known.insert(text().map_err(|e| no_code("trampolines", e))?),
            };
            Ok(Trampoline::new(text, *place as usize, func))
        });
        if attached.is_err() {
            return;
        }
    }
}
