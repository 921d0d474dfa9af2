//! Files: opening, reading, writing, sizes, times, flags and rights.

use super::guest::*;
use wrt::wasi::Wasi;

const FD_READ: u64 = 1 << 1;
const FD_WRITE: u64 = 1 << 6;
const SEEK_AND_TELL: u64 = 1 << 2 | 1 << 5;

#[test]
fn what_is_written_is_read() {
    let dir = Dir::new();
    let mut g = Guest::with_dir(dir.path());
    let fd = g.open("f", CREAT, ALL).unwrap();
    assert_eq!(fd, 4);
    assert_eq!(g.write(fd, b"hello world"), Ok(11));
    assert_eq!(g.seek(fd, 6, 0), Ok(6));
    assert_eq!(g.read(fd, 100).unwrap(), b"world");
    assert_eq!(g.read(fd, 100).unwrap(), b"");
    assert_eq!((g.seek(fd, -5, 2), g.seek(fd, 2, 1), g.seek(fd, 0, 1)), (Ok(6), Ok(8), Ok(8)));
    assert_eq!(g.done("fd_tell", &[4, OUT.into()]).map(|()| g.u64(OUT)), Ok(8));
    assert_eq!(
        (g.seek(fd, -1, 0), g.seek(fd, -100, 1), g.seek(fd, 0, 3)),
        (Err(errno::INVAL), Err(errno::INVAL), Err(errno::INVAL))
    );
    g.close(fd);
    assert_eq!(g.read(fd, 1), Err(errno::BADF));
    assert_eq!(dir.read("f"), b"hello world");
}

#[test]
fn many_buffers_at_offsets() {
    let dir = Dir::new();
    let mut g = Guest::with_dir(dir.path());
    let fd = u64::from(g.open("f", CREAT, ALL).unwrap());
    // More than fit on the stack; each has its own byte, and every fifth is empty.
    let count = 40;
    let (list, data) = (32768, 40000);
    let mut expected = Vec::new();
    for i in 0..count {
        let len = u32::from(i % 5 != 0);
        g.put(list + i * 8, &[(data + i * 4).to_le_bytes(), len.to_le_bytes()].concat());
        g.put(data + i * 4, &[i as u8]);
        expected.extend(vec![i as u8; len as usize]);
    }
    let n = expected.len() as u32;
    assert_eq!(g.call("fd_pwrite", &[fd, list.into(), count.into(), 10, OUT.into()]), 0);
    assert_eq!(g.u32(OUT), n);
    assert_eq!(dir.read("f"), [vec![0; 10], expected.clone()].concat());
    (0..count).for_each(|i| g.put(data + i * 4, &[255]));
    assert_eq!(g.call("fd_pread", &[fd, list.into(), count.into(), 10, OUT.into()]), 0);
    assert_eq!(g.u32(OUT), n);
    let got: Vec<u8> = (0..count).filter(|i| i % 5 != 0).map(|i| g.get(data + i * 4, 1)[0]).collect();
    assert_eq!(got, expected);
    // The descriptor's own position has not moved.
    assert_eq!(g.seek(fd as u32, 0, 1), Ok(0));
    assert_eq!(g.call("fd_pread", &[fd, list.into(), 1, 1 << 63, OUT.into()]), errno::INVAL);
    assert_eq!(g.call("fd_read", &[fd, list.into(), 0, OUT.into()]), 0);
    assert_eq!(g.u32(OUT), 0);
}

#[test]
fn open_flags() {
    let dir = Dir::new();
    dir.write("old", "text");
    let mut g = Guest::with_dir(dir.path());
    assert_eq!(g.open("new", 0, ALL), Err(errno::NOENT));
    assert_eq!(g.open("old", CREAT | EXCL, ALL), Err(errno::EXIST));
    assert!(g.open("old", CREAT, ALL).is_ok());
    assert_eq!(dir.read("old"), b"text");
    assert!(g.open("old", TRUNC, ALL).is_ok());
    assert_eq!(dir.read("old"), b"");
    assert!(g.open("new", CREAT | EXCL, READ).is_ok());
    assert_eq!(g.open("old", DIRECTORY, READ), Err(errno::NOTDIR));
    assert_eq!(g.open("old", DIRECTORY | CREAT, READ), Err(errno::INVAL));
    assert_eq!(g.open("old", 16, READ), Err(errno::INVAL));
    assert_eq!(g.open_with(3, b"old", 2, 0, READ, 0), Err(errno::INVAL));
    assert_eq!(g.open_with(3, b"old", 0, 0, READ, 32), Err(errno::INVAL));
    assert_eq!(g.open(".", 0, ALL), Err(errno::ISDIR));
    // A read-only file can be opened for reading, even with the flag that would create it.
    let path = dir.write("fixed", "x");
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o444)).unwrap();
    let fd = g.open("fixed", CREAT, READ).unwrap();
    assert_eq!(g.read(fd, 9).unwrap(), b"x");
}

#[test]
fn appending() {
    let dir = Dir::new();
    dir.write("f", "one");
    let mut g = Guest::with_dir(dir.path());
    let fd = g.open_with(3, b"f", 0, 0, ALL, 1).unwrap();
    assert_eq!(g.fdstat(fd).unwrap().1, 1);
    assert_eq!(g.write(fd, b" two"), Ok(4));
    assert_eq!(g.done("fd_fdstat_set_flags", &[fd.into(), 0]), Ok(()));
    assert_eq!(g.seek(fd, 0, 0), Ok(0));
    assert_eq!(g.write(fd, b"ONE"), Ok(3));
    assert_eq!(g.done("fd_fdstat_set_flags", &[fd.into(), 1 | 4]), Ok(()));
    assert_eq!(g.fdstat(fd).unwrap().1, 5);
    assert_eq!(g.write(fd, b" three"), Ok(6));
    assert_eq!(dir.read("f"), b"ONE two three");
    assert_eq!(g.done("fd_fdstat_set_flags", &[fd.into(), 16]), Err(errno::NOTSUP));
    assert_eq!(g.done("fd_fdstat_set_flags", &[fd.into(), 64]), Err(errno::INVAL));
    let synced = g.open_with(3, b"f", 0, 0, ALL, 2 | 8 | 16).unwrap();
    assert_eq!(g.fdstat(synced).unwrap().1, 26);
    assert_eq!(g.write(synced, b"1"), Ok(1));
}

#[test]
fn rights_hold_and_are_inherited() {
    let dir = Dir::new();
    dir.write("d/f", "text");
    let mut g = Guest::with_dir(dir.path());
    let read = g.open("d/f", 0, READ).unwrap();
    assert_eq!(g.write(read, b"x"), Err(errno::NOTCAPABLE));
    assert_eq!(g.done("fd_filestat_set_size", &[read.into(), 0]), Err(errno::NOTCAPABLE));
    assert_eq!(g.done("fd_allocate", &[read.into(), 0, 10]), Err(errno::NOTCAPABLE));
    let write = g.open("d/f", 0, ALL & !FD_READ).unwrap();
    assert_eq!(g.read(write, 1), Err(errno::NOTCAPABLE));
    let (file_type, _, rights, inheriting) = g.fdstat(read).unwrap();
    assert_eq!((file_type, rights & (FD_READ | FD_WRITE), inheriting), (4, FD_READ, 0));
    assert_eq!(rights & SEEK_AND_TELL, SEEK_AND_TELL);
    // Rights can be dropped, but not gained.
    assert_eq!(g.done("fd_fdstat_set_rights", &[read.into(), rights & !(1 << 2), 0]), Ok(()));
    assert_eq!(g.seek(read, 1, 0), Err(errno::NOTCAPABLE));
    assert_eq!(g.done("fd_fdstat_set_rights", &[read.into(), rights, 0]), Err(errno::NOTCAPABLE));
    // A directory without the right to write opens no descriptors that have it.
    let d = g.open("d", DIRECTORY, READ).unwrap();
    let (_, _, base, inheriting) = g.fdstat(d).unwrap();
    assert_eq!(inheriting, ALL);
    assert_eq!(g.done("fd_fdstat_set_rights", &[d.into(), base, inheriting & !FD_WRITE]), Ok(()));
    assert_eq!(g.open_with(d, b"f", 0, 0, ALL, 0), Err(errno::NOTCAPABLE));
    assert!(g.open_with(d, b"f", 0, 0, READ, 0).is_ok());
    assert_eq!(g.done("fd_fdstat_set_rights", &[d.into(), 0, 0]), Ok(()));
    assert_eq!(g.open_with(d, b"f", 0, 0, READ, 0), Err(errno::NOTCAPABLE));
}

#[test]
fn sizes_and_times() {
    let dir = Dir::new();
    let mut g = Guest::with_dir(dir.path());
    let fd = u64::from(g.open("f", CREAT, ALL).unwrap());
    assert_eq!(g.done("fd_filestat_set_size", &[fd, 1000]), Ok(()));
    assert_eq!(g.done("fd_filestat_set_size", &[fd, 1 << 63]), Err(errno::INVAL));
    assert_eq!(g.done("fd_allocate", &[fd, 500, 1500]), Ok(()));
    assert_eq!(g.done("fd_allocate", &[fd, u64::MAX, 2]), Err(errno::INVAL));
    assert_eq!(g.done("fd_filestat_get", &[fd, OUT.into()]), Ok(()));
    assert_eq!((g.stat_out().size, g.stat_out().file_type, g.stat_out().nlink), (2000, 4, 1));
    let (a, m) = (1_000_000_000_500_000_000, 1_100_000_000_000_000_007);
    assert_eq!(g.done("fd_filestat_set_times", &[fd, a, m, 1 | 4]), Ok(()));
    let stat = g.stat("f", 0).unwrap();
    assert_eq!((stat.atim, stat.mtim), (a, m));
    let (p, n) = g.string(0, b"f");
    assert_eq!(g.done("path_filestat_set_times", &[3, 1, p, n, 5, 6, 4]), Ok(()));
    let stat = g.stat("f", 0).unwrap();
    assert_eq!((stat.atim, stat.mtim), (a, 6));
    assert_eq!(g.done("path_filestat_set_times", &[3, 1, p, n, 5, 6, 2 | 8]), Ok(()));
    let stat = g.stat("f", 0).unwrap();
    assert!(stat.atim > m && stat.mtim > a);
    assert_eq!(g.done("path_filestat_set_times", &[3, 1, p, n, 5, 6, 1 | 2]), Err(errno::INVAL));
    assert_eq!(g.done("fd_filestat_set_times", &[fd, 5, 6, 16]), Err(errno::INVAL));
    for name in ["fd_sync", "fd_datasync"] {
        assert_eq!((g.done(name, &[fd]), g.done(name, &[3])), (Ok(()), Ok(())));
    }
    for advice in 0..6 {
        assert_eq!(g.done("fd_advise", &[fd, 0, 100, advice]), Ok(()));
    }
    assert_eq!(g.done("fd_advise", &[fd, 0, 100, 6]), Err(errno::INVAL));
    assert_eq!(g.done("fd_advise", &[3, 0, 100, 0]), Err(errno::BADF));
}

/// The times of a link are its own, whatever it points to.
#[test]
fn times_of_links_and_pipes() {
    let dir = Dir::new();
    dir.write("f", "");
    std::os::unix::fs::symlink("f", dir.path().join("l")).unwrap();
    rustix_mkfifo(&dir.path().join("pipe"));
    let mut g = Guest::with_dir(dir.path());
    let (p, n) = g.string(0, b"l");
    assert_eq!(g.done("path_filestat_set_times", &[3, 0, p, n, 7, 8, 1 | 4]), Ok(()));
    assert_eq!(g.stat("l", 0).unwrap().mtim, 8);
    assert_ne!(g.stat("l", 1).unwrap().mtim, 8);
    assert_eq!(g.stat("l", 0).unwrap().file_type, 7);
    let (p, n) = g.string(0, b"pipe");
    assert_eq!(g.done("path_filestat_set_times", &[3, 1, p, n, 7, 8, 1 | 4]), Ok(()));
    assert_eq!(g.stat("pipe", 1).unwrap().mtim, 8);
}

pub fn rustix_mkfifo(path: &std::path::Path) {
    let made = std::process::Command::new("mkfifo").arg(path).status().unwrap();
    assert!(made.success());
}

#[test]
fn directories_links_and_names() {
    let dir = Dir::new();
    let mut g = Guest::with_dir(dir.path());
    assert_eq!(g.path("path_create_directory", "d"), Ok(()));
    assert_eq!(g.path("path_create_directory", "d"), Err(errno::EXIST));
    assert_eq!(g.path("path_create_directory", "d/e/f"), Err(errno::NOENT));
    dir.write("d/f", "text");
    assert_eq!(g.path("path_remove_directory", "d"), Err(errno::NOTEMPTY));
    assert_eq!(g.path("path_remove_directory", "d/f"), Err(errno::NOTDIR));
    assert!(g.path("path_unlink_file", "d").is_err());
    assert_eq!(g.two_paths("path_link", "d/f", "hard"), Ok(()));
    assert_eq!(g.stat("hard", 0).unwrap().nlink, 2);
    assert_eq!(g.stat("hard", 0).unwrap().ino, g.stat("d/f", 0).unwrap().ino);
    assert_eq!(g.two_paths("path_symlink", "d/f", "soft"), Ok(()));
    assert_eq!(g.readlink("soft").unwrap(), b"d/f");
    assert_eq!(g.readlink("hard"), Err(errno::INVAL));
    assert_eq!(g.open_with(3, b"soft", 0, 0, READ, 0), Err(errno::LOOP));
    let fd = g.open("soft", 0, READ).unwrap();
    assert_eq!(g.read(fd, 10).unwrap(), b"text");
    // Truncated, not rejected.
    let (p, n) = g.string(0, b"soft");
    assert_eq!(g.done("path_readlink", &[3, p, n, DATA.into(), 2, OUT.into()]), Ok(()));
    assert_eq!((g.u32(OUT), g.get(DATA, 2)), (2, b"d/".to_vec()));
    assert_eq!(g.two_paths("path_rename", "hard", "d/moved"), Ok(()));
    assert_eq!(g.two_paths("path_rename", "hard", "d/moved"), Err(errno::NOENT));
    assert_eq!(g.path("path_unlink_file", "d/moved"), Ok(()));
    assert_eq!(g.path("path_unlink_file", "soft"), Ok(()));
    assert_eq!(g.path("path_unlink_file", "d/f"), Ok(()));
    assert_eq!(g.path("path_remove_directory", "d"), Ok(()));
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

/// A slash at the end means that it must be a directory.
#[test]
fn trailing_slashes() {
    let dir = Dir::new();
    dir.write("f", "text");
    dir.write("full/f", "text");
    let mut g = Guest::with_dir(dir.path());
    assert_eq!(g.path("path_create_directory", "d/"), Ok(()));
    assert_eq!(g.two_paths("path_rename", "d/", "e/"), Ok(()));
    assert_eq!(g.two_paths("path_symlink", "e", "l"), Ok(()));
    assert_eq!(g.stat("e//", 0).unwrap().file_type, 3);
    assert_eq!(g.stat("f/", 0), Err(errno::NOTDIR));
    assert!(g.path("path_remove_directory", "l/").is_err());
    assert_eq!(g.path("path_remove_directory", "f/"), Err(errno::NOTDIR));
    assert_eq!(g.path("path_remove_directory", "full/"), Err(errno::NOTEMPTY));
    assert_eq!(g.path("path_remove_directory", "none/"), Err(errno::NOENT));
    assert_eq!(g.path("path_remove_directory", "e//"), Ok(()));
    assert_eq!(g.two_paths("path_rename", "f/", "g"), Err(errno::NOTDIR));
    assert!(g.two_paths("path_rename", "f", "g/").is_err());
    assert!(g.two_paths("path_link", "f", "g/").is_err());
    assert!(g.two_paths("path_symlink", "f", "g/").is_err());
    assert_eq!(dir.read("f"), b"text");
}

#[test]
fn renaming_between_directories_and_opening_from_opened() {
    let (one, two) = (Dir::new(), Dir::new());
    one.write("d/f", "text");
    let mut wasi = Wasi::new();
    wasi.add_dir(one.path(), b"/one", false).unwrap();
    wasi.add_dir(two.path(), b"/two", false).unwrap();
    let mut g = Guest::new(wasi);
    let d = u64::from(g.open("d", DIRECTORY, READ).unwrap());
    let ((a, al), (b, bl)) = (g.string(0, b"f"), g.string(1, b"g"));
    assert_eq!(g.done("path_rename", &[d, a, al, 4, b, bl]), Ok(()));
    assert_eq!(two.read("g"), b"text");
    assert_eq!(g.done("path_link", &[4, 0, b, bl, d, a, al]), Ok(()));
    assert_eq!(one.read("d/f"), b"text");
    assert_eq!(g.done("path_link", &[4, 1, b, bl, d, a, al]), Err(errno::INVAL));
}

#[test]
fn preopens_are_told() {
    let (one, two) = (Dir::new(), Dir::new());
    let mut wasi = Wasi::new();
    wasi.add_dir(one.path(), b"/", false).unwrap();
    wasi.add_dir(two.path(), "gäste".as_bytes(), true).unwrap();
    let mut g = Guest::new(wasi);
    for (fd, name) in [(3, "/"), (4, "gäste")] {
        assert_eq!(g.done("fd_prestat_get", &[fd, OUT.into()]), Ok(()));
        assert_eq!((g.u32(OUT), g.u32(OUT + 4)), (0, name.len() as u32));
        assert_eq!(g.done("fd_prestat_dir_name", &[fd, DATA.into(), name.len() as u64]), Ok(()));
        assert_eq!(g.get(DATA, name.len()), name.as_bytes());
        assert_eq!(g.done("fd_prestat_dir_name", &[fd, DATA.into(), name.len() as u64 - 1]), Err(errno::NAMETOOLONG));
        assert_eq!(g.fdstat(fd as u32).unwrap().0, 3);
    }
    let sub = g.open(".", DIRECTORY, READ).unwrap();
    for fd in [0, 2, 5, sub.into(), u64::from(u32::MAX)] {
        assert_eq!(g.done("fd_prestat_get", &[fd, OUT.into()]), Err(errno::BADF));
    }
    assert_eq!(g.read(3, 1), Err(errno::ISDIR));
    assert_eq!(g.seek(3, 0, 0), Err(errno::NOTCAPABLE));
}
