//! Finds the owner of machine code: from an address to the module or the trampolines that it belongs to.
//!
//! The map is a page table in software, with the fan-out of the processor's own: a slot of the last level stands for
//! one page, which belongs to at most one owner. The trap handler reads it in a signal, and every throw reads it for
//! each frame. So readers write nothing, take no lock and never wait. Threads that register or withdraw code do not
//! wait either: they write only the slots of their own pages, and add missing nodes by compare-and-swap.
//!
//! Nodes are never freed: a node of the last level takes 4 KiB for 2 MiB of addresses, however often code there is
//! replaced. Entries are freed when they are withdrawn, because no thread looks them up by then (`find`).

use crate::engine::code::machine_code::CodeTables;
use crate::engine::code::thunks::ThunkTable;
use crate::engine::code::trampoline::TrampolineText;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, Ordering::*};

#[derive(Clone, Copy)]
pub enum CodeOwner {
    Module(*const CodeTables),
    Trampolines(*const TrampolineText),
}

/// The owner of a range of addresses.
#[derive(Clone, Copy)]
enum Held {
    One(CodeOwner),
    /// Many pieces of code, which the `ThunkTable` can find.
    Many(*const ThunkTable),
}

struct Entry {
    start: usize,
    end: usize,
    held: Held,
}

/// The number of address bits within a page of the last level. Larger system pages take several slots.
const PAGE_BITS: u32 = 12;
/// The number of address bits that each level uses.
const LEVEL_BITS: u32 = 9;
const LEVELS: u32 = 4;
const FANOUT: usize = 1 << LEVEL_BITS;
/// The maximum number of bits in a program's addresses.
const ADDRESS_BITS: u32 = PAGE_BITS + LEVELS * LEVEL_BITS;

/// Each slot is null, points to the node of the next level, or (with the lowest bit set) points to the entry that has
/// all addresses of the slot.
struct Node([AtomicPtr<u8>; FANOUT]);

static ROOT: Node = Node::new();

/// The content of a slot.
enum Slot {
    Empty,
    Node(&'static Node),
    Entry(*const Entry),
}

impl Node {
    const fn new() -> Node {
        Node([const { AtomicPtr::new(null_mut()) }; FANOUT])
    }

    fn get(&self, i: usize) -> Slot {
        let p = self.0[i].load(Acquire);
        match (p.is_null(), p.addr() & 1) {
            (true, _) => Slot::Empty,
            // SAFETY: without the bit it is a node, and nodes are never freed (invariant E1).
            (_, 0) => Slot::Node(unsafe { &*p.cast::<Node>() }),
            _ => Slot::Entry(p.map_addr(|a| a & !1).cast_const().cast()),
        }
    }

    /// The node of the next level, created if it does not exist yet.
    fn child(&self, i: usize) -> &'static Node {
        if let Slot::Node(node) = self.get(i) {
            return node;
        }
        let new = Box::into_raw(Box::new(Node::new()));
        match self.0[i].compare_exchange(null_mut(), new.cast(), AcqRel, Acquire) {
            // SAFETY: nodes are never freed (invariant E1).
            Ok(_) => unsafe { &*new },
            Err(other) => {
                // SAFETY: created here, and no other thread has seen it.
                drop(unsafe { Box::from_raw(new) });
                assert!(other.addr() & 1 == 0, "these addresses have an owner");
                // SAFETY: another thread's node; nodes are never freed (invariant E1).
                unsafe { &*other.cast::<Node>() }
            }
        }
    }

    /// Stores `value` in the slots for the addresses from `start` to `end`, both page-aligned and all below this node
    /// of `level`.
    fn fill(&self, level: u32, start: usize, end: usize, value: *mut u8) {
        let size = 1 << shift(level);
        let mut at = start;
        while at < end {
            let next = (at / size + 1) * size;
            let i = index(level, at);
            let is_whole = at.is_multiple_of(size) && next <= end;
            if is_whole && (level == LEVELS - 1 || !matches!(self.get(i), Slot::Node(_))) {
                self.0[i].store(value, Release);
            } else {
                self.child(i).fill(level + 1, at, next.min(end), value);
            }
            at = next.min(end);
        }
    }
}

/// The number of address bits below those that a level uses.
const fn shift(level: u32) -> u32 {
    PAGE_BITS + (LEVELS - 1 - level) * LEVEL_BITS
}

fn index(level: u32, address: usize) -> usize {
    (address >> shift(level)) & (FANOUT - 1)
}

fn lookup(pc: usize) -> Option<*const Entry> {
    if pc >> ADDRESS_BITS != 0 {
        return None;
    }
    let mut node = &ROOT;
    for level in 0..LEVELS {
        match node.get(index(level, pc)) {
            Slot::Empty => return None,
            Slot::Node(next) => node = next,
            Slot::Entry(entry) => return Some(entry),
        }
    }
    None
}

/// Looks up `pc` and passes its owner and offset to `f`. Async-signal-safe if `f` is.
///
/// `pc` is where this thread is running, or an address in a frame whose code is kept (invariant 6). So code that is
/// found cannot be withdrawn during the call. If the thread is running at an address that has no owner now, earlier
/// code there was withdrawn before the addresses were used again.
pub fn find<R>(pc: usize, f: impl FnOnce(CodeOwner, usize) -> R) -> Option<R> {
    // SAFETY: registered and not withdrawn, as explained above (invariants 6 and E1).
    let entry = unsafe { &*lookup(pc)? };
    if !(entry.start..entry.end).contains(&pc) {
        return None;
    }
    match entry.held {
        Held::One(owner) => Some(f(owner, pc - entry.start)),
        Held::Many(text) => {
            // SAFETY: registered as long as it lives (invariant E1).
            let (code, offset) = unsafe { &*text }.find(pc - entry.start)?;
            Some(f(CodeOwner::Module(code), offset))
        }
    }
}

/// Registers the code of `owner`, `len` bytes from `start`, on pages of its own. It must be withdrawn before the code
/// or the owner is freed.
pub fn register(start: usize, len: usize, owner: CodeOwner) {
    insert(Entry { start, end: start + len, held: Held::One(owner) });
}

/// Registers a range of `len` bytes from `start`, on pages of its own, in which code is added gradually.
pub fn register_many(start: usize, len: usize, text: *const ThunkTable) {
    insert(Entry { start, end: start + len, held: Held::Many(text) });
}

fn insert(entry: Entry) {
    let (start, end) = (entry.start, entry.end);
    if start == end {
        return;
    }
    let value = Box::into_raw(Box::new(entry)).map_addr(|a| a | 1);
    put(start, end, value.cast());
}

/// Withdraws the code that was registered there. None of it runs or will be looked up any more.
pub fn unregister(start: usize, len: usize) {
    if len == 0 {
        return;
    }
    let entry = lookup(start);
    put(start, start + len, null_mut());
    if let Some(entry) = entry {
        // SAFETY: created by `insert`, in no slot any more, and no thread looks it up now (`find`, invariant E1).
        drop(unsafe { Box::from_raw(entry.cast_mut()) });
    }
}

fn put(start: usize, end: usize, value: *mut u8) {
    let page = 1 << PAGE_BITS;
    assert!(start.is_multiple_of(page) && end >> ADDRESS_BITS == 0, "code begins at a page");
    ROOT.fill(0, start, end.next_multiple_of(page), value);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, AtomicUsize};

    /// Addresses that no mapping has.
    const BASE: usize = 0x3000_0000_0000;

    fn owner(n: usize) -> CodeOwner {
        CodeOwner::Trampolines(std::ptr::without_provenance(n * 64))
    }

    /// The owner's number, and the offset.
    fn found(pc: usize) -> Option<(usize, usize)> {
        find(pc, |owner, offset| match owner {
            CodeOwner::Trampolines(t) => (t.addr() / 64, offset),
            CodeOwner::Module(m) => (m.addr(), offset),
        })
    }

    #[test]
    fn addresses_lead_to_their_owner() {
        let page = 1 << PAGE_BITS;
        // From less than a page to more than a slot of the second level, including whole slots of several levels.
        let sizes = [1, page - 1, page, page + 1, 511 * page, 512 * page, 513 * page, (3 << 20) + 5, (1 << 30) + page];
        let mut at = BASE;
        for (n, len) in sizes.into_iter().enumerate() {
            register(at, len, owner(n + 1));
            let last = at + len - 1;
            assert_eq!(found(at), Some((n + 1, 0)));
            assert_eq!(found(at + len / 2), Some((n + 1, len / 2)));
            assert_eq!(found(last), Some((n + 1, len - 1)));
            assert_eq!(found(last + 1), None, "what is behind the last byte, on its page or the next");
            at += len.next_multiple_of(page);
        }
        at = BASE;
        for len in sizes {
            unregister(at, len);
            assert!([at, at + len / 2, at + len - 1].into_iter().all(|pc| found(pc).is_none()));
            at += len.next_multiple_of(page);
        }
        // A large piece replaces small ones, and a small one replaces the large one.
        register(BASE, 4 << 30, owner(7));
        assert_eq!(found(BASE + (3 << 30) + 77), Some((7, (3 << 30) + 77)));
        unregister(BASE, 4 << 30);
        register(BASE + (3 << 30), 5, owner(8));
        assert_eq!((found(BASE + (3 << 30) + 4), found(BASE + (2 << 30))), (Some((8, 4)), None));
        unregister(BASE + (3 << 30), 5);
    }

    #[test]
    fn no_address_is_out_of_bounds() {
        for pc in [0, 1, 0xfff, usize::MAX, usize::MAX << ADDRESS_BITS, (1 << ADDRESS_BITS) - 1, 1 << ADDRESS_BITS] {
            assert_eq!(found(pc), None);
        }
    }

    /// Code is added and removed in the same nodes as code that is looked up continuously. Neither side waits for the
    /// other, and registered code is always found.
    #[test]
    fn neither_side_waits_for_the_other() {
        const WRITERS: usize = 3;
        const ROUNDS: usize = 3000;
        let page = 1 << PAGE_BITS;
        let fixed = BASE + (1 << 40);
        register(fixed, 3 * page, owner(100));
        let (done, lookups) = (AtomicBool::new(false), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            let readers: Vec<_> = (0..2)
                .map(|_| {
                    scope.spawn(|| {
                        let mut i = 0;
                        // With enough processors, a lookup is always in progress.
                        while !done.load(Relaxed) {
                            assert_eq!(found(fixed + i % (3 * page)), Some((100, i % (3 * page))));
                            i += 1;
                        }
                        lookups.fetch_add(i, Relaxed);
                    })
                })
                .collect();
            let writers: Vec<_> = (0..WRITERS)
                .map(|w| {
                    scope.spawn(move || {
                        for round in 0..ROUNDS {
                            // All writers use the same nodes as each other and as the readers.
                            let at = fixed + (3 + w + WRITERS * (round % 700)) * page;
                            register(at, page, owner(w + 1));
                            assert_eq!(found(at + 9), Some((w + 1, 9)));
                            unregister(at, page);
                            assert_eq!(found(at), None);
                        }
                    })
                })
                .collect();
            writers.into_iter().for_each(|w| w.join().unwrap());
            done.store(true, Relaxed);
            readers.into_iter().for_each(|r| r.join().unwrap());
        });
        unregister(fixed, 3 * page);
    }
}
