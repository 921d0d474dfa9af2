//! Exceptions between functions of both compilers: modules that were compiled eagerly, and one that is compiled while it runs.

use wrt::api::*;

/// Throws, and calls functions that throw: the number it received, or another tag's exception.
const THROWS: &str = r#"(module
  (tag $t (export "t") (param i64 externref)) (tag $other (export "other") (param i64))
  (func (export "throw") (param $n i64) (param $r externref)
    (if (i64.lt_s (local.get $n) (i64.const 0)) (then (throw $other (local.get $n))))
    (throw $t (local.get $n) (local.get $r))))"#;

/// Catches one tag, with operands and locals that must be preserved; the other tag passes through. In `many`, more clauses than
/// tables hold.
fn catches() -> String {
    let tags: String = (0..40).map(|i| format!("(tag $m{i} (param i64 externref))")).collect();
    let clauses: String = (0..40).map(|i| format!("(catch $m{i} $h)")).collect();
    let catch = |name: &str, clauses: &str| {
        format!(
            r#"(func (export "{name}") (param $n i64) (param $r externref) (result i64 externref)
                (local $kept i64)
                (local.set $kept (i64.mul (local.get $n) (i64.const 3)))
                (i64.add (local.get $n) (i64.const 1000))
                (block $h (result i64 externref)
                  (try_table {clauses} (catch $t $h)
                    (i64.const 1) (i64.add (local.get $n) (i64.const 2))
                    (call $throw (local.get $n) (local.get $r))
                    (drop) (drop))
                  unreachable)
                (local.set $r)
                (i64.add) (i64.add (local.get $kept)) (i64.add (i64.load (i32.const 16)))
                (local.get $r))"#
        )
    };
    format!(
        r#"(module (import "" "t" (tag $t (param i64 externref))) (import "" "throw" (func $throw (param i64 externref)))
          (memory 1) (data (i32.const 16) "\01\00\00\00\00\00\00\00") {tags} {} {})"#,
        catch("catch", ""),
        catch("many", &clauses)
    )
}

/// Calls functions that catch, in a loop with more live numbers than registers, and catches the remaining exceptions.
const CALLS: &str = r#"(module
  (import "" "other" (tag $other (param i64)))
  (type $catch (func (param i64 externref) (result i64 externref)))
  (import "" "catch" (func $catch (type $catch))) (import "" "many" (func $many (type $catch)))
  (func (export "run") (param $a i64) (param $r externref) (result i64 i64)
    (local $b i64) (local $c i64) (local $d i64) (local $e i64) (local $f i64) (local $sum i64) (local $left i64)
    (local.set $b (i64.mul (local.get $a) (i64.const 3)))
    (local.set $c (i64.mul (local.get $a) (i64.const 5)))
    (local.set $d (i64.mul (local.get $a) (i64.const 7)))
    (local.set $e (i64.mul (local.get $a) (i64.const 11)))
    (local.set $f (i64.const 20))
    (loop $again
      (local.set $b (i64.add (local.get $b) (local.get $c)))
      (local.set $c (i64.xor (local.get $c) (local.get $d)))
      (local.set $d (i64.add (local.get $d) (local.get $e)))
      (local.set $e (i64.add (local.get $e) (local.get $a)))
      (call $catch (local.get $f) (local.get $r)) (local.set $r)
      (local.set $sum (i64.add (local.get $sum)))
      (call $many (local.get $f) (local.get $r)) (local.set $r)
      (local.set $sum (i64.add (local.get $sum)))
      (local.set $f (i64.sub (local.get $f) (i64.const 1)))
      (br_if $again (i64.ne (local.get $f) (i64.const 0))))
    (block $h (result i64)
      (try_table (catch $other $h)
        (call $catch (i64.const -9) (local.get $r)) (drop) (drop))
      unreachable)
    (local.set $left)
    (block $h (result i64)
      (try_table (catch $other $h)
        (call $many (i64.const -10) (local.get $r)) (drop) (drop))
      unreachable)
    (i64.add (local.get $left))
    (i64.add (local.get $sum))
    (i64.add (local.get $b) (i64.add (local.get $c) (i64.add (local.get $d) (local.get $e))))))"#;

/// The numbers of `CALLS`.
fn wanted(a: i64) -> [Val; 2] {
    let (mut b, mut c, mut d, mut e, mut sum) = (a * 3, a * 5, a * 7, a * 11, 0);
    for f in (1..=20).rev() {
        b += c;
        c ^= d;
        d += e;
        e += a;
        // The caught value, the operand, the local, the memory: twice.
        sum += 2 * (f + (f + 1000) + 3 * f + 1);
    }
    [Val::I64(sum - 9 - 10), Val::I64(b + c + d + e)]
}

fn export(store: &mut Store, i: Instance, name: &str) -> Extern {
    i.export(store, name).unwrap().expect(name)
}

/// `whole` says which of the three modules are compiled eagerly.
fn run(config: &Config, whole: [bool; 3]) {
    let engine = Engine::new(config).unwrap();
    let mut store = Store::new(&engine).unwrap();
    let catches = catches();
    let mut modules = [THROWS, &catches, CALLS].into_iter().zip(whole).map(|(text, whole)| {
        let module = Module::new(&engine, text.as_bytes()).unwrap_or_else(|e| panic!("{e}"));
        if whole {
            // That needs all of its code.
            module.save().unwrap();
        }
        module
    });
    let mut next = |store: &mut Store, imports: &[Extern]| {
        Instance::new(store, &modules.next().unwrap(), imports).unwrap_or_else(|e| panic!("{e}"))
    };
    let throws = next(&mut store, &[]);
    let [t, other, throw] = ["t", "other", "throw"].map(|name| export(&mut store, throws, name));
    let catches = next(&mut store, &[t, throw]);
    let [catch, many] = ["catch", "many"].map(|name| export(&mut store, catches, name));
    let calls = next(&mut store, &[other, catch, many]);
    let Extern::Func(run) = export(&mut store, calls, "run") else { panic!("no function") };
    for a in [1, 77, -12345] {
        let r = Ref::host(&mut store, 5u8, 0).unwrap();
        let mut results = [Val::I64(0); 2];
        run.call(&mut store, &[Val::I64(a), Val::ExternRef(Some(r))], &mut results).unwrap();
        assert_eq!(results, wanted(a), "{whole:?}");
    }
}

#[test]
fn exceptions_pass_from_one_compiler_to_the_other() {
    let lazy = || Config::new().lazy(true).background(false).gc_verify(true);
    for config in [lazy(), lazy().gc_zeal(1), lazy().signals(false).interruption(true), lazy().background(true)] {
        for n in 0..8 {
            run(&config, [n & 1 != 0, n & 2 != 0, n & 4 != 0]);
        }
    }
}
