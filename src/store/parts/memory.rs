//! A linear memory: address space that is reserved once, so that the base never changes, and pages that are committed
//! as the memory grows. The engine can be configured to reserve less; a memory that grows beyond its reservation then
//! moves.

use crate::abi::vmstruct::VmMemory;
use crate::base::limits::{MEMORY_GUARD, MEMORY32_SPAN};
use crate::base::{Error, Result, Stable, Trap};
use crate::engine::engine::Engine;
use crate::engine::interrupt::SharedVmStore;
use crate::engine::pooling::image::Image;
use crate::engine::pooling::pool::{Counted, Use};
use crate::engine::pooling::space::Space;
use crate::err;
use crate::store::parts::bulk;
use crate::store::parts::keeper::{Keeper, kept};
use crate::store::parts::limits::{Account, Growth, Resource};
use crate::sys::mmap::page_size;
use crate::wasm::types::{IndexType, Limits, MemoryType};
use std::io;
use std::sync::Arc;

pub struct Memory {
    pub keeper: Keeper,
    /// The part that machine code reads; contexts point here.
    vm: VmMemory,
    space: Space,
    declared: MemoryType,
    plan: ReservationPlan,
    _counted: Option<Counted>,
}

/// The address space that a memory gets.
#[derive(Clone, Copy)]
struct ReservationPlan {
    /// Reserved bytes.
    reserved: usize,
    /// As `VmMemorySlot::limit`.
    limit: usize,
    /// The maximum size in bytes. It is larger than `reserved` if the memory may have to move.
    most: u64,
}

kept!(Stable<Memory>);

impl ReservationPlan {
    /// With guard pages, the reservation covers all addresses that a 32-bit index can form, and a guard after them. For
    /// 64-bit indexes it covers more if the type allows it, up to the engine's configured maximum. Without guard pages,
    /// and for memories whose pages are smaller than the system's, the reservation covers only the type's maximum, or
    /// less if the engine is configured so. Machine code then checks each access.
    fn of(ty: &MemoryType, engine: &Engine) -> ReservationPlan {
        // Saturates: if the number does not fit, it is more than any engine allows.
        let allowed = ty.max_pages().saturating_mul(ty.page.bytes());
        let most = match ty.index {
            IndexType::I32 => allowed,
            IndexType::I64 => allowed.min(engine.config.max_memory64),
        };
        if !engine.config.settings.guards_memories() || !ty.has_whole_pages() {
            let least = ty.min_bytes().unwrap_or(most).max(1);
            let reserved = whole_pages(most.min(engine.config.memory_reservation).max(least) as usize);
            return ReservationPlan { reserved, limit: 0, most };
        }
        // A reservation whose size is a power of two can be reused by more memories after this one is freed.
        let limit = most.next_power_of_two().max(MEMORY32_SPAN);
        ReservationPlan { reserved: (limit + MEMORY_GUARD) as usize, limit: limit as usize, most }
    }

    /// The error when the system has no address space or no memory for a memory of `bytes` bytes.
    fn refused(&self, bytes: u64, e: io::Error) -> Error {
        let reserved = self.reserved;
        if reserved == whole_pages(bytes as usize) {
            return err!(OutOfMemory, "no memory for a linear memory of {bytes} bytes: {e}");
        }
        let setter = "wrt_config_set_memory_reservation";
        err!(
            OutOfMemory,
            "no {reserved} bytes of address space for a linear memory of {bytes} bytes ({setter} sets less): {e}"
        )
    }

    /// Whether the memory may have to move.
    fn is_short(&self) -> bool {
        self.most > self.reserved as u64
    }
}

/// Rounds up to whole pages of the system.
fn whole_pages(bytes: usize) -> usize {
    bytes.next_multiple_of(page_size())
}

impl Memory {
    /// Creates a memory of `ty`'s minimum size. It is zero, except that the image may be mapped into it already.
    pub fn new(
        ty: MemoryType,
        image: Option<&Arc<Image>>,
        engine: &Engine,
        account: &mut Account,
    ) -> Result<Stable<Memory>> {
        let (plan, min) = (ReservationPlan::of(&ty, engine), ty.limits.min);
        let Some(bytes) = ty.min_bytes().filter(|_| min <= ty.max_pages()) else {
            // A valid 64-bit memory may have 2^64 bytes, a number that does not fit here.
            return Err(if ty.index.is_64() && ty.limits.max.is_none_or(|max| min <= max) {
                err!(Limit, "a 64-bit memory of {min} pages; the maximum of this engine is {} bytes", plan.most)
            } else {
                err!(InvalidArgument, "memory of {min} pages")
            });
        };
        if bytes > plan.most {
            return Err(err!(Limit, "a 64-bit memory of {bytes} bytes; the maximum of this engine is {}", plan.most));
        }
        let counted = engine.pool.count()?;
        let growth = Growth { resource: Resource::Memory, current: 0, desired: bytes };
        if !account.take(growth) {
            return Err(err!(Limit, "a limit of the store refuses a memory of {bytes} bytes"));
        }
        // A memory that may have to move gets no image: only a single mapping can move without being copied.
        let image = image.filter(|image| image.is_mapped() && !plan.is_short());
        match engine.pool.take(Use::Memory, plan.reserved, whole_pages(bytes as usize), image) {
            Ok(space) => {
                let vm = VmMemory { base: space.base(), length: bytes as usize };
                Ok(Stable::new(Memory { keeper: Keeper::Host, vm, space, declared: ty, plan, _counted: counted }))
            }
            Err(e) => {
                account.give_back(growth);
                Err(plan.refused(bytes, e))
            }
        }
    }

    /// Frees the memory. The engine's pool may keep its address space.
    pub fn free(self, engine: &Engine) {
        // No new memory reserves a size that only growing can reach.
        let has_grown = self.space.reserved() > self.plan.reserved;
        engine.pool.give(Use::Memory, self.space, !has_grown);
    }

    pub fn vm(&mut self) -> *mut VmMemory {
        &mut self.vm
    }

    /// The address range that is reserved for it.
    pub fn span(&self) -> std::ops::Range<usize> {
        let start = self.space.base() as usize;
        start..start + self.space.reserved()
    }

    pub fn base(&self) -> *mut u8 {
        self.vm.base
    }

    /// The current size in bytes.
    pub fn len(&self) -> usize {
        self.vm.length
    }

    /// As `VmMemorySlot::limit`.
    pub fn limit(&self) -> usize {
        self.plan.limit
    }

    pub fn pages(&self) -> u64 {
        self.vm.length as u64 >> self.declared.page.log2()
    }

    /// The declared type.
    pub fn ty(&self) -> MemoryType {
        self.declared
    }

    /// The current type: its minimum is the current size (Wasm 2.0, 4.5.3).
    pub fn current_type(&self) -> MemoryType {
        MemoryType { limits: Limits { min: self.pages(), max: self.declared.limits.max }, ..self.declared }
    }

    /// Grows by `delta` pages. Returns the old size in pages. Returns `None` if it cannot grow, and then nothing has
    /// changed (Wasm 2.0, 4.5.3.9).
    pub fn grow(&mut self, delta: u64, account: &mut Account) -> Option<u64> {
        let (old, page) = (self.pages(), self.declared.page.bytes());
        let new = old.checked_add(delta).filter(|n| *n <= self.declared.max_pages())?;
        let bytes = new.checked_mul(page).filter(|bytes| *bytes <= self.plan.most)?;
        if delta == 0 {
            return Some(old);
        }
        let growth = Growth { resource: Resource::Memory, current: old * page, desired: bytes };
        if !account.take(growth) {
            return None;
        }
        if self.make_usable(whole_pages(bytes as usize)).is_err() {
            account.give_back(growth);
            return None;
        }
        self.vm.length = bytes as usize;
        Some(old)
    }

    /// Makes the first `end` bytes usable. Moves the memory if its reservation is too small.
    fn make_usable(&mut self, end: usize) -> io::Result<()> {
        if end <= self.space.reserved() {
            return self.space.open_to(end);
        }
        // Doubles the reservation, so that a memory that grows gradually moves rarely.
        let ample = (2 * self.space.reserved()).min(whole_pages(self.plan.most as usize));
        self.space.extend(end.max(ample)).or_else(|_| self.space.extend(end))?;
        self.vm.base = self.space.base();
        Ok(())
    }

    /// The address of the `len` bytes at offset `at`. Traps if they are out of bounds.
    pub fn range(&self, at: u64, len: u64) -> Result<*mut u8, Trap> {
        match at.checked_add(len) {
            // SAFETY: the range is inside of the reservation (invariant 14).
            Some(end) if end <= self.vm.length as u64 => Ok(unsafe { self.vm.base.add(at as usize) }),
            _ => Err(Trap::MemoryOutOfBounds),
        }
    }

    /// Maps or copies an image into this fresh memory.
    pub fn apply(&mut self, image: &Arc<Image>, vm: &Arc<SharedVmStore>) -> Result<()> {
        if !image.is_mapped() || self.plan.is_short() {
            // Images consist of whole pages of the system. The memory's size need not, so zeros at the end of the image
            // are cut off.
            let len = image.bytes.len().min(self.vm.length.saturating_sub(image.start));
            let to = self.range(image.start as u64, len as u64).map_err(Error::trap)?;
            // SAFETY: `range` checked the destination (invariant 14). The image belongs to the module, and no memory
            // overlaps it.
            let copied = unsafe { bulk::copy(vm, image.bytes.as_ptr(), to, len, bulk::BYTES) };
            return copied.map_err(Error::trap);
        }
        self.space.lay(image)
    }

    /// Unmaps an image that was in the memory from the start, because instantiation failed before the image's segments
    /// were applied. Code that can still use the memory then finds zeros.
    pub fn unmap_image(&mut self) -> Result<()> {
        self.space.unmap_image().map_err(|e| err!(OutOfMemory, "no memory for a memory without its image: {e}"))
    }
}
