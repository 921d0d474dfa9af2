//! Text for messages: one line of bounded length, whatever names a module or a host uses.

use std::fmt::{self, Write};

/// Maximum bytes of a message.
pub const MAX_MESSAGE: usize = 1000;
/// Maximum bytes of a name inside a message.
pub const MAX_QUOTED: usize = 100;
/// Marks where text was cut off.
const CUT: &str = "...";

/// Whether a character would end the line, move the cursor, or change the direction of the text around it.
fn needs_escape(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Text collected up to a maximum number of bytes.
struct Bounded {
    text: String,
    most: usize,
    /// Length of the text made of whole pieces after which `CUT` still fits.
    fits: usize,
}

impl Bounded {
    fn new(most: usize) -> Bounded {
        Bounded { text: String::with_capacity(most.min(128)), most, fits: 0 }
    }

    /// Appends a piece that must not be split. Returns false, after appending `CUT`, if the maximum is exceeded.
    fn push(&mut self, piece: impl Iterator<Item = char>) -> bool {
        self.text.extend(piece);
        if self.text.len() + CUT.len() <= self.most {
            self.fits = self.text.len();
        }
        if self.text.len() <= self.most {
            return true;
        }
        self.text.truncate(self.fits);
        self.text.push_str(CUT);
        false
    }
}

/// A message in the form in which it leaves the library: control characters are escaped, and excess text is cut off.
pub fn one_line(text: String) -> String {
    let is_plain = text.bytes().all(|b| matches!(b, b' '..=b'~'));
    if is_plain && text.len() <= MAX_MESSAGE {
        return text;
    }
    let mut line = Bounded::new(MAX_MESSAGE);
    for c in text.chars() {
        let fits = if needs_escape(c) { line.push(c.escape_default()) } else { line.push([c].into_iter()) };
        if !fits {
            break;
        }
    }
    line.text
}

/// Displays a name in quotes, escaped, and cut off if it is long.
pub struct Quoted<'a>(pub &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut name = Bounded::new(MAX_QUOTED);
        for c in self.0.chars() {
            let fits = match c {
                '\'' => name.push(['\''].into_iter()),
                _ if needs_escape(c) => name.push(c.escape_default()),
                _ => name.push(c.escape_debug()),
            };
            if !fits {
                break;
            }
        }
        write!(f, "\"{}\"", name.text)
    }
}

/// A comma-separated list of at most `most` names, followed by the number of names left out.
pub fn list(items: impl ExactSizeIterator<Item = String>, most: usize) -> String {
    let (mut text, count) = (String::new(), items.len());
    for (i, item) in items.take(most).enumerate() {
        let _ = write!(text, "{}{item}", if i > 0 { ", " } else { "" });
    }
    if count > most {
        let _ = write!(text, " and {} more", count - most);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_stay_on_their_line() {
        assert_eq!(one_line("plain \u{e4}\u{1f600}".into()), "plain \u{e4}\u{1f600}");
        let odd = "a\nb\r\0\u{1b}[31m\u{7f}\u{85}\u{2028}\u{202e}c\td";
        assert_eq!(one_line(odd.into()), "a\\nb\\r\\u{0}\\u{1b}[31m\\u{7f}\\u{85}\\u{2028}\\u{202e}c\\td");
        // What is already escaped stays as it is.
        assert_eq!(one_line(one_line(odd.into())), one_line(odd.into()));
    }

    #[test]
    fn messages_are_bounded() {
        for c in ["x", "\u{e4}", "\u{1f600}", "\n", "\u{202e}"] {
            let much = if cfg!(miri) { 2 * MAX_MESSAGE } else { 100_000 };
            for n in [300, MAX_MESSAGE - 1, MAX_MESSAGE, MAX_MESSAGE + 1, much] {
                let line = one_line(c.repeat(n));
                assert!(line.len() <= MAX_MESSAGE && line.len() > 290, "{c:?} {n}: {}", line.len());
                let whole =
                    if needs_escape(c.chars().next().unwrap()) { c.escape_default().to_string() } else { c.into() };
                let whole = whole.repeat(n);
                let expected = if whole.len() <= MAX_MESSAGE { line == whole } else { line.ends_with(CUT) };
                assert!(expected, "{c:?} {n}: {line}");
            }
        }
    }

    #[test]
    fn names_are_quoted_and_cut() {
        assert_eq!(Quoted("a'b").to_string(), "\"a'b\"");
        assert_eq!(Quoted("a\"b\\\n\0").to_string(), "\"a\\\"b\\\\\\n\\u{0}\"");
        assert_eq!(Quoted("\u{202e}").to_string(), "\"\\u{202e}\"");
        let long = Quoted(&"x".repeat(1000)).to_string();
        assert!(long.len() == MAX_QUOTED + 2 && long.ends_with("...\""), "{long}");
        assert_eq!(Quoted(&"x".repeat(MAX_QUOTED)).to_string().len(), MAX_QUOTED + 2);
    }

    #[test]
    fn lists_say_how_many_more() {
        let names = |n: usize| list((0..n).map(|i| i.to_string()).collect::<Vec<_>>().into_iter(), 3);
        assert_eq!((names(0).as_str(), names(1).as_str(), names(3).as_str()), ("", "0", "0, 1, 2"));
        assert_eq!(names(5), "0, 1, 2 and 2 more");
    }
}
