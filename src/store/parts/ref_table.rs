//! Tables of references to objects. `gc::slot` is the only code that writes them; it also marks their cards.

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
        // SAFETY: the table has capacity for at least its length (invariant 13).
        unsafe { self.first(self.len()) }
    }

    /// The first `len` elements.
    ///
    /// # Safety
    /// The table's capacity is at least `len`.
    #[inline(always)]
    unsafe fn first(&self, len: u64) -> Slots<'_> {
        debug_assert!(self.is_gc() && len <= self.capacity());
        // SAFETY: the caller's promise; elements and cards do not move while the table is borrowed (invariant 13).
        unsafe {
            let vm = &*self.vm();
            Slots::new(vm.elements.cast(), len as usize, vm.cards, 0)
        }
    }

    /// The elements `at..at + len`, which can be read and written while no collection can run.
    #[inline(always)]
    pub fn slots<'h>(&'h self, _: NoGc<'h>, at: u64, len: u64) -> Result<Slots<'h>, Trap> {
        self.range(at, len)
    }

    #[inline(always)]
    fn range(&self, at: u64, len: u64) -> Result<Slots<'_>, Trap> {
        self.check_range(at, len)?;
        self.all().range(at as usize, len as usize).ok_or(Trap::TableOutOfBounds)
    }

    /// Copies `len` elements of `src`, starting at `from`, to `at` of this table. The ranges may overlap. This needs no
    /// heap: a store without one can still have i31s to copy.
    pub fn copy_refs(&self, vm: &Arc<SharedVmStore>, at: u64, src: &Table, from: u64, len: u64) -> Result<(), Trap> {
        let source = src.range(from, len)?;
        bulk::copy_slots(vm, self.range(at, len)?, source)
    }

    /// Grows by `delta` elements with the value `value`, and returns the old size. Returns `None` if the table cannot
    /// grow. In that case, and if this function is interrupted, nothing has changed.
    pub fn grow_gc_ref(
        &mut self,
        vm: &Arc<SharedVmStore>,
        no_gc: NoGc<'_>,
        delta: u64,
        value: Option<Gc<'_>>,
        account: &mut Account,
    ) -> Result<Option<u64>, Trap> {
        self.grow_by(delta, account, |table, old| {
            // SAFETY: `grow_by` has made capacity for them (invariant 13).
            let new = unsafe { table.first(old + delta) }.range(old as usize, delta as usize);
            // No collection has run in the meantime: a limiter cannot use its store (invariant 7).
            new.map_or(Ok(()), |new| bulk::fill_slots(vm, no_gc, new, value))
        })
    }

    pub fn trace(&self, tracer: &mut Tracer) {
        // SAFETY: as in `all` (invariant 13).
        unsafe {
            let vm = &*self.vm();
            if vm.length > 0 {
                tracer.slots(vm.elements.cast(), vm.length as usize, vm.cards);
            }
        }
    }
}
