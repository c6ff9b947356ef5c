# The two commands of a fresh clone: `make run` (the main job) and `make test`.
.PHONY: run test lint

run:
	cargo build --release --locked
	scripts/ensure-adapter.sh target/release/flopcast
	cargo run --release --locked

test:
	cargo build --locked
	scripts/ensure-adapter.sh target/debug/flopcast
	cargo test --locked

# What CI checks beside the tests.
lint:
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings
	cargo clippy --locked --no-default-features --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps
