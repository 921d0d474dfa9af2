//! What other threads release: it waits at the store, which looks at it when it is next used. Known by the store's number, so
//! that who releases needs no store, and may come after its end.

use crate::abi::vmstruct::ATTENTION_MAIL;
use crate::engine::interrupt::SharedVmStore;
use crate::engine::pooling::pool::IDS;
use crate::gc::{Root, Weak};
use crate::sys::lock::Mutex;
use rustc_hash::FxHashMap;
use std::sync::atomic::Ordering::AcqRel;
use std::sync::{Arc, Weak as WeakArc};

/// What was released.
#[derive(Clone, Copy)]
pub enum Release {
    Ref(Root),
    Weak(Weak),
    Instance { index: u32, generation: u32 },
}

type Directory = Mutex<Option<FxHashMap<u64, WeakArc<SharedVmStore>>>>;

/// In cache lines of its own.
#[repr(align(128))]
struct Shard(Directory);

/// So that threads that make stores do not wait for each other.
const SHARDS: usize = 64;
static STORES: [Shard; SHARDS] = [const { Shard(Mutex::new(None)) }; SHARDS];

fn shard(store: u64) -> &'static Directory {
    &STORES[(store / IDS) as usize % SHARDS].0
}

pub fn register(store: u64, shared: &Arc<SharedVmStore>) {
    shard(store).lock().get_or_insert_default().insert(store, Arc::downgrade(shared));
}

pub fn unregister(store: u64) {
    if let Some(stores) = shard(store).lock().as_mut() {
        stores.remove(&store);
    }
}

/// From any thread. Nothing happens if the store is gone, or there is no memory: then it is released with the store.
pub fn send(store: u64, release: Release) {
    let shared = shard(store).lock().as_ref().and_then(|stores| stores.get(&store)?.upgrade());
    let Some(shared) = shared else { return };
    let mut mail = shared.mail.lock();
    if mail.try_reserve(1).is_ok() {
        mail.push(release);
        shared.attention().fetch_or(ATTENTION_MAIL, AcqRel);
    }
}
