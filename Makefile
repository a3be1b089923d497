# make            build/ngx_http_workspace_module.so and build/wsctl
# make test       install what is missing, build, run all tests
# make lint       warnings as errors, cppcheck, style
# make asan       the tests with AddressSanitizer and UBSan
# make asan-faults   the faults below with the same
# make valgrind   the tests, with nginx and the units in valgrind
# make valgrind-faults   the faults below with nginx in valgrind
# make fuzz       every fuzzer for FUZZ_SECONDS
# make bench      side by side with peers, see docs/performance.md
# make faults     Redis and workers killed under load, 10 to 20 minutes
# make run        a private Redis and nginx in the foreground
# make clean
#
# The module is built by nginx's own scripts, out of tree, in $(BUILD)/nginx:
# NGINX_SRC is Debian's nginx-dev or any nginx source tree, NGINX_FLAGS are
# the flags its nginx was configured with (those that matter for binary
# compatibility), NGINX is the nginx that runs it.

# V=1 shows the commands

SHELL = /bin/bash
.DELETE_ON_ERROR:
.SUFFIXES:

V ?=
Q = $(if $(V),,@)
say = $(if $(V),,@printf '  %-6s %s\n' $(1) $(2))

BUILD ?= build
NGINX ?= $(or $(shell PATH=$$PATH:/usr/sbin command -v nginx),nginx)
NGINX_SRC ?= /usr/share/nginx/src
NGINX_FLAGS ?= $(shell test -f $(NGINX_SRC)/conf_flags \
                   && . $(NGINX_SRC)/conf_flags \
                   && echo "$${NGX_CONF_FLAGS[@]}" || echo --with-compat)

# nginx itself takes a variable of this name for the sockets it inherits
unexport NGINX

CLANG ?= clang
JOBS ?= $(shell nproc)
FUZZ_SECONDS ?= 60
T ?=

# the sources, as nginx's build script lists them

from_config = $(shell { echo ngx_addon_dir=.; \
                  sed '/auto\/module/d' config; echo 'echo $$$(1)'; } | sh)

PURE_SRCS := $(call from_config,ws_pure_srcs)
WORKER_SRCS := $(call from_config,ws_worker_srcs)
WS_DIRS := $(call from_config,ws_dirs)
HEADERS := $(wildcard src/*/*.h tools/*/*.h)
WSCTL_SRCS := $(wildcard tools/wsctl/*.c)
STAND_IN := tools/ngx/ws_ngx.c
UNIT_SRCS := $(wildcard t/unit/test_*.c)
FUZZ_SRCS := $(wildcard t/fuzz/fuzz_*.c)

LIBS = -lhiredis -ljansson -luuid -lssl -lcrypto

# what differs between the plain and the sanitized build

SAN ?=
SAN_FLAGS = -fsanitize=address,undefined -fno-sanitize-recover=undefined \
            -fno-omit-frame-pointer

ifeq ($(SAN),)
OPT = -O2 -g -fstack-protector-strong -D_FORTIFY_SOURCE=2
LD_OPT = -Wl,-z,relro -Wl,-z,now
else
OPT = -O1 -g $(SAN_FLAGS)
LD_OPT = $(SAN_FLAGS)
endif

WARN = -Wall -Wextra -Wno-unused-parameter -Wpointer-arith \
       -Wmissing-prototypes -Wstrict-prototypes -Werror

NGINX_BUILD = $(BUILD)/nginx
NGINX_MAKE = $(NGINX_BUILD)/objs/Makefile

INCS = $(addprefix -I,$(WS_DIRS)) -Itools/ngx -It/unit \
       $(addprefix -isystem $(NGINX_BUILD)/,src/core src/event \
           src/event/modules src/event/quic src/os/unix src/http \
           src/http/modules src/http/v2 objs)

CFLAGS_ALL = -std=gnu11 -fPIC -fvisibility=hidden $(OPT) $(WARN) $(CFLAGS)

obj = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))

MODULE = $(BUILD)/ngx_http_workspace_module.so
WSCTL = $(BUILD)/wsctl
LIB = $(BUILD)/libws.a
UNITS = $(patsubst t/unit/%.c,$(BUILD)/unit/%,$(UNIT_SRCS))
BENCH = $(patsubst bench/%.c,$(BUILD)/bench/%,$(wildcard bench/*.c))


.PHONY: all deps module wsctl units test check lint style cppcheck asan \
        asan-check asan-faults asan-break valgrind valgrind-faults \
        valgrind-check valgrind-break fuzz bench bench-tools faults break \
        run clean

all: $(MODULE) $(if $(WSCTL_SRCS),$(WSCTL))

module: $(MODULE)
wsctl: $(WSCTL)
units: $(UNITS)

deps:
	tools/install-deps


# What the compilers are told is kept in a file: when that changes, or
# Debian's nginx does, all is built anew.

NGINX_ARGS = $(NGINX_FLAGS) --with-cc='$(CC)' \
             --with-cc-opt='$(OPT) -fPIC $(CFLAGS)' \
             --with-ld-opt='$(LD_OPT) -fPIC $(LDFLAGS)' \
             --add-dynamic-module='$(CURDIR)'

export WS_BUILT_WITH = $(NGINX_SRC) $(NGINX_ARGS) $(CFLAGS_ALL) \
    $(shell cat $(NGINX_SRC)/src/core/nginx.h $(NGINX_SRC)/conf_flags \
                2>/dev/null | cksum)

$(BUILD)/built-with: FORCE
	$(Q)mkdir -p $(@D)
	$(Q)printenv WS_BUILT_WITH | cmp -s - $@ || printenv WS_BUILT_WITH >$@

.PHONY: FORCE
FORCE:


# The module

$(NGINX_MAKE): config tools/configure-nginx $(BUILD)/built-with
	$(call say,NGINX,$(NGINX_SRC))
	$(Q)$(if $(filter %/built-with,$?),rm -rf $(NGINX_BUILD))
	$(Q)tools/configure-nginx $(NGINX_BUILD) $(NGINX_SRC) $(NGINX_ARGS)

$(MODULE): $(NGINX_MAKE) $(PURE_SRCS) $(WORKER_SRCS) $(HEADERS) src/module.map
	$(call say,MODULE,$@)
	$(Q)+$(MAKE) --no-print-directory $(if $(V),,-s) -C $(NGINX_BUILD) \
	    -f objs/Makefile modules
	$(Q)! nm -D --undefined-only $(NGINX_BUILD)/objs/$(@F) | grep ' ws_'
	$(Q)cp $(NGINX_BUILD)/objs/$(@F) $@.new
	$(Q)mv $@.new $@


# wsctl, unit tests: the pure sources and a stand-in for nginx's core

$(BUILD)/obj/%.o: %.c $(BUILD)/built-with | $(NGINX_MAKE)
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) $(INCS) -MMD -MP -c -o $@ $<

$(LIB): $(call obj,$(PURE_SRCS) $(STAND_IN))
	$(Q)rm -f $@
	$(Q)$(AR) rcs $@ $^

$(WSCTL): $(call obj,$(WSCTL_SRCS)) $(LIB)
	$(call say,LINK,$@)
	$(Q)$(CC) $(LD_OPT) $(LDFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/unit/%: $(BUILD)/obj/t/unit/%.o $(LIB)
	$(call say,LINK,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(LD_OPT) $(LDFLAGS) -o $@ $^ -lcmocka $(LIBS)

.PRECIOUS: $(BUILD)/obj/%.o

-include $(shell test -d $(BUILD)/obj && find $(BUILD)/obj -name '*.d')


# T="t/list.t build/unit/test_time" runs only those

test: deps
	+$(MAKE) --no-print-directory -j$(JOBS) all units
	+$(MAKE) --no-print-directory check

check:
	WORKSPACE_MODULE='$(abspath $(MODULE))' WSCTL='$(abspath $(WSCTL))' \
	    TEST_NGINX_BINARY='$(NGINX)' \
	    perl t/lib/run.pl --jobs $(JOBS) \
	        $(or $(T),$(sort $(UNITS)) $(sort $(wildcard t/*.t)))


# Sanitizers.  Debian's stock nginx is not built with them: the runtime of
# ASan is preloaded into it, and nginx's pools are seen as the blocks that
# they are made of (in units and wsctl every allocation is seen alone).
# What is reported goes to files: each is a failed test.

ASAN_BUILD = $(BUILD)/asan
ASAN_MAKE = $(MAKE) --no-print-directory SAN=1 BUILD=$(ASAN_BUILD)

asan: deps
	+$(ASAN_MAKE) -j$(JOBS) all units
	+$(ASAN_MAKE) asan-check

asan-faults:
	tools/install-deps faults
	+$(ASAN_MAKE) -j$(JOBS) all
	+$(ASAN_MAKE) asan-break

$(BUILD)/stay_loaded.so: t/lib/stay_loaded.c
	$(Q)$(CC) -shared -fPIC -o $@ $<

# suppressions name functions deep in the stack, below nginx's, which has no
# frame pointers: so it is not unwound the fast way

REPORT = $(abspath $(BUILD)/report)
REPORT_TO = log_path=$(REPORT)/report:exitcode=99
FIND_LEAKS = detect_leaks=1:fast_unwind_on_malloc=0
FIND_ALL = $(FIND_LEAKS):detect_stack_use_after_return=1

asan-check asan-break: asan-%: $(BUILD)/stay_loaded.so
	$(Q)rm -rf $(REPORT) && mkdir -p $(REPORT)
	$(Q)+ASAN_OPTIONS='$(REPORT_TO):$(FIND_ALL)' \
	    UBSAN_OPTIONS='$(REPORT_TO):halt_on_error=1:print_stacktrace=1' \
	    LSAN_OPTIONS='suppressions=$(CURDIR)/t/lib/lsan.supp:print_suppressions=0' \
	    WORKSPACE_SANITIZED='$(REPORT)' \
	    WS_NGINX='$(NGINX)' \
	    WS_PRELOAD="$$($(CC) -print-file-name=libasan.so) $(abspath $<)" \
	    $(MAKE) --no-print-directory $* \
	        NGINX='$(CURDIR)/t/lib/nginx-sanitized'


# valgrind: reads of memory that nobody has written.  Slow, and not a part of
# anything: 11 to 30 minutes.  Without run.t: that finds the processes of a
# stock nginx by their titles, which they cannot set in valgrind.

VALGRIND_T = $(sort $(UNITS)) $(filter-out t/run.t,$(sort $(wildcard t/*.t)))

valgrind:
	tools/install-deps valgrind
	+$(MAKE) --no-print-directory -j$(JOBS) all units
	+$(MAKE) --no-print-directory valgrind-check

valgrind-faults:
	tools/install-deps valgrind
	tools/install-deps faults
	+$(MAKE) --no-print-directory -j$(JOBS) all
	+$(MAKE) --no-print-directory valgrind-break

valgrind-check valgrind-break: valgrind-%:
	$(Q)rm -rf $(BUILD)/valgrind && mkdir -p $(BUILD)/valgrind
	$(Q)+WORKSPACE_SANITIZED='$(abspath $(BUILD)/valgrind)' \
	    WORKSPACE_VALGRIND=1 WS_NGINX='$(NGINX)' \
	    $(MAKE) --no-print-directory $* T='$(or $(T),$(VALGRIND_T))' \
	        NGINX='$(CURDIR)/t/lib/nginx-valgrind'


# lint: every C file under both compilers, with warnings as errors

LINT_SRCS = $(PURE_SRCS) $(WORKER_SRCS) $(WSCTL_SRCS) $(STAND_IN) \
            $(wildcard t/unit/*.c) $(FUZZ_SRCS)

lint:
	tools/install-deps lint
	+$(MAKE) --no-print-directory -j$(JOBS) -k lint-compile
	+$(MAKE) --no-print-directory style cppcheck

.PHONY: lint-compile
lint-compile: $(patsubst %.c,$(BUILD)/lint/gcc/%.ok,$(LINT_SRCS)) \
              $(patsubst %.c,$(BUILD)/lint/clang/%.ok,$(LINT_SRCS))

lint_flags = -std=gnu11 -O2 $(WARN) $(INCS) -MMD -MP -MT $@ -MF $@.d

$(BUILD)/lint/gcc/%.ok: %.c | $(NGINX_MAKE)
	$(call say,GCC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)gcc $(lint_flags) -c -o /dev/null $<
	$(Q)touch $@

$(BUILD)/lint/clang/%.ok: %.c | $(NGINX_MAKE)
	$(call say,CLANG,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(lint_flags) -c -o /dev/null $<
	$(Q)touch $@

-include $(shell test -d $(BUILD)/lint && find $(BUILD)/lint -name '*.d')

style:
	tools/lint/style

cppcheck:
	$(call say,CPPCHECK)
	$(Q)mkdir -p $(BUILD)/lint/cppcheck
	$(Q)cppcheck --quiet --std=c11 --error-exitcode=1 --inline-suppr \
	    --enable=warning,performance,portability -j$(JOBS) \
	    --cppcheck-build-dir=$(BUILD)/lint/cppcheck \
	    --library=tools/lint/cppcheck.cfg \
	    --suppressions-list=tools/lint/cppcheck.txt \
	    $(addprefix -I,$(WS_DIRS)) -Itools/ngx -It/unit \
	    $(LINT_SRCS)


# fuzzers: clang's libFuzzer over the pure sources

FUZZ_BUILD = $(BUILD)/fuzz
FUZZERS = $(patsubst t/fuzz/%.c,$(FUZZ_BUILD)/%,$(FUZZ_SRCS))
FUZZ_FLAGS = -std=gnu11 -O1 -g -fno-omit-frame-pointer \
             -fsanitize=address,undefined -fno-sanitize-recover=undefined

fuzz_obj = $(patsubst %.c,$(FUZZ_BUILD)/obj/%.o,$(1))

$(FUZZ_BUILD)/obj/%.o: %.c | $(NGINX_MAKE)
	$(call say,CLANG,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(FUZZ_FLAGS) -fsanitize=fuzzer-no-link $(INCS) -MMD -MP \
	    -c -o $@ $<

$(FUZZ_BUILD)/libws.a: $(call fuzz_obj,$(PURE_SRCS) $(STAND_IN))
	$(Q)rm -f $@
	$(Q)$(AR) rcs $@ $^

$(FUZZ_BUILD)/fuzz_%: $(FUZZ_BUILD)/obj/t/fuzz/fuzz_%.o $(FUZZ_BUILD)/libws.a
	$(call say,LINK,$@)
	$(Q)$(CLANG) $(FUZZ_FLAGS) -fsanitize=fuzzer -o $@ $^ $(LIBS)

-include $(shell test -d $(FUZZ_BUILD) && find $(FUZZ_BUILD) -name '*.d')

.PHONY: fuzzers
fuzzers: $(FUZZERS)

# new inputs go to the build directory; corpora in t/fuzz/corpus are read only

fuzz:
	tools/install-deps lint
	+$(MAKE) --no-print-directory -j$(JOBS) fuzzers
	@set -e; for f in $(FUZZERS); do \
	    name=$${f##*/fuzz_}; \
	    echo "== $$name, $(FUZZ_SECONDS) s"; \
	    mkdir -p $(FUZZ_BUILD)/found/$$name; \
	    seeds=t/fuzz/corpus/$$name; test -d $$seeds || seeds=; \
	    $$f -max_total_time=$(FUZZ_SECONDS) -timeout=5 \
	        -rss_limit_mb=1024 -max_len=4096 -print_final_stats=1 \
	        -verbosity=0 -artifact_prefix=$(FUZZ_BUILD)/$$name- \
	        $(FUZZ_BUILD)/found/$$name $$seeds; \
	done


# benchmarks

$(BUILD)/bench/%: $(BUILD)/obj/bench/%.o $(LIB)
	$(call say,LINK,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(LD_OPT) $(LDFLAGS) -o $@ $^ $(LIBS)

bench-tools: $(BENCH)

bench:
	tools/install-deps bench
	$(MAKE) --no-print-directory all bench-tools
	BUILD=$(abspath $(BUILD)) bench/run $(BENCH_ARGS)


# FAULTS="redis-killed soak" runs only those, FAULTS_SCALE=0.1 a tenth

faults:
	tools/install-deps faults
	+$(MAKE) --no-print-directory -j$(JOBS) all
	+$(MAKE) --no-print-directory break

break:
	NGINX='$(NGINX)' BUILD=$(abspath $(BUILD)) \
	    python3 t/faults/faults.py $(FAULTS)


run:
	tools/run

clean:
	rm -rf $(BUILD)
