//! A linear memory: address space reserved once, so that its base never changes, and pages committed as it grows.

use super::engine::Engine;
use super::image::Image;
use super::keeper::Keeper;
use super::limits::{Account, Growth, Resource};
use super::pool::{Counted, Use};
use super::space::Space;
use crate::abi::vmstruct::VmMemory;
use crate::base::limits::{MAX_MEMORY32_PAGES, MEMORY_GUARD, MEMORY32_SPAN, WASM_PAGE_SIZE};
use crate::base::{Result, Trap};
use crate::err;
use crate::wasm::types::{Limits, MemoryType};
use std::sync::Arc;

pub struct Memory {
    pub keeper: Keeper,
    /// What machine code reads; contexts point here.
    vm: VmMemory,
    space: Space,
    declared: MemoryType,
    _counted: Option<Counted>,
}

impl Memory {
    /// A memory of `ty`'s minimum size, zeroed but for the image, which may be there already.
    ///
    /// With guards, all addresses that a 32-bit index can reach, and a guard behind them, are reserved. Without, only
    /// what the type allows; accesses are then checked by machine code.
    pub fn new(
        ty: MemoryType,
        image: Option<&Arc<Image>>,
        engine: &Engine,
        account: &mut Account,
    ) -> Result<Box<Memory>> {
        let max_pages = ty.limits.max.unwrap_or(MAX_MEMORY32_PAGES).min(MAX_MEMORY32_PAGES);
        let bytes = ty.limits.min.checked_mul(WASM_PAGE_SIZE).filter(|_| ty.limits.min <= max_pages);
        let bytes = bytes.ok_or_else(|| err!(InvalidArgument, "memory of {} pages", ty.limits.min))?;
        let counted = engine.pool.count()?;
        let growth = Growth { resource: Resource::Memory, current: 0, desired: bytes };
        if !account.take(growth) {
            return Err(err!(Limit, "a limit of the store refuses a memory of {bytes} bytes"));
        }
        let has_guard = engine.config.settings.signals;
        let reserve = if has_guard { MEMORY32_SPAN + MEMORY_GUARD } else { max_pages.max(1) * WASM_PAGE_SIZE };
        let image = image.filter(|image| image.is_mapped());
        match engine.pool.take(Use::Memory, reserve as usize, bytes as usize, image) {
            Ok(space) => {
                let vm = VmMemory { base: space.base(), length: bytes as usize };
                Ok(Box::new(Memory { keeper: Keeper::Host, vm, space, declared: ty, _counted: counted }))
            }
            Err(e) => {
                account.give_back(growth);
                Err(err!(OutOfMemory, "no memory for a linear memory of {bytes} bytes: {e}"))
            }
        }
    }

    /// Its end. The engine may keep what it was made of.
    pub fn free(self, engine: &Engine) {
        engine.pool.give(Use::Memory, self.space);
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

    pub fn pages(&self) -> u64 {
        self.vm.length as u64 / WASM_PAGE_SIZE
    }

    /// The declared type.
    pub fn ty(&self) -> MemoryType {
        self.declared
    }

    /// The type as of now: its minimum is the present size (Wasm 2.0, 4.5.3).
    pub fn current_limits(&self) -> Limits {
        Limits { min: self.pages(), max: self.declared.limits.max }
    }

    /// Grows by `delta` pages. Gives the old size in pages, or `None`, and then nothing has changed (Wasm 2.0, 4.5.3.9).
    pub fn grow(&mut self, delta: u64, account: &mut Account) -> Option<u64> {
        let old = self.pages();
        let max = self.declared.limits.max.unwrap_or(MAX_MEMORY32_PAGES).min(MAX_MEMORY32_PAGES);
        let new = old.checked_add(delta).filter(|n| *n <= max)?;
        if delta == 0 {
            return Some(old);
        }
        let growth =
            Growth { resource: Resource::Memory, current: old * WASM_PAGE_SIZE, desired: new * WASM_PAGE_SIZE };
        if !account.take(growth) {
            return None;
        }
        let more = (delta * WASM_PAGE_SIZE) as usize;
        if self.space.open_to(self.vm.length + more).is_err() {
            account.give_back(growth);
            return None;
        }
        self.vm.length += more;
        Some(old)
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
    pub fn apply(&mut self, image: &Arc<Image>) -> Result<()> {
        if !image.is_mapped() {
            let to = self.range(image.start as u64, image.bytes.len() as u64).map_err(crate::base::Error::trap)?;
            // SAFETY: `range` checked the destination; the image is the module's, no memory overlaps it.
            unsafe { std::ptr::copy_nonoverlapping(image.bytes.as_ptr(), to, image.bytes.len()) };
            return Ok(());
        }
        self.space.lay(image)
    }

    /// Takes an image off that was there from the start: its instance has failed before it had got it. Whoever can use the
    /// memory nevertheless finds zeros.
    pub fn take_off_image(&mut self) -> Result<()> {
        self.space.take_off().map_err(|e| err!(OutOfMemory, "no memory for a memory without its image: {e}"))
    }
}
