//! Host functions as parts of a store.

use crate::abi::vmstruct::{RawCallback, VmCodeCell, VmFuncRef, VmHostFunc, VmSlot};
use crate::base::{Error, Result, Stable};
use crate::engine::code::trampoline::Trampoline;
use crate::store::parts::keeper::{Keeper, kept};
use crate::store::store::Store;
use crate::wasm::registry::{DefType, TypeId};
use std::ffi::c_void;
use std::sync::Arc;

/// The implementation of a host function. The slots hold the arguments and receive the results.
pub type HostCall = Arc<dyn Fn(*mut Store, *mut VmSlot) -> Result<()> + Send + Sync>;

/// A host function on slots that machine code calls directly, without `call_host`. `HostFunc::call` does the same.
#[derive(Clone, Copy)]
pub struct Direct {
    pub f: RawCallback,
    /// Lives as long as the `HostCall` next to it.
    pub data: *mut c_void,
    /// Takes the error that `f` returned.
    pub take_error: unsafe fn(*mut c_void) -> Error,
    /// The host's name for the function, for messages. Lives as long as `data`.
    pub name: *const str,
}

/// A host function in a store. Never moves.
#[repr(C)]
pub struct HostFunc {
    pub(in crate::store) vm: VmHostFunc,
    funcref: VmFuncRef,
    pub(in crate::store) keeper: Keeper,
    pub(in crate::store) call: HostCall,
    pub(in crate::store) direct: Option<Direct>,
    /// Contains the funcref's code.
    _trampoline: Arc<Trampoline>,
    pub(in crate::store) ty: DefType,
}

kept!(Stable<HostFunc>);

impl HostFunc {
    /// `vm` is its context, which says what machine code calls, and has no address yet.
    pub fn new(
        vm: VmHostFunc,
        ty: &DefType,
        trampoline: Arc<Trampoline>,
        call: HostCall,
        direct: Option<Direct>,
        keeper: Keeper,
        owner: u32,
    ) -> Stable<HostFunc> {
        let mut f = Stable::new(HostFunc {
            vm,
            funcref: VmFuncRef {
                code: VmCodeCell::new(trampoline.exit(direct.is_some())),
                vmctx: std::ptr::null_mut(),
                type_id: ty.id,
                handle: 0,
                index: 0,
                owner,
            },
            keeper,
            call,
            direct,
            _trampoline: trampoline,
            ty: ty.clone(),
        });
        f.funcref.vmctx = &raw mut f.vm.header;
        f
    }

    pub fn funcref(&mut self) -> *mut VmFuncRef {
        &mut self.funcref
    }

    pub fn key(&self) -> HostKey {
        host_key(self.funcref.type_id, &self.call)
    }
}

/// Identifies a definition of a host function: the callable, and the type.
pub type HostKey = (usize, TypeId);

pub fn host_key(ty: TypeId, call: &HostCall) -> HostKey {
    (Arc::as_ptr(call) as *const () as usize, ty)
}
