# The commands of the repository. `make help` lists them.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

toolchain := $(shell scripts/toolchain || echo failed)
ifeq ($(toolchain),failed)
$(error no usable Rust toolchain: see rust-toolchain.toml)
endif
ifneq ($(toolchain),)
export RUSTUP_TOOLCHAIN := $(toolchain)
endif

.PHONY: help run test lint bench bench-parts fuzz images test-cluster

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' Makefile | expand -t 16

# Started in the background a shell has it ignore SIGINT; Ctrl-C must work all the same.
run: ## builds and starts test source, ingest and UI with a test card; Ctrl-C stops all
	@env --default-signal=INT scripts/run

# Most of the end-to-end tests only wait; the heavy ones lock among themselves.
E2E_THREADS ?= 6

# The programs first: the tests in tests/ start them as processes, those under load as released.
test: ## sets up what the tests need and runs all that this machine can run (root: namespaces too)
	@scripts/setup
	cargo build --locked --workspace --bins
	cargo build --locked --release -p encoder-ingest -p source-server
	@failed=; \
	run() { echo "$$@"; "$$@" || failed=1; }; \
	run cargo test --locked --no-fail-fast --workspace --exclude e2e; \
	run cargo test --locked --no-fail-fast -p e2e -- --test-threads $(E2E_THREADS); \
	run npm --prefix encoder-ui/web run --silent test; \
	run npm --prefix tests/browser run --silent test; \
	test -z "$$failed"

lint: ## format, clippy, documentation and the page's types, warnings denied
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets --features e2e/cluster -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps --document-private-items
	cargo fmt --manifest-path fuzz/Cargo.toml --check
	npm --prefix encoder-ui/web run --silent lint

# Release, all of it: a debug build says nothing about speed.
bench: ## the whole process against the floor (root; FILTER='A B viewers', SECONDS_EACH=, ROUNDS=, BENCH_OPTIONS=)
	cargo build --locked --release -p encoder-ingest -p source-server -p benches --bins
	$${CARGO_TARGET_DIR:-target}/release/bench $(FILTER) \
	    $(addprefix --seconds ,$(SECONDS_EACH)) $(addprefix --rounds ,$(ROUNDS)) $(BENCH_OPTIONS)

bench-parts: ## criterion benches of the parts (FILTER=text)
	cargo bench --locked -p benches -- $(FILTER)

fuzz: ## fuzzes each target for SECONDS_EACH (60); needs cargo-fuzz (`cargo install cargo-fuzz`)
	@scripts/fuzz $(or $(SECONDS_EACH),60)

images: ## container images as target/images/NAME.tar (buildah, podman or docker; no registry needed)
	@scripts/images $(IMAGES)

test-cluster: ## the tests on a real cluster: $KUBECONFIG, else kubelab (FILTER=text; scripts/test-cluster)
	@scripts/test-cluster $(FILTER)
