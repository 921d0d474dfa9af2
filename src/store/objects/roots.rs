//! Finds the roots: all references from outside of the heap into it.

use crate::abi::code::StackSlots;
use crate::abi::heap::RefSlot;
use crate::abi::vmstruct::VmRefGlobal;
use crate::base::index::{DefinedGlobalIndex, EntityRef, TagIndex};
use crate::engine::code::registry::{self, CodeOwner};
use crate::gc::Heap;
use crate::gc::collect::Tracer;
use crate::gc::object::is_object;
use crate::store::parts::instance::Instance;
use crate::store::run::unwind::word;
use crate::store::store::Store;
use std::fmt;
use std::ptr::NonNull;

/// Passes all references outside of the heap to the tracer. A minor collection skips everything that cannot have
/// changed since the last collection: tables, globals and segments with clean cards, and frames that have not run.
pub fn roots(store: &mut Store, tracer: &mut Tracer) {
    for table in store.tables.values().filter(|t| t.is_gc()) {
        table.trace(tracer);
    }
    for global in store.globals.values_mut() {
        global.trace(tracer);
    }
    for i in &store.traced {
        store.instances[*i].trace(tracer);
    }
    frames_of(store, tracer);
}

/// Passes the references in frames to the tracer.
pub fn frames_of(store: &Store, tracer: &mut Tracer) {
    // SAFETY: a collection runs on the store's thread (invariant 2) while its frames are live.
    unsafe { frames(store, |frame| frame.trace(tracer)) };
}

/// The holder of a reference outside of the heap.
#[derive(Clone, Copy)]
pub enum Holder {
    /// A table of the store, and the element.
    Table(u32, usize),
    /// An instance, and its global.
    Global(u32, DefinedGlobalIndex),
    /// A global that the host made.
    HostGlobal(u32),
    /// An instance, and its tag.
    Tag(u32, TagIndex),
    /// An instance, its segment, and the element.
    Segment(u32, usize, usize),
    Frame,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Holder::Table(t, i) => write!(f, "table {t}, element {i}"),
            Holder::Global(i, g) => write!(f, "instance {i}, own global {}", g.index()),
            Holder::HostGlobal(g) => write!(f, "global {g}"),
            Holder::Tag(i, t) => write!(f, "instance {i}, tag {}", t.index()),
            Holder::Segment(i, s, e) => write!(f, "instance {i}, segment {s}, element {e}"),
            Holder::Frame => f.write_str("a frame"),
        }
    }
}

/// Passes all references to objects outside of the heap to `f`, except for the host's. Nulls and i31s are left out.
pub fn each_root(store: &Store, heap: &Heap, mut f: impl FnMut(u32, Holder)) {
    let no_gc = heap.no_gc();
    let mut give = |r: u32, holder: Holder| {
        if is_object(r) {
            f(r, holder);
        }
    };
    for (t, table) in store.tables.iter().filter(|(_, t)| t.is_gc()) {
        if let Ok(slots) = table.slots(no_gc, 0, table.len()) {
            (0..slots.len()).for_each(|i| give(slots.load(no_gc, i).map_or(0, |g| g.bits().0), Holder::Table(t, i)));
        }
    }
    for (g, global) in store.globals.iter().filter(|(_, g)| g.is_hosts() && g.ty().content.is_gc()) {
        give(global.get_ref(no_gc).map_or(0, |g| g.bits().0), Holder::HostGlobal(g));
    }
    for i in &store.traced {
        let instance = &store.instances[*i];
        instance.each_global(|g: NonNull<VmRefGlobal>, index| {
            // SAFETY: this is a global of an instance of the store (invariant 1).
            give(unsafe { *(g.as_ptr() as *const u32) }, Holder::Global(*i, index))
        });
        for t in instance.info().tags.keys() {
            give(instance.tag(t).0, Holder::Tag(*i, t));
        }
        for (s, segment) in instance.segments.iter().enumerate() {
            let Some(slots) = segment.as_ref().map(|s| s.slots(no_gc)) else { continue };
            let element = |e| slots.load(no_gc, e).map_or(0, |g| g.bits().0);
            (0..slots.len()).for_each(|e| give(element(e), Holder::Segment(*i, s, e)));
        }
    }
    // SAFETY: this is the store's thread (invariant 2), and its frames are live.
    unsafe {
        frames(store, |frame| {
            for below in frame.slots.iter() {
                give(*((frame.fp - below as usize) as *const u32), Holder::Frame);
            }
            true
        })
    };
}

/// Checks the references that `roots` passes on against the heap's invariants. The nursery must be empty, so no
/// reference may be young.
pub fn verify(store: &Store, heap: &Heap) -> Result<(), String> {
    let mut result = Ok(());
    each_root(store, heap, |r, holder| {
        if result.is_ok() {
            result = heap.verify_reference(r, false, &holder.to_string());
        }
    });
    result
}

/// A WebAssembly frame that holds references.
struct Frame<'a> {
    fp: usize,
    /// Bytes below `fp`.
    slots: StackSlots<'a>,
    /// The word of the frame that holds the context. Its bit 0 is set if the frame has not run since it was last traced.
    vmctx: *mut usize,
}

impl Frame<'_> {
    /// Traces the frame. Returns whether frames further out must be traced: not if this is a minor collection and this
    /// frame was already on the stack during the last collection and has not returned. The outer frames cannot have run
    /// since then, and hold no young references.
    unsafe fn trace(&self, tracer: &mut Tracer) -> bool {
        // SAFETY: this is a live frame, whose layout the compiler has recorded (invariants 9 and E2).
        unsafe {
            for below in self.slots.iter() {
                tracer.stack_slot((self.fp - below as usize) as *mut u32);
            }
            let seen = *self.vmctx & 1 != 0;
            *self.vmctx |= 1;
            !(seen && tracer.is_minor())
        }
    }
}

/// The stack map of a return address. Deep stacks mostly repeat a few return addresses.
#[derive(Clone, Copy)]
struct Known<'a> {
    pc: usize,
    /// The places of references and of the context; `None` for frames that hold no references.
    map: Option<(StackSlots<'a>, usize)>,
}

/// The number of return addresses that are remembered, indexed by their last bits.
const KNOWN: usize = 64;

/// Walks the frames with references, innermost first and through the host into outer activations, while `f` returns true.
///
/// # Safety
/// This must be the store's thread, and WebAssembly must be waiting in calls.
unsafe fn frames(store: &Store, mut f: impl FnMut(&Frame) -> bool) {
    let mut known = [Known { pc: 0, map: None }; KNOWN];
    // SAFETY: as in `unwind::capture`: frames are live, and the chain of frame pointers ends at the entry of each
    // activation. The code of a live frame is not freed (invariant 6).
    unsafe {
        let vm = store.vm.get();
        let (mut act, mut exit_fp) = ((*vm).activation, (*vm).exit_fp);
        while !act.is_null() {
            let (mut pc, mut fp) = (word(exit_fp + 8), word(exit_fp));
            while fp != (*act).entry_fp {
                let entry = &mut known[(pc ^ pc >> 6) % KNOWN];
                if entry.pc != pc {
                    *entry = Known { pc, map: stack_map(pc) };
                }
                if let Some((slots, below)) = entry.map
                    && !f(&Frame { fp, slots, vmctx: (fp - below) as *mut usize })
                {
                    return;
                }
                (pc, fp) = (word(fp + 8), word(fp));
            }
            exit_fp = (*act).previous_exit_fp;
            act = (*act).previous;
        }
    }
}

/// # Safety
/// `pc` must be a return address into the code of a live frame, and the result must not be used after that frame has
/// returned.
unsafe fn stack_map<'a>(pc: usize) -> Option<(StackSlots<'a>, usize)> {
    registry::find(pc, |owner, offset| match owner {
        // SAFETY: the caller's promise (invariant 6).
        CodeOwner::Module(m) => unsafe { (*m).stack_map(offset as u32) },
        CodeOwner::Trampolines(_) => None,
    })?
}

impl Instance {
    /// Traces the instance's own globals that hold references, its tags and its segments.
    pub(in crate::store) fn trace(&self, tracer: &mut Tracer) {
        // SAFETY: the context lives (invariant 1).
        let card = unsafe { &mut (*self.vmctx()).global_card };
        if *card != 0 || !tracer.is_minor() {
            // SAFETY: these are globals and tags of the context, which hold references (invariants 1 and 5).
            unsafe {
                self.each_global(|g, _| tracer.slot(&raw const (*g.as_ptr()).value));
                self.info().tags.keys().for_each(|t| tracer.slot(self.at::<RefSlot>(self.module.layout.tag(t))));
            }
            *card = 0;
        }
        for segment in self.segments.iter().flatten() {
            segment.trace(tracer);
        }
    }
}
