//! Branch hints move code and never change a result. No module is rejected because of the contents of the hints' section.

use wrt::api::*;

/// Arms, each with a number that can be found in machine code.
const HOT: u32 = 0x51a7_0001;
const COLD: u32 = 0x51a7_0002;

fn engine(config: Config) -> Engine {
    Engine::new(&config).unwrap()
}

/// The first position of a number in a module's machine code, as four bytes.
fn place(saved: &[u8], number: u32) -> usize {
    saved.windows(4).position(|w| w == number.to_le_bytes()).expect("is in the code")
}

/// Whether `HOT` is before `COLD`.
fn hot_first(engine: &Engine, text: &str) -> bool {
    let saved = Module::new(engine, text.as_bytes()).unwrap().save().unwrap();
    place(&saved, HOT) < place(&saved, COLD)
}

fn hint(likely: bool) -> String {
    format!("(@metadata.code.branch_hint \"\\0{}\")", likely as u8)
}

/// An arm: it stores its number after a loop and calls, so that it has its own blocks.
fn arm(number: u32) -> String {
    format!(
        "(loop $l (call $step) (br_if $l (i32.lt_u (i32.load (i32.const 8)) (i32.const 3))))
         (if (i32.load (i32.const 16)) (then (call $step)))
         (i32.store (i32.const 0) (i32.const {number}))"
    )
}

fn with(body: &str) -> String {
    format!(
        "(module (memory (export \"memory\") 1) (func $step (i32.store (i32.const 8) (i32.add (i32.load (i32.const 8)) (i32.const 1))))
           (func (export \"f\") (param i32) (result i32) {body} (i32.load (i32.const 0))))"
    )
}

/// Code for an `if` and a `br_if` whose condition selects `number` as the result, hinted or not.
fn shapes(then: u32, otherwise: u32, hint: &str) -> [String; 3] {
    let (then, otherwise) = (arm(then), arm(otherwise));
    [
        with(&format!("(local.get 0) {hint} if {then} else {otherwise} end")),
        with(&format!("(block $end (block $then (local.get 0) {hint} br_if $then {otherwise} (br $end)) {then})")),
        // The branch goes to a block that ends in the function's end.
        with(&format!(
            "(block $then (local.get 0) {hint} br_if $then {otherwise} (return (i32.load (i32.const 0)))) {then}"
        )),
    ]
}

#[test]
fn what_is_unlikely_stands_behind() {
    for config in
        [Config::new(), Config::new().signals(false), Config::new().interruption(true), Config::new().lazy(true)]
    {
        let engine = engine(config);
        for likely in [true, false] {
            let (then, otherwise) = if likely { (HOT, COLD) } else { (COLD, HOT) };
            for (i, text) in shapes(then, otherwise, &hint(likely)).iter().enumerate() {
                assert!(hot_first(&engine, text), "shape {i}, likely {likely}");
            }
        }
    }
}

#[test]
fn hints_move_code_only_where_they_are_heard() {
    let [hinted, ..] = shapes(HOT, COLD, &hint(true));
    let [plain, ..] = shapes(HOT, COLD, "");
    let off = Config::new().feature("branch-hinting", false).unwrap();
    assert!(hot_first(&engine(Config::new()), &hinted));
    assert!(!hot_first(&engine(Config::new()), &plain));
    assert!(!hot_first(&engine(off), &hinted));
}

fn call(engine: &Engine, bytes: &[u8], argument: i32) -> Val {
    let module = Module::new(engine, bytes).unwrap();
    let mut store = Store::new(engine).unwrap();
    let instance = Instance::new(&mut store, &module, &[]).unwrap();
    let Some(Extern::Func(f)) = instance.export(&mut store, "f").unwrap() else { panic!("no f") };
    let mut out = [Val::I32(0)];
    f.call(&mut store, &[Val::I32(argument)], &mut out).unwrap();
    out[0]
}

#[test]
fn results_stay_the_same() {
    for config in [Config::new(), Config::new().signals(false), Config::new().lazy(true).background(false)] {
        let engine = engine(config);
        for hint in [String::new(), hint(true), hint(false)] {
            for text in shapes(HOT, COLD, &hint) {
                assert_eq!(call(&engine, text.as_bytes(), 1), Val::I32(HOT as i32));
                assert_eq!(call(&engine, text.as_bytes(), 0), Val::I32(COLD as i32));
            }
        }
    }
}

/// A module with a custom section of these bytes before its code section, or at its end.
fn with_section(text: &str, contents: &[u8], at_end: bool) -> Vec<u8> {
    const NAME: &[u8] = b"metadata.code.branch_hint";
    let module = wat::parse_str(text).unwrap();
    let mut section = vec![NAME.len() as u8];
    section.extend_from_slice(NAME);
    section.extend_from_slice(contents);
    let mut bytes = if at_end { module.clone() } else { module[..8].to_vec() };
    bytes.extend([0, 0x80 | (section.len() & 0x7f) as u8, (section.len() >> 7) as u8]);
    bytes.extend(section);
    if !at_end {
        bytes.extend_from_slice(&module[8..]);
    }
    bytes
}

#[test]
fn no_section_makes_a_module_fail() {
    let [text, ..] = shapes(HOT, COLD, "");
    let odd: [&[u8]; 9] = [
        &[],
        &[0xff; 40],
        &[1],
        &[1, 1, 1, 4, 1, 2],
        &[1, 1, 0xff, 0xff, 0xff, 0xff, 0xf, 4, 1, 1],
        &[1, 99, 1, 4, 1, 1],
        &[1, 0xff, 0xff, 0xff, 0xff, 0xf, 1, 4, 1, 1],
        &[2, 1, 1, 4, 1, 1, 1, 1, 4, 1, 0],
        &[1, 1, 2, 0xff, 0xff, 0xff, 0xff, 0xf, 1, 1, 0, 1, 1],
    ];
    for config in [Config::new(), Config::new().lazy(true)] {
        let engine = engine(config);
        for contents in odd {
            for at_end in [true, false] {
                let bytes = with_section(&text, contents, at_end);
                assert_eq!(call(&engine, &bytes, 1), Val::I32(HOT as i32), "{contents:?}");
            }
        }
        // Every instruction of every function is hinted, whatever it is: the hints are not checked to be on branches.
        for likely in 0..2 {
            let hints: Vec<u8> = (0..100).flat_map(|offset| [offset, 1, likely]).collect();
            let contents: Vec<u8> = [&[2, 0, 100][..], &hints, &[1, 100], &hints].concat();
            for argument in 0..2 {
                let bytes = with_section(&text, &contents, false);
                let want = if argument == 1 { HOT } else { COLD };
                assert_eq!(call(&engine, &bytes, argument), Val::I32(want as i32));
            }
        }
    }
}
