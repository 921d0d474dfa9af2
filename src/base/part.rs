//! Parts that a build can leave out to be smaller, by features of the crate. Everything is compiled all the same; what nothing reaches is
//! not linked. The C functions of a part stay, and fail.

use super::Result;
use crate::err;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part {
    /// The baseline compiler: without it all modules are compiled by Cranelift before they run.
    Baseline,
    /// The text format, of modules and of types.
    Text,
    /// WASI preview 1.
    Wasi,
}

impl Part {
    /// Whether this build has it.
    #[inline(always)]
    pub const fn is_built(self) -> bool {
        match self {
            Part::Baseline => cfg!(all(feature = "baseline", target_arch = "x86_64")),
            Part::Text => cfg!(feature = "text"),
            Part::Wasi => cfg!(feature = "wasi"),
        }
    }

    /// Fails with `Unsupported` if this build does not have it.
    #[inline(always)]
    pub fn check(self) -> Result<()> {
        if self.is_built() { Ok(()) } else { Err(self.missing()) }
    }

    #[cold]
    fn missing(self) -> super::Error {
        let name = match self {
            Part::Baseline => "the baseline compiler",
            Part::Text => "the text format",
            Part::Wasi => "WASI",
        };
        err!(Unsupported, "this build of wrt does not have {name}")
    }
}
