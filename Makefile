# make run        build, then tell the sample case through the real command line (ledger-demo/)
# make test       all tests
# make verifier   the small verifier alone: no service, no RocksDB
# make lint       format and clippy, as .ci/run does
# make bench      what users wait for, then a service on this machine under load
# make clean-demo remove ledger-demo/

CARGO  ?= cargo
TARGET := $(or $(CARGO_TARGET_DIR),target)
# Where rustup puts cargo, for a shell that has not been told.
export PATH := $(PATH):$(or $(CARGO_HOME),$(HOME)/.cargo)/bin

.PHONY: run test verifier bench lint clean-demo

run:
	@bash .ci/setup.sh
	$(CARGO) build --release
	@CUSTODES="$(abspath $(TARGET))/release/custodes" bash .ci/demo.sh

test:
	@bash .ci/setup.sh test
	$(CARGO) test --release

# A target folder of its own: the two sets of features would otherwise undo each other's work.
verifier:
	@bash .ci/setup.sh
	CARGO_TARGET_DIR="$(TARGET)/verifier" $(CARGO) build --release --no-default-features --features verify
	@echo "$(TARGET)/verifier/release/custodes"

bench:
	@bash .ci/setup.sh
	$(CARGO) bench
	$(CARGO) run --release -- bench

lint:
	@bash .ci/setup.sh test
	$(CARGO) fmt --check
	$(CARGO) clippy --release --all-targets -- -D warnings

clean-demo:
	rm -rf ledger-demo
