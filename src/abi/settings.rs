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

/// How many settings there are.
pub const SETTINGS: usize = 3;

/// A setting, to be stored and compared: what it is called, the C function that sets it, and what it is.
pub struct Setting {
    pub name: &'static str,
    pub setter: &'static str,
    pub is_on: bool,
}

impl Settings {
    /// All of them, always in this order.
    pub fn list(self) -> [Setting; SETTINGS] {
        let Settings { signals, interruption, relaxed_deterministic } = self;
        [
            ("signals", "wrt_config_set_signals", signals),
            ("interruption", "wrt_config_set_interruption", interruption),
            ("deterministic relaxed SIMD", "wrt_config_set_relaxed_simd_deterministic", relaxed_deterministic),
        ]
        .map(|(name, setter, is_on)| Setting { name, setter, is_on })
    }

    /// How these differ from the settings of which `stored` are the bits, in words: `signals on, and this engine has it off
    /// (wrt_config_set_signals)`. Empty if they are the same.
    pub fn differences(self, stored: u64) -> Vec<String> {
        let word = |is_on| if is_on { "on" } else { "off" };
        let differs = |(i, s): (usize, Setting)| {
            let was_on = stored >> i & 1 != 0;
            (was_on != s.is_on).then(|| {
                format!("{} {}, and this engine has it {} ({})", s.name, word(was_on), word(s.is_on), s.setter)
            })
        };
        self.list().into_iter().enumerate().filter_map(differs).collect()
    }

    pub fn bits(self) -> u64 {
        self.list().iter().enumerate().fold(0, |bits, (i, s)| bits | (s.is_on as u64) << i)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_named() {
        let all = Settings { signals: true, interruption: true, relaxed_deterministic: true };
        let none = Settings::default();
        assert!(all.differences(all.bits()).is_empty() && none.differences(none.bits()).is_empty());
        assert_eq!(all.differences(none.bits()).len(), SETTINGS);
        let quiet = Settings { signals: false, ..all };
        let said = "signals on, and this engine has it off (wrt_config_set_signals)";
        assert_eq!(quiet.differences(all.bits()), [said]);
    }
}
