# `make help` lists the commands. They need Node 20 or newer, npm and git; the pinned Node comes with `npm ci`.
.DEFAULT_GOAL := help
.PHONY: help all down clean status logs app-logs app-shell migrate test services verify bench deps

run := npm run --silent
export PORT T BENCH STAND

help: ## List the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-10s %s\n", $$1, $$2 }'

all: deps ## Bring everything up, migrated, on http://localhost:8000 (PORT=8001 for another port)
	@$(run) stand -- up

down: deps ## Stop everything; the data stays
	@$(run) stand -- down

clean: deps ## Stop everything and delete its data
	@$(run) stand -- clean

status: deps ## Say whether the stand is up
	@$(run) stand -- status

logs: deps ## Follow all logs
	@$(run) stand -- logs

app-logs: deps ## Follow the logs of the program alone
	@$(run) stand -- app-logs

app-shell: deps ## Open a shell beside the program, with its settings
	@$(run) stand -- app-shell

migrate: deps ## Apply the migrations to the running stand
	@$(run) stand -- migrate

test: deps ## Run every test on real Postgres, RabbitMQ and Redis (T=outbox for the files that match)
	@$(run) test

services: deps ## Keep the services of the tests running, for quick `make test` runs beside it
	@$(run) services

verify: deps ## Check every executable rule: types, lint, boundaries, drift
	@$(run) verify

bench: deps ## Measure (BENCH=tasks-live for one benchmark)
	@$(run) bench

deps:
	@command -v node >/dev/null && command -v npm >/dev/null || { echo 'Install Node 20 or newer with npm.' >&2; exit 1; }
	@node scripts/stand/dependencies.mjs
