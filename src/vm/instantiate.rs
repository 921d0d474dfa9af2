//! How an instance is made (Wasm 3.0, 4.7.3).

use super::builtins;
use super::call;
use super::func_table::{self, FuncRefPtr};
use super::initialize::initialize;
use super::instance::{Context, Instance};
use super::limits::{Growth, Resource};
use super::memory::Memory;
use super::module::Module;
use super::store::Store;
use super::table::Table;
use crate::abi::heap::RefSlot;
use crate::abi::vmstruct::*;
use crate::base::Result;
use crate::base::index::*;
use crate::err;
use crate::wasm::module::*;
use std::sync::Arc;

/// What fills an import, already checked to be of the right store and type.
#[derive(Clone, Copy)]
pub enum ImportValue {
    Func(FuncRefPtr),
    Table(u32),
    Memory(u32),
    Global(u32),
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
        store.in_scope(|store| unsafe { initialize(store, instance) })?;
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
