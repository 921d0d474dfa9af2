//! An instance: a module's context in a store, and how it is made (Wasm 2.0, 4.5.4).

use super::builtins;
use super::call;
use super::const_eval::{self, Evaluator, Val};
use super::func_table::{self, FuncRefPtr, Lazy};
use super::global::{self, Global};
use super::limits::{Growth, Resource};
use super::memory::Memory;
use super::module::Module;
use super::segment::RefSegment;
use super::store::Store;
use super::table::Table;
use crate::abi::heap::{RawRef, RefSlot};
use crate::abi::vmstruct::*;
use crate::base::index::*;
use crate::base::{Error, Result};
use crate::err;
use crate::gc::{Gc, NoGc};
use crate::sys::scarcity;
use crate::wasm::const_expr::{ConstExpr, ConstExprs, ConstVal};
use crate::wasm::module::*;
use crate::wasm::types::ValType;
use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::ptr::NonNull;
use std::sync::Arc;

/// What fills an import, already checked to be of the right store and type.
#[derive(Clone, Copy)]
pub enum ImportValue {
    Func(FuncRefPtr),
    Table(u32),
    Memory(u32),
    Global(u32),
}

pub struct Instance {
    /// Its own place in the store.
    pub index: u32,
    pub module: Arc<Module>,
    context: Context,
    /// Places in the store, by table index.
    pub tables: Vec<u32>,
    /// Places in the store, by memory index.
    pub memories: Vec<u32>,
    /// Places in the store of globals the host has asked for, by global index; `u32::MAX` for others.
    pub globals: Vec<u32>,
    dropped_elems: Vec<bool>,
    /// Passive segments of references that had to be evaluated, by segment, until they are dropped.
    pub segments: Vec<Option<RefSegment>>,
    dropped_data: Vec<bool>,
}

/// The memory of a context.
struct Context(*mut VmContext, Layout);

impl Context {
    fn new(size: usize) -> Result<Context> {
        let layout = Layout::from_size_align(size, 16).map_err(|_| err!(Limit, "module declares too much"))?;
        scarcity::check().map_err(|_| err!(OutOfMemory, "no memory for an instance"))?;
        // SAFETY: a context is never of size 0.
        let p = unsafe { alloc_zeroed(layout) } as *mut VmContext;
        if p.is_null() {
            return Err(err!(OutOfMemory, "no memory for an instance"));
        }
        Ok(Context(p, layout))
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: allocated with this layout; the store drops what points into it first.
        unsafe { dealloc(self.0 as *mut u8, self.1) }
    }
}

impl Instance {
    pub fn vmctx(&self) -> *mut VmContext {
        self.context.0
    }

    /// The place at an offset that the module's layout gave for a `T`.
    fn at<T>(&self, offset: u32) -> *mut T {
        self.context.0.cast::<u8>().wrapping_add(offset as usize).cast()
    }

    pub fn info(&self) -> &ModuleInfo {
        self.module.info()
    }

    /// The funcref of a function that can become a value.
    pub fn funcref(&self, f: FuncIndex) -> FuncRefPtr {
        let layout = &self.module.layout;
        if self.info().defined_func(f).is_none() {
            // SAFETY: imported functions are in place before anything asks (invariant 5).
            return unsafe { (*self.at::<VmImportedFunc>(layout.imported_func(f))).funcref };
        }
        let place =
            self.info().funcs[f].funcref.expect("the decoder gives every function that becomes a value a place");
        self.at(layout.funcref(place))
    }

    /// Code and context of any function.
    fn callable(&self, f: FuncIndex) -> (VmCode, *mut VmHeader) {
        match self.info().defined_func(f) {
            Some(d) => (self.module.func_code(d), self.context.0.cast()),
            None => {
                // SAFETY: in place before anything asks (invariant 5).
                let i = unsafe { &*self.at::<VmImportedFunc>(self.module.layout.imported_func(f)) };
                (i.code, i.vmctx)
            }
        }
    }

    pub fn global_ptr(&self, g: GlobalIndex) -> *mut VmGlobal {
        match self.info().defined_global(g) {
            Some(d) => self.at(self.module.layout.global(d)),
            // SAFETY: in place before anything asks (invariant 5).
            None => unsafe { *self.at::<*mut VmGlobal>(self.module.layout.imported_global(g)) },
        }
    }

    pub fn global_value(&self, g: GlobalIndex) -> VmSlot {
        // SAFETY: globals live as long as the store, used on its thread (invariants 1 and 2).
        unsafe { (*self.global_ptr(g)).value }
    }

    /// The bytes a data segment has left.
    pub fn data(&self, d: DataIndex) -> &[u8] {
        if self.dropped_data[d.index()] { &[] } else { &self.module.bytes[self.info().data[d].bytes.clone()] }
    }

    pub fn drop_data(&mut self, d: DataIndex) {
        self.dropped_data[d.index()] = true;
    }

    /// How many elements a segment has left.
    pub fn elem_len(&self, e: ElemIndex) -> u64 {
        if self.dropped_elems[e.index()] { 0 } else { self.info().elems[e].items.len() as u64 }
    }

    /// An element of a segment that did not have to be evaluated: a function, null, or an i31.
    pub fn elem(&self, e: ElemIndex, i: u64) -> VmSlot {
        match &self.info().elems[e].items {
            ElemItems::Funcs(f) => VmSlot { funcref: self.funcref(f[i as usize]) },
            ElemItems::Smalls(s) => VmSlot { gc: s[i as usize].map_or(RawRef::NULL, RawRef::i31) },
            ElemItems::Exprs(exprs) => const_eval::ops_without_heap(exprs.get(i as usize), self),
        }
    }

    /// An element of a segment of functions.
    pub fn elem_func(&self, e: ElemIndex, i: u64) -> FuncRefPtr {
        // SAFETY: the validator made sure that it is of a function type.
        unsafe { self.elem(e, i).funcref }
    }

    /// An element of a segment of references to objects.
    pub fn elem_ref<'h>(&'h self, no_gc: NoGc<'h>, e: ElemIndex, i: u64) -> Option<Gc<'h>> {
        match &self.segments[e.index()] {
            Some(s) => s.slots(no_gc).load(no_gc, i as usize),
            // SAFETY: null or an i31.
            None => unsafe { no_gc.adopt(self.elem(e, i).gc) },
        }
    }

    pub fn drop_elem(&mut self, e: ElemIndex) {
        self.dropped_elems[e.index()] = true;
        self.segments[e.index()] = None;
    }

    /// Its own globals that hold references to objects.
    pub fn each_global(&self, mut f: impl FnMut(NonNull<VmRefGlobal>)) {
        for g in &self.module.ref_globals {
            f(NonNull::new(self.at(self.module.layout.global(*g))).expect("inside of the context"));
        }
    }

    /// A function's place among the store's handles.
    fn funcrefs(&self) -> impl Iterator<Item = (FuncRefIndex, FuncIndex)> + '_ {
        self.info().funcrefs.iter().map(|(i, f)| (i, *f))
    }
}

/// Makes an instance and runs its start function. Gives its place in the store. What was made stays in the store also when
/// a segment or the start function traps: others may refer to it by then.
///
/// # Safety
/// `store` is alive, this is its thread, and no reference into it is alive in the callers (invariant 3). `imports` fit the
/// module's.
pub unsafe fn instantiate(store: *mut Store, module: &Arc<Module>, imports: &[ImportValue]) -> Result<u32> {
    let (index, instance) = {
        // SAFETY: the caller's promise; the borrow ends before code runs.
        let store = unsafe { &mut *store };
        let count = store.instances.len() as u64;
        let growth = Growth { resource: Resource::Instances, current: count, desired: count + 1 };
        if !store.account.take(growth) {
            return Err(err!(Limit, "a limit of the store refuses another instance"));
        }
        let made = allocate(store, module, imports).inspect_err(|_| store.account.give_back(growth))?;
        if made.needs_tracing() {
            store.traced.push(count as u32);
        }
        store.instances.push(Box::new(made));
        let instance: *mut Instance = &raw mut **store.instances.last_mut().expect("just pushed");
        // SAFETY: boxed, lives as long as the store (invariant 1).
        unsafe { (*(*instance).vmctx()).instance = instance.cast() };
        // The roots that evaluation makes are gone after it, whatever happened.
        // SAFETY: as above.
        with_scope(store, |store| unsafe { initialize(store, instance) })?;
        (count as u32, instance)
    };
    // SAFETY: the context is complete (invariant 5), and no borrow is alive.
    unsafe { start(store, instance) }?;
    Ok(index)
}

/// Allocates everything an instance owns and fills its context.
fn allocate(store: &mut Store, module: &Arc<Module>, imports: &[ImportValue]) -> Result<Instance> {
    let info = module.info();
    let heap = match module.code().uses_heap {
        true => store.heap()?.base(),
        false => store.heap.as_ref().map_or(std::ptr::null_mut(), |h| h.base()),
    };
    let mut instance = Instance {
        index: store.instances.len() as u32,
        module: module.clone(),
        context: Context::new(module.layout.size())?,
        tables: Vec::with_capacity(info.tables.len()),
        memories: Vec::with_capacity(info.memories.len()),
        globals: Vec::new(),
        dropped_elems: info.elems.values().map(|e| matches!(e.mode, SegmentMode::Declared)).collect(),
        segments: std::iter::repeat_with(|| None).take(info.elems.len()).collect(),
        dropped_data: vec![false; info.data.len()],
    };
    // SAFETY: the context is large enough (its layout was made from the same ModuleInfo), and nobody else knows it yet.
    unsafe {
        let vmctx = instance.vmctx();
        (*vmctx).header.store = store.vm.get();
        (*vmctx).builtins = builtins::table_address();
        (*vmctx).null_func = func_table::null_func();
        (*vmctx).heap = heap;
        (*vmctx).types = store.engine.types.view().base();
        for (i, t) in info.types.iter() {
            *instance.at(module.layout.type_id(i)) = t.id;
        }
    }
    put_imports(store, &mut instance, imports);
    let (mut made_memories, mut made_tables) = (Vec::new(), Vec::new());
    let result = make_owned(store, &mut instance, &mut made_memories, &mut made_tables);
    if let Err(e) = result {
        for m in &made_memories {
            let bytes = m.len() as u64;
            store.account.give_back(Growth { resource: Resource::Memory, current: 0, desired: bytes });
        }
        for t in &made_tables {
            store.account.give_back(Growth { resource: Resource::Table, current: 0, desired: t.len() });
        }
        return Err(e);
    }
    store.memories.append(&mut made_memories);
    store.tables.append(&mut made_tables);
    put_funcrefs(&instance);
    instance.each_global(|g| {
        // SAFETY: the place of a global in the context that nobody else knows yet.
        unsafe { g.write(VmRefGlobal { value: RefSlot::null(), card: &raw mut (*instance.vmctx()).global_card }) }
    });
    Ok(instance)
}

fn put_imports(store: &mut Store, instance: &mut Instance, imports: &[ImportValue]) {
    let module = instance.module.clone();
    let layout = &module.layout;
    let (mut funcs, mut globals) = (0, 0);
    // SAFETY: every place is the layout's for this import; funcrefs and globals live as long as the store.
    unsafe {
        for import in imports {
            match *import {
                ImportValue::Func(f) => {
                    let place: *mut VmImportedFunc = instance.at(layout.imported_func(FuncIndex::new(funcs)));
                    place.write(VmImportedFunc { code: (*f).code, vmctx: (*f).vmctx, funcref: f });
                    funcs += 1;
                }
                ImportValue::Table(t) => {
                    let place = layout.imported_table(TableIndex::new(instance.tables.len()));
                    *instance.at(place) = store.tables[t as usize].vm();
                    instance.tables.push(t);
                }
                ImportValue::Memory(m) => {
                    let place = layout.memory(MemoryIndex::new(instance.memories.len()));
                    put_memory(instance, place, &mut store.memories[m as usize]);
                    instance.memories.push(m);
                }
                ImportValue::Global(g) => {
                    let place = layout.imported_global(GlobalIndex::new(globals));
                    *instance.at(place) = store.globals[g as usize].vm();
                    globals += 1;
                }
            }
        }
    }
}

/// # Safety
/// `place` is the layout's for a memory.
unsafe fn put_memory(instance: &Instance, place: u32, memory: &mut Memory) {
    let slot = VmMemorySlot { base: memory.base(), memory: memory.vm() };
    // SAFETY: the caller's promise.
    unsafe { instance.at::<VmMemorySlot>(place).write(slot) };
}

/// Makes the memories and tables of the module's own. They join the store when all could be made.
#[allow(clippy::vec_box)]
fn make_owned(
    store: &mut Store,
    instance: &mut Instance,
    memories: &mut Vec<Box<Memory>>,
    tables: &mut Vec<Box<Table>>,
) -> Result<()> {
    let module = instance.module.clone();
    let info = module.info();
    for (i, ty) in info.memories.iter().skip(info.imported_memories) {
        let mut memory = Memory::new(*ty, store.engine.config.settings.signals, &mut store.account)?;
        // SAFETY: the layout's place for this memory.
        unsafe { put_memory(instance, module.layout.memory(i), &mut memory) };
        instance.memories.push((store.memories.len() + memories.len()) as u32);
        memories.push(memory);
    }
    for (i, decl) in info.tables.iter().skip(info.imported_tables) {
        let defined = info.defined_table(i).expect("not imported");
        let vm = instance.at(module.layout.table(defined));
        tables.push(Table::new(decl.ty, Some(vm), &mut store.account)?);
        instance.tables.push((store.tables.len() + tables.len() - 1) as u32);
    }
    Ok(())
}

fn put_funcrefs(instance: &Instance) {
    let info = instance.info();
    let module = &instance.module;
    for (i, f) in instance.funcrefs() {
        if info.defined_func(f).is_some() {
            let (code, vmctx) = instance.callable(f);
            let type_id = info.types[info.funcs[f].ty].id;
            let place: *mut VmFuncRef = instance.at(module.layout.funcref(i));
            // SAFETY: the layout's place for this funcref.
            unsafe { place.write(VmFuncRef { code, vmctx, type_id, handle: 0, index: 0 }) };
        }
    }
}

impl Instance {
    fn needs_tracing(&self) -> bool {
        !self.module.ref_globals.is_empty() || self.info().elems.values().any(|e| ValType::Ref(e.ty).is_gc())
    }
}

/// Evaluates globals, tables' first elements and segments, and writes the active ones.
///
/// # Safety
/// `instance` is in the store, complete but for its segments.
unsafe fn initialize(store: &mut Store, instance: *mut Instance) -> Result<()> {
    // SAFETY: boxed in the store; `store` is not used to reach it here.
    let inst = unsafe { &mut *instance };
    let module = inst.module.clone();
    let info = module.info();
    // SAFETY: the instance is in the store; globals are evaluated in their order.
    unsafe {
        let mut eval = Evaluator::new(instance);
        evaluate_globals(store, instance, &mut eval)?;
        evaluate_tables(store, instance, &mut eval)?;
        evaluate_segments(store, instance, &mut eval)?;
        for (e, seg) in info.elems.iter() {
            if let SegmentMode::Active { target, offset } = &seg.mode {
                init_table(store, instance, e, *target, offset, &mut eval)?;
                (*instance).drop_elem(e);
            }
        }
    }
    // SAFETY: boxed in the store; `store` is not used to reach it here.
    let inst = unsafe { &mut *instance };
    if module.images.complete {
        for (m, image) in module.images.by_memory.iter() {
            if let Some(image) = image {
                store.memories[inst.memories[m.index()] as usize].apply(image)?;
            }
        }
    }
    for (d, seg) in info.data.iter() {
        if let SegmentMode::Active { target, offset } = &seg.mode {
            if !module.images.complete {
                let memory = &store.memories[inst.memories[target.index()] as usize];
                let bytes = inst.data(d);
                let at = index_value(const_eval::without_heap(offset, inst));
                let to = memory.range(at, bytes.len() as u64).map_err(Error::trap)?;
                // SAFETY: `range` checked the destination; the source is the module's bytes.
                unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), to, bytes.len()) };
            }
            inst.drop_data(d);
        }
    }
    Ok(())
}

/// The value of a 32-bit offset expression.
fn index_value(slot: VmSlot) -> u64 {
    // SAFETY: the validator made sure that it is an i32.
    unsafe { slot.i32 as u32 as u64 }
}

/// # Safety
/// As `initialize`.
unsafe fn evaluate_globals(store: &mut Store, instance: *mut Instance, eval: &mut Evaluator) -> Result<()> {
    // SAFETY: boxed in the store; evaluation changes nothing of it but the global's place, through a raw pointer.
    let inst = unsafe { &*instance };
    for (g, decl) in inst.info().globals.iter() {
        let Some(init) = &decl.init else { continue };
        let place = inst.global_ptr(g);
        if !decl.ty.content.is_gc() {
            // SAFETY: the global's place in the context.
            unsafe { (*place).value = const_eval::without_heap(init, inst) };
            continue;
        }
        if matches!(init, ConstExpr::Const(ConstVal::Null(_))) {
            continue;
        }
        let value = eval.expr(store, init).map_err(Error::trap)?;
        let no_gc = store.no_gc()?;
        // SAFETY: a global that holds a reference; its card was set when the context was filled.
        unsafe { global::slot(place, no_gc) }.store(no_gc, 0, reference(value, no_gc)?);
    }
    Ok(())
}

fn reference<'h>(value: Val, no_gc: NoGc<'h>) -> Result<Option<Gc<'h>>> {
    value.reference(no_gc).map_err(|_| err!(Internal, "a value of a constant expression got lost"))
}

/// Tables whose elements begin as something else than null.
///
/// # Safety
/// As `initialize`.
unsafe fn evaluate_tables(store: &mut Store, instance: *mut Instance, eval: &mut Evaluator) -> Result<()> {
    // SAFETY: as in `evaluate_globals`.
    let inst = unsafe { &*instance };
    for (t, decl) in inst.info().tables.iter() {
        let Some(init) = &decl.init else { continue };
        let value = eval.expr(store, init).map_err(Error::trap)?;
        let place = inst.tables[t.index()] as usize;
        let len = decl.ty.limits.min;
        if ValType::Ref(decl.ty.element).is_gc() {
            let (no_gc, tables) = store.no_gc_and_tables()?;
            tables[place].slots(no_gc, 0, len).map_err(Error::trap)?.fill(no_gc, reference(value, no_gc)?);
        } else {
            // SAFETY: validated to be a function.
            let f = unsafe { value.slot().funcref };
            store.tables[place].fill_func(0, f, len).map_err(Error::trap)?;
        }
    }
    Ok(())
}

/// Passive segments whose expressions make objects: their elements are made once, now.
///
/// # Safety
/// As `initialize`.
unsafe fn evaluate_segments(store: &mut Store, instance: *mut Instance, eval: &mut Evaluator) -> Result<()> {
    // SAFETY: as in `evaluate_globals`.
    let module = unsafe { (*instance).module.clone() };
    for (e, seg) in module.info().elems.iter() {
        let ElemItems::Exprs(exprs) = &seg.items else { continue };
        if !matches!(seg.mode, SegmentMode::Passive) || !ValType::Ref(seg.ty).is_gc() {
            continue;
        }
        // In place before the first element is made: it is a root from the start.
        let place = RefSegment::new(exprs.len()).map_err(Error::trap)?;
        // SAFETY: the instance's own list, which nothing else looks at now.
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

/// Releases the roots that `f` makes.
fn with_scope<R>(store: &mut Store, f: impl FnOnce(&mut Store) -> Result<R>) -> Result<R> {
    let depth = store.open_scope()?;
    let result = f(store);
    store.close_scopes(depth - 1);
    result
}

/// # Safety
/// As `initialize`.
unsafe fn init_table(
    store: &mut Store,
    instance: *mut Instance,
    e: ElemIndex,
    target: TableIndex,
    offset: &ConstExpr,
    eval: &mut Evaluator,
) -> Result<()> {
    // SAFETY: as in `initialize`.
    let inst = unsafe { &*instance };
    let place = inst.tables[target.index()] as usize;
    let table = &mut store.tables[place];
    let at = index_value(const_eval::without_heap(offset, inst));
    let len = inst.elem_len(e);
    let items = &inst.info().elems[e].items;
    if table.is_gc() {
        table.check_range(at, len).map_err(Error::trap)?;
        return match items {
            ElemItems::Exprs(exprs) => init_ref_table(store, place, at, exprs, eval),
            ElemItems::Smalls(smalls) => {
                let (no_gc, tables) = store.no_gc_and_tables()?;
                let slots = tables[place].slots(no_gc, at, len).map_err(Error::trap)?;
                for (i, small) in smalls.iter().enumerate() {
                    slots.store(no_gc, i, small.map(|v| no_gc.i31(v)));
                }
                Ok(())
            }
            ElemItems::Funcs(_) => unreachable!("validated not to be functions"),
        };
    }
    // Functions of this instance in a table of its own: nothing can have changed, or can change, what they are.
    let is_own = inst.info().defined_table(target).is_some() && is_only_funcs(items);
    let table = &mut store.tables[place];
    if is_own && inst.info().tables[target].init.is_none() {
        // SAFETY: tables are dropped before instances, and both live as long as the store (invariant 1).
        let source = Box::new(move |i| unsafe { (*instance).elem_func(e, i) });
        if table.add_lazy(Lazy { start: at, len, source }) {
            return Ok(());
        }
        // Written segments hide remembered ones, so the order stays right.
    }
    table.stop_remembering();
    table.check_range(at, len).map_err(Error::trap)?;
    table.init_func(at, len, |i| inst.elem_func(e, i)).map_err(Error::trap)
}

/// Walks the expressions of an active segment; each value is in the table, and so a root, before the next one is made. The
/// range is in the table.
fn init_ref_table(store: &mut Store, table: usize, at: u64, exprs: &ConstExprs, eval: &mut Evaluator) -> Result<()> {
    each_value(store, exprs, eval, |store, i, value| {
        let (no_gc, tables) = store.no_gc_and_tables()?;
        let slots = tables[table].slots(no_gc, at + i as u64, 1).map_err(Error::trap)?;
        slots.store(no_gc, 0, reference(value, no_gc)?);
        Ok(())
    })
}

/// How many elements share a scope of roots: only what an expression makes on the way to its value needs it.
const ELEMENTS_PER_SCOPE: usize = 64;

/// Evaluates expressions one after the other. `put` stores the value, which is good until something is collected.
fn each_value(
    store: &mut Store,
    exprs: &ConstExprs,
    eval: &mut Evaluator,
    mut put: impl FnMut(&mut Store, usize, Val) -> Result<()>,
) -> Result<()> {
    for from in (0..exprs.len()).step_by(ELEMENTS_PER_SCOPE) {
        let to = (from + ELEMENTS_PER_SCOPE).min(exprs.len());
        with_scope(store, |store| {
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
        ElemItems::Smalls(_) => false,
        ElemItems::Exprs(exprs) => exprs.is_constant(),
    }
}

/// # Safety
/// As `instantiate`; the instance is complete.
unsafe fn start(store: *mut Store, instance: *mut Instance) -> Result<()> {
    // SAFETY: short borrows of boxed things; nothing runs meanwhile.
    let (code, vmctx, trampoline) = unsafe {
        let inst = &*instance;
        let Some(f) = inst.info().start else { return Ok(()) };
        let (code, vmctx) = inst.callable(f);
        let type_id = inst.info().types[inst.info().funcs[f].ty].id;
        let engine = &(*store).engine;
        (code, vmctx, engine.trampoline(type_id)?)
    };
    // SAFETY: a start function takes and gives nothing; the rest is this function's promise.
    unsafe { call::invoke(store, vmctx, code, &trampoline, std::ptr::null_mut()) }
}

/// The host's place of a global, made when first asked for.
pub fn global_handle(store: &mut Store, instance: u32, g: GlobalIndex) -> u32 {
    let inst = &mut store.instances[instance as usize];
    if inst.globals.is_empty() {
        inst.globals = vec![u32::MAX; inst.module.info().globals.len()];
    }
    if inst.globals[g.index()] == u32::MAX {
        let ty = inst.info().globals[g].ty;
        store.globals.push(Global::of_instance(ty, inst.global_ptr(g)));
        inst.globals[g.index()] = store.globals.len() as u32 - 1;
    }
    inst.globals[g.index()]
}
