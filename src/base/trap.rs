//! Traps: one row defines the number used in machine code, the text, and the C constant.

macro_rules! traps {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $text:literal;)*) => {
        /// Why an execution trapped. Numbers are part of the ABI: append only.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        #[repr(u8)]
        pub enum Trap {
            $($(#[$doc])* $name = $code,)*
        }

        impl Trap {
            /// The trap with the given number, if there is one.
            pub fn from_u8(code: u8) -> Option<Trap> {
                match code {
                    $($code => Some(Trap::$name),)*
                    _ => None,
                }
            }

            /// One line for humans. It starts with the text that the specification's tests expect.
            pub fn text(self) -> &'static str {
                match self {
                    $(Trap::$name => $text,)*
                }
            }

            /// The text followed by a NUL, for C.
            pub fn text_nul(self) -> &'static str {
                match self {
                    $(Trap::$name => concat!($text, "\0"),)*
                }
            }
        }
    };
}

traps! {
    /// `unreachable` was executed.
    Unreachable = 1, "unreachable";
    /// A memory access, or the range of a bulk operation, is outside its memory or data segment.
    MemoryOutOfBounds = 2, "out of bounds memory access";
    /// A table access, or the range of a bulk operation, is outside its table or element segment.
    TableOutOfBounds = 3, "out of bounds table access";
    /// `call_indirect` with an index outside its table.
    UndefinedElement = 4, "undefined element";
    /// `call_indirect` through a null element.
    UninitializedElement = 5, "uninitialized element";
    /// `call_indirect` found a function of another type.
    IndirectCallTypeMismatch = 6, "indirect call type mismatch";
    /// An integer division's result does not fit.
    IntegerOverflow = 7, "integer overflow";
    /// An integer division by zero.
    IntegerDivideByZero = 8, "integer divide by zero";
    /// A conversion of a NaN, or of a float that is out of range.
    InvalidConversion = 9, "invalid conversion to integer";
    /// The stack limit was reached, in WebAssembly or on entry from the host.
    StackOverflow = 10, "call stack exhausted";
    /// The store was interrupted, or its deadline passed.
    Interrupted = 11, "interrupted";
    /// A null reference was used where an object is required.
    NullReference = 12, "null reference";
    /// A limit of the store or its limiter refused a resource that instantiation needs.
    LimitReached = 13, "limit reached";
    /// An array access, or the range of a bulk operation, is outside its array.
    ArrayOutOfBounds = 14, "out of bounds array access";
    /// `ref.cast` to a type that the object does not have.
    CastFailure = 15, "cast failure";
    /// No space for an object, even after a collection: the heap's limit was reached, or the system has no memory.
    HeapExhausted = 16, "garbage-collected heap exhausted";
    /// An atomic instruction whose address is not a multiple of its size.
    UnalignedAtomic = 17, "unaligned atomic";
    /// A wait instruction on a memory that is not shared: no other thread could wake it.
    ExpectedShared = 18, "expected shared memory";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_traps_are_a_bijection() {
        let all: Vec<Trap> = (0..=255).filter_map(Trap::from_u8).collect();
        assert_eq!(all.len(), 18);
        assert!(all.iter().all(|t| Trap::from_u8(*t as u8) == Some(*t)));
    }
}
