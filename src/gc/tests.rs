//! Tests of the heap on its own, without machine code, which Miri can run (`scripts/miri.sh`). Each test checks the
//! heap's invariants after every step.

use super::collect::{Compaction, Kind, Tracer};
use super::host::HostData;
use super::region::RegionPool;
use super::slot::Slots;
use super::*;
use crate::abi::heap::RefSlot;
use crate::abi::vmstruct::VmNursery;
use crate::base::Stable;
use crate::wasm::descriptor::HEADER_SIZE;
use crate::wasm::registry::{DefType, TypeRegistry, in_group};
use crate::wasm::types::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// A heap with three types: a `node` has a number and a reference to another node, a `row` is an array of references to
/// nodes, and `bytes` is an array of bytes.
struct World {
    // Dropped in this order: the heap writes to the nursery, and reads descriptors.
    heap: Box<Heap>,
    _types: (TypeRegistry, Vec<DefType>),
    _nursery: Stable<VmNursery>,
    node: TypeId,
    row: TypeId,
    bytes: TypeId,
}

/// Offsets of a node's fields.
const NUMBER: u32 = HEADER_SIZE;
const NEXT: u32 = HEADER_SIZE + 4;

impl World {
    fn new(pool: &Arc<RegionPool>) -> World {
        let types = TypeRegistry::new().unwrap();
        let field = |storage| FieldType { storage, mutable: true };
        let reference = |heap| StorageType::Val(ValType::Ref(RefType { nullable: true, heap }));
        let i32 = field(StorageType::Val(ValType::I32));
        let to_node = field(reference(HeapType::ConcreteStruct(in_group(0))));
        let mut kept = Vec::new();
        let mut one = |c: CompositeType| {
            kept.extend(types.register_group(vec![SubType::plain(c)]).unwrap());
            kept.last().unwrap().id
        };
        let node = one(CompositeType::Struct(vec![i32, to_node].into()));
        let row = one(CompositeType::Array(field(reference(HeapType::ConcreteStruct(node)))));
        let bytes = one(CompositeType::Array(field(StorageType::I8)));
        let nursery = Stable::new(VmNursery::default());
        let config = HeapConfig {
            reservation: 1 << 20,
            nursery_min: 16 << 10,
            nursery_max: 16 << 10,
            verify: true,
            ..HeapConfig::default()
        };
        // SAFETY: both outlive the heap (invariant 9).
        let heap = unsafe { Heap::new(config, pool, types.view(), nursery.as_ptr()) }.unwrap();
        World { heap, _types: (types, kept), _nursery: nursery, node, row, bytes }
    }

    /// Creates a node in a new root.
    fn make_node(&mut self, number: u32, next: Option<Root>) -> Root {
        let new = self.heap.alloc(self.node, 0).unwrap();
        let no_gc = new.no_gc();
        let next = next.map(|r| no_gc.get(r).unwrap());
        // SAFETY: the fields of a node (invariant 1).
        unsafe {
            new.put(NEXT, next);
            new.bytes(NUMBER).cast::<u32>().write(number);
        }
        no_gc.root(new.finish()).unwrap()
    }

    fn make_array(&mut self, ty: TypeId, len: u32) -> Root {
        let new = self.heap.alloc(ty, len).unwrap();
        new.no_gc().root(new.finish()).unwrap()
    }

    /// The numbers of the list that begins with a node.
    fn numbers(&self, first: Root) -> Vec<u32> {
        let no_gc = self.heap.no_gc();
        let mut at = no_gc.get(first).ok();
        let mut all = Vec::new();
        while let Some(node) = at {
            // SAFETY: the fields of a node (invariant 1).
            unsafe {
                all.push(*no_gc.field_bytes(node, NUMBER).cast::<u32>());
                at = no_gc.field_slot(node, NEXT).load(no_gc, 0);
            }
        }
        all
    }

    fn collect(&mut self, kind: Kind) {
        self.collect_with(kind, &mut |_| ());
    }

    fn collect_with(&mut self, kind: Kind, roots: &mut dyn FnMut(&mut Tracer)) {
        assert!(self.heap.prepare());
        self.heap.verify().unwrap();
        self.heap.collect(kind, roots);
        self.heap.verify().unwrap();
    }
}

const KINDS: [Kind; 4] =
    [Kind::Minor, Kind::Full(Compaction::Nothing), Kind::Full(Compaction::Sparse), Kind::Full(Compaction::All)];

fn world() -> World {
    World::new(&RegionPool::new(1, 0))
}

#[test]
fn lists_survive_and_move() {
    let mut w = world();
    let mut list = w.make_node(0, None);
    for i in 1..6 {
        let longer = w.make_node(i, Some(list));
        w.heap.roots().release(list).unwrap();
        list = longer;
        // Garbage between the nodes.
        let lost = w.make_node(99, Some(list));
        w.heap.roots().release(lost).unwrap();
    }
    let bits = |w: &World| w.heap.no_gc().get(list).unwrap().bits().0;
    let before = bits(&w);
    for kind in KINDS {
        w.collect(kind);
        assert_eq!(w.numbers(list), [5, 4, 3, 2, 1, 0], "{kind:?}");
        assert_ne!(bits(&w), before, "what was in the nursery has moved");
    }
    w.heap.roots().release(list).unwrap();
    w.collect(Kind::Full(Compaction::Nothing));
    assert_eq!(w.heap.live(), 0);
}

/// A young node that only an old object refers to is found through the card.
#[test]
fn cards_lead_to_young_objects() {
    for slot_of_array in [false, true] {
        let mut w = world();
        let old = match slot_of_array {
            false => w.make_node(1, None),
            true => w.make_array(w.row, 700),
        };
        w.collect(Kind::Minor);
        for round in 0..3 {
            let young = w.make_node(7 + round, None);
            let no_gc = w.heap.no_gc();
            let (to, value) = (no_gc.get(old).unwrap(), no_gc.get(young).ok());
            // SAFETY: the field of a node, or an element of a row (invariant 1).
            let slot = |no_gc: NoGc<'_>, i| unsafe {
                match slot_of_array {
                    false => no_gc.field_slot(no_gc.get(old).unwrap(), NEXT).load(no_gc, 0).map(Gc::bits),
                    true => {
                        let row = no_gc.get(old).unwrap();
                        no_gc.array_slots(row, i, 1).unwrap().load(no_gc, 0).map(Gc::bits)
                    }
                }
            };
            // SAFETY: as above (invariant 1).
            unsafe {
                match slot_of_array {
                    false => no_gc.field_slot(to, NEXT).store(no_gc, 0, value),
                    true => no_gc.array_slots(to, 600, 3).unwrap().fill(no_gc, value),
                }
            }
            w.heap.roots().release(young).unwrap();
            w.collect(Kind::Minor);
            let kept = slot(w.heap.no_gc(), 601).unwrap();
            // SAFETY: just read (invariant 6).
            let root = unsafe { w.heap.no_gc().adopt(kept) }.and_then(|gc| w.heap.no_gc().root(gc)).unwrap();
            assert_eq!(w.numbers(root), [7 + round]);
            w.heap.roots().release(root).unwrap();
        }
    }
}

/// References outside the heap, as in tables, with cards of their own.
#[test]
fn outer_slots_are_roots() {
    let mut w = world();
    let slots: Vec<RefSlot> = (0..300).map(|_| RefSlot::null()).collect();
    let mut cards = [0u8; 3];
    let (first, cards) = (slots.as_ptr().cast_mut(), cards.as_mut_ptr());
    // SAFETY: they are 300 slots, and live longer than the test; one card covers 128 slots.
    let put = |no_gc: NoGc<'_>, i: usize, node: Root| unsafe {
        let of_card = Slots::new(first.add(i), 1, cards.add(i >> crate::abi::heap::SLOT_CARD_SHIFT), 0);
        of_card.store(no_gc, 0, no_gc.get(node).ok());
    };
    for i in [0, 127, 128, 299] {
        let node = w.make_node(i as u32, None);
        put(w.heap.no_gc(), i, node);
        w.heap.roots().release(node).unwrap();
    }
    for kind in KINDS {
        // SAFETY: as above.
        w.collect_with(kind, &mut |tracer| unsafe { tracer.slots(first, 300, cards) });
        for i in [0, 127, 128, 299] {
            let no_gc = w.heap.no_gc();
            // SAFETY: as above.
            let gc = unsafe { Slots::new(first.add(i), 1, cards, 0) }.load(no_gc, 0).unwrap();
            let root = no_gc.root(gc).unwrap();
            assert_eq!(w.numbers(root), [i as u32], "{kind:?}");
            w.heap.roots().release(root).unwrap();
        }
    }
}

#[test]
fn arrays_are_copied_and_filled() {
    let mut w = world();
    let (bytes, row, node) = (w.make_array(w.bytes, 40), w.make_array(w.row, 20), w.make_node(3, None));
    // An object that does not fit into the nursery is in the old space from the start.
    let large = w.make_array(w.bytes, 100_000);
    let no_gc = w.heap.no_gc();
    let get = |r| no_gc.get(r).unwrap();
    // SAFETY: arrays, of bytes and of references (invariant 1).
    unsafe {
        assert_eq!(
            (no_gc.array_len(get(bytes)), no_gc.array_len(get(row)), no_gc.array_len(get(large))),
            (40, 20, 100_000)
        );
        assert!(no_gc.has_references(get(row)) && !no_gc.has_references(get(bytes)));
        let (to, len) = no_gc.array_bytes(get(bytes), 4, 3).unwrap();
        std::slice::from_raw_parts_mut(to, len).copy_from_slice(b"abc");
        assert!(no_gc.array_bytes(get(bytes), 38, 3).is_none() && no_gc.array_bytes(get(bytes), u32::MAX, 2).is_none());
        let slots = no_gc.array_slots(get(row), 0, 10).unwrap();
        slots.fill(no_gc, Some(get(node)));
        // The ranges overlap.
        no_gc.array_slots(get(row), 5, 10).unwrap().copy_from(slots);
        assert!(no_gc.array_slots(get(row), 15, 6).is_none());
    }
    w.collect(Kind::Full(Compaction::All));
    let no_gc = w.heap.no_gc();
    // SAFETY: as above (invariant 1).
    unsafe {
        let (from, _) = no_gc.array_bytes(no_gc.get(bytes).unwrap(), 0, 40).unwrap();
        assert_eq!(std::slice::from_raw_parts(from.add(3), 5), b"\0abc\0");
        let row = no_gc.array_slots(no_gc.get(row).unwrap(), 0, 20).unwrap();
        let same = |i| row.load(no_gc, i) == no_gc.get(node).ok();
        assert!((0..15).all(same) && (15..20).all(|i| row.load(no_gc, i).is_none()));
    }
}

/// After their objects have died, weak references read as empty, and host data is dropped once.
#[test]
fn what_does_not_keep_alive() {
    struct Counted(Arc<AtomicUsize>);
    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.fetch_add(1, Relaxed);
        }
    }
    let mut w = world();
    let dropped = Arc::new(AtomicUsize::new(0));
    let host = w.heap.alloc_host(|| HostData::Rust(Box::new(Counted(dropped.clone()))), 100).unwrap();
    let node = w.make_node(1, None);
    let (to_host, to_node) = (w.heap.new_weak(host).unwrap().unwrap(), w.heap.new_weak(node).unwrap().unwrap());
    let hash = w.heap.identity_hash(node).unwrap();
    for kind in KINDS {
        w.collect(kind);
        let no_gc = w.heap.no_gc();
        assert!(no_gc.get_weak(to_node).unwrap() == no_gc.get(node).ok());
        assert!(matches!(no_gc.host_data(no_gc.get(host).unwrap()), Some(HostData::Rust(_))));
        assert_eq!(w.heap.identity_hash(node).unwrap(), hash, "{kind:?}");
    }
    w.heap.roots().release(host).unwrap();
    w.heap.roots().release(node).unwrap();
    w.collect(Kind::Full(Compaction::Nothing));
    assert!(w.heap.no_gc().get_weak(to_node).unwrap().is_none() && w.heap.no_gc().get_weak(to_host).unwrap().is_none());
    assert_eq!((dropped.load(Relaxed), w.heap.has_dead()), (0, true));
    drop(w.heap.pop_dead());
    assert_eq!((dropped.load(Relaxed), w.heap.pop_dead().is_none()), (1, true));
    w.heap.release_weak(to_node).unwrap();
    assert!(w.heap.no_gc().get_weak(to_node).is_err());
}

/// The next heap reuses the address space of the last one, and finds nothing in it.
#[test]
fn a_region_is_used_again() {
    let pool = RegionPool::new(1, 0);
    let mut w = World::new(&pool);
    let base = w.heap.base();
    for kind in KINDS {
        let node = w.make_node(1, None);
        w.heap.roots().release(node).unwrap();
        w.collect(kind);
    }
    drop(w);
    let mut w = World::new(&pool);
    assert_eq!((w.heap.base(), pool.statistics().1), (base, 1));
    let row = w.make_array(w.row, 50);
    let no_gc = w.heap.no_gc();
    // SAFETY: an array of references (invariant 1).
    let slots = unsafe { no_gc.array_slots(no_gc.get(row).unwrap(), 0, 50) }.unwrap();
    assert!((0..50).all(|i| slots.load(no_gc, i).is_none()));
    w.collect(Kind::Minor);
}
