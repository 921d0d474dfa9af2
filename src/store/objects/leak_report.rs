//! Reports the references that the host has not released, and where it created them.

use crate::base::Result;
use crate::err;
use crate::store::store::Store;
use std::backtrace::Backtrace;
use std::collections::BTreeMap;
use std::fmt::Write;

/// The maximum number of the host's frames that are shown for each place.
const FRAMES: usize = 8;

impl Store {
    /// Lists the host's live references. Fails if the engine was not configured to record where references are created.
    pub fn reference_report(&mut self) -> Result<String> {
        if !self.heap_config.debug_roots {
            return Err(err!(
                InvalidArgument,
                "the engine is not configured to note where references are made (wrt_config_set_debug_references)"
            ));
        }
        Ok(self.places().map_or_else(|| "no reference is alive\n".into(), |(_, report)| report))
    }

    /// The number of references, and the text about them; `None` if there are none.
    fn places(&mut self) -> Option<(usize, String)> {
        let mut places: BTreeMap<String, BTreeMap<String, usize>> = BTreeMap::new();
        let heap = self.heap.as_mut()?;
        let mut found: Vec<(u32, String)> = Vec::new();
        heap.roots().each_place(|bits, place| found.push((bits, host_frames(place))));
        let (count, heap) = (found.len(), self.heap.as_ref()?);
        for (bits, place) in found {
            let name = heap.no_gc().describe(bits, |id| self.type_name(id));
            *places.entry(place).or_default().entry(name).or_default() += 1;
        }
        let mut places: Vec<_> =
            places.into_iter().map(|(p, kinds)| (kinds.values().sum::<usize>(), kinds, p)).collect();
        places.sort_by(|a, b| b.0.cmp(&a.0).then(a.2.cmp(&b.2)));
        let mut out = String::new();
        let _ = writeln!(out, "{count} references of the host are alive");
        for (n, kinds, place) in places {
            let kinds: Vec<String> = kinds.into_iter().map(|(kind, n)| format!("{n} to {kind}")).collect();
            let _ = writeln!(out, "{n} made here ({}):", kinds.join(", "));
            out.push_str(&place);
        }
        (count > 0).then_some((count, out))
    }

    /// Prints the references that are still alive when the store is destroyed.
    pub(in crate::store) fn report_leaks(&mut self) {
        if self.heap_config.debug_roots
            && let Some((_, report)) = self.places()
        {
            eprint!("wrt: store {} ends: {report}", self.id);
        }
    }
}

/// The frames from the library's function that the host called outward, one per line.
fn host_frames(place: &Backtrace) -> String {
    let text = place.to_string();
    let mut frames: Vec<String> = Vec::new();
    for line in text.lines().map(str::trim) {
        match (line.strip_prefix("at "), frames.last_mut()) {
            (Some(at), Some(frame)) => {
                let _ = write!(frame, " ({at})");
            }
            (Some(_), None) => {}
            // "  3: name"
            (None, _) => frames.push(line.split_once(": ").map_or(line, |(_, name)| name).to_string()),
        }
    }
    let called = frames.iter().rposition(|f| f.starts_with("wrt_")).map_or(0, |i| i);
    frames[called.min(frames.len())..].iter().take(FRAMES).fold(String::new(), |out, f| out + "    " + f + "\n")
}
