.DEFAULT_GOAL := help
.PHONY: help build test test-mysql page-test truth snapshots soak security deploy-test demo bench completions

CARGO ?= cargo

help: ## Say what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## Build the release binaries, target/release/steps and steps-server
	$(CARGO) build --release --workspace --bins

test: ## Check format and lints, and run every test on SQLite and on a private MariaDB
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	$(CARGO) build --workspace --bins
	tests/with-mariadb tests/run-tests

# Whatever is about MySQL and MariaDB.
MYSQL_CASES = test(/mysql/) + (test(/^(server|maintenance|network|database|read_only|read_url|pages|overload)::/) - test(/sqlite/))

test-mysql: ## Run every test of MySQL on a real one from Debian sid, over TLS and over its socket
	$(CARGO) build --workspace --bins
	WITH_MYSQL=tls tests/with-mysql tests/run-tests --workspace -E '$(MYSQL_CASES)'
	WITH_MYSQL=socket tests/with-mysql tests/run-tests --workspace -E '$(MYSQL_CASES)'

page-test: ## Look at the pages in a browser, and with axe-core, which npm fetches, in light and dark
	$(CARGO) build --workspace --bins
	axe=$$(tests/axe); [ -z "$$axe" ] || export STEPS_TEST_AXE="$$axe"; tests/with-mariadb tests/run-tests --workspace -E 'binary(page)'

truth: ## Make up series whose truth is known, and count what is told of them; TRUTH_QUICK=1 for a few
	$(CARGO) test --release --workspace --test truth -- --nocapture --test-threads=1

snapshots: ## Write tests/tests/contract/snapshots again after a change that is meant; git diff shows what clients will notice
	$(CARGO) build --workspace --bins
	INSTA_UPDATE=always tests/with-mariadb tests/run-tests --workspace -E 'test(/^snapshot_/) + test(/^description::/)'

soak: ## Every fault for minutes: kill, stop, cut, fill and overload, on MariaDB and MySQL and their clusters
	tests/soak

security: ## Attack private servers with schemathesis and sqlmap, and the parsers with made-up inputs; SECURITY_SECONDS=60
	tests/security/run

deploy-test: ## Prove what stands under deploy/ on this machine; DEPLOY_ONLY=image for a part
	tests/deploy/run

demo: ## Serve a realistic history and show it; DEMO_ONCE=1 ends by itself
	tests/demo

bench: build ## Measure beside mysqlslap, curl and mariadb --batch; BENCH_QUICK=1, BENCH_DATABASE=mysql, BASE=COMMIT
	tests/bench

completions: ## Write the shell completions again after a change of the command line
	$(CARGO) build --workspace --bins
	target/debug/steps completions bash > completions/steps.bash
	target/debug/steps completions zsh > completions/_steps
	target/debug/steps completions fish > completions/steps.fish
