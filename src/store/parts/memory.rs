//! A linear memory: address space reserved once, so that its base never changes, and pages committed as it grows. Where the engine is
//! configured so, less is reserved, and a memory that grows beyond it moves.

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
use crate::store::parts::limits::{Account, Growth, Resource};
use crate::store::parts::owner::Keeper;
use crate::sys::mmap::page_size;
use crate::wasm::types::{IndexType, Limits, MemoryType};
use std::io;
use std::sync::Arc;

pub struct Memory {
    pub keeper: Keeper,
    /// What machine code reads; contexts point here.
    vm: VmMemory,
    space: Space,
    declared: MemoryType,
    room: Room,
    _counted: Option<Counted>,
}

/// How much address space a memory gets.
#[derive(Clone, Copy)]
struct Room {
    /// Bytes that are reserved.
    reserved: usize,
    /// As `VmMemorySlot::limit`.
    limit: usize,
    /// Bytes that the memory may grow to. More than are reserved if it may have to move.
    most: u64,
}

impl Room {
    /// With guards, all addresses that a 32-bit index can reach, and a guard after them, are reserved; for 64-bit indexes more, if
    /// the type allows it, up to what the engine is configured for. Without, and where pages are smaller than the
    /// system's, only what the type allows, or less if the engine is configured so; accesses are then checked by machine code.
    fn of(ty: &MemoryType, engine: &Engine) -> Room {
        // More than any engine allows, if that is more than a number can say.
        let allowed = ty.max_pages().saturating_mul(ty.page.bytes());
        let most = match ty.index {
            IndexType::I32 => allowed,
            IndexType::I64 => allowed.min(engine.config.max_memory64),
        };
        if !engine.config.settings.guards_memories() || !ty.has_whole_pages() {
            let least = ty.min_bytes().unwrap_or(most).max(1);
            let reserved = whole_pages(most.min(engine.config.memory_reservation).max(least) as usize);
            return Room { reserved, limit: 0, most };
        }
        // A power of two fits other memories as well, when this one has ended.
        let limit = most.next_power_of_two().max(MEMORY32_SPAN);
        Room { reserved: (limit + MEMORY_GUARD) as usize, limit: limit as usize, most }
    }

    /// The system does not have so much, for a memory of `bytes` bytes.
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

/// Bytes in whole pages of the system.
fn whole_pages(bytes: usize) -> usize {
    bytes.next_multiple_of(page_size())
}

impl Memory {
    /// A memory of `ty`'s minimum size, zeroed but for the image, which may be there already.
    pub fn new(
        ty: MemoryType,
        image: Option<&Arc<Image>>,
        engine: &Engine,
        account: &mut Account,
    ) -> Result<Stable<Memory>> {
        let (room, min) = (Room::of(&ty, engine), ty.limits.min);
        let Some(bytes) = ty.min_bytes().filter(|_| min <= ty.max_pages()) else {
            // A valid 64-bit memory may have 2^64 bytes, which no number here says.
            return Err(if ty.index.is_64() && ty.limits.max.is_none_or(|max| min <= max) {
                err!(Limit, "a 64-bit memory of {min} pages; {} bytes is the most of this engine", room.most)
            } else {
                err!(InvalidArgument, "memory of {min} pages")
            });
        };
        if bytes > room.most {
            return Err(err!(Limit, "a 64-bit memory of {bytes} bytes; {} is the most of this engine", room.most));
        }
        let counted = engine.pool.count()?;
        let growth = Growth { resource: Resource::Memory, current: 0, desired: bytes };
        if !account.take(growth) {
            return Err(err!(Limit, "a limit of the store refuses a memory of {bytes} bytes"));
        }
        // Only memory of one kind moves without being copied.
        let image = image.filter(|image| image.is_mapped() && !room.is_short());
        match engine.pool.take(Use::Memory, room.reserved, whole_pages(bytes as usize), image) {
            Ok(space) => {
                let vm = VmMemory { base: space.base(), length: bytes as usize };
                Ok(Stable::new(Memory { keeper: Keeper::Host, vm, space, declared: ty, room, _counted: counted }))
            }
            Err(e) => {
                account.give_back(growth);
                Err(room.refused(bytes, e))
            }
        }
    }

    /// Its end. The engine may keep what it was made of.
    pub fn free(self, engine: &Engine) {
        // Nobody asks for one of the size that a memory came to by growing.
        let has_grown = self.space.reserved() > self.room.reserved;
        engine.pool.give(Use::Memory, self.space, !has_grown);
    }

    pub fn vm(&mut self) -> *mut VmMemory {
        &mut self.vm
    }

    /// The addresses that are set aside for it.
    pub fn span(&self) -> std::ops::Range<usize> {
        let start = self.space.base() as usize;
        start..start + self.space.reserved()
    }

    pub fn base(&self) -> *mut u8 {
        self.vm.base
    }

    /// Bytes.
    pub fn len(&self) -> usize {
        self.vm.length
    }

    /// As `VmMemorySlot::limit`.
    pub fn limit(&self) -> usize {
        self.room.limit
    }

    pub fn pages(&self) -> u64 {
        self.vm.length as u64 >> self.declared.page.log2()
    }

    /// The declared type.
    pub fn ty(&self) -> MemoryType {
        self.declared
    }

    /// The type as of now: its minimum is the present size (Wasm 2.0, 4.5.3).
    pub fn current_type(&self) -> MemoryType {
        MemoryType { limits: Limits { min: self.pages(), max: self.declared.limits.max }, ..self.declared }
    }

    /// Grows by `delta` pages. Gives the old size in pages, or `None`, and then nothing has changed (Wasm 2.0, 4.5.3.9).
    pub fn grow(&mut self, delta: u64, account: &mut Account) -> Option<u64> {
        let (old, page) = (self.pages(), self.declared.page.bytes());
        let new = old.checked_add(delta).filter(|n| *n <= self.declared.max_pages())?;
        let bytes = new.checked_mul(page).filter(|bytes| *bytes <= self.room.most)?;
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

    /// Makes the first `end` bytes usable, elsewhere if there is no room for them here.
    fn make_usable(&mut self, end: usize) -> io::Result<()> {
        if end <= self.space.reserved() {
            return self.space.open_to(end);
        }
        // Twice as much, so that a memory that grows by and by moves seldom.
        let ample = (2 * self.space.reserved()).min(whole_pages(self.room.most as usize));
        self.space.extend(end.max(ample)).or_else(|_| self.space.extend(end))?;
        self.vm.base = self.space.base();
        Ok(())
    }

    /// The address of `len` bytes from `at`, if they are inside.
    pub fn range(&self, at: u64, len: u64) -> Result<*mut u8, Trap> {
        match at.checked_add(len) {
            // SAFETY: inside of the reservation.
            Some(end) if end <= self.vm.length as u64 => Ok(unsafe { self.vm.base.add(at as usize) }),
            _ => Err(Trap::MemoryOutOfBounds),
        }
    }

    /// Lays an image over this fresh memory.
    pub fn apply(&mut self, image: &Arc<Image>, vm: &Arc<SharedVmStore>) -> Result<()> {
        if !image.is_mapped() || self.room.is_short() {
            // Images are whole pages of the system, which need not be the memory's: zeros are cut off.
            let len = image.bytes.len().min(self.vm.length.saturating_sub(image.start));
            let to = self.range(image.start as u64, len as u64).map_err(Error::trap)?;
            // SAFETY: `range` checked the destination; the image is the module's, no memory overlaps it.
            let copied = unsafe { bulk::copy(vm, image.bytes.as_ptr(), to, len, bulk::BYTES) };
            return copied.map_err(Error::trap);
        }
        self.space.lay(image)
    }

    /// Takes an image off that was there from the start: its instance has failed before it had got it. Whoever can use the
    /// memory nevertheless finds zeros.
    pub fn take_off_image(&mut self) -> Result<()> {
        self.space.take_off().map_err(|e| err!(OutOfMemory, "no memory for a memory without its image: {e}"))
    }
}
