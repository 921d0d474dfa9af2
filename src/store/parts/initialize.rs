//! Initializes an instance: its globals, tables and segments get their values.

use crate::abi::vmstruct::VmSlot;
use crate::base::index::*;
use crate::base::{Error, Result};
use crate::engine::module::Module;
use crate::err;
use crate::gc::{Gc, NoGc};
use crate::store::parts::bulk;
use crate::store::parts::const_eval::Evaluator;
use crate::store::parts::const_value::{self, Val};
use crate::store::parts::func_table::Lazy;
use crate::store::parts::global;
use crate::store::parts::instance::Instance;
use crate::store::parts::segment::RefSegment;
use crate::store::store::Store;
use crate::wasm::const_expr::{ConstExpr, ConstExprs};
use crate::wasm::module::*;
use crate::wasm::types::{IndexType, ValType};

/// Evaluates the globals, the initial values of tables and the segments, and writes the active segments.
///
/// # Safety
/// `instance` is in the store, and complete except for its segments.
pub unsafe fn initialize(store: &mut Store, module: &Module, instance: *mut Instance) -> Result<()> {
    // SAFETY: the caller's promise (invariant 1).
    unsafe {
        initialize_tables(store, module, instance).or_else(|e| {
            // Data segments come after element segments, so the memories must not contain their data yet.
            for (m, image) in module.images().by_memory.iter() {
                if image.is_some() {
                    store.memories[(&(*instance).memories)[m.index()]].unmap_image()?;
                }
            }
            Err(e)
        })?;
        initialize_memories(store, module, instance)
    }
}

/// # Safety
/// As for `initialize`.
unsafe fn initialize_tables(store: &mut Store, module: &Module, instance: *mut Instance) -> Result<()> {
    // SAFETY: the instance is in the store (invariant 1); globals are evaluated in order.
    unsafe {
        make_tags(store, module, instance)?;
        let mut eval = Evaluator::new(instance);
        evaluate_globals(store, module, instance, &mut eval)?;
        evaluate_tables(store, instance, &mut eval)?;
        evaluate_segments(store, module, instance, &mut eval)?;
        for (e, seg) in module.info().elems.iter() {
            if let SegmentMode::Active { target, offset } = &seg.mode {
                init_table(store, instance, e, *target, offset, &mut eval)?;
                (*instance).drop_elem(e);
            }
        }
    }
    Ok(())
}

/// # Safety
/// As for `initialize`.
unsafe fn make_tags(store: &mut Store, module: &Module, instance: *mut Instance) -> Result<()> {
    let info = module.info();
    // SAFETY: the instance is in the store and does not move (invariant 1).
    let place = unsafe { (*instance).index };
    for (t, decl) in info.tags.iter().skip(info.imported_tags) {
        let tag = store.new_tag(info.types[decl.ty].id, Some((place, t)))?;
        let no_gc = store.no_gc()?;
        // SAFETY: the instance is in the store (invariant 1); nothing was collected since the tag was created.
        unsafe { (*instance).tag_slot(no_gc, t).store(no_gc, 0, no_gc.adopt(tag)) };
    }
    Ok(())
}

/// # Safety
/// As for `initialize`.
unsafe fn initialize_memories(store: &mut Store, module: &Module, instance: *mut Instance) -> Result<()> {
    let info = module.info();
    // SAFETY: the instance is in the store (invariant 1); `store` is not used to access it here (invariant 8).
    let inst = unsafe { &mut *instance };
    if module.images().complete {
        for (m, image) in module.images().by_memory.iter() {
            if let Some(image) = image {
                store.memories[inst.memories[m.index()]].apply(image, &store.vm)?;
            }
        }
    }
    for (d, seg) in info.data.iter() {
        if let SegmentMode::Active { target, offset } = &seg.mode {
            if !module.images().complete {
                let memory = &store.memories[inst.memories[target.index()]];
                let bytes = inst.data(d);
                let at = index_value(const_value::without_heap(offset, inst), memory.ty().index);
                let to = memory.range(at, bytes.len() as u64).map_err(Error::trap)?;
                // SAFETY: `range` checked the destination (invariant 14); the source is the module's bytes.
                unsafe { bulk::copy(&store.vm, bytes.as_ptr(), to, bytes.len(), bulk::BYTES).map_err(Error::trap)? };
            }
            inst.drop_data(d);
        }
    }
    Ok(())
}

/// The value of an offset expression.
fn index_value(slot: VmSlot, ty: IndexType) -> u64 {
    // SAFETY: the validator checked that the value has this type (invariant 11).
    unsafe {
        match ty {
            IndexType::I32 => slot.i32 as u32 as u64,
            IndexType::I64 => slot.i64 as u64,
        }
    }
}

/// # Safety
/// As for `initialize`.
unsafe fn evaluate_globals(
    store: &mut Store,
    module: &Module,
    instance: *mut Instance,
    eval: &mut Evaluator,
) -> Result<()> {
    // SAFETY: the instance is in the store, which evaluation uses alongside it (invariant 8).
    let inst = unsafe { &*instance };
    for g in &module.template.evaluated_globals {
        let (g, decl) = (*g, &module.info().globals[*g]);
        let Some(init) = &decl.init else { continue };
        let place = inst.global_ptr(g);
        if !decl.ty.content.is_gc() {
            // SAFETY: the global's place in the context (invariant E3).
            unsafe { (*place).value = const_value::without_heap(init, inst) };
            continue;
        }
        let value = eval.expr(store, init).map_err(Error::trap)?;
        let no_gc = store.no_gc()?;
        // SAFETY: a global that holds a reference to an object; its card pointer was written when the context was
        // filled (invariant 13).
        unsafe { global::slot(place, no_gc) }.store(no_gc, 0, reference(value, no_gc)?);
    }
    Ok(())
}

fn reference<'h>(value: Val, no_gc: NoGc<'h>) -> Result<Option<Gc<'h>>> {
    value.reference(no_gc).map_err(|_| err!(Internal, "a value of a constant expression got lost"))
}

/// Initializes tables whose elements have an initial value other than null.
///
/// # Safety
/// As for `initialize`.
unsafe fn evaluate_tables(store: &mut Store, instance: *mut Instance, eval: &mut Evaluator) -> Result<()> {
    // SAFETY: as in `evaluate_globals` (invariant 8).
    let inst = unsafe { &*instance };
    for (t, decl) in inst.info().tables.iter() {
        let Some(init) = &decl.init else { continue };
        let value = eval.expr(store, init).map_err(Error::trap)?;
        let place = inst.tables[t.index()];
        let len = decl.ty.limits.min;
        if ValType::Ref(decl.ty.element).is_gc() {
            store.heap()?;
            let Store { vm, heap, tables, .. } = &*store;
            let no_gc = heap.as_ref().expect("just there").no_gc();
            let slots = tables[place].slots(no_gc, 0, len).map_err(Error::trap)?;
            bulk::fill_slots(vm, no_gc, slots, reference(value, no_gc)?).map_err(Error::trap)?;
        } else {
            // SAFETY: validated to be a function; the functions of an instance are of its store (invariants 1 and 11).
            unsafe { store.tables[place].fill_func(&store.vm, 0, value.slot().funcref, len) }.map_err(Error::trap)?;
        }
    }
    Ok(())
}

/// Evaluates passive segments whose expressions create objects. The elements are created once, now.
///
/// # Safety
/// As for `initialize`.
unsafe fn evaluate_segments(
    store: &mut Store,
    module: &Module,
    instance: *mut Instance,
    eval: &mut Evaluator,
) -> Result<()> {
    for (e, seg) in module.info().elems.iter() {
        let ElemItems::Exprs(exprs) = &seg.items else { continue };
        if !matches!(seg.mode, SegmentMode::Passive) || !ValType::Ref(seg.ty).is_gc() {
            continue;
        }
        // Stored in the instance before the first element is created, so every element is reachable from the start.
        let place = RefSegment::new(exprs.len()).map_err(Error::trap)?;
        // SAFETY: the instance's own list, which nothing else uses now.
        unsafe { (&mut (*instance).segments)[e.index()] = Some(place) };
        each_value(store, exprs, eval, |store, i, value| {
            let no_gc = store.no_gc()?;
            // SAFETY: as above.
            let segment = unsafe { (&(*instance).segments)[e.index()].as_ref() }.expect("just put there");
            segment.set(no_gc, i, value).map_err(|_| err!(Internal, "a value of a segment got lost"))
        })?;
    }
    Ok(())
}

/// # Safety
/// As for `initialize`.
unsafe fn init_table(
    store: &mut Store,
    instance: *mut Instance,
    e: ElemIndex,
    target: TableIndex,
    offset: &ConstExpr,
    eval: &mut Evaluator,
) -> Result<()> {
    // SAFETY: as in `evaluate_globals` (invariant 8).
    let inst = unsafe { &*instance };
    let place = inst.tables[target.index()];
    let table = &mut store.tables[place];
    let at = index_value(const_value::without_heap(offset, inst), table.ty().index);
    let len = inst.elem_len(e);
    let items = &inst.info().elems[e].items;
    if table.is_gc() {
        table.check_range(at, len).map_err(Error::trap)?;
        return match items {
            ElemItems::Exprs(exprs) => init_ref_table(store, place, at, exprs, eval),
            ElemItems::I31s(smalls) => {
                store.heap()?;
                let Store { vm, heap, tables, .. } = &*store;
                let no_gc = heap.as_ref().expect("just there").no_gc();
                let slots = tables[place].slots(no_gc, at, len).map_err(Error::trap)?;
                let mut smalls = smalls.iter().enumerate();
                bulk::pieces(vm, len as usize, bulk::ELEMENTS, |piece| {
                    let piece = smalls.by_ref().take(piece.len());
                    piece.for_each(|(i, small)| slots.store(no_gc, i, small.map(|v| no_gc.i31(v))));
                })
                .map_err(Error::trap)
            }
            ElemItems::Funcs(_) => unreachable!("validated not to be functions"),
        };
    }
    // If the segment and the table are both this instance's own, nothing can change which functions the elements are.
    let is_own = inst.info().defined_table(target).is_some() && is_only_funcs(items);
    let table = &mut store.tables[place];
    if is_own && inst.info().tables[target].init.is_none() {
        // SAFETY: the instance outlives its table, which holds the source (invariant 1).
        let source = Box::new(move |i| unsafe { (*instance).elem_func(e, i) });
        // SAFETY: functions of the instance. Its table is dropped before it (invariant 1).
        if unsafe { table.add_lazy(Lazy { start: at, len, source }) } {
            return Ok(());
        }
        // Written elements take precedence over remembered ones, so the order of the segments is kept.
    }
    table.stop_remembering();
    table.check_range(at, len).map_err(Error::trap)?;
    // SAFETY: functions that the instance defines or imports (invariant 1).
    unsafe { store.tables[place].init_func(&store.vm, at, len, |i| inst.elem_func(e, i)) }.map_err(Error::trap)
}

/// Evaluates the expressions of an active segment. Each value is stored in the table, and so reachable, before the next
/// one is created. The range was checked to be within the table.
fn init_ref_table(store: &mut Store, table: u32, at: u64, exprs: &ConstExprs, eval: &mut Evaluator) -> Result<()> {
    each_value(store, exprs, eval, |store, i, value| {
        let (no_gc, tables) = store.no_gc_and_tables()?;
        let slots = tables[table].slots(no_gc, at + i as u64, 1).map_err(Error::trap)?;
        slots.store(no_gc, 0, reference(value, no_gc)?);
        Ok(())
    })
}

/// Elements that share a scope of roots. Only the intermediate objects of an expression need the scope.
const ELEMENTS_PER_SCOPE: usize = 64;

/// Evaluates expressions one after the other. `put` stores the value, which is valid until the next collection.
fn each_value(
    store: &mut Store,
    exprs: &ConstExprs,
    eval: &mut Evaluator,
    mut put: impl FnMut(&mut Store, usize, Val) -> Result<()>,
) -> Result<()> {
    for from in (0..exprs.len()).step_by(ELEMENTS_PER_SCOPE) {
        let to = (from + ELEMENTS_PER_SCOPE).min(exprs.len());
        store.in_scope(|store| {
            (from..to).try_for_each(|i| {
                let value = eval.ops(store, exprs.get(i)).map_err(Error::trap)?;
                put(store, i, value)
            })
        })?;
    }
    Ok(())
}

fn is_only_funcs(items: &ElemItems) -> bool {
    match items {
        ElemItems::Funcs(_) => true,
        ElemItems::I31s(_) => false,
        ElemItems::Exprs(exprs) => exprs.is_constant(),
    }
}
