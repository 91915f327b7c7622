# Every target is an npm script of the same name (package.json) behind an install that runs only when
# needed. npm puts node_modules/.bin first, so that the scripts run on the pinned Node, not on the
# machine's.

NPM_RUN := npm run --silent
# npm writes this file after an install; older than the lock file means out of date.
INSTALLED := node_modules/.package-lock.json

.DEFAULT_GOAL := help
.PHONY: help install test fmt fmtcheck lint typecheck up down ps logs smoke demo sim bench compare build \
	docker-up docker-down clean

help: ## this list
	@node scripts/help.mjs

install: $(INSTALLED)

$(INSTALLED): package.json package-lock.json
	@npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@node scripts/link-runtime.mjs
	@touch $@

test: install ## every check and test, under ten minutes
	@node scripts/fault-tools.mjs
	@$(NPM_RUN) test

fmt: install ## format all files
	@$(NPM_RUN) fmt

fmtcheck: install ## say which files are not formatted
	@$(NPM_RUN) fmtcheck

lint: install ## lint, layers included
	@$(NPM_RUN) lint

typecheck: install ## check the types
	@$(NPM_RUN) typecheck

up: install ## start the three nodes of nodes.json and wait until they are ready
	@$(NPM_RUN) up

down: install ## stop them
	@$(NPM_RUN) down

ps: install ## which nodes run
	@$(NPM_RUN) ps

logs: install ## what they logged last
	@$(NPM_RUN) logs

smoke: install ## a put, a get and a delete against the running nodes
	@$(NPM_RUN) smoke

demo: install ## five failure stories on real processes
	@$(NPM_RUN) demo

kill-%: install ## SIGKILL one node
	@$(NPM_RUN) kill $*

start-%: install ## start one node
	@$(NPM_RUN) start $*

sim: install ## two thousand seeds of simulated faults
	@$(NPM_RUN) sim

bench: install ## measure the store beside Redis and etcd, for about eight minutes
	@node scripts/fault-tools.mjs
	@$(NPM_RUN) bench

compare: install ## measure the store beside a bare node:http server
	@$(NPM_RUN) compare

build: install ## compile the package to dist/
	@$(NPM_RUN) build

docker-up: ## three containers with docker compose
	@$(NPM_RUN) docker-up

docker-down: ## stop them; their volumes stay
	@$(NPM_RUN) docker-down

clean: ## remove what was built
	@$(NPM_RUN) clean
