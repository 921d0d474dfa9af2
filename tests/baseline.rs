//! Baseline code returns the same results as optimized code, and both kinds of code can call each other.

#[path = "baseline/conventions.rs"]
mod conventions;
#[path = "baseline/corners.rs"]
mod corners;
#[path = "baseline/objects.rs"]
mod objects;
#[path = "baseline/tiers.rs"]
mod tiers;
#[path = "baseline/wide.rs"]
mod wide;
