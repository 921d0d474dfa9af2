//! How long an interrupt stays pending.

use super::*;

/// A guest that calls the host in a loop, and one that calls it once and then loops itself.
fn guests() -> String {
    format!(
        r#"(module (import "" "h" (func $h))
        (func $leaf (export "leaf"))
        (func (export "spin") (local $n i32) {SPIN})
        (func (export "host in a loop") (local $n i32)
          (local.set $n (i32.const 1000))
          (loop $l (call $h) (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))
        (func (export "host, loop") (local $n i32) (call $h) {SPIN})
        (func $h2 (call $h)) (func $calls (export "host, calls") (call $h2) (return_call $calls))
        (func (export "host, end") (call $h)))"#
    )
}

/// The host ignores the error of a nested call. The outer call is interrupted nevertheless, at its next interruption point, so the
/// host is called once. Regression: the nested call consumed the interrupt, and the outer guest ran forever.
#[test]
fn a_nested_call_does_not_take_the_interrupt() {
    type Swallow = fn(&mut StoreMut<'_>, &Func);
    let by_deadline: Swallow = |store, spin| {
        expire(store);
        assert_interrupted(spin.call(store, &[], &mut []), "nested");
    };
    let by_trigger: Swallow = |store, spin| {
        store.interrupt_handle().unwrap().interrupt();
        assert_interrupted(spin.call(store, &[], &mut []), "nested");
        // It is still pending.
        assert_interrupted(spin.call(store, &[], &mut []), "nested again");
    };
    let by_asking: Swallow = |store, _| {
        store.interrupt_handle().unwrap().interrupt();
        assert_interrupted(store.take_interrupt(), "asked");
        assert_interrupted(store.take_interrupt(), "asked again");
    };
    for config in configs() {
        for swallow in [by_deadline, by_trigger, by_asking] {
            let mut store = store(config.clone());
            let spinner = format!(r#"(module (func (export "spin") (local $n i32) {SPIN}))"#);
            let spinner = instance(&mut store, &spinner, &[]);
            let spin = func(&mut store, spinner, "spin");
            let calls = Arc::new(AtomicU32::new(0));
            let counter = calls.clone();
            let host = import(&mut store, move |caller| {
                counter.fetch_add(1, SeqCst);
                swallow(caller.store(), &spin);
                assert!(caller.store().is_interrupted());
                Ok(())
            });
            let guest = instance(&mut store, &guests(), &[host]);
            for name in ["host in a loop", "host, loop", "host, calls"] {
                calls.store(0, SeqCst);
                assert_interrupted(call(&mut store, guest, name), name);
                assert_eq!(calls.load(SeqCst), 1, "{name}");
                // The outermost call is over.
                assert!(!store.is_interrupted() && store.time_left().is_none());
                call(&mut store, guest, "leaf").unwrap();
            }
            // Also if the outermost call ends before it is interrupted.
            call(&mut store, guest, "host, end").unwrap();
            assert!(!store.is_interrupted());
            call(&mut store, guest, "leaf").unwrap();
        }
    }
}

/// An interrupt that met no running code waits for the next call.
#[test]
fn what_was_not_delivered_waits() {
    for config in configs() {
        let mut store = store(config);
        let host = import(&mut store, |caller| {
            caller.store().interrupt_handle().unwrap().interrupt();
            Ok(())
        });
        let guest = instance(&mut store, &guests(), &[host]);
        call(&mut store, guest, "host, end").unwrap();
        assert!(store.is_interrupted());
        assert_interrupted(call(&mut store, guest, "spin"), "the next call");
        assert!(!store.is_interrupted());
    }
}

/// A new deadline clears one that has passed, but not an explicit interrupt; removing the deadline clears both. Nothing is cleared
/// while code runs.
#[test]
fn what_a_deadline_forgets() {
    for config in configs() {
        let mut store = store(config);
        let nothing = import(&mut store, |_| Ok(()));
        let guest = instance(&mut store, &guests(), &[nothing]);
        let handle = store.interrupt_handle().unwrap();
        expire(&mut store);
        assert_eq!(store.time_left(), Some(Duration::ZERO));
        store.set_deadline(Some(HOUR)).unwrap();
        assert!(!store.is_interrupted());
        handle.interrupt();
        store.set_deadline(Some(HOUR)).unwrap();
        assert!(store.is_interrupted());
        assert_interrupted(call(&mut store, guest, "spin"), "triggered");
        // That deadline stays in effect.
        assert!(store.time_left().unwrap() > HOUR / 2);
        handle.interrupt();
        store.set_deadline(None).unwrap();
        assert!(!store.is_interrupted() && store.time_left().is_none());

        for after in [Some(HOUR), None] {
            let host = import(&mut store, move |caller| {
                expire(caller.store());
                caller.store().set_deadline(after)?;
                assert!(caller.store().is_interrupted());
                Ok(())
            });
            let guest = instance(&mut store, &guests(), &[host]);
            assert_interrupted(call(&mut store, guest, "host, loop"), "set while it runs");
            // The new one applies to later calls.
            assert!(!store.is_interrupted());
            assert_eq!(store.time_left().is_some(), after.is_some());
            store.set_deadline(None).unwrap();
        }
    }
}

/// Limiters, and finalizers of host objects, can interrupt the store that waits for them.
#[test]
fn interrupts_by_limiters_and_finalizers() {
    struct OnDrop(InterruptHandle);
    impl Drop for OnDrop {
        fn drop(&mut self) {
            self.0.interrupt();
        }
    }
    for config in configs() {
        let mut store = store(config);
        let text = format!(
            r#"(module (import "" "h" (func $h)) (memory 1)
            (func (export "grows") (local $n i32) (drop (memory.grow (i32.const 1))) {SPIN})
            (func (export "collects") (local $n i32) (call $h) {SPIN}))"#
        );
        let host = import(&mut store, |caller| {
            let handle = caller.store().interrupt_handle()?;
            Ref::host(caller.store(), OnDrop(handle), 0)?.release(caller.store())?;
            caller.store().gc()
        });
        let guest = instance(&mut store, &text, &[host]);
        let handle = store.interrupt_handle().unwrap();
        let limiter = move |_: Growth| {
            handle.interrupt();
            true
        };
        store.set_limiter(Some(Box::new(limiter))).unwrap();
        assert_interrupted(call(&mut store, guest, "grows"), "limiter");
        assert_interrupted(call(&mut store, guest, "collects"), "finalizer");
        assert!(!store.is_interrupted());
    }
}

/// Exceptions are thrown and caught while an interrupt is pending; the code after them stops at the usual points.
#[test]
fn exceptions_while_interrupted() {
    let text = format!(
        r#"(module (import "" "h" (func $h)) (tag $t)
        (func $throws (throw $t))
        (func (export "caught, loop") (local $n i32)
          (call $h) (block $b (try_table (catch $t $b) (throw $t))) {SPIN})
        (func (export "caught, call") (call $h) (block $b (try_table (catch_all $b) (call $throws))) (unreachable))
        (func (export "uncaught") (call $h) (throw $t)))"#
    );
    for config in configs() {
        let mut store = store(config);
        let host = import_expire(&mut store);
        let guest = instance(&mut store, &text, &[host]);
        assert_interrupted(call(&mut store, guest, "caught, loop"), "loop");
        store.set_deadline(None).unwrap();
        // Stops at the entry of the function that throws or, if that has no check (no frame, no call), at the trap after it.
        let kind = call(&mut store, guest, "caught, call").unwrap_err().kind();
        assert!(matches!(kind, ErrorKind::Interrupted | ErrorKind::Trap), "{kind:?}");
        store.set_deadline(None).unwrap();
        assert_eq!(call(&mut store, guest, "uncaught").unwrap_err().kind(), ErrorKind::Exception);
        assert!(store.is_interrupted());
    }
}
