//! A large stack for deep recursion, however small the stack of the host's thread is.

use super::fault_injection;
use super::lock::Mutex;
use corosensei::stack::DefaultStack;
use std::io;

/// The size of a large stack, in bytes.
const SIZE: usize = 8 << 20;
/// The maximum number of stacks that are kept for reuse.
const KEPT: usize = 4;

static FREE: Mutex<Vec<DefaultStack>> = Mutex::new(Vec::new());

/// Runs `f` on a large stack, on this thread. A panic of `f` propagates to the caller.
pub fn on_large_stack<R>(f: impl FnOnce() -> R) -> io::Result<R> {
    fault_injection::check()?;
    let kept = FREE.lock().pop();
    let mut stack = match kept {
        Some(stack) => stack,
        None => DefaultStack::new(SIZE)?,
    };
    let result = corosensei::on_stack(&mut stack, f);
    let mut free = FREE.lock();
    if free.len() < KEPT {
        free.push(stack);
    }
    Ok(result)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn depth(n: u64) -> u64 {
        let room = std::hint::black_box([n; 100]);
        if n == 0 { room[0] } else { depth(n - 1) + room[1] / room[2] }
    }

    #[test]
    fn a_small_thread_recurses_deeply() {
        let small = std::thread::Builder::new().stack_size(64 << 10);
        let sum = small.spawn(|| on_large_stack(|| depth(5000)).unwrap()).unwrap().join().unwrap();
        assert_eq!(sum, 5000);
    }

    #[test]
    fn a_panic_comes_back() {
        let caught = std::panic::catch_unwind(|| on_large_stack(|| panic!("deep inside")));
        assert_eq!(*caught.unwrap_err().downcast::<&str>().unwrap(), "deep inside");
    }
}
