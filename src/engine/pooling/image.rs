//! Memory images: the data segments with constant offsets, laid out once when the module is compiled and mapped
//! copy-on-write into every instance.

use crate::base::Result;
use crate::base::index::{EntityRef, MemoryIndex, PrimaryMap};
use crate::err;
use crate::sys::lock::section;
use crate::sys::mapped_slice::Shared;
use crate::sys::mmap::{MemFd, Reservation, page_size};
use crate::wasm::const_expr::{ConstExpr, ConstVal};
use crate::wasm::module::{ModuleInfo, SegmentMode};
use std::sync::{Arc, OnceLock};

/// Images below this many bytes are copied, because a mapping costs more.
const MAP_FROM: usize = 16 << 10;
/// An image can always have this many bytes, and otherwise up to twice as many as its data. If it would be larger, the
/// segments are applied one by one.
const MAX_WASTE: usize = 1 << 20;

pub struct Image {
    /// The offset in the memory where the image starts, a multiple of the system's page size.
    pub start: usize,
    pub bytes: Shared<u8>,
    /// A file with the bytes, if they are not in a file already. Created on first use. `None` if the system cannot
    /// provide one; the bytes are copied then.
    file: OnceLock<Option<MemFd>>,
}

impl Image {
    /// An image of `bytes` that starts at `start`. `None` if it is empty, or if it does not consist of whole system
    /// pages.
    pub fn new(start: usize, bytes: Shared<u8>) -> Option<Image> {
        let whole = |n: usize| n.is_multiple_of(page_size());
        let in_page = match &bytes {
            Shared::Mapped { at, .. } => whole(*at),
            Shared::Own(_) => true,
        };
        let fits = in_page && whole(start) && whole(bytes.len()) && !bytes.is_empty();
        fits.then(|| Image { start, bytes, file: OnceLock::new() })
    }

    pub fn is_mapped(&self) -> bool {
        let is_in_file = matches!(self.bytes, Shared::Mapped { .. });
        self.bytes.len() >= MAP_FROM && (is_in_file || self.own_file().is_some())
    }

    fn own_file(&self) -> Option<&MemFd> {
        section(|| self.file.get_or_init(|| MemFd::new(c"wrt-image", &self.bytes).ok())).as_ref()
    }

    pub fn map_into(&self, r: &Reservation) -> Result<()> {
        let mapped = match &self.bytes {
            Shared::Mapped { file, at, len } => r.map_file_cow(self.start, &**file, *at, *len),
            Shared::Own(bytes) => {
                let file = self.own_file().ok_or_else(|| err!(Internal, "image without a file"))?;
                r.map_file_cow(self.start, file, 0, bytes.len())
            }
        };
        mapped.map_err(|e| err!(OutOfMemory, "no memory for a memory image: {e}"))
    }
}

/// The images of the memories that a module defines.
#[derive(Default)]
pub struct Images {
    pub by_memory: PrimaryMap<MemoryIndex, Option<Arc<Image>>>,
    /// Whether every active segment is in an image. If not, there are no images, and the segments are applied in order.
    pub complete: bool,
}

impl Images {
    pub fn new(info: &ModuleInfo, bytes: &[u8]) -> Images {
        Images::try_new(info, bytes).unwrap_or_default()
    }

    fn try_new(info: &ModuleInfo, module: &[u8]) -> Option<Images> {
        let mut ranges = vec![(usize::MAX, 0usize, 0usize); info.memories.len()];
        for_each_active(info, |memory, offset, len| {
            let size = info.memories[memory].min_bytes()?;
            let end = (offset as u64).checked_add(len as u64)?;
            if info.is_imported_memory(memory) || end > size {
                return None;
            }
            let (start, end, data) = &mut ranges[memory.index()];
            if len > 0 {
                *start = (*start).min(offset);
                *end = (*end).max(offset + len);
                *data += len;
            }
            Some(())
        })?;
        let mut by_memory: PrimaryMap<MemoryIndex, Option<(usize, Vec<u8>)>> = PrimaryMap::new();
        for (start, end, data) in ranges {
            let image = if data == 0 {
                None
            } else {
                let page = page_size();
                let (start, end) = (start / page * page, end.next_multiple_of(page));
                if end - start > data.saturating_mul(2).max(MAX_WASTE) {
                    return None;
                }
                Some((start, vec![0; end - start]))
            };
            by_memory.push(image);
        }
        for seg in info.data.values() {
            if let SegmentMode::Active { target, offset } = &seg.mode
                && let Some((start, bytes)) = &mut by_memory[*target]
            {
                let at = constant(offset)?.wrapping_sub(*start);
                let data = &module[seg.bytes.clone()];
                if !data.is_empty() {
                    bytes[at..at + data.len()].copy_from_slice(data);
                }
            }
        }
        let image = |(start, bytes): (usize, Vec<u8>)| Image::new(start, bytes.into()).expect("whole pages").into();
        Some(Images { by_memory: by_memory.into_iter().map(|(_, i)| i.map(image)).collect(), complete: true })
    }
}

/// An offset that is a constant.
fn constant(offset: &ConstExpr) -> Option<usize> {
    match offset {
        ConstExpr::Const(ConstVal::I32(at)) => Some(*at as u32 as usize),
        ConstExpr::Const(ConstVal::I64(at)) => Some(*at as usize),
        _ => None,
    }
}

/// Calls `f` with each active segment as (memory, offset, number of bytes). Returns `None` at the first segment whose
/// offset is not a constant, or for which `f` returns `None`.
fn for_each_active(info: &ModuleInfo, mut f: impl FnMut(MemoryIndex, usize, usize) -> Option<()>) -> Option<()> {
    for seg in info.data.values() {
        match &seg.mode {
            SegmentMode::Active { target, offset } => f(*target, constant(offset)?, seg.bytes.len())?,
            SegmentMode::Passive | SegmentMode::Declared => {}
        }
    }
    Some(())
}
