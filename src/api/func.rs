//! Functions.

pub use super::handle::defined::Func;
use super::val;
use super::{HostDefinition, Instance, Ref, Store, Val};
use crate::abi::vmstruct::VmSlot;
use crate::base::limits::MAX_FUNC_VALUES;
use crate::base::{Error, Result};
use crate::err;
use crate::vm::func::HostCall;
use crate::vm::func_table::FuncRefPtr;
use crate::vm::{call, store as vm, unwind};
use crate::wasm::types::{FuncType, RefType, TypeId, ValType};
use std::mem::MaybeUninit;
use std::sync::Arc;

/// Calls with up to this many values keep them on the stack.
const FEW: usize = 16;

/// What a host function learns of its call.
pub struct Caller<'a> {
    store: &'a mut Store,
}

impl Caller<'_> {
    /// The store, for everything that can be done with it, calls into WebAssembly included. It must not be dropped or
    /// exchanged for another.
    pub fn store(&mut self) -> &mut Store {
        self.store
    }

    /// The instance whose code called, if it was WebAssembly.
    pub fn instance(&self) -> Option<Instance> {
        // SAFETY: a host function runs, called by an exit trampoline that published its frame.
        let context = unsafe { unwind::caller(self.store.vm().vm.get()) }?;
        // SAFETY: a context of this store names its instance, which lives as long as the store.
        let index = unsafe { (*((*context).instance as *const crate::vm::instance::Instance)).index };
        Some(Instance::make(self.store, index))
    }
}

impl Func {
    /// A host function. `f` gets the arguments, and the results to fill in, which start as zeros and nulls.
    pub fn new(
        store: &mut Store,
        ty: &FuncType,
        f: impl Fn(&mut Caller<'_>, &[Val], &mut [Val]) -> Result<()> + Send + Sync + 'static,
    ) -> Result<Func> {
        Func::from_call(store, ty, checked_call(ty, f)?)
    }

    /// A host function that works on the slots themselves: arguments in, results out, from slot 0 on.
    ///
    /// # Safety
    /// `f` must leave values of the result types, with funcrefs of this store. References to objects are `Ref`s in their
    /// slots, as `VmSlot::handle`; they are checked.
    pub unsafe fn new_raw(
        store: &mut Store,
        ty: &FuncType,
        f: impl Fn(&mut Caller<'_>, &mut [VmSlot]) -> Result<()> + Send + Sync + 'static,
    ) -> Result<Func> {
        // SAFETY: the caller's promise.
        let call = unsafe { raw_call(ty, f)? };
        Func::from_call(store, ty, call)
    }

    pub(super) fn from_call(store: &mut Store, ty: &FuncType, call: HostCall) -> Result<Func> {
        ty.params().iter().chain(ty.results()).try_for_each(|t| store.engine().check_type(*t))?;
        let (id, _) = store.vm().engine.types.register_func(ty)?;
        let funcref = store.vm_mut().add_host_func(id, call)?;
        // SAFETY: just made in this store.
        unsafe { Func::from_ref(store, funcref) }
    }

    /// # Safety
    /// `f` is a funcref of this store.
    pub(super) unsafe fn from_ref(store: &mut Store, f: FuncRefPtr) -> Result<Func> {
        let index = store.vm_mut().func_handle(f)?;
        Ok(Func::make(store, index))
    }

    /// A function of this store from a definition.
    pub fn from_definition(store: &mut Store, d: &HostDefinition) -> Result<Func> {
        Func::from_call(store, &d.ty, d.call.clone())
    }

    /// The function of a definition in this store. There is one, which lives as long as something refers to it.
    pub(super) fn shared(store: &mut Store, d: &HostDefinition) -> Result<Func> {
        let (id, _) = store.vm().engine.types.register_func(&d.ty)?;
        let funcref = store.vm_mut().shared_host_func(id, &d.call)?;
        // SAFETY: a function of this store.
        unsafe { Func::from_ref(store, funcref) }
    }

    /// Gives up the host's hold on a function that the host made: it lives as long as something refers to it.
    pub fn release(&self, store: &mut Store) -> Result<()> {
        let i = self.check(store)?;
        store.vm_mut().release_func(i)
    }

    /// How many slots a raw call needs: as many as parameters or results, whichever are more.
    pub fn slot_count(&self, store: &Store) -> Result<usize> {
        let ty = &store.vm().funcs[self.check(store)?].trampoline.ty;
        Ok(ty.params().len().max(ty.results().len()))
    }

    pub fn ty(&self, store: &Store) -> Result<Arc<FuncType>> {
        Ok(store.vm().funcs[self.check(store)?].trampoline.ty.clone())
    }

    /// The id of its type, which supertypes' ids are not equal to.
    pub(super) fn type_id(&self, store: &Store) -> Result<TypeId> {
        let funcref = store.vm().funcs[self.check(store)?].funcref;
        // SAFETY: a function of this store.
        Ok(unsafe { (*funcref).type_id })
    }

    /// Calls the function. `args` and `results` must be exactly as many as the type says.
    pub fn call(&self, store: &mut Store, args: &[Val], results: &mut [Val]) -> Result<()> {
        let ty = store.vm().funcs[self.check(store)?].trampoline.ty.clone();
        check_count("argument", ty.params().len(), args.len())?;
        check_count("result", ty.results().len(), results.len())?;
        with_slots(args.len().max(results.len()), |slots| {
            for ((slot, val), ty) in slots.iter_mut().zip(args).zip(ty.params()) {
                *slot = val.to_slot(store, *ty)?;
            }
            // SAFETY: the arguments were just checked, and the slots are enough.
            unsafe { self.enter(store, slots) }?;
            for ((slot, val), ty) in slots.iter().zip(results).zip(ty.results()) {
                // SAFETY: the function left values of its result types.
                *val = unsafe { Val::from_slot(store, slot, *ty) }?;
            }
            Ok(())
        })
    }

    /// Calls the function with arguments in `slots`, where its results come back, both from slot 0 on. References to
    /// objects are `Ref`s in their slots, as `VmSlot::handle`; they are checked.
    ///
    /// # Safety
    /// `slots` are at least as many as parameters and as results; the arguments are of the types, funcrefs of this store.
    #[inline]
    pub unsafe fn call_raw(&self, store: &mut Store, slots: &mut [VmSlot]) -> Result<()> {
        let ty = &store.vm().funcs[self.check(store)?].trampoline.ty;
        if !ty.has_references() {
            // SAFETY: the caller's promise.
            return unsafe { self.enter(store, slots) };
        }
        let ty = ty.clone();
        unroot_slots(store, slots, &references(ty.params()))?;
        // SAFETY: the caller's promise, and references were just checked.
        unsafe {
            self.enter(store, slots)?;
            root_slots(store, slots, &references(ty.results()))
        }
    }

    /// # Safety
    /// As `call_raw`, with references as bits from after the last collection.
    #[inline]
    unsafe fn enter(&self, store: &mut Store, slots: &mut [VmSlot]) -> Result<()> {
        let entry = &store.vm().funcs[self.check(store)?];
        let trampoline = entry.trampoline.clone();
        let funcref = entry.funcref;
        // SAFETY: the handle was checked, so code and context are this store's and of the trampoline's type; the caller
        // promises the slots. The borrow of `store` is not used until the call is over.
        unsafe { call::invoke(store.as_ptr(), (*funcref).vmctx, (*funcref).code, &trampoline, slots.as_mut_ptr())? };
        store.finalize();
        Ok(())
    }
}

/// The values that are references to objects: place and type.
fn references(types: &[ValType]) -> Box<[(usize, RefType)]> {
    let reference = |(i, t): (usize, &ValType)| match t {
        ValType::Ref(r) if t.is_gc() => Some((i, *r)),
        _ => None,
    };
    types.iter().enumerate().filter_map(reference).collect()
}

/// Bits to references of the innermost scope.
///
/// # Safety
/// The slots of `which` hold bits of this store, from after the last collection.
unsafe fn root_slots(store: &mut Store, slots: &mut [VmSlot], which: &[(usize, RefType)]) -> Result<()> {
    for (i, _) in which {
        // SAFETY: the caller's promise.
        let r = unsafe { Ref::from_raw(store, slots[*i].gc) }?;
        slots[*i].handle = r.map_or([0; 2], Ref::to_words);
    }
    Ok(())
}

/// References to bits, which are good until something is collected.
fn unroot_slots(store: &Store, slots: &mut [VmSlot], which: &[(usize, RefType)]) -> Result<()> {
    for (i, ty) in which {
        // SAFETY: any bits are words; what they name is checked.
        let words = unsafe { slots[*i].handle };
        slots[*i].gc = val::raw(store, Ref::from_words(words), *ty)?;
    }
    Ok(())
}

fn check_count(what: &str, want: usize, got: usize) -> Result<()> {
    if want == got { Ok(()) } else { Err(count_mismatch(what, want, got)) }
}

#[cold]
fn count_mismatch(what: &str, want: usize, got: usize) -> Error {
    err!(TypeMismatch, "the function has {want} {what}s, {got} were given")
}

/// Lends `n` slots.
fn with_slots<R>(n: usize, f: impl FnOnce(&mut [VmSlot]) -> R) -> R {
    if n <= FEW {
        let mut slots = MaybeUninit::<[VmSlot; FEW]>::uninit();
        let first = slots.as_mut_ptr() as *mut VmSlot;
        // SAFETY: the first `n` slots are initialised before the slice is made.
        f(unsafe {
            (0..n).for_each(|i| first.add(i).write(VmSlot::ZERO));
            std::slice::from_raw_parts_mut(first, n)
        })
    } else {
        f(&mut vec![VmSlot::ZERO; n])
    }
}

fn check_type(ty: &FuncType) -> Result<()> {
    let count = ty.params().len().max(ty.results().len());
    if count > MAX_FUNC_VALUES {
        return Err(err!(Limit, "a function type with {count} values, {MAX_FUNC_VALUES} are the most"));
    }
    Ok(())
}

/// Wraps a host function that works on values.
pub(super) fn checked_call(
    ty: &FuncType,
    f: impl Fn(&mut Caller<'_>, &[Val], &mut [Val]) -> Result<()> + Send + Sync + 'static,
) -> Result<HostCall> {
    check_type(ty)?;
    let ty = ty.clone();
    Ok(Arc::new(move |store: *mut vm::Store, slots: *mut VmSlot| {
        // SAFETY: called by the runtime with its store, on its thread, and with as many slots as the type has values,
        // the arguments in place.
        unsafe { Store::with(store, |store| store.in_callback(|store| run_checked(store, &ty, &f, slots))) }
    }))
}

/// # Safety
/// `slots` hold the arguments of `ty` and have room for its results.
unsafe fn run_checked(
    store: &mut Store,
    ty: &FuncType,
    f: &impl Fn(&mut Caller<'_>, &[Val], &mut [Val]) -> Result<()>,
    slots: *mut VmSlot,
) -> Result<()> {
    let (nargs, nresults) = (ty.params().len(), ty.results().len());
    let mut few = [Val::I32(0); FEW];
    let mut many = Vec::new();
    let vals = if nargs + nresults <= FEW {
        &mut few[..nargs + nresults]
    } else {
        many.resize(nargs + nresults, Val::I32(0));
        &mut many[..]
    };
    let (args, results) = vals.split_at_mut(nargs);
    for (i, (val, ty)) in args.iter_mut().zip(ty.params()).enumerate() {
        // SAFETY: the caller's promise.
        *val = unsafe { Val::from_slot(store, &*slots.add(i), *ty) }?;
    }
    for (val, ty) in results.iter_mut().zip(ty.results()) {
        *val = Val::default_of(*ty);
    }
    f(&mut Caller { store }, args, results)?;
    for (i, (val, ty)) in results.iter().zip(ty.results()).enumerate() {
        // SAFETY: the caller's promise.
        unsafe { *slots.add(i) = val.to_slot(store, *ty)? };
    }
    Ok(())
}

/// Wraps a host function that works on slots.
///
/// # Safety
/// As `Func::new_raw`.
pub(super) unsafe fn raw_call(
    ty: &FuncType,
    f: impl Fn(&mut Caller<'_>, &mut [VmSlot]) -> Result<()> + Send + Sync + 'static,
) -> Result<HostCall> {
    check_type(ty)?;
    let count = ty.params().len().max(ty.results().len());
    let (params, results) = (references(ty.params()), references(ty.results()));
    Ok(Arc::new(move |store: *mut vm::Store, slots: *mut VmSlot| {
        // SAFETY: as in `checked_call`; the trampoline has that many slots.
        unsafe {
            let slots: &mut [VmSlot] = if count == 0 { &mut [] } else { std::slice::from_raw_parts_mut(slots, count) };
            Store::with(store, |store| {
                store.in_callback(|store| {
                    root_slots(store, slots, &params)?;
                    f(&mut Caller { store }, slots)?;
                    unroot_slots(store, slots, &results)
                })
            })
        }
    }))
}
