# The daemon in an image of its own. Building it needs the crates and Debian packages, nothing else.

FROM rust:1.95-bookworm AS build
WORKDIR /src

# Dependencies change seldom and take most of the time: they are built from the manifest alone, and
# their layer is kept until it changes.
COPY Cargo.toml Cargo.lock ./
RUN mkdir -p src tests/it tests/figures \
    && echo 'fn main() {}' | tee src/main.rs tests/it/main.rs > tests/figures/main.rs \
    && touch src/lib.rs \
    && cargo build --release --locked --bin barkeep

# What came with an older date than the stand-ins above would not be built again.
COPY config.toml ./
COPY migrations migrations
COPY src src
RUN find src -name '*.rs' -exec touch {} + \
    && cargo build --release --locked --bin barkeep \
    && strip target/release/barkeep

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /var/lib/barkeep barkeep \
    && install --directory --owner barkeep /var/lib/barkeep /var/lib/barkeep/data
COPY --from=build /src/target/release/barkeep /usr/local/bin/barkeep

# Lake and store are below data, as the defaults say.
USER 10001
WORKDIR /var/lib/barkeep
VOLUME /var/lib/barkeep/data
ENV BARKEEP__LOG__FORMAT=json
HEALTHCHECK --interval=15s --timeout=10s --start-period=2m CMD ["barkeep", "health"]
ENTRYPOINT ["barkeep"]
CMD ["serve"]
