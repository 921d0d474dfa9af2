//! Identity hashes: numbers that stay the same when objects move. An object gets its number when it is first requested.

use super::object::{is_object, is_young};
use crate::sys::fault_injection;
use rustc_hash::FxHashMap;

#[derive(Default)]
pub struct Identities {
    /// By reference. Never more than half full, so that changing a key allocates no memory.
    hashes: FxHashMap<u32, u64>,
    /// Objects in the nursery that have a hash.
    young: Vec<u32>,
    /// How many hashes were assigned.
    count: u64,
    /// Used while the map is rebuilt after a collection.
    moved: Vec<(u32, u64)>,
}

/// Spreads a number over all bits (splitmix64).
pub fn spread(n: u64) -> u64 {
    let n = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let n = (n ^ n >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ n >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ n >> 31
}

impl Identities {
    /// The hash of an object, or of an i31. `None` if there is no memory for it.
    pub fn hash(&mut self, bits: u32) -> Option<u64> {
        if !is_object(bits) {
            return Some(spread(bits as u64));
        }
        if let Some(hash) = self.hashes.get(&bits) {
            return Some(*hash);
        }
        fault_injection::check().ok()?;
        let len = self.hashes.len() + 1;
        self.hashes.try_reserve(len).ok()?;
        self.young.try_reserve(1).ok()?;
        self.moved.try_reserve(len).ok()?;
        self.count += 1;
        // Even, so that it differs from the hash of every i31.
        let hash = spread(self.count << 32);
        self.hashes.insert(bits, hash);
        if is_young(bits) {
            self.young.push(bits);
        }
        Some(hash)
    }

    /// After marking: `found` returns the new reference of a live object, or `None` if the object has died.
    pub fn sweep(&mut self, young_only: bool, found: impl Fn(u32) -> Option<u32>) {
        if young_only {
            let of_young = self.young.iter().filter_map(|bits| Some((*bits, self.hashes.remove(bits)?)));
            self.moved.extend(of_young);
        } else {
            self.moved.extend(self.hashes.drain());
        }
        self.young.clear();
        let live = self.moved.drain(..).filter_map(|(bits, hash)| Some((found(bits)?, hash)));
        self.hashes.extend(live);
    }
}
