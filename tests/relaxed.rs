//! Relaxed vector instructions against a scalar model of the specification (Wasm 3.0, 4.3.6). With the deterministic setting, results are
//! always the specification's first choice; without it, they are the same choice for all operands, in both tiers.

use wrt::api::*;

/// A lane-wise model: name, number of operands, the kind of lane, and the result for each choice.
struct Op {
    name: &'static str,
    operands: usize,
    shape: Shape,
    /// Takes the operands as bytes, and a choice; returns `None` if there is no such choice.
    model: fn([[u8; 16]; 3], usize) -> Option<[u8; 16]>,
}

#[derive(Clone, Copy, PartialEq)]
enum Shape {
    Bits,
    F32,
    F64,
}

macro_rules! lanes {
    ($of:ident, $make:ident, $t:ty, $n:expr) => {
        fn $of(v: [u8; 16]) -> [$t; $n] {
            const SIZE: usize = size_of::<$t>();
            std::array::from_fn(|i| <$t>::from_le_bytes(v[i * SIZE..(i + 1) * SIZE].try_into().unwrap()))
        }
        fn $make(f: impl Fn(usize) -> $t) -> [u8; 16] {
            let all: Vec<u8> = (0..$n).flat_map(|i| f(i).to_le_bytes()).collect();
            all.try_into().unwrap()
        }
    };
}
lanes!(i8s, of_i8s, i8, 16);
lanes!(i16s, of_i16s, i16, 8);
lanes!(i32s, of_i32s, i32, 4);
lanes!(i64s, of_i64s, i64, 2);
lanes!(f32s, of_f32s, f32, 4);
lanes!(f64s, of_f64s, f64, 2);

fn swizzle([a, s, _]: [[u8; 16]; 3], choice: usize) -> Option<[u8; 16]> {
    let lane = |i: u8| match i {
        0..16 => a[i as usize],
        16..128 if choice == 1 => a[i as usize % 16],
        _ => 0,
    };
    (choice < 2).then(|| s.map(lane))
}

fn trunc_f32_s([a, ..]: [[u8; 16]; 3], choice: usize) -> Option<[u8; 16]> {
    let lane = |f: f32| if choice == 1 && !(-2147483648.0..2147483648.0).contains(&f) { i32::MIN } else { f as i32 };
    (choice < 2).then(|| of_i32s(|i| lane(f32s(a)[i])))
}

fn trunc_f32_u([a, ..]: [[u8; 16]; 3], choice: usize) -> Option<[u8; 16]> {
    (choice == 0).then(|| of_i32s(|i| f32s(a)[i] as u32 as i32))
}

fn trunc_f64_s([a, ..]: [[u8; 16]; 3], choice: usize) -> Option<[u8; 16]> {
    let outside = |f: f64| !(-2147483648.0..2147483648.0).contains(&f.trunc());
    let lane = |f: f64| if choice == 1 && outside(f) { i32::MIN } else { f as i32 };
    (choice < 2).then(|| of_i32s(|i| if i < 2 { lane(f64s(a)[i]) } else { 0 }))
}

fn trunc_f64_u([a, ..]: [[u8; 16]; 3], choice: usize) -> Option<[u8; 16]> {
    (choice == 0).then(|| of_i32s(|i| if i < 2 { f64s(a)[i] as u32 as i32 } else { 0 }))
}

macro_rules! madd {
    ($name:ident, $of:ident, $make:ident, $negate:expr) => {
        fn $name([a, b, c]: [[u8; 16]; 3], choice: usize) -> Option<[u8; 16]> {
            let (a, b, c) = ($of(a).map(|a| if $negate { -a } else { a }), $of(b), $of(c));
            match choice {
                0 => Some($make(|i| a[i] * b[i] + c[i])),
                1 => Some($make(|i| a[i].mul_add(b[i], c[i]))),
                _ => None,
            }
        }
    };
}
madd!(madd_f32, f32s, of_f32s, false);
madd!(nmadd_f32, f32s, of_f32s, true);
madd!(madd_f64, f64s, of_f64s, false);
madd!(nmadd_f64, f64s, of_f64s, true);

macro_rules! select {
    ($name:ident, $of:ident, $make:ident, $bits:expr) => {
        fn $name([a, b, m]: [[u8; 16]; 3], choice: usize) -> Option<[u8; 16]> {
            let mask = $of(m).map(|m| if choice == 1 { m >> ($bits - 1) } else { m });
            let (a, b) = ($of(a), $of(b));
            (choice < 2).then(|| $make(|i| a[i] & mask[i] | b[i] & !mask[i]))
        }
    };
}
select!(select_8, i8s, of_i8s, 8);
select!(select_16, i16s, of_i16s, 16);
select!(select_32, i32s, of_i32s, 32);
select!(select_64, i64s, of_i64s, 64);

macro_rules! least {
    ($name:ident, $of:ident, $make:ident, $t:ty, $greatest:expr) => {
        /// Choice 1 returns the first operand if the operands are neither less nor greater.
        fn $name([a, b, _]: [[u8; 16]; 3], choice: usize) -> Option<[u8; 16]> {
            let (a, b) = ($of(a), $of(b));
            let lane = |a: $t, b: $t| {
                let takes_b = if $greatest { a < b } else { b < a };
                match (choice, a.is_nan() || b.is_nan(), a == b) {
                    (0, true, _) => <$t>::NAN,
                    (0, _, true) => {
                        <$t>::from_bits(if $greatest { a.to_bits() & b.to_bits() } else { a.to_bits() | b.to_bits() })
                    }
                    _ if takes_b => b,
                    _ => a,
                }
            };
            (choice < 2).then(|| $make(|i| lane(a[i], b[i])))
        }
    };
}
least!(min_f32, f32s, of_f32s, f32, false);
least!(max_f32, f32s, of_f32s, f32, true);
least!(min_f64, f64s, of_f64s, f64, false);
least!(max_f64, f64s, of_f64s, f64, true);

fn q15mulr([a, b, _]: [[u8; 16]; 3], choice: usize) -> Option<[u8; 16]> {
    let lane = |a: i16, b: i16| {
        let v = (a as i32 * b as i32 + 0x4000) >> 15;
        if choice == 1 { v as i16 } else { v.clamp(-32768, 32767) as i16 }
    };
    (choice < 2).then(|| of_i16s(|i| lane(i16s(a)[i], i16s(b)[i])))
}

/// The product of two bytes, the second of which is signed or unsigned.
fn product(a: i8, b: i8, choice: usize) -> i32 {
    a as i32 * if choice == 0 { b as i32 } else { b as u8 as i32 }
}

fn dot([a, b, _]: [[u8; 16]; 3], choice: usize) -> Option<[u8; 16]> {
    let (a, b) = (i8s(a), i8s(b));
    let pair = |i: usize| product(a[i], b[i], choice) + product(a[i + 1], b[i + 1], choice);
    (choice < 2).then(|| of_i16s(|i| pair(2 * i).clamp(-32768, 32767) as i16))
}

/// Choice 2 does not saturate the intermediate sums: processors with a single instruction for this do so, and the tests allow it.
fn dot_add([a, b, c]: [[u8; 16]; 3], choice: usize) -> Option<[u8; 16]> {
    let (a8, b8, c) = (i8s(a), i8s(b), i32s(c));
    let exact = |i: usize| (4 * i..4 * i + 4).map(|j| product(a8[j], b8[j], choice)).sum::<i32>();
    match choice {
        0 | 1 => {
            let pairs = i16s(dot([a, b, a], choice)?);
            Some(of_i32s(|i| (pairs[2 * i] as i32 + pairs[2 * i + 1] as i32).wrapping_add(c[i])))
        }
        2 => Some(of_i32s(|i| exact(i).wrapping_add(c[i]))),
        _ => None,
    }
}

#[rustfmt::skip]
const OPS: [Op; 20] = [
    Op { name: "i8x16.relaxed_swizzle", operands: 2, shape: Shape::Bits, model: swizzle },
    Op { name: "i32x4.relaxed_trunc_f32x4_s", operands: 1, shape: Shape::Bits, model: trunc_f32_s },
    Op { name: "i32x4.relaxed_trunc_f32x4_u", operands: 1, shape: Shape::Bits, model: trunc_f32_u },
    Op { name: "i32x4.relaxed_trunc_f64x2_s_zero", operands: 1, shape: Shape::Bits, model: trunc_f64_s },
    Op { name: "i32x4.relaxed_trunc_f64x2_u_zero", operands: 1, shape: Shape::Bits, model: trunc_f64_u },
    Op { name: "f32x4.relaxed_madd", operands: 3, shape: Shape::F32, model: madd_f32 },
    Op { name: "f32x4.relaxed_nmadd", operands: 3, shape: Shape::F32, model: nmadd_f32 },
    Op { name: "f64x2.relaxed_madd", operands: 3, shape: Shape::F64, model: madd_f64 },
    Op { name: "f64x2.relaxed_nmadd", operands: 3, shape: Shape::F64, model: nmadd_f64 },
    Op { name: "i8x16.relaxed_laneselect", operands: 3, shape: Shape::Bits, model: select_8 },
    Op { name: "i16x8.relaxed_laneselect", operands: 3, shape: Shape::Bits, model: select_16 },
    Op { name: "i32x4.relaxed_laneselect", operands: 3, shape: Shape::Bits, model: select_32 },
    Op { name: "i64x2.relaxed_laneselect", operands: 3, shape: Shape::Bits, model: select_64 },
    Op { name: "f32x4.relaxed_min", operands: 2, shape: Shape::F32, model: min_f32 },
    Op { name: "f32x4.relaxed_max", operands: 2, shape: Shape::F32, model: max_f32 },
    Op { name: "f64x2.relaxed_min", operands: 2, shape: Shape::F64, model: min_f64 },
    Op { name: "f64x2.relaxed_max", operands: 2, shape: Shape::F64, model: max_f64 },
    Op { name: "i16x8.relaxed_q15mulr_s", operands: 2, shape: Shape::Bits, model: q15mulr },
    Op { name: "i16x8.relaxed_dot_i8x16_i7x16_s", operands: 2, shape: Shape::Bits, model: dot },
    Op { name: "i32x4.relaxed_dot_i8x16_i7x16_add_s", operands: 3, shape: Shape::Bits, model: dot_add },
];

/// Whether two results are equal, apart from the bits of NaNs.
fn same(shape: Shape, a: [u8; 16], b: [u8; 16]) -> bool {
    match shape {
        Shape::Bits => a == b,
        Shape::F32 => f32s(a).iter().zip(f32s(b)).all(|(a, b)| a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan()),
        Shape::F64 => f64s(a).iter().zip(f64s(b)).all(|(a, b)| a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan()),
    }
}

/// Unusual operands: edge cases of all lane types, and random bits.
fn operands(seed: u64) -> [[u8; 16]; 3] {
    let mut x = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        (x >> 16) as u32
    };
    let corners32 =
        [0x8000_0000u32, 0, 0x7fc0_0000, 0x7f80_0001, 0xff80_0000, 0x4f00_0000, 0xcf00_0000, 0xcf00_0001, 0x4eff_ffff];
    let corners64 = [
        i32::MIN as f64,
        -2147483648.5,
        -2147483649.0,
        2147483647.5,
        4294967295.5,
        f64::NAN,
        -0.0,
        f64::MAX,
        1.0 + f64::EPSILON,
    ];
    let corners8 = [0x80u8, 0x7f, 0xff, 0, 1, 15, 16, 31];
    std::array::from_fn(|_| {
        let kind = next() % 4;
        match kind {
            0 => of_i32s(|_| 0).map(|_| corners8[next() as usize % corners8.len()]),
            1 => {
                let all: Vec<u32> = (0..4).map(|_| corners32[next() as usize % corners32.len()]).collect();
                of_i32s(|i| all[i] as i32)
            }
            2 => {
                let all: Vec<f64> = (0..2).map(|_| corners64[next() as usize % corners64.len()]).collect();
                of_f64s(|i| all[i])
            }
            _ => of_i32s(|_| 0).map(|_| next() as u8),
        }
    })
}

fn module() -> String {
    let function = |op: &Op| {
        let params = "v128 ".repeat(op.operands);
        let gets: String = (0..op.operands).map(|i| format!("(local.get {i})")).collect();
        format!("(func (export \"{}\") (param {params}) (result v128) ({} {gets}))", op.name, op.name)
    };
    format!("(module {})", OPS.iter().map(function).collect::<String>())
}

/// For each instruction the choices that explain all of its results.
fn choices(config: Config) -> Vec<(&'static str, Vec<usize>)> {
    let engine = Engine::new(&config).unwrap();
    let module = Module::new(&engine, module().as_bytes()).unwrap();
    let mut store = Store::new(&engine).unwrap();
    let instance = Instance::new(&mut store, &module, &[]).unwrap();
    let mut all = Vec::new();
    for op in &OPS {
        let Some(Extern::Func(f)) = instance.export(&mut store, op.name).unwrap() else { panic!("no {}", op.name) };
        let mut left = vec![0, 1, 2];
        for seed in 0..2000 {
            let given = operands(seed);
            let args: Vec<Val> = given[..op.operands].iter().map(|v| Val::V128(u128::from_le_bytes(*v))).collect();
            let mut out = [Val::V128(0)];
            f.call(&mut store, &args, &mut out).unwrap();
            let Val::V128(got) = out[0] else { panic!("no v128") };
            left.retain(|c| (op.model)(given, *c).is_some_and(|want| same(op.shape, want, got.to_le_bytes())));
            assert!(!left.is_empty(), "{}: seed {seed}: {given:x?} gives {:x?}", op.name, got.to_le_bytes());
        }
        all.push((op.name, left));
    }
    all
}

#[test]
fn the_deterministic_profile_is_the_first_choice() {
    for lazy in [false, true] {
        let config = Config::new().relaxed_simd_deterministic(true).lazy(lazy).background(false);
        for (name, left) in choices(config) {
            assert_eq!(left, [0], "{name}, lazy {lazy}");
        }
    }
}

/// Functions of lazy modules are compiled twice, by two compilers: the results are the same.
#[test]
fn one_choice_explains_every_result() {
    let full = choices(Config::new());
    assert_eq!(full, choices(Config::new().lazy(true).background(false)));
    assert_eq!(full, choices(Config::new().signals(false)));
    println!("{full:?}");
    for (name, left) in full {
        assert_eq!(left.len(), 1, "{name}: the operands do not tell {left:?} apart");
    }
}

/// Code of one setting is not loaded with the other.
#[test]
fn saved_modules_keep_the_setting() {
    let [fast, exact] = [false, true].map(|on| Engine::new(&Config::new().relaxed_simd_deterministic(on)).unwrap());
    let saved = Module::new(&fast, module().as_bytes()).unwrap().save().unwrap();
    // SAFETY: made by `save`.
    let load = |engine: &Engine| unsafe { Module::load(engine, &saved) };
    assert!(load(&fast).is_ok());
    assert_eq!(load(&exact).err().unwrap().kind(), ErrorKind::Unsupported);
}
