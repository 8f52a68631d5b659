# SPDX-License-Identifier: MIT
# A thin layer over Meson: each target does all it needs, from a fresh clone on.
BUILD ?= build
PREFIX ?=
VARIANTS ?= plain asan tsan
FUZZ_SECONDS ?= 60

.DEFAULT_GOAL := build
.PHONY: build deps bench-deps demo test soak fuzz model lint format install clean help

build: ## build the library and the quire command (in BUILD, default: build)
	@scripts/deps.sh build
	@scripts/build.sh '$(BUILD)'

deps: ## name what is missing to build, test and lint, and install it
	@scripts/deps.sh build test lint

bench-deps: ## the same for what 'quire bench --allocator' measures beside Quire, then build it
	@scripts/deps.sh build bench
	@[ ! -e '$(BUILD)/build.ninja' ] || meson setup --reconfigure '$(BUILD)' >/dev/null
	@scripts/build.sh '$(BUILD)'

demo: build ## see Quire at work in a minute
	@'$(BUILD)/tools/quire' demo

test: ## all tests, plain and under the sanitizers (VARIANTS: plain asan tsan)
	@scripts/deps.sh build test
	@scripts/test.sh '$(BUILD)' $(VARIANTS)

soak: ## the long tests: a billion random operations against the model
	@scripts/deps.sh build test
	@scripts/test.sh '$(BUILD)' soak

fuzz: ## calls chosen by a fuzzer against the model (FUZZ_SECONDS, default 60)
	@scripts/deps.sh build test
	@scripts/fuzz.sh '$(BUILD)' $(FUZZ_SECONDS)

model: ## what spin makes of the models of the protocols (doc/models.md)
	@scripts/deps.sh test
	@models/run.sh

lint: ## format, warnings of two compilers, licence tags, the rules on includes
	@scripts/deps.sh build test lint
	@python3 scripts/lint.py '$(BUILD)'

format: ## bring all C sources into the format that lint asks for
	@scripts/deps.sh lint
	@scripts/sources.sh | xargs -d '\n' -r clang-format -i

install: build ## install; PREFIX (default: /usr/local) and DESTDIR as usual
	@scripts/setup.sh '$(BUILD)' -Dprefix='$(or $(strip $(PREFIX)),/usr/local)'
	@scripts/build.sh '$(BUILD)'
	@DESTDIR='$(abspath $(DESTDIR))' meson install -C '$(BUILD)' --no-rebuild --quiet

clean: ## remove all that was built
	@rm -rf '$(BUILD)' '$(BUILD)-asan' '$(BUILD)-tsan' '$(BUILD)-clang' '$(BUILD)-fuzz'

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' Makefile
