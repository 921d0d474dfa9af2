//! An engine in a process of its own: what it does to signals, and how it ends, is nobody else's business.

use crate::job::{self, Answer, Job};
use crate::wasmtime::Wasmtime;
use crate::wrt_engine::Wrt;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};

/// The argument that makes a process an engine's.
pub const ENGINE: &str = "--engine";

/// Seconds of processor time that one job may take; then SIGPROF ends the process.
const BUSY: i64 = 20;
/// Seconds that may pass meanwhile, on a machine that does other things as well; then SIGALRM does.
const PASSED: u32 = 600;

/// An engine's process, started when there is something to do.
pub struct Process {
    /// What follows `ENGINE`: `wrt`, or where Wasmtime's library is.
    engine: String,
    child: Option<Child>,
}

impl Process {
    pub fn new(engine: &str) -> Process {
        Process { engine: engine.into(), child: None }
    }

    /// Gives it a job. It works on it meanwhile.
    pub fn start(&mut self, job: &[u8]) {
        let engine = &self.engine;
        let child = self.child.get_or_insert_with(|| {
            let mut command = Command::new(std::env::current_exe().unwrap());
            command.args([ENGINE, engine]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
            command.spawn().unwrap()
        });
        // A process that has ended says so in `finish`.
        let _ = job::write_message(child.stdin.as_mut().unwrap(), job);
    }

    /// What came of the job; or how the process ended, as a line.
    pub fn finish(&mut self) -> Answer {
        let child = self.child.as_mut().expect("a job");
        if let Ok(Some(answer)) = job::read_message(child.stdout.as_mut().unwrap()) {
            return job::decode_answer(&answer);
        }
        let ended = self.child.take().unwrap().wait_with_output().unwrap();
        let words = String::from_utf8_lossy(&ended.stderr).lines().take(6).collect::<Vec<_>>().join(" | ");
        let how = match ended.status.signal() {
            Some(libc::SIGPROF) => format!("took more than {BUSY} s"),
            Some(libc::SIGALRM) => "hung".into(),
            Some(signal) => format!("ended by signal {signal}"),
            None => format!("ended with {}", ended.status),
        };
        vec![(self.engine.clone(), vec![format!("{how}\t{}", words.replace('\t', " "))])]
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // The end of its input ends it.
            drop(child.stdin.take());
            let _ = child.wait();
        }
    }
}

/// The engine's side: jobs from standard input, answers to standard output.
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

/// Ends the process after so many seconds; 0 does not.
fn set_clocks(busy: i64, passed: u32) {
    let zero = libc::timeval { tv_sec: 0, tv_usec: 0 };
    let value = libc::itimerval { it_interval: zero, it_value: libc::timeval { tv_sec: busy, tv_usec: 0 } };
    // SAFETY: only sets clocks.
    unsafe {
        libc::setitimer(libc::ITIMER_PROF, &value, std::ptr::null_mut());
        libc::alarm(passed);
    }
}
