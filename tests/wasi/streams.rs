//! Standard streams: from and to memory, files, callbacks, and the process's own.

use super::files::rustix_mkfifo;
use super::guest::*;
use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use wrt::api::ErrorKind;
use wrt::wasi::{Errno, Wasi};

#[test]
fn nothing_by_default() {
    let mut g = Guest::new(Wasi::new());
    assert_eq!(g.read(0, 10).unwrap(), b"");
    assert_eq!((g.write(1, b"gone"), g.write(2, b"")), (Ok(4), Ok(0)));
    assert_eq!((g.write(0, b"x"), g.read(1, 1)), (Err(errno::NOTCAPABLE), Err(errno::NOTCAPABLE)));
    for fd in 0..3 {
        // Neither a terminal nor seekable.
        let (file_type, _, rights, _) = g.fdstat(fd).unwrap();
        assert_eq!((file_type, rights & (1 << 2 | 1 << 5)), (0, 0));
        assert_eq!(g.seek(fd, 0, 1), Err(errno::NOTCAPABLE));
        assert_eq!(g.done("fd_filestat_get", &[fd.into(), OUT.into()]), Ok(()));
    }
    assert_eq!((g.done("fd_sync", &[1]), g.done("fd_datasync", &[2])), (Ok(()), Ok(())));
    assert_eq!(g.store.wasi().unwrap().output(1).unwrap(), b"");
}

#[test]
fn memory() {
    let mut wasi = Wasi::new();
    wasi.set_stdin_bytes((*b"0123456789").into());
    wasi.capture(1, 10).unwrap();
    wasi.capture(2, 1 << 20).unwrap();
    for fd in [0, 3] {
        assert_eq!(wasi.capture(fd, 10).unwrap_err().kind(), ErrorKind::InvalidArgument);
    }
    let mut g = Guest::new(wasi);
    assert_eq!(g.read(0, 4).unwrap(), b"0123");
    assert_eq!(g.read(0, 100).unwrap(), b"456789");
    assert_eq!(g.read(0, 100).unwrap(), b"");
    assert_eq!((g.write(1, b"1234"), g.write(2, b"error")), (Ok(4), Ok(5)));
    // The part that still fits is accepted.
    assert_eq!((g.write(1, b"56789abc"), g.write(1, b"d"), g.write(1, b"")), (Ok(6), Err(errno::NOSPC), Ok(0)));
    // It stays if the guest closes the stream, or renumbers it.
    g.close(1);
    let output = |g: &mut Guest, fd| g.store.wasi().unwrap().output(fd).unwrap().to_vec();
    assert_eq!((output(&mut g, 1), output(&mut g, 2)), (b"123456789a".to_vec(), b"error".to_vec()));
    assert_eq!(g.store.wasi().unwrap().output(0).unwrap_err().kind(), ErrorKind::InvalidArgument);
}

#[test]
fn files() {
    let dir = Dir::new();
    let (input, both) = (dir.write("in", "input"), dir.write("out", "old text"));
    let mut wasi = Wasi::new();
    wasi.set_stdio_file(0, &input).unwrap();
    wasi.set_stdio_file(1, &both).unwrap();
    wasi.set_stdio_file(2, &both).unwrap();
    assert_eq!(wasi.set_stdio_file(0, &dir.path().join("none")).unwrap_err().kind(), ErrorKind::Io);
    assert_eq!(wasi.set_stdio_file(3, &input).unwrap_err().kind(), ErrorKind::InvalidArgument);
    let mut g = Guest::new(wasi);
    assert_eq!(g.read(0, 3).unwrap(), b"inp");
    assert_eq!(g.seek(0, 1, 0), Ok(1));
    assert_eq!(g.read(0, 9).unwrap(), b"nput");
    assert_eq!(g.write(0, b"x"), Err(errno::NOTCAPABLE));
    for (fd, text) in [(1, "one "), (2, "two "), (1, "three")] {
        assert_eq!(g.write(fd, text.as_bytes()), Ok(text.len() as u32));
    }
    assert_eq!(dir.read("out"), b"one two three");
    assert_eq!(dir.read("in"), b"input");
}

#[test]
fn callbacks() {
    let mut wasi = Wasi::new();
    let mut left = 3;
    wasi.set_reader(Box::new(move |bytes| {
        left -= 1;
        match left {
            2 => {
                bytes[..3].copy_from_slice(b"abc");
                Ok(3)
            }
            1 => Err(Errno::IO),
            // More than fits.
            _ => Ok(bytes.len() + 1),
        }
    }));
    let log = Arc::new(Mutex::new(Vec::new()));
    let seen = log.clone();
    wasi.set_writer(
        1,
        Box::new(move |bytes| {
            let mut log = seen.lock().unwrap();
            log.push(bytes.len());
            match bytes.first() {
                Some(b'E') => Err(Errno::AGAIN),
                Some(b'L') => Ok(1 << 40),
                _ if log.len() == 3 => Ok(bytes.len() / 2),
                _ => Ok(bytes.len()),
            }
        }),
    )
    .unwrap();
    let mut g = Guest::new(wasi);
    assert_eq!(g.read(0, 10).unwrap(), b"abc");
    assert_eq!((g.read(0, 10), g.read(0, 10)), (Err(29), Err(29)));
    // In pieces, until one is not accepted completely.
    assert_eq!(g.write(1, &vec![b'x'; 200_000]), Ok(2 * 65536 + 32768));
    assert_eq!(*log.lock().unwrap(), [65536, 65536, 65536]);
    assert_eq!((g.write(1, b"E"), g.write(1, b"L")), (Err(errno::AGAIN), Err(29)));
}

/// While a callback runs, its store cannot be used; another store can.
#[test]
fn callbacks_find_the_store_closed() {
    let mut wasi = Wasi::new();
    let gate = Arc::new(Mutex::new(None::<wrt::api::Gate>));
    let (of_callback, seen) = (gate.clone(), Arc::new(Mutex::new(Vec::new())));
    let log = seen.clone();
    wasi.set_writer(
        2,
        Box::new(move |bytes| {
            log.lock().unwrap().push(of_callback.lock().unwrap().as_ref().unwrap().is_closed());
            Ok(bytes.len())
        }),
    )
    .unwrap();
    let mut g = Guest::new(wasi);
    *gate.lock().unwrap() = Some(g.store.gate());
    assert_eq!(g.write(2, b"x"), Ok(1));
    assert_eq!((seen.lock().unwrap().as_slice(), g.store.is_closed()), (&[true][..], false));
}

/// The child of the test below: copies its standard input to its output, and writes to standard error what kinds of streams they are.
#[test]
fn inherited() {
    if std::env::var_os("WRT_TEST_STDIO").is_some() {
        let mut wasi = Wasi::new();
        wasi.inherit_stdio();
        let mut g = Guest::new(wasi);
        loop {
            let bytes = g.read(0, 5).unwrap();
            if bytes.is_empty() {
                break;
            }
            assert_eq!(g.write(1, &bytes), Ok(bytes.len() as u32));
        }
        let types = [0, 1, 2].map(|fd| g.fdstat(fd).unwrap().0 + b'0');
        assert_eq!(g.write(2, &types), Ok(3));
        // Closed only for the guest.
        g.close(2);
        assert_eq!(g.write(2, b"x"), Err(errno::BADF));
        eprint!("+");
        std::process::exit(0);
    }
    let dir = Dir::new();
    let file = std::fs::File::create(dir.path().join("out")).unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "streams::inherited", "--nocapture", "--test-threads=1"])
        .env("WRT_TEST_STDIO", "1")
        .stdin(Stdio::piped())
        .stdout(file)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"hello world").unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(dir.read("out").ends_with(b"hello world"));
    // A pipe, a file, a pipe.
    assert_eq!(String::from_utf8_lossy(&output.stderr), "040+");
}

/// A pipe without a reader is an error for the guest, not a signal for the process.
#[test]
fn broken_pipes() {
    if std::env::var_os("WRT_TEST_PIPE").is_some() {
        let mut wasi = Wasi::new();
        wasi.inherit_stdio();
        let mut g = Guest::new(wasi);
        // The default, as in a shell: the test's own runtime ignores the signal.
        // SAFETY: the default action is not a function.
        unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
        g.write(1, b"ready").unwrap();
        g.read(0, 1).unwrap();
        let got = g.write(1, b"into the void");
        std::process::exit(i32::from(got == Err(errno::PIPE)) * 7);
    }
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "streams::broken_pipes", "--nocapture", "--test-threads=1"])
        .env("WRT_TEST_PIPE", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // The end of the pipe is closed when the child continues; its earlier output is read.
    let mut out = child.stdout.take().unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"ready") {
        let mut byte = [0];
        std::io::Read::read_exact(&mut out, &mut byte).unwrap();
        head.extend(byte);
    }
    drop(out);
    drop(child.stdin.take());
    assert_eq!(child.wait().unwrap().code(), Some(7));
}

/// Opening a named pipe does not wait; reading from one waits until something is written.
#[test]
fn named_pipes() {
    let dir = Dir::new();
    let path = dir.path().join("pipe");
    rustix_mkfifo(&path);
    let mut g = Guest::with_dir(dir.path());
    let fd = g.open("pipe", 0, READ).unwrap();
    let nonblocking = g.open_with(3, b"pipe", 0, 0, READ, 4).unwrap();
    assert_eq!(g.read(nonblocking, 1), Err(errno::AGAIN));
    let writer = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(50));
        std::fs::write(path, "text").unwrap();
    });
    assert_eq!(g.read(fd, 10).unwrap(), b"text");
    writer.join().unwrap();
    assert_eq!(g.read(fd, 10).unwrap(), b"");
    let write = g.open("pipe", 0, ALL & !(1 << 1)).unwrap();
    assert_eq!(g.write(write, b"own"), Ok(3));
    assert_eq!(g.read(fd, 10).unwrap(), b"own");
    assert_eq!(g.fdstat(fd).unwrap().0, 0);
}
