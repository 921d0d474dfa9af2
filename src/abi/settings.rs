//! The settings that affect machine code. They are part of the contract: code compiled under other settings is not
//! loaded.

use crate::base::limits::DEFAULT_OPTIMIZATION_BUDGET;

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Settings {
    /// Traps are hardware faults that a signal handler turns into errors. Otherwise every check is explicit and machine
    /// code raises traps by calling a builtin; the results are the same.
    pub signals: bool,
    /// Loop headers check the store's interrupt word. (Function entries need no code for it: an interrupt raises the
    /// stack limit.)
    pub interruption: bool,
    /// Relaxed vector instructions follow the specification's deterministic profile, on every processor.
    pub relaxed_deterministic: bool,
    /// Memories may move when they grow: code reads a memory's address before each access and checks the access
    /// explicitly, even if other traps are faults.
    pub moving_memories: bool,
    /// The maximum work of optimizing one function, in units of about a nanosecond. A function that would take more is
    /// left to the baseline compiler.
    pub optimization_budget: u64,
}

impl Default for Settings {
    fn default() -> Settings {
        let off = false;
        Settings {
            signals: off,
            interruption: off,
            relaxed_deterministic: off,
            moving_memories: off,
            optimization_budget: DEFAULT_OPTIMIZATION_BUDGET,
        }
    }
}

/// The number of settings.
pub const SETTINGS: usize = 5;

/// A setting that can be stored and compared: its name, the C function that sets it, and its value: 1 or 0, or a
/// number.
pub struct Setting {
    pub name: &'static str,
    pub setter: &'static str,
    pub value: u64,
    is_number: bool,
}

impl Setting {
    /// One of its values in words.
    fn word(&self, value: u64) -> String {
        match value {
            n if self.is_number => n.to_string(),
            0 => "off".into(),
            _ => "on".into(),
        }
    }
}

impl Settings {
    /// Whether an access beyond a memory's length faults, as long as its index and offset do not go beyond the unmapped
    /// addresses after the memory.
    pub fn guards_memories(self) -> bool {
        self.signals && !self.moving_memories
    }

    /// All settings, always in this order.
    pub fn list(self) -> [Setting; SETTINGS] {
        let Settings { signals, interruption, relaxed_deterministic, moving_memories, optimization_budget } = self;
        let switch = |name, setter, is_on: bool| Setting { name, setter, value: is_on.into(), is_number: false };
        [
            switch("signals", "wrt_config_set_signals", signals),
            switch("interruption", "wrt_config_set_interruption", interruption),
            switch("deterministic relaxed SIMD", "wrt_config_set_relaxed_simd_deterministic", relaxed_deterministic),
            switch("memories that move", "wrt_config_set_memory_reservation", moving_memories),
            Setting {
                name: "an optimization budget of",
                setter: "wrt_config_set_optimization_budget",
                value: optimization_budget,
                is_number: true,
            },
        ]
    }

    /// How these settings differ from those with the values `stored`, in words: `signals on, and this engine has it off
    /// (wrt_config_set_signals)`. Empty if they are the same.
    pub fn differences(self, stored: [u64; SETTINGS]) -> Vec<String> {
        let differs = |(s, was): (Setting, u64)| {
            (was != s.value).then(|| {
                let (was, is) = (s.word(was), s.word(s.value));
                format!("{} {was}, and this engine has it {is} ({})", s.name, s.setter)
            })
        };
        self.list().into_iter().zip(stored).filter_map(differs).collect()
    }

    pub fn values(self) -> [u64; SETTINGS] {
        self.list().map(|s| s.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_named() {
        let all = Settings {
            signals: true,
            interruption: true,
            relaxed_deterministic: true,
            moving_memories: true,
            optimization_budget: 5,
        };
        let none = Settings::default();
        assert!(all.differences(all.values()).is_empty() && none.differences(none.values()).is_empty());
        assert_eq!(all.differences(none.values()).len(), SETTINGS);
        let quiet = Settings { signals: false, ..all };
        let said = "signals on, and this engine has it off (wrt_config_set_signals)";
        assert_eq!(quiet.differences(all.values()), [said]);
        let hasty = Settings { optimization_budget: 7, ..all };
        let said =
            "an optimization budget of 5, and this engine has it 7 (wrt_config_set_optimization_budget)".to_string();
        assert_eq!(hasty.differences(all.values()), [said]);
    }
}
