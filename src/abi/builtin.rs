//! The builtin table: runtime functions that machine code calls. One row defines the number, the signature in machine
//! code, the shim and the address table's entry.
//!
//! Every builtin takes its instance's context first.

use super::convention::BUILTIN_ARGUMENTS;

/// How a builtin is called.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(non_camel_case_types)]
pub enum Class {
    /// Neither traps nor walks frames: machine code calls the shim itself, with the system's convention.
    leaf,
    /// Can trap or walk frames: a stub publishes the exit frame.
    may_unwind,
    /// Like `may_unwind`, but with the `tail` convention, in which callers know that no register survives a throw.
    tail,
    /// Like `leaf`, but a stub preserves all registers: for rare calls from hot code. Has no result.
    preserve_all,
    /// Like `preserve_all`, but it can trap: the stub publishes the exit frame. Nothing is collected during the call,
    /// so callers keep references wherever they are and need no stack map.
    poll,
}

/// A parameter or result of a builtin.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ty {
    I32,
    I64,
    Ptr,
    /// A reference to anything but a function.
    Ref,
}

/// Calls `$cb! { [class] name(param: ty, ...) -> ty; ... }` with every builtin.
#[macro_export]
#[doc(hidden)]
macro_rules! for_each_builtin {
    ($cb:ident) => {
        $cb! {
            /// Ends the activation with a trap; `code` is a number of `Trap`. Does not return.
            [may_unwind] raise_trap(code: I32);
            /// The stack limit was reached: stack overflow, or a pending interrupt. Does not return.
            [may_unwind] stack_limit();
            /// An interrupt is pending, at a loop header or in a long loop that the compiler generated. Returns if the
            /// guest may continue.
            [poll] interrupted();
            /// `memory.grow` by pages. Returns the old size in pages, or -1.
            [may_unwind] memory_grow(memory: I32, delta: I64) -> I64;
            /// Copies `len` bytes between addresses that machine code has checked.
            [leaf] memory_copy(dst: I64, src: I64, len: I64);
            /// Fills `len` bytes at an address that machine code has checked.
            [leaf] memory_fill(dst: I64, value: I32, len: I64);
            [may_unwind] memory_init(memory: I32, data: I32, dst: I64, src: I64, len: I64);
            [leaf] data_drop(data: I32);
            /// Initializes an element that is still 0. The index is in bounds.
            [preserve_all] table_lazy_init(table: I32, index: I64);
            /// `table.grow`. Returns the old size, or -1.
            [may_unwind] table_grow(table: I32, delta: I64, init: Ptr) -> I64;
            [may_unwind] table_fill(table: I32, dst: I64, value: Ptr, len: I64);
            /// The same operations for tables of references to objects.
            [may_unwind] ref_table_grow(table: I32, delta: I64, init: Ref) -> I64;
            [may_unwind] ref_table_fill(table: I32, dst: I64, value: Ref, len: I64);
            [may_unwind] table_copy(dst_table: I32, src_table: I32, dst: I64, src: I64, len: I64);
            [may_unwind] table_init(table: I32, elem: I32, dst: I64, src: I64, len: I64);
            [leaf] elem_drop(elem: I32);
            /// Assigns a function the number by which objects refer to it, and returns the number.
            [may_unwind] func_id(func: Ptr) -> I32;
            /// Allocates an object whose fields are zero or null. Collects if there is no space.
            [may_unwind] struct_new(ty: I32) -> Ref;
            /// Allocates an exception of a tag, whose fields are zero or null. Collects if there is no space.
            [may_unwind] exception_new(tag: I32) -> Ref;
            /// Continues at the handler that catches the exception, or ends the activation. Does not return.
            [tail] throw(exception: Ref);
            /// Allocates an array whose elements are zero or null. Collects if there is no space.
            [may_unwind] array_new(ty: I32, len: I32) -> Ref;
            [may_unwind] array_new_data(ty: I32, data: I32, src: I32, len: I32) -> Ref;
            [may_unwind] array_new_elem(ty: I32, elem: I32, src: I32, len: I32) -> Ref;
            [may_unwind] array_init_data(array: Ref, dst: I32, data: I32, src: I32, len: I32);
            [may_unwind] array_init_elem(array: Ref, dst: I32, elem: I32, src: I32, len: I32);
            [may_unwind] array_copy(dst: Ref, dst_at: I32, src: Ref, src_at: I32, len: I32);
            /// `value` has the bits of an element that is not a v128.
            [may_unwind] array_fill(array: Ref, at: I32, value: I64, len: I32);
            /// Like `stack_limit`, for stores that can be interrupted: returns if the guest may continue. The function
            /// needs `below` more bytes of stack than it has allocated.
            [poll] entry_limit(below: I64);
            /// Like `memory_copy` and `memory_fill`, but can be interrupted between pieces (`store::parts::bulk`).
            [may_unwind] memory_copy_pieces(dst: I64, src: I64, len: I64);
            [may_unwind] memory_fill_pieces(dst: I64, value: I32, len: I64);
        }
    };
}

macro_rules! define {
    ($($(#[$doc:meta])* [$class:ident] $name:ident($($p:ident: $pt:ident),*) $(-> $r:ident)?;)*) => {
        /// A builtin's number: its index in the address table.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        #[allow(non_camel_case_types)]
        #[repr(u32)]
        pub enum Builtin { $($(#[$doc])* $name,)* }

        // With the context, these are all the registers for arguments: the stubs do not pass on arguments on the stack.
        $(const _: () = assert!(<[Ty]>::len(&[$(Ty::$pt),*]) <= BUILTIN_ARGUMENTS);)*

        /// The number of builtins.
        pub const BUILTINS: usize = [$(Builtin::$name),*].len();

        impl Builtin {
            /// The parameters after the context.
            pub fn params(self) -> &'static [Ty] {
                match self { $(Builtin::$name => &[$(Ty::$pt),*],)* }
            }
            pub fn result(self) -> Option<Ty> {
                match self { $(Builtin::$name => { let r: &[Ty] = &[$(Ty::$r)?]; r.first().copied() })* }
            }
            pub fn class(self) -> Class {
                match self { $(Builtin::$name => Class::$class,)* }
            }
            pub fn name(self) -> &'static str {
                match self { $(Builtin::$name => stringify!($name),)* }
            }
        }
    };
}
for_each_builtin!(define);
