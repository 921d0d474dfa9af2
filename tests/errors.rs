//! Errors: the kind of error for each rejected module, whatever its names are; and every message is one line of bounded length that names
//! its subject.

use wasm_encoder as enc;
use wrt::api::*;

/// The maximum length of a message in bytes, without the offset after it.
const MOST: usize = 1000;

fn engine() -> Engine {
    Engine::new(&Config::new()).unwrap()
}

fn refused(bytes: &[u8]) -> Error {
    Module::new(&engine(), bytes).err().expect("is refused")
}

fn is_one_line(e: &Error) {
    let m = e.message();
    let is_plain =
        m.chars().all(|c| !c.is_control() && !matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'));
    assert!(is_plain && !m.is_empty() && m.len() <= MOST && e.to_string().len() <= MOST + 40, "{} bytes: {m}", m.len());
}

/// Names that contain line breaks, are very long, end strings, or look like parts of messages.
fn nasty_names() -> Vec<String> {
    let mut names: Vec<String> =
        ["", "a\nb", "a\0b", "\u{1b}[31mred", "\u{202e}abc", "\u{2028}", "\"quoted\" \\ 'x'", "\u{1f600}"]
            .map(String::from)
            .into();
    names.extend(WORDS.map(String::from));
    names.push("x".repeat(90_000));
    names.push("\n".repeat(1000));
    names
}

/// Words that the decoder's messages contain.
const WORDS: [&str; 16] = [
    "magic",
    "malformed",
    "trailing",
    "unexpected end",
    "inconsistent lengths",
    "out of order",
    "data count",
    "invalid leading byte",
    "integer representation too long",
    "length out of bounds",
    "illegal opcode",
    "zero byte expected",
    "string size out of bounds",
    "count exceeds limit of 100",
    "function params size is out of bounds",
    "needs the feature simd, which is off",
];

fn with_exports(names: &[&str]) -> Vec<u8> {
    let mut module = enc::Module::new();
    let (mut types, mut funcs, mut exports, mut code) =
        (enc::TypeSection::new(), enc::FunctionSection::new(), enc::ExportSection::new(), enc::CodeSection::new());
    types.ty().function([], []);
    funcs.function(0);
    for name in names {
        exports.export(name, enc::ExportKind::Func, 0);
    }
    code.function(enc::Function::new([]).instruction(&enc::Instruction::End));
    module.section(&types).section(&funcs).section(&exports).section(&code);
    module.finish()
}

/// Regression: `wasm::decode` determined kinds by words of the message, which contains names.
#[test]
fn names_do_not_change_the_kind() {
    for name in nasty_names() {
        let e = refused(&with_exports(&[&name, &name]));
        assert_eq!(e.kind(), ErrorKind::InvalidModule, "{name:.50}: {e}");
        is_one_line(&e);
        let mut cut = with_exports(&[&name]);
        cut.pop();
        let e = refused(&cut);
        assert_eq!(e.kind(), ErrorKind::Malformed, "{name:.50}: {e}");
        is_one_line(&e);
    }
}

#[test]
fn names_do_not_change_which_feature_is_missing() {
    let off = Engine::new(&Config::new().feature("multi-memory", false).unwrap()).unwrap();
    for name in nasty_names().iter().filter(|n| n.len() < 1000) {
        let module = |valid: bool| {
            let name: String = name.bytes().map(|b| format!("\\{b:02x}")).collect();
            let twice = if valid { String::new() } else { format!("(export \"{name}\" (memory 1))") };
            format!("(module (memory 1) (memory 1) (export \"{name}\" (memory 0)) {twice})")
        };
        let e = Module::new(&off, module(true).as_bytes()).err().unwrap();
        let said = "needs the feature multi-memory, which is off (in the memory section)";
        assert_eq!((e.kind(), e.message()), (ErrorKind::Unsupported, said));
        let e = Module::new(&off, module(false).as_bytes()).err().unwrap();
        assert_eq!(e.kind(), ErrorKind::InvalidModule, "{name:?}: {e}");
    }
}

/// A binary with a header and sections, each given as a number and its contents.
fn binary(sections: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = b"\0asm\x01\0\0\0".to_vec();
    for (id, content) in sections {
        bytes.push(*id);
        bytes.extend(leb(content.len()));
        bytes.extend(content);
    }
    bytes
}

fn leb(mut n: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while n >= 0x80 {
        bytes.push(n as u8 | 0x80);
        n >>= 7;
    }
    bytes.push(n as u8);
    bytes
}

/// A list of `n` equal items.
fn list(n: usize, item: &[u8]) -> Vec<u8> {
    [leb(n), item.repeat(n)].concat()
}

fn body(content: &[u8]) -> Vec<u8> {
    [leb(content.len()), content.to_vec()].concat()
}

/// A module with one function of type `() -> ()` and this body.
fn with_body(content: &[u8]) -> Vec<u8> {
    let code = [leb(1), body(content)].concat();
    binary(&[(1, vec![1, 0x60, 0, 0]), (3, vec![1, 0]), (10, code)])
}

/// A module that is well-formed but exceeds a limit of the library is of kind `limit`; at the limit it is accepted.
#[test]
fn too_much_is_a_limit() {
    let memory = [0, 0];
    let table = [0x70, 0, 0];
    let func_type = |params: usize| [vec![1, 0x60], list(params, &[0x7f]), vec![0]].concat();
    let structure = |fields: usize| [vec![1, 0x5f], list(fields, &[0x7f, 0])].concat();
    let locals = |n: usize| with_body(&[vec![1], leb(n), vec![0x7f, 0x0b]].concat());
    let size = |n: usize| with_body(&[vec![0], vec![1; n - 2], vec![0x0b]].concat());
    let name = |n: usize| binary(&[(5, list(1, &memory)), (7, [leb(1), leb(n), vec![b'x'; n], vec![2, 0]].concat())]);
    let chain = |n: u8| {
        let below = |i: u8| vec![0x50, 1, i, 0x5f, 0];
        let types: Vec<u8> = (0..n).flat_map(below).collect();
        binary(&[(1, [leb(n as usize + 1), vec![0x50, 0, 0x5f, 0], types].concat())])
    };
    let cases: [(&str, Vec<u8>, Vec<u8>); 9] = [
        ("memories", binary(&[(5, list(100, &memory))]), binary(&[(5, list(101, &memory))])),
        ("tables", binary(&[(4, list(100_000, &table))]), binary(&[(4, list(100_001, &table))])),
        ("globals", Vec::new(), binary(&[(6, list(1_000_001, &[0x7f, 0, 0x41, 0, 0x0b]))])),
        ("params", binary(&[(1, func_type(1000))]), binary(&[(1, func_type(1001))])),
        ("fields", binary(&[(1, structure(10_000))]), binary(&[(1, structure(10_001))])),
        ("locals", locals(50_000), locals(50_001)),
        ("bytes in one function", Vec::new(), size(7_654_322)),
        ("string size", name(100_000), name(100_001)),
        ("types above", chain(63), chain(64)),
    ];
    let engine = engine();
    for (what, fits, beyond) in cases {
        if !fits.is_empty() {
            Module::validate(&engine, &fits).unwrap_or_else(|e| panic!("{what}: {e}"));
        }
        let e = Module::validate(&engine, &beyond).unwrap_err();
        assert!(e.kind() == ErrorKind::Limit && e.message().contains(what), "{what}: {e:?}");
        assert!(e.offset().is_some(), "{what}: {e}");
    }
}

/// A count beyond a limit is malformed if the remaining bytes are too few for it.
#[test]
fn counts_without_items_are_malformed() {
    let huge = leb(0x7fff_ffff);
    let cases = [
        binary(&[(1, [vec![1, 0x60], huge.clone(), vec![0x7f; 9]].concat())]),
        binary(&[(7, [vec![1], huge.clone(), vec![b'x'; 9]].concat())]),
        binary(&[(5, huge)]),
        // 64-bit sum of locals beyond 32 bits (Wasm 3.0, 5.5.14).
        with_body(&[2, 0xff, 0xff, 0xff, 0xff, 0xf, 0x7f, 1, 0x7f, 0x0b]),
        // Exceeds the limit, and is then cut off.
        [binary(&[(5, list(101, &[0, 0]))]), vec![7, 100]].concat(),
    ];
    for bytes in cases {
        let e = refused(&bytes);
        assert_eq!(e.kind(), ErrorKind::Malformed, "{bytes:x?}: {e}");
    }
}

/// A module that is first invalid, and later malformed, is malformed: it is read before it is validated.
#[test]
fn form_comes_before_validity() {
    let invalid = with_body(&[0, 0x42, 1, 0x0b]);
    assert_eq!(refused(&invalid).kind(), ErrorKind::InvalidModule);
    let invalid_len = invalid.len() as u64;
    let both = [invalid, vec![11, 2, 1]].concat();
    for config in [Config::new(), Config::new().lazy(true), Config::new().threads(4)] {
        let e = Module::new(&Engine::new(&config).unwrap(), &both).err().unwrap();
        assert!(e.kind() == ErrorKind::Malformed && e.offset() >= Some(invalid_len), "{e}");
    }
}

#[test]
fn what_is_no_module_is_recognised() {
    let junk = "(".repeat(100_000);
    let cases: [(&[u8], ErrorKind, &str); 7] = [
        (b"plugin.wasm", ErrorKind::Malformed, "\"plugin.wasm\" looks like a file's path"),
        (b"", ErrorKind::Malformed, "there are no bytes"),
        (b"\0asm\x0d\0\x01\0", ErrorKind::Unsupported, "this is a component"),
        (b"(component (core module))", ErrorKind::Unsupported, "this is a component"),
        (b"\0wrtmod\x05 and more", ErrorKind::Malformed, "use wrt_module_load"),
        (b"\x1f\x8b\x08", ErrorKind::Malformed, "compressed with gzip"),
        (junk.as_bytes(), ErrorKind::Malformed, "1:"),
    ];
    let engine = engine();
    for (bytes, kind, said) in cases {
        for e in [Module::new(&engine, bytes).err().unwrap(), Module::validate(&engine, bytes).unwrap_err()] {
            let said = said.replace("use wrt_module_load", "load it by wrt_module_load");
            assert!(e.kind() == kind && e.message().contains(&said), "{said}: {e:?}");
            is_one_line(&e);
        }
    }
    let saved = Module::new(&engine, b"(module)").unwrap().save().unwrap();
    assert!(refused(&saved).message().contains("wrt_module_load"));
}

#[test]
fn text_errors_have_a_place_and_an_excerpt() {
    let cases = [
        (
            "(module\n  (func $f (result i32)\n    (banana)))\n",
            "3:6: unknown operator or unexpected token, at \"banana)))\"",
        ),
        ("(module\n (func\n", "3:1: expected `)`, at the end of the line"),
        ("(module (func (call $no)))", "1:21: unknown func: failed to find name `$no`, at \"$no)))\""),
        // Errors found in the binary are also reported with their location in the text.
        (
            "(module (func\n (drop (i64.eqz (i32.const 1)))))",
            "2:9: type mismatch: expected i64, found i32 (i64.eqz in function 0)",
        ),
    ];
    for (text, said) in cases {
        assert_eq!(refused(text.as_bytes()).message(), said);
    }
    let e = engine().parse_types("(type (struct))\n(type (banana))").err().unwrap();
    assert!(e.kind() == ErrorKind::Malformed && e.message().starts_with("2:8: "), "{e}");
    for name in nasty_names().iter().filter(|n| !n.is_empty()) {
        let text = format!("(module {})", name.replace(['\n', '\0'], "\u{7}"));
        is_one_line(&refused(text.as_bytes()));
    }
}

/// The text format accepts any character in names, strings and comments, even those that change the direction of text.
#[test]
fn text_may_hold_any_character() {
    let name = "a\u{202e}b\u{2066}";
    let text = format!("(module (; {name} ;) (func $\"{name}\" (export \"{name}\")) ;; {name}\n)");
    let module = Module::new(&engine(), text.as_bytes()).unwrap();
    assert_eq!(module.exports().next().unwrap().name, name);
    let bad = format!("(module (; {name} ;)\n (func (result i32) (i64.const 1)))");
    let e = refused(bad.as_bytes());
    assert!(e.kind() == ErrorKind::InvalidModule && e.message().starts_with("2:"), "{e}");
}

fn escaped(name: &str) -> String {
    name.bytes().map(|b| format!("\\{b:02x}")).collect()
}

#[test]
fn missing_imports_are_all_named() {
    let engine = engine();
    let mut store = Store::new(&engine).unwrap();
    let mut linker = Linker::new(&engine);
    let module = |names: &[String]| {
        let imports: String =
            names.iter().map(|n| format!("(import \"m\" \"{}\" (func (param i32)))", escaped(n))).collect();
        Module::new(&engine, format!("(module {imports})").as_bytes()).unwrap()
    };
    let link = |linker: &Linker, store: &mut Store, names: &[String]| {
        let e = linker.instantiate(store, &module(names)).err().unwrap();
        assert_eq!(e.kind(), ErrorKind::Link, "{e}");
        is_one_line(&e);
        e.message().to_string()
    };
    let names: Vec<String> = (0..20).map(|i| format!("f{i}")).collect();
    assert_eq!(link(&linker, &mut store, &names[..1]), "unknown import \"m\".\"f0\" (func (i32))");
    let two = "2 unknown imports: \"m\".\"f0\" (func (i32)), \"m\".\"f1\" (func (i32))";
    assert_eq!(link(&linker, &mut store, &names[..2]), two);
    let all = link(&linker, &mut store, &names);
    assert!(all.starts_with("20 unknown imports: ") && all.ends_with("\"f7\" (func (i32)) and 12 more"), "{all}");
    let ty = FuncType::new([ValType::I32], []);
    linker.define_func("m", "f0", HostDefinition::new(&ty, |_, _, _| Ok(())).unwrap()).unwrap();
    assert_eq!(link(&linker, &mut store, &names[..2]), "unknown import \"m\".\"f1\" (func (i32))");
    for name in nasty_names().iter().filter(|n| n.len() < 2000) {
        link(&linker, &mut store, &[name.clone(), name.clone()]);
    }
}

#[test]
fn values_that_do_not_fit_are_named() {
    let engine = engine();
    let mut store = Store::new(&engine).unwrap();
    let text = "(module (import \"m\" \"h\" (func $h (result i32 i64)))
        (func (export \"f\") (param i32 f64) (result i32) (i32.const 1))
        (func (export \"g\") (result i32 i64) (call $h)))";
    let module = Module::new(&engine, text.as_bytes()).unwrap();
    let mut linker = Linker::new(&engine);
    let results = FuncType::new([], [ValType::I32, ValType::I64]);
    let bad = |_: &mut Caller<'_>, _: &[Val], out: &mut [Val]| {
        out[1] = Val::F32(0);
        Ok(())
    };
    linker.define_func("m", "h", HostDefinition::new(&results, bad).unwrap()).unwrap();
    let instance = linker.instantiate(&mut store, &module).unwrap();
    let mut call = |name: &str, args: &[Val], results: &mut [Val]| {
        let Some(Extern::Func(f)) = instance.export(&mut store, name).unwrap() else { panic!("no {name}") };
        let e = f.call(&mut store, args, results).unwrap_err();
        assert_eq!(e.kind(), ErrorKind::TypeMismatch);
        e.message().to_string()
    };
    let (i, one) = (Val::I32(1), &mut [Val::I32(0)]);
    assert_eq!(call("f", &[i, i], one), "argument 1: expected a value of type f64, found i32");
    assert_eq!(call("f", &[i], one), "the function needs 2 arguments, not 1; its type is (i32, f64) -> i32");
    assert_eq!(
        call("f", &[i, Val::F64(0)], &mut []),
        "the function needs 1 results, not 0; its type is (i32, f64) -> i32"
    );
    let said = "a host function's result 1: expected a value of type i64, found f32";
    assert_eq!(call("g", &[], &mut [i, i]), said);
}

#[test]
fn accesses_beyond_the_end_say_what_there_is() {
    let engine = engine();
    let mut store = Store::new(&engine).unwrap();
    let table = Table::new(&mut store, TableType::new(Limits { min: 3, max: None }, RefType::FUNC), Val::FuncRef(None))
        .unwrap();
    let objects =
        Table::new(&mut store, TableType::new(Limits { min: 3, max: None }, RefType::EXTERN), Val::ExternRef(None));
    let objects = objects.unwrap();
    let memory = Memory::new(&mut store, MemoryType::new(Limits { min: 1, max: None })).unwrap();
    let null = Val::FuncRef(None);
    let said = |e: Error, text: &str| {
        assert!(e.trap_code().is_some() && e.message().starts_with(text), "{e}");
    };
    said(table.get(&mut store, 3).unwrap_err(), "element 3 of a table of 3: ");
    said(table.set(&mut store, 9, null).unwrap_err(), "element 9 of a table of 3: ");
    said(table.fill(&mut store, 2, null, 5).unwrap_err(), "5 elements from 2 on of a table of 3: ");
    said(table.copy(&mut store, 0, table, 2, 2).unwrap_err(), "2 elements from 2 on of a table of 3: ");
    said(objects.get(&mut store, 3).unwrap_err(), "element 3 of a table of 3: ");
    said(objects.set(&mut store, 9, Val::ExternRef(None)).unwrap_err(), "element 9 of a table of 3: ");
    said(memory.write(&mut store, 65535, &[0; 2]).unwrap_err(), "2 bytes at 65535 of a memory of 65536 bytes: ");
    let e = table.set(&mut store, 0, Val::I32(1)).unwrap_err();
    assert_eq!(e.message(), "an element of the table: expected a value of type funcref, found i32");
}

#[test]
fn names_that_are_nowhere_are_not_found() {
    let e = Config::new().feature("no such thing", true).err().unwrap();
    assert_eq!((e.kind(), e.message()), (ErrorKind::NotFound, "there is no feature \"no such thing\""));
    assert_eq!((ErrorKind::NotFound as u8, ErrorKind::NotFound.name()), (19, "not found"));
}
