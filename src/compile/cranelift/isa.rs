//! The target: the current machine, and Cranelift's settings.

use crate::abi::contract;
use crate::abi::settings::Settings;
use crate::base::{Error, ErrorKind, Result};
use crate::err;
use crate::wasm::features;
use cranelift_codegen::isa::{OwnedTargetIsa, TargetIsa};
use cranelift_codegen::settings::{self, Configurable};

/// The host's instruction set with our settings.
pub fn host() -> Result<OwnedTargetIsa> {
    require_sse41()?;
    let mut flags = settings::builder();
    for (name, value) in [
        ("opt_level", "speed"),
        // Backtraces and unwinding follow the frame pointers.
        ("preserve_frame_pointers", "true"),
        // The stack check covers the whole frame, so no page below the limit is accessed.
        ("enable_probestack", "false"),
        // Results for which there are no registers are returned in memory.
        ("enable_multi_ret_implicit_sret", "true"),
        ("unwind_info", "false"),
        ("enable_verifier", if cfg!(debug_assertions) { "true" } else { "false" }),
    ] {
        flags.set(name, value).map_err(|e| err!(Internal, "Cranelift setting {name}: {e}"))?;
    }
    let unsupported = |e: &dyn std::fmt::Display| err!(Unsupported, "this machine is not supported: {e}");
    let builder = cranelift_native::builder().map_err(|e| unsupported(&e))?;
    builder.finish(settings::Flags::new(flags)).map_err(|e| unsupported(&e))
}

/// A hash of the contract and of everything that affects the code.
pub fn contract(isa: &dyn TargetIsa, settings: Settings) -> u64 {
    let parts =
        [env!("CARGO_PKG_VERSION"), &contract::text(), &target(isa), &format!("{settings:?}"), &features::names()];
    contract::hash(&parts.map(str::as_bytes))
}

/// A hash of the processor and its features.
pub fn processor(isa: &dyn TargetIsa) -> u64 {
    contract::hash(&[target(isa).as_bytes()])
}

fn target(isa: &dyn TargetIsa) -> String {
    let isa_flags: Vec<String> = isa.isa_flags().iter().map(|f| f.to_string()).collect();
    format!("{} {} {}", isa.triple(), isa.flags(), isa_flags.join(" "))
}

/// Without SSE 4.1 Cranelift calls library functions for rounding, by absolute address.
#[cfg(target_arch = "x86_64")]
fn require_sse41() -> Result<()> {
    if std::is_x86_feature_detected!("sse4.1") && std::is_x86_feature_detected!("ssse3") {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Unsupported, "the processor lacks SSE 4.1, which is required"))
}

#[cfg(not(target_arch = "x86_64"))]
fn require_sse41() -> Result<()> {
    Ok(())
}
