//! Tables of references to objects. They are written through `gc::slot`, the only writer, card and all.

use crate::base::Trap;
use crate::engine::interrupt::SharedVmStore;
use crate::gc::collect::Tracer;
use crate::gc::slot::Slots;
use crate::gc::{Gc, NoGc};
use crate::store::parts::bulk;
use crate::store::parts::limits::Account;
use crate::store::parts::table::Table;
use std::sync::Arc;

impl Table {
    #[inline(always)]
    fn all(&self) -> Slots<'_> {
        // SAFETY: there is room for as many as the length says.
        unsafe { self.first(self.len()) }
    }

    /// The first elements.
    ///
    /// # Safety
    /// There is room for `len`.
    #[inline(always)]
    unsafe fn first(&self, len: u64) -> Slots<'_> {
        debug_assert!(self.is_gc() && len <= self.capacity());
        // SAFETY: the caller's promise; elements and cards stay where they are while the table is borrowed.
        unsafe {
            let vm = &*self.vm();
            Slots::new(vm.elements.cast(), len as usize, vm.cards, 0)
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
    pub fn copy_refs(&self, vm: &Arc<SharedVmStore>, at: u64, src: &Table, from: u64, len: u64) -> Result<(), Trap> {
        let source = src.range(from, len)?;
        bulk::copy_slots(vm, self.range(at, len)?, source)
    }

    /// Grows by `delta` elements that are `value`, which the table owns from then on. Gives the old size, or `None`; then, and when it
    /// is interrupted, nothing has changed.
    pub fn grow_gc_ref(
        &mut self,
        vm: &Arc<SharedVmStore>,
        no_gc: NoGc<'_>,
        delta: u64,
        value: Option<Gc<'_>>,
        account: &mut Account,
    ) -> Result<Option<u64>, Trap> {
        self.grow_by(delta, account, |table, old| {
            // SAFETY: there is room for them.
            let new = unsafe { table.first(old + delta) }.range(old as usize, delta as usize);
            // Nothing was collected meanwhile: a limiter can not use its store.
            new.map_or(Ok(()), |new| bulk::fill_slots(vm, no_gc, new, value))
        })
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
