//! An instance: a module's context in a store.

use crate::abi::heap::RawRef;
use crate::abi::layout::ContextLayout;
use crate::abi::vmstruct::*;
use crate::base::Result;
use crate::base::Stable;
use crate::base::index::*;
use crate::engine::code::tiering::ContextGuard;
use crate::engine::module::Module;
use crate::engine::pooling::arc_cache::CachedArc;
use crate::engine::pooling::template::Template;
use crate::err;
use crate::gc::slot::Slots;
use crate::gc::{Gc, NoGc};
use crate::store::parts::const_value;
use crate::store::parts::func_table::FuncRefPtr;
use crate::store::parts::keeper::{Keeper, kept};
use crate::store::parts::segment::RefSegment;
use crate::sys::fault_injection;
use crate::wasm::module::*;
use crate::wasm::types::ValType;
use std::alloc::{Layout, alloc, dealloc};
use std::cell::Cell;
use std::ptr::NonNull;

pub struct Instance {
    pub keeper: Keeper,
    /// The instance's own place in the store.
    pub index: u32,
    pub module: CachedArc<Module>,
    /// Keeps the funcrefs pointing to the current code of lazily compiled functions. Dropped before the context.
    pub(in crate::store) context_guard: Option<ContextGuard>,
    pub(in crate::store) context: Context,
    /// Places in the store, by table index.
    pub tables: Vec<u32>,
    /// Places in the store, by memory index.
    pub memories: Vec<u32>,
    /// Places in the store, by global index, of imported globals and of those the host has asked for; `u32::MAX` for
    /// others.
    pub globals: Vec<u32>,
    pub(in crate::store) dropped_elems: Vec<bool>,
    /// Passive segments of references that had to be evaluated, by segment index, until they are dropped.
    pub segments: Vec<Option<RefSegment>>,
    pub(in crate::store) dropped_data: Vec<bool>,
    /// Whether the host or an object knows one of its functions by a number. Set while the instance is borrowed
    /// (invariant 8).
    pub(in crate::store) has_known_funcs: Cell<bool>,
}

/// The memory of a context.
pub(in crate::store) struct Context(*mut VmContext, Layout);

kept!(Stable<Instance>);

impl Context {
    /// A context with the values that all instances of its module share. Its funcrefs are not written yet.
    pub(crate) fn new(of: &ContextLayout, template: &Template) -> Result<Context> {
        let layout = Layout::from_size_align(of.size(), 16).map_err(|_| err!(Limit, "the module declares too much"))?;
        fault_injection::check().map_err(|_| err!(OutOfMemory, "no memory for an instance"))?;
        // SAFETY: a context never has size 0.
        let p = unsafe { alloc(layout) };
        if p.is_null() {
            return Err(err!(OutOfMemory, "no memory for an instance"));
        }
        // SAFETY: the layout and the template are of the same module (invariant E3).
        unsafe { template.write(p, of.size()) };
        Ok(Context(p.cast(), layout))
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: allocated with this layout; the store drops everything that points into it first.
        unsafe { dealloc(self.0 as *mut u8, self.1) }
    }
}

impl Instance {
    pub fn vmctx(&self) -> *mut VmContext {
        self.context.0
    }

    /// A pointer to the `T` at an offset from the module's layout.
    pub(in crate::store) fn at<T>(&self, offset: u32) -> *mut T {
        self.context.0.cast::<u8>().wrapping_add(offset as usize).cast()
    }

    /// The addresses of its context.
    pub fn span(&self) -> std::ops::Range<usize> {
        let start = self.context.0 as usize;
        start..start + self.context.1.size()
    }

    pub fn imported_funcs(&self) -> impl Iterator<Item = FuncRefPtr> + '_ {
        let place = |i| self.module.layout.imported_func(FuncIndex::new(i));
        // SAFETY: written before any code reads it (invariant 5).
        (0..self.info().imported_funcs).map(move |i| unsafe { (*self.at::<VmImportedFunc>(place(i))).funcref })
    }

    pub fn info(&self) -> &ModuleInfo {
        self.module.info()
    }

    /// The funcref of a function that can become a value.
    pub fn funcref(&self, f: FuncIndex) -> FuncRefPtr {
        let layout = &self.module.layout;
        if self.info().defined_func(f).is_none() {
            // SAFETY: imported functions are written before any code reads them (invariant 5).
            return unsafe { (*self.at::<VmImportedFunc>(layout.imported_func(f))).funcref };
        }
        let place =
            self.info().funcs[f].funcref.expect("the decoder gives every function that becomes a value a place");
        self.at(layout.funcref(place))
    }

    /// The code and the context of any function.
    pub(in crate::store) fn callable(&self, f: FuncIndex) -> (VmCode, *mut VmHeader) {
        match self.info().defined_func(f) {
            Some(d) => (self.module.func_code(d), self.context.0.cast()),
            None => {
                // SAFETY: written before any code reads it (invariant 5).
                let i = unsafe { &*self.at::<VmImportedFunc>(self.module.layout.imported_func(f)) };
                (i.code, i.vmctx)
            }
        }
    }

    pub fn global_ptr(&self, g: GlobalIndex) -> *mut VmGlobal {
        match self.info().defined_global(g) {
            Some(d) => self.at(self.module.layout.global(d)),
            // SAFETY: written before any code reads it (invariant 5).
            None => unsafe { *self.at::<*mut VmGlobal>(self.module.layout.imported_global(g)) },
        }
    }

    pub fn global_value(&self, g: GlobalIndex) -> VmSlot {
        // SAFETY: a global that an instance uses is alive, and used on the store's thread (invariants 1 and 2).
        unsafe { (*self.global_ptr(g)).value }
    }

    /// The bytes of a data segment; none after it was dropped.
    pub fn data(&self, d: DataIndex) -> &[u8] {
        if self.dropped_data[d.index()] { &[] } else { &self.module.bytes()[self.info().data[d].bytes.clone()] }
    }

    pub fn drop_data(&mut self, d: DataIndex) {
        self.dropped_data[d.index()] = true;
    }

    /// The number of elements of a segment; 0 after it was dropped.
    pub fn elem_len(&self, e: ElemIndex) -> u64 {
        if self.dropped_elems[e.index()] { 0 } else { self.info().elems[e].items.len() as u64 }
    }

    /// An element of a segment that did not have to be evaluated: a function, null, or an i31.
    pub fn elem(&self, e: ElemIndex, i: u64) -> VmSlot {
        match &self.info().elems[e].items {
            ElemItems::Funcs(f) => VmSlot { funcref: self.funcref(f[i as usize]) },
            ElemItems::I31s(s) => VmSlot { gc: s[i as usize].map_or(RawRef::NULL, RawRef::i31) },
            ElemItems::Exprs(exprs) => const_value::ops_without_heap(exprs.get(i as usize), self),
        }
    }

    /// An element of a segment of functions.
    pub fn elem_func(&self, e: ElemIndex, i: u64) -> FuncRefPtr {
        // SAFETY: the validator checked that it has a function type (invariant 11).
        unsafe { self.elem(e, i).funcref }
    }

    /// An element of a segment of references to objects.
    pub fn elem_ref<'h>(&'h self, no_gc: NoGc<'h>, e: ElemIndex, i: u64) -> Option<Gc<'h>> {
        match &self.segments[e.index()] {
            Some(s) => s.slots(no_gc).load(no_gc, i as usize),
            // SAFETY: null or an i31 (invariant 12).
            None => unsafe { no_gc.adopt(self.elem(e, i).gc) },
        }
    }

    pub fn drop_elem(&mut self, e: ElemIndex) {
        self.dropped_elems[e.index()] = true;
        self.segments[e.index()] = None;
    }

    /// Calls `f` with the globals it defines that hold references to objects.
    pub fn each_global(&self, mut f: impl FnMut(NonNull<VmRefGlobal>, DefinedGlobalIndex)) {
        for g in &self.module.ref_globals {
            f(NonNull::new(self.at(self.module.layout.global(*g))).expect("inside of the context"), *g);
        }
    }

    /// The object that represents a tag.
    pub fn tag(&self, t: TagIndex) -> RawRef {
        // SAFETY: the layout's place, on the store's thread (invariant 2).
        RawRef(unsafe { *self.at::<u32>(self.module.layout.tag(t)) })
    }

    /// The slot of a tag.
    pub(in crate::store) fn tag_slot<'h>(&self, _: NoGc<'h>, t: TagIndex) -> Slots<'h> {
        // SAFETY: the layout's place, which uses the context's card. It is alive while the store is borrowed
        // (invariant 1).
        unsafe { Slots::new(self.at(self.module.layout.tag(t)), 1, &raw mut (*self.vmctx()).global_card, 0) }
    }

    /// The functions that have a funcref in the context, with their index among the funcrefs.
    pub(in crate::store) fn funcrefs(&self) -> impl Iterator<Item = (FuncRefIndex, FuncIndex)> + '_ {
        self.info().funcrefs.iter().map(|(i, f)| (i, *f))
    }
}

impl Instance {
    /// Allocates `globals`, if that has not happened yet.
    pub(in crate::store) fn know_globals(&mut self) {
        if self.globals.is_empty() {
            self.globals = vec![u32::MAX; self.module.info().globals.len()];
        }
    }

    pub(in crate::store) fn needs_tracing(&self) -> bool {
        !self.module.ref_globals.is_empty()
            || !self.info().tags.is_empty()
            || self.info().elems.values().any(|e| ValType::Ref(e.ty).is_gc())
    }
}
