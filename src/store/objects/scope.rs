//! Scopes of the host's references: those it opens, and one for each host function that runs and makes some.

use crate::base::{Error, Result};
use crate::err;
use crate::store::store::{CallbackScope, Store};

impl Store {
    /// Opens a scope of roots, also if there is no heap yet; gives its depth, from 1.
    pub fn open_scope(&mut self) -> Result<u32> {
        self.callback_scope()?;
        self.push_scope()
    }

    /// Before a reference is made for the host: the host function that runs, if one does, has a scope of its own.
    #[inline(always)]
    pub fn callback_scope(&mut self) -> Result<()> {
        // SAFETY: the store's thread.
        let (exit_fp, scope_fp) = unsafe { ((*self.vm.get()).exit_fp, (*self.vm.get()).scope_fp) };
        if exit_fp == scope_fp { Ok(()) } else { self.open_callback_scope(exit_fp, scope_fp) }
    }

    /// Also those of the host functions further out that have none yet: what escapes from one belongs to the next.
    fn open_callback_scope(&mut self, exit_fp: usize, scope_fp: usize) -> Result<()> {
        // SAFETY: the store's thread; activations live while what they have entered runs.
        let outer = unsafe { (*self.vm.get()).activation.as_ref() }.map_or(0, |a| a.previous_exit_fp);
        if outer != scope_fp && outer != 0 {
            self.open_outer_scopes(scope_fp)?;
        }
        self.open_scope_of(exit_fp)
    }

    /// Those of all host functions but the innermost one that have none yet, the outermost first.
    #[cold]
    fn open_outer_scopes(&mut self, scope_fp: usize) -> Result<()> {
        let mut fps = Vec::new();
        // SAFETY: as in `open_callback_scope`.
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

    /// The scope of the host function that has left WebAssembly at `fp`.
    fn open_scope_of(&mut self, fp: usize) -> Result<()> {
        self.callback_scopes.try_reserve(1).map_err(|_| no_scope())?;
        let depth = self.scopes;
        self.push_scope()?;
        // SAFETY: the store's thread.
        let previous_fp = std::mem::replace(unsafe { &mut (*self.vm.get()).scope_fp }, fp);
        self.callback_scopes.push(CallbackScope { previous_fp, depth });
        Ok(())
    }

    /// Closes the scopes of the host function that has left WebAssembly at `exit_fp`, if it has opened some.
    #[inline(always)]
    pub fn close_callback_scope(&mut self, exit_fp: usize) {
        // SAFETY: the store's thread.
        let vm = unsafe { &mut *self.vm.get() };
        if vm.scope_fp == exit_fp
            && let Some(scope) = self.callback_scopes.pop()
        {
            vm.scope_fp = scope.previous_fp;
            self.close_scopes(scope.depth);
        }
    }

    /// How many scopes the host can not close: those from before the host function that runs, and its own.
    pub fn scope_base(&self) -> u32 {
        // SAFETY: the store's thread.
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

    /// Closes scopes until so many are open.
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
pub(crate) fn no_scope() -> Error {
    err!(OutOfMemory, "no memory for a scope")
}
