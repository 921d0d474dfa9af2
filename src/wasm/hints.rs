//! Branch hints: the contents of the custom section `metadata.code.branch_hint` (the branch-hinting proposal). They are
//! only advice: a section that is malformed, or refers to something that does not exist, affects nothing but speed.

use crate::base::index::FuncIndex;
use wasmparser::{BinaryReader, BranchHintSectionReader};

/// The section's name.
pub const SECTION: &str = "metadata.code.branch_hint";

/// An instruction's offset in bytes from the start of its function's body, and whether its branch is likely.
type Hint = (u32, bool);

/// The hints of a module, sorted by function, and within a function by offset.
#[derive(Default)]
pub struct BranchHints(Vec<(u32, Box<[Hint]>)>);

impl BranchHints {
    /// The hints in a section; none if it is malformed.
    pub fn parse(data: &[u8]) -> BranchHints {
        BranchHints::read(data).unwrap_or_default()
    }

    fn read(data: &[u8]) -> Result<BranchHints, wasmparser::BinaryReaderError> {
        let mut all = Vec::new();
        for func in BranchHintSectionReader::new(BinaryReader::new(data, 0))? {
            let func = func?;
            let hints = func.hints.into_iter().map(|h| h.map(|h| (h.func_offset, h.taken)));
            let mut hints = hints.collect::<Result<Vec<Hint>, _>>()?;
            hints.sort_by_key(|h| h.0);
            all.push((func.func, hints.into_boxed_slice()));
        }
        all.sort_by_key(|f| f.0);
        Ok(BranchHints(all))
    }

    /// The hints of a function.
    pub fn of(&self, f: FuncIndex) -> FuncHints<'_> {
        let found = self.0.binary_search_by_key(&f.as_u32(), |(f, _)| *f);
        FuncHints(found.map_or(&[], |i| &self.0[i].1))
    }
}

/// The hints of a function that have not been passed yet while its body is read.
pub struct FuncHints<'a>(&'a [Hint]);

impl FuncHints<'_> {
    /// Whether the branch at an offset is likely, if it has a hint. Offsets must ascend from call to call.
    pub fn at(&mut self, offset: u32) -> Option<bool> {
        while let Some(((at, likely), rest)) = self.0.split_first() {
            if *at > offset {
                return None;
            }
            self.0 = rest;
            if *at == offset {
                return Some(*likely);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hints: &BranchHints, f: u32) -> Vec<Option<bool>> {
        let mut of = hints.of(FuncIndex::from_u32(f));
        [1, 3, 5, 7].map(|at| of.at(at)).to_vec()
    }

    #[test]
    fn hints_are_found_by_function_and_offset() {
        // Functions and offsets out of order, and one offset that is never queried.
        let hints = BranchHints::parse(&[2, 9, 1, 7, 1, 1, 4, 3, 5, 1, 1, 4, 1, 1, 3, 1, 0]);
        assert_eq!(at(&hints, 9), [None, None, None, Some(true)]);
        assert_eq!(at(&hints, 4), [None, Some(false), Some(true), None]);
        assert_eq!(at(&hints, 5), [None; 4]);
    }

    #[test]
    fn malformed_sections_say_nothing() {
        let good = [1, 0, 1, 1, 1, 1];
        assert_eq!(at(&BranchHints::parse(&good), 0)[0], Some(true));
        for cut in 0..good.len() {
            assert_eq!(at(&BranchHints::parse(&good[..cut]), 0), [None; 4]);
        }
        for bad in [[1, 0, 1, 1, 2, 1], [1, 0, 1, 1, 1, 2], [2, 0, 1, 1, 1, 1], [1, 0, 0x7f, 1, 1, 1]] {
            assert_eq!(at(&BranchHints::parse(&bad), 0), [None; 4]);
        }
    }
}
