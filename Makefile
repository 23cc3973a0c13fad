# A thin front to Meson and Ninja, which are the one build description (meson.build).
# Usage: make | demo | check | bench | fuzz | hostile | tsan | msan | valgrind |
#             coverage | format | install | clean

BUILD ?= build
JOBS ?= $(shell nproc)
FUZZ_SECONDS ?= 60
HOSTILE_FILES ?= 10000
# what to pass to `meson setup`; `make check` adds -Dtests=true and later calls keep it
MESON_ARGS ?=
PREFIX ?=
ifneq ($(PREFIX),)
MESON_ARGS += --prefix=$(PREFIX)
endif

all:
	@tools/configure.sh $(BUILD) $(MESON_ARGS)
	@ninja -C $(BUILD) -j $(JOBS)

# installs what is missing, builds, counts a network
demo:
	@tools/demo.sh $(BUILD)

# installs what is missing, builds, runs every test and sums up
check:
	@tools/install_deps.sh build check
	@tools/check.sh $(BUILD) $(MESON_ARGS)

# ratios to other tools, measured now (docs/benchmarks.md)
bench:
	@tools/install_deps.sh build bench
	@$(MAKE) --no-print-directory all
	@ninja -C $(BUILD) -j $(JOBS) flopwise-bench
	@python3 bench/run.py $(BUILD)
	@if /usr/bin/python3 -c 'import torch, torchvision' 2>/dev/null; then \
		/usr/bin/python3 bench/train.py $(BUILD)/flopwise; \
	else echo "training steps: python3-torch and python3-torchvision are not installed"; fi

fuzz:
	@tools/install_deps.sh build check fuzz
	@tests/fuzz/run.sh $(FUZZ_SECONDS)

# broken files of every format, under the sanitizers (docs/security.md)
hostile:
	@tools/install_deps.sh build check fuzz
	@CC=clang-14 tools/configure.sh build-hostile -Dtests=true -Ddebug=true \
		-Db_sanitize=address,undefined -Db_lundef=false
	@ninja -C build-hostile -j $(JOBS) flopwise-hostile
	@BUILD=build-hostile tests/hostile/run.sh --files $(HOSTILE_FILES)

# threads that race for a value, in the engine
tsan:
	@tools/install_deps.sh build check fuzz
	@CC=clang-14 tools/tsan.sh build-tsan $(JOBS)

# values that were never written: readers, formulas, every analysis (docs/security.md)
msan:
	@tools/install_deps.sh build check fuzz
	@CC=clang-14 tools/msan.sh build-msan $(JOBS)

# a sample of commands, libraries included
valgrind: all
	@tools/install_deps.sh valgrind
	@tools/valgrind.sh $(BUILD)/flopwise

coverage:
	@tools/install_deps.sh build check coverage
	@tools/coverage.sh build-coverage

format:
	@tools/format.sh --write

install: all
	@meson install --no-rebuild -C $(BUILD)

clean:
	rm -rf build build-*

.PHONY: all demo check bench fuzz hostile tsan msan valgrind coverage format install clean
