//! The address space of a memory, which outlives it: the next memory finds it as if it were new.

use crate::base::Result;
use crate::engine::pooling::image::Image;
use crate::sys::mmap::Reservation;
use crate::sys::pagemap;
use std::io;
use std::sync::Arc;

/// Reserved once; usable from its base up to `open`, where it holds the image and zeros, and what the memory has written since.
pub struct Space {
    reservation: Reservation,
    /// Bytes of it.
    reserved: usize,
    /// Bytes that can be used, whole pages.
    open: usize,
    /// What is mapped into it. Images that are copied are not noted.
    image: Option<Arc<Image>>,
    /// Bytes that were left in memory when it was last made as new.
    resident: usize,
}

impl Space {
    pub fn new(reserved: usize) -> io::Result<Space> {
        let reservation = Reservation::new(reserved)?;
        Ok(Space { reservation, reserved, open: 0, image: None, resident: 0 })
    }

    pub fn base(&self) -> *mut u8 {
        self.reservation.as_ptr()
    }

    pub fn reserved(&self) -> usize {
        self.reserved
    }

    pub fn resident(&self) -> usize {
        self.resident
    }

    pub fn has_image(&self, image: Option<&Arc<Image>>) -> bool {
        match (&self.image, image) {
            (Some(a), Some(b)) => Arc::ptr_eq(a, b),
            (a, b) => a.is_none() && b.is_none(),
        }
    }

    /// Makes more of it usable.
    pub fn open_to(&mut self, end: usize) -> io::Result<()> {
        if end > self.open {
            self.reservation.commit(self.open, end - self.open)?;
            self.open = end;
        }
        Ok(())
    }

    /// Makes `reserved` bytes usable, more than are reserved, and reserves no more. What is there may be elsewhere then. It must have no
    /// image: if it cannot be moved as a whole it is copied.
    pub fn extend(&mut self, reserved: usize) -> io::Result<()> {
        assert!(self.image.is_none() && reserved > self.reserved);
        // What is usable and what is not are two mappings to the system, which moves one.
        self.open_to(self.reserved)?;
        if self.reservation.resize(reserved).is_ok() {
            (self.reserved, self.open) = (reserved, reserved);
            return Ok(());
        }
        let mut new = Space::new(reserved)?;
        new.open_to(reserved)?;
        // SAFETY: both are usable that far, and nobody else uses them now.
        unsafe { std::ptr::copy_nonoverlapping(self.base(), new.base(), self.open) };
        *self = new;
        Ok(())
    }

    /// Makes exactly so many bytes of a space that is as new usable. It keeps its image only if that is the one that is wanted.
    pub fn fit(&mut self, bytes: usize, image: Option<&Arc<Image>>) -> io::Result<()> {
        if self.image.is_some() && !self.has_image(image) {
            self.take_off()?;
        }
        if self.open > bytes {
            self.reservation.decommit(bytes, self.open - bytes)?;
            self.open = bytes;
        }
        self.open_to(bytes)
    }

    /// Maps an image into it, if it is not there.
    pub fn lay(&mut self, image: &Arc<Image>) -> Result<()> {
        if !self.has_image(Some(image)) {
            image.map_into(&self.reservation)?;
            self.image = Some(image.clone());
        }
        Ok(())
    }

    /// Takes its image off; zeros are there then.
    pub fn take_off(&mut self) -> io::Result<()> {
        if let Some(image) = &self.image {
            self.reservation.unmap_file(image.start, image.bytes.len())?;
            self.image = None;
        }
        Ok(())
    }

    /// Makes everything in it as it was when its image was laid. At most `resident` bytes stay in memory. False: the system has refused,
    /// and nobody may use it again.
    #[must_use]
    pub fn reset(&mut self, resident: usize) -> bool {
        self.resident = 0;
        let Some(written) = pagemap::written(self.base(), self.open, resident) else {
            return self.reservation.try_discard(0, self.open);
        };
        for (at, len) in written.runs() {
            self.clean(at, len);
            self.resident += len;
        }
        self.reservation.try_discard(written.end, self.open - written.end)
    }

    /// Writes what belongs there.
    fn clean(&mut self, at: usize, len: usize) {
        assert!(at + len <= self.open, "outside of what was looked at");
        // SAFETY: usable, and nobody else's now.
        let run = unsafe { std::slice::from_raw_parts_mut(self.base().add(at), len) };
        let Some(image) = &self.image else { return run.fill(0) };
        let (start, end) = (image.start.clamp(at, at + len), (image.start + image.bytes.len()).clamp(at, at + len));
        run[..start - at].fill(0);
        if start < end {
            run[start - at..end - at].copy_from_slice(&image.bytes[start - image.start..end - image.start]);
        }
        run[end.max(start) - at..].fill(0);
    }
}
