//! Functions that wait, and what ends the wait.

use super::files::rustix_mkfifo;
use super::guest::*;
use std::time::{Duration, Instant};
use wrt::api::*;
use wrt::wasi::Wasi;

/// Subscriptions: `userdata` is the position in the list.
enum On {
    Clock { id: u32, timeout: u64, flags: u16 },
    Read(u32),
    Write(u32),
    Nothing(u8),
}

#[derive(PartialEq, Debug)]
struct Event {
    which: u64,
    errno: u16,
    kind: u8,
    bytes: u64,
    hangup: u16,
}

const LIST: u32 = 32768;
const EVENTS: u32 = 40000;

impl Guest {
    fn poll(&mut self, list: &[On]) -> Result<Result<Vec<Event>, u16>> {
        for (i, on) in list.iter().enumerate() {
            let mut s = vec![0; 48];
            s[..8].copy_from_slice(&(i as u64).to_le_bytes());
            match on {
                On::Clock { id, timeout, flags } => {
                    s[16..20].copy_from_slice(&id.to_le_bytes());
                    s[24..32].copy_from_slice(&timeout.to_le_bytes());
                    s[40..42].copy_from_slice(&flags.to_le_bytes());
                }
                On::Read(fd) | On::Write(fd) => {
                    s[8] = if matches!(on, On::Read(_)) { 1 } else { 2 };
                    s[16..20].copy_from_slice(&fd.to_le_bytes());
                }
                On::Nothing(kind) => s[8] = *kind,
            }
            self.put(LIST + i as u32 * 48, &s);
        }
        match self.try_call("poll_oneoff", &[LIST.into(), EVENTS.into(), list.len() as u64, OUT.into()])? {
            0 => {}
            e => return Ok(Err(e)),
        }
        let event = |i| {
            let at = EVENTS + i * 32;
            let head = self.get(at + 8, 4);
            let (errno, flags) = (u16::from_le_bytes([head[0], head[1]]), self.u32(at + 24) as u16);
            Event { which: self.u64(at), errno, kind: head[2], bytes: self.u64(at + 16), hangup: flags }
        };
        Ok(Ok((0..self.u32(OUT)).map(event).collect()))
    }
}

fn clock(timeout: Duration) -> On {
    On::Clock { id: 1, timeout: timeout.as_nanos() as u64, flags: 0 }
}

const SHORT: Duration = Duration::from_millis(40);
const LONG: Duration = Duration::from_secs(3600);

#[test]
fn sleeping() {
    let mut g = Guest::new(Wasi::new());
    let start = Instant::now();
    let events = g.poll(&[clock(LONG), clock(SHORT), clock(LONG)]).unwrap().unwrap();
    assert_eq!(events, [Event { which: 1, errno: 0, kind: 0, bytes: 0, hangup: 0 }]);
    assert!(start.elapsed() >= SHORT && start.elapsed() < Duration::from_secs(10));
    // An absolute time: one in the past, and one in the future.
    for id in [0, 1] {
        let past = On::Clock { id, timeout: 1, flags: 1 };
        assert_eq!(g.poll(&[past]).unwrap().unwrap().len(), 1);
        assert_eq!(g.call("clock_time_get", &[id.into(), 0, OUT.into()]), 0);
        let start = Instant::now();
        let soon = On::Clock { id, timeout: g.u64(OUT) + SHORT.as_nanos() as u64, flags: 1 };
        assert_eq!(g.poll(&[soon]).unwrap().unwrap().len(), 1);
        assert!(start.elapsed() >= SHORT / 2 && start.elapsed() < Duration::from_secs(10));
    }
}

#[test]
fn descriptors() {
    let dir = Dir::new();
    dir.write("f", "12345");
    rustix_mkfifo(&dir.path().join("pipe"));
    let mut g = Guest::with_dir(dir.path());
    let f = g.open("f", 0, ALL).unwrap();
    g.read(f, 2).unwrap();
    let pipe = g.open("pipe", 0, ALL).unwrap();
    let events = g.poll(&[On::Read(f), On::Write(f), On::Read(pipe), On::Write(pipe), clock(LONG)]).unwrap().unwrap();
    let seen: Vec<_> = events.iter().map(|e| (e.which, e.kind, e.errno)).collect();
    assert_eq!(seen, [(0, 1, 0), (1, 2, 0), (3, 2, 0)]);
    assert_eq!(events[0].bytes, 3);
    // There is nothing to read yet: the clock is first.
    assert_eq!(g.poll(&[On::Read(pipe), clock(SHORT)]).unwrap().unwrap()[0].which, 1);
    g.write(pipe, b"1234567").unwrap();
    let events = g.poll(&[On::Read(pipe), clock(LONG)]).unwrap().unwrap();
    assert_eq!((events.len(), events[0].which, events[0].bytes), (1, 0, 7));
    // The standard streams in memory are always ready.
    assert_eq!(g.poll(&[On::Read(0), On::Write(1), clock(LONG)]).unwrap().unwrap().len(), 2);
    let hung = dir.path().join("hung");
    rustix_mkfifo(&hung);
    let fd = g.open("hung", 0, READ).unwrap();
    std::thread::spawn(move || drop(std::fs::OpenOptions::new().write(true).open(hung))).join().unwrap();
    assert_eq!(g.poll(&[On::Read(fd)]).unwrap().unwrap()[0].hangup, 1);
}

#[test]
fn odd_subscriptions() {
    let mut g = Guest::with_dir(Dir::new().path());
    assert_eq!(g.poll(&[]).unwrap(), Err(errno::INVAL));
    assert_eq!(g.poll(&[On::Nothing(3)]).unwrap(), Err(errno::INVAL));
    let bad = [
        On::Read(99),
        On::Write(3),
        On::Write(0),
        On::Clock { id: 9, timeout: 0, flags: 0 },
        On::Clock { id: 0, timeout: 0, flags: 2 },
    ];
    let events = g.poll(&bad).unwrap().unwrap();
    let seen: Vec<_> = events.iter().map(|e| (e.which, e.errno)).collect();
    // A directory cannot be waited for.
    let expected = [(0, errno::BADF), (1, errno::NOTCAPABLE), (2, 0), (3, errno::INVAL), (4, errno::INVAL)];
    assert_eq!(seen, expected);
}

fn interruptible() -> Engine {
    Engine::new(&Config::new().interruption(true)).unwrap()
}

/// Ends with `interrupted`, soon after the deadline: in at least one of three attempts, since the machine does other work.
fn assert_interrupted(g: &mut Guest, run: impl Fn(&mut Guest) -> Error) {
    let mut least = Duration::MAX;
    for _ in 0..3 {
        g.store.set_deadline(Some(SHORT)).unwrap();
        let start = Instant::now();
        let e = run(g);
        let took = start.elapsed();
        assert_eq!((e.kind(), e.trap_code()), (ErrorKind::Interrupted, Some(Trap::Interrupted)));
        assert!(took >= SHORT / 2, "{took:?}");
        least = least.min(took);
        // Afterwards the store is usable.
        g.store.set_deadline(None).unwrap();
        assert_eq!(g.call("sched_yield", &[]), 0);
    }
    assert!(least < SHORT + Duration::from_millis(100), "{least:?}");
}

#[test]
fn deadlines_end_waiting() {
    let dir = Dir::new();
    rustix_mkfifo(&dir.path().join("pipe"));
    let mut wasi = Wasi::new();
    wasi.add_dir(dir.path(), b"/", false).unwrap();
    let mut g = Guest::on(&interruptible(), wasi);
    assert_interrupted(&mut g, |g| g.poll(&[clock(LONG)]).unwrap_err());
    assert_interrupted(&mut g, |g| g.poll(&[On::Clock { id: 0, timeout: u64::MAX, flags: 1 }]).unwrap_err());
    let pipe = g.open("pipe", 0, ALL).unwrap();
    let (p, n) = g.iovec(DATA, 100);
    assert_interrupted(&mut g, |g| g.try_call("fd_read", &[pipe.into(), p, n, OUT.into()]).unwrap_err());
    assert_interrupted(&mut g, |g| g.poll(&[On::Read(pipe)]).unwrap_err());
    // A full pipe, and a write that is longer than the free space.
    let (p, n) = g.iovec(DATA, 100_000);
    let full = |g: &mut Guest| loop {
        if let Err(e) = g.try_call("fd_write", &[pipe.into(), p, n, OUT.into()]) {
            return e;
        }
    };
    assert_interrupted(&mut g, full);
}

#[test]
fn interruptions_end_waiting() {
    let mut g = Guest::on(&interruptible(), Wasi::new());
    let handle = g.store.interrupt_handle().unwrap();
    let other = std::thread::spawn(move || {
        std::thread::sleep(SHORT);
        handle.interrupt();
    });
    let start = Instant::now();
    assert_eq!(g.poll(&[clock(LONG)]).unwrap_err().kind(), ErrorKind::Interrupted);
    assert!(start.elapsed() < Duration::from_secs(10));
    other.join().unwrap();
    assert_eq!(g.poll(&[clock(Duration::ZERO)]).unwrap().unwrap().len(), 1);
}

/// The child of the test below waits for its standard input, which never comes.
#[test]
fn deadlines_end_reading_from_the_terminal() {
    if std::env::var_os("WRT_TEST_WAIT").is_some() {
        let mut wasi = Wasi::new();
        wasi.inherit_stdio();
        let mut g = Guest::on(&interruptible(), wasi);
        let (p, n) = g.iovec(DATA, 100);
        assert_interrupted(&mut g, |g| g.try_call("fd_read", &[0, p, n, OUT.into()]).unwrap_err());
        std::process::exit(7);
    }
    let mut child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "waiting::deadlines_end_reading_from_the_terminal", "--test-threads=1"])
        .env("WRT_TEST_WAIT", "1")
        .stdin(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let input = child.stdin.take();
    assert_eq!(child.wait().unwrap().code(), Some(7));
    drop(input);
}

/// Stores a list of iovecs at an unused address; returns the two arguments.
fn iovecs(g: &mut Guest, list: &[(u32, u32)]) -> (u64, u64) {
    let bytes: Vec<u8> = list.iter().flat_map(|(at, len)| [at.to_le_bytes(), len.to_le_bytes()].concat()).collect();
    g.put(EVENTS, &bytes);
    (EVENTS.into(), list.len() as u64)
}

/// A long write to a callback ends after the chunk during which the interrupt came: 256 KiB.
#[test]
fn interruptions_end_long_transfers() {
    let taken = std::sync::Arc::new(std::sync::Mutex::new((0, None::<InterruptHandle>)));
    let mut wasi = Wasi::new();
    let by_writer = taken.clone();
    let writer = move |bytes: &mut [u8]| {
        let mut taken = by_writer.lock().unwrap();
        taken.0 += bytes.len();
        taken.1.as_ref().unwrap().interrupt();
        Ok(bytes.len())
    };
    wasi.set_writer(1, Box::new(writer)).unwrap();
    let mut g = Guest::on(&interruptible(), wasi);
    taken.lock().unwrap().1 = Some(g.store.interrupt_handle().unwrap());
    let (p, n) = iovecs(&mut g, &[(65536, 131_072); 32]);
    assert_eq!(g.try_call("fd_write", &[1, p, n, OUT.into()]).unwrap_err().kind(), ErrorKind::Interrupted);
    assert!((1..=256 << 10).contains(&taken.lock().unwrap().0));
}

/// A transfer has the same result with and without chunks: buffers that do not end at chunk boundaries, and offsets.
#[test]
fn long_transfers_are_whole() {
    let dir = Dir::new();
    let content: Vec<u8> = (0..1_000_000u32).map(|i| (i ^ (i >> 8)) as u8).collect();
    std::fs::write(dir.path().join("f"), &content).unwrap();
    for engine in [interruptible(), Engine::new(&Config::new()).unwrap()] {
        let mut wasi = Wasi::new();
        wasi.add_dir(dir.path(), b"/", false).unwrap();
        let mut g = Guest::on(&engine, wasi);
        g.memory.grow(&mut g.store, 40).unwrap();
        let fd = u64::from(g.open("f", 0, ALL).unwrap());
        let list = [(65536, 100_001), (0, 0), (262_144, 700_003), (165_537, 7), (1_500_000, 500_000)];
        let (p, n) = iovecs(&mut g, &list);
        assert_eq!((g.call("fd_pread", &[fd, p, n, 1000, OUT.into()]), g.u32(OUT)), (0, 999_000));
        let got: Vec<u8> = list.iter().flat_map(|(at, len)| g.get(*at, *len as usize)).take(999_000).collect();
        assert!(got == content[1000..], "interruptible: {}", g.store.is_interruptible());
        assert_eq!((g.call("fd_read", &[fd, p, n, OUT.into()]), g.u32(OUT)), (0, 1_000_000));
        assert_eq!((g.call("fd_read", &[fd, p, n, OUT.into()]), g.u32(OUT)), (0, 0));
        let copy = u64::from(g.open("copy", CREAT | TRUNC, ALL).unwrap());
        assert_eq!((g.call("fd_pwrite", &[copy, p, n, 5, OUT.into()]), g.u32(OUT)), (0, 1_300_011));
        let written = dir.read("copy");
        assert!(written.len() == 1_300_016 && written[5..1_000_005] == content[..]);
    }
}
