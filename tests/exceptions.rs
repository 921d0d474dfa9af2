//! Exceptions (Wasm 3.0, 4.6.13) beyond the specification's tests: which clauses catch, the host on both sides, what exceptions keep
//! alive, and extremes. Runs normally, with collections at every allocation, with explicit checks, and with code that is compiled while
//! it runs.

#[path = "exceptions/catching.rs"]
mod catching;
#[path = "exceptions/extremes.rs"]
mod extremes;
#[path = "exceptions/host.rs"]
mod host;
#[path = "exceptions/lifetime.rs"]
mod lifetime;
#[path = "exceptions/saved.rs"]
mod saved;

use wrt::api::*;

pub struct World {
    pub store: Store,
    pub instance: Instance,
}

impl World {
    pub fn new(config: Config, text: &str) -> World {
        World::linked(config, text, |_| Vec::new())
    }

    /// With the imports that `make` returns.
    pub fn linked(config: Config, text: &str, make: impl FnOnce(&mut StoreMut<'_>) -> Vec<Extern>) -> World {
        let mut store = Store::new(&Engine::new(&config).unwrap()).unwrap();
        let imports = make(&mut store);
        let instance = instance(&mut store, text, &imports);
        World { store, instance }
    }

    pub fn func(&mut self, name: &str) -> Func {
        func(&mut self.store, self.instance, name)
    }

    pub fn tag(&mut self, name: &str) -> Tag {
        match self.instance.export(&mut self.store, name).unwrap() {
            Some(Extern::Tag(t)) => t,
            other => panic!("{name}: {other:?}"),
        }
    }

    pub fn try_call(&mut self, name: &str, args: &[Val]) -> Result<Vec<Val>> {
        let f = self.func(name);
        call(&mut self.store, f, args)
    }

    /// A function that takes and returns numbers.
    pub fn call(&mut self, name: &str, args: &[i32]) -> i32 {
        let args: Vec<Val> = args.iter().map(|a| Val::I32(*a)).collect();
        match self.try_call(name, &args).unwrap_or_else(|e| panic!("{name}: {e}"))[..] {
            [Val::I32(n)] => n,
            ref other => panic!("{name} gave {other:?}"),
        }
    }

    /// The error that a call returns.
    pub fn fails(&mut self, name: &str, args: &[i32]) -> Error {
        let args: Vec<Val> = args.iter().map(|a| Val::I32(*a)).collect();
        self.try_call(name, &args).expect_err(name)
    }

    /// Checks that an error holds an exception of a tag; returns its values. The exception is released.
    pub fn carried(&mut self, error: &Error, tag: Tag) -> Vec<Val> {
        assert_eq!(error.kind(), ErrorKind::Exception, "{error}");
        let r = self.store.exception_of(error).unwrap().expect("an exception");
        assert_eq!(r.exception_tag(&mut self.store).unwrap(), tag);
        let values = r.exception_values(&mut self.store).unwrap();
        r.release(&mut self.store).unwrap();
        values
    }
}

pub fn instance(store: &mut StoreMut<'_>, text: &str, imports: &[Extern]) -> Instance {
    let module = Module::new(&store.engine(), text.as_bytes()).unwrap_or_else(|e| panic!("{e}"));
    Instance::new(store, &module, imports).unwrap_or_else(|e| panic!("{e}"))
}

pub fn func(store: &mut StoreMut<'_>, instance: Instance, name: &str) -> Func {
    match instance.export(store, name).unwrap() {
        Some(Extern::Func(f)) => f,
        other => panic!("{name}: {other:?}"),
    }
}

pub fn call(store: &mut StoreMut<'_>, f: Func, args: &[Val]) -> Result<Vec<Val>> {
    let mut results = vec![Val::I32(0); f.ty(store)?.results().len()];
    f.call(store, args, &mut results)?;
    Ok(results)
}

pub fn configs() -> Vec<Config> {
    let config = || Config::new().gc_verify(true);
    vec![
        config(),
        config().gc_zeal(1),
        config().gc_zeal(2).signals(false),
        config().signals(false).interruption(true),
        config().lazy(true).background(false),
        config().lazy(true).background(false).gc_zeal(1),
        config().lazy(true),
    ]
}

/// Function types: `(i32) -> i32`, ...
pub fn ty(params: &[ValType], results: &[ValType]) -> FuncType {
    FuncType::new(params.to_vec(), results.to_vec())
}

/// Runs `f` on a thread with a stack of this size.
pub fn with_stack(bytes: usize, f: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().stack_size(bytes).spawn(f).unwrap().join().unwrap();
}
