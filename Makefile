# SPDX-License-Identifier: GPL-2.0-only
#
# tcpconnstate. `make run` shows it, `make check` tests it, `make help` lists the rest.
#
# Nothing has to be configured. Everything that is built lands in build/ (SAN=1: build/san/),
# only the finished program is put here. What follows "##" is what `make help` prints.

VERSION = 0.1.0

# ---- What you may set -----------------------------------------------------------------------

## V=1                print the whole commands
## SAN=1              build with ASan and UBSan, into build/san
## DEVELOPER=1        warnings are errors (make check does this)
## ARCH=arm64         make static: for that machine, with Debian's cross compiler; into build/arm64
## SYSROOT=DIR        with ARCH: where that machine's libraries and headers are unpacked
## ARGS='...'         arguments for make run, make bench and make check-kernels
## T=tests/e2e/x.bats make check-e2e: only this test
## ENGINE=podman      make image: what builds it
ENGINE ?= podman

## CC, CLANG          compilers of the user side and of the BPF side (cc, clang)
CLANG ?= clang
## CFLAGS='-O2 -g'    your own compiler flags; also CPPFLAGS, LDFLAGS, LDLIBS
CFLAGS ?= -O2 -g
## BPFTOOL, PKG_CONFIG
PKG_CONFIG ?= pkg-config
## BPF_CPU=v2         instruction set of the BPF side
# v2 is what every kernel with BTF runs, on any architecture. v3 adds 32-bit jumps and arithmetic,
# which 5.10 runs too; atomics that return a value need v3 and 5.12, and must not be used here.
BPF_CPU ?= v2

## PREFIX=/usr/local  where make install puts things; in detail SBINDIR, MANDIR, BASHDIR, ZSHDIR
PREFIX  ?= /usr/local
SBINDIR ?= $(PREFIX)/sbin
MANDIR  ?= $(PREFIX)/share/man
BASHDIR ?= $(PREFIX)/share/bash-completion/completions
ZSHDIR  ?= $(PREFIX)/share/zsh/site-functions
## DESTDIR=           root of a package that is being built

# ---- Tools ----------------------------------------------------------------------------------
#
# A bare machine has none of them when this file is read: no lookup may fail here. `run` and
# `check` install what is missing and then start make anew, which looks again.

# Debian keeps bpftool in /usr/sbin, which is not in a user's PATH; Ubuntu's bpftool may be a
# wrapper that finds nothing for the running kernel beside tools that would do.
ifeq ($(origin BPFTOOL),undefined)
BPFTOOL := $(shell for b in bpftool /usr/sbin/bpftool /usr/local/sbin/bpftool \
		/usr/lib/linux-tools/*/bpftool /usr/lib/linux-tools-*/bpftool; do \
		"$$b" version >/dev/null 2>&1 && { echo "$$b"; break; }; done)
BPFTOOL := $(or $(BPFTOOL),bpftool)
endif

PKGS       := libbpf libelf zlib libcap-ng
PKG_CFLAGS := $(shell $(PKG_CONFIG) --cflags $(PKGS) 2>/dev/null)
PKG_LIBS   := $(shell $(PKG_CONFIG) --libs $(PKGS) 2>/dev/null || echo -lbpf -lelf -lz -lcap-ng)
BPF_PKG_CFLAGS := $(PKG_CFLAGS)
STATIC_LIBS = $(shell $(PKG_CONFIG) --static --libs $(PKGS) 2>/dev/null) -lelf -lz -lm

# For another machine. The BPF programs are the same bytes everywhere (CO-RE, little endian), so
# only the user side is compiled anew.
ifeq ($(ARCH),arm64)
TRIPLET     := aarch64-linux-gnu
CC           = $(TRIPLET)-gcc
PKG_CFLAGS  := $(if $(SYSROOT),-isystem $(SYSROOT)/usr/include)
PKG_LIBS    := $(if $(SYSROOT),-L$(SYSROOT)/usr/lib/$(TRIPLET)) -lbpf -lelf -lz -lcap-ng -lm
STATIC_LIBS  = $(PKG_LIBS)
else ifneq ($(ARCH),)
$(error ARCH is arm64, or is left out)
endif

ifeq ($(V),1)
  Q   =
  msg =
else
  Q   = @
  msg = @printf '  %-8s %s\n' '$(1)' '$(if $(2),$(2),$@)';
  MAKEFLAGS += --no-print-directory
endif

# One job per CPU where this file starts make again, unless -j was given.
JOBS  = $(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell nproc 2>/dev/null || echo 1))

# ---- Who builds -----------------------------------------------------------------------------
#
# Root in somebody else's tree (sudo make, su) would leave files that their owner cannot remove.
# So root hands every target that writes here to the owner, and does itself only what needs root.
# AS_OWNER stays empty where the owner could not do it (an id that this machine does not have).

MY_UID := $(shell id -u)
ifeq ($(MY_UID),0)
OWNER := $(shell stat -c %u . 2>/dev/null)
ifneq ($(OWNER),0)
AS_OWNER := setpriv --reuid=$(OWNER) --regid=$(shell stat -c %g .) --clear-groups env -u HOME
ifneq ($(shell $(AS_OWNER) test -w '$(CURDIR)' 2>/dev/null && echo yes),yes)
AS_OWNER :=
endif
endif
endif

# And a user becomes root only for what needs it.
SUDO := $(if $(filter 0,$(MY_UID)),,sudo)

# ---- Files ----------------------------------------------------------------------------------

OUT := build$(if $(filter 1,$(SAN)),/san)$(if $(ARCH),/$(ARCH))
BIN := $(if $(filter-out build,$(OUT)),$(OUT)/)tcpconnstate
STATIC := $(OUT)/static/tcpconnstate

SKELS := $(patsubst bpf/%.bpf.c,build/%.skel.h,$(wildcard bpf/*.bpf.c))
GENERATED := $(SKELS) build/type_names.h
OBJS  := $(patsubst %.c,$(OUT)/%.o,$(wildcard src/*.c))

# tests/unit/test_*.c is a program each; other files there are linked into all of them.
UNIT_LIB := $(patsubst tests/%.c,$(OUT)/%.o,$(filter-out tests/unit/test_%,$(wildcard tests/unit/*.c)))
UNIT     := $(patsubst tests/%.c,$(OUT)/%,$(wildcard tests/unit/test_*.c))

# tests/e2e/NAME.c and tests/bench/NAME.c are a program each; NAME_more.c is a further part of NAME.
head      = $(dir $1)$(firstword $(subst _, ,$(notdir $(basename $1))))
owner     = $(if $(wildcard $(call head,$1).c),$(call head,$1),$(basename $1))
HELPER_C := $(wildcard tests/e2e/*.c tests/bench/*.c)
HELPERS  := $(patsubst tests/%,$(OUT)/%,$(sort $(foreach c,$(HELPER_C),$(call owner,$c))))
parts     = $(foreach c,$(HELPER_C),$(if $(filter $1,$(call owner,$c)),$(c:tests/%.c=$(OUT)/%.o)))

# tests/fuzz/NAME.c is a program each, made by clang with everything of src/ that it may need.
FUZZ      := $(patsubst tests/fuzz/%.c,build/fuzz/%,$(wildcard tests/fuzz/*.c))
FUZZ_OBJS := $(patsubst src/%.c,build/fuzz/src/%.o,$(filter-out src/main.c,$(wildcard src/*.c)))

# Tests in the order in which they are run. tests/run has two lanes: the end-to-end tests one after
# another, and beside them all others, cheap first. The floods want both CPUs: they come after the
# rest, and the check of the owner of the build after them.
LINTS  := $(wildcard tests/check/lint-*.sh)
CHECKS := $(filter-out $(LINTS) tests/check/owner.sh,$(wildcard tests/check/*.sh))
E2E    := $(wildcard tests/e2e/*.bats)
CONTAINER := $(wildcard tests/container/*.bats)
KERNELS := tests/kernels/run.sh
SOAK   := $(wildcard tests/soak/*.bats)
SAN_UNIT := $(patsubst tests/%.c,build/san/%,$(wildcard tests/unit/test_*.c))
FLOOD  := tests/e2e/flood.bats
LONG   := tests/soak/soak.bats tests/e2e/crowd.bats
LIVE   := $(filter-out $(FLOOD) $(LONG),$(E2E) $(SOAK)) $(FLOOD) tests/check/owner.sh
TESTS  := $(LIVE) $(CHECKS) $(UNIT) $(SAN_UNIT) $(LINTS) $(CONTAINER) $(KERNELS)

# ---- Flags ----------------------------------------------------------------------------------

# The strict list warns everywhere; it stops the build only for developers and in make check,
# so that next year's compiler does not keep anybody from building this year's release.
WARN := -Wall -Wextra -Wmissing-prototypes -Wstrict-prototypes -Wshadow -Wwrite-strings -Wvla \
	-Wformat=2 -Wpointer-arith -Wundef $(if $(filter 1,$(DEVELOPER)),-Werror)

ALL_CPPFLAGS = -D_GNU_SOURCE= -Isrc -Ibpf -isystem build $(PKG_CFLAGS) $(CPPFLAGS)
ALL_CFLAGS   = -std=gnu11 $(WARN) $(CFLAGS)
ALL_LDFLAGS  = -Wl,--as-needed $(LDFLAGS)
ALL_LDLIBS   = $(PKG_LIBS) -lm $(LDLIBS)
ifeq ($(SAN),1)
ALL_CFLAGS  += -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
ALL_LDFLAGS += -fsanitize=address,undefined
endif
COMPILE = $(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS)

# libFuzzer is clang's. The sanitizers' own checks stop at the first finding.
FUZZ_SAN     = -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
# Tables that an input of 2 KB can fill, and that cost nothing to begin with.
FUZZ_SMALL   = -DCONNECTS_MAX=64 -DTIMEOUTS_MAX=16 -DPORT_FAILURES_MAX=16 -DDEVICE_NAMES_MAX=16 \
		-DROW_CACHE_SLOTS=8
FUZZ_COMPILE = $(CLANG) $(ALL_CPPFLAGS) $(FUZZ_SMALL) -std=gnu11 $(CFLAGS) -O1 $(FUZZ_SAN)

# What the BPF headers call this machine's architecture.
BPF_ARCH ?= $(shell uname -m | sed -e 's/x86_64/x86/;s/i.86/x86/;s/aarch64/arm64/;s/arm[v67].*/arm/' \
		-e 's/riscv64/riscv/;s/ppc64.*/powerpc/;s/loongarch64/loongarch/;s/s390x/s390/')
BPF_CPPFLAGS = -D__TARGET_ARCH_$(BPF_ARCH) -Ivmlinux -Ibpf $(BPF_PKG_CFLAGS)
BPF_CFLAGS   = -g -O2 -target bpf -mcpu=$(BPF_CPU) -std=gnu11 -fno-stack-protector \
	-Wall -Wextra -Wno-unused-parameter $(if $(filter 1,$(DEVELOPER)),-Werror)
BPF_COMPILE  = $(CLANG) $(BPF_CFLAGS) $(BPF_CPPFLAGS)

# 0.1.0 in a release, 0.1.0-12-gabcdef0 or 0.1.0-gabcdef0 in a checkout, with -dirty if changed.
GIT := $(shell test -e .git && git describe --tags --always --dirty --match 'v[0-9]*' 2>/dev/null)
TCS_VERSION := $(if $(filter v$(VERSION)%,$(GIT)),$(GIT:v%=%),$(VERSION)$(GIT:%=-g%))
DEFS_VERSION := -DTCS_VERSION='"$(TCS_VERSION)"'

# ---- Targets --------------------------------------------------------------------------------

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: FORCE all run check bench static image install uninstall deps clean format help unit helpers \
	check-build check-fast check-unit check-san check-e2e check-lint check-layers check-headers check-container check-kernels \
	check-long soak \
	check-vmlinux check-docs check-static fuzz fuzz-build golden

# Targets that write into the tree.
BUILDS := all static check-static unit helpers fuzz-build check-build clean format

ifneq ($(AS_OWNER),)

$(BUILDS):
	+$(Q)$(AS_OWNER) $(MAKE) $@

else

all: $(BIN)      ## build ./tcpconnstate (the default)

unit: $(UNIT)

helpers: $(HELPERS)

fuzz-build: $(FUZZ)

# All that make check needs, the sanitized unit tests included.
check-build: all unit helpers fuzz-build check-static
ifneq ($(SAN),1)
	+$(Q)$(MAKE) SAN=1 unit
endif

# Where the libraries cannot be linked statically, the tests that want a static binary are skipped.
check-static: all
	+$(Q)if printf '%s\n' '#include <bpf/libbpf.h>' 'int main(void) { return !bpf_object__open("x"); }' | \
		$(CC) $(PKG_CFLAGS) -static -x c - -o /dev/null $(STATIC_LIBS) 2>/dev/null; \
	then $(MAKE) static; \
	else echo '  (no static libbpf, libelf, zlib and libcap-ng here: no static binary)'; fi

static: $(STATIC)   ## build/static/tcpconnstate: one file that runs on any Linux

clean:           ## remove everything that was built
	$(call msg,CLEAN,build tcpconnstate)
	$(Q)rm -rf build tcpconnstate

format:          ## put all C files into the project's format (.clang-format)
	$(call msg,FORMAT,$(words $(FORMAT_C)) files)
	$(Q)clang-format -i $(FORMAT_C)

endif

run:             ## install what is missing, build, and watch this host live
	$(Q)tests/deps.sh build
	+$(Q)$(AS_OWNER) $(MAKE) $(JOBS) all
	$(Q)[ -z '$(SUDO)' ] || command -v sudo >/dev/null || { \
		echo 'tcpconnstate needs root, and there is no sudo here: run this as root' >&2; exit 1; }
	$(call msg,RUN,$(strip $(SUDO) ./$(BIN) $(subst ','\'',$(ARGS))))
	$(Q)$(SUDO) ./$(BIN) $(ARGS)

check:           ## install what is missing, build, and run every test
	$(Q)tests/deps.sh build check
	$(Q)tests/deps.sh container kernels || echo '  (going on: what needs them is skipped)'
	+$(Q)$(AS_OWNER) $(MAKE) $(JOBS) DEVELOPER=1 check-build
	$(call RUN_TESTS,$(TESTS))

check-fast:      ## all tests but those that need root
	+$(Q)$(AS_OWNER) $(MAKE) $(JOBS) DEVELOPER=1 check-build
	$(call RUN_TESTS,$(filter-out $(E2E) $(CONTAINER) $(KERNELS) $(SOAK),$(TESTS)))

check-unit:      ## the unit tests
	+$(Q)$(AS_OWNER) $(MAKE) $(JOBS) DEVELOPER=1 unit
	$(call RUN_TESTS,$(UNIT))

check-san:       ## the unit tests under ASan and UBSan
	+$(Q)$(AS_OWNER) $(MAKE) $(JOBS) DEVELOPER=1 SAN=1 unit
	$(call RUN_TESTS,$(SAN_UNIT))

check-e2e:       ## the end-to-end tests, as root
	+$(Q)$(AS_OWNER) $(MAKE) $(JOBS) DEVELOPER=1 all helpers
	$(call RUN_TESTS,$(or $(T),$(E2E)))

check-lint:      ## clang-format, clang-tidy, cppcheck, shellcheck
	+$(Q)$(AS_OWNER) $(MAKE) $(JOBS) DEVELOPER=1 all
	$(call RUN_TESTS,$(LINTS))

check-layers:    ## does every file of src/ include only what its layer may?
	$(call RUN_TESTS,tests/check/layers.sh)

check-headers:   ## does every header compile alone?
	$(call RUN_TESTS,tests/check/headers.sh)

check-vmlinux:   ## do our kernel types agree with the running kernel's?
	$(call RUN_TESTS,tests/check/vmlinux.sh)

check-docs:      ## do --help, man page and completion name the same options?
	+$(Q)$(AS_OWNER) $(MAKE) $(JOBS) DEVELOPER=1 all
	$(call RUN_TESTS,tests/check/docs.sh)

check-container: ## the image, in containers with all rights and with fewer
	$(Q)tests/deps.sh build check container
	+$(Q)$(AS_OWNER) $(MAKE) $(JOBS) DEVELOPER=1 static helpers
	$(call RUN_TESTS,$(CONTAINER))

check-kernels:   ## the static binary on every kernel from 5.10 to 7.3, in qemu (ARGS=--subset: four)
	$(Q)tests/deps.sh build kernels
	$(Q)$(MAKE) $(JOBS) static
	$(Q)$(AS_OWNER) tests/kernels/run.sh $(ARGS)

check-long:      ## what make check has no time for: crowds, floods ten times, every kernel, soak, fuzz
	$(Q)tests/deps.sh build check kernels
	+$(Q)$(AS_OWNER) $(MAKE) $(JOBS) DEVELOPER=1 all helpers static
	$(call RUN_TESTS,tests/e2e/crowd.bats)
	$(Q)CPUS_ROUNDS=8 TCS_TEST_LIMIT=3600 tests/run tests/e2e/cpus.bats
	$(Q)tests/e2e/flood.sh --runs 10
	$(Q)$(AS_OWNER) tests/kernels/run.sh --all
	+$(Q)$(MAKE) soak fuzz

soak:            ## twenty minutes of everything at once, and a reader that stalls for 30 s
	$(Q)tests/deps.sh build check
	+$(Q)$(AS_OWNER) $(MAKE) $(JOBS) DEVELOPER=1 all helpers
	$(Q)TCS_TEST_LIMIT=3600 TCS_SOAK_SECONDS=$${TCS_SOAK_SECONDS:-1200} FAULT_SECONDS=30 \
		tests/run $(SOAK) tests/e2e/faults.bats

golden:          ## replay the golden captures again, and show what has changed
	+$(Q)$(AS_OWNER) $(MAKE) $(JOBS) all
	$(Q)$(AS_OWNER) tests/golden/expect.sh tests/golden
	$(Q)$(AS_OWNER) git --no-pager diff --stat -p -- tests/golden

fuzz:            ## ten million executions of each fuzz target (ARGS='--runs N --seconds S TARGET')
	$(Q)tests/deps.sh build check
	+$(Q)$(AS_OWNER) $(MAKE) $(JOBS) fuzz-build
	$(Q)$(AS_OWNER) tests/fuzz/run.sh $(ARGS)

bench:           ## compare with libbpf-tools' tcpstates and tcplife (T=census: audit with ss, T=flood)
	$(Q)tests/deps.sh build bench
	+$(Q)$(AS_OWNER) $(MAKE) $(JOBS) all helpers
	$(Q)$(SUDO) tests/bench/$(or $(T),bench).sh $(ARGS)

image: static    ## the container image tcpconnstate: the static binary and nothing else
	$(call msg,IMAGE,tcpconnstate:$(VERSION))
	$(Q)$(SUDO) $(ENGINE) build -q -f deploy/Containerfile -t tcpconnstate:$(VERSION) \
		-t tcpconnstate:latest $(dir $(STATIC))

deps:            ## install what building and testing need, and say what and why
	$(Q)tests/deps.sh build check container kernels

# Where things go, as a word of the shell: with blanks, quotes, and what has a meaning there.
quoted  = '$(subst ','\'',$(1))'
TO_BIN  = $(call quoted,$(DESTDIR)$(SBINDIR)/tcpconnstate)
TO_MAN  = $(call quoted,$(DESTDIR)$(MANDIR)/man8/tcpconnstate.8)
TO_BASH = $(call quoted,$(DESTDIR)$(BASHDIR)/tcpconnstate)
TO_ZSH  = $(call quoted,$(DESTDIR)$(ZSHDIR)/_tcpconnstate)

# Folders that have to be made are 0755 whatever the umask is; those that exist stay as they are.
install: all     ## install program, man page and completions (PREFIX, DESTDIR)
	@printf '  %-8s %s\n' INSTALL $(TO_BIN)
	$(Q)./$(BIN) --completion bash > build/completion.bash
	$(Q)./$(BIN) --completion zsh > build/completion.zsh
	$(Q)umask 022 && install -D -m 755 $(BIN) $(TO_BIN)
	$(if $(MAN),$(Q)umask 022 && install -D -m 644 $(MAN) $(TO_MAN))
	$(Q)umask 022 && install -D -m 644 build/completion.bash $(TO_BASH)
	$(Q)umask 022 && install -D -m 644 build/completion.zsh $(TO_ZSH)

uninstall:       ## remove what install put there
	@printf '  %-8s %s\n' REMOVE $(TO_BIN)
	$(Q)rm -f $(TO_BIN) $(TO_MAN) $(TO_BASH) $(TO_ZSH)

help:            ## this list
	@echo 'Targets:'
	@sed -n 's/^\([a-z][a-z0-9-]*\):[^#]*## *\(.*\)/\1\t\2/p' Makefile | \
		awk -F '\t' '{ printf "  %-15s %s\n", $$1, $$2 }'
	@echo 'Variables:'
	@sed -n 's/^## /  /p' Makefile

# For scripts: make -s print-BPF_COMPILE
print-%:
	@printf '%s\n' '$(subst ','\'',$($*))'

MAN      := $(wildcard src/man/tcpconnstate.8)
FORMAT_C := $(wildcard src/*.[ch] bpf/*.[ch] tests/unit/*.[ch] tests/e2e/*.[ch] tests/bench/*.[ch] tests/kernels/*.[ch] \
		tests/fuzz/*.[ch])

# tests/run prints prove's report, what was skipped and why, and the sum.
RUN_TESTS = $(Q)TCS_AS_OWNER='$(AS_OWNER)' TCS_KERNELS=--subset tests/run $(1)

# ---- Rules ----------------------------------------------------------------------------------

ifeq ($(AS_OWNER),)

$(BIN): $(OBJS) $(OUT)/.objects
	$(call msg,LINK)
	$(Q)$(COMPILE) $(ALL_LDFLAGS) -o $@ $(OBJS) $(ALL_LDLIBS)

# The same objects, linked against lib*.a.
$(STATIC): $(OBJS) $(OUT)/.objects
	$(call msg,LINK)
	$(Q)mkdir -p $(@D)
	$(Q)$(COMPILE) -static $(ALL_LDFLAGS) -o $@ $(OBJS) $(STATIC_LIBS) $(LDLIBS) || { \
		echo 'make static: this system has no complete static libbpf, libelf, zlib and libcap-ng' \
		'(Debian 12 has; in Debian 13 libelf.a lacks symbols)' >&2; exit 1; }

$(OUT)/src/%.o: src/%.c $(OUT)/.flags | $(GENERATED)
	$(call msg,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(COMPILE) $(DEFS) -MD -MP -c -o $@ $<

$(OUT)/unit/%.o: tests/unit/%.c $(OUT)/.flags | $(GENERATED)
	$(compile_test)
$(OUT)/e2e/%.o: tests/e2e/%.c $(OUT)/.flags
	$(compile_test)
$(OUT)/bench/%.o: tests/bench/%.c $(OUT)/.flags
	$(compile_test)

define compile_test
	$(call msg,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(COMPILE) -MD -MP -c -o $@ $<
endef

$(UNIT): %: %.o $(UNIT_LIB) $(filter-out %/main.o,$(OBJS))
	$(call msg,LINK)
	$(Q)$(COMPILE) $(ALL_LDFLAGS) -o $@ $^ $(ALL_LDLIBS) -lcmocka

build/fuzz/src/%.o: src/%.c build/.fuzz-flags | $(GENERATED)
	$(call msg,FUZZ,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(FUZZ_COMPILE) -fsanitize=fuzzer-no-link -MD -MP -c -o $@ $<
build/fuzz/%.o: tests/fuzz/%.c build/.fuzz-flags
	$(call msg,FUZZ,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(FUZZ_COMPILE) $(WARN) -Itests/fuzz -fsanitize=fuzzer-no-link -MD -MP -c -o $@ $<
$(FUZZ): %: %.o $(FUZZ_OBJS)
	$(call msg,LINK)
	$(Q)$(FUZZ_COMPILE) -fsanitize=fuzzer $(ALL_LDFLAGS) -o $@ $^ $(ALL_LDLIBS)

.SECONDEXPANSION:
$(HELPERS): $$(call parts,$$(patsubst $(OUT)/%,tests/%,$$@))
	$(call msg,LINK)
	$(Q)$(COMPILE) $(ALL_LDFLAGS) -pthread -o $@ $^ $(ALL_LDLIBS)

# The BPF side. `gen object` leaves out the debug information that only the compiler needed.
build/%.bpf.o: bpf/%.bpf.c build/.bpf-flags
	$(call msg,BPF,$<)
	$(Q)$(BPF_COMPILE) -MD -MP -MT $@ -MF $(@:.o=.d) -c -o $(@:.o=.full.o) $<
	$(Q)$(BPFTOOL) gen object $@ $(@:.o=.full.o)

build/%.skel.h: build/%.bpf.o
	$(call msg,SKEL)
	$(Q)$(BPFTOOL) gen skeleton $< name $*_bpf > $@

# The types that the BPF programs name, as CO-RE looks for them: without the ___word of a flavour.
build/type_names.h: $(SKELS:.skel.h=.bpf.o)
	$(call msg,GEN)
	$(Q)for o in $^; do $(BPFTOOL) btf dump file $$o || exit; done | \
		sed -nE "s/^\[[0-9]+\] (STRUCT|UNION|ENUM|ENUM64|TYPEDEF) '([A-Za-z_0-9]+)'.*/\2/p" | \
		sed 's/___.*//' | LC_ALL=C sort -u | sed 's/.*/"&",/' > $@

# Files that hold the flags of the last build, and what it linked: what changes is made again.
remember = $(Q)mkdir -p $(@D); f='$(subst ','\'',$(1))'; \
	[ "$$(cat $@ 2>/dev/null)" = "$$f" ] || printf '%s\n' "$$f" > $@
$(OUT)/.flags: FORCE | tools
	$(call remember,$(COMPILE))
build/.fuzz-flags: FORCE | tools
	$(call remember,$(FUZZ_COMPILE))
build/.bpf-flags: FORCE | tools
	$(call remember,$(BPF_COMPILE))
$(OUT)/.objects: FORCE
	$(call remember,$(OBJS))
$(OUT)/.version: FORCE
	$(call remember,$(TCS_VERSION))

# Only the files that name the version are rebuilt when it changes.
VERSIONED := $(patsubst %.c,$(OUT)/%.o,$(shell grep -ls TCS_VERSION src/*.c))
$(VERSIONED): $(OUT)/.version
$(VERSIONED): DEFS = $(DEFS_VERSION)

# A sentence instead of "clang: not found" in the middle of the build.
.PHONY: tools
tools:
	$(Q)CC='$(CC)' CLANG='$(CLANG)' BPFTOOL='$(BPFTOOL)' tests/deps.sh --only-look build
	$(Q)! $(CC) -dM -E -x c /dev/null | grep -q '__BYTE_ORDER__ __ORDER_BIG_ENDIAN__' || { \
		echo '$(CC) builds for a big-endian machine: recordings and BPF programs are' \
			'little-endian; build for a little-endian one.' >&2; exit 1; }

-include $(wildcard build/*.d $(OUT)/src/*.d $(OUT)/unit/*.d $(OUT)/e2e/*.d $(OUT)/bench/*.d \
	build/fuzz/*.d build/fuzz/src/*.d)

endif
