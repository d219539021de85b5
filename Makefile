# `make` prints what there is to do.

CARGO ?= cargo
DATA ?= ./data
LISTEN ?= 127.0.0.1:8080
CYCLES ?= 30
SECONDS ?= 60
ATTACK_SECONDS ?= 600
PYTHON ?= python3
USERS ?= 100000
GROUPS ?= 1000
MEMBERS ?= 1000

QUICK := $(or $(CARGO_TARGET_DIR),target)/quick
TRIAL := $(or $(CARGO_TARGET_DIR),target)/trial
CARGO_DENY_VERSION := 0.20.2
DENY := .tools/bin/cargo-deny
CARGO_MACHETE_VERSION := 0.9.2
MACHETE := .tools/bin/cargo-machete

DESTDIR ?=
PREFIX ?= /usr/local
PROGRAM ?= $(wildcard $(addprefix $(or $(CARGO_TARGET_DIR),target)/release/,scim-server sync-agent scim-conformance))

.DEFAULT_GOAL := help
.PHONY: help run build install test tests bench-check check packages packaging-check packaging-test release reproducible bench conformance conformance-peers test-console crash-test event-test attack-test audit fuzz docs clean demo bench-sync absence test-kerberos run-cluster scale-simulation

help: ## Print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-17s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# The profile `trial` is hardly optimised: it is built in a third of the time of one that is. Cargo shows its progress.
run: ## Build and start the server on loopback, store in ./data; the first start makes a tenant
	$(CARGO) run --profile trial --locked -p scim-server -- serve --data $(DATA) --listen $(LISTEN) --first-tenant demo --console

run-cluster: postgresql ## Three servers on a throwaway PostgreSQL, on ports 8081 to 8083; ends with Ctrl-C
	$(CARGO) build --profile trial --locked -p scim-server
	scripts/run-cluster $(TRIAL)/scim-server

demo: directories ## Start a throwaway directory, the server and the agent; change people, and see it arrive
	$(CARGO) build --profile trial --locked -p scim-server -p sync-agent
	BIN=$(abspath $(TRIAL)) sync-agent/dist/demo.sh

build: ## Build the optimised programs: scim-server, sync-agent and scim-conformance in target/release
	$(CARGO) build --release --locked

install: ## As root: install the programs that were built, with units, users, configuration, manual pages (PREFIX=/opt/scim)
	DESTDIR="$(DESTDIR)" PREFIX="$(PREFIX)" packaging/install.sh $(PROGRAM)

# The features that the program has by choice are built into what is tested, so that it is built once, and into what is
# released. Read by the scripts of packaging too.
export RELEASED_FEATURES := scim-server/nats,scim-server/kafka
FEATURES := --features $(RELEASED_FEATURES)

tests: ## Compile every test, and run none
	$(CARGO) test --workspace $(FEATURES) --locked --no-run

test: packages ## Run every test: unit, property, dialogues on both stores, conformance, directories, crash
	$(CARGO) test --workspace $(FEATURES) --locked
	scripts/test-postgresql $(RELEASED_FEATURES)
	$(MAKE) bench-check

test-console: node chromium ## Open every page of the console in Chromium with 100,000 users; `make test` does so with 20,000
	CONSOLE_USERS=100000 $(CARGO) test -p scim-server $(FEATURES) --locked --test integration -- every_screen_is_whole

packaging-check: python packagers tests ## Check dashboards, alerts, manifests, chart and manual pages, with the programs that `make test` has built
	packaging/check.sh $(or $(CARGO_TARGET_DIR),target)/debug

packaging-test: packaging-check ## The same; make packages of unoptimised programs, and install them in a chroot
	packaging/test-packages.sh $(or $(CARGO_TARGET_DIR),target)/debug

reproducible: ## Build the programs of a release here and in another folder, and compare them byte for byte
	packaging/reproducible.sh

release: python systemd packagers ## Make and test all that is released, in ./dist; SIGN="minisign -S -m" signs the checksums
	packaging/release.sh

check: $(MACHETE) ## Formatting, lints, documentation, warnings denied; dependencies that no code uses
	$(CARGO) fmt --all --check
	$(MACHETE) --skip-target-dir
	$(CARGO) clippy --workspace --all-targets $(FEATURES) --locked -- -D warnings
	$(CARGO) clippy --workspace --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace $(FEATURES) --no-deps --document-private-items --locked --quiet

bench: postgresql ## Measure against a bare hyper server in the same run, on each engine (USERS=20000 STORE=sled to try it)
	$(CARGO) bench --locked -p scim-server $(if $(filter command,$(origin USERS)),--bench load -- --users 1000+$(USERS) --members 10 $(addprefix --store ,$(STORE)))

# Its numbers say nothing: it stops at the first answer that is not as it should be.
bench-check: ## Try that what `make bench` measures works, with 300 users on sled, unoptimised
	$(CARGO) bench --profile dev --workspace $(FEATURES) --locked --bench load -- --store sled --users 300 --members 10 \
	--seconds 0.05 --rounds 1 --mixed 0.2 --backlog 200 --patches 100

conformance: ## Start the server, judge it by the RFCs and as each provider would, and show the summary
	@CARGO="$(CARGO)" conformance/run.sh

conformance-peers: ## Judge seven servers that were not written here, from PyPI and npm
	@CARGO="$(CARGO)" conformance/peers/run.sh

absence: directories ## Try to have somebody deleted who is there: 2,000 random histories with access rules on OpenLDAP
	ABSENCE_HISTORIES=$(or $(HISTORIES),2000) $(CARGO) test --locked -p sync-agent --test integration -- absence::histories --nocapture

test-kerberos: directories ## Test sync-agent's bind by ticket; needs libkrb5-dev, clang and krb5-user
	$(CARGO) test --locked -p sync-agent --features gssapi --test integration -- kerberos

bench-sync: directories ## Measure sync-agent with OpenLDAP and scim-server (USERS=1000 GROUPS=50 MEMBERS=200 to try it)
	$(CARGO) build --release --quiet --locked -p scim-server
	$(CARGO) bench --locked -p sync-agent --bench sync -- --users $(USERS) --groups $(GROUPS) --members $(MEMBERS)

scale-simulation: postgresql ## 100 tenants with 100,000 users over three databases and three servers, which move under load (USERS=1000000 SECONDS=60)
	$(CARGO) build --profile quick --locked -p scim-server
	TEST_SERVER=$(abspath $(QUICK))/scim-server TENANTS=100 DATABASES=3 SERVERS=3 USERS=$(USERS) SECONDS=$(SECONDS) \
	$(CARGO) test --locked -p scim-server --test integration -- --exact simulation::tenants_of_several_databases_move_under_load --nocapture

crash-test: ## Kill the server under load CYCLES times (CYCLES=1000), then look for every acknowledged write
	CYCLES=$(CYCLES) $(CARGO) test --locked -p scim-server --test integration -- --exact crash::nothing_acknowledged_is_lost --nocapture

event-test: postgresql nats ## On each store 100,000 writes (WRITES) with 200 kills (KILLS): every reader of the events has every number as it was committed
	$(CARGO) build --profile quick $(FEATURES) --locked -p scim-server
	for store in sled postgres; do \
	TEST_STORE=$$store TEST_SERVER=$(abspath $(QUICK))/scim-server WRITES=$(or $(WRITES),100000) KILLS=$(or $(KILLS),200) \
	$(CARGO) test $(FEATURES) --locked -p scim-server --test integration -- --exact storm::every_reader_has_every_number_whatever_is_killed --nocapture || exit 1; \
	done

attack-test: ## Attack an optimised server in twelve ways for ATTACK_SECONDS altogether, beside a good client; print a table
	$(CARGO) build --profile quick --locked -p scim-server
	TEST_SERVER=$(abspath $(QUICK))/scim-server ATTACK_SECONDS=$(ATTACK_SECONDS) $(CARGO) test --locked -p scim-server --test integration -- --exact attack::a_good_client_is_served_beside_each_attack --nocapture

audit: $(DENY) ## Licences, bans and sources of all dependencies; advisories where their database can be reached
	$(DENY) --locked check licenses bans sources
	@if $(DENY) --locked fetch db >/dev/null 2>&1; then \
		$(DENY) --locked check --disable-fetch advisories; \
	else \
		echo "audit: the advisory database cannot be reached from here; advisories were NOT checked"; \
	fi

# Without optimisation: they are built in a fraction of the time, and run for seconds.
$(DENY):
	$(CARGO) install cargo-deny --version $(CARGO_DENY_VERSION) --locked --debug --root .tools

$(MACHETE):
	$(CARGO) install cargo-machete --version $(CARGO_MACHETE_VERSION) --locked --debug --root .tools

# The seeds are kept; what is found on the way goes to fuzz/corpus, which is not. Without a nightly
# toolchain the stable one does, but finds no faults of memory: there is no unsafe code to have any.
fuzz: ## Run each fuzz target from its seeds for SECONDS (SECONDS=600); needs cargo-fuzz
	@cd fuzz && if $(CARGO) +nightly --version >/dev/null 2>&1; \
	then run="$(CARGO) +nightly fuzz run"; \
	else run="env RUSTC_BOOTSTRAP=1 $(CARGO) fuzz run --sanitizer none"; fi; \
	for target in $$($(CARGO) fuzz list); do \
		echo "fuzz: $$target"; \
		mkdir -p corpus/$$target; \
		$$run $$target corpus/$$target seeds/$$target -- -dict=dictionary -max_total_time=$(SECONDS) || exit 1; \
	done

docs: chromium ## Build the documentation of the code and write the generated reference pages
	$(CARGO) doc --workspace --no-deps --document-private-items --locked
	UPDATE_DOCS=1 $(CARGO) test --locked -p scim-protocol --test reference
	UPDATE_DOCS=1 $(CARGO) test --locked -p scim-server --lib reference
	UPDATE_DOCS=1 $(CARGO) test --locked -p scim-server --test integration -- the_providers_meet
	UPDATE_DOCS=1 $(CARGO) test --locked -p scim-server --test integration -- the_picture_of_the_readme
	UPDATE_DOCS=1 $(CARGO) test --locked -p conformance --test integration -- docs identity_center
	UPDATE_DOCS=1 $(CARGO) test --locked -p sync-agent --lib up_to_date

clean: ## Remove what was built; the store in ./data stays
	$(CARGO) clean
	rm -rf .tools

packages: python node postgresql chromium systemd nats directories ## Install what the tests need and this machine lacks, as root from Debian's packages

# The tests start servers of their own from the package's programs; none that it may start is used.
.PHONY: postgresql
postgresql:
	@ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || { \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			apt-get update -qq && apt-get install -qq -y postgresql; \
		else \
			echo "make test needs PostgreSQL's server programs: apt-get install postgresql"; exit 1; \
		fi; }

# scim2-tester is a Python program. The test makes a virtual environment for it under target/; here
# only Python itself is seen to, since Debian ships it without the module that makes one.
.PHONY: python
python:
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			apt-get update -qq && apt-get install -qq -y python3 python3-venv; \
		else \
			echo "make test needs python3 with venv: apt-get install python3 python3-venv"; exit 1; \
		fi; }

# A library of npm verifies webhooks, as those of Python do.
.PHONY: node
node:
	@command -v node >/dev/null && command -v npm >/dev/null || { \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			apt-get update -qq && apt-get install -qq -y nodejs npm; \
		else \
			echo "make test needs node and npm: apt-get install nodejs npm"; exit 1; \
		fi; }

# The broker that events are sent to. Only its program is used; the tests start servers of their own.
.PHONY: nats
nats:
	@PATH="$$PATH:/usr/sbin" command -v nats-server >/dev/null || { \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			apt-get update -qq && apt-get install -qq -y nats-server; \
		else \
			echo "make test needs nats-server: apt-get install nats-server"; exit 1; \
		fi; }

# The HTML report of scim-conformance and the console are looked at in a real browser.
.PHONY: chromium
chromium:
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || { \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			apt-get update -qq && apt-get install -qq -y chromium; \
		else \
			echo "make test needs a browser: apt-get install chromium"; exit 1; \
		fi; }

# The unit of the server is verified by systemd's own program.
.PHONY: systemd
systemd:
	@command -v systemd-analyze >/dev/null || { \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			apt-get update -qq && apt-get install -qq -y systemd; \
		else \
			echo "systemd-analyze is missing: the unit of the server is NOT verified (apt-get install systemd)"; \
		fi; }

# What makes and looks into packages.
.PHONY: packagers
packagers:
	@for program in jq curl strip dpkg-shlibdeps; do \
		command -v $$program >/dev/null || missing=yes; \
	done; \
	if [ -n "$$missing" ]; then \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			apt-get update -qq && apt-get install -qq -y jq curl binutils dpkg-dev; \
		else \
			echo "the tests of packages need jq, curl, binutils and dpkg-dev: apt-get install them"; exit 1; \
		fi; \
	fi

# The directories that sync-agent is tested against.
.PHONY: directories
directories:
	@for program in slapd samba ns-slapd certutil ldapsearch; do \
		PATH="$$PATH:/usr/sbin" command -v $$program >/dev/null || missing="$$missing $$program"; \
	done; \
	if [ -n "$$missing" ] && [ "$$(id -u)" != 0 ] && ! sudo -n true 2>/dev/null; then \
		echo "the tests of sync-agent need$$missing: apt-get install slapd ldap-utils samba samba-ad-dc samba-ad-provision samba-dsdb-modules samba-vfs-modules ldb-tools python3-samba python3-markdown python3-dnspython 389-ds-base libnss3-tools openssl"; exit 1; \
	fi; \
	if [ -n "$$missing" ]; then \
		for directory in openldap samba-ad 389ds; do sync-agent/tests/directories/$$directory.sh install || exit 1; done; \
	fi
