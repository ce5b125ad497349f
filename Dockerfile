FROM node:24-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
# No install scripts: nothing that the program needs has one, and the pinned Node of development stays out.
RUN --mount=type=cache,target=/var/cache/npm \
    npm ci --cache /var/cache/npm --ignore-scripts --no-audit --no-fund
COPY nest-cli.json tsconfig.json tsconfig.build.json .swcrc ./
COPY src src
RUN npm run build && npm prune --omit=dev --ignore-scripts --no-audit --no-fund

FROM node:24-bookworm-slim
ENV NODE_ENV=production HOST=0.0.0.0 PORT=8000
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/dist dist
USER node
EXPOSE 8000
CMD ["node", "--enable-source-maps", "--max-old-space-size=256", "--max-semi-space-size=24", "--heap-growing-percent=150", "dist/main.js"]
