//! Generates the C header from the Rust items, and sets the SONAME of the shared library.

use std::env;
use std::fmt::Write;
use std::path::Path;

use anyhow::Context;

// The trap table, for the header's constants.
#[allow(dead_code)]
#[path = "src/base/trap.rs"]
mod trap;

fn main() -> anyhow::Result<()> {
    println!("cargo:rerun-if-changed=src/capi");
    println!("cargo:rerun-if-changed=src/base");
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libwrt.so.0");
    // The library's signal handlers and threads may still run after the host has closed it, so it is never unloaded.
    println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");

    let out = Path::new(&env::var("OUT_DIR")?).join("wrt.h");
    let root = env::var("CARGO_MANIFEST_DIR")?;
    let mut config = cbindgen::Config {
        language: cbindgen::Language::C,
        include_guard: Some("WRT_H".into()),
        cpp_compat: true,
        documentation_style: cbindgen::DocumentationStyle::C99,
        style: cbindgen::Style::Type,
        usize_is_size_t: true,
        line_length: 110,
        tab_width: 4,
        header: Some(HEADER.into()),
        after_includes: Some(format!("{MUST_USE}\n{}", traps())),
        sys_includes: ["stdbool.h", "stddef.h", "stdint.h"].map(String::from).to_vec(),
        no_includes: true,
        ..Default::default()
    };
    config.layout.aligned_n = Some("WRT_ALIGNED".into());
    config.export.include = vec!["ErrorKind".into()];
    config.export.rename.insert("ErrorKind".into(), "wrt_error_kind_t".into());
    // A byte that may have any value. The header shows it as the type that C callers pass.
    config.export.rename.insert("wrt_bool".into(), "bool".into());
    config.export.exclude = vec!["wrt_bool".into()];
    config.enumeration.rename_variants = cbindgen::RenameRule::ScreamingSnakeCase;
    config.enumeration.enum_class = false;
    let mut builder = cbindgen::Builder::new().with_config(config);
    let folder = Path::new(&root).join("src/capi");
    let mut sources: Vec<_> = std::fs::read_dir(&folder)
        .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>())
        .with_context(|| format!("listing {}", folder.display()))?
        .into_iter()
        // Without mod.rs: cbindgen would follow it and read every other file twice.
        .filter(|path| path.extension().is_some_and(|e| e == "rs") && path.file_name().is_some_and(|n| n != "mod.rs"))
        .collect();
    sources.sort();
    for source in sources {
        builder = builder.with_src(source);
    }
    builder = builder.with_src(Path::new(&root).join("src/base/error.rs"));
    let mut header = Vec::new();
    builder.generate().context("reading the C API")?.write(&mut header);
    let header = String::from_utf8(header)?;
    std::fs::write(&out, polish(&header)).with_context(|| format!("writing {}", out.display()))?;
    Ok(())
}

/// Adds the prefix to the error kinds, and marks the functions whose returned error must be used.
fn polish(header: &str) -> String {
    let mut out = String::new();
    let mut in_kinds = false;
    for line in header.lines() {
        in_kinds = (in_kinds || line.contains("enum wrt_error_kind_t")) && !line.starts_with('}');
        let variant = line.trim_start();
        if in_kinds && variant.starts_with(|c: char| c.is_ascii_uppercase()) {
            let _ = writeln!(out, "    WRT_ERROR_KIND_{variant}");
        } else if line.starts_with("wrt_error_t *wrt_") && !line.starts_with("wrt_error_t *wrt_error_new") {
            let _ = writeln!(out, "WRT_MUST_USE {line}");
        } else {
            let _ = writeln!(out, "{line}");
        }
    }
    out
}

/// Returns the definitions of a constant for each trap.
fn traps() -> String {
    let mut out = String::from("/* Trap codes (wrt_error_trap_code). Codes are never changed, only added. */\n");
    for t in (0..=u8::MAX).filter_map(trap::Trap::from_u8) {
        let name = format!("{t:?}");
        let mut upper = String::new();
        for (i, c) in name.chars().enumerate() {
            if c.is_ascii_uppercase() && i > 0 {
                upper.push('_');
            }
            upper.push(c.to_ascii_uppercase());
        }
        let _ = writeln!(out, "/* {} */\n#define WRT_TRAP_{upper} {}", t.text(), t as u8);
    }
    out
}

const MUST_USE: &str = "\
#if defined(__GNUC__)
#define WRT_MUST_USE __attribute__((warn_unused_result))
#define WRT_ALIGNED(n) __attribute__((aligned(n)))
#else
#define WRT_MUST_USE
#define WRT_ALIGNED(n)
#endif
";

const HEADER: &str = "\
/* wrt: a WebAssembly engine to embed in other programs.
 *
 * This file is generated from the Rust sources (make headers); do not edit it.
 *
 * Conventions. The comment of a function says where it deviates from them.
 * - `const T *` parameters are borrowed for the duration of the call.
 * - take_* parameters transfer ownership to the library: the caller's slot becomes the empty value, whether the call
 *   succeeds or fails. But a value of another store stays in its slot, and so do all values if the store itself cannot
 *   be used (for example because it is NULL, or another thread is using it).
 * - out_* parameters receive results. They are always written: with the result on success, with zeros on failure.
 * - A function that can fail returns NULL on success, or an error that the caller owns (wrt_error_delete). Comments name
 *   the kinds of errors in backticks: `not found` is WRT_ERROR_KIND_NOT_FOUND.
 * - The caller owns a pointer if the comment of the function says so (*_new, *_clone, *_parse, *_load and some others),
 *   and passes it to the *_delete function of its type, which accepts NULL. All other pointers are borrowed from the
 *   first argument.
 * - Handles (wrt_func_t, wrt_instance_t, ...) are plain values that own nothing; every use checks them.
 * - References (wrt_ref_t) keep their object alive until they are released or their scope ends; later uses are errors.
 *   Every callback has its own scope.
 * - Invalid arguments do not end the process: NULL, handles that are stale or of another store, and values of the wrong
 *   kind are errors. Pointers themselves must be valid, and the *_raw functions do not check all values.
 * - Engines, modules and types can be shared between threads; a store and its handles are used by one thread at a time.
 */";
