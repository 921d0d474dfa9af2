//! Documents and comments are in plain English, as far as a list of phrases tells (`dialect.txt`).

use super::*;

const LIST: &str = include_str!("dialect.txt");
/// Folders, and the extension of the files in them whose comments are read.
const SOURCES: &[(&str, &str)] = &[
    ("src", "rs"),
    ("tests", "rs"),
    ("capi-tests", "c"),
    ("cli", "c"),
    ("cli", "h"),
    ("include", "h"),
    ("examples-c", "c"),
];

/// The comments of a source file, and empty lines in place of the rest.
fn comments(text: &str) -> String {
    let (mut out, mut inside) = (String::new(), false);
    for line in text.lines() {
        let start = if inside { Some(0) } else { line.find("//").into_iter().chain(line.find("/*")).min() };
        inside = match (line.rfind("/*"), line.rfind("*/")) {
            (Some(open), Some(close)) => open > close,
            (Some(_), None) => true,
            (None, Some(_)) => false,
            (None, None) => inside,
        };
        out.push_str(start.map_or("", |at| &line[at..]));
        out.push('\n');
    }
    out
}

/// Whether a line has a phrase as whole words.
fn has(line: &str, phrase: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(phrase)
        .any(|(at, _)| !line[..at].ends_with(is_word) && !line[at + phrase.len()..].starts_with(is_word))
}

#[test]
fn prose_is_plain_english() {
    let rules: Vec<&str> = LIST.lines().filter(|l| !l.is_empty() && !l.starts_with('#')).collect();
    let allowed: Vec<&str> = rules.iter().filter_map(|l| l.strip_prefix("allow ")).collect();
    let phrases: Vec<(&str, &str)> = rules.iter().filter_map(|l| l.split_once(": ")).collect();
    assert!(phrases.len() > 10 && phrases.len() + allowed.len() == rules.len(), "dialect.txt is odd");
    let sources = SOURCES.iter().flat_map(|(folder, extension)| files(folder, extension));
    let texts = sources.map(|(name, text)| (name, comments(&text))).chain(documents());
    let mut offences = Vec::new();
    for (name, text) in texts {
        for (i, line) in text.lines().enumerate() {
            let plain = allowed.iter().fold(line.to_lowercase(), |line, phrase| line.replace(phrase, ""));
            for (phrase, instead) in phrases.iter().filter(|(phrase, _)| has(&plain, phrase)) {
                offences.push(format!("{name}:{}: \"{phrase}\"; write: {instead}", i + 1));
            }
        }
    }
    assert_none("phrases of dialect.txt", offences);
}
