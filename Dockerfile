# The image for users. Its last stage is empty but for three files, which are the same that the
# development hub's image holds (a test compares both definitions). For x86_64 only, the one target that
# Skep is built for (.cargo/config.toml).
FROM docker.io/library/rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
RUN cargo build --release --locked --package skep --bin skep \
 && cp target/x86_64-unknown-linux-gnu/release/skep /skep \
 && printf 'skep:x:65532:65532:skep:/:/sbin/nologin\n' > /passwd

FROM scratch
COPY --from=build --chmod=0755 /skep /usr/bin/skep
COPY --from=build --chmod=0644 /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build --chmod=0644 /passwd /etc/passwd
USER 65532:65532
ENTRYPOINT ["/usr/bin/skep"]
