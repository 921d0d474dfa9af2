//! Memories.

use super::StoreMut;
pub use super::handle::defined::Memory;
use crate::base::{Error, Result};
use crate::err;
use crate::store::parts::bulk;
use crate::store::parts::memory as vm;
use crate::wasm::types::MemoryType;

impl Memory {
    /// Creates a memory, owned by the store. Fails with `InvalidArgument` for invalid limits, with `Limit` if a limit
    /// refuses it, and with `OutOfMemory` if the system has no memory or address space.
    pub fn new(store: &mut StoreMut<'_>, ty: MemoryType) -> Result<Memory> {
        if ty.limits.max.is_some_and(|max| max < ty.limits.min) {
            return Err(err!(InvalidArgument, "memory limits {}: the maximum is below the minimum", ty.limits));
        }
        store.with_room(|store| {
            let store_vm = store.vm_mut();
            let memory = vm::Memory::new(ty, None, &store_vm.engine, &mut store_vm.account)?;
            let index = store_vm.memories.insert(memory);
            Ok(Memory::make(store, index))
        })
    }

    /// Releases the host's ownership of a memory created by `new`: it then lives as long as something refers to it.
    /// Fails with `StaleHandle` if it was released before, and with `InvalidArgument` if an instance owns it.
    pub fn release(&self, store: &mut StoreMut<'_>) -> Result<()> {
        let i = self.check(store)?;
        store.vm_mut().release_memory(i)
    }

    /// The current type: its minimum is the current size.
    pub fn ty(&self, store: &StoreMut<'_>) -> Result<MemoryType> {
        Ok(store.vm().memories[self.check(store)?].current_type())
    }

    /// The type as it was declared.
    pub fn declared_type(&self, store: &StoreMut<'_>) -> Result<MemoryType> {
        Ok(store.vm().memories[self.check(store)?].ty())
    }

    /// The address of the memory's first byte. Valid as long as the memory lives or, if memories can move
    /// (`Config::memory_reservation`), until it grows.
    pub fn data_ptr(&self, store: &StoreMut<'_>) -> Result<*mut u8> {
        Ok(store.vm().memories[self.check(store)?].base())
    }

    /// The size in bytes.
    pub fn data_size(&self, store: &StoreMut<'_>) -> Result<usize> {
        Ok(store.vm().memories[self.check(store)?].len())
    }

    /// The size in pages. The page size is part of the type.
    pub fn size(&self, store: &StoreMut<'_>) -> Result<u64> {
        Ok(store.vm().memories[self.check(store)?].pages())
    }

    /// Grows by `delta` pages and returns the old size in pages. Fails with `Limit` if the memory cannot grow.
    pub fn grow(&self, store: &mut StoreMut<'_>, delta: u64) -> Result<u64> {
        let i = self.check(store)?;
        let vm = store.vm_mut();
        let grown = vm.memories[i].grow(delta, &mut vm.account);
        grown.ok_or_else(|| err!(Limit, "a memory of {} pages cannot grow by {delta}", vm.memories[i].pages()))
    }

    /// The address of the `len` bytes from `at` on.
    fn range(&self, store: &StoreMut<'_>, at: u64, len: usize) -> Result<*mut u8> {
        let memory = &store.vm().memories[self.check(store)?];
        memory.range(at, len as u64).map_err(|trap| {
            Error::trap(trap).about(format_args!("{len} bytes at {at} of a memory of {} bytes", memory.len()))
        })
    }

    /// Copies bytes out of the memory. Fails with a trap if the range is out of bounds. If the store is interrupted
    /// during the copy, some bytes were copied.
    pub fn read(&self, store: &StoreMut<'_>, at: u64, out: &mut [u8]) -> Result<()> {
        let from = self.range(store, at, out.len())?;
        // SAFETY: the range was checked. `out` belongs to the caller and is not part of the memory, unless the caller
        // has already broken Rust's aliasing rules.
        unsafe { bulk::copy(&store.vm().vm, from, out.as_mut_ptr(), out.len(), bulk::BYTES) }.map_err(Error::trap)
    }

    /// Copies bytes into the memory. Fails with a trap if the range is out of bounds. If the store is interrupted
    /// during the copy, some bytes were copied.
    pub fn write(&self, store: &mut StoreMut<'_>, at: u64, bytes: &[u8]) -> Result<()> {
        let to = self.range(store, at, bytes.len())?;
        // SAFETY: as in `read`.
        unsafe { bulk::copy(&store.vm().vm, bytes.as_ptr(), to, bytes.len(), bulk::BYTES) }.map_err(Error::trap)
    }
}
