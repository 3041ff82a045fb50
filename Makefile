# oslab: everything is built, checked and measured from here; try `make help`.
#
# One non-recursive Makefile that learns the programs from the tree:
#
#   FOLDER/NAME.c        a program, build/FOLDER/NAME        (a lab folder)
#   FOLDER/NAME/         with main.c: a program of several files, the same name
#                        without: a module, a library that programs link
#   lib/*.c              a library that everything links
#   bench/*.c tests/*.c  one program each: build/bench/bench, build/tests/check
#   tests/fuzz/*.c       fuzz targets; the Check suite plays them, too
#
# So adding a lab is adding a file. Objects live in build/obj/. A variant
# (another compiler, a sanitizer ...) lives in a folder of its own:
#
#   make CC=clang SAN=address,undefined   ->   build/clang-address,undefined/
#
# What `make help` prints are the lines that begin with two #.

MAKEFLAGS += --no-builtin-rules
.DELETE_ON_ERROR:
.SUFFIXES:
.DEFAULT_GOAL := all

VERSION := 0.1
FOLDERS := sched ipc threads sync mem fs virt
PREFIX ?= /usr/local
bindir ?= $(PREFIX)/bin
ifeq ($(origin CC),default)
CC := gcc
endif

# libFuzzer is clang's, and wants everything built so that it can see.
ifneq ($(filter fuzz,$(MAKECMDGOALS)),)
CC := clang
SAN := fuzzer-no-link,address,undefined
endif

# --- where things are built ---------------------------------------------------

space := $(subst ,, )
comma := ,
variant := $(subst $(space),-,$(strip $(filter-out gcc,$(notdir $(CC))) $(SAN) \
	$(if $(COVERAGE),coverage) $(if $(STATIC),static)))
B := build$(if $(variant),/$(variant))
O := $(B)/obj

# --- what there is to build ---------------------------------------------------

single := $(basename $(wildcard $(FOLDERS:%=%/*.c)))
several := $(patsubst %/main.c,%,$(wildcard $(FOLDERS:%=%/*/main.c)))
modules := lib $(filter-out $(several),$(sort $(patsubst %/,%,$(dir \
	$(wildcard $(FOLDERS:%=%/*/*.c))))))
labs := $(sort $(single) $(several))
programs := $(labs) $(if $(wildcard bench/*.c),bench/bench)

c_files := $(wildcard lib/*.c bench/*.c tests/*.c tests/fuzz/*.c \
	$(FOLDERS:%=%/*.c) $(FOLDERS:%=%/*/*.c))
cpp_files := $(wildcard bench/rivals/*.cpp)
rival_files := $(wildcard bench/rivals/*.c)
s_files := $(wildcard $(FOLDERS:%=%/*/*.S))
headers := $(wildcard lib/*.h bench/*.h tests/*.h tests/fuzz/*.h \
	$(FOLDERS:%=%/*/*.h) bench/rivals/*.h)
scripts := $(wildcard deps.sh .ci/run */*.sh)

objects_in = $(patsubst %,$(O)/%.o,$(wildcard $(1)/*.c $(1)/*.S))
archives := $(modules:%=$(O)/%.a)

# Tests may call what a program of several files consists of, but for its main.
inner := $(if $(wildcard tests/fuzz/*.c),fs/img tests/fuzz)
inner_archives := $(inner:%=$(O)/%.a)

# --- how ----------------------------------------------------------------------

# (-ffp-contract=off: exercises follow the arithmetic of another program.)
CFLAGS ?= -O2 -g
warnings := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	-Wvla $(if $(WERROR),-Werror)
variant_flags := $(if $(SAN),-fsanitize=$(SAN) -fno-sanitize-recover=all \
	-fno-omit-frame-pointer -DOSLAB_SANITIZED) $(if $(COVERAGE),--coverage)
flags = -std=gnu17 $(warnings) -pthread -Ilib -I. \
	-ffp-contract=off -DOSLAB_VERSION='"$(VERSION)"' $(variant_flags) \
	$(CPPFLAGS) $(CFLAGS)
link = $(CC) -pthread $(variant_flags) $(if $(STATIC),-static) $(CFLAGS) \
	-Wl,--as-needed $(if $(COVERAGE),-Wl$(comma)--wrap=_exit) $(LDFLAGS)

# What the libraries need. Make expands a recipe when it is about to run it, so
# these are read after `deps` has run, where that is a goal of the same make.
package_cflags = $(file <$(O)/cflags)
package_libs = $(file <$(O)/libs)

# Of several goals, these come first (also with -j).
first := $(filter clean deps deps-dev,$(MAKECMDGOALS))

Q := $(if $(V),,@)
step = $(if $(V),,@printf '  %-4s %s\n' $(1) $(2))
update = if cmp -s $(1).new $(1); then rm $(1).new; else mv $(1).new $(1); fi

## targets
##   all        every program; the default
all: $(programs:%=$(B)/%)
	$(if $(stale),rm -f $(stale))
	@echo "$(B)/: $(words $(programs)) programs are up to date"

# Programs whose source is gone. (obj/ has no program's place.)
stale = $(filter-out $(programs:%=$(B)/%) $(B)/tests/check, \
	$(wildcard $(patsubst %,$(B)/%/*,$(FOLDERS) bench tests)))

# All objects depend on the compiler and the flags; this file only changes when
# they do.
$(O)/flags: always $(first)
	@mkdir -p $(@D)
	@./deps.sh flags $(@D) $(if $(STATIC),--static)
	@{ echo '$(subst ','\'',$(CC) $(flags) $(link))'; \
		cat $(@D)/cflags $(@D)/libs; } >$@.new; $(call update,$@)

$(O)/%.o: % $(O)/flags
	$(call step,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(flags) $(package_cflags) -MMD -MP -c -o $@ $<

# What a result must say of its build: all but the paths (see lib/host.c).
$(O)/lib/host.c.o: private flags += -DOSLAB_FLAGS='"$(strip -std=gnu17 \
	$(variant_flags) $(CPPFLAGS) $(CFLAGS))"'

# The model checker of sync/lock (tests/orders.h) sees every access to memory:
# the compiler calls it where it would call the runtime of ThreadSanitizer, which
# is not linked.
ifeq ($(SAN),)
$(O)/tests/ordered_%.c.o: private variant_flags := $(if $(filter x86_64% \
	aarch64%,$(shell $(CC) -dumpmachine)),-fsanitize=thread)
endif

# A removed source makes nothing newer. So each archive and program keeps a list
# of its parts, and is made anew when one on the list no longer belongs to it.
lost = $(if $(filter-out $(2),$(file <$(O)/$(1).parts)),always)

define archive
$(O)/$(1).a: $(2) $(call lost,$(1).a,$(2))
	$$(call step,AR,$(1))
	$(Q)rm -f $$@
	$(Q)$(AR) rcs $$@ $(2)
	@echo '$(2)' >$$@.parts
endef
$(foreach m,$(modules),$(eval $(call archive,$(m),$(call objects_in,$(m)))))
$(foreach m,$(inner),$(eval $(call archive,$(m),$(filter-out %/main.c.o, \
	$(call objects_in,$(m))))))

# A program is its own objects and whatever it uses of the modules and lib (and
# of other archives).
define program
$(B)/$(1): $(2) $(archives) $(3) $(call lost,$(1),$(2) $(archives) $(3))
	$$(call step,LD,$(1))
	$(Q)mkdir -p $$(@D) $(O)/$(dir $(1))
	$(Q)$$(link) -o $$@ $(2) -Wl,--start-group $(archives) $(3) \
		-Wl,--end-group $$(package_libs) $$(LDLIBS)
	@echo '$(2) $(archives) $(3)' >$(O)/$(1).parts
endef
$(foreach p,$(single),$(eval $(call program,$(p),$(O)/$(p).c.o)))
$(foreach p,$(several),$(eval $(call program,$(p),$(call objects_in,$(p)))))
$(eval $(call program,bench/bench,$(call objects_in,bench)))
$(eval $(call program,tests/check,$(call objects_in,tests),$(inner_archives)))

-include $(wildcard $(patsubst %,$(O)/%.d,$(c_files) $(s_files)))

# --- using it -----------------------------------------------------------------

##   deps       installs what building and checking need (see deps.sh)
deps:
	@./deps.sh install deps

##   deps-dev   also linters, valgrind, judges and rivals
deps-dev: deps
	@./deps.sh install dev

##   bench      measures this machine        BENCH="--quick 'ipc/*'"
bench: $(B)/bench/bench
	$(Q)$< run $(BENCH)

##   when       which mechanism when, at the prices of this machine
when: $(B)/bench/bench
	$(Q)$< when $(WHEN)

##   check      the Check suite              CHECK="stats ipc" plays these two
##   soak       with the long tests
check soak: all $(B)/tests/check
	$(Q)$(if $(filter soak,$@),OSLAB_SOAK=1) $(B)/tests/check $(CHECK)

##   fuzz       plays hostile input with clang's libFuzzer; what it finds is kept
##              in build/.../obj/fuzz     SECONDS=60 each, FUZZ="check edit"
SECONDS ?= 60
fuzz: $(O)/tests/fuzz/main
	$(Q)for target in $(or $(FUZZ),$(shell ls tests/fuzz/seeds)); do \
		mkdir -p $(O)/fuzz/$$target && \
		$< --target=$$target $(O)/fuzz/$$target \
			tests/fuzz/seeds/$$target -max_total_time=$(SECONDS) \
			-max_len=512 -timeout=5 -rss_limit_mb=1024 \
			-artifact_prefix=$(O)/fuzz/$$target- || exit; done

$(O)/tests/fuzz/main: $(call objects_in,tests/fuzz) $(O)/fs/img.a $(archives)
	$(call step,LD,$@)
	$(Q)$(link) -fsanitize=fuzzer -o $@ $(call objects_in,tests/fuzz) \
		-Wl,--start-group $(O)/fs/img.a $(archives) -Wl,--end-group \
		$(package_libs) $(LDLIBS)

##   growth     what a file costs among up to a million in one directory: a plot
growth: $(B)/fs/img
	@B=$(B) fs/growth.sh $(GROWTH)

##   rivals     times others' benchmarks beside ours, in turns
rivals: $(B)/bench/bench $(cpp_files:%.cpp=$(O)/%) $(rival_files:%.c=$(O)/%)
	$(Q)worst=0; $< rivals || worst=$$?; \
	for rival in $(rival_files:%.c=$(O)/%); do \
		[ ! -x $$rival ] || { echo && $$rival; } || worst=$$?; done; \
	exit $$worst

# Others' queues are C++: made where there is a compiler for it and the library.
$(O)/bench/rivals/%: bench/rivals/%.cpp $(O)/flags
	$(call step,CXX,$<)
	$(Q)mkdir -p $(@D)
	$(Q)if $(CXX) -E $< >/dev/null 2>&1; then \
		$(CXX) -std=c++17 -Wall -Wextra $(CFLAGS) -o $@ $<; else \
		echo 'skipped: no C++ compiler, or no Boost (make deps-dev)'; fi

# A library that one program links beside ours; what it needs it says itself.
$(O)/bench/rivals/%: bench/rivals/%.c $(archives) $(O)/flags
	$(call step,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)libraries=$$(sed -n 's|^// libraries: ||p' $<); \
	if $(CC) $(flags) -E $< >/dev/null 2>&1; then \
		$(CC) $(flags) -o $@ $< -Wl,--start-group $(archives) \
			-Wl,--end-group $$libraries $(package_libs); else \
		echo "skipped: want $$libraries (make deps-dev)"; fi

##   list       every program with what it shows, by chapter
list: $(O)/catalogue
	@awk -F '\t' '$$3 != c { c = $$3; print (n++ ? "\n" : "") c } \
		{ printf "  %-18s %s\n", $$1, $$2 }' $<

##   tour       plays every lab, chapter by chapter; prints the claims only
tour: $(O)/catalogue
	@B=$(B) docs/tour.sh <$<

# A line a program: its name, one line, its chapter, and "tool" where it has no
# scenes; separated by tabs.
$(O)/catalogue: always $(programs:%=$(B)/%)
	@for p in $(programs); do $(B)/$$p --catalogue || exit; done >$@.new
	@sort -s -t "$$(printf '\t')" -k 3n,3 -k 3,3 $@.new >$@ && rm $@.new

##   sweep      removes what killed programs left in the kernel
sweep: $(B)/$(firstword $(labs))
	$(Q)$< --sweep

##   lint       clang-format, clang-tidy, cppcheck and shellcheck find nothing
lint: lint-format lint-tidy lint-cppcheck lint-shell

# A linter that is missing is named, and skipped.
lint_with = @command -v $(1) >/dev/null || \
	{ echo 'skipped: $(1) is not installed (make deps-dev)'; exit 0; }; \
	echo '  $(1)';

lint-format: $(first)
	$(call lint_with,clang-format) \
		tests/format.sh --check $(c_files) $(rival_files) $(headers)

lint-tidy: $(O)/flags
	$(call lint_with,clang-tidy) printf '%s\n' $(c_files) | xargs -n 1 \
		-P "$$(nproc)" sh -c 'clang-tidy --quiet "$$1" -- $(subst ','\'',\
		$(flags) $(package_cflags)) 2>/dev/null || \
		{ echo "clang-tidy: findings in $$1"; exit 1; }' -

# cppcheck cannot read all of GNU C and of the libraries' macros, and does not
# know that POSIX has NULL be a pointer.
lint-cppcheck: $(first)
	$(call lint_with,cppcheck) cppcheck --quiet -j "$$(nproc)" -Ilib -I. \
		--enable=warning,portability,performance --inline-suppr \
		--error-exitcode=1 $(c_files) $(patsubst %,--suppress=%, \
		internalAstError syntaxError unknownMacro varFuncNullUB)

lint-shell: $(first)
	$(call lint_with,shellcheck) shellcheck $(scripts)

##   format     makes clang-format content
format:
	$(Q)tests/format.sh $(c_files) $(rival_files) $(headers)

##   objects    compiles everything and links nothing
objects: $(patsubst %,$(O)/%.o,$(c_files) $(s_files))

##   coverage   with COVERAGE=1: which lines the Check suite reaches (gcov)
coverage: $(if $(COVERAGE),check)
	@$(if $(COVERAGE),,echo 'try: make COVERAGE=1 coverage'; exit 1)
	@find $(O) -name '*.gcda' -exec gcov -n {} + | awk -F "[':% ]+" ' \
		/^File/ { file = $$2 } \
		/^Lines/ && file ~ /^[a-z].*\.c$$/ { \
			printf "%6.1f %% of %4d lines  %s\n", \
				$$(NF - 2), $$NF, file } \
		/^Lines/ { file = "" }' | sort -n

##   install    programs into DESTDIR/PREFIX/bin (/usr/local), as oslab-ipc-pipe
install: all
	install -d '$(DESTDIR)$(bindir)'
	$(foreach p,$(programs),install $(B)/$(p) '$(call installed,$(p))' &&) :

##   uninstall  removes just these
uninstall:
	rm -f $(foreach p,$(programs),'$(call installed,$(p))')

installed = $(DESTDIR)$(bindir)/oslab-$(subst /,-,$(1:bench/bench=bench))

##   clean      removes everything that was built
clean:
	rm -rf $(B)

##   help       prints this
help:
	@sed -n 's/^## \{0,1\}//p' $(firstword $(MAKEFILE_LIST))

##
## variables
##   CC=clang  SAN=address,undefined|thread  COVERAGE=1  STATIC=1  WERROR=1
##   CPPFLAGS CFLAGS LDFLAGS LDLIBS PREFIX DESTDIR  V=1 (prints the commands)
##   B=FOLDER (builds there)

.PHONY: all always bench check clean coverage deps deps-dev format fuzz growth \
	help install lint lint-cppcheck lint-format lint-shell lint-tidy list \
	objects rivals soak sweep tour uninstall when
