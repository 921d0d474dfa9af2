//! Invalid arguments: an error, never a crash, and no effect.

use super::guest::*;
use std::os::unix::ffi::OsStrExt;
use wrt::wasi::Wasi;

/// The first address after the memory.
const END: u32 = 4 * 65536;

#[test]
fn odd_paths() {
    let dir = Dir::new();
    dir.write("f", "text");
    dir.write("d/g", "");
    let mut g = Guest::with_dir(dir.path());
    let mut open = |path: &[u8], oflags| g.open_with(3, path, 1, oflags, READ, 0);
    assert_eq!(open(b"", 0), Err(errno::NOENT));
    assert_eq!(open(b"f\0", 0), Err(errno::INVAL));
    assert_eq!(open(b"f\0g", CREAT), Err(errno::INVAL));
    assert_eq!(open(b"f/", 0), Err(errno::NOTDIR));
    assert_eq!(open(b"f/.", 0), Err(errno::NOTDIR));
    assert_eq!(open(b"f/..", 0), Err(errno::NOTDIR));
    assert!(open(b"new/", CREAT).is_err());
    assert!(open(b"d/", 0).is_ok() && open(b"d//.//", DIRECTORY).is_ok() && open(b"./d/./g", 0).is_ok());
    assert_eq!(open(&[b'x'; 256], 0), Err(errno::NAMETOOLONG));
    assert_eq!(open(&b"d/../".repeat(1600)[..7168], 0), Err(errno::NAMETOOLONG));
    assert!(open(&b"d/../".repeat(800), 0).is_ok());
    // Any other bytes are a name.
    assert!(open(b"\xff\xfe caf\xc3", CREAT).is_ok());
    let name = std::ffi::OsStr::from_bytes(b"\xff\xfe caf\xc3");
    assert!(dir.path().join(name).exists());
    for name in ["path_create_directory", "path_remove_directory", "path_unlink_file"] {
        assert_eq!(g.path(name, ""), Err(errno::NOENT));
        assert_eq!(g.path(name, "a\0b"), Err(errno::INVAL));
    }
    assert_eq!(g.path("path_unlink_file", "f/"), Err(errno::NOTDIR));
    assert!(g.path("path_remove_directory", "d/g/").is_err());
    assert_eq!(g.path("path_create_directory", "made/"), Ok(()));
    assert_eq!(g.path("path_remove_directory", "made/"), Ok(()));
    assert!(g.path("path_remove_directory", ".").is_err());
    assert_eq!(g.two_paths("path_symlink", "", "l"), Err(errno::NOENT));
    assert!(g.two_paths("path_rename", "f", "g/").is_err());
    assert_eq!(dir.read("f"), b"text");
    // 64 KiB of path, and a path that extends beyond the memory.
    g.put(DATA, &[b'a'; 65536]);
    let args = |at: u32, len: u32| [3, at.into(), len.into()];
    assert_eq!(g.done("path_create_directory", &args(DATA, 65536)), Err(errno::NAMETOOLONG));
    assert_eq!(g.done("path_create_directory", &args(END - 1, 2)), Err(errno::FAULT));
    assert_eq!(g.done("path_create_directory", &args(u32::MAX, u32::MAX)), Err(errno::FAULT));
}

/// Every function, with each pointer out of bounds in turn, and each descriptor out of range: an error number, and no file is
/// created or opened.
#[test]
fn addresses_and_descriptors_out_of_range() {
    let dir = Dir::new();
    dir.write("f", "text");
    for odd in [END - 3, END, u32::MAX - 2, 0x8000_0000] {
        for (name, types) in FUNCTIONS {
            if *name == "proc_exit" || *name == "proc_raise" {
                continue;
            }
            for at in 0..types.len() {
                let mut g = Guest::with_dir(dir.path());
                g.string(0, b"f");
                // Descriptor 3 and small lengths everywhere, so that most functions would otherwise succeed.
                let mut args = vec![3; types.len()];
                args[at] = odd.into();
                g.call(name, &args);
            }
        }
    }
    let mut g = Guest::with_dir(dir.path());
    let fd = u64::from(g.open("f", 0, ALL).unwrap());
    let (p, n) = g.string(0, b"new");
    assert_eq!(g.done("path_open", &[3, 0, p, n, CREAT.into(), ALL, ALL, 0, END as u64 - 3]), Err(errno::FAULT));
    assert!(!dir.path().join("new").exists());
    let (v, c) = g.iovec(DATA, 4);
    assert_eq!(g.done("fd_write", &[fd, v, c, END.into()]), Err(errno::FAULT));
    assert_eq!(g.done("fd_write", &[fd, END as u64 - 4, 1, OUT.into()]), Err(errno::FAULT));
    for (at, len) in [(END, 1), (END - 1, 2), (u32::MAX, 1), (0, u32::MAX), (1, u32::MAX)] {
        let (v, c) = g.iovec(at, len);
        assert_eq!(g.done("fd_write", &[fd, v, c, OUT.into()]), Err(errno::FAULT));
        assert_eq!(g.done("fd_read", &[fd, v, c, OUT.into()]), Err(errno::FAULT));
    }
    assert_eq!(dir.read("f"), b"text");
    let (v, c) = g.iovec(END, 0);
    assert_eq!(g.done("fd_write", &[fd, v, c, OUT.into()]), Ok(()));
    assert_eq!(g.done("random_get", &[END as u64 - 7, 8]), Err(errno::FAULT));
    assert_eq!(g.done("poll_oneoff", &[0, 0, 4097, OUT.into()]), Err(errno::INVAL));
    assert_eq!(g.done("poll_oneoff", &[END as u64 - 40, 0, 1, OUT.into()]), Err(errno::FAULT));
}

/// Buffers that overlap each other, their own list, and the result.
#[test]
fn overlapping_buffers() {
    let dir = Dir::new();
    dir.write("f", "0123456789abcdef");
    let mut g = Guest::with_dir(dir.path());
    let fd = u64::from(g.open("f", 0, ALL).unwrap());
    let list = DATA;
    // Two buffers over the list itself.
    let iovecs = [list, 16, list + 4, 8].map(u32::to_le_bytes).concat();
    g.put(list, &iovecs);
    assert_eq!(g.done("fd_read", &[fd, list.into(), 2, list as u64 + 2]), Ok(()));
    assert_eq!(g.u32(list + 2), 16);
    // The same byte written a thousand times.
    g.put(OUT, b"x");
    (0..1000).for_each(|i| g.put(list + i * 8, &[OUT.to_le_bytes(), 1u32.to_le_bytes()].concat()));
    assert_eq!(g.done("fd_pwrite", &[fd, list.into(), 1000, 0, OUT as u64 + 8]), Ok(()));
    assert_eq!((g.u32(OUT + 8), dir.read("f")), (1000, vec![b'x'; 1000]));
    // More buffers than the system takes: a short write.
    (0..1100).for_each(|i| g.put(list + i * 8, &[OUT.to_le_bytes(), 1u32.to_le_bytes()].concat()));
    assert_eq!(g.done("fd_pwrite", &[fd, list.into(), 1100, 0, OUT as u64 + 8]), Ok(()));
    assert_eq!(g.u32(OUT + 8), 1024);
    assert_eq!(g.done("fd_write", &[fd, list.into(), u32::MAX.into(), OUT as u64 + 8]), Ok(()));
}

/// Arbitrary numbers: nothing crashes, hangs or leaves the directory.
#[test]
fn random_arguments() {
    let dir = Dir::new();
    dir.write("secret", "secret");
    let inside = dir.path().join("inside");
    std::fs::create_dir(&inside).unwrap();
    // Functions that end the guest, sleep, or fill the disk.
    let left_out = ["proc_exit", "proc_raise", "poll_oneoff", "fd_allocate"];
    let functions: Vec<_> = FUNCTIONS.iter().filter(|(n, _)| !left_out.contains(n)).collect();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 8) as usize % below
    };
    let paths = ["a", "b/c", "../secret", "/", ".", "..", "a/../../secret", "d"];
    let mut successes = 0;
    for _ in 0..20 {
        let mut g = Guest::with_dir(&inside);
        for _ in 0..1000 {
            let (name, types) = functions[next(functions.len())];
            let path = paths[next(paths.len())];
            let strings = [g.string(0, path.as_bytes()), g.string(1, paths[next(paths.len())].as_bytes())];
            g.iovec(DATA, next(5000) as u32);
            let odd =
                [0, 1, 3, 4, 5, 16, 64, 1024, 4096, END as u64 - 4, END.into(), u32::MAX.into(), 1 << 63, u64::MAX];
            let mut args = Vec::new();
            while args.len() < types.len() {
                match next(8) {
                    // A string's address and length.
                    0..3 => {
                        let (p, n) = strings[next(2)];
                        args.extend([p, n]);
                    }
                    3..6 => args.push(3 + next(4) as u64),
                    _ => args.push(odd[next(odd.len())]),
                }
            }
            args.truncate(types.len());
            successes += u32::from(g.call(name, &args) == 0);
        }
    }
    assert!(successes > 1000, "{successes}");
    assert_eq!(dir.read("secret"), b"secret");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2);
}

#[test]
fn descriptors_run_out() {
    let dir = Dir::new();
    dir.write("f", "");
    let mut g = Guest::with_dir(dir.path());
    let mut last = 3;
    let error = loop {
        match g.open("f", 0, READ) {
            Ok(fd) => last = fd,
            Err(e) => break e,
        }
    };
    assert_eq!((error, last), (errno::MFILE, 511));
    // No file is created if there is no descriptor for it.
    assert_eq!(g.open("new", CREAT, ALL), Err(errno::MFILE));
    assert!(!dir.path().join("new").exists());
    for fd in [100, 50] {
        g.close(fd);
    }
    assert_eq!(g.open("f", 0, READ), Ok(50));
    assert_eq!(g.open("f", 0, READ), Ok(100));
    assert_eq!(g.open("f", 0, READ), Err(errno::MFILE));
}

#[test]
fn renumbering() {
    let dir = Dir::new();
    dir.write("a", "a");
    dir.write("b", "b");
    let mut g = Guest::with_dir(dir.path());
    let (a, b) = (g.open("a", 0, READ).unwrap(), g.open("b", 0, READ).unwrap());
    let mut renumber = |from: u32, to: u32| g.done("fd_renumber", &[from.into(), to.into()]);
    assert_eq!(renumber(a, a), Ok(()));
    assert_eq!((renumber(a, 99), renumber(99, a)), (Err(errno::BADF), Err(errno::BADF)));
    assert_eq!(renumber(3, 3), Ok(()));
    assert_eq!(renumber(b, a), Ok(()));
    assert_eq!(renumber(b, a), Err(errno::BADF));
    assert_eq!(g.read(a, 9).unwrap(), b"b");
    // Renumbers to standard output; the freed number is the next to be used.
    assert_eq!(g.done("fd_renumber", &[a.into(), 1]), Ok(()));
    assert_eq!(g.read(1, 1), Ok(vec![]));
    assert_eq!(g.open("a", 0, READ), Ok(a));
    // A preopened directory can be closed, and is then no longer accessible.
    g.close(3);
    assert_eq!(g.open("a", 0, READ), Err(errno::BADF));
}

/// `dup2` to the number of a preopened directory, and from it: the descriptor keeps its name.
#[test]
fn renumbering_preopened_directories() {
    let dir = Dir::new();
    dir.write("sub/f", "text");
    let mut g = Guest::with_dir(dir.path());
    let name_len = |g: &mut Guest, fd: u32| g.done("fd_prestat_get", &[fd.into(), OUT.into()]).map(|()| g.u32(OUT + 4));
    let sub = g.open("sub", DIRECTORY, READ).unwrap();
    let file = g.open("sub/f", 0, READ).unwrap();
    assert_eq!(g.done("fd_renumber", &[3, file.into()]), Ok(()));
    assert_eq!((name_len(&mut g, 3), name_len(&mut g, file)), (Err(errno::BADF), Ok(1)));
    assert_eq!(g.open_with(file, b"sub/f", 1, 0, READ, 0), Ok(3));
    assert_eq!(g.done("fd_renumber", &[sub.into(), file.into()]), Ok(()));
    assert_eq!(name_len(&mut g, file), Err(errno::BADF));
    assert!(g.open_with(file, b"f", 1, 0, READ, 0).is_ok());
}

/// A directory is never opened for writing, with any path and flags.
#[test]
fn directories_are_not_written() {
    let dir = Dir::new();
    dir.write("sub/f", "text");
    std::os::unix::fs::symlink("sub", dir.path().join("link")).unwrap();
    let mut wasi = Wasi::new();
    wasi.add_dir(dir.path(), b"/", false).unwrap();
    wasi.add_dir(dir.path(), b"/ro", true).unwrap();
    let mut g = Guest::new(wasi);
    for path in [".", "sub", "sub/", "link", "link/"] {
        assert_eq!(g.open(path, DIRECTORY, ALL), Err(errno::ISDIR), "{path}");
        assert_eq!(g.open(path, 0, ALL), Err(errno::ISDIR), "{path}");
        assert_eq!(g.open_with(4, path.as_bytes(), 1, DIRECTORY, ALL, 0), Err(errno::ISDIR), "{path}");
        assert!(g.open(path, DIRECTORY, READ).is_ok());
    }
    assert_eq!(g.open("sub/f", DIRECTORY, ALL), Err(errno::NOTDIR));
    assert_eq!(g.open("none", DIRECTORY, ALL), Err(errno::NOENT));
}

/// A slash at the end of a path to unlink: an error, and the file, directory or link stays.
#[test]
fn unlinking_with_a_slash() {
    let dir = Dir::new();
    dir.write("sub/f", "text");
    for (name, to) in [("to_dir", "sub"), ("to_file", "sub/f"), ("to_none", "none")] {
        std::os::unix::fs::symlink(to, dir.path().join(name)).unwrap();
    }
    let mut g = Guest::with_dir(dir.path());
    for name in ["to_dir/", "to_file/", "to_none/", "sub/f/", "to_dir//"] {
        assert_eq!(g.path("path_unlink_file", name), Err(errno::NOTDIR), "{name}");
    }
    assert_eq!(g.path("path_unlink_file", "sub/"), Err(errno::ISDIR));
    assert_eq!(g.path("path_unlink_file", "none/"), Err(errno::NOENT));
    assert_eq!(dir.read("to_file"), b"text");
    assert!(dir.path().join("to_dir/f").exists() && dir.path().join("to_none").is_symlink());
    assert_eq!(g.path("path_unlink_file", "to_dir"), Ok(()));
}

#[test]
fn there_are_no_sockets() {
    let mut g = Guest::new(Wasi::new());
    for (name, types) in FUNCTIONS.iter().filter(|(n, _)| n.starts_with("sock_")) {
        let mut args = vec![0; types.len()];
        assert_eq!(g.done(name, &args), Err(errno::NOTSOCK));
        args[0] = 77;
        assert_eq!(g.done(name, &args), Err(errno::BADF));
    }
}

/// After a memory has grown, its new size is used.
#[test]
fn grown_memories() {
    let mut g = Guest::new(Wasi::new());
    assert_eq!(g.done("random_get", &[END.into(), 8]), Err(errno::FAULT));
    let memory = g.memory;
    memory.grow(&mut g.store, 1).unwrap();
    assert_eq!(g.done("random_get", &[END.into(), 8]), Ok(()));
    assert_ne!(g.u64(END), 0);
}
