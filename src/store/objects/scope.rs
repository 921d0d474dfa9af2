//! Scopes of the host's references: those that the host opens, and one for each running host function that creates
//! references.

use crate::base::{Error, Result};
use crate::err;
use crate::store::store::{CallbackScope, Store};

impl Store {
    /// Opens a scope of roots, even if there is no heap yet. Returns its depth, starting from 1.
    pub fn open_scope(&mut self) -> Result<u32> {
        self.callback_scope()?;
        self.push_scope()
    }

    /// Must be called before a reference is created for the host: opens a scope for the host function that runs, if one
    /// runs and has no scope yet.
    #[inline(always)]
    pub fn callback_scope(&mut self) -> Result<()> {
        // SAFETY: this is the store's thread (invariant 2).
        let (exit_fp, scope_fp) = unsafe { ((*self.vm.get()).exit_fp, (*self.vm.get()).scope_fp) };
        if exit_fp == scope_fp { Ok(()) } else { self.open_callback_scope(exit_fp, scope_fp) }
    }

    /// Also opens the scopes of the outer host functions that have none yet, so that a reference that escapes from one
    /// function belongs to the next outer one.
    fn open_callback_scope(&mut self, exit_fp: usize, scope_fp: usize) -> Result<()> {
        // SAFETY: this is the store's thread (invariant 2); an activation lives while the code that it has entered runs.
        let outer = unsafe { (*self.vm.get()).activation.as_ref() }.map_or(0, |a| a.previous_exit_fp);
        if outer != scope_fp && outer != 0 {
            self.open_outer_scopes(scope_fp)?;
        }
        self.open_scope_of(exit_fp)
    }

    /// Opens the scopes of all host functions but the innermost that have none yet, outermost first.
    #[cold]
    fn open_outer_scopes(&mut self, scope_fp: usize) -> Result<()> {
        let mut fps = Vec::new();
        // SAFETY: as in `open_callback_scope` (invariant 2).
        let mut activation = unsafe { (*self.vm.get()).activation };
        // SAFETY: as above.
        while let Some(a) = unsafe { activation.as_ref() } {
            if a.previous_exit_fp == scope_fp || a.previous_exit_fp == 0 {
                break;
            }
            fps.push(a.previous_exit_fp);
            activation = a.previous;
        }
        fps.into_iter().rev().try_for_each(|fp| self.open_scope_of(fp))
    }

    /// Opens the scope of the host function whose call left WebAssembly at `fp`.
    fn open_scope_of(&mut self, fp: usize) -> Result<()> {
        self.callback_scopes.try_reserve(1).map_err(|_| no_scope())?;
        let depth = self.scopes;
        self.push_scope()?;
        // SAFETY: this is the store's thread (invariant 2).
        let previous_fp = std::mem::replace(unsafe { &mut (*self.vm.get()).scope_fp }, fp);
        self.callback_scopes.push(CallbackScope { previous_fp, depth });
        Ok(())
    }

    /// Closes the scopes of the host function whose call left WebAssembly at `exit_fp`, if it has opened any.
    #[inline(always)]
    pub fn close_callback_scope(&mut self, exit_fp: usize) {
        // SAFETY: this is the store's thread (invariant 2).
        let vm = unsafe { &mut *self.vm.get() };
        if vm.scope_fp == exit_fp
            && let Some(scope) = self.callback_scopes.pop()
        {
            vm.scope_fp = scope.previous_fp;
            self.close_scopes(scope.depth);
        }
    }

    /// The number of scopes that the host cannot close: those that were opened before the running host function, and
    /// that function's own.
    pub fn scope_base(&self) -> u32 {
        // SAFETY: this is the store's thread (invariant 2).
        let vm = unsafe { &*self.vm.get() };
        if vm.exit_fp != vm.scope_fp {
            return self.scopes;
        }
        self.callback_scopes.last().map_or(0, |s| s.depth + 1)
    }

    fn push_scope(&mut self) -> Result<u32> {
        if let Some(heap) = &mut self.heap {
            heap.roots().open().ok_or_else(no_scope)?;
        }
        self.scopes += 1;
        Ok(self.scopes)
    }

    /// Runs `f` in a scope of its own.
    pub fn in_scope<R>(&mut self, f: impl FnOnce(&mut Store) -> Result<R>) -> Result<R> {
        let depth = self.open_scope()?;
        let result = f(self);
        self.close_scopes(depth - 1);
        result
    }

    /// Closes scopes until `depth` scopes are open.
    pub fn close_scopes(&mut self, depth: u32) {
        while self.scopes > depth {
            if let Some(heap) = &mut self.heap {
                heap.roots().close();
            }
            self.scopes -= 1;
        }
    }
}

#[cold]
pub(in crate::store) fn no_scope() -> Error {
    err!(OutOfMemory, "no memory for a scope")
}
