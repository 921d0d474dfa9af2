//! What other threads have released (`engine::remote_release`), done when the store is used next.

use crate::abi::vmstruct::ATTENTION_MAIL;
use crate::engine::remote_release::Release;
use crate::store::store::Store;
use std::sync::atomic::Ordering::AcqRel;

impl Store {
    /// Releases what other threads have.
    pub fn read_mail(&mut self) {
        self.vm.attention().fetch_and(!ATTENTION_MAIL, AcqRel);
        let mail = std::mem::take(&mut *self.vm.mail.lock());
        for release in mail {
            // What is stale was released before.
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
