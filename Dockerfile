# One image with all five binaries: herald-watcher, herald-enricher, herald-router, herald-sinks and herald.
#
#   docker build -t herald .
#   docker build -t herald:0.1.0 --build-arg VERSION=0.1.0 --build-arg REVISION=$(git rev-parse HEAD) .
#
# The final image has no shell and no package manager, runs as uid 65532 and needs no writable path, so start it with a
# read-only root. There is no entrypoint: the command says which binary runs. Without one it is `herald up`, the four
# stages in one process; the image holds no nats-server, so set HERALD_NATS.
#
# librdkafka and its OpenSSL, zlib and zstd are built from source and linked in, with the compilers, make and Perl that the build image has.
# Nothing here needs BuildKit. Dependencies are built in a layer of their own, which stays valid until a Cargo.toml or
# Cargo.lock changes.

# The workspace reduced to what decides its dependencies: manifests, the lock file, and every target's root file emptied.
FROM rust:1.95-bookworm AS manifests
WORKDIR /src
COPY . .
RUN find . -type f ! -name Cargo.toml ! -name Cargo.lock ! -name build.rs \
         ! -path '*/src/lib.rs' ! -path '*/src/main.rs' ! -path '*/src/bin/*.rs' \
         ! -path './*/tests/*.rs' ! -path './*/benches/*.rs' ! -path './examples/*.rs' -delete \
 && find . -name '*.rs' | while read -r file; do echo 'fn main() {}' > "$file"; done \
 && find . -type d -empty -delete

FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY --from=manifests /src .
ARG BINARIES="--bin herald --bin herald-watcher --bin herald-enricher --bin herald-router --bin herald-sinks"
RUN cargo build --release --locked $BINARIES
COPY . .
ARG REVISION=unknown
# Cargo goes by modification times, and the emptied files are newer than the checkout's.
RUN find . -name '*.rs' -not -path './target/*' -exec touch {} + \
 && HERALD_REVISION="$REVISION" cargo build --release --locked $BINARIES \
 && mkdir /out \
 && cp target/release/herald target/release/herald-watcher target/release/herald-enricher \
       target/release/herald-router target/release/herald-sinks /out/

FROM gcr.io/distroless/cc-debian12:nonroot
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Herald" \
      org.opencontainers.image.description="Exports Kubernetes events: watch, enrich, route, deliver" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /out/ /usr/local/bin/
ENV HERALD_CONF=/etc/herald/config.yaml
USER 65532:65532
WORKDIR /
EXPOSE 2112
CMD ["/usr/local/bin/herald", "up"]
