//! Modules of one engine do not affect each other: types and names of one are not visible through another, and a deleted module leaves
//! nothing behind.

use wrt::api::*;

fn engine() -> Engine {
    Engine::new(&Config::new()).unwrap()
}

fn module(engine: &Engine, text: &str) -> Module {
    Module::new(engine, text.as_bytes()).unwrap()
}

/// Types that no other `n` has: structures, arrays, functions, in groups and alone, and a tag.
fn types(n: usize) -> String {
    let bits = (0..12).map(|b| if n >> b & 1 == 1 { "i32" } else { "i64" }).collect::<Vec<_>>().join(" ");
    format!(
        "(type $f{n} (func (param {bits})))
         (rec (type $a{n} (sub (struct (field {bits}) (field (ref null $b{n}))))) (type $b{n} (array (mut (ref null $a{n})))))
         (type $c{n} (sub $a{n} (struct (field {bits}) (field (ref null $b{n})) (field (ref null $f{n})))))
         (tag $t{n} (type $f{n}))"
    )
}

#[test]
fn refused_modules_leave_no_types() {
    let engine = engine();
    let before = engine.type_count();
    for n in 0..300 {
        // Rejected by the decoder, because of a body, and because of what comes after the bodies.
        for wrong in
            ["(func (result i32))", "(func unreachable (i32.const 1) drop) (export \"f\" (func 7))", "(func (call 9))"]
        {
            let text = format!("(module {} {wrong})", types(n));
            assert!(Module::new(&engine, text.as_bytes()).is_err());
        }
    }
    assert_eq!(engine.type_count(), before);
}

#[test]
fn modules_take_their_types_along() {
    for lazy in [false, true] {
        let engine = Engine::new(&Config::new().lazy(lazy)).unwrap();
        let before = engine.type_count();
        for n in 0..60 {
            let text = format!(
                "(module {} (import \"\" \"h\" (func $h (type $f{n})))
                   (table (export \"t\") 3 (ref null $f{n})) (global (export \"g\") (mut (ref null $a{n})) (ref.null none))
                   (func (export \"f\") (param externref) (result anyref) (struct.new_default $c{n}))
                   (func (export \"h\") (type $f{n})) (export \"e\" (tag $t{n})))",
                types(n)
            );
            let module = module(&engine, &text);
            let mut store = Store::new(&engine).unwrap();
            let ExternType::Func(_, ty) = module.imports().next().unwrap().ty else { panic!("a function") };
            let host = Func::new(&mut store, &ty, |_, _, _| Ok(())).unwrap();
            let instance = Instance::new(&mut store, &module, &[Extern::Func(host)]).unwrap();
            let f = instance.export(&mut store, "f").unwrap();
            let Some(Extern::Func(f)) = f else { panic!("a function") };
            let mut made = [Val::AnyRef(None)];
            f.call(&mut store, &[Val::ExternRef(None)], &mut made).unwrap();
            let Val::AnyRef(Some(object)) = made[0] else { panic!("an object") };
            let alive = engine.type_count();
            // Objects in the store keep their types, whatever happens to the module and the instance.
            drop(module);
            instance.release(&mut store).unwrap();
            store.gc().unwrap();
            assert_eq!(object.field_count(&store).unwrap(), 14);
            assert_eq!(engine.type_count(), alive);
            drop(store);
            // A thread that compiles in the background can keep the module for a moment longer.
            for _ in 0..if lazy { 1000 } else { 0 } {
                if engine.type_count() == before {
                    break;
                }
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
            assert_eq!(engine.type_count(), before, "module {n}, lazy: {lazy}");
        }
    }
}

/// Types of one module at a time, in total many times the engine's capacity: numbers must be reused.
#[test]
fn numbers_of_types_come_again() {
    let engine = engine();
    let mut seen = std::collections::HashSet::new();
    for n in 0..500 {
        let m = module(&engine, &format!("(module {})", types(n)));
        let types = m.types();
        seen.insert((0..types.len()).map(|i| types.get(i).unwrap().concrete().unwrap().0).max().unwrap());
    }
    assert!(seen.len() < 20, "{} places", seen.len());
}

/// A host function with a type of a module keeps the type, in its store and in a linker.
#[test]
fn definitions_keep_their_types() {
    let engine = engine();
    let before = engine.type_count();
    let text = "(module (type $s (struct (field i32))) (import \"\" \"h\" (func (param (ref null $s)))))";
    let m = module(&engine, text);
    let ExternType::Func(_, ty) = m.imports().next().unwrap().ty else { panic!("a function") };
    let mut linker = Linker::new(&engine);
    linker.define_func("", "h", HostDefinition::new(&ty, |_, _, _| Ok(())).unwrap()).unwrap();
    drop(m);
    assert_eq!(engine.type_count(), before + 2);
    // An equal module's type is the same one.
    let m = module(&engine, text);
    let mut store = Store::new(&engine).unwrap();
    linker.instantiate(&mut store, &m).unwrap();
    drop((m, linker));
    assert_eq!(engine.type_count(), before + 2);
    drop(store);
    assert_eq!(engine.type_count(), before);
}

#[test]
fn messages_have_the_modules_own_names() {
    let engine = engine();
    // Another tenant's names for equal types, before and after.
    let _first = module(&engine, "(module (type $evil (struct (field $x i32))))");
    let mut store = Store::new(&engine).unwrap();
    let wanting = module(
        &engine,
        "(module (type $point (struct (field $x i32))) (type $path (array (ref null $point)))
           (import \"m\" \"g\" (global (ref null $path))) (import \"m\" \"f\" (func (param (ref $point) i32) (result (ref null $path)))))",
    );
    let giving = module(
        &engine,
        "(module (type $spot (struct (field $x i32)))
           (global (export \"g\") (ref null $spot) (ref.null $spot)) (func (export \"f\") (param (ref $spot))))",
    );
    let instance = Instance::new(&mut store, &giving, &[]).unwrap();
    let g = instance.export(&mut store, "g").unwrap().unwrap();
    let f = instance.export(&mut store, "f").unwrap().unwrap();
    let e = Instance::new(&mut store, &wanting, &[g, f]).unwrap_err();
    assert_eq!(e.message(), "import \"m\".\"g\": expected global (ref null $path), found global (ref null $spot)");
    let e = Linker::new(&engine).instantiate(&mut store, &wanting).unwrap_err();
    assert_eq!(
        e.message(),
        "2 unknown imports: \"m\".\"g\" (global (ref null $path)), \"m\".\"f\" (func ((ref $point), i32) -> (ref null $path))"
    );
    let e = f_of(f).call(&mut store, &[Val::AnyRef(None)], &mut []).unwrap_err();
    assert_eq!(e.message(), "argument 0: expected a value of type (ref $spot), found null");
    // Without a name, it is shown by its structure.
    let plain = module(
        &engine,
        "(module (type (struct (field i32) (field (mut i8)))) (import \"m\" \"g\" (global (ref null 0))))",
    );
    let e = Linker::new(&engine).instantiate(&mut store, &plain).unwrap_err();
    assert_eq!(e.message(), "unknown import \"m\".\"g\" (global (ref null (struct i32 (mut i8))))");
}

/// Long names and signatures in guests do not make messages of unlimited length.
#[test]
fn texts_have_bounds() {
    let engine = engine();
    let (name, params) = ("n".repeat(20_000), "(ref $t) (ref $u) ".repeat(400));
    let text = format!(
        "(module (type ${name} (struct)) (type $p (func (param {})))
           (type $f (func (param {}))) (import \"m\" \"f\" (func (type $f))))",
        "i32 ".repeat(900),
        params.replace("$t", &format!("${name}")).replace("$u", "$p")
    );
    let m = module(&engine, &text);
    let import = m.imports().next().unwrap();
    let shown = m.scope().extern_text(&import.ty);
    assert!(shown.starts_with("func ((ref $nnn") && shown.contains("nnn...), (ref $p)"));
    assert!(shown.len() < 800 * 120, "{} bytes", shown.len());
    // The same without names.
    let unnamed = text.replace(&format!("${name}"), "0").replace("(type 0 ", "(type ").replace("$p", "1");
    let unnamed = unnamed.replace("(type 1 ", "(type ");
    let m = module(&engine, &unnamed);
    let import = m.imports().next().unwrap();
    let shown = m.scope().extern_text(&import.ty);
    assert!(
        shown.starts_with("func ((ref (struct)), (ref (func (i32, i32, i32, i32, i32, i32, i32, i32, ...)))"),
        "{shown}"
    );
    assert!(shown.ends_with("(ref struct), (ref func))") && shown.len() < 800 * 20, "{} bytes", shown.len());
}

fn f_of(e: Extern) -> Func {
    match e {
        Extern::Func(f) => f,
        _ => panic!("a function"),
    }
}
