//! A large stack for what recurses deeply, whatever stack the host's thread has.

use super::lock::Mutex;
use super::scarcity;
use corosensei::stack::DefaultStack;
use std::io;

/// Bytes of a large stack.
const SIZE: usize = 8 << 20;
/// Stacks that are kept for the next time, at most.
const KEPT: usize = 4;

static FREE: Mutex<Vec<DefaultStack>> = Mutex::new(Vec::new());

/// Runs `f` on a large stack, on this thread. A panic of `f` goes on in the caller.
pub fn on_large_stack<R>(f: impl FnOnce() -> R) -> io::Result<R> {
    scarcity::check()?;
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

/// Bytes of this thread's stack that are left below an address on it; 0 where that is not known, as on a stack that the thread
/// was not made with.
pub fn room_below(sp: usize) -> usize {
    thread_local! {
        static BOUNDS: (usize, usize) = bounds().unwrap_or_default();
    }
    let (low, high) = BOUNDS.try_with(|b| *b).unwrap_or_default();
    if (low..high).contains(&sp) { sp - low } else { 0 }
}

/// Where the stack of this thread is. Of the first thread it is what the system lets it grow to.
fn bounds() -> Option<(usize, usize)> {
    let mut attr = std::mem::MaybeUninit::<libc::pthread_attr_t>::uninit();
    let (mut low, mut size) = (std::ptr::null_mut(), 0);
    // SAFETY: the attributes are initialised by the first call if it succeeds, read, and destroyed.
    unsafe {
        if libc::pthread_getattr_np(libc::pthread_self(), attr.as_mut_ptr()) != 0 {
            return None;
        }
        let found = libc::pthread_attr_getstack(attr.as_ptr(), &mut low, &mut size);
        libc::pthread_attr_destroy(attr.as_mut_ptr());
        (found == 0).then(|| (low as usize, (low as usize).saturating_add(size)))
    }
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
    fn the_room_of_a_thread_is_known() {
        let here = || {
            let mut local = 0u8;
            room_below(std::hint::black_box(&raw mut local) as usize)
        };
        let thread = |size: usize| std::thread::Builder::new().stack_size(size).spawn(here).unwrap().join();
        let (small, large) = (thread(256 << 10).unwrap(), thread(4 << 20).unwrap());
        assert!((64 << 10..=300 << 10).contains(&small) && (3 << 20..=5 << 20).contains(&large), "{small} {large}");
        assert_eq!(on_large_stack(here).unwrap(), 0);
    }

    #[test]
    fn a_panic_comes_back() {
        let caught = std::panic::catch_unwind(|| on_large_stack(|| panic!("deep inside")));
        assert_eq!(*caught.unwrap_err().downcast::<&str>().unwrap(), "deep inside");
    }
}
