//! What a function of WASI receives.

use super::config::Wasi;
use super::guest::Guest;
use crate::api::StoreMut;

/// One call of a WASI function.
pub struct Call<'a> {
    pub store: StoreMut<'a>,
    pub wasi: &'a mut Wasi,
    pub memory: Guest<'a>,
}
