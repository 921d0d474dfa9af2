//! The committed header equals the generated one. `make headers` writes it.

#[test]
fn the_header_is_fresh() {
    let made = include_str!(concat!(env!("OUT_DIR"), "/wrt.h"));
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/include/wrt.h");
    if std::env::var_os("WRT_BLESS").is_some() {
        std::fs::write(path, made).unwrap();
    }
    let committed = std::fs::read_to_string(path).expect("include/wrt.h: run `make headers`");
    assert!(committed == made, "include/wrt.h is stale: run `make headers`");
}
