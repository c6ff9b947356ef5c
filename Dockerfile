# flopcast with Mesa's lavapipe inside: measures any host on its processor, GPU or not, and forecasts from it.
#
#   docker build -t flopcast .
#   docker run --rm flopcast                                    # the main job
#   mkdir -p out                                                # as you, so that the container may write into it
#   docker run --rm -u "$(id -u):$(id -g)" -v "$PWD/out:/out" flopcast smoke --junit /out/smoke.xml
#   docker run --rm --entrypoint flopcast-gate flopcast --no-smoke   # the gate of ci/
#
# A host's GPU is seen only with its driver in the container (NVIDIA: --gpus all and NVIDIA_DRIVER_CAPABILITIES=graphics).

FROM rust:1.95.0-slim-bookworm AS build
WORKDIR /src
# Dependencies first, against an empty crate: they are built again only when the manifest or the lock file changes. Every
# target that the manifest names has to be there, or cargo does not read it.
COPY Cargo.toml Cargo.lock build.rs ./
RUN mkdir -p src benches examples && touch src/lib.rs && echo 'fn main() {}' > src/main.rs \
    && for target in benches/search benches/host benches/probes benches/matmul examples/custom_kernel examples/measure_one; \
    do echo 'fn main() {}' > "$target.rs"; done \
    && cargo build --release --locked --bin flopcast
COPY . .
# Older than what was built just now, to cargo; so their time is set.
RUN find src shaders data build.rs -type f -exec touch {} + \
    && cargo build --release --locked --bin flopcast

FROM debian:12.11-slim
# The release of Debian is pinned; its mirrors keep only the latest version of a package, so these are not.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends mesa-vulkan-drivers libvulkan1 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 1000 flopcast \
    && install -d -o flopcast /out
COPY --from=build /src/target/release/flopcast /usr/local/bin/flopcast
COPY ci/gate.sh /usr/local/bin/flopcast-gate
USER 1000:1000
WORKDIR /out
# Of whoever runs it: another user than the image's has no folder of its own.
ENV XDG_RUNTIME_DIR=/tmp XDG_CACHE_HOME=/tmp
ENTRYPOINT ["flopcast"]
