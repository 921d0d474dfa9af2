//! Finds the parts of a store that can still be reached, and frees those that cannot.
//!
//! Instances refer to each other through imports, through functions in tables and globals, and through functions in
//! objects. A full collection therefore finds live objects and live instances together: objects that a live instance
//! holds are marked, and a function that a marked object holds keeps its instance alive. Frames of machine code are
//! scanned conservatively, word by word, since machine code holds functions as bare pointers: any word that could point
//! into something released keeps it alive.

use crate::base::Slab;
use crate::gc::collect::Tracer;
use crate::store::objects::roots;
use crate::store::parts::func_table::FuncRefPtr;
use crate::store::parts::keeper::{Keeper, Kept};
use crate::store::run::unwind::word;
use crate::store::store::Store;
use crate::sys::valgrind;
use crate::wasm::types::{Top, ValType};
use std::ops::Range;

/// A part of a store that can be released before the store is destroyed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum StoreItem {
    Instance(u32),
    HostFunc(u32),
    Table(u32),
    Memory(u32),
    Global(u32),
}

/// The numbers that were reached.
struct Marks(Vec<bool>);

impl Marks {
    fn new<T>(of: &Slab<T>) -> Option<Marks> {
        let mut marks = Vec::new();
        marks.try_reserve_exact(of.end()).ok()?;
        marks.resize(of.end(), false);
        Some(Marks(marks))
    }

    /// Marks a number. Returns whether it was not marked before.
    fn mark(&mut self, i: u32) -> bool {
        !std::mem::replace(&mut self.0[i as usize], true)
    }

    /// Whether a part has no keeper and was not reached.
    fn lost<T: Kept>(&self, list: &Slab<T>, i: u32) -> bool {
        !self.0[i as usize] && list.get(i).is_some_and(|x| x.keeper() == Keeper::Nobody)
    }
}

pub struct LivenessScan {
    instances: Marks,
    host_funcs: Marks,
    tables: Marks,
    memories: Marks,
    globals: Marks,
    targets: ConservativeTargets,
    /// Parts that were reached and whose references were not traced yet.
    queue: Vec<StoreItem>,
    has_begun: bool,
}

impl LivenessScan {
    /// Returns `None` if nothing was released, or if there is no memory for a search.
    pub fn new(store: &Store) -> Option<LivenessScan> {
        if !store.may_free() {
            return None;
        }
        let parts =
            [store.instances.end(), store.hosts.end(), store.tables.end(), store.memories.end(), store.globals.end()];
        let mut queue = Vec::new();
        queue.try_reserve_exact(parts.iter().sum()).ok()?;
        Some(LivenessScan {
            instances: Marks::new(&store.instances)?,
            host_funcs: Marks::new(&store.hosts)?,
            tables: Marks::new(&store.tables)?,
            memories: Marks::new(&store.memories)?,
            globals: Marks::new(&store.globals)?,
            targets: ConservativeTargets::new(store)?,
            queue,
            has_begun: false,
        })
    }

    /// Passes the references to objects that live parts hold to the tracer. It is called again for functions that were
    /// found in objects in the meantime.
    pub fn trace(&mut self, store: &mut Store, mut tracer: Option<&mut Tracer>) {
        if !std::mem::replace(&mut self.has_begun, true) {
            self.begin(store);
            if let Some(tracer) = tracer.as_deref_mut() {
                roots::frames_of(store, tracer);
            }
        }
        if let Some(tracer) = tracer.as_deref_mut() {
            tracer.found_funcs(|number| self.func(store.func_ids[number as usize]));
        }
        while let Some(part) = self.queue.pop() {
            self.look_at(store, part, tracer.as_deref_mut());
        }
    }

    /// Marks the parts that live even if nothing refers to them.
    fn begin(&mut self, store: &Store) {
        let host = |k: Keeper| k == Keeper::Host;
        store.instances.iter().filter(|(_, x)| host(x.keeper)).for_each(|(i, _)| self.part(StoreItem::Instance(i)));
        store.hosts.iter().filter(|(_, x)| host(x.keeper)).for_each(|(i, _)| self.part(StoreItem::HostFunc(i)));
        store.tables.iter().filter(|(_, x)| host(x.keeper)).for_each(|(i, _)| self.part(StoreItem::Table(i)));
        store.memories.iter().filter(|(_, x)| host(x.keeper)).for_each(|(i, _)| self.part(StoreItem::Memory(i)));
        store.globals.iter().filter(|(_, x)| host(x.keeper)).for_each(|(i, _)| self.part(StoreItem::Global(i)));
        for f in &store.pinned_funcs {
            self.func(*f);
        }
        valgrind::unreported(|| self.frames(store));
    }

    fn part(&mut self, part: StoreItem) {
        let is_new = match part {
            StoreItem::Instance(i) => self.instances.mark(i),
            StoreItem::HostFunc(i) => self.host_funcs.mark(i),
            StoreItem::Table(i) => self.tables.mark(i),
            StoreItem::Memory(i) => self.memories.mark(i),
            StoreItem::Global(i) => self.globals.mark(i),
        };
        if is_new {
            // The queue has capacity for all parts.
            self.queue.push(part);
        }
    }

    /// Marks the owner of a function. `f` is null, or comes from the store's own lists, tables, globals or contexts.
    /// The part that holds it was reached, so its owner was not freed.
    fn func(&mut self, f: FuncRefPtr) {
        // SAFETY: null, or a live funcref of this store (invariant 1).
        let Some(f) = (unsafe { f.as_ref() }) else { return };
        self.part(f.host_owner().map_or(StoreItem::Instance(f.owner), StoreItem::HostFunc));
    }

    fn kept_by(&mut self, keeper: Keeper) {
        if let Keeper::Instance(i) = keeper {
            self.part(StoreItem::Instance(i));
        }
    }

    fn look_at(&mut self, store: &mut Store, part: StoreItem, tracer: Option<&mut Tracer>) {
        match part {
            StoreItem::Instance(i) => self.instance(store, i, tracer),
            StoreItem::HostFunc(_) => {}
            StoreItem::Memory(m) => self.kept_by(store.memories[m].keeper),
            StoreItem::Global(g) => {
                self.kept_by(store.globals[g].keeper);
                self.host_global(store, g, tracer);
            }
            StoreItem::Table(t) => {
                self.kept_by(store.tables[t].keeper);
                let table = &store.tables[t];
                match (table.is_gc(), tracer) {
                    (true, Some(tracer)) => table.trace(tracer),
                    (true, None) => {}
                    (false, _) => table.each_written(|f| self.func(f)),
                }
            }
        }
    }

    fn host_global(&mut self, store: &mut Store, g: u32, tracer: Option<&mut Tracer>) {
        let global = &mut store.globals[g];
        if !global.is_hosts() {
            return;
        }
        if global.ty().content.is_gc() {
            if let Some(tracer) = tracer {
                global.trace(tracer);
            }
        } else if is_func(global.ty().content) {
            // SAFETY: the global's type says that it holds a function (invariant 11).
            self.func(unsafe { global.get().funcref });
        }
    }

    fn instance(&mut self, store: &mut Store, i: u32, tracer: Option<&mut Tracer>) {
        let instance = &store.instances[i];
        if let Some(tracer) = tracer {
            instance.trace(tracer);
        }
        instance.tables.iter().for_each(|t| self.part(StoreItem::Table(*t)));
        instance.memories.iter().for_each(|m| self.part(StoreItem::Memory(*m)));
        instance.globals.iter().filter(|g| **g != u32::MAX).for_each(|g| self.part(StoreItem::Global(*g)));
        instance.imported_funcs().for_each(|f| self.func(f));
        for (g, decl) in instance.info().globals.iter() {
            if is_func(decl.ty.content) && instance.info().defined_global(g).is_some() {
                // SAFETY: the global's type says that it holds a function (invariant 11).
                self.func(unsafe { instance.global_value(g).funcref });
            }
        }
    }

    /// Marks the parts that a word of a frame could point to. This includes words that were never written.
    fn frames(&mut self, store: &Store) {
        // SAFETY: this is the store's thread (invariant 2).
        let vm = unsafe { &*store.vm.get() };
        if vm.activation.is_null() {
            return;
        }
        let (mut act, mut exit_sp) = (vm.activation, vm.exit_sp);
        while !act.is_null() {
            // SAFETY: WebAssembly waits in calls, so all frames from the exit to the entry of an activation are live,
            // and so are the registers that a stub has saved there. The frames of one activation are on one stack
            // (invariant 9).
            unsafe {
                for at in (exit_sp..(*act).entry_fp).step_by(size_of::<usize>()) {
                    if let Some(part) = self.targets.find(word(at)) {
                        self.part(part);
                    }
                }
                exit_sp = (*act).previous_exit_sp;
                act = (*act).previous;
            }
        }
    }

    /// Frees the parts that were not reached. Must be called after everything was traced.
    pub fn finish(self, store: &mut Store) {
        let mut freed = 0;
        for i in 0..self.instances.0.len() as u32 {
            if self.instances.lost(&store.instances, i) {
                store.free_instance(i);
                freed += 1;
            }
        }
        for t in 0..self.tables.0.len() as u32 {
            if self.tables.lost(&store.tables, t) {
                store.free_table(t);
                freed += 1;
            }
        }
        for m in 0..self.memories.0.len() as u32 {
            if self.memories.lost(&store.memories, m) {
                store.free_memory(m);
                freed += 1;
            }
        }
        for g in 0..self.globals.0.len() as u32 {
            if self.globals.lost(&store.globals, g) {
                store.globals.remove(g);
                freed += 1;
            }
        }
        for h in 0..self.host_funcs.0.len() as u32 {
            if self.host_funcs.lost(&store.hosts, h) {
                // Host functions of linkers were never released, and so are not in the count of released parts.
                freed += usize::from(!store.is_shared(h));
                store.free_host_func(h);
            }
        }
        store.note_freed(freed);
    }
}

/// The address ranges of released parts, and of the parts that belong to released instances. A word of a frame that
/// points into a range keeps the released part or instance alive.
struct ConservativeTargets(Vec<(Range<usize>, StoreItem)>);

impl ConservativeTargets {
    fn new(store: &Store) -> Option<ConservativeTargets> {
        if !store.is_running() {
            return Some(ConservativeTargets(Vec::new()));
        }
        // An instance's own memories and tables are separate from its context.
        let most = store.instances.len()
            + store.hosts.len()
            + 2 * (store.tables.len() + store.memories.len())
            + store.globals.len();
        let mut all = Vec::new();
        all.try_reserve_exact(most).ok()?;
        let part = |keeper: Keeper, own: StoreItem| match keeper {
            Keeper::Host => None,
            Keeper::Nobody => Some(own),
            Keeper::Instance(i) => (store.instances[i].keeper != Keeper::Host).then_some(StoreItem::Instance(i)),
        };
        let mut add = |range: Range<usize>, part: Option<StoreItem>| all.extend(part.map(|p| (range, p)));
        for (i, x) in store.instances.iter() {
            add(x.span(), part(x.keeper, StoreItem::Instance(i)));
        }
        for (i, x) in store.hosts.iter() {
            add(span_of(&**x), part(x.keeper, StoreItem::HostFunc(i)));
        }
        for (i, x) in store.tables.iter() {
            let part = part(x.keeper, StoreItem::Table(i));
            add(x.span(), part);
            if x.keeper == Keeper::Nobody {
                add(span_of(x.vm()), part);
            }
        }
        for (i, x) in store.memories.iter() {
            let part = part(x.keeper, StoreItem::Memory(i));
            add(x.span(), part);
            add(span_of(&**x), part);
        }
        for (i, x) in store.globals.iter().filter(|(_, x)| x.keeper == Keeper::Nobody) {
            add(span_of(x.vm()), part(x.keeper, StoreItem::Global(i)));
        }
        all.sort_unstable_by_key(|(range, _)| range.start);
        Some(ConservativeTargets(all))
    }

    fn find(&self, word: usize) -> Option<StoreItem> {
        let i = self.0.partition_point(|(range, _)| range.end <= word);
        self.0.get(i).filter(|(range, _)| range.start <= word).map(|(_, part)| *part)
    }
}

/// The addresses that a value occupies.
fn span_of<T>(p: *const T) -> Range<usize> {
    p as usize..p as usize + size_of::<T>()
}

fn is_func(t: ValType) -> bool {
    matches!(t, ValType::Ref(r) if r.top() == Top::Func)
}
