# The commands of the repository. `make run` and `make test` need Rust, and fetch what else they need into the user's cache folder.

CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/herald
export CARGO_TARGET_DIR ?= $(CACHE)/target
export HERALD_TOOLS ?= $(CACHE)/tools
CARGO_DENY := $(HERALD_TOOLS)/cargo-deny-0.20.2/bin/cargo-deny
CARGO_FUZZ := $(HERALD_TOOLS)/cargo-fuzz-0.13.2/bin/cargo-fuzz
FUZZ_TARGETS ?= template config event
FUZZ_SECONDS ?= 600
RECEIVERS = $(shell testkit/tools.sh --receivers)
SKIPPED := $(CARGO_TARGET_DIR)/skipped-tests
.DEFAULT_GOAL := help

.PHONY: help
help: ## Lists the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

HERALD := "$(CARGO_TARGET_DIR)/debug/herald"

.PHONY: run
run: ## Builds and runs the whole exporter: the current cluster's events, or a demo cluster's
	@testkit/tools.sh nats-server
	@echo "building Herald (the first time it takes about three minutes)"
	@cargo build --locked --bin herald
	@$(HERALD) cluster || testkit/tools.sh demo
	@$(HERALD) up --demo=auto $(ARGS)

.PHONY: build
build: ## Builds every binary for production
	cargo build --release --locked --bins

.PHONY: test
test: tools ## Builds and runs every test, against real servers
	@rm -f "$(SKIPPED)"; mkdir -p "$(CARGO_TARGET_DIR)"
	cargo build --locked --workspace --bins --examples
	HERALD_SKIPPED="$(SKIPPED)" cargo test --locked --workspace --no-fail-fast
	@if [ -s "$(SKIPPED)" ]; then echo; echo "left out for want of a server (make tools gets them):"; sort -u "$(SKIPPED)"; fi
	@echo; echo "left out: the receivers against their products' servers (make test-all)"

.PHONY: test-all
test-all: ## As test, and every receiver against its product's server (LEAVE_OUT=loki: but for that one)
	@testkit/tools.sh all $(filter-out $(LEAVE_OUT),$(RECEIVERS))
	@$(MAKE) test
	cargo test --locked -p herald-sinks --test servers -- all $(addprefix -,$(LEAVE_OUT))

.PHONY: lint
lint: $(CARGO_DENY) ## Checks formatting, lints, dependency rules and documentation
	cargo fmt --all --check
	cargo fmt --manifest-path fuzz/Cargo.toml --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	cargo fetch --locked --quiet
	cargo fetch --locked --quiet --manifest-path fuzz/Cargo.toml
	"$(CARGO_DENY)" --offline --locked check bans licenses sources
	"$(CARGO_DENY)" --offline --locked --config deny.toml --manifest-path fuzz/Cargo.toml check bans licenses sources
	RUSTDOCFLAGS="-D warnings -A rustdoc::private-intra-doc-links" cargo doc --locked --workspace --no-deps --document-private-items --quiet

.PHONY: tools
tools: ## Gets nats-server, etcd and kube-apiserver, as far as they are not there
	@testkit/tools.sh all

$(CARGO_DENY):
	@echo "building cargo-deny (about five minutes, once)"
	cargo install cargo-deny --version 0.20.2 --locked --quiet --root "$(HERALD_TOOLS)/cargo-deny-0.20.2"

.PHONY: bench
bench: tools ## Measures speed, latency, memory, beside HERALD_PEER=<other exporter> (ARGS=throughput: only that; ARGS=--help)
	cargo build --release --locked --bins --example counting
	"$(CARGO_TARGET_DIR)/release/herald-bench" --json "$(CARGO_TARGET_DIR)/bench.json" $(ARGS)

.PHONY: chaos
chaos: build tools ## Breaks everything around Herald for ten minutes and accounts for every event: SEED=, SECONDS=
	"$(CARGO_TARGET_DIR)/release/herald-chaos" $(if $(SEED),--seed $(SEED)) $(if $(SECONDS),--seconds $(SECONDS)) $(ARGS)

# Timeouts are hangs, and findings like panics. Without a sanitizer the pinned compiler will do: there is no unsafe code to look into.
.PHONY: fuzz
fuzz: $(CARGO_FUZZ) ## Looks for inputs that break a property, FUZZ_SECONDS (600) for each of FUZZ_TARGETS (all)
	cargo run --locked --quiet -p herald-properties --example seeds -- fuzz/corpus
	cargo fetch --locked --quiet --manifest-path fuzz/Cargo.toml
	@set -e; for target in $(FUZZ_TARGETS); do \
		"$(CARGO_FUZZ)" run --sanitizer none $$target -- -dict=fuzz/corpus/$$target.dict -max_total_time=$(FUZZ_SECONDS) \
			-timeout=10 -rss_limit_mb=1024 -max_len=8192 -print_final_stats=1; \
	done

$(CARGO_FUZZ):
	@echo "building cargo-fuzz (about two minutes, once)"
	cargo install cargo-fuzz --version 0.13.2 --locked --quiet --root "$(HERALD_TOOLS)/cargo-fuzz-0.13.2"

.PHONY: image
image: ## Builds the container image
	docker build --tag herald .
