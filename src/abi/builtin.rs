//! The builtin table: what machine code asks the runtime to do. One row feeds the id, the signature in machine code, the
//! shim and the address table.
//!
//! Every builtin takes its instance's context first.

use super::convention::BUILTIN_ARGUMENTS;

/// How a builtin is called.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(non_camel_case_types)]
pub enum Class {
    /// Neither traps nor looks at frames: the shim itself, by the system's convention.
    leaf,
    /// May trap, or look at frames: a stub publishes the exit frame.
    may_unwind,
    /// The same by the `tail` convention, whose callers know that what throws keeps no register.
    tail,
    /// As `leaf`, and a stub keeps all registers: for what is seldom called from where code is hot. No result.
    preserve_all,
    /// As `preserve_all`, but it may trap: the stub publishes the exit frame. Nothing is collected meanwhile, so callers keep
    /// references wherever they are, in no stack map.
    poll,
}

/// A parameter or result of a builtin.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ty {
    I32,
    I64,
    Ptr,
    /// A reference that is not to a function.
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
            /// An interrupt is pending, at a loop header or in a long loop of the compiler's own. Returns if the guest may go on.
            [poll] interrupted();
            /// `memory.grow` by pages. Gives the old size in pages, or -1.
            [may_unwind] memory_grow(memory: I32, delta: I64) -> I64;
            /// Moves `len` bytes between addresses that machine code has checked.
            [leaf] memory_copy(dst: I64, src: I64, len: I64);
            /// Fills `len` bytes at an address that machine code has checked.
            [leaf] memory_fill(dst: I64, value: I32, len: I64);
            [may_unwind] memory_init(memory: I32, data: I32, dst: I64, src: I64, len: I64);
            [leaf] data_drop(data: I32);
            /// Writes down what an element is that still reads 0. The index is in bounds.
            [preserve_all] table_lazy_init(table: I32, index: I64);
            /// `table.grow`. Gives the old size, or -1.
            [may_unwind] table_grow(table: I32, delta: I64, init: Ptr) -> I64;
            [may_unwind] table_fill(table: I32, dst: I64, value: Ptr, len: I64);
            /// The same for tables of references to objects.
            [may_unwind] ref_table_grow(table: I32, delta: I64, init: Ref) -> I64;
            [may_unwind] ref_table_fill(table: I32, dst: I64, value: Ref, len: I64);
            [may_unwind] table_copy(dst_table: I32, src_table: I32, dst: I64, src: I64, len: I64);
            [may_unwind] table_init(table: I32, elem: I32, dst: I64, src: I64, len: I64);
            [leaf] elem_drop(elem: I32);
            /// The number by which objects refer to a function that has none yet.
            [may_unwind] func_id(func: Ptr) -> I32;
            /// An object whose fields are zero and null. Collects if there is no room.
            [may_unwind] struct_new(ty: I32) -> Ref;
            /// An exception of a tag, whose fields are zero and null. Collects if there is no room.
            [may_unwind] exception_new(tag: I32) -> Ref;
            /// Goes on where an exception is caught, or ends the activation. Does not return.
            [tail] throw(exception: Ref);
            /// An array whose elements are zero and null. Collects if there is no room.
            [may_unwind] array_new(ty: I32, len: I32) -> Ref;
            [may_unwind] array_new_data(ty: I32, data: I32, src: I32, len: I32) -> Ref;
            [may_unwind] array_new_elem(ty: I32, elem: I32, src: I32, len: I32) -> Ref;
            [may_unwind] array_init_data(array: Ref, dst: I32, data: I32, src: I32, len: I32);
            [may_unwind] array_init_elem(array: Ref, dst: I32, elem: I32, src: I32, len: I32);
            [may_unwind] array_copy(dst: Ref, dst_at: I32, src: Ref, src_at: I32, len: I32);
            /// `value` are the bits of an element that is not a v128.
            [may_unwind] array_fill(array: Ref, at: I32, value: I64, len: I32);
            /// As `stack_limit` where stores can be interrupted: returns if the guest may go on. The function needs `below`
            /// more bytes of stack than it has taken.
            [poll] entry_limit(below: I64);
            /// As `memory_copy` and `memory_fill`, and interrupted between pieces (`store::parts::bulk`).
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

        // With the context six, which are what travels in registers: the stubs do not pass on what is on the stack.
        $(const _: () = assert!(<[Ty]>::len(&[$(Ty::$pt),*]) <= BUILTIN_ARGUMENTS);)*

        /// How many there are.
        pub const BUILTINS: usize = [$(Builtin::$name),*].len();

        impl Builtin {
            /// Parameters behind the context.
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
