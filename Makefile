# The two commands of a fresh clone: `make run` (the main job) and `make test`.
.PHONY: run test lint pages docs

run:
	cargo build --release --locked
	scripts/ensure-adapter.sh target/release/flopcast
	cargo run --release --locked

# The program comes out of the tests' own build: `cargo build` would first compile all dependencies with other features.
test:
	cargo test --locked --no-run
	scripts/ensure-adapter.sh target/debug/flopcast
	cargo test --locked

# What CI checks beside the tests.
lint:
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings
	cargo clippy --locked --no-default-features --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps

# What is committed and made by the program itself; tests fail when it is out of date.
pages:
	cargo build --locked
	scripts/pages.sh target/debug/flopcast

# Tables and outputs in the documents, between their markers; tests fail when one is out of date.
docs:
	FLOPCAST_UPDATE_DOCS=1 cargo test --locked --test examples --test documents -- a_forecast what_documents
