.DEFAULT_GOAL := help
.PHONY: help run test check bench

help: ## this list
	@awk -F':.*## ' '/^[a-z]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## install, then start the development service (simulated HSM, SQLite in ./data)
	npm ci
	npm start

test: ## install, then run every test
	npm ci
	npm test

check: node_modules ## lint, types, import rules, unused code, generated documents
	npm run check

bench: node_modules ## side-by-side benchmarks
	npm run bench

node_modules: package-lock.json
	npm ci
