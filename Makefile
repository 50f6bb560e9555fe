# `make` lists what there is. README explains `run` and `test`.
.DEFAULT_GOAL := help
.PHONY: help run build test test-sim test-faults fuzz check bench reliability lab install uninstall deb sbom proto lock fmt clean

PLAN ?= deploy/plans/localhost.toml
TOOLS := target/tools
PYTHON := agent/python
VENV := $(TOOLS)/python/bin
# With the settings of the folder it is called in.
RUFF := $(CURDIR)/$(VENV)/ruff --config pyproject.toml
# Of what the controller writes for other programs.
READERS := $(CURDIR)/tests/readers
PREFIX ?= /usr/local
UNITS := $(PREFIX)/lib/systemd/system
# Of each parser, by `make fuzz`.
FUZZ_SECONDS ?= 60
FUZZ := target/fuzz
# What libFuzzer steers by. The flags are those of cargo-fuzz, which any stable compiler takes as long as no sanitizer is asked
# for: without `unsafe` there is little for one to find.
COVERAGE := -Ccodegen-units=1 -Cpasses=sancov-module $(addprefix -Cllvm-args=-sanitizer-coverage-,\
	level=4 inline-8bit-counters pc-table trace-compares)

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: build ## build, run $(PLAN) on this host, and say where the report is
	target/release/rpycbench-controller run $(PLAN)

build: ## build both programs for use
	cargo build --release -p rpycbench-controller -p rpycbench-agent

test: $(TOOLS)/python.made ## the whole test suite
	cargo build --workspace --bins
	cargo test --workspace
	cd $(PYTHON) && $(CURDIR)/$(VENV)/python -m unittest discover -s tests -t .

test-sim: ## the simulation with 10,000 seeds; SIM_SEED=n tries that one
	SIM_SEEDS=10000 cargo test --workspace --test sim -- --nocapture

test-faults: ## faults put in at random moments, 20 times each
	cargo build --workspace --bins
	RPYCBENCH_FAULT_ROUNDS=20 cargo test --workspace --test faults

# cargo-deny looks at the crates of every platform, also those that nothing is built for here, and fetches none.
check: $(TOOLS)/python.made $(TOOLS)/bin/cargo-deny ## format, lints, licences, generated code, Python lint and types
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	cargo test -q -p rpycbench-proto-generate
	cargo fetch -q --locked
	PATH="$(CURDIR)/$(TOOLS)/bin:$$PATH" cargo deny --offline check bans licenses sources
	cd $(PYTHON) && $(RUFF) check . $(READERS) && $(RUFF) format --check . $(READERS) && $(CURDIR)/$(VENV)/mypy

fuzz: ## mutate what every parser is known to take, for $(FUZZ_SECONDS) s each; what goes wrong is in target/fuzz
	host=$$(rustc -vV | sed -n 's/^host: //p') && \
	RUSTFLAGS='$(COVERAGE)' cargo build --profile fuzz -p rpycbench-fuzz --features libfuzzer --target $$host --target-dir $(FUZZ) && \
	for corpus in tests/fuzz/corpus/*; do \
		target=$$(basename $$corpus); echo "== $$target"; mkdir -p $(FUZZ)/corpus/$$target; \
		RPYCBENCH_FUZZ=$$target $(FUZZ)/$$host/fuzz/rpycbench-fuzz -max_total_time=$(FUZZ_SECONDS) -timeout=5 \
			-rss_limit_mb=256 -print_final_stats=1 -verbosity=0 -artifact_prefix=$(FUZZ)/$$target- \
			$(FUZZ)/corpus/$$target $$corpus || exit 1; done

bench: build $(TOOLS)/python.made ## the project's own figures: ratios against peers, one table
	cargo build --release -p rpycbench-tests
	target/release/rpycbench-bench --python $(VENV)/python

# Each in a file of its own, so that one can be had again without the others.
RELIABILITY := target/reliability

reliability: build $(TOOLS)/python.made ## docs/reliability.md, from the whole suite with 20 rounds and 10,000 seeds, 2,000 kills, 2,000 faults
	mkdir -p $(RELIABILITY)
	cargo build --workspace --bins
	RPYCBENCH_FAULT_ROUNDS=20 SIM_SEEDS=10000 cargo test --workspace -- --show-output >$(RELIABILITY)/tests.txt
	cargo build --release -p rpycbench-tests
	target/release/rpycbench-bench --python $(VENV)/python --only kills --kills 2300 >$(RELIABILITY)/kills.txt
	target/release/rpycbench-bench --python $(VENV)/python --only "faults at" --faults 2000 >$(RELIABILITY)/faults.txt
	target/release/rpycbench-bench --python $(VENV)/python --only resumed --resumed-blocks 20 >$(RELIABILITY)/resumed.txt
	$(MAKE) docs/reliability.md

# From what was printed last.
.PHONY: docs/reliability.md
docs/reliability.md:
	target/release/rpycbench-reliability --tests $(RELIABILITY)/tests.txt \
		$(foreach part,kills faults resumed,--bench $(RELIABILITY)/$(part).txt) >$@

lab: build ## a shell on turin in a virtual LAN with an agent on hurin (root); LAB="--delay 300us" adds to each packet
	cargo build --release -p rpycbench-tests --bin rpycbench-lab
	target/release/rpycbench-lab $(LAB)

install: ## install what was built below $(DESTDIR)$(PREFIX): programs, completions, the agent's unit where systemd is
	@test -x target/release/rpycbench-agent || { echo "nothing built yet: make build, as yourself" >&2; exit 1; }
	install -D -m 755 -t $(DESTDIR)$(PREFIX)/bin target/release/rpycbench-controller target/release/rpycbench-agent
	install -d $(addprefix $(DESTDIR)$(PREFIX)/share/,bash-completion/completions zsh/site-functions fish/vendor_completions.d)
	target/release/rpycbench-controller completions bash >$(DESTDIR)$(PREFIX)/share/bash-completion/completions/rpycbench-controller
	target/release/rpycbench-controller completions zsh >$(DESTDIR)$(PREFIX)/share/zsh/site-functions/_rpycbench-controller
	target/release/rpycbench-controller completions fish >$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/rpycbench-controller.fish
	if command -v systemctl >/dev/null; then \
		install -d $(DESTDIR)$(UNITS) && \
		sed 's|/usr/bin/rpycbench-agent|$(PREFIX)/bin/rpycbench-agent|; s|/usr/share/doc/rpycbench-agent|$(CURDIR)/deploy|' \
			deploy/systemd/rpycbench-agent.service >$(DESTDIR)$(UNITS)/rpycbench-agent.service && \
		{ test -e $(DESTDIR)/etc/default/rpycbench-agent || \
			install -D -m 644 deploy/debian/rpycbench-agent.default $(DESTDIR)/etc/default/rpycbench-agent; }; fi

uninstall: ## remove what `make install` installed; settings and state stay
	rm -f $(addprefix $(DESTDIR)$(PREFIX)/,bin/rpycbench-controller bin/rpycbench-agent \
		share/bash-completion/completions/rpycbench-controller share/zsh/site-functions/_rpycbench-controller \
		share/fish/vendor_completions.d/rpycbench-controller.fish lib/systemd/system/rpycbench-agent.service)

deb: build $(TOOLS)/bin/cargo-deb ## the agent as a Debian package, in target/debian
	$(TOOLS)/bin/cargo-deb -p rpycbench-agent --no-build --locked

sbom: $(TOOLS)/python.made ## what the programs are made of, in target/sbom: CycloneDX and a list of licences
	$(VENV)/python deploy/sbom.py target/sbom

proto: ## write proto/src/generated from the .proto files
	cargo run -q -p rpycbench-proto-generate

lock: $(TOOLS)/python.made ## lock the Python libraries anew, with hashes
	$(VENV)/python -m pip install -q uv
	cd $(PYTHON)/requirements && for name in rpyc http dev; do \
		$(CURDIR)/$(VENV)/uv pip compile -q --generate-hashes --universal --python-version 3.10 \
			--custom-compile-command "make lock" --no-emit-index-url --output-file $$name.txt $$name.in; done

fmt: $(TOOLS)/python.made ## format Rust and Python
	cargo fmt --all
	cd $(PYTHON) && $(RUFF) check --fix . $(READERS) && $(RUFF) format . $(READERS)

clean: ## remove what was built, and this checkout's results
	rm -rf target results

# What the checks and tests of the Python part need, apart from the environments that the agent makes.
$(TOOLS)/python.made: $(wildcard $(PYTHON)/requirements/*.txt)
	python3 -m venv $(TOOLS)/python
	$(VENV)/python -m pip install -q --disable-pip-version-check --require-hashes --only-binary :all: \
		-r $(PYTHON)/requirements/rpyc.txt -r $(PYTHON)/requirements/http.txt -r $(PYTHON)/requirements/dev.txt
	touch $@

$(TOOLS)/bin/cargo-deny:
	cargo install -q --locked --root $(TOOLS) cargo-deny@0.20.2

$(TOOLS)/bin/cargo-deb:
	cargo install -q --locked --root $(TOOLS) cargo-deb@3.8.0
