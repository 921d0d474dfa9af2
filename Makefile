# wrt: `make run` shows it at work, `make test` tests everything. Both install what they need (scripts/setup.sh).

PREFIX ?= /usr/local
VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
RELEASE := target/release
DIST := target/dist

.PHONY: build run test headers install bench bench-gc bench-references bench-instantiate clean setup dist

build: dist

setup:
	@bash scripts/setup.sh

# The static library, and the shared one linked from it with symbol versions (which cargo's own link step can not give).
dist: setup
	cargo build --release --lib
	bash scripts/link-shared.sh $(RELEASE)/libwrt.a $(DIST)/lib $(VERSION)
	mkdir -p $(DIST)/include
	cp include/wrt.h $(DIST)/include/
	cp $(RELEASE)/libwrt.a $(DIST)/lib/

run: dist
	bash scripts/run.sh $(DIST)

test: dist
	bash scripts/test.sh $(DIST)

headers:
	WRT_BLESS=1 cargo test --test header

install: dist
	bash scripts/install.sh $(DIST) "$(PREFIX)" $(VERSION)

bench: dist
	python3 benches/run.py $(DIST)

bench-gc: dist
	python3 benches/gc.py $(DIST)

bench-references: dist
	python3 benches/references.py $(DIST)

bench-instantiate: dist
	python3 benches/instantiate.py $(DIST)

clean:
	cargo clean
