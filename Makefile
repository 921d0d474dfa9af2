# wrt: `make run` shows it at work, `make test` tests everything. Both first install the programs they need (scripts/setup.sh);
# `make build` installs nothing and needs no network but for cargo's crates.

PREFIX ?= /usr/local
DESTDIR ?=
# For example --offline.
CARGO_FLAGS ?=
VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
RELEASE := target/release
DIST := target/dist

.PHONY: build run test test-full headers install uninstall bench bench-gc bench-references bench-wasi clean setup dist

build: dist

setup:
	@bash scripts/setup.sh

# The static library, whose only global symbols are the API's; the shared one, linked from it with symbol versions (which cargo's own
# link step cannot give it); and the command-line program.
dist:
	cargo build --release --lib $(CARGO_FLAGS)
	bash scripts/link-static.sh $(RELEASE)/libwrt.a $(DIST)/lib
	bash scripts/link-shared.sh $(DIST)/lib/libwrt.a $(DIST)/lib $(VERSION)
	mkdir -p $(DIST)/include
	cp include/wrt.h $(DIST)/include/
	bash scripts/build-cli.sh $(DIST)

run: setup
	$(MAKE) dist
	bash scripts/run.sh $(DIST)

test: setup
	$(MAKE) dist
	bash scripts/test.sh $(DIST)

# What takes too long for `make test`.
test-full:
	bash scripts/test-full.sh

headers:
	WRT_BLESS=1 cargo test --test header

# From what `make build` left in target/dist; needs neither cargo nor a network.
install:
	bash scripts/install.sh $(DIST) "$(PREFIX)" $(VERSION) "$(DESTDIR)"

uninstall:
	bash scripts/uninstall.sh "$(PREFIX)" "$(DESTDIR)"

# All groups against Wasmtime and V8, or those of GROUPS="gc calls"; ROUNDS=1 only tries whether everything runs. docs/performance.md.
GROUPS ?=
ROUNDS ?= 5
bench: dist
	python3 benches/bench.py $(DIST) $(GROUPS) --rounds $(ROUNDS)

bench-gc:
	$(MAKE) bench GROUPS=gc

bench-references:
	$(MAKE) bench GROUPS=calls

bench-wasi:
	$(MAKE) bench GROUPS=wasi

clean:
	cargo clean
