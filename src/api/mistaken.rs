//! Error messages for bytes that are not a module but something commonly passed by mistake: what it is, and what to do.

use crate::base::{Error, ErrorKind, Quoted};
use crate::err;
use wast::lexer::{Lexer, TokenKind};

const FOR_WASM: &str = "compile it for a WebAssembly target, such as wasm32-wasip1";
const UNPACK: &str = "unpack it first";
/// The first bytes of every saved module.
const SAVED: &[u8] = b"\0wrtmod";

/// The first bytes of a file, what it is, and what to do.
const KNOWN: [(&[u8], &str, &str); 14] = [
    (SAVED, "a compiled module", "load it by wrt_module_load, or from a file by wrt_module_load_file"),
    (b"\x7fELF", "a native program (ELF)", FOR_WASM),
    (b"MZ", "a native program for Windows", FOR_WASM),
    (b"\xcf\xfa\xed\xfe", "a native program for macOS", FOR_WASM),
    (b"!<arch>", "an archive of object files", "link it into a module first (wasm-ld)"),
    (b"BC\xc0\xde", "LLVM bitcode", FOR_WASM),
    (b"\x1f\x8b", "compressed with gzip", UNPACK),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd", UNPACK),
    (b"\x04\x22\x4d\x18", "compressed with lz4", UNPACK),
    (b"PK\x03\x04", "a zip archive", UNPACK),
    (b"version https://git-lfs", "a Git LFS pointer, not the file itself", "fetch it: git lfs pull"),
    (b"#!", "a script", "give the module that it runs"),
    (b"<", "HTML or XML", "a download that failed often leaves such a page"),
    (b"{", "JSON, it seems", "give the module itself"),
];

/// The keyword after the first parenthesis of a text, such as "module". `None` if the bytes do not begin with a
/// parenthesis; empty if no keyword follows it.
pub(super) fn first_keyword(bytes: &[u8]) -> Option<&str> {
    // What follows invalid UTF-8 may still be worth an error message of the text parser.
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(e) => std::str::from_utf8(&bytes[..e.valid_up_to()]).unwrap_or_default(),
    };
    let mut lexer = Lexer::new(text);
    lexer.allow_confusing_unicode(true);
    let blank = |kind| matches!(kind, TokenKind::Whitespace | TokenKind::BlockComment | TokenKind::LineComment);
    let mut tokens = lexer.iter(0).map_while(|t| t.ok()).filter(|t| !blank(t.kind));
    tokens.next().filter(|t| t.kind == TokenKind::LParen)?;
    let second = tokens.next().filter(|t| t.kind == TokenKind::Keyword);
    Some(second.map_or("", |t| t.src(text)))
}

/// The error for bytes that begin neither as a binary module nor as text.
#[cold]
pub(super) fn mistaken(bytes: &[u8]) -> Error {
    if bytes.is_empty() {
        return Error::new(ErrorKind::Malformed, "there are no bytes: an empty file, or an empty buffer, is no module");
    }
    if let Some((_, what, advice)) = KNOWN.iter().find(|(start, ..)| bytes.starts_with(start)) {
        return err!(Malformed, "this is not a WebAssembly module: it is {what}; {advice}");
    }
    if let Some(path) = as_path(bytes) {
        return err!(Malformed, "{} looks like a file's path, not like a module: read the file first", Quoted(path));
    }
    let first: Vec<String> = bytes.iter().take(8).map(|b| format!("{b:02x}")).collect();
    err!(
        Malformed,
        "this is not a WebAssembly module: a binary begins with 00 61 73 6d, a text with \"(\"; this begins with {}",
        first.join(" ")
    )
}

/// The bytes as a path, if they look like one: one line that contains a slash or ends like the name of a module file.
fn as_path(bytes: &[u8]) -> Option<&str> {
    const ENDS: [&str; 4] = [".wasm", ".wat", ".cwasm", ".wast"];
    let text = std::str::from_utf8(bytes).ok().filter(|t| t.len() <= libc::PATH_MAX as usize)?;
    let text = text.trim_end_matches(['\0', '\n']);
    let is_word = !text.chars().any(char::is_control);
    (is_word && (text.contains('/') || ENDS.iter().any(|end| text.ends_with(end)))).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_are_named() {
        let cases: [(&[u8], &str); 12] = [
            (b"", "no bytes"),
            (b"\0wrtmod\x05...", "a compiled module; load it by wrt_module_load"),
            (b"\x7fELF\x02\x01", "a native program (ELF)"),
            (b"\x1f\x8b\x08", "compressed with gzip; unpack it"),
            (b"<!DOCTYPE html>", "HTML or XML"),
            (b"plugin.wasm", "\"plugin.wasm\" looks like a file's path"),
            (b"/tmp/a b.cwasm\0", "\"/tmp/a b.cwasm\" looks like a file's path"),
            (b"./x", "looks like a file's path"),
            (b"garbage", "this begins with 67 61 72 62 61 67 65"),
            (b"\0as", "this begins with 00 61 73"),
            (b"\xff\xfe(module)", "this begins with ff fe 28"),
            (b"a\n/b", "this begins with 61 0a 2f 62"),
        ];
        for (bytes, said) in cases {
            let e = mistaken(bytes);
            assert!(e.kind() == ErrorKind::Malformed && e.message().contains(said), "{bytes:?}: {e}");
        }
    }

    #[test]
    fn texts_begin_with_a_parenthesis() {
        let cases: [(&[u8], Option<&str>); 8] = [
            (b"(module)", Some("module")),
            (b" ;; a comment\n(; and (; one ;) ;)\t(component", Some("component")),
            (b"(\"x\")", Some("")),
            (b"(module \xff)", Some("module")),
            (b"module", None),
            (b"", None),
            (b"plugin.wasm (", None),
            ("(;\u{202e};)(func)".as_bytes(), Some("func")),
        ];
        for (bytes, first) in cases {
            assert_eq!(first_keyword(bytes), first, "{bytes:?}");
        }
    }
}
