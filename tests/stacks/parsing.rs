//! Deeply nested text and binaries, on threads with small stacks: always an error or a module, never a crash.

use super::*;

fn nested(open: &str, inner: &str, close: &str, times: usize) -> String {
    [open.repeat(times).as_str(), inner, &close.repeat(times)].concat()
}

fn on_small_threads(f: impl Fn() + Send + Sync) {
    for size in [64 << 10, 256 << 10] {
        on_thread(size, &f);
    }
}

#[test]
fn components_are_refused() {
    for times in [1, 20, 50, 90, 100, 200, 100_000] {
        on_small_threads(|| {
            let engine = Engine::new(&Config::new()).unwrap();
            for keyword in ["component", "core module", "module", "type"] {
                let text = nested(&format!("({keyword} "), "", ")", times);
                let kind = Module::new(&engine, text.as_bytes()).map(|_| ErrorKind::Internal).map_err(|e| e.kind());
                let is_module = keyword == "module" && times == 1;
                let expected = [ErrorKind::Malformed, ErrorKind::Unsupported, ErrorKind::InvalidModule];
                assert_eq!(kind.is_ok(), is_module, "{keyword} {times}");
                assert!(is_module || expected.contains(&kind.unwrap_err()), "{keyword} {times}: {kind:?}");
            }
        });
    }
}

#[test]
fn nested_instructions_compile() {
    for times in [10, 4000] {
        for lazy in [false, true] {
            on_small_threads(|| {
                let engine = Engine::new(&Config::new().lazy(lazy)).unwrap();
                for (open, inner, close) in [
                    ("(block ", "", ")"),
                    ("(loop ", "", ")"),
                    ("(if (i32.const 1) (then ", "", "))"),
                    ("block ", "", "end "),
                    ("(drop (i32.const 0)) (block ", "(nop)", ")"),
                ] {
                    let body = nested(open, inner, close, times);
                    let module = Module::new(&engine, format!("(module (func {body}))").as_bytes());
                    if let Err(e) = module {
                        let expected = [ErrorKind::Malformed, ErrorKind::InvalidModule, ErrorKind::Limit];
                        assert!(expected.contains(&e.kind()), "{open} {times}: {e:?}");
                    }
                }
                let sum = nested("(i32.add (i32.const 1) ", "(i32.const 1)", ")", times);
                let text = format!("(module (func (result i32) {sum}))");
                assert!(Module::new(&engine, text.as_bytes()).is_ok(), "{times}");
                // An error in the middle is located in the text again.
                let wrong = nested("(block ", "(i32.add)", ")", times.min(1000));
                let e = Module::new(&engine, format!("(module (func {wrong}))").as_bytes()).err().unwrap();
                assert!(e.message().starts_with("1:"), "{e}");
            });
        }
    }
}

#[test]
fn types_are_parsed() {
    for times in [1, 30, 90, 1000, 100_000] {
        on_small_threads(|| {
            let engine = Engine::new(&Config::new()).unwrap();
            for (open, close) in
                [("(rec ", ")"), ("(type ", ")"), ("(sub ", ")"), ("(module ", ")"), ("(type (struct (field ", ")))")]
            {
                let text = nested(open, "", close, times);
                if let Err(e) = engine.parse_types(&text) {
                    assert_eq!(e.kind(), ErrorKind::Malformed, "{open} {times}: {e:?}");
                } else {
                    assert_eq!(times, 1, "{open}");
                }
            }
            // Each is a subtype of the one before.
            let chain: String =
                (1..times.min(60)).map(|i| format!("(type $t{i} (sub $t{} (struct)))", i - 1)).collect();
            engine.parse_types(&format!("(type $t0 (sub (struct))) {chain}")).unwrap();
        });
    }
}
