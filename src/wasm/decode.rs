//! Bytes to `ModuleInfo`.
