// # The Makefile and deps.sh, in a small tree of their own
//
// Each test gets a fresh source tree with the real Makefile and deps.sh, one
// library file, one module and one lab, and does to it what developers do.
// Package managers are stand-ins that write down what they were asked for.

#define _GNU_SOURCE
#include "tests.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// ## The tree

static char scratch[] = "/tmp/oslab-tests-build-XXXXXX";

// Runs a command in the tree, where "make" knows nothing of a make that this
// test may itself have been started from.
static struct outcome in_tree(const char *fmt, ...)
	__attribute__((format(printf, 1, 2)));

static struct outcome in_tree(const char *fmt, ...)
{
	char *command, *whole;
	va_list ap;

	va_start(ap, fmt);
	ck_assert_int_ge(vasprintf(&command, fmt, ap), 0);
	va_end(ap);
	ck_assert_int_ge(asprintf(&whole, "cd %s/tree; %s", scratch, command),
			 0);
	struct outcome outcome = run_shell(whole);
	free(command);
	free(whole);
	return outcome;
}

#define has(text, part)                                                       \
	ck_assert_msg(strstr(text, part), "no \"%s\" in:\n%.2000s", part, text)
#define has_not(text, part)                                                   \
	ck_assert_msg(!strstr(text, part), "\"%s\" in:\n%.2000s", part, text)

// A command that must succeed; its output is good until the next one.
#define good(...) good_at(__LINE__, in_tree(__VA_ARGS__))
static const char *good_at(int line, struct outcome outcome)
{
	static char *text;

	free(text);
	text = NULL;
	ck_assert_msg(outcome.exit == 0, "line %d: exit %d\n%.1500s%.1500s",
		      line, outcome.exit, outcome.out, outcome.err);
	free(outcome.err);
	return text = outcome.out;
}

static void put(const char *file, const char *text)
{
	char path[PATH_MAX];

	good("mkdir -p $(dirname %s)", file);
	snprintf(path, sizeof path, "%s/tree/%s", scratch, file);
	FILE *f = fopen(path, "we");
	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	ck_assert_int_eq(fclose(f), 0);
}

// Says its catalogue line, and what lib and the module return.
static void put_lab(const char *name)
{
	char path[64], text[1024];

	snprintf(path, sizeof path, "%s.c", name);
	snprintf(text, sizeof text,
		 "#include <stdio.h>\n"
		 "#include \"one.h\"\n"
		 "#include \"ipc/part/part.h\"\n"
		 "int main(int argc, char **argv)\n"
		 "{\n"
		 "	(void)argv;\n"
		 "	if (argc > 1)\n"
		 "		puts(\"%s\\tsays a number\\t10 IPC\");\n"
		 "	else\n"
		 "		printf(\"%%d\\n\", one() + part());\n"
		 "	return 0;\n"
		 "}\n",
		 name);
	put(path, text);
}

static void make_tree(void)
{
	good("cd ..; rm -rf tree; mkdir tree; "
	     "cp -p '%s/Makefile' '%s/deps.sh' tree",
	     source_folder(), source_folder());
	put("lib/one.h", "int one(void);\n");
	put("lib/one.c", "#include \"one.h\"\nint one(void) { return 1; }\n");
	put("ipc/part/part.h", "int part(void);\n");
	put("ipc/part/part.c",
	    "#include \"part.h\"\nint part(void) { return 2; }\n");
	put_lab("ipc/hi");
}

static void set_up(void)
{
	const char *inherited[] = {
		"MAKEFLAGS", "MFLAGS",  "MAKELEVEL", "MAKEOVERRIDES", "B",
		"CC",        "SAN",     "COVERAGE",  "STATIC",        "V",
		"WERROR",    "CFLAGS",  "CPPFLAGS",  "LDFLAGS",       "LDLIBS",
		"PREFIX",    "DESTDIR", "bindir",    "PKG_CONFIG"
	};

	for (size_t i = 0; i < sizeof inherited / sizeof *inherited; i++)
		unsetenv(inherited[i]);
	make_tree();
}

static void make_scratch(void)
{
	char tree[sizeof scratch + 8];

	if (!mkdtemp(scratch) || chmod(scratch, 0777) == -1)
		abort();
	snprintf(tree, sizeof tree, "%s/tree", scratch);
	if (mkdir(tree, 0777) == -1)
		abort();
}

static void remove_scratch(void)
{
	char command[64];

	snprintf(command, sizeof command, "rm -rf %s", scratch);
	if (system(command))
		abort();
}

// ## What is built, and what is not

START_TEST(build_makes_programs)
{
	const char *text = good("make -j2");
	has(text, "CC   lib/one.c");
	has(text, "1 programs are up to date");
	ck_assert_str_eq(good("build/ipc/hi"), "3\n");
}
END_TEST

START_TEST(build_again_does_nothing)
{
	good("make -j2 && touch mark");
	const char *text = good("make");
	ck_assert_str_eq(text, "build/: 1 programs are up to date\n");
	ck_assert_str_eq(good("find build -newer mark -type f"), "");
}
END_TEST

START_TEST(build_follows_headers)
{
	put("ipc/other.c", "int main(void) { return 0; }\n");
	good("make -j2 && touch lib/one.h");
	const char *text = good("make");
	has(text, "CC   lib/one.c\n");
	has(text, "CC   ipc/hi.c\n");
	has_not(text, "CC   ipc/other.c\n");
}
END_TEST

START_TEST(build_survives_removed_header)
{
	good("make -j2; rm lib/one.h; sed -i '/one.h/d' lib/one.c ipc/hi.c; "
	     "sed -i '1i int one(void);' lib/one.c ipc/hi.c");
	good("make");
	ck_assert_str_eq(good("build/ipc/hi"), "3\n");
}
END_TEST

START_TEST(build_finds_new_programs)
{
	good("make -j2");
	put_lab("ipc/new");
	put("sched/big/main.c", "int big(void);\nint main(void) "
				"{ return big(); }\n");
	put("sched/big/big.c", "int big(void);\nint big(void) { return 0; }\n");
	has(good("make"), "3 programs");
	good("build/sched/big");
	has(good("make list"), "  ipc/new            says a number\n");
}
END_TEST

// threads/pool.c and the module threads/pool/ go by one name.
START_TEST(build_finds_new_modules)
{
	put("threads/pool.c", "#include \"threads/pool/pool.h\"\n"
			      "int main(void) { return pool(); }\n");
	put("threads/pool/pool.h", "int pool(void);\n");
	put("threads/pool/pool.c",
	    "#include \"pool.h\"\nint pool(void) { return 0; }\n");
	good("make -j2");
	good("build/threads/pool");
}
END_TEST

START_TEST(build_forgets_removed_programs)
{
	put_lab("ipc/old");
	good("make -j2; test -e build/ipc/old; rm ipc/old.c");
	has(good("make"), "1 programs");
	good("! test -e build/ipc/old");
}
END_TEST

// Nothing becomes newer when a file goes, yet the archive must lose its object.
START_TEST(build_forgets_removed_sources)
{
	put("ipc/part/more.c",
	    "int more(void);\nint more(void) { return 4; }\n");
	good("make -j2");
	ck_assert_str_eq(good("ar t build/obj/ipc/part.a"),
			 "more.c.o\npart.c.o\n");
	good("rm ipc/part/more.c; make");
	ck_assert_str_eq(good("ar t build/obj/ipc/part.a"), "part.c.o\n");
	has_not(good("make"), "AR");
}
END_TEST

START_TEST(build_follows_flags)
{
	good("make -j2");
	has(good("make CFLAGS=-O1"), "CC   lib/one.c");
	has_not(good("make CFLAGS=-O1"), "CC");
	has(good("make V=1 CFLAGS=-O0"), " -O0 ");
	has(good("make SAN=address B=x"), "x/: 1 programs");
	has(good("make SAN=undefined"), "build/undefined/: 1 programs");
	has(good("nm x/ipc/hi"), "__asan_init");
}
END_TEST

START_TEST(build_can_forbid_warnings)
{
	put("ipc/warns.c", "int main(void) { int unused; return 0; }\n");
	has(good("make 2>&1"), "unused");
	struct outcome outcome = in_tree("touch ipc/warns.c; make WERROR=1");
	ck_assert_int_ne(outcome.exit, 0);
	outcome_free(&outcome);
}
END_TEST

START_TEST(build_orders_goals)
{
	good("make -j2");
	has(good("make -j8 clean all"), "CC   lib/one.c");
	ck_assert_str_eq(good("build/ipc/hi"), "3\n");
}
END_TEST

START_TEST(build_installs_and_uninstalls)
{
	good("make -j2 install DESTDIR=$PWD/root PREFIX=/opt/x");
	ck_assert_str_eq(good("find root -type f"),
			 "root/opt/x/bin/oslab-ipc-hi\n");
	ck_assert_str_eq(good("root/opt/x/bin/oslab-ipc-hi"), "3\n");
	good("make uninstall DESTDIR=$PWD/root PREFIX=/opt/x");
	ck_assert_str_eq(good("find root -type f"), "");
}
END_TEST

START_TEST(build_help_names_targets)
{
	char *help = strdup(good("make help"));
	char *targets = strdup(good("sed -n '/^.PHONY/,$p' Makefile"));
	char *save;

	for (char *target = strtok_r(targets, " \t\n\\", &save); target;
	     target = strtok_r(NULL, " \t\n\\", &save)) {
		char line[64];
		if (*target == '.' || !strcmp(target, "always") ||
		    strchr(target, '-'))
			continue;
		snprintf(line, sizeof line, "\n  %s ", target);
		ck_assert_msg(strstr(help, line), "help is silent on %s",
			      target);
	}
	free(help);
	free(targets);
}
END_TEST

// ## What is missing
//
// PKG_CONFIG_LIBDIR is the only place where pkg-config then looks.

START_TEST(build_names_what_is_missing)
{
	put("bin/apt-get", "#!/bin/sh\necho \"$@\" >>log\n");
	good("chmod +x bin/apt-get; mkdir empty");
	struct outcome outcome = in_tree("PATH=$PWD/bin:$PATH "
					 "PKG_CONFIG_LIBDIR=$PWD/empty make");
	ck_assert_int_ne(outcome.exit, 0);
	has(outcome.err, "missing here: check (0.15 or newer), jansson (");
	has(outcome.err, "liburing (2.3 or newer), libxxhash (0.8 or newer); "
			 "'make deps' installs");
	outcome_free(&outcome);
	good("! test -e log");
	good("PKG_CONFIG_LIBDIR=$PWD/empty make clean help uninstall");
}
END_TEST

START_TEST(build_names_missing_pkg_config)
{
	struct outcome outcome = in_tree("PKG_CONFIG=/no/such make");
	ck_assert_int_ne(outcome.exit, 0);
	has(outcome.err, "pkg-config; 'make deps' installs it");
	outcome_free(&outcome);
}
END_TEST

// A machine with no tool but those that every system has, and this manager,
// which writes down its arguments and provides what `provides` creates.
static void put_machine(const char *manager, const char *provides)
{
	char path[64], text[1024];

	good("mkdir -p bin pc; cd bin; for tool in ar as awk cat cmp cp "
	     "dirname env "
	     "gcc grep id ld ln ls make mkdir mv printf rm sed setpriv sh sort "
	     "touch tr; do for folder in /bin /usr/bin; do "
	     "[ ! -e $folder/$tool ] || ln -sf $folder/$tool .; done; done; "
	     "chmod 777 .. . ../pc");
	snprintf(path, sizeof path, "bin/%s", manager);
	snprintf(text, sizeof text,
		 "#!/bin/sh\n"
		 "echo \"%s $*\" >>log; [ \"$1\" != update ] || exit 0\n%s\n",
		 manager, provides);
	put(path, text);
	good("chmod +x %s", path);
}

// Its library files come with their own version, gnuplot and mke2fs are files that
// can be executed, and pkg-config is where PKG_CONFIG expects it.
#define PROVIDES(liburing_version)                                            \
	"for lib in liburing=" liburing_version                               \
	" check=1 jansson=3 libxxhash=1 libarchive=4 libedit=4 "              \
	"libcrypto=3.1; do "                                                  \
	"printf 'Name: x\\nDescription: x\\nVersion: %s\\n' ${lib#*=} "       \
	">pc/${lib%=*}.pc; done; for tool in gnuplot mke2fs; do "             \
	"echo '#!/bin/sh' >bin/$tool; /bin/chmod +x bin/$tool; done; "        \
	"ln -sf $REAL bin/a-pkg-config"

static const char machine[] =
	"export REAL=$(command -v pkg-config) PKG_CONFIG=$PWD/bin/a-pkg-config "
	"PKG_CONFIG_LIBDIR=$PWD/pc PATH=$PWD/bin; ";

static const struct manager {
	const char *program, *asks, *for_package[8];
} managers[] = {
	{ "apt-get", "\napt-get install -y -q --no-install-recommends ",
	  { "check", "gnuplot-nox", "libjansson-dev", "liburing-dev",
	    "libxxhash-dev", "libarchive-dev", "libedit-dev", "libssl-dev" } },
	{ "dnf", "\ndnf install -y ",
	  { "check-devel", "gnuplot", "jansson-devel", "liburing-devel",
	    "xxhash-devel", "libarchive-devel", "libedit-devel",
	    "openssl-devel" } },
	{ "pacman", "\npacman -S --needed --noconfirm ",
	  { "check", "gnuplot", "jansson", "liburing",
	    "xxhash", "libarchive", "libedit", "openssl" } },
	{ "apk", "\napk add ",
	  { "check-dev", "gnuplot", "jansson-dev", "liburing-dev",
	    "xxhash-dev", "libarchive-dev", "libedit-dev", "openssl-dev" } },
	{ "zypper", "\nzypper --non-interactive install ",
	  { "check-devel", "gnuplot", "libjansson-devel", "liburing-devel",
	    "xxhash-devel", "libarchive-devel", "libedit-devel",
	    "libopenssl-devel" } },
};

enum { MANAGERS = sizeof managers / sizeof *managers };

START_TEST(build_deps_asks_the_manager)
{
	const struct manager *m = &managers[_i];

	put_machine(m->program, PROVIDES("2.5"));
	put("bin/sudo", "#!/bin/sh\nexec \"$@\"\n");
	good("chmod +x bin/sudo");
	char *said = strdup(good("%smake deps", machine));
	const char *log = good("echo; cat log");
	has(log, m->asks);
	const char *asked = strstr(log, m->asks) + strlen(m->asks) - 1;
	for (size_t i = 0; i < 8; i++) {
		char word[64];
		snprintf(word, sizeof word, " %s", m->for_package[i]);
		has(asked, word);
	}
	has(said, m->asks + 1); // what it runs it prints
	free(said);

	has(good("rm log; %smake deps", machine), "all there");
	good("! test -e log"); // and does nothing the second time
}
END_TEST

// One make: the flags are read when the packages are there, also with -j.
START_TEST(build_deps_come_first)
{
	put_machine("dnf", PROVIDES("2.5"));
	put("bin/sudo", "#!/bin/sh\nexec \"$@\"\n");
	good("chmod +x bin/sudo");
	has(good("%smake -j4 deps all", machine), "1 programs are up to date");
	ck_assert_str_eq(good("build/ipc/hi"), "3\n");
}
END_TEST

START_TEST(build_deps_checks_versions)
{
	put_machine("dnf", PROVIDES("2.1"));
	put("bin/sudo", "#!/bin/sh\nexec \"$@\"\n");
	good("chmod +x bin/sudo");
	struct outcome outcome = in_tree("%smake deps", machine);
	ck_assert_int_ne(outcome.exit, 0);
	has(outcome.err, "dnf could not provide: liburing (2.3 or newer)\n");
	outcome_free(&outcome);
}
END_TEST

START_TEST(build_deps_tells_where_it_cannot)
{
	put_machine("true", "");
	struct outcome outcome = in_tree("%smake deps", machine);
	ck_assert_int_ne(outcome.exit, 0);
	has(outcome.err, "no apt, dnf, pacman, apk or zypper; please install: "
			 "check (0.15 or newer), gnuplot, jansson (");
	outcome_free(&outcome);
}
END_TEST

START_TEST(build_deps_needs_root)
{
	put_machine("dnf", "");
	good("chmod -R a+rX .");
	struct outcome outcome = in_tree(
		"%s%s ./deps.sh install deps", machine,
		geteuid() ? "" : "setpriv --reuid=65534 --clear-groups");
	ck_assert_int_eq(outcome.exit, 1);
	has(outcome.err, "please run as root: dnf install -y check-devel ");
	outcome_free(&outcome);
	good("! test -e log");
}
END_TEST

START_TEST(build_deps_uses_sudo)
{
	put_machine("dnf", PROVIDES("2.5"));
	put("bin/sudo", "#!/bin/sh\necho sudo >>log\nexec \"$@\"\n");
	good("chmod +x bin/sudo; chmod -R a+rX .");
	has(good("%s%s ./deps.sh install deps", machine,
		 geteuid() ? "" : "setpriv --reuid=65534 --clear-groups"),
	    "sudo dnf install -y check-devel ");
	has(good("cat log"), "sudo\ndnf install -y ");
}
END_TEST

// A rival that cannot be had is named, and no failure.
START_TEST(build_deps_dev_does_without)
{
	put_machine("dnf", PROVIDES("2.5") "\n[ \"$2$3\" != -yclang ] || "
					   "ln -s /bin/true bin/clang\n! echo "
					   "\"$*\" | grep -q perf");
	put("bin/sudo", "#!/bin/sh\nexec \"$@\"\n");
	good("chmod +x bin/sudo");
	const char *text = good("%smake deps-dev", machine);
	has(text, "dnf install -y perf\n");
	has(text, "not to be had here, skipped: ");
	has(strstr(text, "skipped: "), ", perf");
	has_not(strstr(text, "skipped: "), " clang,");
}
END_TEST

Suite *build_suite(void)
{
	Suite *suite = suite_create("build");
	TCase *tcase = tcase_create("build");

	suite_add_tcase(suite, tcase);
	tcase_add_unchecked_fixture(tcase, make_scratch, remove_scratch);
	tcase_add_checked_fixture(tcase, set_up, NULL);
	tcase_add_test(tcase, build_makes_programs);
	tcase_add_test(tcase, build_again_does_nothing);
	tcase_add_test(tcase, build_follows_headers);
	tcase_add_test(tcase, build_survives_removed_header);
	tcase_add_test(tcase, build_finds_new_programs);
	tcase_add_test(tcase, build_finds_new_modules);
	tcase_add_test(tcase, build_forgets_removed_programs);
	tcase_add_test(tcase, build_forgets_removed_sources);
	tcase_add_test(tcase, build_follows_flags);
	tcase_add_test(tcase, build_can_forbid_warnings);
	tcase_add_test(tcase, build_orders_goals);
	tcase_add_test(tcase, build_installs_and_uninstalls);
	tcase_add_test(tcase, build_help_names_targets);
	tcase_add_test(tcase, build_names_what_is_missing);
	tcase_add_test(tcase, build_names_missing_pkg_config);
	tcase_add_loop_test(tcase, build_deps_asks_the_manager, 0, MANAGERS);
	tcase_add_test(tcase, build_deps_come_first);
	tcase_add_test(tcase, build_deps_checks_versions);
	tcase_add_test(tcase, build_deps_tells_where_it_cannot);
	tcase_add_test(tcase, build_deps_needs_root);
	tcase_add_test(tcase, build_deps_uses_sudo);
	tcase_add_test(tcase, build_deps_dev_does_without);
	return suite;
}
