//! Function types as text: `(i32, i64) -> f64`, `()`, `(f32) -> (i32, i32)`.

use super::types::{FuncType, HeapType, RefType, ValType};
use crate::base::{Error, Quoted, Result};
use crate::err;

/// Parses the format in which `FuncType` prints.
pub fn parse(text: &str) -> Result<FuncType> {
    let mut p = Parser { text, at: 0 };
    let params = p.list()?;
    let results = match p.eat("->") {
        true if p.peek() == Some('(') && !p.rest().starts_with("(ref ") => p.list()?,
        true => vec![p.val_type()?],
        false => Vec::new(),
    };
    match p.peek() {
        None => Ok(FuncType::new(params, results)),
        Some(_) => Err(p.error("the end or \"->\"")),
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl Parser<'_> {
    fn rest(&mut self) -> &str {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start().len();
        &self.text[self.at..]
    }

    fn peek(&mut self) -> Option<char> {
        self.rest().chars().next()
    }

    fn eat(&mut self, token: &str) -> bool {
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    fn error(&mut self, expected: &str) -> Error {
        let found = match self.rest() {
            "" => "the end".into(),
            rest => Quoted(rest).to_string(),
        };
        let (text, column) = (Quoted(self.text), self.at + 1);
        err!(InvalidArgument, "signature {text}, column {column}: expected {expected}, found {found}")
    }

    fn list(&mut self) -> Result<Vec<ValType>> {
        if !self.eat("(") {
            return Err(self.error("\"(\""));
        }
        let mut types = Vec::new();
        if self.eat(")") {
            return Ok(types);
        }
        loop {
            types.push(self.val_type()?);
            if self.eat(")") {
                return Ok(types);
            }
            if !self.eat(",") {
                return Err(self.error("\",\" or \")\""));
            }
        }
    }

    fn val_type(&mut self) -> Result<ValType> {
        const NUMBERS: [ValType; 5] = [ValType::I32, ValType::I64, ValType::F32, ValType::F64, ValType::V128];
        const HEAPS: [HeapType; 12] = [
            HeapType::Func,
            HeapType::NoFunc,
            HeapType::Extern,
            HeapType::NoExtern,
            HeapType::Any,
            HeapType::Eq,
            HeapType::I31,
            HeapType::Struct,
            HeapType::Array,
            HeapType::None,
            HeapType::Exn,
            HeapType::NoExn,
        ];
        let reference = |nullable| move |heap| ValType::Ref(RefType { nullable, heap });
        let nullable = HEAPS.map(reference(true));
        if self.eat("(") {
            // `(ref null any)`, or `(ref any)`.
            let is_ref = self.eat("ref ");
            let null = self.eat("null ");
            let word = self.word();
            let found = HEAPS.iter().find(|h| is_ref && h.to_string() == word);
            let Some(heap) = found else { return Err(self.error("an abstract reference type")) };
            self.at += word.len();
            return if self.eat(")") { Ok(reference(null)(*heap)) } else { Err(self.error("\")\"")) };
        }
        let word = self.word();
        match NUMBERS.iter().chain(&nullable).find(|t| t.to_string() == word) {
            Some(t) => {
                self.at += word.len();
                Ok(*t)
            }
            None => Err(self.error("a value type")),
        }
    }

    fn word(&mut self) -> String {
        self.rest().chars().take_while(|c| c.is_ascii_alphanumeric()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_is_parsed() {
        for text in [
            "()",
            "(i32)",
            "() -> f64",
            "(i32, i64) -> f64",
            "(v128, funcref) -> (i32, i32)",
            "(anyref) -> externref",
            "((ref i31), eqref) -> (ref extern)",
            "(nullref) -> ((ref any), structref)",
        ] {
            assert_eq!(parse(text).unwrap().to_string(), text);
        }
        assert_eq!(parse(" ( i32,i64 )->f64 ").unwrap().to_string(), "(i32, i64) -> f64");
    }

    #[test]
    fn errors_say_where() {
        for (text, column) in
            [("", 1), ("i32", 1), ("(i32", 5), ("(i32,)", 6), ("(int)", 2), ("(i32) i32", 7), ("() ->", 6)]
        {
            let e = parse(text).unwrap_err();
            assert!(e.message().contains(&format!("column {column}:")), "{text}: {e}");
        }
    }
}
