//! Nested calls of one store on different stacks: each call has the limit of its own stack, and the outer call has its limit again after
//! the inner one.

use super::painted::Painted;
use super::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering::Relaxed};

/// Calls from a callback on another thread, whose stack is smaller or larger, while the first thread waits.
#[test]
fn a_nested_call_on_another_thread() {
    for (what, config) in configs() {
        for (outer, inner) in [(128 << 10, 4 << 20), (4 << 20, 128 << 10), (1 << 20, 1 << 20)] {
            let nested = Arc::new(AtomicI32::new(0));
            let (seen, what) = (nested.clone(), format!("{what}, {outer} then {inner}"));
            let inside = what.clone();
            let hook = move |store: &mut StoreMut<'_>, i: Instance| {
                seen.store(on_thread(inner, || exercise(store, i, &inside)), Relaxed);
                // Back on this stack, its limit applies.
                exercise(store, i, &inside);
                Ok(())
            };
            let mut world = World::with_hook(&config, Box::new(hook));
            let (before, alone) = on_thread(outer, || {
                let before = world.exercise(&what);
                assert_eq!(trap(world.call("hook_then_deep")), Some(Trap::StackOverflow), "{what}");
                assert_eq!(world.exercise(&what), before, "{what}");
                (before, on_thread(inner, || World::new(&config).exercise(&what)))
            });
            // About as deep as without the outer call.
            let nested = nested.load(Relaxed);
            assert!((nested - alone).abs() < 100, "{what}: {nested} {alone}, outside {before}");
        }
    }
}

/// The same on a stack that the host has created and described.
#[test]
fn a_nested_call_on_a_coroutine() {
    for (what, config) in configs() {
        for (outer, inner) in [(128 << 10, 512 << 10), (1 << 20, 96 << 10)] {
            let hook = |by_call: bool| {
                let what = format!("{what}, by call: {by_call}");
                move |store: &mut StoreMut<'_>, i: Instance| {
                    let mut stack = Painted::new(inner);
                    let (low, size) = (stack.low(), stack.size());
                    if by_call {
                        stack.run(|| store.on_stack(low, size, |s| Ok(exercise(s, i, &what))))?;
                    } else {
                        store.set_stack(low, size)?;
                        stack.run(|| exercise(store, i, &what));
                    }
                    assert!(stack.lowest() > low + (8 << 10), "{what}");
                    exercise(store, i, &what);
                    store.set_stack(0, 0)
                }
            };
            for by_call in [false, true] {
                let mut world = World::with_hook(&config, Box::new(hook(by_call)));
                on_thread(outer, || {
                    let before = world.exercise(&what);
                    world.call("hook").unwrap();
                    assert_eq!(trap(world.call("hook_then_deep")), Some(Trap::StackOverflow), "{what}");
                    assert_eq!(world.exercise(&what), before, "{what}");
                });
            }
        }
    }
}

/// A stack that is a part of the thread's own stack, with live frames of the thread above it.
#[test]
fn a_nested_call_on_a_part_of_the_same_stack() {
    for (what, config) in configs() {
        let what_inside = what.clone();
        let hook = move |store: &mut StoreMut<'_>, i: Instance| {
            let mut memory = [0u8; 256 << 10];
            let mut stack = Painted::inside(&mut memory);
            let (low, size) = (stack.low(), stack.size());
            store.set_stack(low, size)?;
            let inside = stack.run(|| exercise(store, i, &what_inside));
            assert!(stack.lowest() > low + (16 << 10), "{what_inside}");
            // Outside of that part, the rest of the stack is available.
            let beside = exercise(store, i, &what_inside);
            store.set_stack(0, 0)?;
            assert!(inside < beside, "{what_inside}: {inside} {beside}");
            Ok(())
        };
        let mut world = World::with_hook(&config, Box::new(hook));
        on_thread(8 << 20, || world.call("hook")).unwrap();
    }
}

/// Each level of a recursion through the host is on a new stack; the host ends it after some levels.
#[test]
fn calls_that_change_stacks_at_every_level() {
    for (what, config) in configs() {
        let levels = AtomicI32::new(0);
        let hook = move |store: &mut StoreMut<'_>, i: Instance| {
            let n = levels.fetch_add(1, Relaxed);
            if n == 40 {
                return Err(Error::new(ErrorKind::Host, "enough"));
            }
            let mut stack = Painted::new(if n % 2 == 0 { 96 << 10 } else { 256 << 10 });
            let (low, size) = (stack.low(), stack.size());
            stack.run(|| store.on_stack(low, size, |s| call(s, i, "hook"))).map(|_| ())
        };
        let mut world = World::with_hook(&config, Box::new(hook));
        on_thread(1 << 20, || {
            let e = world.call("hook").unwrap_err();
            assert_eq!((e.kind(), e.message()), (ErrorKind::Host, "enough"), "{what}");
            world.exercise(&what);
        });
    }
}

/// An interrupt during a nested call on another stack ends that call, even though limits are restored in the meantime.
#[test]
fn an_interrupt_is_not_lost_between_stacks() {
    for (what, config) in configs() {
        let hook = |store: &mut StoreMut<'_>, i: Instance| {
            let handle = store.interrupt_handle().unwrap();
            let mut stack = Painted::new(256 << 10);
            let (low, size) = (stack.low(), stack.size());
            stack.run(|| {
                store.on_stack(low, size, |s| {
                    handle.interrupt();
                    assert_eq!(trap(call(s, i, "deep")), Some(Trap::Interrupted));
                    Ok(())
                })
            })
        };
        let mut world = World::with_hook(&config.clone().interruption(true), Box::new(hook));
        let _ = world.call("hook");
        let _ = world.store.take_interrupt();
        assert_eq!(world.call("seven").unwrap(), 7, "{what}");
        world.exercise(&what);
    }
}
