//! Tables of references to objects. They are written through `gc::slot`, the only writer, card and all.

use super::limits::Account;
use super::table::Table;
use crate::base::Trap;
use crate::gc::collect::Tracer;
use crate::gc::slot::Slots;
use crate::gc::{Gc, NoGc};

impl Table {
    #[inline(always)]
    fn all(&self) -> Slots<'_> {
        debug_assert!(self.is_gc());
        // SAFETY: elements and cards are as many as the length says, and stay where they are while the table is borrowed.
        unsafe {
            let vm = &*self.vm();
            Slots::new(vm.elements.cast(), vm.length as usize, vm.cards, 0)
        }
    }

    /// The elements `at..at + len`, to be read and written while nothing is collected.
    #[inline(always)]
    pub fn slots<'h>(&'h self, _: NoGc<'h>, at: u64, len: u64) -> Result<Slots<'h>, Trap> {
        self.range(at, len)
    }

    #[inline(always)]
    fn range(&self, at: u64, len: u64) -> Result<Slots<'_>, Trap> {
        self.check_range(at, len)?;
        self.all().range(at as usize, len as usize).ok_or(Trap::TableOutOfBounds)
    }

    /// Copies `len` elements of `src`, from `from` on, to `at` of this table; overlap is fine. A store without a heap has i31s to
    /// copy, which need none.
    pub fn copy_refs(&self, at: u64, src: &Table, from: u64, len: u64) -> Result<(), Trap> {
        let source = src.range(from, len)?;
        self.range(at, len)?.copy_from(source);
        Ok(())
    }

    /// Grows by `delta` elements that are `value`, which the table owns from then on. Gives the old size, or `None`, and
    /// then nothing has changed.
    pub fn grow_gc_ref<'h>(
        &'h mut self,
        no_gc: NoGc<'h>,
        delta: u64,
        value: Option<Gc<'h>>,
        account: &mut Account,
    ) -> Option<u64> {
        let old = self.grow_zeroed(delta, account)?;
        // Nothing was collected meanwhile: a limiter can not use its store.
        if let Some(new) = self.all().range(old as usize, delta as usize) {
            new.fill(no_gc, value);
        }
        Some(old)
    }

    pub fn trace(&self, tracer: &mut Tracer) {
        // SAFETY: as in `all`.
        unsafe {
            let vm = &*self.vm();
            if vm.length > 0 {
                tracer.slots(vm.elements.cast(), vm.length as usize, vm.cards);
            }
        }
    }
}
