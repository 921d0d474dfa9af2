//! A guest cannot leave its directories, and cannot change anything in read-only ones.

use super::guest::*;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use wrt::wasi::Wasi;

/// A directory with the guest's `inside`, and a `secret` next to it.
fn house() -> (Dir, Guest) {
    let dir = Dir::new();
    dir.write("secret", "secret");
    dir.write("inside/own", "own");
    dir.write("inside/sub/deep/file", "deep");
    let g = Guest::with_dir(&dir.path().join("inside"));
    (dir, g)
}

/// Every operation on a path fails, and nothing outside is changed.
fn assert_closed(dir: &Dir, g: &mut Guest, path: &str) {
    for oflags in [0, CREAT, CREAT | EXCL, TRUNC, DIRECTORY] {
        for follow in [0, 1] {
            for rights in [READ, ALL] {
                assert!(g.open_with(3, path.as_bytes(), follow, oflags, rights, 0).is_err(), "open {path} {oflags}");
            }
        }
    }
    assert!(g.stat(path, 1).is_err(), "stat {path}");
    for name in ["path_unlink_file", "path_remove_directory", "path_create_directory"] {
        assert!(g.path(name, path).is_err(), "{name} {path}");
    }
    assert!(g.two_paths("path_rename", path, "taken").is_err(), "rename {path}");
    assert!(g.two_paths("path_rename", "own", path).is_err(), "rename to {path}");
    assert!(g.two_paths("path_link", path, "taken").is_err(), "link {path}");
    assert!(g.two_paths("path_link", "own", path).is_err(), "link to {path}");
    assert!(g.two_paths("path_symlink", "own", path).is_err(), "symlink {path}");
    assert!(g.readlink(path).is_err(), "readlink {path}");
    let (p, n) = g.string(0, path.as_bytes());
    assert!(g.done("path_filestat_set_times", &[3, 1, p, n, 1, 1, 5]).is_err(), "times {path}");
    assert_eq!(dir.read("secret"), b"secret");
    assert_eq!(dir.read("inside/own"), b"own");
    let names: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(names.len(), 2, "{names:?}");
}

#[test]
fn paths_do_not_lead_out() {
    let (dir, mut g) = house();
    let absolute = dir.path().join("secret");
    let absolute = absolute.to_str().unwrap();
    for path in [
        "..",
        "../secret",
        "sub/../../secret",
        "./.././secret",
        "../inside/../secret",
        "/etc/passwd",
        "/",
        "//",
        absolute,
    ] {
        assert_closed(&dir, &mut g, path);
    }
    assert_eq!(g.open("../secret", 0, READ), Err(errno::PERM));
    assert_eq!(g.open("/etc/passwd", 0, READ), Err(errno::PERM));
    // A path that leaves the directory and returns is rejected; one that goes down and up again is not.
    assert_eq!(g.open("../inside/own", 0, READ), Err(errno::PERM));
    assert!(g.open("sub/../own", 0, READ).is_ok());
    assert!(g.open("sub/deep/../../own", 0, READ).is_ok());
    // A directory descriptor cannot be used to reach the parent directory that it was opened in.
    let sub = g.open("sub", DIRECTORY, READ).unwrap();
    assert_eq!(g.open_with(sub, b"../own", 0, 0, READ, 0), Err(errno::PERM));
}

#[test]
fn links_of_the_host_do_not_lead_out() {
    let (dir, mut g) = house();
    let inside = dir.path().join("inside");
    symlink("../secret", inside.join("relative")).unwrap();
    symlink(dir.path().join("secret"), inside.join("absolute")).unwrap();
    symlink("..", inside.join("up")).unwrap();
    symlink("/", inside.join("root")).unwrap();
    symlink("/proc/self/root", inside.join("sub/magic")).unwrap();
    symlink("relative", inside.join("chain1")).unwrap();
    symlink("sub/../chain1", inside.join("chain2")).unwrap();
    symlink("loop", inside.join("loop")).unwrap();
    symlink("sub/deep/../../own", inside.join("fine")).unwrap();
    for path in
        ["relative", "absolute", "up/secret", "root/etc/passwd", "sub/magic/etc/passwd", "chain1", "chain2", "loop"]
    {
        for rights in [READ, ALL] {
            for oflags in [0, CREAT, TRUNC, DIRECTORY] {
                assert!(g.open(path, oflags, rights).is_err(), "{path} {oflags}");
            }
        }
        assert!(g.stat(path, 1).is_err(), "{path}");
        let (p, n) = g.string(0, path.as_bytes());
        assert!(g.done("path_filestat_set_times", &[3, 1, p, n, 1, 1, 5]).is_err(), "{path}");
    }
    assert_eq!(g.open("loop", 0, READ), Err(errno::LOOP));
    // A directory through a link inside.
    symlink("sub/deep", inside.join("down")).unwrap();
    let down = g.open("down", DIRECTORY, READ).unwrap();
    assert!(g.open_with(down, b"file", 0, 0, READ, 0).is_ok());
    assert_eq!(g.open_with(3, b"down", 0, DIRECTORY, READ, 0), Err(errno::NOTDIR));
    assert_eq!(g.open("up", DIRECTORY, READ), Err(errno::PERM));
    for (a, b) in [("own", "up/x"), ("up/secret", "x")] {
        assert_eq!(g.two_paths("path_rename", a, b), Err(errno::PERM));
        assert_eq!(g.two_paths("path_link", a, b), Err(errno::PERM));
    }
    assert_eq!(g.path("path_create_directory", "up/x"), Err(errno::PERM));
    assert_eq!(g.path("path_unlink_file", "up/secret"), Err(errno::PERM));
    // The links themselves belong to the guest, which can inspect and remove them.
    assert_eq!(g.readlink("relative").unwrap(), b"../secret");
    assert_eq!(g.stat("absolute", 0).unwrap().file_type, 7);
    assert_eq!(g.two_paths("path_link", "relative", "hard"), Ok(()));
    assert!(g.open("hard", 0, READ).is_err());
    assert_eq!(g.path("path_unlink_file", "relative"), Ok(()));
    let fd = g.open("fine", 0, READ).unwrap();
    assert_eq!(g.read(fd, 9).unwrap(), b"own");
    assert_eq!(dir.read("secret"), b"secret");
}

#[test]
fn links_of_the_guest_do_not_lead_out() {
    let (dir, mut g) = house();
    assert_eq!(g.two_paths("path_symlink", "/etc/passwd", "a"), Err(errno::PERM));
    assert_eq!(g.two_paths("path_symlink", "../secret", "b"), Ok(()));
    assert_eq!(g.open("b", 0, READ), Err(errno::PERM));
    assert_eq!(g.open("b", CREAT, ALL), Err(errno::PERM));
    assert_eq!(g.two_paths("path_symlink", "../own", "sub/c"), Ok(()));
    assert!(g.open("sub/c", 0, READ).is_ok());
    // The same link one directory higher points outside.
    assert_eq!(g.two_paths("path_rename", "sub/c", "c"), Ok(()));
    assert_eq!(g.open("c", 0, READ), Err(errno::PERM));
    // No file is created through a dangling link.
    assert_eq!(g.two_paths("path_symlink", "../new", "d"), Ok(()));
    assert!(g.open("d", CREAT, ALL).is_err() && !dir.path().join("new").exists());
    assert_eq!(dir.read("secret"), b"secret");
}

/// If a directory is moved out of the sandbox while the guest has it open, the guest keeps access to its contents, and to nothing else.
#[test]
fn moved_directories_lead_nowhere() {
    let (dir, mut g) = house();
    let deep = g.open("sub/deep", DIRECTORY, READ).unwrap();
    std::fs::rename(dir.path().join("inside/sub/deep"), dir.path().join("moved")).unwrap();
    assert_eq!(g.open_with(deep, b"../secret", 0, 0, READ, 0), Err(errno::PERM));
    assert_eq!(g.open_with(deep, b"..", 0, DIRECTORY, READ, 0), Err(errno::PERM));
    assert!(g.open_with(deep, b"file", 0, 0, READ, 0).is_ok());
}

/// Another thread swaps a directory and a link out of the sandbox, and moves directories, while the guest opens paths
/// through them.
#[test]
fn races_lead_nowhere() {
    let (dir, mut g) = house();
    let inside = dir.path().join("inside");
    dir.write("inside/real/secret", "fake");
    dir.write("inside/other/dir/secret", "fake");
    symlink("..", inside.join("link")).unwrap();
    let over = Arc::new(AtomicBool::new(false));
    let (stop, at, outside) = (over.clone(), inside.clone(), dir.path().to_path_buf());
    let racer = std::thread::spawn(move || {
        let mut rounds = 0;
        while !stop.load(Relaxed) {
            let _ = std::fs::rename(at.join("real"), at.join("swap"));
            let _ = std::fs::rename(at.join("link"), at.join("swap"));
            let _ = std::fs::rename(at.join("real"), at.join("tmp"));
            let _ = std::fs::rename(at.join("swap"), at.join("link"));
            let _ = std::fs::rename(at.join("tmp"), at.join("real"));
            let _ = std::fs::rename(at.join("other/dir"), outside.join("gone"));
            let _ = std::fs::rename(outside.join("gone"), at.join("other/dir"));
            rounds += 1;
        }
        rounds
    });
    let mut seen = [0, 0];
    for i in 0..20_000 {
        let path =
            ["swap/secret", "real/secret", "link/secret", "other/dir/../../../secret", "other/dir/secret"][i % 5];
        match g.open(path, 0, READ) {
            Ok(fd) => {
                assert_eq!(g.read(fd, 9).unwrap(), b"fake", "{path}");
                g.close(fd);
                seen[0] += 1;
            }
            Err(_) => seen[1] += 1,
        }
    }
    over.store(true, Relaxed);
    assert!(racer.join().unwrap() > 10);
    assert!(seen[0] > 0 && seen[1] > 0, "{seen:?}");
}

/// A guest with access to the whole file system, or to procfs, cannot access the memory of its host.
#[test]
fn processes_are_not_files() {
    if !Path::new("/proc/self/mem").exists() {
        return;
    }
    let mut wasi = Wasi::new();
    wasi.add_dir(Path::new("/"), b"/", false).unwrap();
    wasi.add_dir(Path::new("/proc"), b"/proc", false).unwrap();
    let mut g = Guest::new(wasi);
    let id = std::process::id();
    for (dir, prefix) in [(3, "proc/"), (4, "")] {
        for file in ["self/mem".into(), format!("{id}/mem"), format!("{id}/task/{id}/mem"), "self/environ".into()] {
            for rights in [ALL, READ] {
                let opened = g.open_with(dir, format!("{prefix}{file}").as_bytes(), 1, 0, rights, 0);
                assert!(opened.is_err(), "{file} with {rights:x}");
            }
        }
        assert!(g.open_with(dir, format!("{prefix}self/comm").as_bytes(), 1, 0, ALL, 0).is_err());
        let info = g.open_with(dir, format!("{prefix}cpuinfo").as_bytes(), 1, 0, READ, 0).unwrap();
        assert!(!g.read(info, 100).unwrap().is_empty());
    }
    // Other empty files can be written.
    let dir = Dir::new();
    dir.write("empty", "");
    let mut g = Guest::with_dir(dir.path());
    assert!(g.open("empty", 0, ALL).is_ok() && g.open("new", CREAT, ALL).is_ok());
}

/// Every change of a read-only directory is rejected, even through descriptors opened from it.
#[test]
fn read_only_is_read_only() {
    let dir = Dir::new();
    dir.write("ro/f", "text");
    dir.write("ro/sub/g", "text");
    dir.write("rw/h", "text");
    symlink("f", dir.path().join("ro/link")).unwrap();
    let mut wasi = Wasi::new();
    wasi.add_dir(&dir.path().join("ro"), b"/ro", true).unwrap();
    wasi.add_dir(&dir.path().join("rw"), b"/rw", false).unwrap();
    let mut g = Guest::new(wasi);
    let sub = g.open("sub", DIRECTORY, READ).unwrap();
    let file = u64::from(g.open("f", CREAT, READ).unwrap());
    assert_eq!(g.read(file as u32, 9).unwrap(), b"text");
    for (fd, name) in [(3, "f"), (sub, "g")] {
        for oflags in [0, CREAT, TRUNC] {
            assert_eq!(g.open_with(fd, name.as_bytes(), 1, oflags, ALL, 0), Err(errno::ROFS));
        }
        for (oflags, rights) in [(TRUNC, READ), (CREAT | EXCL, READ)] {
            assert_eq!(g.open_with(fd, name.as_bytes(), 1, oflags, rights, 0), Err(errno::ROFS));
        }
        assert_eq!(g.open_with(fd, b"new", 1, CREAT, READ, 0), Err(errno::ROFS));
        let fd = u64::from(fd);
        let ((a, al), (b, bl)) = (g.string(0, name.as_bytes()), g.string(1, b"x"));
        for name in ["path_unlink_file", "path_remove_directory"] {
            assert_eq!(g.done(name, &[fd, a, al]), Err(errno::ROFS));
        }
        assert_eq!(g.done("path_create_directory", &[fd, b, bl]), Err(errno::ROFS));
        assert_eq!(g.done("path_symlink", &[a, al, fd, b, bl]), Err(errno::ROFS));
        assert_eq!(g.done("path_filestat_set_times", &[fd, 1, a, al, 1, 1, 5]), Err(errno::ROFS));
        // Descriptor 4 is writable. Nothing is moved or linked into or out of the read-only directory.
        for (from, to) in [(fd, fd), (fd, 4), (4, fd)] {
            assert_eq!(g.done("path_rename", &[from, a, al, to, b, bl]), Err(errno::ROFS));
            assert_eq!(g.done("path_link", &[from, 0, a, al, to, b, bl]), Err(errno::ROFS));
        }
        assert_eq!(g.done("fd_filestat_set_times", &[fd, 1, 1, 5]), Err(errno::ROFS));
    }
    assert_eq!(g.done("fd_filestat_set_times", &[file, 1, 1, 5]), Err(errno::ROFS));
    assert_eq!(g.done("fd_filestat_set_size", &[file, 0]), Err(errno::ROFS));
    assert_eq!(g.done("fd_allocate", &[file, 0, 100]), Err(errno::ROFS));
    assert_eq!(g.write(file as u32, b"x"), Err(errno::NOTCAPABLE));
    // Through a link, and after permitted operations, the contents are unchanged.
    assert_eq!(g.open("link", 0, ALL), Err(errno::ROFS));
    assert_eq!(g.done("fd_fdstat_set_flags", &[file, 1]), Ok(()));
    assert_eq!((dir.read("ro/f"), dir.read("ro/sub/g")), (b"text".to_vec(), b"text".to_vec()));
    let times = std::fs::metadata(dir.path().join("ro/f")).unwrap().modified().unwrap();
    assert!(times.elapsed().unwrap().as_secs() < 1000);
}

/// The same without `openat2`, as on old systems, in some containers and under Valgrind: `cap-std` then resolves paths itself.
#[test]
fn without_openat2() {
    use std::os::unix::process::CommandExt;
    if std::env::var_os("WRT_TEST_NO_OPENAT2").is_some() {
        // SAFETY: the call is rejected before it accesses anything.
        assert_eq!(unsafe { libc::syscall(libc::SYS_openat2, -1, 0, 0, 0) }, -1);
        assert_eq!(std::io::Error::last_os_error().raw_os_error(), Some(libc::ENOSYS));
        return;
    }
    let mut child = std::process::Command::new(std::env::current_exe().unwrap());
    child.args(["sandbox::", "files::", "listing::", "odd::"]).env("WRT_TEST_NO_OPENAT2", "1");
    // SAFETY: two system calls, on data that lives until then.
    unsafe {
        child.pre_exec(|| {
            let op = |code: u32, k: u32, skip: u8| libc::sock_filter { code: code as u16, jt: 0, jf: skip, k };
            let mut filter = [
                // The number of the system call; ENOSYS if it is `openat2`.
                op(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0),
                op(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, libc::SYS_openat2 as u32, 1),
                op(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32, 0),
                op(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ALLOW, 0),
            ];
            let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
            let done = libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
                && libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, 0, &program) == 0;
            if done { Ok(()) } else { Err(std::io::Error::last_os_error()) }
        });
    }
    let output = child.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains(" 0 failed"), "{text}");
    assert!(text.contains("sandbox::races_lead_nowhere ... ok"), "{text}");
}
