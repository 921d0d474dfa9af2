//! The deadline callback: when it is called, and that the guest then continues unaffected.

use super::*;

/// Counts how many times it is called, and grants `more` the first times.
fn gives(store: &mut StoreMut<'_>, times: u32, more: Duration) -> Arc<AtomicU32> {
    let asked = Arc::new(AtomicU32::new(0));
    let counter = asked.clone();
    let callback = move || (counter.fetch_add(1, SeqCst) < times).then_some(more);
    store.set_deadline_callback(Some(Box::new(callback))).unwrap();
    asked
}

/// Entries with arguments in registers of both kinds and on the stack, results in memory, references to objects in arguments and
/// loops; all of it added up.
const SUMS: &str = r#"(module (import "" "h" (func $h)) (memory 1)
    (type $box (struct (field (mut i64)))) (type $list (array (mut (ref null $box))))
    (func $scalars (param i32 i64 f32 f64 i64 i64 i64 i64 i64 f64 f64 f64 f64 f64 f64 f64 f64 v128) (result i64) (local i64 v128)
      (local.set 18 (i64.add (call $one) (i64.add (i64.extend_i32_s (local.get 0)) (i64.mul (local.get 1) (i64.const 3)))))
      (local.set 18 (i64.add (local.get 18) (i64.trunc_f32_s (local.get 2))))
      (local.set 18 (i64.add (local.get 18) (i64.trunc_f64_s (f64.add (local.get 3) (f64.mul (local.get 9) (local.get 16))))))
      (local.set 18 (i64.xor (local.get 18) (i64.mul (local.get 4) (i64.mul (local.get 5) (local.get 8)))))
      (local.set 18 (i64.xor (local.get 18) (i64.shl (i64.add (local.get 6) (local.get 7)) (i64.const 9))))
      (local.set 18 (i64.add (local.get 18) (i64x2.extract_lane 1 (local.get 17))))
      (local.get 18))
    (func $many (param i64) (result i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 f64)
      (local.get 0) (i64.const 1) (i64.const 2) (i64.const 3) (i64.const 4) (i64.const 5) (i64.const 6) (i64.const 7)
      (i64.const 8) (i64.const 9) (i64.add (call $one) (local.get 0)) (f64.const 4.5))
    (func $one (result i64) (i64.const 1))
    (func $boxes (param (ref $box) (ref null $box) i32) (result i64)
      (call $h)
      (struct.set $box 0 (local.get 0) (i64.add (struct.get $box 0 (local.get 0)) (i64.const 5)))
      (if (result i64) (local.get 2)
        (then (return_call $boxes (ref.as_non_null (local.get 1)) (local.get 0) (i32.sub (local.get 2) (i32.const 1))))
        (else (i64.add (struct.get $box 0 (local.get 0)) (struct.get $box 0 (local.get 1))))))
    (func $fib (param i32) (result i64)
      (if (result i64) (i32.lt_u (local.get 0) (i32.const 2)) (then (i64.extend_i32_u (local.get 0)))
        (else (i64.add (call $fib (i32.sub (local.get 0) (i32.const 1))) (call $fib (i32.sub (local.get 0) (i32.const 2)))))))
    (func $loops (param $n i32) (param $f f64) (result i64) (local $b (ref null $box)) (local $l (ref null $list)) (local $v v128)
      (local.set $b (struct.new $box (i64.const 1)))
      (local.set $l (array.new $list (local.get $b) (i32.const 3000)))
      (local.set $v (v128.const i64x2 3 4))
      (loop $again
        (call $h)
        (loop $inner (br_if $inner (i32.lt_s (i32.wrap_i64 (struct.get $box 0 (local.get $b))) (i32.const 0))))
        (struct.set $box 0 (array.get $list (local.get $l) (local.get $n))
          (i64.add (struct.get $box 0 (local.get $b)) (i64.extend_i32_u (local.get $n))))
        (local.set $v (i64x2.add (local.get $v) (v128.const i64x2 1 1)))
        (local.set $f (f64.add (local.get $f) (f64.const 1)))
        (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
      (i64.add (i64x2.extract_lane 0 (local.get $v)) (i64.add (struct.get $box 0 (local.get $b)) (i64.trunc_f64_s (local.get $f)))))
    (func (export "sum") (result i64) (local $b (ref null $box)) (local $sum i64)
      (local.set $b (struct.new $box (i64.const 11)))
      (call $h)
      (local.set $sum (call $scalars (i32.const 1) (i64.const 2) (f32.const 3) (f64.const 4) (i64.const 5) (i64.const 6) (i64.const 7)
        (i64.const 8) (i64.const 9) (f64.const 10) (f64.const 11) (f64.const 12) (f64.const 13) (f64.const 14) (f64.const 15)
        (f64.const 16) (f64.const 17) (v128.const i64x2 18 19)))
      (call $h)
      (call $many (i64.const 77)) (i64.trunc_f64_s) (i64.mul) (i64.add) (i64.mul) (i64.add) (i64.mul) (i64.add) (i64.mul) (i64.add)
      (i64.xor) (i64.add) (i64.sub)
      (local.set $sum (i64.xor (local.get $sum)))
      (local.set $sum (i64.add (local.get $sum) (call $boxes (ref.as_non_null (local.get $b)) (struct.new $box (i64.const 9)) (i32.const 6))))
      (local.set $sum (i64.add (local.get $sum) (call $loops (i32.const 5) (f64.const 2.5))))
      (call $h)
      (i64.add (local.get $sum) (call $fib (i32.const 15)))))"#;

fn sum(store: &mut StoreMut<'_>, host: Extern) -> i64 {
    let guest = instance(store, SUMS, &[host]);
    let mut results = [Val::I32(0)];
    func(store, guest, "sum").call(store, &[], &mut results).unwrap();
    match results {
        [Val::I64(n)] => n,
        other => panic!("{other:?}"),
    }
}

/// The deadline passes before function entries and loops of all kinds, and each time the guest gets more time: it continues with
/// all its values.
#[test]
fn a_guest_with_more_time_goes_on() {
    for (i, config) in configs().into_iter().flat_map(|c| [c.clone(), c.gc_zeal(1)]).enumerate() {
        let mut plain = store(config.clone());
        let nothing = import(&mut plain, |_| Ok(()));
        let expected = sum(&mut plain, nothing);

        let mut store = store(config);
        let asked = gives(&mut store, u32::MAX, HOUR);
        let host = import_expire(&mut store);
        assert_eq!(sum(&mut store, host), expected, "configuration {i}");
        assert_eq!(asked.load(SeqCst), 15, "configuration {i}: after each call of the host");
        assert!(store.time_left().unwrap() > HOUR / 2);

        // As many times as possible.
        let asked = gives(&mut store, u32::MAX, Duration::from_nanos(1));
        let host = import_expire(&mut store);
        assert_eq!(sum(&mut store, host), expected, "configuration {i}");
        assert!(asked.load(SeqCst) >= 15);
    }
}

/// It is called until it grants no more time; then it is not called again, not even for outer activations.
#[test]
fn a_callback_that_gives_no_more() {
    let text = format!(
        r#"(module (import "" "h" (func $h))
        (func (export "spin") (local $n i32) {SPIN}) (func (export "outer") (local $n i32) (call $h) {SPIN}))"#
    );
    for config in configs() {
        let mut store = store(config);
        let asked = gives(&mut store, 3, Duration::from_micros(100));
        let spinner = format!(r#"(module (func (export "spin") (local $n i32) {SPIN}))"#);
        let spinner = instance(&mut store, &spinner, &[]);
        let spin = func(&mut store, spinner, "spin");
        let host = import(&mut store, move |caller| {
            expire(caller.store());
            assert_interrupted(spin.call(caller.store(), &[], &mut []), "nested");
            Ok(())
        });
        let guest = instance(&mut store, &text, &[host]);
        assert_interrupted(call(&mut store, guest, "outer"), "outer");
        assert_eq!(asked.load(SeqCst), 4);
        assert!(store.time_left().is_none() && !store.is_interrupted());
        // Called again for the next deadline.
        expire(&mut store);
        assert_interrupted(call(&mut store, guest, "spin"), "spin");
        assert_eq!(asked.load(SeqCst), 5);
    }
}

/// An explicit interrupt is not subject to the callback.
#[test]
fn an_explicit_interrupt_asks_nobody() {
    for config in configs() {
        for with_deadline in [false, true] {
            let mut store = store(config.clone());
            let asked = gives(&mut store, u32::MAX, HOUR);
            let text = format!(r#"(module (func (export "spin") (local $n i32) {SPIN}))"#);
            let guest = instance(&mut store, &text, &[]);
            if with_deadline {
                expire(&mut store);
            }
            store.interrupt_handle().unwrap().interrupt();
            assert_interrupted(call(&mut store, guest, "spin"), "spin");
            assert_eq!(asked.load(SeqCst), 0);
        }
    }
}

/// Recursion that reaches the stack's limit is a stack overflow, even if the callback was called on the way.
#[test]
fn more_time_is_not_more_stack() {
    let text = r#"(module (import "" "h" (func $h))
        (func $down (export "down") (param i32) (result i32)
          (if (i32.eqz (i32.and (local.get 0) (i32.const 1023))) (then (call $h)))
          (i32.add (i32.const 1) (call $down (i32.add (local.get 0) (i32.const 1))))))"#;
    for config in configs() {
        let mut store = store(config);
        let asked = gives(&mut store, u32::MAX, HOUR);
        let host = import_expire(&mut store);
        let guest = instance(&mut store, text, &[host]);
        let down = func(&mut store, guest, "down");
        let e = down.call(&mut store, &[Val::I32(0)], &mut [Val::I32(0)]).unwrap_err();
        assert_eq!(e.trap_code(), Some(Trap::StackOverflow), "{e}");
        assert!(asked.load(SeqCst) > 1);
    }
}

/// The callback cannot be replaced while it may be on the stack, nor if interruption is off.
#[test]
fn where_a_callback_is_refused() {
    let mut plain = store(Config::new());
    assert_eq!(plain.set_deadline_callback(None).unwrap_err().kind(), ErrorKind::InvalidArgument);
    let mut store = store(Config::new().interruption(true));
    let host = import(&mut store, |caller| {
        let e = caller.store().set_deadline_callback(None).unwrap_err();
        assert_eq!(e.kind(), ErrorKind::InvalidArgument);
        Ok(())
    });
    let Extern::Func(f) = host else { unreachable!() };
    f.call(&mut store, &[], &mut []).unwrap();
}
