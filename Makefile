# `make run` runs examples, `make test` runs all tests. Both first install the programs they need (scripts/setup.sh). `make build` installs
# nothing, and needs the network only for cargo's crates.

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

# The static library, whose only global symbols are those of the API; the shared library, linked from it with symbol versions (cargo's own
# link step cannot add them); and the command-line program.
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

# Tests that take too long for `make test`.
test-full:
	bash scripts/test-full.sh

headers:
	WRT_BLESS=1 cargo test --test header

# Installs the results of `make build` from target/dist. Needs neither cargo nor a network.
install:
	bash scripts/install.sh $(DIST) "$(PREFIX)" $(VERSION) "$(DESTDIR)"

uninstall:
	bash scripts/uninstall.sh "$(PREFIX)" "$(DESTDIR)"

# Compares all groups with Wasmtime and V8, or only those in GROUPS="gc calls". ROUNDS=1 only checks that everything runs. See
# docs/performance.md.
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
