//! The error message of an uncaught exception: the tag's name and the exception's values.

use crate::abi::heap::RawRef;
use crate::gc::{Gc, NoGc};
use crate::store::parts::tag::func_type;
use crate::store::run::exception::tag_of;
use crate::store::store::Store;
use crate::wasm::types::ValType;
use rustc_hash::FxHashMap;

/// The maximum number of values that are shown.
const SHOWN_VALUES: usize = 8;
/// The maximum number of characters of a name that are shown.
const SHOWN_NAME: usize = 100;

impl Store {
    /// The message, on one line: `uncaught exception $e (5, null)`, or with the tag's type if the tag has no name.
    ///
    /// # Safety
    /// `exception` must be an exception of this store, and no collection may have run since it was read.
    pub unsafe fn uncaught(&self, exception: RawRef) -> String {
        let mut text = String::from("uncaught exception");
        let Some(heap) = &self.heap else { return text };
        let no_gc = heap.no_gc();
        // SAFETY: the caller's promise, and nothing is collected here (invariant 12).
        let found = unsafe { no_gc.adopt(exception) }.and_then(|e| Some((e, tag_of(no_gc, e)?)));
        let Some((exception, tag)) = found else { return text };
        // SAFETY: this is the tag of an exception of this store (invariant 15).
        let (name, ty) = unsafe { (self.tag_name(no_gc, tag), func_type(no_gc, tag)) };
        match name {
            Some(name) => text.extend([" ", &shown(name)]),
            None => {
                let ty = self.engine.types.get(ty);
                let scope = ty.sub.named().find_map(|id| self.scope_naming(id));
                let scope = scope.unwrap_or_else(|| self.engine.types.scope(Vec::new(), FxHashMap::default()));
                text.extend(ty.func().map(|f| format!(" of type {}", scope.func_text(f))));
            }
        }
        text + &self.carried(no_gc, exception)
    }

    /// The values in parentheses, or nothing if there are none.
    fn carried<'h>(&self, no_gc: NoGc<'h>, exception: Gc<'h>) -> String {
        let Some(def) = no_gc.type_of(exception).map(|id| self.engine.types.get(id)) else { return String::new() };
        let fields = def.fields().iter().zip(&def.offsets).skip(1);
        let mut values: Vec<String> = fields
            .take(SHOWN_VALUES)
            .map(|(f, offset)| self.value_text(no_gc, exception, f.storage.unpacked(), *offset))
            .collect();
        if def.fields().len() > 1 + SHOWN_VALUES {
            values.push("...".into());
        }
        if values.is_empty() { String::new() } else { format!(" ({})", values.join(", ")) }
    }

    fn value_text<'h>(&self, no_gc: NoGc<'h>, exception: Gc<'h>, ty: ValType, offset: u32) -> String {
        if ty.is_gc() {
            // SAFETY: this is the offset of a field that is a reference to an object (invariant 15).
            let value = unsafe { no_gc.field_slot(exception, offset) }.load(no_gc, 0);
            return no_gc.describe(value.map_or(0, |v| v.bits().0), |id| self.type_name(id));
        }
        let at = no_gc.field_bytes(exception, offset);
        // SAFETY: this is the field's place. The field is as wide as its type says; a function is stored as its number,
        // and null as 0 (invariant 15).
        unsafe {
            match ty {
                ValType::I32 => at.cast::<i32>().read_unaligned().to_string(),
                ValType::I64 => at.cast::<i64>().read_unaligned().to_string(),
                ValType::F32 => format!("{:?}", at.cast::<f32>().read_unaligned()),
                ValType::F64 => format!("{:?}", at.cast::<f64>().read_unaligned()),
                ValType::V128 => format!("{:#034x}", at.cast::<u128>().read_unaligned()),
                ValType::Ref(_) if at.cast::<u32>().read_unaligned() == 0 => "null".into(),
                ValType::Ref(_) => "a function".into(),
            }
        }
    }
}

/// A name as in the text format, quoted if it would not be valid there unquoted.
fn shown(name: &str) -> String {
    let short: String = name.chars().take(SHOWN_NAME).collect();
    let is_plain = !short.is_empty() && short.chars().all(|c| c.is_ascii_graphic() && !"\"(),;[]{}".contains(c));
    if is_plain { format!("${short}") } else { format!("{short:?}") }
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn names_stay_on_their_line() {
        assert_eq!(shown("__cpp_exception"), "$__cpp_exception");
        assert_eq!(shown("a b"), "\"a b\"");
        assert_eq!(shown("a\nb\u{7}"), "\"a\\nb\\u{7}\"");
        assert_eq!(shown(""), "\"\"");
        assert_eq!(shown(&"x".repeat(1000)).len(), 101);
    }
}
