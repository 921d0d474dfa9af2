//! The text format: translation to the binary format, and mapping of errors in the binary back to places in the text.

use super::mistaken::{first_keyword, mistaken};
use crate::base::{Error, ErrorKind, Part, Quoted, Result};
use crate::err;
use crate::sys::allocation::fatal;
use crate::sys::stack::on_large_stack;
use crate::wasm::decode::COMPONENT;
use crate::wasm::payloads::payloads;
use std::borrow::Cow;
use wasmparser::{Payload, WasmFeatures};
use wast::Wat;
use wast::core::{FuncKind, ModuleField, ModuleKind};
use wast::lexer::Lexer;
use wast::parser::{self, ParseBuffer};

/// The module in binary format: text is translated, a binary is returned unchanged. Anything else is rejected with a
/// message that says what it seems to be.
pub(super) fn binary(bytes: &[u8]) -> Result<Cow<'_, [u8]>> {
    if bytes.starts_with(b"\0asm") {
        return Ok(Cow::Borrowed(bytes));
    }
    match first_keyword(bytes) {
        None => Err(mistaken(bytes)),
        Some("component") => Err(Error::new(ErrorKind::Unsupported, COMPONENT)),
        Some(_) => {
            let text = std::str::from_utf8(bytes);
            let text = text.map_err(|e| err!(Malformed, "the text is not UTF-8 from byte {} on", e.valid_up_to()))?;
            text_to_binary("", text, "").map(Cow::Owned)
        }
    }
}

/// Translates a text, placed between two others, to the binary format. The parser is recursive, so it runs on a large
/// stack of its own, whatever stack the host has. Line numbers in errors are those of `text`: `before` consists of
/// whole lines.
pub(super) fn text_to_binary(before: &str, text: &str, after: &str) -> Result<Vec<u8>> {
    Part::Text.check()?;
    let all = [before, text, after].concat();
    let parse = || tokens(&all).and_then(|buffer| parser::parse::<Wat<'_>>(&buffer)?.encode());
    let parsed = fatal(|| on_large_stack(parse));
    let parsed = parsed.map_err(|e| err!(OutOfMemory, "no stack to parse on: {e}"))?;
    parsed.map_err(|e| {
        let (line, column) = e.span().linecol_in(&all);
        let rest = all.get(e.span().offset()..all.len() - after.len()).unwrap_or_default();
        let near = match rest.lines().next().unwrap_or_default().trim_end() {
            "" => "the end of the line".into(),
            excerpt => Quoted(excerpt).to_string(),
        };
        let message = format!("{}, at {near}", e.message());
        Error::new(ErrorKind::Malformed, placed(line + 1 - before.lines().count().min(line), column + 1, &message))
    })
}

/// Names and comments can contain any character, including those that change the direction of text.
fn tokens(text: &str) -> wast::parser::Result<ParseBuffer<'_>> {
    let mut lexer = Lexer::new(text);
    lexer.allow_confusing_unicode(true);
    ParseBuffer::new_with_lexer(lexer)
}

/// A message with its place in a text, counted from 1: `2:12: unknown operator`.
fn placed(line: usize, column: usize, message: &str) -> String {
    format!("{line}:{column}: {message}")
}

/// Adds the place in the text to an error that was found in the binary translated from `bytes`, if they are text and
/// the error concerns an instruction.
pub(super) fn place(error: Error, bytes: &[u8], binary: &[u8]) -> Error {
    let Some(offset) = error.offset().filter(|_| Part::Text.is_built() && !std::ptr::eq(bytes, binary)) else {
        return error;
    };
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    let found = on_large_stack(|| instruction_at(binary, offset).and_then(|(f, i)| line_of(text, f, i)));
    let Some((line, column)) = found.ok().flatten() else { return error };
    Error::new(error.kind(), placed(line, column, error.message())).at(offset)
}

/// The function with a body, and the instruction in it, that contain the byte at an offset.
fn instruction_at(binary: &[u8], offset: u64) -> Option<(usize, usize)> {
    let mut function = 0;
    for payload in payloads(binary, WasmFeatures::all()) {
        let Payload::CodeSectionEntry(body) = payload.ok()? else { continue };
        let range = body.range();
        if range.contains(&offset) {
            let operators = body.get_operators_reader().ok()?.into_iter_with_offsets();
            let before = operators.take_while(|o| o.as_ref().is_ok_and(|(_, at)| *at <= offset)).count();
            return Some((function, before.saturating_sub(1)));
        }
        function += 1;
    }
    None
}

/// Line and column, counted from 1, of an instruction. The function's final `end` has no place in the text; the
/// function's own is returned for it.
fn line_of(text: &str, function: usize, instruction: usize) -> Option<(usize, usize)> {
    let mut buffer = tokens(text).ok()?;
    buffer.track_instr_spans(true);
    let Wat::Module(module) = parser::parse::<Wat<'_>>(&buffer).ok()? else { return None };
    let ModuleKind::Text(fields) = module.kind else { return None };
    let mut functions = fields.iter().filter_map(|field| match field {
        ModuleField::Func(func) => match &func.kind {
            FuncKind::Inline { expression, .. } => Some((func.span, expression)),
            FuncKind::Import(..) => None,
        },
        _ => None,
    });
    let (start, code) = functions.nth(function)?;
    let spans = code.instr_spans.as_deref().unwrap_or_default();
    let (line, column) = spans.get(instruction).copied().unwrap_or(start).linecol_in(text);
    Some((line + 1, column + 1))
}
