//! Globals of instances that the host asks for.

use crate::base::index::{EntityRef, GlobalIndex};
use crate::store::parts::global::Global;
use crate::store::store::Store;

/// The place in the store of an instance's global, which is added to the store on the first request.
pub fn global_handle(store: &mut Store, instance: u32, g: GlobalIndex) -> u32 {
    let inst = &mut store.instances[instance];
    inst.know_globals();
    if inst.globals[g.index()] == u32::MAX {
        let ty = inst.info().globals[g].ty;
        inst.globals[g.index()] = store.globals.insert(Global::of_instance(ty, inst.global_ptr(g), instance));
    }
    inst.globals[g.index()]
}
