//! Runs an engine in a separate process, so that its signal handlers, or a crash, do not affect others.

use crate::job::{self, Answer, Job};
use crate::wasmtime::Wasmtime;
use crate::wrt_engine::Wrt;
use std::io::{self, Read};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;

/// The argument that makes a process run an engine.
pub const ENGINE: &str = "--engine";

/// The maximum processor time of one job in seconds; after it, SIGPROF ends the process.
const BUSY: i64 = 20;
/// The maximum wall time in seconds, longer because the machine does other work; after it, SIGALRM ends the process.
const PASSED: u32 = 600;

/// An engine's process, started when there is a job.
pub struct Process {
    /// What follows `ENGINE`: `wrt`, or the path of Wasmtime's library.
    engine: String,
    child: Option<Running>,
}

struct Running {
    child: Child,
    /// Reads its standard error, so that it never blocks on a full pipe.
    words: JoinHandle<String>,
}

impl Process {
    pub fn new(engine: &str) -> Process {
        Process { engine: engine.into(), child: None }
    }

    /// Sends it a job, and does not wait.
    pub fn start(&mut self, job: &[u8]) {
        let engine = &self.engine;
        let running = self.child.get_or_insert_with(|| {
            let mut command = Command::new(std::env::current_exe().unwrap());
            command.args([ENGINE, engine]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
            let mut child = command.spawn().unwrap();
            let mut stderr = child.stderr.take().unwrap();
            let words = std::thread::spawn(move || {
                let mut words = Vec::new();
                let _ = stderr.read_to_end(&mut words);
                String::from_utf8_lossy(&words).into_owned()
            });
            Running { child, words }
        });
        // An error is ignored: if the process has ended, `finish` reports it.
        let _ = job::write_message(running.child.stdin.as_mut().unwrap(), job);
    }

    /// The result of the job, or one line that says how the process ended.
    pub fn finish(&mut self) -> Answer {
        let running = self.child.as_mut().expect("a job");
        if let Ok(Some(answer)) = job::read_message(running.child.stdout.as_mut().unwrap()) {
            return job::decode_answer(&answer);
        }
        let mut running = self.child.take().unwrap();
        drop(running.child.stdin.take());
        let status = running.child.wait().unwrap();
        let words = running.words.join().unwrap();
        let from = words.lines().count().saturating_sub(6);
        let words = words.lines().skip(from).collect::<Vec<_>>().join(" | ");
        let how = match status.signal() {
            Some(libc::SIGPROF) => format!("took more than {BUSY} s"),
            Some(libc::SIGALRM) => "hung".into(),
            Some(signal) => format!("ended by signal {signal}"),
            None => format!("ended with {}", status),
        };
        vec![(self.engine.clone(), vec![format!("{how}\t{}", words.replace('\t', " "))])]
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(mut running) = self.child.take() {
            // It ends when its input ends.
            drop(running.child.stdin.take());
            let _ = running.child.wait();
        }
    }
}

/// The engine's side: reads jobs from standard input, writes answers to standard output.
pub fn serve(engine: &str) -> io::Result<()> {
    let mut run: Box<dyn FnMut(&Job) -> Answer> = if engine == "wrt" {
        let mut wrt = Wrt::new();
        Box::new(move |job| wrt.run(job))
    } else {
        let mut wasmtime = Wasmtime::load(engine);
        Box::new(move |job| vec![("Wasmtime".into(), wasmtime.run(job))])
    };
    let (mut from, mut to) = (io::stdin().lock(), io::stdout().lock());
    while let Some(message) = job::read_message(&mut from)? {
        set_clocks(BUSY, PASSED);
        let answer = run(&Job::decode(&message));
        set_clocks(0, 0);
        job::write_message(&mut to, &job::encode_answer(&answer))?;
    }
    Ok(())
}

/// Ends the process after the given number of seconds; 0 cancels this.
fn set_clocks(busy: i64, passed: u32) {
    let zero = libc::timeval { tv_sec: 0, tv_usec: 0 };
    let value = libc::itimerval { it_interval: zero, it_value: libc::timeval { tv_sec: busy, tv_usec: 0 } };
    // SAFETY: only sets clocks.
    unsafe {
        libc::setitimer(libc::ITIMER_PROF, &value, std::ptr::null_mut());
        libc::alarm(passed);
    }
}
