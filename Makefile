# wrt: `make run` shows it at work, `make test` tests everything. Both install what they need (scripts/setup.sh).

PREFIX ?= /usr/local
VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
RELEASE := target/release
DIST := target/dist

.PHONY: build run test headers install bench bench-gc bench-references bench-wasi clean setup dist

build: dist

setup:
	@bash scripts/setup.sh

# The static library, the shared one linked from it with symbol versions (which cargo's own link step can not give), and the
# command-line program.
dist: setup
	cargo build --release --lib
	bash scripts/link-shared.sh $(RELEASE)/libwrt.a $(DIST)/lib $(VERSION)
	mkdir -p $(DIST)/include
	cp include/wrt.h $(DIST)/include/
	cp $(RELEASE)/libwrt.a $(DIST)/lib/
	bash scripts/build-cli.sh $(DIST)

run: dist
	bash scripts/run.sh $(DIST)

test: dist
	bash scripts/test.sh $(DIST)

headers:
	WRT_BLESS=1 cargo test --test header

install: dist
	bash scripts/install.sh $(DIST) "$(PREFIX)" $(VERSION)

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
