//! Instantiation (Wasm 3.0, 4.7.3).

use crate::abi::heap::RefSlot;
use crate::abi::vmstruct::*;
use crate::base::index::*;
use crate::base::{Result, Stable};
use crate::engine::code::trampoline::EntryInfo;
use crate::engine::module::Module;
use crate::engine::pooling::arc_cache::CachedArc;
use crate::err;
use crate::store::parts::func_table::FuncRefPtr;
use crate::store::parts::initialize::initialize;
use crate::store::parts::instance::{Context, Instance};
use crate::store::parts::keeper::Keeper;
use crate::store::parts::limits::{Growth, Resource};
use crate::store::parts::memory::Memory;
use crate::store::parts::table::Table;
use crate::store::run::call;
use crate::store::store::Store;
use std::cell::Cell;
use std::sync::Arc;

/// The value of an import, already checked to have the right store and type.
#[derive(Clone, Copy)]
pub enum ImportValue {
    Func(FuncRefPtr),
    Table(u32),
    Memory(u32),
    Global(u32),
    Tag(u32),
}

/// Creates an instance and runs its start function. Returns its place in the store, and the generation of the place. If
/// initialization or the start function fails, the instance is released, and lives only as long as something refers to
/// it.
///
/// # Safety
/// `store` is alive, this is its thread, and no reference into it is alive in the callers (invariant 3). `imports`
/// match the module's imports.
pub unsafe fn instantiate(store: *mut Store, module: &Arc<Module>, imports: &[ImportValue]) -> Result<(u32, u32)> {
    let (index, generation, instance) = {
        // SAFETY: the caller's promise; the borrow ends before code runs (invariant 3).
        let store = unsafe { &mut *store };
        let count = store.instances.len() as u64;
        let index = store.instances.next();
        let growth = Growth { resource: Resource::Instances, current: count, desired: count + 1 };
        if !store.account.take(growth) {
            return Err(err!(Limit, "a limit of the store refuses another instance"));
        }
        let made = allocate(store, module, imports).inspect_err(|_| store.account.give_back(growth))?;
        if made.needs_tracing() {
            store.traced.push(index);
        }
        store.instances.insert(Stable::new(made));
        store.placed += 1;
        let instance = store.instances[index].as_ptr();
        // SAFETY: the instance is in the store and does not move (invariant 1).
        unsafe { (*(*instance).vmctx()).instance = instance.cast() };
        // The scope ends the roots that evaluation creates, even if it fails.
        // SAFETY: as above.
        let initialized = store.in_scope(|store| unsafe { initialize(store, module, instance) });
        initialized.or_else(|e| store.release_instance(index).and(Err(e)))?;
        (index, store.instances.generation(index), instance)
    };
    // SAFETY: the context is complete (invariant 5), and no borrow is alive (invariant 3).
    let started = unsafe { start(store, instance) };
    // SAFETY: a field of a live store.
    unsafe { (*store).vm.over() };
    started.map(|()| (index, generation)).inspect_err(|_| {
        // SAFETY: the start function has ended, and no other reference into the store is alive (invariant 3).
        let store = unsafe { &mut *store };
        if store.instances.is_current(index, generation) {
            // This fails if a host function has released the instance already.
            let _ = store.release_instance(index);
        }
    })
}

/// Allocates everything an instance owns, and fills its context.
fn allocate(store: &mut Store, module: &Arc<Module>, imports: &[ImportValue]) -> Result<Instance> {
    let template = &module.template;
    let info = module.info();
    let heap = match module.uses_heap {
        true => store.heap()?.base(),
        false => store.heap.as_ref().map_or(std::ptr::null_mut(), |h| h.base()),
    };
    let mut instance = Instance {
        keeper: Keeper::Host,
        index: store.instances.next(),
        module: CachedArc::of(module),
        context_guard: None,
        context: Context::new(&module.layout, template)?,
        tables: Vec::with_capacity(info.tables.len()),
        memories: Vec::with_capacity(info.memories.len()),
        globals: Vec::new(),
        dropped_elems: template.declared_elems.to_vec(),
        segments: std::iter::repeat_with(|| None).take(info.elems.len()).collect(),
        dropped_data: vec![false; info.data.len()],
        has_known_funcs: Cell::new(false),
    };
    // SAFETY: a context that nothing else refers to yet (invariant E3).
    unsafe {
        let vmctx = instance.vmctx();
        (*vmctx).header.store = store.vm.get();
        (*vmctx).heap = heap;
    }
    put_imports(store, module, &mut instance, imports);
    let (mut made_memories, mut made_tables) = (Vec::new(), Vec::new());
    let result = make_owned(store, module, &mut instance, &mut made_memories, &mut made_tables);
    if let Err(e) = result {
        for m in made_memories {
            let bytes = m.len() as u64;
            store.account.give_back(Growth { resource: Resource::Memory, current: 0, desired: bytes });
            m.into_inner().free(&store.engine);
        }
        for t in made_tables {
            store.account.give_back(Growth { resource: Resource::Table, current: 0, desired: t.len() });
            t.into_inner().free(&store.engine);
        }
        return Err(e);
    }
    for m in made_memories {
        instance.memories.push(store.memories.insert(m));
    }
    for t in made_tables {
        instance.tables.push(store.tables.insert(t));
    }
    put_funcrefs(module, &instance);
    instance.context_guard = module.track_context(instance.vmctx());
    instance.each_global(|g, _| {
        // SAFETY: the place of a global, in a context that nothing else refers to yet (invariant E3).
        unsafe { g.write(VmRefGlobal { value: RefSlot::null(), card: &raw mut (*instance.vmctx()).global_card }) }
    });
    Ok(instance)
}

fn put_imports(store: &mut Store, module: &Module, instance: &mut Instance, imports: &[ImportValue]) {
    let layout = &module.layout;
    let (mut funcs, mut globals, mut tags) = (0, 0, 0);
    // SAFETY: every place is the layout's for this import; the funcrefs and globals are alive (invariant 1).
    unsafe {
        for import in imports {
            match *import {
                ImportValue::Func(f) => {
                    let place: *mut VmImportedFunc = instance.at(layout.imported_func(FuncIndex::new(funcs)));
                    place.write(VmImportedFunc { code: (*f).code.get(), vmctx: (*f).vmctx, funcref: f });
                    funcs += 1;
                }
                ImportValue::Table(t) => {
                    let place = layout.imported_table(TableIndex::new(instance.tables.len()));
                    *instance.at(place) = store.tables[t].vm();
                    instance.tables.push(t);
                }
                ImportValue::Memory(m) => {
                    let place = layout.memory(MemoryIndex::new(instance.memories.len()));
                    put_memory(instance, place, &mut store.memories[m]);
                    instance.memories.push(m);
                }
                ImportValue::Global(g) => {
                    let place = layout.imported_global(GlobalIndex::new(globals));
                    *instance.at(place) = store.globals[g].vm();
                    instance.know_globals();
                    instance.globals[globals] = g;
                    globals += 1;
                }
                ImportValue::Tag(t) => {
                    if let Some(heap) = &store.heap {
                        let no_gc = heap.no_gc();
                        instance.tag_slot(no_gc, TagIndex::new(tags)).store(no_gc, 0, store.tags[t].object(no_gc));
                    }
                    tags += 1;
                }
            }
        }
    }
}

/// # Safety
/// `place` is the layout's place for a memory.
unsafe fn put_memory(instance: &Instance, place: u32, memory: &mut Memory) {
    let slot = VmMemorySlot { base: memory.base(), memory: memory.vm(), limit: memory.limit() };
    // SAFETY: the caller's promise (invariant E3).
    unsafe { instance.at::<VmMemorySlot>(place).write(slot) };
}

/// Creates the memories and tables that the module defines. They are added to the store only after all were created.
fn make_owned(
    store: &mut Store,
    module: &Module,
    instance: &mut Instance,
    memories: &mut Vec<Stable<Memory>>,
    tables: &mut Vec<Stable<Table>>,
) -> Result<()> {
    let info = module.info();
    for (i, ty) in info.memories.iter().skip(info.imported_memories) {
        let image = module.images().by_memory.get(i).and_then(|image| image.as_ref());
        let mut memory = Memory::new(*ty, image, &store.engine, &mut store.account)?;
        memory.keeper = Keeper::Instance(instance.index);
        // SAFETY: the layout's place for this memory (invariant E3).
        unsafe { put_memory(instance, module.layout.memory(i), &mut memory) };
        memories.push(memory);
    }
    for (i, decl) in info.tables.iter().skip(info.imported_tables) {
        let defined = info.defined_table(i).expect("not imported");
        let vm = instance.at(module.layout.table(defined));
        let mut table = Table::new(decl.ty, Some(vm), &store.engine, &mut store.account)?;
        table.keeper = Keeper::Instance(instance.index);
        tables.push(table);
    }
    Ok(())
}

fn put_funcrefs(module: &Module, instance: &Instance) {
    let (context, owner) = (instance.vmctx(), instance.index);
    let code_of = module.func_codes();
    for f in &module.template.funcrefs {
        let funcref = VmFuncRef {
            code: VmCodeCell::new(code_of(f.func)),
            vmctx: context.cast(),
            type_id: f.type_id,
            handle: 0,
            index: 0,
            owner,
        };
        // SAFETY: the layout's place for this funcref (invariant E3).
        unsafe { context.byte_add(f.place as usize).cast::<VmFuncRef>().write(funcref) };
    }
}

/// # Safety
/// As for `instantiate`; the instance is complete.
unsafe fn start(store: *mut Store, instance: *mut Instance) -> Result<()> {
    // SAFETY: short borrows of records that do not move (invariant 1); no code runs during them (invariant 3).
    let (code, vmctx, info) = unsafe {
        let inst = &*instance;
        let Some(f) = inst.info().start else { return Ok(()) };
        let (code, vmctx) = inst.callable(f);
        let type_id = inst.info().types[inst.info().funcs[f].ty].id;
        let engine = &(*store).engine;
        (code, vmctx, EntryInfo::of(&*engine.trampoline(type_id)?))
    };
    // SAFETY: a start function has no parameters and no results (invariant 11); the rest is the caller's promise
    // (invariants 2 and 3).
    unsafe { call::invoke(store, vmctx, code, &info, std::ptr::null_mut()) }
}
