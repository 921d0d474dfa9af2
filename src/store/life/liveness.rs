//! Which parts of a store can still be reached, and the end of those that can not.
//!
//! Instances refer to each other: by imports, by functions in tables and globals, and by functions in objects. So a full
//! collection finds live objects and live instances together: what a live instance holds is marked, and a function that a
//! marked object holds keeps its instance. Frames of machine code are looked at word by word: any word that could lead
//! into something released keeps it, since machine code holds functions as bare pointers.

use crate::base::Slab;
use crate::gc::collect::Tracer;
use crate::store::objects::roots;
use crate::store::parts::func_table::FuncRefPtr;
use crate::store::parts::owner::{Keeper, Kept};
use crate::store::run::unwind::word;
use crate::store::store::Store;
use crate::sys::valgrind;
use crate::wasm::types::{Top, ValType};
use std::ops::Range;

/// What may be released before its store is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Part {
    Instance(u32),
    HostFunc(u32),
    Table(u32),
    Memory(u32),
    Global(u32),
}

/// Numbers that were reached.
struct Marks(Vec<bool>);

impl Marks {
    fn new<T>(of: &Slab<T>) -> Option<Marks> {
        let mut marks = Vec::new();
        marks.try_reserve_exact(of.end()).ok()?;
        marks.resize(of.end(), false);
        Some(Marks(marks))
    }

    /// Whether it was not yet.
    fn mark(&mut self, i: u32) -> bool {
        !std::mem::replace(&mut self.0[i as usize], true)
    }

    /// Whether nobody keeps it, and it was not reached.
    fn lost<T: Kept>(&self, list: &Slab<T>, i: u32) -> bool {
        !self.0[i as usize] && list.get(i).is_some_and(|x| x.keeper() == Keeper::Nobody)
    }
}

pub struct Reach {
    instances: Marks,
    host_funcs: Marks,
    tables: Marks,
    memories: Marks,
    globals: Marks,
    targets: Targets,
    /// Reached, but not looked at.
    queue: Vec<Part>,
    has_begun: bool,
}

impl Reach {
    /// `None` if nothing was released, or if there is no memory for finding out more.
    pub fn new(store: &Store) -> Option<Reach> {
        if !store.releases.may_free(store) {
            return None;
        }
        let parts =
            [store.instances.end(), store.hosts.end(), store.tables.end(), store.memories.end(), store.globals.end()];
        let mut queue = Vec::new();
        queue.try_reserve_exact(parts.iter().sum()).ok()?;
        Some(Reach {
            instances: Marks::new(&store.instances)?,
            host_funcs: Marks::new(&store.hosts)?,
            tables: Marks::new(&store.tables)?,
            memories: Marks::new(&store.memories)?,
            globals: Marks::new(&store.globals)?,
            targets: Targets::new(store)?,
            queue,
            has_begun: false,
        })
    }

    /// Gives the references to objects that live parts hold to the tracer. Called again for functions that were found in
    /// objects since.
    pub fn trace(&mut self, store: &mut Store, mut tracer: Option<&mut Tracer>) {
        if !std::mem::replace(&mut self.has_begun, true) {
            self.begin(store);
            if let Some(tracer) = tracer.as_deref_mut() {
                roots::frames_of(store, tracer);
            }
        }
        if let Some(tracer) = tracer.as_deref_mut() {
            tracer.found_funcs(|number| self.func(store.numbered[number as usize]));
        }
        while let Some(part) = self.queue.pop() {
            self.look_at(store, part, tracer.as_deref_mut());
        }
    }

    /// What lives whatever refers to it.
    fn begin(&mut self, store: &Store) {
        let host = |k: Keeper| k == Keeper::Host;
        store.instances.iter().filter(|(_, x)| host(x.keeper)).for_each(|(i, _)| self.part(Part::Instance(i)));
        store.hosts.iter().filter(|(_, x)| host(x.keeper)).for_each(|(i, _)| self.part(Part::HostFunc(i)));
        store.tables.iter().filter(|(_, x)| host(x.keeper)).for_each(|(i, _)| self.part(Part::Table(i)));
        store.memories.iter().filter(|(_, x)| host(x.keeper)).for_each(|(i, _)| self.part(Part::Memory(i)));
        store.globals.iter().filter(|(_, x)| host(x.keeper)).for_each(|(i, _)| self.part(Part::Global(i)));
        for f in &store.held_funcs {
            self.func(*f);
        }
        valgrind::unreported(|| self.frames(store));
    }

    fn part(&mut self, part: Part) {
        let is_new = match part {
            Part::Instance(i) => self.instances.mark(i),
            Part::HostFunc(i) => self.host_funcs.mark(i),
            Part::Table(i) => self.tables.mark(i),
            Part::Memory(i) => self.memories.mark(i),
            Part::Global(i) => self.globals.mark(i),
        };
        if is_new {
            // There is room for all of them.
            self.queue.push(part);
        }
    }

    /// Of a function that something holds which was reached, so that its owner was not freed: `f` is null, or what the
    /// store's own lists, tables, globals and contexts have.
    fn func(&mut self, f: FuncRefPtr) {
        // SAFETY: null, or a funcref of the store, alive (invariant 1).
        let Some(f) = (unsafe { f.as_ref() }) else { return };
        self.part(f.host_owner().map_or(Part::Instance(f.owner), Part::HostFunc));
    }

    fn kept_by(&mut self, keeper: Keeper) {
        if let Keeper::Instance(i) = keeper {
            self.part(Part::Instance(i));
        }
    }

    fn look_at(&mut self, store: &mut Store, part: Part, tracer: Option<&mut Tracer>) {
        match part {
            Part::Instance(i) => self.instance(store, i, tracer),
            Part::HostFunc(_) => {}
            Part::Memory(m) => self.kept_by(store.memories[m].keeper),
            Part::Global(g) => {
                self.kept_by(store.globals[g].keeper);
                self.host_global(store, g, tracer);
            }
            Part::Table(t) => {
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
            // SAFETY: the global's type.
            self.func(unsafe { global.get().funcref });
        }
    }

    fn instance(&mut self, store: &mut Store, i: u32, tracer: Option<&mut Tracer>) {
        let instance = &store.instances[i];
        if let Some(tracer) = tracer {
            instance.trace(tracer);
        }
        instance.tables.iter().for_each(|t| self.part(Part::Table(*t)));
        instance.memories.iter().for_each(|m| self.part(Part::Memory(*m)));
        instance.globals.iter().filter(|g| **g != u32::MAX).for_each(|g| self.part(Part::Global(*g)));
        instance.imported_funcs().for_each(|f| self.func(f));
        for (g, decl) in instance.info().globals.iter() {
            if is_func(decl.ty.content) && instance.info().defined_global(g).is_some() {
                // SAFETY: the global's type.
                self.func(unsafe { instance.global_value(g).funcref });
            }
        }
    }

    /// Keeps what a word of a frame could lead to. Words that were never written are looked at, too.
    fn frames(&mut self, store: &Store) {
        // SAFETY: this is the store's thread (invariant 2).
        let vm = unsafe { &*store.vm.get() };
        if vm.activation.is_null() {
            return;
        }
        let (mut act, mut exit_sp) = (vm.activation, vm.exit_sp);
        while !act.is_null() {
            // SAFETY: WebAssembly waits in calls, so the frames from where it was left to its entry are live, and so are
            // the registers that a stub has saved there; one activation's frames are on one stack.
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

    /// After everything was traced: frees what was not reached.
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
                // Those of linkers were never released, and so not counted.
                freed += usize::from(!store.is_shared(h));
                store.free_host_func(h);
            }
        }
        store.note_freed(freed);
    }
}

/// Where words of a frame could lead that keep something released.
struct Targets(Vec<(Range<usize>, Part)>);

impl Targets {
    fn new(store: &Store) -> Option<Targets> {
        if !store.is_running() {
            return Some(Targets(Vec::new()));
        }
        // An instance's own memories and tables lie apart from its context.
        let most = store.instances.len()
            + store.hosts.len()
            + 2 * (store.tables.len() + store.memories.len())
            + store.globals.len();
        let mut all = Vec::new();
        all.try_reserve_exact(most).ok()?;
        let part = |keeper: Keeper, own: Part| match keeper {
            Keeper::Host => None,
            Keeper::Nobody => Some(own),
            Keeper::Instance(i) => (store.instances[i].keeper != Keeper::Host).then_some(Part::Instance(i)),
        };
        let mut add = |range: Range<usize>, part: Option<Part>| all.extend(part.map(|p| (range, p)));
        for (i, x) in store.instances.iter() {
            add(x.span(), part(x.keeper, Part::Instance(i)));
        }
        for (i, x) in store.hosts.iter() {
            add(span_of(&**x), part(x.keeper, Part::HostFunc(i)));
        }
        for (i, x) in store.tables.iter() {
            let part = part(x.keeper, Part::Table(i));
            add(x.span(), part);
            if x.keeper == Keeper::Nobody {
                add(span_of(x.vm()), part);
            }
        }
        for (i, x) in store.memories.iter() {
            let part = part(x.keeper, Part::Memory(i));
            add(x.span(), part);
            add(span_of(&**x), part);
        }
        for (i, x) in store.globals.iter().filter(|(_, x)| x.keeper == Keeper::Nobody) {
            add(span_of(x.vm()), part(x.keeper, Part::Global(i)));
        }
        all.sort_unstable_by_key(|(range, _)| range.start);
        Some(Targets(all))
    }

    fn find(&self, word: usize) -> Option<Part> {
        let i = self.0.partition_point(|(range, _)| range.end <= word);
        self.0.get(i).filter(|(range, _)| range.start <= word).map(|(_, part)| *part)
    }
}

/// The addresses of something.
fn span_of<T>(p: *const T) -> Range<usize> {
    p as usize..p as usize + size_of::<T>()
}

fn is_func(t: ValType) -> bool {
    matches!(t, ValType::Ref(r) if r.top() == Top::Func)
}
