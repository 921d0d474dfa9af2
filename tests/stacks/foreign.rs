//! Stacks that the host has created: described for the store, described for the call, or not described.

use super::painted::{Painted, here};
use super::*;

#[test]
fn recursion_is_a_trap_on_described_stacks() {
    for (what, config) in configs() {
        let mut world = World::new(&config);
        let depths = [64, 96, 128, 256, 1024].map(|kib| {
            let mut stack = Painted::new(kib << 10);
            let (low, size) = (stack.low(), stack.size());
            let what = format!("{what}, {kib} KiB");
            on_thread(1 << 20, || {
                let by_call =
                    stack.run(|| world.store.on_stack(low, size, |s| Ok(exercise(s, world.instance, &what)))).unwrap();
                world.store.set_stack(low, size).unwrap();
                // Twice: the second call uses what is known from the first.
                let by_store = [(); 2].map(|()| stack.run(|| world.exercise(&what)));
                assert_eq!(by_store[0], by_store[1], "{what}");
                assert!((by_call - by_store[0]).abs() < 50, "{what}: {by_call} {by_store:?}");
                // The thread's own stack is still known.
                assert!(world.exercise(&what) > 1000, "{what}");
                world.store.set_stack(0, 0).unwrap();
                by_call
            })
        });
        assert!(depths.is_sorted() && depths[0] > 20 && depths[3] > 5 * depths[0], "{what}: {depths:?}");
    }
}

#[test]
fn recursion_is_a_trap_on_stacks_that_are_not_described() {
    for (what, config) in configs() {
        let mut world = World::new(&config);
        for kib in [64, 96, 128, 1024] {
            let mut stack = Painted::new(kib << 10);
            let levels = stack.run(|| world.exercise(&what));
            assert!(levels > 20, "{what}, {kib} KiB: {levels}");
            // 64 KiB for WebAssembly, a reserve, and the part above.
            assert!(stack.high() - stack.lowest() < 128 << 10, "{what}, {kib} KiB");
        }
    }
}

/// The memory below is checked on each call, since it may have changed.
#[test]
fn a_stack_that_became_smaller() {
    for (what, config) in configs() {
        let mut world = World::new(&config);
        let mut stack = Painted::new(256 << 10);
        let before = stack.run(|| world.exercise(&what));
        stack.end_at(72 << 10);
        let after = stack.run(|| world.exercise(&what));
        assert!(after > 20 && after < before, "{what}: {before} {after}");
    }
}

/// A nested call on the same stack does not increase the usable stack.
#[test]
fn recursion_through_the_host_ends_on_stacks_that_are_not_described() {
    for (what, config) in configs() {
        let mut world = World::new(&config);
        let mut stack = Painted::new(1 << 20);
        assert_eq!(trap(stack.run(|| world.call("through"))), Some(Trap::StackOverflow), "{what}");
        assert!(stack.high() - stack.lowest() < 128 << 10, "{what}");
    }
}

#[test]
fn odd_descriptions_are_refused() {
    let mut world = World::new(&Config::new());
    let instance = world.instance;
    let refused = |r: Result<()>| assert_eq!(r.unwrap_err().kind(), ErrorKind::InvalidArgument);
    for (low, size) in
        [(0, 1 << 20), (4096, 0), (1 << 20, 32 << 10), (usize::MAX - 4096, 1 << 20), (1 << 20, usize::MAX)]
    {
        refused(world.store.set_stack(low, size));
        refused(world.store.on_stack(low, size, |s| call(s, instance, "seven").map(|_| ())));
    }
    // The call is on another stack.
    let mut stack = Painted::new(128 << 10);
    let (low, size) = (stack.low(), stack.size());
    refused(world.store.on_stack(low, size, |s| call(s, instance, "seven").map(|_| ())));
    stack.run(|| refused(world.store.on_stack(here() & !0xf_ffff, 48 << 10, |_| Ok(()))));
    assert_eq!(stack.run(|| world.store.on_stack(low, size, |s| call(s, instance, "seven"))).unwrap(), 7);
    // An error inside removes the description as well.
    let e = stack.run(|| world.store.on_stack(low, size, |s| call(s, instance, "outside"))).unwrap_err();
    assert_eq!(e.trap_code(), Some(Trap::MemoryOutOfBounds));
    world.exercise("afterwards");
}
