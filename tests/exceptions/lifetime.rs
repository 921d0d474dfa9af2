//! What exceptions and tags keep alive, and when it is freed.

use super::{World, configs, instance, ty};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use wrt::api::*;

/// The data of a host object; it counts the live ones.
struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn new(alive: &Arc<AtomicUsize>) -> Counted {
        alive.fetch_add(1, SeqCst);
        Counted(alive.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

fn object(store: &mut StoreMut<'_>, alive: &Arc<AtomicUsize>) -> Val {
    Val::ExternRef(Some(Ref::host(store, Counted::new(alive), 0).unwrap()))
}

const HOLDER: &str = r#"(module
  (type $box (struct (field (mut exnref)))) (type $row (array (mut exnref)))
  (tag $t (export "t") (param externref i64)) (tag $outer (param exnref))
  (global $g (mut exnref) (ref.null exn)) (table $table 4 exnref)
  (global $box (mut (ref null $box)) (ref.null $box)) (global $row (mut (ref null $row)) (ref.null $row))
  (func $throw (export "throw") (param externref) (throw $t (local.get 0) (i64.const 5)))
  (func $make (param externref) (result exnref)
    (block $h (result exnref) (try_table (catch_all_ref $h) (call $throw (local.get 0))) (unreachable)))
  (func (export "caught") (param externref) (drop (call $make (local.get 0))))
  (func (export "global") (param externref) (global.set $g (call $make (local.get 0))))
  (func (export "table") (param externref) (table.set $table (i32.const 3) (call $make (local.get 0))))
  (func (export "fill") (param externref) (table.fill $table (i32.const 0) (call $make (local.get 0)) (i32.const 4)))
  (func (export "field") (param externref)
    (global.set $box (struct.new_default $box)) (struct.set $box 0 (global.get $box) (call $make (local.get 0))))
  (func (export "element") (param externref)
    (global.set $row (array.new_default $row (i32.const 2000)))
    (array.set $row (global.get $row) (i32.const 1999) (call $make (local.get 0))))
  (func (export "payload") (param externref)
    (global.set $g (block $h (result exnref)
      (try_table (catch_all_ref $h) (throw $outer (call $make (local.get 0)))) (unreachable))))
  (func (export "clear")
    (global.set $g (ref.null exn)) (global.set $box (ref.null $box)) (global.set $row (ref.null $row))
    (table.fill $table (i32.const 0) (ref.null exn) (i32.const 4))))"#;

fn alive(w: &mut World, alive: &Arc<AtomicUsize>) -> usize {
    w.store.gc().unwrap();
    alive.load(SeqCst)
}

#[test]
fn what_an_exception_carries_lives_as_long_as_that() {
    for config in configs() {
        let mut w = World::new(config, HOLDER);
        let count = Arc::default();
        for (name, held) in
            [("caught", 0), ("global", 1), ("table", 1), ("fill", 1), ("field", 1), ("element", 1), ("payload", 1)]
        {
            for _ in 0..2 {
                w.store.open_scope().unwrap();
                let v = object(&mut w.store, &count);
                w.try_call(name, &[v]).unwrap();
                w.store.close_scope().unwrap();
                assert_eq!(alive(&mut w, &count), held, "{name}");
            }
            w.try_call("clear", &[]).unwrap();
            assert_eq!(alive(&mut w, &count), 0, "{name}");
        }
        // Held by an error, whatever the number of its clones.
        w.store.open_scope().unwrap();
        let v = object(&mut w.store, &count);
        let error = w.try_call("throw", &[v]).unwrap_err();
        w.store.close_scope().unwrap();
        let twin = error.clone();
        assert_eq!(alive(&mut w, &count), 1);
        drop(error);
        assert_eq!(alive(&mut w, &count), 1);
        std::thread::spawn(|| drop(twin)).join().unwrap();
        assert_eq!(alive(&mut w, &count), 0);
        // The store is deleted first.
        let v = object(&mut w.store, &count);
        let error = w.try_call("throw", &[v]).unwrap_err();
        drop(w);
        assert_eq!(count.load(SeqCst), 0);
        assert_eq!(error.message(), "uncaught exception $t (a host object, 5)");
    }
}

#[test]
fn tags_die_with_their_instance() {
    for config in configs() {
        let mut w = World::new(config, HOLDER);
        let tag = w.tag("t");
        assert_eq!(tag, w.tag("t"));
        assert_eq!(tag.release(&mut w.store).unwrap_err().kind(), ErrorKind::InvalidArgument);
        let importer =
            instance(&mut w.store, r#"(module (import "" "t" (tag (param externref i64))))"#, &[Extern::Tag(tag)]);
        w.instance.release(&mut w.store).unwrap();
        w.store.gc().unwrap();
        assert_eq!(tag.ty(&w.store).unwrap().params().len(), 2);
        importer.release(&mut w.store).unwrap();
        w.store.gc().unwrap();
        assert_eq!(tag.ty(&w.store).unwrap_err().kind(), ErrorKind::StaleHandle);
        let values = [Val::ExternRef(None), Val::I64(1)];
        let refused = Ref::new_exception(&mut w.store, tag, &values).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::StaleHandle);
        // A tag in a reused slot is a different tag.
        let others: Vec<Tag> = (0..200).map(|_| Tag::new(&mut w.store, &ty(&[], &[])).unwrap()).collect();
        assert!(!others.contains(&tag));
        assert_eq!(tag.ty(&w.store).unwrap_err().kind(), ErrorKind::StaleHandle);
        for t in others {
            t.release(&mut w.store).unwrap();
            assert_eq!(t.release(&mut w.store).unwrap_err().kind(), ErrorKind::StaleHandle);
        }
        w.store.gc().unwrap();
        assert_eq!(w.store.heap_statistics().live, 0);
    }
}

/// A tag's name comes from the instance that created it, even if that was released and another instance has its slot.
#[test]
fn a_tag_outlives_its_name() {
    const THROWS: &str = r#"(module (tag $first (export "t")) (func (export "throw") (throw $first)))"#;
    const OTHER: &str = r#"(module (tag $second) (tag $third))"#;
    const LATER: &str = r#"(module (import "" "" (tag $here)) (func (export "throw") (throw $here)))"#;
    let mut w = World::new(Config::new(), THROWS);
    let tag = w.tag("t");
    let importer = instance(&mut w.store, LATER, &[Extern::Tag(tag)]);
    assert_eq!(w.fails("throw", &[]).message(), "uncaught exception $first");
    let first = std::mem::replace(&mut w.instance, importer);
    assert_eq!(w.fails("throw", &[]).message(), "uncaught exception $first");
    first.release(&mut w.store).unwrap();
    w.store.gc().unwrap();
    assert_eq!(w.fails("throw", &[]).message(), "uncaught exception of type ()");
    let second = instance(&mut w.store, OTHER, &[]);
    assert_eq!(second.index, first.index);
    assert_eq!(w.fails("throw", &[]).message(), "uncaught exception of type ()");
    // Not even if it imports the tag at the same index.
    second.release(&mut w.store).unwrap();
    w.store.gc().unwrap();
    let third = instance(&mut w.store, LATER, &[Extern::Tag(tag)]);
    assert_eq!(third.index, first.index);
    assert_eq!(w.fails("throw", &[]).message(), "uncaught exception of type ()");
}

#[test]
fn pictures_of_the_heap_name_them() {
    let mut w = World::new(Config::new(), HOLDER);
    let count = Arc::default();
    let v = object(&mut w.store, &count);
    w.try_call("payload", &[v]).unwrap();
    let mut picture = String::new();
    w.store
        .write_heap_snapshot(&mut |piece| {
            picture.push_str(piece);
            Ok(())
        })
        .unwrap();
    for name in ["\"exception\"", "\"tag\"", "\"value 0\"", "\"host object\"", "\"tag 0\"", "\"tag 1\""] {
        assert!(picture.contains(name), "no {name}");
    }
    let census = w.store.heap_census().unwrap();
    // Two tags, two exceptions, the host object.
    assert_eq!(census.young.objects + census.old.objects, 5);
    assert_eq!((census.globals, census.tags, census.references), (1, 2, 1));
    let mut w = World::new(Config::new().debug_references(true), HOLDER);
    let error = w.try_call("throw", &[Val::ExternRef(None)]).unwrap_err();
    assert!(w.store.reference_report().unwrap().contains("1 to an exception"));
    drop(error);
    w.store.run_pending_work();
    assert!(w.store.reference_report().unwrap().contains("no reference is alive"));
}
