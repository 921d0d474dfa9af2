//! The address space of a memory or of a large table. It outlives the memory: it is reset, and the next memory finds it
//! as if it were new.

use crate::base::Result;
use crate::engine::pooling::image::Image;
use crate::sys::mmap::Reservation;
use crate::sys::pagemap;
use std::io;
use std::sync::Arc;

/// Reserved once, and usable from its base up to `open`. The usable part contains the image, zeros, and everything that
/// was written since.
pub struct Space {
    reservation: Reservation,
    /// Reserved bytes.
    reserved: usize,
    /// Usable bytes, a multiple of the system's page size.
    open: usize,
    /// The image that is mapped into it. Images that are copied are not recorded here.
    image: Option<Arc<Image>>,
    /// Bytes that stayed in memory after the last reset.
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

    /// Makes the first `end` bytes usable, if they are not yet.
    pub fn open_to(&mut self, end: usize) -> io::Result<()> {
        if end > self.open {
            self.reservation.commit(self.open, end - self.open)?;
            self.open = end;
        }
        Ok(())
    }

    /// Enlarges the reservation to `reserved` bytes and makes all of them usable. The space may move. It must have no
    /// image, since it is copied if it cannot be moved as a whole.
    pub fn extend(&mut self, reserved: usize) -> io::Result<()> {
        assert!(self.image.is_none() && reserved > self.reserved);
        // The usable and the unusable part are two mappings, and the system moves only one.
        self.open_to(self.reserved)?;
        if self.reservation.resize(reserved).is_ok() {
            (self.reserved, self.open) = (reserved, reserved);
            return Ok(());
        }
        let mut new = Space::new(reserved)?;
        new.open_to(reserved)?;
        // SAFETY: both are usable up to there, and no other code uses them now (invariant E5).
        unsafe { std::ptr::copy_nonoverlapping(self.base(), new.base(), self.open) };
        *self = new;
        Ok(())
    }

    /// Makes exactly `bytes` bytes of a reset space usable. Unmaps its image unless that is `image`.
    pub fn fit(&mut self, bytes: usize, image: Option<&Arc<Image>>) -> io::Result<()> {
        if self.image.is_some() && !self.has_image(image) {
            self.unmap_image()?;
        }
        if self.open > bytes {
            self.reservation.decommit(bytes, self.open - bytes)?;
            self.open = bytes;
        }
        self.open_to(bytes)
    }

    /// Maps an image into it, if it is not mapped already.
    pub fn lay(&mut self, image: &Arc<Image>) -> Result<()> {
        if !self.has_image(Some(image)) {
            image.map_into(&self.reservation)?;
            self.image = Some(image.clone());
        }
        Ok(())
    }

    /// Unmaps its image; the bytes are zero afterwards.
    pub fn unmap_image(&mut self) -> io::Result<()> {
        if let Some(image) = &self.image {
            self.reservation.unmap_file(image.start, image.bytes.len())?;
            self.image = None;
        }
        Ok(())
    }

    /// Resets everything to zero, or to the image if one is mapped. At most `resident` bytes stay in memory. Returns
    /// false if the system has refused; the space must not be used again then.
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

    /// Resets the `len` bytes at `at` by writing to them.
    fn clean(&mut self, at: usize, len: usize) {
        assert!(at + len <= self.open, "outside of what was looked at");
        // SAFETY: these bytes are usable, and no other code uses them now (invariant E5).
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
