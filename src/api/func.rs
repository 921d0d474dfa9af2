//! Functions.

pub use super::handle::defined::Func;
use super::val;
use super::{HostDefinition, Instance, Ref, StoreMut, Val, Value};
use crate::abi::vmstruct::{VmCaller, VmSlot};
use crate::base::limits::MAX_FUNC_VALUES;
use crate::base::{Error, Result};
use crate::err;
use crate::store::parts::func_table::FuncRefPtr;
use crate::store::parts::host_func::{Direct, HostCall};
use crate::store::run::call;
use crate::store::run::unwind;
use crate::store::store as vm;
use crate::store::store::FuncEntry;
use crate::wasm::registry::DefType;
use crate::wasm::types::{FuncType, RefType, TypeId, ValType};
use std::mem::MaybeUninit;
use std::sync::Arc;

/// Calls with up to this many values store them on the stack.
const FEW: usize = 16;

/// A call of a host function in progress.
pub struct Caller<'a> {
    store: StoreMut<'a>,
}

impl<'a> Caller<'a> {
    /// The store. Every operation is allowed, including calls into WebAssembly.
    pub fn store(&mut self) -> &mut StoreMut<'a> {
        &mut self.store
    }

    /// The call in progress, for `instance_of`.
    pub fn call(&self) -> VmCaller {
        let store = self.store.vm().vm.get();
        // SAFETY: on the store's thread (invariant 2 of the runtime).
        VmCaller { store, exit_fp: unsafe { (*store).exit_fp } }
    }

    /// The instance whose code called, if the caller was WebAssembly.
    pub fn instance(&self) -> Option<Instance> {
        // SAFETY: this call is in progress.
        unsafe { Caller::instance_of(&self.store, &self.call()) }
    }

    /// Returns the instance whose code made a call, if the caller was WebAssembly.
    ///
    /// # Safety
    /// The call is in progress in this store.
    pub unsafe fn instance_of(store: &StoreMut<'_>, call: &VmCaller) -> Option<Instance> {
        // SAFETY: called through an exit trampoline, which published its frame.
        let (pc, fp) = unsafe { unwind::calling_frame(call) }?;
        // Usually only one instance can have called. Looking the code up takes as long as the rest of a short call.
        let index = match store.vm().instances.only() {
            Some(index) => index,
            // SAFETY: as above. A context of the store points to its instance, which the frame keeps alive
            // (invariant 1 of the runtime).
            None => unsafe {
                (*((*unwind::context_of(pc, fp)?).instance as *const crate::store::parts::instance::Instance)).index
            },
        };
        Some(Instance::make(store, index))
    }
}

impl Func {
    /// Creates a host function, owned by the store. `f` receives the arguments and a slice for the results, which start
    /// as zeros and nulls. If `f` fails, the call that entered WebAssembly fails with its error; an error from
    /// `Ref::to_error` is thrown as an exception instead. Creation fails with `Limit` if the type has too many values, and
    /// with `InvalidArgument` if a type belongs to another engine.
    pub fn new(
        store: &mut StoreMut<'_>,
        ty: &FuncType,
        f: impl Fn(&mut Caller<'_>, &[Val], &mut [Val]) -> Result<()> + Send + Sync + 'static,
    ) -> Result<Func> {
        Func::from_call(store, ty, checked_call(ty, f)?, None)
    }

    /// Creates a host function that works directly on slots: arguments in, results out, both from slot 0 on. Fails as
    /// `new` does.
    ///
    /// # Safety
    /// `f` must leave values of the result types in the slots; funcrefs must be of this store. References to objects
    /// are stored in their slots as `Ref`s (`VmSlot::handle`); they are checked.
    pub unsafe fn new_raw(
        store: &mut StoreMut<'_>,
        ty: &FuncType,
        f: impl Fn(&mut Caller<'_>, &mut [VmSlot]) -> Result<()> + Send + Sync + 'static,
    ) -> Result<Func> {
        // SAFETY: the caller's promise.
        let call = unsafe { raw_call(ty, f)? };
        Func::from_call(store, ty, call, None)
    }

    pub(super) fn from_call(
        store: &mut StoreMut<'_>,
        ty: &FuncType,
        call: HostCall,
        direct: Option<Direct>,
    ) -> Result<Func> {
        ty.params().iter().chain(ty.results()).try_for_each(|t| store.engine().check_type(*t))?;
        let def = store.vm().engine.types.register_func(ty)?;
        let funcref = store.with_room(|store| store.vm_mut().add_host_func(&def, call.clone(), direct))?;
        // SAFETY: just created in this store (invariant 1 of the runtime).
        unsafe { Func::from_ref(store, funcref) }
    }

    /// Returns the handle of a funcref.
    ///
    /// # Safety
    /// `f` is a funcref of this store.
    pub(super) unsafe fn from_ref(store: &mut StoreMut<'_>, f: FuncRefPtr) -> Result<Func> {
        // SAFETY: the caller's promise (invariant 1 of the runtime).
        let index = unsafe { store.vm_mut().func_handle(f) }?;
        Ok(Func::make(store, index))
    }

    /// Creates a function of this store from a definition.
    pub fn from_definition(store: &mut StoreMut<'_>, d: &HostDefinition) -> Result<Func> {
        Func::from_call(store, &d.ty, d.call.clone(), d.direct)
    }

    /// The function that represents a definition in this store. There is only one, which lives as long as something
    /// refers to it.
    pub(super) fn shared(store: &mut StoreMut<'_>, d: &HostDefinition, ty: &DefType) -> Result<Func> {
        let funcref = store.vm_mut().shared_host_func(ty, &d.call, d.direct)?;
        // SAFETY: a function of this store (invariant 1 of the runtime).
        unsafe { Func::from_ref(store, funcref) }
    }

    /// Releases the host's ownership of a host function: it then lives as long as something refers to it. Fails with
    /// `StaleHandle` if it was released before, and with `InvalidArgument` if it is an instance's function.
    pub fn release(&self, store: &mut StoreMut<'_>) -> Result<()> {
        let i = self.check(store)?;
        store.vm_mut().release_func(i)
    }

    /// The function's type.
    pub fn ty(&self, store: &StoreMut<'_>) -> Result<Arc<FuncType>> {
        Ok(store.vm().funcs[self.check(store)?].ty.clone())
    }

    /// The id of the function's exact type. It differs from the ids of the type's supertypes.
    pub fn type_id(&self, store: &StoreMut<'_>) -> Result<TypeId> {
        let funcref = store.vm().funcs[self.check(store)?].funcref;
        // SAFETY: a function of this store (invariant 1 of the runtime).
        Ok(unsafe { (*funcref).type_id })
    }

    /// Calls the function. `args` and `results` must have exactly the lengths of the type's parameters and results;
    /// otherwise, or if an argument has the wrong type, the call fails with `TypeMismatch`. References among the
    /// results belong to the innermost scope.
    pub fn call(&self, store: &mut StoreMut<'_>, args: &[Val], results: &mut [Val]) -> Result<()> {
        // SAFETY: a slice is valid for its length.
        unsafe { self.call_values(store, args.as_ptr(), args.len(), results.as_mut_ptr(), results.len()) }
    }

    /// As `call`, with values in the host's own representation.
    ///
    /// # Safety
    /// `args` points to `arg_count` values and `results` to memory for `result_count` values. They may overlap.
    #[inline(always)]
    pub unsafe fn call_values<V: Value>(
        &self,
        store: &mut StoreMut<'_>,
        args: *const V,
        arg_count: usize,
        results: *mut V,
        result_count: usize,
    ) -> Result<()> {
        let entry: *const FuncEntry = &store.vm().funcs[self.check(store)?];
        let mut few = MaybeUninit::<[VmSlot; FEW]>::uninit();
        let mut many = Vec::new();
        // SAFETY: the handle was checked, so code and context belong to this store and to the entry's type, and stay
        // valid at least until machine code runs. The store keeps the type alive until it is dropped. The caller
        // guarantees the values; there are enough slots. No borrow of the store is used across the call
        // (invariants 1 and 3 of the runtime).
        unsafe {
            let (ty, funcref) = (&*Arc::as_ptr(&(*entry).ty), (*entry).funcref);
            if ty.params().len() != arg_count || ty.results().len() != result_count {
                return Err(count_mismatch(ty, arg_count, result_count));
            }
            let slots = slots_for((*entry).entry_info.slots as usize, &mut few, &mut many);
            for (i, ty) in ty.params().iter().enumerate() {
                V::put(args.add(i), store, ty, slots.add(i)).map_err(|e| of_place(e, "argument", i))?;
            }
            call::invoke(
                store.as_ptr(),
                (*funcref).vmctx,
                (*funcref).code.get(),
                &raw const (*entry).entry_info,
                slots,
            )?;
            store.settle();
            for (i, ty) in ty.results().iter().enumerate() {
                V::get(results.add(i), store, slots.add(i), ty)?;
            }
            Ok(())
        }
    }

    /// Calls the function with its arguments in `slots`. The results are written to the same slots, both from slot 0
    /// on. References to objects are `Ref`s in their slots (`VmSlot::handle`). They are checked, and so is `count`,
    /// which must be at least the number of parameters and the number of results; otherwise the call fails with
    /// `TypeMismatch`.
    ///
    /// # Safety
    /// `slots` points to `count` slots. The arguments have the parameters' types, and funcrefs are of this store.
    #[inline(always)]
    pub unsafe fn call_raw(&self, store: &mut StoreMut<'_>, slots: *mut VmSlot, count: usize) -> Result<()> {
        let entry: *const FuncEntry = &store.vm().funcs[self.check(store)?];
        // SAFETY: as in `call_values` (invariants 1 and 3 of the runtime).
        unsafe {
            let (info, funcref) = (&raw const (*entry).entry_info, (*entry).funcref);
            if count < (*info).slots as usize {
                return Err(too_few_slots((*info).slots, count));
            }
            if (*info).has_references {
                return self.call_raw_references(store, std::slice::from_raw_parts_mut(slots, count));
            }
            call::invoke(store.as_ptr(), (*funcref).vmctx, (*funcref).code.get(), info, slots)?;
            store.settle();
            Ok(())
        }
    }

    /// Calls a function whose type has references to objects.
    ///
    /// # Safety
    /// As for `call_raw`; in addition, there are enough slots.
    unsafe fn call_raw_references(&self, store: &mut StoreMut<'_>, slots: &mut [VmSlot]) -> Result<()> {
        let entry: *const FuncEntry = &store.vm().funcs[self.check(store)?];
        // SAFETY: as in `call_values`; references are checked here (invariants 1 and 3 of the runtime).
        unsafe {
            let (ty, funcref) = ((*entry).ty.clone(), (*entry).funcref);
            unroot_slots(store, slots, &references(ty.params()), "argument")?;
            let info = &raw const (*entry).entry_info;
            call::invoke(store.as_ptr(), (*funcref).vmctx, (*funcref).code.get(), info, slots.as_mut_ptr())?;
            store.settle();
            root_slots(store, slots, &references(ty.results()))
        }
    }
}

/// The positions and types of the values that are references to objects.
fn references(types: &[ValType]) -> Box<[(usize, RefType)]> {
    let reference = |(i, t): (usize, &ValType)| match t {
        ValType::Ref(r) if t.is_gc() => Some((i, *r)),
        _ => None,
    };
    types.iter().enumerate().filter_map(reference).collect()
}

/// Replaces bits by references of the innermost scope.
///
/// # Safety
/// The slots listed in `which` hold reference bits of this store, obtained after the last collection.
unsafe fn root_slots(store: &mut StoreMut<'_>, slots: &mut [VmSlot], which: &[(usize, RefType)]) -> Result<()> {
    for (i, _) in which {
        // SAFETY: the caller's promise (invariant 6 of the heap).
        let r = unsafe { Ref::from_raw(store, slots[*i].gc) }?;
        slots[*i].handle = r.map_or([0; 2], Ref::to_words);
    }
    Ok(())
}

/// Replaces references by bits, which are valid until the next collection.
fn unroot_slots(store: &StoreMut<'_>, slots: &mut [VmSlot], which: &[(usize, RefType)], what: &str) -> Result<()> {
    for (i, ty) in which {
        // SAFETY: any bits are valid words; the reference they denote is checked.
        let words = unsafe { slots[*i].handle };
        slots[*i].gc = val::raw(store, Ref::from_words(words), *ty).map_err(|e| of_place(e, what, *i))?;
    }
    Ok(())
}

#[cold]
fn count_mismatch(ty: &FuncType, args: usize, results: usize) -> Error {
    let (what, want, got) = match ty.params().len() == args {
        true => ("result", ty.results().len(), results),
        false => ("argument", ty.params().len(), args),
    };
    err!(TypeMismatch, "the function needs {want} {what}s, not {got}; its type is {ty}")
}

/// Adds to an error which of several values, counted from 0, it is about.
#[cold]
fn of_place(e: Error, what: &str, i: usize) -> Error {
    e.about(format_args!("{what} {i}"))
}

#[cold]
fn too_few_slots(want: u32, got: usize) -> Error {
    err!(TypeMismatch, "the function needs {want} slots, not {got}")
}

/// Memory for `n` values: on the stack if they are few.
#[inline(always)]
fn slots_for<T>(n: usize, few: &mut MaybeUninit<[T; FEW]>, many: &mut Vec<T>) -> *mut T {
    if n <= FEW {
        return few.as_mut_ptr().cast();
    }
    many.reserve(n);
    many.as_mut_ptr()
}

fn check_type(ty: &FuncType) -> Result<()> {
    let count = ty.params().len().max(ty.results().len());
    if count > MAX_FUNC_VALUES {
        return Err(err!(Limit, "a function type with {count} values, the maximum is {MAX_FUNC_VALUES}"));
    }
    Ok(())
}

/// Wraps a host function that works on values.
pub(super) fn checked_call<V: Value>(
    ty: &FuncType,
    f: impl Fn(&mut Caller<'_>, &[V], &mut [V]) -> Result<()> + Send + Sync + 'static,
) -> Result<HostCall> {
    check_type(ty)?;
    let ty = ty.clone();
    Ok(Arc::new(move |store: *mut vm::Store, slots: *mut VmSlot| {
        // SAFETY: called by the runtime with its store, on the store's thread, and with as many slots as the type has
        // values (invariants 2 and 3 of the runtime). The arguments are in place.
        unsafe { StoreMut::from_ptr(store).in_callback(|store| run_checked(store, &ty, &f, slots)) }
    }))
}

/// Runs a host function that works on values.
///
/// # Safety
/// `slots` hold the arguments of `ty` and have space for its results.
unsafe fn run_checked<V: Value>(
    store: &mut StoreMut<'_>,
    ty: &FuncType,
    f: &impl Fn(&mut Caller<'_>, &[V], &mut [V]) -> Result<()>,
    slots: *mut VmSlot,
) -> Result<()> {
    let (nargs, nresults) = (ty.params().len(), ty.results().len());
    let mut few = MaybeUninit::<[V; FEW]>::uninit();
    let mut many = Vec::new();
    let args = slots_for(nargs + nresults, &mut few, &mut many);
    // SAFETY: there is space for all values, and each is written before it is read. The caller guarantees the slots.
    unsafe {
        let results = args.add(nargs);
        for (i, ty) in ty.params().iter().enumerate() {
            V::get(args.add(i), store, slots.add(i), ty)?;
        }
        for (i, ty) in ty.results().iter().enumerate() {
            results.add(i).write(V::default_of(*ty));
        }
        let (a, r) = (std::slice::from_raw_parts(args, nargs), std::slice::from_raw_parts_mut(results, nresults));
        f(&mut Caller { store: store.reborrow() }, a, r)?;
        for (i, ty) in ty.results().iter().enumerate() {
            V::put(results.add(i), store, ty, slots.add(i)).map_err(|e| of_place(e, "a host function's result", i))?;
        }
    }
    Ok(())
}

/// Wraps a host function that works on slots.
///
/// # Safety
/// As for `Func::new_raw`.
pub(super) unsafe fn raw_call(
    ty: &FuncType,
    f: impl Fn(&mut Caller<'_>, &mut [VmSlot]) -> Result<()> + Send + Sync + 'static,
) -> Result<HostCall> {
    check_type(ty)?;
    let count = ty.params().len().max(ty.results().len());
    let (params, results) = (references(ty.params()), references(ty.results()));
    Ok(Arc::new(move |store: *mut vm::Store, slots: *mut VmSlot| {
        // SAFETY: as in `checked_call`; the trampoline provides `count` slots (invariants 2 and 3 of the runtime).
        unsafe {
            let slots: &mut [VmSlot] = if count == 0 { &mut [] } else { std::slice::from_raw_parts_mut(slots, count) };
            StoreMut::from_ptr(store).in_callback(|store| {
                root_slots(store, slots, &params)?;
                f(&mut Caller { store: store.reborrow() }, slots)?;
                unroot_slots(store, slots, &results, "a host function's result")
            })
        }
    }))
}
