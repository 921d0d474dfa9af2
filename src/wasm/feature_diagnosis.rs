//! Why a module is rejected: a proposal that is off or not supported, which one and where; or a problem of the module
//! itself, which is malformed, too large, or invalid. To find out, the module is validated again with other feature
//! sets and read without validation, but only after a failure. Nothing is concluded from the text of an error, because
//! it can contain names of the module.

use super::features::{FEATURES, Feature, FeatureSet, Status};
use super::form;
use super::mnemonic::mnemonic;
use super::payloads::payloads;
use crate::base::{Error, ErrorKind};
use crate::sys::valgrind;
use wasmparser::{FunctionBody, Payload, TypeRef, Validator, WasmFeatures as Flags};

/// The error of a module that was rejected under a feature set. The kind is `Unsupported`, with the names of the
/// proposals and the first place that needs one, if the module would be valid with more of them; `Malformed` if it
/// cannot be read; `Limit` if it has too much of something. Otherwise it is the same error, with the place in words.
#[cold]
pub fn explain(error: Error, bytes: &[u8], set: FeatureSet) -> Error {
    let refused = matches!(error.kind(), ErrorKind::Malformed | ErrorKind::InvalidModule);
    if !refused {
        return error;
    }
    let Some((offset, wanted)) = wanted(bytes, set.flags()) else {
        return form::check(bytes, set.flags()).err().unwrap_or_else(|| placed(error, bytes));
    };
    let names = |missing: bool| -> Vec<&str> {
        wanted.iter().filter(|f| (f.status == Status::Missing) == missing).map(|f| f.name()).collect()
    };
    let (missing, off) = (names(true), names(false));
    let mut parts = Vec::new();
    if !missing.is_empty() {
        parts.push(format!("{}, which wrt does not have", missing.join(" and ")));
    }
    if !off.is_empty() {
        let (s, is) = if off.len() > 1 { ("s", "are") } else { ("", "is") };
        parts.push(format!("the feature{s} {}, which {is} off", off.join(" and ")));
    }
    let message = format!("needs {} ({})", parts.join("; and "), place(bytes, offset));
    Error::new(ErrorKind::Unsupported, message).at(offset)
}

/// The same error, with the place in words.
fn placed(error: Error, bytes: &[u8]) -> Error {
    let Some(offset) = error.offset() else { return error };
    Error::new(error.kind(), format!("{} ({})", error.message(), place(bytes, offset))).at(offset)
}

/// The features that a validator with these flags needs to accept the module, and the offset of the first error without
/// them. `None` if no features help.
fn wanted(bytes: &[u8], mut flags: Flags) -> Option<(u64, Vec<&'static Feature>)> {
    const ALL: &[Feature] = &FEATURES;
    let mut error = first_error(bytes, flags)?;
    let everything = ALL.iter().fold(flags, |all, f| all | f.flags());
    if first_error(bytes, everything).is_some() {
        return None;
    }
    let (start, offset) = (flags, error.offset());
    let mut added: Vec<&Feature> = Vec::new();
    loop {
        // Most errors report which feature is missing; for the others, every feature is tried.
        let hint = error.missing_wasm_feature().unwrap_or(Flags::empty());
        let absent = || ALL.iter().filter(|f| !f.is_within(flags));
        let hinted = absent().find(|f| f.gives(hint));
        let feature = hinted.or_else(|| absent().find(|f| helps(bytes, flags | f.all_flags(), &error)))?;
        flags |= feature.all_flags();
        added.push(feature);
        match first_error(bytes, flags) {
            None => break,
            Some(next) => error = next,
        }
    }
    // Remove features that turned out not to be needed, and those that another one implies.
    let without = |skipped: usize, of: &[&Feature]| {
        of.iter().enumerate().filter(|(i, _)| *i != skipped).fold(start, |all, (_, f)| all | f.all_flags())
    };
    let mut i = 0;
    while added.len() > 1 && i < added.len() {
        match first_error(bytes, without(i, &added)) {
            None => drop(added.remove(i)),
            Some(_) => i += 1,
        }
    }
    Some((offset, added))
}

/// Whether validation gets past an error, or reports a different one: the error that is found first is not always the
/// first in the module. The same error has the same text, whatever names it contains.
fn helps(bytes: &[u8], flags: Flags, error: &wasmparser::Error) -> bool {
    first_error(bytes, flags).is_none_or(|e| e.offset() > error.offset() || e.message() != error.message())
}

fn first_error(bytes: &[u8], flags: Flags) -> Option<wasmparser::Error> {
    valgrind::unreported(|| Validator::new_with_features(flags).validate_all(bytes).err())
}

/// Describes an offset in words.
fn place(bytes: &[u8], offset: u64) -> String {
    let (mut section, mut function, mut end) = ("header", 0, 8);
    for payload in payloads(bytes, Flags::all()) {
        let Ok(payload) = payload else { break };
        if let Payload::CodeSectionEntry(body) = &payload {
            if body.range().contains(&offset) {
                return in_function(body, function, offset);
            }
            function += 1;
            continue;
        }
        if let Payload::ImportSection(imports) = &payload {
            let imports = imports.clone().into_imports().flatten();
            function += imports.filter(|i| matches!(i.ty, TypeRef::Func(_) | TypeRef::FuncExact(_))).count();
        }
        let Some((id, range)) = payload.as_section() else { continue };
        // The bytes before a section's contents, its id and its size, belong to the section.
        if end <= offset {
            section = section_name(id);
        }
        end = range.end;
    }
    format!("in the {section}")
}

fn in_function(body: &FunctionBody<'_>, function: usize, offset: u64) -> String {
    let operators = body.get_operators_reader().into_iter().flat_map(|r| r.into_iter_with_offsets()).flatten();
    match operators.take_while(|(_, at)| *at <= offset).last() {
        Some((op, _)) => format!("{} in function {function}", mnemonic(&op)),
        None => format!("a local of function {function}"),
    }
}

fn section_name(id: u8) -> &'static str {
    const NAMES: [&str; 14] = [
        "custom section",
        "type section",
        "import section",
        "function section",
        "table section",
        "memory section",
        "global section",
        "export section",
        "start section",
        "element section",
        "code section",
        "data section",
        "data count section",
        "tag section",
    ];
    NAMES.get(id as usize).copied().unwrap_or("header")
}
