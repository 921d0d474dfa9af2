//! The settings that shape machine code. They are part of the contract: code made under others is not loaded.

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Settings {
    /// Traps are hardware faults that a signal handler turns into errors. Otherwise every check is explicit and machine
    /// code raises through a builtin; results are the same.
    pub signals: bool,
    /// Loop headers look at the store's interrupt word. (Function entries need no code for it: an interrupt raises the
    /// stack limit.)
    pub interruption: bool,
    /// Relaxed vector instructions give the results of the specification's deterministic profile, on every processor.
    pub relaxed_deterministic: bool,
}
