//! The text format: translated to the binary one, and where in the text an error of the binary is.

use crate::base::{Error, Result};
use crate::err;
use crate::sys::stack::on_large_stack;
use std::borrow::Cow;
use wasmparser::{Parser, Payload};
use wast::Wat;
use wast::core::{FuncKind, ModuleField, ModuleKind};
use wast::parser::{self, ParseBuffer};

/// Text is translated, binary goes through.
pub(super) fn binary(bytes: &[u8]) -> Result<Cow<'_, [u8]>> {
    if bytes.starts_with(b"\0asm") || bytes.is_empty() {
        return Ok(Cow::Borrowed(bytes));
    }
    // Bytes that look like neither are reported as a bad binary, which is more likely.
    match std::str::from_utf8(bytes) {
        Ok(text) if text.contains('(') => text_to_binary("", text, "").map(Cow::Owned),
        _ => Ok(Cow::Borrowed(bytes)),
    }
}

/// The binary of a text between two others. The parser recurses, whatever stack the host has. Lines in errors are those of the text: what stands before it are whole lines.
pub(super) fn text_to_binary(before: &str, text: &str, behind: &str) -> Result<Vec<u8>> {
    let lines = before.lines().count();
    let all = [before, text, behind].concat();
    let parsed = on_large_stack(|| wat::parse_str(all));
    let parsed = parsed.map_err(|e| err!(OutOfMemory, "no stack to parse on: {e}"))?;
    parsed.map_err(|e| err!(Malformed, "{}", one_line(&e.to_string(), lines)))
}

/// The text parser's message and position, without its picture of the source.
fn one_line(message: &str, lines_before: usize) -> String {
    let mut lines = message.lines();
    let first = lines.next().unwrap_or_default();
    let place = lines.next().and_then(|l| l.trim().strip_prefix("--> "));
    match place.and_then(|p| p.trim_start_matches("<anon>:").split_once(':')) {
        Some((line, column)) => {
            let line = line.parse::<usize>().map_or(0, |l| l.saturating_sub(lines_before));
            format!("{first} at {line}:{column}")
        }
        None => first.to_string(),
    }
}

/// An error of the binary that `bytes` stand for. If they are text, and it is about an instruction, the message says where.
pub(super) fn place(error: Error, bytes: &[u8], binary: &[u8]) -> Error {
    let Some(offset) = error.offset().filter(|_| !std::ptr::eq(bytes, binary)) else { return error };
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    let found = on_large_stack(|| instruction_at(binary, offset).and_then(|(f, i)| line_of(text, f, i)));
    let Some((line, column)) = found.ok().flatten() else { return error };
    Error::new(error.kind(), format!("{} at {line}:{column}", error.message())).at(offset)
}

/// Which of the module's own functions, and which instruction of it, has the byte at an offset.
fn instruction_at(binary: &[u8], offset: u64) -> Option<(usize, usize)> {
    let mut function = 0;
    for payload in Parser::new(0).parse_all(binary) {
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

/// Line and column, from 1 on, of an instruction; of the function where its end is meant, which has no place in the text.
fn line_of(text: &str, function: usize, instruction: usize) -> Option<(usize, usize)> {
    let mut buffer = ParseBuffer::new(text).ok()?;
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
