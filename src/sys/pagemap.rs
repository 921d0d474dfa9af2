//! Finds the pages of a private mapping that this process has written to, so that only those need to be reset (`PAGEMAP_SCAN`,
//! Linux 6.7).

use super::lock::Mutex;
use super::mmap::page_size;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, Ordering::*};

/// `struct page_region` of `linux/fs.h`.
#[derive(Clone, Copy, Default)]
#[repr(C)]
struct Region {
    start: u64,
    end: u64,
    categories: u64,
}

/// `struct pm_scan_arg` of `linux/fs.h`.
#[repr(C)]
struct ScanArg {
    size: u64,
    flags: u64,
    start: u64,
    end: u64,
    walk_end: u64,
    vec: u64,
    vec_len: u64,
    max_pages: u64,
    category_inverted: u64,
    category_mask: u64,
    category_anyof_mask: u64,
    return_mask: u64,
}

/// `_IOWR('f', 16, struct pm_scan_arg)`.
const PAGEMAP_SCAN: libc::c_ulong =
    3 << 30 | (size_of::<ScanArg>() as libc::c_ulong) << 16 | (b'f' as libc::c_ulong) << 8 | 16;
const PAGE_IS_FILE: u64 = 1 << 2;
const PAGE_IS_PRESENT: u64 = 1 << 3;
const PAGE_IS_SWAPPED: u64 = 1 << 4;
const PAGE_IS_PFNZERO: u64 = 1 << 5;

/// The maximum number of runs of pages that one scan finds.
const RUNS: usize = 64;

/// Points to the descriptor of the page map's file, plus one. It is stored on a page that reads as zeros after a fork, since the
/// parent's file shows the parent's pages. Null before the first scan.
static FILE: AtomicPtr<AtomicI32> = AtomicPtr::new(ptr::null_mut());
/// Whether the system has no page map.
static IS_MISSING: AtomicBool = AtomicBool::new(false);

/// A page that reads as zeros in a child. Never unmapped.
fn wiped_page() -> Option<*mut AtomicI32> {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    // SAFETY: a new mapping at an address the system chooses, then advice on it (invariants S1 and S2).
    unsafe {
        let p = libc::mmap(ptr::null_mut(), page_size(), libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0);
        if p == libc::MAP_FAILED {
            return None;
        }
        if libc::madvise(p, page_size(), libc::MADV_WIPEONFORK) != 0 {
            libc::munmap(p, page_size());
            return None;
        }
        Some(p.cast())
    }
}

/// The file that shows this process its own pages.
fn file() -> Option<libc::c_int> {
    // SAFETY: null, or a page that is never unmapped (invariant S4).
    match unsafe { FILE.load(Acquire).as_ref() }.map_or(0, |file| file.load(Acquire)) {
        0 => open(),
        number => Some(number - 1),
    }
}

/// Called once in a process and in each fork of it. A child never closes the parent's file, as it cannot know that the descriptor is still
/// the same file.
#[cold]
fn open() -> Option<libc::c_int> {
    static OPENING: Mutex<()> = Mutex::new(());
    if IS_MISSING.load(Relaxed) {
        return None;
    }
    // While another thread opens the file, the result is unknown.
    let _guard = OPENING.try_lock()?;
    let page = match FILE.load(Acquire) {
        page if page.is_null() => wiped_page(),
        page => Some(page),
    };
    // SAFETY: a plain system call (invariant S1).
    let fd = unsafe { libc::open(c"/proc/self/pagemap".as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC) };
    let (Some(page), true) = (page, fd >= 0) else {
        IS_MISSING.store(true, Relaxed);
        return None;
    };
    // SAFETY: a page that is never unmapped (invariant S4).
    unsafe { (*page).store(fd + 1, Release) };
    FILE.store(page, Release);
    Some(fd)
}

/// The result of a scan.
pub struct Written {
    runs: [Region; RUNS],
    count: usize,
    base: usize,
    /// The offset at which the scan stopped.
    pub end: usize,
}

impl Written {
    /// Keeps the first `most` bytes of the runs, as if the scan had stopped after them.
    fn cut(&mut self, most: usize) {
        let mut left = most as u64;
        for i in 0..self.count {
            let run = &mut self.runs[i];
            if run.end - run.start > left {
                run.end = run.start + left;
                self.end = run.end as usize - self.base;
                self.count = i + usize::from(left > 0);
                return;
            }
            left -= run.end - run.start;
        }
    }

    /// The offsets and lengths of the written runs, in bytes; multiples of the page size.
    pub fn runs(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        self.runs[..self.count].iter().map(|r| (r.start as usize - self.base, (r.end - r.start) as usize))
    }
}

/// Finds the pages among `len` bytes from `base` that were written: those that are neither the zero page nor a file's page. Stops once it
/// has found more than `most` bytes of them. `None` if the system cannot tell.
pub fn written(base: *const u8, len: usize, most: usize) -> Option<Written> {
    let mut found = Written { runs: [Region::default(); RUNS], count: 0, base: base as usize, end: 0 };
    let mut arg = ScanArg {
        size: size_of::<ScanArg>() as u64,
        flags: 0,
        start: base as u64,
        end: base as u64 + len as u64,
        walk_end: 0,
        vec: found.runs.as_mut_ptr() as u64,
        vec_len: RUNS as u64,
        // One more than needed, to see whether there are more.
        max_pages: (most / page_size()) as u64 + 1,
        // Neither a file's page nor the zero page, and in memory or swapped out.
        category_inverted: PAGE_IS_FILE | PAGE_IS_PFNZERO,
        category_mask: PAGE_IS_FILE | PAGE_IS_PFNZERO,
        category_anyof_mask: PAGE_IS_PRESENT | PAGE_IS_SWAPPED,
        return_mask: PAGE_IS_PRESENT | PAGE_IS_SWAPPED,
    };
    // SAFETY: the argument and the list it points to are valid, and have the lengths that it states (invariant S1).
    let count = unsafe { libc::ioctl(file()?, PAGEMAP_SCAN, &mut arg) };
    if count < 0 || count as usize > RUNS || arg.walk_end < arg.start || arg.walk_end > arg.end {
        return None;
    }
    found.count = count as usize;
    found.end = (arg.walk_end - arg.start) as usize;
    found.cut(most / page_size() * page_size());
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::mmap::{MemFd, Reservation};

    fn runs(r: &Reservation, len: usize, most: usize) -> Option<(Vec<(usize, usize)>, usize)> {
        written(r.as_ptr(), len, most).map(|w| (w.runs().collect(), w.end))
    }

    /// Without the system call there is nothing to test: `None` is always a correct result.
    #[test]
    fn only_written_pages_are_found() {
        let page = page_size();
        let r = Reservation::new(64 * page).unwrap();
        r.commit(0, 32 * page).unwrap();
        r.map_file_cow(8 * page, &MemFd::new(c"wrt-test", &vec![5; 8 * page]).unwrap(), 0, 8 * page).unwrap();
        let Some(at_first) = runs(&r, 32 * page, 32 * page) else { return };
        assert_eq!(at_first, (vec![], 32 * page));
        // SAFETY: committed or mapped (invariant S2).
        unsafe {
            // A read does not create a private page.
            assert_eq!((*r.as_ptr(), *r.as_ptr().add(9 * page)), (0, 5));
            assert_eq!(runs(&r, 32 * page, 32 * page).unwrap().0, []);
            for at in [1, 2, 10, 20] {
                *r.as_ptr().add(at * page + 7) = 1;
            }
        }
        assert_eq!(
            runs(&r, 32 * page, 32 * page).unwrap(),
            (vec![(page, 2 * page), (10 * page, page), (20 * page, page)], 32 * page)
        );
        assert_eq!(runs(&r, 32 * page, 3 * page).unwrap(), (vec![(page, 2 * page), (10 * page, page)], 20 * page));
        assert_eq!(runs(&r, 32 * page, page).unwrap(), (vec![(page, page)], 2 * page));
        assert_eq!(runs(&r, 32 * page, page - 1).unwrap(), (vec![], page));
        assert_eq!(runs(&r, 32 * page, 4 * page).unwrap().1, 32 * page);
        // More runs than one scan finds.
        let many = Reservation::new(400 * page).unwrap();
        many.commit(0, 400 * page).unwrap();
        // SAFETY: committed (invariant S2).
        (0..200).for_each(|i| unsafe { *many.as_ptr().add(2 * i * page) = 1 });
        let (some, end) = runs(&many, 400 * page, 400 * page).unwrap();
        assert!(some.len() == RUNS && end < 400 * page && end >= 2 * (RUNS - 1) * page + page);
    }

    #[test]
    fn a_fork_sees_its_own_pages() {
        let page = page_size();
        let r = Reservation::new(4 * page).unwrap();
        r.commit(0, 4 * page).unwrap();
        if runs(&r, 4 * page, 4 * page).is_none() {
            return;
        }
        // SAFETY: the child runs little code, and exits.
        unsafe {
            let child = libc::fork();
            if child == 0 {
                *r.as_ptr().add(page) = 1;
                let right = runs(&r, 4 * page, 4 * page).is_none_or(|(runs, _)| runs == [(page, page)]);
                libc::_exit(if right { 0 } else { 1 });
            }
            let mut status = 0;
            assert_eq!((libc::waitpid(child, &mut status, 0), status), (child, 0));
        }
    }
}
