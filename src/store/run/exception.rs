//! Throwing exceptions: from the throw to the handler that catches, in machine code or in the host.
//!
//! The search for a handler changes nothing. So all frames are still there if none is found, and the backtrace is taken
//! then. Exceptions never cross frames of the host. An activation without a handler ends with an error that holds the
//! exception, and a host function that fails with such an error throws the exception again.

use crate::abi::code::{CATCH_ALL, Handler};
use crate::abi::heap::RawRef;
use crate::abi::vmstruct::{VmContext, VmStore};
use crate::base::Error;
use crate::base::index::TagIndex;
use crate::engine::code::machine_code::CodeTables;
use crate::engine::code::registry::{self, CodeOwner};
use crate::engine::remote_release::{self, Release};
use crate::err;
use crate::gc::{Gc, NoGc, Root};
use crate::store::parts::instance::Instance;
use crate::store::run::trap;
use crate::store::run::unwind::word;
use crate::store::store::Store;
use crate::sys::signals::{self, Resume};
use crate::wasm::descriptor::EXCEPTION_TAG;
use std::sync::Arc;

/// An exception that an error holds. The error can move to any thread, and can outlive the store.
pub struct Thrown {
    pub store: u64,
    pub root: Root,
}

impl Thrown {
    /// The exception that an error holds, if it holds one.
    pub fn of(error: &Error) -> Option<&Thrown> {
        error.thrown()?.downcast_ref()
    }
}

impl Drop for Thrown {
    fn drop(&mut self) {
        remote_release::send(self.store, Release::Ref(self.root));
    }
}

/// The tag of an exception.
pub fn tag_of<'h>(no_gc: NoGc<'h>, exception: Gc<'h>) -> Option<Gc<'h>> {
    // SAFETY: every exception has its tag in this field (invariant 15).
    unsafe { no_gc.field_slot(exception, EXCEPTION_TAG) }.load(no_gc, 0)
}

impl Store {
    /// An error that holds an exception.
    ///
    /// # Safety
    /// `exception` is an exception of this store, and nothing was collected since it was read.
    pub unsafe fn exception_error(&mut self, exception: RawRef) -> Error {
        let made = self.heap().and_then(|heap| {
            let no_gc = heap.no_gc();
            // SAFETY: the caller's promise (invariant 12).
            let gc = unsafe { no_gc.adopt(exception) }.ok_or_else(|| err!(Internal, "no exception"))?;
            let root = Store::root(no_gc, gc)?;
            heap.roots().keep(root).map_err(|_| err!(Internal, "a root got lost"))?;
            Ok(root)
        });
        match made {
            Ok(root) => {
                let thrown = Thrown { store: self.id, root };
                // SAFETY: the caller's promise; creating a root collects nothing (invariant 12).
                Error::exception(unsafe { self.uncaught(exception) }, Arc::new(thrown))
            }
            Err(e) => e,
        }
    }

    /// The exception that an error holds, if it is an exception of this store.
    pub fn thrown(&self, error: &Error) -> Option<RawRef> {
        let thrown = Thrown::of(error).filter(|t| t.store == self.id)?;
        self.heap.as_ref()?.no_gc().get(thrown.root).ok().map(Gc::bits)
    }
}

/// Continues at the handler that catches an exception. If there is none, ends the innermost activation with an error
/// that holds the exception: with `error`, if that is given.
///
/// # Safety
/// As for `trap::raise_error`; the exception is one of the store's, and nothing was collected since it was read.
pub unsafe fn throw(vm: *mut VmStore, exception: RawRef, error: Option<Error>) -> ! {
    // SAFETY: the caller's promise. Frames of machine code can be skipped: they own nothing (invariant 4), and a frame
    // with a handler expects it.
    unsafe {
        let store = (*vm).store as *mut Store;
        match catcher(vm, exception) {
            Some(resume) => {
                if error.is_some() {
                    drop(error);
                    // Releases the error's root; the exception is now in the register.
                    (*store).drain_releases();
                }
                signals::resume_with(&resume, exception.0 as usize)
            }
            None => {
                let error = error.unwrap_or_else(|| (*store).exception_error(exception));
                trap::end_activation(vm, error)
            }
        }
    }
}

/// The handler for an exception in the innermost activation.
///
/// # Safety
/// As for `throw`.
unsafe fn catcher(vm: *mut VmStore, exception: RawRef) -> Option<Resume> {
    // SAFETY: frames between the exit and the activation's entry are live and keep frame pointers (invariant 9).
    unsafe {
        let heap = (*((*vm).store as *mut Store)).heap.as_ref()?.base();
        let tag = *heap.add((exception.0 + EXCEPTION_TAG) as usize).cast::<u32>();
        let (exit_fp, entry_fp) = ((*vm).exit_fp, (*(*vm).activation).entry_fp);
        let (mut pc, mut fp) = (word(exit_fp + 8), word(exit_fp));
        while fp != entry_fp {
            match registry::find(pc, |owner, offset| (owner, offset))? {
                (CodeOwner::Module(code), offset) => match in_module(&*code, pc - offset, tag, (pc, fp), entry_fp) {
                    Ok(resume) => return Some(resume),
                    Err(frame) => (pc, fp) = frame,
                },
                (CodeOwner::Trampolines(_), _) => (pc, fp) = (word(fp + 8), word(fp)),
            }
        }
        None
    }
}

/// As `catcher`, in the frames of one piece of code, which begins at `base`. If none of them catches, returns
/// the first frame of other code.
///
/// # Safety
/// As for `throw`; (pc, fp) is a live frame.
unsafe fn in_module(
    code: &CodeTables,
    base: usize,
    tag: u32,
    (mut pc, mut fp): (usize, usize),
    entry_fp: usize,
) -> Result<Resume, (usize, usize)> {
    // Most frames catch nothing, so the tables for the lookup are read only once.
    let (end, catches) = (base + code.len() as usize, code.catches());
    loop {
        let offset = (pc - base) as u32;
        if let Some((site, handlers)) = catches.at(offset)
            && let Some(below) = code.vmctx_below_fp(offset)
        {
            // SAFETY: a function with handlers keeps its context in its frame; the instance lives while its code runs
            // (invariant 1).
            let instance = unsafe { &*((*((word(fp - below) & !1) as *const VmContext)).instance as *const Instance) };
            let is_caught = |h: &&Handler| h.tag == CATCH_ALL || instance.tag(TagIndex::from_u32(h.tag)).0 == tag;
            if let Some(h) = handlers.iter().find(is_caught) {
                return Ok(Resume { pc: base + h.at as usize, sp: fp - site.sp_below_fp as usize, fp });
            }
        }
        // SAFETY: a live frame, which holds its caller's frame pointer and return address (invariant 9).
        (pc, fp) = unsafe { (word(fp + 8), word(fp)) };
        if fp == entry_fp || pc <= base || pc > end {
            return Err((pc, fp));
        }
    }
}
