//! Every vector and atomic instruction returns the same bits in baseline code as in optimized code: with its operands in locals, in
//! registers while there are too many other operands, in frame slots, and as constants.

use std::fmt::Write;
use wrt::api::*;

/// `name immediates : operands -> results`.
const INSTRUCTIONS: &str = include_str!("vectors/instructions.txt");

/// A value of each kind, given by its bits as a constant.
const I32: [i32; 12] = [0, 1, 7, 8, 31, 33, 60, 1024, -1, i32::MIN, 65520, 65532];
const F64: [f64; 8] = [0.0, -0.0, 1.5, f64::NAN, f64::INFINITY, -2147483648.5, 4294967295.5, 1e300];

/// The memory that instructions access.
#[derive(Clone, Copy, PartialEq)]
enum Which {
    First,
    /// With indexes of 64 bits.
    Second,
}

struct Instruction {
    name: String,
    operands: Vec<&'static str>,
    results: Vec<&'static str>,
}

impl Instruction {
    fn is_on_memory(&self) -> bool {
        [".load", ".store", ".atomic."].iter().any(|part| self.name.contains(part))
    }
}

fn instructions(which: Which) -> Vec<Instruction> {
    let parse = |line: &'static str| {
        let (name, ty) = line.split_once(" :").unwrap();
        let (operands, results) = ty.split_once("->").unwrap();
        let words = |part: &'static str| part.split_whitespace().collect();
        let mut i = Instruction { name: name.into(), operands: words(operands), results: words(results) };
        if which == Which::Second && i.is_on_memory() {
            let (name, immediates) = name.split_once(' ').unwrap_or((name, ""));
            i.name = format!("{name} 1 {immediates}");
            i.operands[0] = "i64";
        }
        i
    };
    let all: Vec<_> = INSTRUCTIONS.lines().map(parse).collect();
    assert!(all.len() > 300);
    all
}

/// An operand that is computed, and so is in a register.
fn computed(i: usize, ty: &str) -> String {
    match ty {
        "i32" | "i64" => format!("({ty}.xor (local.get {i}) ({ty}.const 0))"),
        "v128" => format!("(v128.not (v128.not (local.get {i})))"),
        _ => format!("({ty}.neg ({ty}.neg (local.get {i})))"),
    }
}

const SCALARS: usize = 6;
const VECTORS: usize = 14;

/// More operands than there are registers stay on the stack below the instruction, and are added after it.
fn crowded(of: &Instruction, operands: &str) -> String {
    let result = of.results.first();
    let mut body = String::new();
    (0..SCALARS).for_each(|i| write!(body, "(i32.load offset={} (i32.const 2048))", 4 * i).unwrap());
    (0..VECTORS).for_each(|i| write!(body, "(v128.load offset={} (i32.const 4096))", 16 * i).unwrap());
    write!(body, "{operands} {}", of.name).unwrap();
    result.iter().for_each(|_| body += " (local.set $result)");
    body += &" i8x16.add".repeat(VECTORS - 1);
    body += " (local.set $sum)";
    body += &" i32.add".repeat(SCALARS - 1);
    body += " (local.get $sum)";
    result.iter().for_each(|_| body += " (local.get $result)");
    body
}

/// The ways to use an instruction, each as a function of its operands: its name, and the code.
fn functions(n: usize, of: &Instruction) -> Vec<(String, usize, String)> {
    let params = format!("(param {})", of.operands.join(" "));
    let results = of.results.join(" ");
    let gets: String = (0..of.operands.len()).map(|i| format!("(local.get {i})")).collect();
    let in_registers: String = of.operands.iter().enumerate().map(|(i, ty)| computed(i, ty)).collect();
    let local = of.results.first().map_or(String::new(), |ty| format!("(local $result {ty})"));
    let plain = format!("{params} (result {results}) {gets} {}", of.name);
    let at_home = format!("{params} (result {results}) {in_registers} (call $nothing) {}", of.name);
    let full = format!("{params} (result i32 v128 {results}) {local} (local $sum v128) {}", crowded(of, &in_registers));
    let count = of.results.len();
    let mut all = vec![
        (format!("{n} plain"), count, plain),
        (format!("{n} home"), count, at_home),
        (format!("{n} crowded"), count + 2, full),
    ];
    if of.operands.iter().any(|ty| *ty != "v128") {
        for k in 0..I32.len() {
            let mut operands = String::new();
            for (i, ty) in of.operands.iter().enumerate() {
                match *ty {
                    "v128" => write!(operands, "(local.get {i})"),
                    "i32" | "i64" => write!(operands, "({ty}.const {})", I32[(k + 5 * i) % I32.len()]),
                    // Written as an integer with the same bits, so that the text format does not change NaNs.
                    "f32" => {
                        let bits = (F64[k % F64.len()] as f32).to_bits();
                        write!(operands, "(f32.reinterpret_i32 (i32.const {bits}))")
                    }
                    _ => write!(operands, "(f64.reinterpret_i64 (i64.const {}))", F64[k % F64.len()].to_bits()),
                }
                .unwrap();
            }
            let body = format!("{params} (result {results}) {operands} {}", of.name);
            all.push((format!("{n} constant {k}"), count, body));
        }
    }
    all
}

fn module(all: &[Instruction]) -> String {
    // Zeros first, so that the expected value is sometimes in memory.
    let bytes: String = (0..8192u32).map(|i| format!("\\{:02x}", i.wrapping_mul(0x9e37_79b9) >> 24)).collect();
    let mut wat = format!(
        "(module (memory (export \"0\") 1) (memory (export \"1\") i64 1) (func $nothing)
        (data (i32.const 512) \"{bytes}\") (data (memory 1) (i64.const 512) \"{bytes}\")\n"
    );
    for (n, of) in all.iter().enumerate() {
        for (name, _, body) in functions(n, of) {
            writeln!(wat, "(func (export \"{name}\") {body})").unwrap();
        }
    }
    wat + ")"
}

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[(self.next() >> 32) as usize % all.len()]
    }

    fn vector(&mut self) -> u128 {
        let mut lanes = |f: &mut dyn FnMut(&mut Random) -> u64, bits: u32| {
            (0..128 / bits).fold(0u128, |all, _| all << bits | (f(self) & (u64::MAX >> (64 - bits))) as u128)
        };
        let kind = lanes(&mut |r| r.next() >> 32, 64) as u64 % 6;
        match kind {
            0 => lanes(&mut |r| r.of(&[0x80, 0x7f, 0xff, 0, 1, 15, 16, 31]), 8),
            1 => lanes(&mut |r| r.of(&[0x8000, 0x7fff, 0xffff, 0, 1, 0xff, 0x100, 0xff80]), 16),
            2 => lanes(&mut |r| (r.of(&F64) as f32).to_bits() as u64, 32),
            3 => lanes(&mut |r| r.of(&F64).to_bits(), 64),
            // Signaling NaNs, other special floats, and the extremes of the integers.
            4 => lanes(
                &mut |r| r.of(&[0x7f80_0001, 0xffff_ffff, 0x4eff_ffff, 0xcf00_0001, 0x8000_0000, 0x7fff_ffff, 1]),
                32,
            ),
            _ => lanes(&mut |r| r.next(), 64),
        }
    }

    fn value(&mut self, ty: &str) -> Val {
        match ty {
            "i32" => Val::I32(self.of(&I32)),
            "i64" => Val::I64(self.of(&I32) as i64),
            "f32" => Val::F32((self.of(&F64) as f32).to_bits()),
            "f64" => Val::F64(self.of(&F64).to_bits()),
            _ => Val::V128(self.vector()),
        }
    }
}

struct Machine {
    store: Store,
    instance: Instance,
}

impl Machine {
    fn new(config: Config, wat: &str) -> Machine {
        let engine = Engine::new(&config).unwrap();
        let module = Module::new(&engine, wat.as_bytes()).unwrap();
        let mut store = Store::new(&engine).unwrap();
        let instance = Instance::new(&mut store, &module, &[]).unwrap();
        Machine { store, instance }
    }

    fn call(&mut self, name: &str, args: &[Val], results: usize) -> std::result::Result<Vec<Val>, Option<Trap>> {
        let Some(Extern::Func(f)) = self.instance.export(&mut self.store, name).unwrap() else { panic!("no {name}") };
        let mut out = vec![Val::I32(0); results];
        f.call(&mut self.store, args, &mut out).map_err(|e| e.trap_code())?;
        Ok(out)
    }

    fn memory(&mut self, which: Which) -> Vec<u8> {
        let name = if which == Which::First { "0" } else { "1" };
        let Some(Extern::Memory(m)) = self.instance.export(&mut self.store, name).unwrap() else { panic!("no {name}") };
        let mut all = vec![0; m.data_size(&self.store).unwrap()];
        m.read(&self.store, 0, &mut all).unwrap();
        all
    }
}

fn both_agree(config: Config, which: Which) {
    let all = instructions(which);
    let wat = module(&all);
    let mut full = Machine::new(config.clone(), &wat);
    let mut quick = Machine::new(config.lazy(true).background(false), &wat);
    let (mut returned, mut trapped) = (0, 0);
    for (n, of) in all.iter().enumerate() {
        let mut random = Random(n as u64 + 1);
        for (name, count, _) in functions(n, of) {
            for _ in 0..if name.contains("constant") { 6 } else { 60 } {
                let args: Vec<Val> = of.operands.iter().map(|ty| random.value(ty)).collect();
                let (want, got) = (full.call(&name, &args, count), quick.call(&name, &args, count));
                assert_eq!(got, want, "{} as {name} of {args:x?}", of.name);
                if want.is_ok() { returned += 1 } else { trapped += 1 }
            }
        }
        if of.is_on_memory() {
            assert!(full.memory(which) == quick.memory(which), "{} leaves another memory", of.name);
        }
    }
    assert!(returned > 50_000 && trapped > 5_000, "{returned} returned, {trapped} trapped");
}

#[test]
fn one_pass_gives_the_same_bits() {
    both_agree(Config::new(), Which::First);
    both_agree(Config::new(), Which::Second);
}

#[test]
fn one_pass_gives_the_same_bits_with_explicit_checks() {
    both_agree(Config::new().signals(false), Which::First);
    both_agree(Config::new().signals(false), Which::Second);
}

#[test]
fn one_pass_gives_the_same_bits_in_the_deterministic_profile() {
    both_agree(Config::new().relaxed_simd_deterministic(true), Which::First);
}

/// Through calls, with some of them on the stack, branches, loops, globals and choices.
#[test]
fn vectors_arrive_where_they_go() {
    let (ten, eight) = ("v128 ".repeat(10), "v128 ".repeat(8));
    let gets = |order: &[usize]| order.iter().map(|i| format!("(local.get {i})")).collect::<String>();
    let wat = format!(
        r#"(module (global $g (mut v128) (v128.const i64x2 5 6)) (global $c v128 (v128.const i64x2 7 8))
        (func $sum (param {ten}) (result v128) {} {})
        (func $turned (param {eight}) (result v128) {} (return_call $differences))
        (func $differences (param {eight}) (result v128) {} {})
        (func $two (param v128 v128 i32) (result v128 i32 v128) (local.get 1) (local.get 2) (local.get 0))
        (func (export "calls") (param v128 i32) (result v128 v128)
            (local.get 0) (v128.not (local.get 0)) (global.get $c) (i32x4.splat (local.get 1)) (i8x16.splat (local.get 1))
            (local.get 0) (global.get $g) (v128.not (global.get $g)) (i64x2.neg (local.get 0)) (i64x2.abs (local.get 0))
            (call $sum)
            (local.get 0) (v128.not (local.get 0)) (i8x16.splat (local.get 1)) (i16x8.splat (local.get 1))
            (global.get $g) (i8x16.popcnt (global.get $g)) (i64x2.neg (local.get 0)) (i64x2.abs (local.get 0))
            (call $turned))
        (func (export "choices") (param v128 i32) (result v128 v128 v128) (local $x v128)
            (local.set $x (select (local.get 0) (v128.not (local.get 0)) (v128.any_true (local.get 0))))
            (global.set $g (i64x2.add (local.get $x) (global.get $g)))
            (local.get $x) (local.tee $x (i8x16.popcnt (local.get $x)))
            (select (result v128) (local.get 0) (v128.const i64x2 1 2) (i32x4.all_true (local.get 0)))
            (if (param v128 v128 v128) (result v128 v128 v128) (i16x8.all_true (local.get 0))
                (then (local.set $x) (v128.xor (local.get $x)) (v128.not (local.get $x)))
                (else (i8x16.add) (local.tee $x (global.get $g)) (i16x8.mul (local.get 0)) (br 0)))
            (i8x16.add) (i8x16.add) (local.get $x) (global.get $g))
        (func (export "loops") (param v128 i32) (result v128 i32 v128) (local $x v128)
            (block $out (result v128 i32 v128)
                (call $two (local.get 0) (v128.not (local.get 0)) (i32.and (local.get 1) (i32.const 15)))
                (loop $again (param v128 i32 v128) (result v128 i32 v128)
                    (local.set $x) (local.set 1)
                    (i32x4.add (local.get $x)) (i32.sub (local.get 1) (i32.const 1)) (i32x4.shl (local.get $x) (local.get 1))
                    (br_if $again (i32.gt_s (local.get 1) (i32.const 0)))
                    (br_table $out 0 $out (local.get 1)))))
        )"#,
        gets(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]),
        "i8x16.sub ".repeat(9),
        gets(&[7, 6, 5, 4, 3, 2, 1, 0]),
        gets(&[1, 2, 0, 3, 4, 5, 7, 6]),
        "i16x8.sub ".repeat(7),
    );
    for signals in [true, false] {
        let config = Config::new().signals(signals).interruption(!signals);
        let mut full = Machine::new(config.clone(), &wat);
        let mut quick = Machine::new(config.lazy(true).background(false), &wat);
        let mut random = Random(7);
        for _ in 0..300 {
            let args = [random.value("v128"), random.value("i32")];
            for (name, count) in [("calls", 2), ("choices", 3), ("loops", 3)] {
                let (want, got) = (full.call(name, &args, count), quick.call(name, &args, count));
                assert!(want.is_ok(), "{name}: {want:?}");
                assert_eq!(got, want, "{name} of {args:x?}");
            }
        }
    }
}
