//! The proposals by name, and whether an engine accepts them. One row per proposal feeds the validator, the
//! configuration, the messages about rejected modules, and the C API. docs/features.md has the same rows.

use crate::base::{Quoted, Result};
use crate::err;
use std::ffi::CStr;
use wasmparser::WasmFeatures as Flags;

/// Whether this library supports a proposal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Status {
    /// On unless turned off.
    On,
    /// Off unless turned on.
    Off,
    /// Not supported: modules that need it are rejected with a message that names it.
    Missing,
}

/// A proposal.
pub struct Feature {
    /// The name of its repository under github.com/WebAssembly.
    name: &'static CStr,
    /// Other names in use.
    also: &'static [&'static str],
    /// The validator's flags for it; empty if the validator does not distinguish it.
    flags: Flags,
    pub status: Status,
    /// The proposals that it builds upon: turning it on turns them on, and turning one of them off turns it off.
    needs: &'static [&'static str],
    /// One line of documentation.
    summary: &'static CStr,
}

use Status::*;

/// WebAssembly 3.0 is on. Proposals that are not part of it are off by default, so that an engine accepts what the
/// specification says and does not change when a proposal does. The exception is atomic instructions, which C++ for
/// WASI uses.
#[rustfmt::skip]
pub const FEATURES: [Feature; 28] = [
    row(c"mutable-global", &["mutable-globals"], Flags::MUTABLE_GLOBAL, On, &[], c"Mutable globals are imported and exported"),
    row(c"nontrapping-float-to-int-conversions", &["nontrapping-float-to-int", "saturating-float-to-int", "nontrapping-fptoint"], Flags::SATURATING_FLOAT_TO_INT, On, &[], c"Conversions to integers that saturate"),
    row(c"sign-extension-ops", &["sign-extension", "sign-ext"], Flags::SIGN_EXTENSION, On, &[], c"i32.extend8_s and its like"),
    row(c"multi-value", &["multivalue"], Flags::MULTI_VALUE, On, &[], c"Several results, and blocks with parameters"),
    row(c"bulk-memory-operations", &["bulk-memory"], Flags::BULK_MEMORY, On, &[], c"memory.copy, table.init and their like; passive segments"),
    row(c"reference-types", &[], Flags::REFERENCE_TYPES, On, &["bulk-memory-operations"], c"externref, several tables, table.get and its like"),
    row(c"simd", &["simd128", "fixed-width-simd"], Flags::SIMD, On, &[], c"v128 and its instructions"),
    row(c"relaxed-simd", &[], Flags::RELAXED_SIMD, On, &["simd"], c"Vector instructions whose results may depend on the processor"),
    row(c"tail-call", &["tail-calls"], Flags::TAIL_CALL, On, &[], c"return_call and its like"),
    row(c"extended-const", &[], Flags::EXTENDED_CONST, On, &[], c"Additions, subtractions and multiplications in constant expressions"),
    row(c"multi-memory", &[], Flags::MULTI_MEMORY, On, &[], c"Several memories"),
    row(c"memory64", &["table64"], Flags::MEMORY64, On, &[], c"Memories and tables with 64-bit indices"),
    row(c"function-references", &["typed-function-references"], Flags::FUNCTION_REFERENCES, On, &["reference-types"], c"Typed references to functions, call_ref, references that are not null"),
    row(c"gc", &["garbage-collection"], Flags::GC, On, &["function-references"], c"Structures, arrays and i31"),
    row(c"exception-handling", &["exceptions"], Flags::EXCEPTIONS, On, &["reference-types"], c"Tags, throw, throw_ref and try_table"),
    row(c"branch-hinting", &["branch-hints"], Flags::empty(), On, &[], c"Which branches are likely is looked up in metadata.code.branch_hint; no module needs it"),
    row(c"custom-page-sizes", &[], Flags::CUSTOM_PAGE_SIZES, Off, &[], c"Memories with pages of one byte"),
    row(c"wide-arithmetic", &[], Flags::WIDE_ARITHMETIC, Off, &[], c"i64.add128, i64.sub128, i64.mul_wide_s and i64.mul_wide_u"),
    row(c"threads", &["atomics"], Flags::THREADS, On, &[], c"Atomic instructions; shared memories are refused"),
    row(c"shared-everything-threads", &[], Flags::SHARED_EVERYTHING_THREADS, Missing, &["threads", "gc"], c"Shared functions, tables, globals and objects"),
    row(c"acquire-release-atomics", &[], Flags::ACQUIRE_RELEASE_ATOMICS, Missing, &["threads"], c"Weaker atomic instructions"),
    row(c"legacy-exceptions", &[], Flags::LEGACY_EXCEPTIONS, Missing, &["exception-handling"], c"try, catch and delegate, which exception-handling has replaced"),
    row(c"stack-switching", &[], Flags::STACK_SWITCHING, Missing, &["function-references", "exception-handling"], c"Continuations"),
    row(c"custom-descriptors", &[], Flags::CUSTOM_DESCRIPTORS, Missing, &["gc"], c"Structures that describe structures, exact types"),
    row(c"memory-control", &[], Flags::MEMORY_CONTROL, Missing, &[], c"memory.discard"),
    row(c"compact-import-section", &["compact-imports"], Flags::COMPACT_IMPORTS, Missing, &[], c"Imports that share their module's name"),
    row(c"multibyte-array-access", &[], Flags::MULTIBYTE_ARRAY_ACCESS, Missing, &["gc"], c"Wide loads and stores in arrays of bytes"),
    row(c"component-model", &["components"], Flags::COMPONENT_MODEL, Missing, &[], c"Components"),
];

const fn row(
    name: &'static CStr,
    also: &'static [&'static str],
    flags: Flags,
    status: Status,
    needs: &'static [&'static str],
    summary: &'static CStr,
) -> Feature {
    Feature { name, also, flags, status, needs, summary }
}

impl Feature {
    pub fn name(&self) -> &'static str {
        self.name.to_str().expect("ASCII")
    }

    /// Whether this is one of its names.
    pub fn has_name(&self, name: &str) -> bool {
        self.name() == name || self.also.contains(&name)
    }

    /// Its name, followed by a NUL, for C.
    pub fn name_c(&self) -> &'static CStr {
        self.name
    }

    pub fn summary(&self) -> &'static CStr {
        self.summary
    }

    pub fn flags(&self) -> Flags {
        self.flags
    }

    /// Its flags and those of the proposals it needs.
    pub fn all_flags(&self) -> Flags {
        self.needs.iter().fold(self.flags, |all, need| all | FEATURES[place(need)].all_flags())
    }

    /// Whether a validator with these flags accepts the proposal.
    pub fn is_within(&self, flags: Flags) -> bool {
        flags.contains(self.flags)
    }

    /// Whether the proposal provides one of these flags, which a validator reported as missing.
    pub fn gives(&self, flags: Flags) -> bool {
        self.flags.intersects(flags)
    }
}

/// A proposal by one of its names.
pub fn find(name: &str) -> Option<&'static Feature> {
    const ALL: &[Feature] = &FEATURES;
    ALL.iter().find(|f| f.has_name(name))
}

/// The proposals that the library supports, in the table's order.
pub fn had() -> impl Iterator<Item = &'static Feature> {
    const ALL: &[Feature] = &FEATURES;
    ALL.iter().filter(|f| f.status != Missing)
}

fn place(name: &str) -> usize {
    FEATURES.iter().position(|f| f.name() == name).expect("rows name rows")
}

fn unknown(name: &str) -> crate::base::Error {
    let close = FEATURES.iter().find(|f| name.len() > 2 && (f.name().contains(name) || name.contains(f.name())));
    let hint = close.map_or(String::new(), |f| format!("; there is {:?}", f.name()));
    err!(NotFound, "there is no feature {}{hint}", Quoted(name))
}

/// The proposals that an engine accepts. Bit n is row n of the table; the proposals that a row needs are on with it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct FeatureSet(u64);

impl Default for FeatureSet {
    fn default() -> FeatureSet {
        FeatureSet::of(|f| f.status == On)
    }
}

impl FeatureSet {
    /// The proposals for which `f` holds.
    fn of(f: impl Fn(&Feature) -> bool) -> FeatureSet {
        FeatureSet(FEATURES.iter().enumerate().fold(0, |bits, (i, row)| bits | (f(row) as u64) << i))
    }

    /// The set as a number, to be stored. Its meaning stays the same as long as the table's names do.
    pub fn bits(self) -> u64 {
        self.0
    }

    pub fn from_bits(bits: u64) -> FeatureSet {
        FeatureSet(bits)
    }

    fn rows(self) -> impl Iterator<Item = &'static Feature> {
        const ALL: &[Feature] = &FEATURES;
        ALL.iter().enumerate().filter(move |(i, _)| self.0 >> i & 1 != 0).map(|(_, f)| f)
    }

    /// The names of the proposals in this set but not in the other.
    pub fn beyond(self, other: FeatureSet) -> Vec<&'static str> {
        FeatureSet(self.0 & !other.0).rows().map(Feature::name).collect()
    }

    /// The validator's flags.
    pub fn flags(self) -> Flags {
        // Not proposals: the validator's own switches for engines without floating point or without a collector.
        let always = Flags::FLOATS | Flags::GC_TYPES;
        self.rows().fold(always, |all, f| all | f.flags)
    }

    /// Whether a proposal is on. Fails with `NotFound` for an unknown name.
    pub fn is_on(self, name: &str) -> Result<bool> {
        let f = find(name).ok_or_else(|| unknown(name))?;
        Ok(self.0 >> place(f.name()) & 1 != 0)
    }

    /// Turns a proposal on, together with what it needs; or off, together with what needs it. Fails with `NotFound` for
    /// an unknown name, and with `Unsupported` when turning on a proposal that the library does not support.
    pub fn set(&mut self, name: &str, on: bool) -> Result<()> {
        let f = find(name).ok_or_else(|| unknown(name))?;
        if on && f.status == Missing {
            return Err(err!(Unsupported, "this version of wrt does not have {}", f.name()));
        }
        self.turn(f, on);
        Ok(())
    }

    fn turn(&mut self, f: &Feature, on: bool) {
        let bit = 1 << place(f.name());
        if on {
            self.0 |= bit;
            f.needs.iter().for_each(|need| self.turn(&FEATURES[place(need)], true));
        } else {
            self.0 &= !bit;
            FEATURES.iter().filter(|other| other.needs.contains(&f.name())).for_each(|other| self.turn(other, false));
        }
    }
}

/// The table's names in order. They define the meaning of the bits of a stored set.
pub fn names() -> String {
    FEATURES.iter().map(Feature::name).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_sound() {
        let mut flags = Flags::empty();
        for f in &FEATURES {
            assert!(!flags.intersects(f.flags), "{} shares a flag", f.name());
            flags |= f.flags;
            assert_eq!(find(f.name()).map(|f| f.name()), Some(f.name()), "a name is there twice");
            assert!(f.also.iter().all(|a| find(a).is_some_and(|g| g.name() == f.name())), "{}'s other names", f.name());
            for need in f.needs {
                // No proposal that the library supports needs one that it does not support.
                assert!(f.status == Missing || FEATURES[place(need)].status != Missing, "{} needs {need}", f.name());
            }
            assert!(f.status != On || f.needs.iter().all(|n| FEATURES[place(n)].status == On), "{}", f.name());
        }
    }

    #[test]
    fn sets_are_closed() {
        for f in had() {
            for on in [true, false] {
                let mut set = FeatureSet::default();
                set.set(f.name(), on).unwrap();
                assert_eq!(set.is_on(f.name()).unwrap(), on);
                for g in set.rows() {
                    assert!(g.needs.iter().all(|n| set.is_on(n).unwrap()), "{} without {:?}", g.name(), g.needs);
                }
            }
        }
        let mut set = FeatureSet::default();
        set.set("bulk-memory", false).unwrap();
        assert!(!set.is_on("gc").unwrap() && set.is_on("simd").unwrap());
        set.set("gc", true).unwrap();
        assert!(set.is_on("bulk-memory-operations").unwrap());
    }

    #[test]
    fn names_there_are_not_are_errors() {
        let mut set = FeatureSet::default();
        assert!(set.set("tail", true).unwrap_err().message().contains("there is \"tail-call\""));
        assert!(set.set("stack-switching", true).unwrap_err().message().contains("does not have stack-switching"));
        set.set("stack-switching", false).unwrap();
        assert_eq!(set, FeatureSet::default());
        assert!(set.is_on("").is_err());
    }
}
