# One image for each program: docker build --target service --build-arg SERVICE=users, --target forum, --target lambda
# The file that AWS Lambda takes in place of an image: docker build --target lambda-zip --output . .
#
# BuildKit keeps the registry and the target folder between builds, so only what changed is compiled, and the targets share one
# compilation.

FROM rust:1.95-slim-bookworm AS build
WORKDIR /src
ARG TARGETARCH
ARG FORUM_REVISION
# release, or local: without optimization of each program as a whole, for images that stay on this machine.
ARG PROFILE=release
COPY . .
# The cache may be newer than these sources (another branch was built since), which cargo tells by their times alone.
RUN --mount=type=cache,id=forum-registry,target=/usr/local/cargo/registry \
    --mount=type=cache,id=forum-target-${TARGETARCH},target=/src/target,sharing=locked \
    find . -path ./target -prune -o -type f -exec touch {} + \
 && cargo build --profile "$PROFILE" --locked -p '*-svc' -p forum -p forum-lambda \
 && mkdir -p /out/data \
 && cp target/$PROFILE/*-svc target/$PROFILE/forum target/$PROFILE/forum-lambda /out/

# Lambda's own system (provided.al2023) has glibc 2.34: a program that needs a newer one would not start there.
FROM build AS lambda-file
RUN newest=$(objdump -T /out/forum-lambda | grep -o 'GLIBC_2\.[0-9]*' | sort -Vu | tail -n 1) \
 && [ "$(printf '%s\n' "$newest" GLIBC_2.34 | sort -V | tail -n 1)" = GLIBC_2.34 ] || { echo "forum-lambda needs $newest" >&2; exit 1; }
RUN apt-get update && apt-get install --yes --no-install-recommends zip \
 && cp /out/forum-lambda /out/bootstrap && zip --junk-paths /forum-lambda.zip /out/bootstrap

FROM scratch AS lambda-zip
COPY --from=lambda-file /forum-lambda.zip /

# No shell, no package manager. The root file system may be read-only: only DATA_DIR is written, and only with JSON files.
FROM gcr.io/distroless/cc-debian12:nonroot AS base
# A new named volume takes its owner from the folder that it is mounted on.
COPY --from=build --chown=65532:65532 /out/data /data
ENV HOST=0.0.0.0 LOG_FORMAT=json DATA_DIR=/data
USER 65532:65532
ARG FORUM_REVISION
LABEL org.opencontainers.image.vendor="forum-microservices" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0" \
      org.opencontainers.image.revision="${FORUM_REVISION}"

# One service, by its name: users for crates/users-svc. It listens on the port that is its default.
FROM base AS service
ARG SERVICE
LABEL org.opencontainers.image.title="${SERVICE}" org.opencontainers.image.description="The ${SERVICE} service of the forum"
COPY --from=build /out/${SERVICE}-svc /usr/local/bin/service
HEALTHCHECK --interval=5s --timeout=5s --start-period=10s --retries=3 CMD ["service", "healthcheck"]
ENTRYPOINT ["service"]

FROM base AS lambda
LABEL org.opencontainers.image.title="lambda" org.opencontainers.image.description="The whole forum as a function of AWS Lambda"
COPY --from=build /out/forum-lambda /usr/local/bin/
ENTRYPOINT ["forum-lambda"]

FROM base AS forum
LABEL org.opencontainers.image.title="forum" org.opencontainers.image.description="The operator's tool of the forum"
COPY --from=build /out/forum /usr/local/bin/
ENTRYPOINT ["forum"]
