# The commands of the repository. `make run` and `make test` need Rust, a C and a C++ compiler and Perl, and fetch what else they need into the user's cache folder.

CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/herald
export CARGO_TARGET_DIR ?= $(CACHE)/target
export HERALD_TOOLS ?= $(CACHE)/tools
CARGO_DENY := $(HERALD_TOOLS)/cargo-deny-0.20.2/bin/cargo-deny
CARGO_CYCLONEDX := $(HERALD_TOOLS)/cargo-cyclonedx-0.5.9/bin/cargo-cyclonedx
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
	$(if $(WITH_RECEIVERS),,@echo; echo "left out: the receivers against their products' servers (make test-all)")

# The harness is built with the whole workspace as the rest is: alone, it wants its dependencies with other features, and they would be built twice.
.PHONY: test-all
test-all: ## Every receiver against its product's server, and as test (LEAVE_OUT=loki: but for that one)
	@testkit/tools.sh all $(filter-out $(LEAVE_OUT),$(RECEIVERS))
	cargo test --locked --workspace --test servers -- all $(addprefix -,$(LEAVE_OUT))
	@$(MAKE) test WITH_RECEIVERS=1

.PHONY: lint
lint: $(CARGO_DENY) ## Checks formatting, lints, dependency rules and documentation
	cargo fmt --all --check
	cargo fmt --manifest-path fuzz/Cargo.toml --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	cargo clippy --locked -p herald-sinks --no-default-features -- -D warnings
	cargo fetch --locked --quiet
	cargo fetch --locked --quiet --manifest-path fuzz/Cargo.toml
	"$(CARGO_DENY)" --offline --locked check bans licenses sources
	"$(CARGO_DENY)" --offline --locked --config deny.toml --manifest-path fuzz/Cargo.toml check bans licenses sources
	RUSTDOCFLAGS="-D warnings -A rustdoc::private-intra-doc-links" cargo doc --locked --workspace --no-deps --document-private-items --quiet

# Apart from lint, which a machine without a way to github.com can run.
.PHONY: advisories
advisories: $(CARGO_DENY) ## Compares the crates used with RustSec's advisories, which are fetched from github.com
	"$(CARGO_DENY)" --locked check advisories

SBOM := $(CARGO_TARGET_DIR)/sbom

# The same on every machine: the time is the commit's, and no path of the checkout is left in it.
.PHONY: sbom
sbom: $(CARGO_CYCLONEDX) ## Writes what each binary is made of, as CycloneDX (JSON)
	@rm -rf "$(SBOM)" && mkdir -p "$(SBOM)"
	cargo fetch --locked --quiet
	SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) "$(CARGO_CYCLONEDX)" cyclonedx --quiet --format json --spec-version 1.5 \
		--describe binaries --no-build-deps --target x86_64-unknown-linux-gnu
	@for name in herald herald-watcher herald-enricher herald-router herald-sinks; do \
		sed "s#$(CURDIR)/##g" "$${name#herald-}/$${name}_bin.cdx.json" > "$(SBOM)/$$name.cdx.json" || exit 1; \
	done; rm -f ./*/*_bin.cdx.json
	@ls "$(SBOM)"/*.json

.PHONY: tools
tools: ## Gets nats-server, etcd and kube-apiserver, as far as they are not there
	@testkit/tools.sh all

$(CARGO_CYCLONEDX):
	@echo "building cargo-cyclonedx (about two minutes, once)"
	cargo install cargo-cyclonedx --version 0.5.9 --locked --quiet --root "$(HERALD_TOOLS)/cargo-cyclonedx-0.5.9"

$(CARGO_DENY):
	@echo "building cargo-deny (about five minutes, once)"
	cargo install cargo-deny --version 0.20.2 --locked --quiet --root "$(HERALD_TOOLS)/cargo-deny-0.20.2"

# One build for both: with other features, the second of the two would build everything anew.
.PHONY: measured
measured: tools
	cargo build --release --locked --bins --example counting

.PHONY: bench
bench: measured ## Measures speed, latency, memory, beside HERALD_PEER=<other exporter> (ARGS=throughput: only that; ARGS=--help)
	"$(CARGO_TARGET_DIR)/release/herald-bench" --json "$(CARGO_TARGET_DIR)/bench.json" $(ARGS)

.PHONY: chaos
chaos: measured ## Breaks everything around Herald for ten minutes and accounts for every event: SEED=, SECONDS=
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
