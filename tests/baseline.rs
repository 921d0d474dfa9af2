//! Functions that somebody waits for, compiled in one pass: they give what those of the optimising compiler give, and call one
//! another.

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
