//! The releases that other threads have queued (`engine::remote_release`), processed when the store is next used.

use crate::abi::vmstruct::PENDING_MAIL;
use crate::engine::remote_release::Release;
use crate::store::store::Store;
use std::sync::atomic::Ordering::AcqRel;

impl Store {
    /// Processes the releases that other threads have queued.
    pub fn drain_releases(&mut self) {
        self.vm.pending_work().fetch_and(!PENDING_MAIL, AcqRel);
        let mail = std::mem::take(&mut *self.vm.mail.lock());
        for release in mail {
            // A stale handle was released before.
            match (release, &mut self.heap) {
                (Release::Ref(root), Some(heap)) => drop(heap.roots().release(root)),
                (Release::Weak(weak), Some(heap)) => drop(heap.release_weak(weak)),
                (Release::Instance { index, generation }, _) if self.instances.is_current(index, generation) => {
                    drop(self.release_instance(index));
                }
                _ => {}
            }
        }
    }
}
