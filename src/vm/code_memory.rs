//! Which machine code is where: from an address to the module or trampoline it belongs to.
//!
//! The trap handler asks in a signal, where no lock may be taken. So the directory is an immutable sorted array that
//! writers replace; a reader announces itself by a counter, and a writer frees the old array when no reader is left.

use super::engine::Trampoline;
use super::lazy_text::LazyText;
use super::machine_code::ModuleCode;
use parking_lot::Mutex;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering::SeqCst};

#[derive(Clone, Copy)]
pub enum Owner {
    Module(*const ModuleCode),
    Trampoline(*const Trampoline),
}

/// What stands in the directory.
#[derive(Clone, Copy)]
enum Held {
    One(Owner),
    /// Many pieces of code, which it can find.
    Many(*const LazyText),
}

#[derive(Clone, Copy)]
struct Entry {
    start: usize,
    end: usize,
    held: Held,
}

static WRITER: Mutex<()> = Mutex::new(());
static CURRENT: AtomicPtr<Vec<Entry>> = AtomicPtr::new(std::ptr::null_mut());
static READERS: AtomicUsize = AtomicUsize::new(0);

/// Looks `pc` up and gives its owner and offset to `f`, during which the owner cannot go away. Async-signal-safe as far
/// as `f` is.
pub fn find<R>(pc: usize, f: impl FnOnce(Owner, usize) -> R) -> Option<R> {
    READERS.fetch_add(1, SeqCst);
    // SAFETY: CURRENT is null or a vector that is freed only after it was replaced and READERS was seen 0 after that;
    // this reader announced itself before it loaded the pointer.
    let entries = unsafe { CURRENT.load(SeqCst).as_ref() };
    let found = entries.and_then(|entries| {
        let i = entries.partition_point(|e| e.end <= pc);
        entries.get(i).filter(|e| e.start <= pc).copied()
    });
    let result = found.and_then(|e| match e.held {
        Held::One(owner) => Some(f(owner, pc - e.start)),
        Held::Many(text) => {
            // SAFETY: registered as long as it lives, and this reader keeps it from being withdrawn.
            let (code, offset) = unsafe { &*text }.find(pc - e.start)?;
            Some(f(Owner::Module(code), offset))
        }
    });
    READERS.fetch_sub(1, SeqCst);
    result
}

fn replace(change: impl FnOnce(&mut Vec<Entry>)) {
    let _one_writer = WRITER.lock();
    let old = CURRENT.load(SeqCst);
    // SAFETY: only writers free the vector, and this is the one writer.
    let mut entries = unsafe { old.as_ref() }.cloned().unwrap_or_default();
    change(&mut entries);
    CURRENT.store(Box::into_raw(Box::new(entries)), SeqCst);
    while READERS.load(SeqCst) != 0 {
        std::thread::yield_now();
    }
    if !old.is_null() {
        // SAFETY: it came from Box::into_raw, is no longer current, and every reader that could have seen it is gone.
        drop(unsafe { Box::from_raw(old) });
    }
}

/// Announces the code of `owner`, `len` bytes from `start`. It must be withdrawn before either goes away.
pub fn register(start: usize, len: usize, owner: Owner) {
    insert(Entry { start, end: start + len, held: Held::One(owner) });
}

/// Announces code that grows inside of `len` bytes from `start`.
pub fn register_many(start: usize, len: usize, text: *const LazyText) {
    insert(Entry { start, end: start + len, held: Held::Many(text) });
}

fn insert(entry: Entry) {
    if entry.start == entry.end {
        return;
    }
    replace(|entries| {
        let i = entries.partition_point(|e| e.start < entry.start);
        entries.insert(i, entry);
    });
}

pub fn unregister(start: usize, len: usize) {
    if len == 0 {
        return;
    }
    replace(|entries| entries.retain(|e| e.start != start));
}
