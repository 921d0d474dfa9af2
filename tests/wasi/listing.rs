//! Listing directories.

use super::guest::*;
use std::collections::BTreeSet;

struct Entry {
    next: u64,
    ino: u64,
    file_type: u8,
    name: String,
}

/// The complete entries in a buffer of the guest.
fn entries(bytes: &[u8]) -> Vec<Entry> {
    let mut found = Vec::new();
    let mut at = 0;
    while at + 24 <= bytes.len() {
        let word = |i: usize| u64::from_le_bytes(bytes[at + i..at + i + 8].try_into().unwrap());
        let name = at + 24..at + 24 + (word(16) as u32) as usize;
        if name.end > bytes.len() {
            break;
        }
        let text = String::from_utf8(bytes[name.clone()].to_vec()).unwrap();
        found.push(Entry { next: word(0), ino: word(8), file_type: bytes[at + 20], name: text });
        at = name.end;
    }
    found
}

impl Guest {
    fn readdir(&mut self, fd: u32, len: u32, cookie: u64) -> Result<Vec<u8>, u16> {
        self.done("fd_readdir", &[fd.into(), DATA.into(), len.into(), cookie, OUT.into()])?;
        Ok(self.get(DATA, self.u32(OUT) as usize))
    }

    /// A complete listing, with a buffer of `len` bytes; `each` is called for every entry.
    fn list(&mut self, fd: u32, len: u32, mut each: impl FnMut(&mut Guest, &Entry)) {
        let mut cookie = 0;
        loop {
            let bytes = self.readdir(fd, len, cookie).unwrap();
            let found = entries(&bytes);
            for e in &found {
                each(self, e);
                cookie = e.next;
            }
            if bytes.len() < len as usize {
                return;
            }
            assert!(!found.is_empty(), "a buffer that fits no entry");
        }
    }

    fn names(&mut self, fd: u32, len: u32) -> Vec<String> {
        let mut names = Vec::new();
        self.list(fd, len, |_, e| names.push(e.name.clone()));
        names
    }
}

/// More entries than are read in one step.
fn many() -> (Dir, BTreeSet<String>) {
    let dir = Dir::new();
    let mut names: BTreeSet<String> = (0..1500).map(|i| format!("{}{i}", "long-name-".repeat(i % 9))).collect();
    names.iter().for_each(|n| drop(dir.write(n, "")));
    names.extend([".".to_string(), "..".to_string()]);
    (dir, names)
}

#[test]
fn every_entry_once_with_buffers_of_any_size() {
    let (dir, names) = many();
    let mut g = Guest::with_dir(dir.path());
    for len in [150, 1000, 4096, 65536] {
        let listed = g.names(3, len);
        assert_eq!(listed.len(), names.len(), "{len}");
        assert_eq!(listed.into_iter().collect::<BTreeSet<_>>(), names);
    }
}

/// Removing entries during a listing does not make it skip others; `rm -r` relies on this.
#[test]
fn cookies_are_good_while_files_go() {
    let (dir, _) = many();
    let mut g = Guest::with_dir(dir.path());
    let mut seen = 0;
    g.list(3, 700, |g, e| {
        if !e.name.starts_with("..") && e.name != "." {
            assert_eq!(g.path("path_unlink_file", &e.name), Ok(()), "{}", e.name);
            seen += 1;
        }
    });
    assert_eq!(seen, 1500);
    assert_eq!(g.names(3, 4096), [".", ".."]);
}

/// A cookie always stands for the same position, on this descriptor and on another one.
#[test]
fn cookies_are_places() {
    let (dir, names) = many();
    let mut g = Guest::with_dir(dir.path());
    let mut all = Vec::new();
    g.list(3, 4096, |_, e| all.push((e.next, e.name.clone())));
    let other = g.open(".", DIRECTORY, READ).unwrap();
    for i in [0, 700, 10, 1400, 699] {
        for fd in [3, other] {
            let bytes = g.readdir(fd, 400, all[i].0).unwrap();
            assert_eq!(entries(&bytes)[0].name, all[i + 1].1);
        }
    }
    assert_eq!(g.readdir(3, 400, all[names.len() - 1].0).unwrap(), b"");
    // From the start again: the new entry is there.
    dir.write("new", "");
    assert!(g.names(3, 4096).contains(&"new".to_string()));
}

#[test]
fn entries_say_what_they_are() {
    let dir = Dir::new();
    dir.write("d/f", "");
    std::os::unix::fs::symlink("f", dir.path().join("d/l")).unwrap();
    let mut g = Guest::with_dir(dir.path());
    let d = g.open("d", DIRECTORY, READ).unwrap();
    let mut found = Vec::new();
    g.list(d, 4096, |_, e| found.push((e.name.clone(), e.file_type, e.ino)));
    found.sort();
    let ino = |g: &mut Guest, path| g.stat(path, 0).unwrap().ino;
    let (own, root) = (ino(&mut g, "d"), ino(&mut g, "."));
    assert_eq!(found[0], (".".into(), 3, own));
    assert_eq!(found[1], ("..".into(), 3, root));
    assert_eq!(found[2], ("f".into(), 4, ino(&mut g, "d/f")));
    assert_eq!(found[3], ("l".into(), 7, ino(&mut g, "d/l")));
    // A guest learns nothing about what is above its directories.
    g.list(3, 4096, |_, e| assert!(!e.name.starts_with('.') || e.ino == root));
}

#[test]
fn odd_listings() {
    let dir = Dir::new();
    dir.write("f", "");
    let mut g = Guest::with_dir(dir.path());
    let f = g.open("f", 0, READ).unwrap();
    assert_eq!(g.readdir(f, 100, 0), Err(errno::NOTDIR));
    assert_eq!(g.readdir(99, 100, 0), Err(errno::BADF));
    assert_eq!(g.readdir(3, 0, 0).unwrap(), b"");
    // Cut off in the head of the first entry.
    assert_eq!(g.readdir(3, 10, 0).unwrap().len(), 10);
    assert_eq!(g.readdir(3, 100, u64::MAX), Err(errno::INVAL));
    // Any other number is a position or invalid: no crash, no endless listing.
    for cookie in [1, 12345, i64::MAX as u64] {
        let _ = g.readdir(3, 1000, cookie);
    }
    assert_eq!(g.names(3, 1000).len(), 3);
}
