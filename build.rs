//! Makes the C header from the Rust items, and names the shared library.

use std::env;
use std::fmt::Write;
use std::path::Path;

use anyhow::Context;

// The rows of the trap table, to name them in the header.
#[allow(dead_code)]
#[path = "src/base/trap.rs"]
mod trap;

fn main() -> anyhow::Result<()> {
    println!("cargo:rerun-if-changed=src/capi");
    println!("cargo:rerun-if-changed=src/base");
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libwrt.so.0");
    // Handlers and threads may be ours when the host thinks it is done: the library stays.
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
    // Of one byte that may have any value; C writes it as what it is meant to be.
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
        // Not the folder's root: with it, every function would be there twice.
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

/// Variants of the error kinds carry their prefix, and functions that give an error must be looked at.
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

/// A constant for every trap.
fn traps() -> String {
    let mut out = String::from("/* Why WebAssembly trapped: wrt_error_trap_code. Append only. */\n");
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
/* wrt: a WebAssembly engine that lives inside other people's programs.
 *
 * This file is made from the Rust sources (make headers); do not edit it.
 *
 * Conventions
 * - `const T *` is borrowed for the time of the call, unless the text says otherwise.
 * - Parameters named take_* are taken: the caller's slot becomes the empty value, whether the call succeeds or not; only
 *   a value of another store stays where it is.
 * - Outputs are named out_*; they are always written: the result, or zeros on failure.
 * - A fallible function returns NULL, or an error object that the caller owns (wrt_error_delete).
 * - An owned pointer comes from a *_new, *_clone, *_parse or *_load; it goes to its *_delete, which takes NULL. Other
 *   pointers are borrowed from the first argument.
 * - Handles (wrt_func_t, wrt_instance_t, ...) are plain values that own nothing; every use checks them.
 * - References to objects (wrt_ref_t) keep their object alive until their scope ends or they are released; later uses are
 *   errors. Every callback has a scope of its own.
 * - No input aborts the process: NULL, foreign or stale handles, wrong kinds are errors.
 * - Engines, modules and types may be shared between threads; a store and its handles are used by one thread at a time.
 */";
