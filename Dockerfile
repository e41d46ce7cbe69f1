# The gateway as a container: `docker build -t imm-graphql .` in a clone. docs/operating.md says how to run it.

ARG NODE_IMAGE=node:24-bookworm-slim

# Makes the package, as `npm pack` does for every user of it.
FROM ${NODE_IMAGE} AS build
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY . ./
RUN npm pack

# The package. Its command is a bundle, wherever package.json says, and needs no other package beside it.
FROM ${NODE_IMAGE} AS package
WORKDIR /app
COPY --from=build /build/imm-graphql-*.tgz ./
RUN tar -xzf imm-graphql-*.tgz --strip-components=1 --no-same-owner && rm imm-graphql-*.tgz
RUN ln --symbolic "$(node -p 'require("./package.json").bin["imm-graphql"]')" imm-graphql

FROM ${NODE_IMAGE}
LABEL org.opencontainers.image.title="imm-graphql" \
  org.opencontainers.image.description="A GraphQL gateway over Alibaba Cloud IMM's task APIs" \
  org.opencontainers.image.source="https://github.com/imm-graphql/imm-graphql" \
  org.opencontainers.image.licenses="MIT"
WORKDIR /app
COPY --from=package /app ./
ENV NODE_ENV=production HOST=0.0.0.0
# `node` of the base image, as a number: Kubernetes compares no names with runAsNonRoot.
USER 1000:1000
EXPOSE 4000
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:' + (process.env.PORT || 4000) + '/healthz').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
# Node is the first process of the container, and takes its signals.
ENTRYPOINT ["node", "/app/imm-graphql"]
CMD ["serve"]
