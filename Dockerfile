# One node of mini-dynamo. compose.yaml starts three of them.

FROM node:26-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts
COPY . .
RUN npm run build

# The image brings its Node, so the pinned runtime (an optional dependency) stays out.
FROM node:26-bookworm-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts --omit=dev --omit=optional

FROM node:26-bookworm-slim
# The second as for any node that the program starts itself (src/cli/program-process.ts).
ENV NODE_ENV=production MALLOC_MMAP_THRESHOLD_=131072
WORKDIR /app
COPY --from=dependencies /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY package.json LICENSE nodes.docker.json ./
COPY bin bin
# A named volume takes over the owner of the folder it is mounted on.
RUN mkdir /data && chown node:node /data
USER node
VOLUME /data
EXPOSE 9001
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
  CMD ["node", "bin/mini-dynamo.mjs", "health", "--addr", "127.0.0.1:9001"]
ENTRYPOINT ["node", "bin/mini-dynamo.mjs"]
CMD ["serve", "--listen", "0.0.0.0:9001", "--data-dir", "/data"]
