//! Wide arithmetic, with operands in registers, frame slots, constants and locals.

use wrt::api::*;

const INTERESTING: [i64; 8] = [0, 1, -1, 2, i64::MIN, i64::MAX, 0x0123_4567_89ab_cdef, -0x7edc_ba98_7654_3211];

fn wide(low: i64, high: i64) -> i128 {
    (high as i128) << 64 | low as u64 as i128
}

fn halves(v: i128) -> [Val; 2] {
    [Val::I64(v as i64), Val::I64((v >> 64) as i64)]
}

/// Each instruction in several functions; the last function has more operands in use than there are registers.
fn text() -> String {
    let mut wat = String::from("(module (func $id (param i64) (result i64) (local.get 0))");
    let results = "(result i64 i64)";
    let register = |i: usize| format!("(i64.add (local.get {i}) (i64.const 0))");
    let local = |i: usize| format!("(local.get {i})");
    let home = |i: usize| format!("(call $id (local.get {i})) (block)");
    for (op, n) in [("add128", 4), ("sub128", 4), ("mul_wide_s", 2), ("mul_wide_u", 2)] {
        let params = "i64 ".repeat(n);
        let all = |f: &dyn Fn(usize) -> String| (0..n).map(f).collect::<String>();
        for (how, operands) in [("registers", all(&register)), ("locals", all(&local)), ("home", all(&home))] {
            wat += &format!("(func (export \"{op} {how}\") (param {params}) {results} {operands} (i64.{op}))\n");
        }
        let waiting = all(&register).repeat(2);
        let sums = "(local.set 1) (local.set 0)".to_string() + &"(drop)".repeat(2 * n) + "(local.get 0) (local.get 1)";
        let body = format!("{waiting} {} (i64.{op}) {sums}", all(&register));
        wat += &format!("(func (export \"{op} crowded\") (param {params}) {results} {body})\n");
    }
    wat + ")"
}

#[test]
fn halves_carry() {
    for config in [Config::new(), Config::new().lazy(true).background(false)] {
        let engine = Engine::new(&config.feature("wide-arithmetic", true).unwrap()).unwrap();
        let mut store = Store::new(&engine).unwrap();
        let module = Module::new(&engine, text().as_bytes()).unwrap_or_else(|e| panic!("{e}"));
        let instance = Instance::new(&mut store, &module, &[]).unwrap();
        for how in ["registers", "locals", "home", "crowded"] {
            let mut check = |op: &str, args: &[i64], wanted: i128| {
                let Some(Extern::Func(f)) = instance.export(&mut store, &format!("{op} {how}")).unwrap() else {
                    panic!()
                };
                let args: Vec<Val> = args.iter().map(|a| Val::I64(*a)).collect();
                let mut results = [Val::I64(0); 2];
                f.call(&mut store, &args, &mut results).unwrap();
                assert_eq!(results, halves(wanted), "{op} {how} {args:?}");
            };
            for a in INTERESTING {
                for b in INTERESTING {
                    check("mul_wide_s", &[a, b], a as i128 * b as i128);
                    check("mul_wide_u", &[a, b], (a as u64 as u128 * b as u64 as u128) as i128);
                    for c in INTERESTING {
                        check("add128", &[a, b, c, 5], wide(a, b).wrapping_add(wide(c, 5)));
                        check("sub128", &[a, b, c, 5], wide(a, b).wrapping_sub(wide(c, 5)));
                    }
                }
            }
        }
    }
}
