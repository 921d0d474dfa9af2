//! The input for both engines, and its encoding for their processes.

use std::io::{self, Read, Write};

/// Modules that are instantiated one after the other in one store, and the functions that are called then.
#[derive(Clone, Default)]
pub struct Job {
    pub parts: Vec<Part>,
    /// Functions without parameters and results that the last part exports. A call is compared by its outcome and, if the part has one, its
    /// memory `log`.
    pub calls: Vec<String>,
    /// The configurations of the engine under test that run the job; all if the list is empty.
    pub turn: Option<u32>,
}

#[derive(Clone, Default)]
pub struct Part {
    pub wasm: Vec<u8>,
    /// For each import: the part that exports it, and its name there.
    pub imports: Vec<(u32, String)>,
}

/// The lines of one run: one for each part up to the first that fails, then one for each call. Text after a tab in a line is for
/// people.
pub type Lines = Vec<String>;

/// A part that was instantiated, or the beginning of the line of a call that returned.
pub const OK: &str = "ok";
pub const INVALID: &str = "invalid";
pub const LINK: &str = "link";
pub const EXCEPTION: &str = "exception";
/// A limit of the engine or the system, which neither the specification nor the module determines.
pub const RESOURCE: &str = "resource";

/// The number of log words that a line shows; the hash in the log covers all.
const SHOWN: usize = 24;

/// The contents of a log (`observer.rs`): the number of words, their hash, and the first of them.
pub fn log_line(memory: &[u8]) -> String {
    let word = |i: usize| memory.get(i * 8..i * 8 + 8).map_or(0, |b| u64::from_le_bytes(b.try_into().unwrap()));
    let count = word(0) as usize;
    let mut line = format!(" {count} {:x}:", word(1));
    for i in 0..count.min(SHOWN) {
        line += &format!(" {:x}", word(2 + i));
    }
    line
}

fn put(to: &mut Vec<u8>, bytes: &[u8]) {
    to.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
    to.extend_from_slice(bytes);
}

struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn take(&mut self, n: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(n);
        self.0 = rest;
        taken
    }
    fn number(&mut self) -> u32 {
        u32::from_le_bytes(self.take(4).try_into().unwrap())
    }
    fn bytes(&mut self) -> &'a [u8] {
        let n = self.number();
        self.take(n as usize)
    }
    fn text(&mut self) -> String {
        String::from_utf8(self.bytes().to_vec()).unwrap()
    }
}

impl Job {
    pub fn encode(&self) -> Vec<u8> {
        let mut to = Vec::new();
        to.extend_from_slice(&(self.parts.len() as u32).to_le_bytes());
        for part in &self.parts {
            put(&mut to, &part.wasm);
            to.extend_from_slice(&(part.imports.len() as u32).to_le_bytes());
            for (from, name) in &part.imports {
                to.extend_from_slice(&from.to_le_bytes());
                put(&mut to, name.as_bytes());
            }
        }
        put(&mut to, self.calls.join("\n").as_bytes());
        to.extend_from_slice(&self.turn.unwrap_or(u32::MAX).to_le_bytes());
        to
    }

    pub fn decode(bytes: &[u8]) -> Job {
        let mut c = Cursor(bytes);
        let mut job = Job::default();
        for _ in 0..c.number() {
            let wasm = c.bytes().to_vec();
            let imports = (0..c.number()).map(|_| (c.number(), c.text())).collect();
            job.parts.push(Part { wasm, imports });
        }
        job.calls = c.text().lines().map(String::from).collect();
        job.turn = Some(c.number()).filter(|t| *t != u32::MAX);
        job
    }
}

/// The answer of an engine's process: its configuration, and the lines of that run; or several of them.
pub type Answer = Vec<(String, Lines)>;

pub fn encode_answer(answer: &Answer) -> Vec<u8> {
    let mut to = Vec::new();
    for (name, lines) in answer {
        put(&mut to, name.as_bytes());
        put(&mut to, lines.join("\n").as_bytes());
    }
    to
}

pub fn decode_answer(bytes: &[u8]) -> Answer {
    let mut c = Cursor(bytes);
    let mut answer = Answer::new();
    while !c.0.is_empty() {
        let name = c.text();
        answer.push((name, c.text().lines().map(String::from).collect()));
    }
    answer
}

/// A message, preceded by its length. `None` at the end of the stream.
pub fn read_message(from: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut len = [0; 4];
    match from.read_exact(&mut len) {
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    let mut bytes = vec![0; u32::from_le_bytes(len) as usize];
    from.read_exact(&mut bytes)?;
    Ok(Some(bytes))
}

pub fn write_message(to: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    to.write_all(&(bytes.len() as u32).to_le_bytes())?;
    to.write_all(bytes)?;
    to.flush()
}
