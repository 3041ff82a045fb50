// # Tests of mem/overcommit, and of control groups in the ledger
//
// The scenes are played by the suite "mem", too. Here: what is missing, and that
// no group stays, whatever ends the program.

#define _GNU_SOURCE
#include "tests.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cgroup.h"
#include "names.h"

#define LAB "$B/mem/overcommit"

#define NO_GROUP "no control group can limit memory here"

static void overcommit_has(const char *text, const char *part)
{
	ck_assert_msg(strstr(text, part) != NULL, "no \"%s\" in\n%.3000s", part,
		      text);
}

static bool has_memory(void *mount, const char *where, bool unified,
		       const char *options)
{
	if (unified || !strstr(options, "memory"))
		return false;
	snprintf(mount, 256, "%s", where);
	return true;
}

// Any hierarchy will do to make a group in.
static bool has_any(void *mount, const char *where, bool unified,
		    const char *options)
{
	(void)unified;
	(void)options;
	snprintf(mount, 256, "%s", where);
	return access(where, W_OK) == 0;
}

static bool can_limit(void)
{
	struct outcome got = run_shell(LAB " leash");
	bool can = got.exit != 77;

	ck_assert_msg(got.exit == 0 || got.exit == 77, "%s%s", got.out,
		      got.err);
	outcome_free(&got);
	return can;
}

// ## Scenes

START_TEST(overcommit_everybody)
{
	struct outcome got = run_shell(LAB " reserve modes limit score");

	ck_assert_msg(got.exit == 0, "%s%s", got.out, got.err);
	overcommit_has(got.out, "14 claims held, none failed");
	outcome_free(&got);
}
END_TEST

START_TEST(overcommit_groups)
{
	if (!can_limit())
		SKIP(NO_GROUP);
	struct outcome got = run_shell(LAB " leash chosen");
	ck_assert_msg(got.exit == 0, "%s%s", got.out, got.err);
	overcommit_has(got.out, "killed (SIGKILL)");
	overcommit_has(got.out, "6 claims held, none failed");
	outcome_free(&got);
}
END_TEST

// Who may make no group is told what it takes; the rest is played.
START_TEST(overcommit_ordinary)
{
	if (geteuid() != 0)
		SKIP("it takes root to become somebody else");
	struct outcome got = run_shell(
		"setpriv --reuid=65534 --regid=65534 --clear-groups " LAB);
	if (got.exit == 126 || got.exit == 127)
		SKIP("nobody else may enter the build folder");
	ck_assert_msg(got.exit == 0, "%s%s", got.out, got.err);
	overcommit_has(got.out, "14 claims held, none failed; "
				"2 scenes skipped (leash, chosen)");
	overcommit_has(got.out, "be root");
	outcome_free(&got);
	got = run_shell(
		"setpriv --reuid=65534 --regid=65534 --clear-groups " LAB
		" leash");
	ck_assert_int_eq(got.exit, 77);
	outcome_free(&got);
}
END_TEST

START_TEST(overcommit_limited)
{
	static const char *const limits[] = { "-v", "-d" };
	char command[128], says[64];

#ifdef OSLAB_SANITIZED
	SKIP("a sanitizer wants all addresses");
#endif
	snprintf(command, sizeof command,
		 "ulimit %s 4000000; " LAB " reserve modes limit leash chosen",
		 limits[_i]);
	snprintf(says, sizeof says, "ulimit %s unlimited", limits[_i]);
	struct outcome got = run_shell(command);
	ck_assert_int_eq(got.exit, 77);
	overcommit_has(got.out, says);
	outcome_free(&got);
}
END_TEST

// Where nothing is mounted below /sys/fs/cgroup.
START_TEST(overcommit_no_hierarchy)
{
	if (geteuid() != 0)
		SKIP("it takes root to unmount in a namespace of one's own");
	struct outcome got = run_shell(
		"unshare --mount sh -c 'umount -R -l /sys/fs/cgroup && "
		"exec " LAB " leash'");
	if (got.exit == 1 || got.exit == 32)
		SKIP("nothing can be unmounted here");
	ck_assert_msg(got.exit == 77, "%d %s%s", got.exit, got.out, got.err);
	overcommit_has(got.out, "no hierarchy of control groups");
	outcome_free(&got);
}
END_TEST

// ## Nothing stays

// Starts the scene with long pauses, waits for its group ($g), and does what is
// said then. A group's name has the process ID of the program. (A shell lets what
// it starts with & ignore SIGINT.)
#define WITH_GROUP(then)                                                       \
	"group() { ls -d /sys/fs/cgroup/oslab.$1.* "                           \
	"/sys/fs/cgroup/*/oslab.$1.* 2>/dev/null | head -1; }; "               \
	"env --default-signal=INT,HUP " LAB " --slow=30s leash "               \
	">/dev/null 2>&1 & p=$!; "                                             \
	"while [ -z \"$(group $p)\" ]; do kill -0 $p || exit 3; "              \
	"sleep 0.01; done; g=$(group $p); " then

START_TEST(overcommit_interrupted)
{
	static const char *const signals[] = { "INT", "TERM", "HUP" };
	char command[1024];

	if (!can_limit())
		SKIP(NO_GROUP);
	snprintf(command, sizeof command,
		 WITH_GROUP("kill -%s $p; wait $p; echo ended $?; "
			    "[ ! -e $g ] && echo gone"),
		 signals[_i]);
	struct outcome got = run_shell(command);
	ck_assert_msg(got.exit == 0, "%s%s", got.out, got.err);
	overcommit_has(got.out, "gone");
	outcome_free(&got);
}
END_TEST

// The ledger still names it, and the next program removes it.
START_TEST(overcommit_swept)
{
	if (!can_limit())
		SKIP(NO_GROUP);
	struct outcome got = run_shell(WITH_GROUP(
		"kill -KILL $p; wait $p; "
		"for i in $(seq 600); do " LAB " --sweep >/dev/null; "
		"[ -e $g ] || break; sleep 0.1; done; "
		"[ ! -e $g ] && echo gone"));
	ck_assert_msg(got.exit == 0, "%s%s", got.out, got.err);
	overcommit_has(got.out, "gone");
	outcome_free(&got);
}
END_TEST

START_TEST(overcommit_two_at_once)
{
	if (!can_limit())
		SKIP(NO_GROUP);
	struct outcome got = run_shell(LAB " >/dev/null & a=$!; " LAB
					   " >/dev/null & b=$!; "
					   "wait $a && wait $b && echo both");
	ck_assert_msg(got.exit == 0, "%s%s", got.out, got.err);
	overcommit_has(got.out, "both");
	outcome_free(&got);
}
END_TEST

// ## The ledger

static void put(const char *folder, const char *file, pid_t pid)
{
	char path[640];

	snprintf(path, sizeof path, "%s/%s", folder, file);
	FILE *out = fopen(path, "we");
	ck_assert_msg(out && fprintf(out, "%d", pid) > 0 && fclose(out) == 0,
		      "%s", path);
}

// A group goes with whoever is still in it.
START_TEST(overcommit_ledger)
{
	char mount[256], name[NAME_BYTES], path[512];
	int status;

	if (!cgroup_each(has_memory, mount) && !cgroup_each(has_any, mount))
		SKIP("no hierarchy of control groups can be written");
	ck_assert_int_eq(names_fresh(NAME_CGROUP, name), 0);
	ck_assert_msg(!strncmp(name, "/oslab.", 7), "%s", name);
	snprintf(path, sizeof path, "%s%s", mount, name);
	if (mkdir(path, 0755) == -1)
		SKIP("no control group can be made");
	pid_t child = fork();
	if (child == 0)
		for (;;)
			pause();
	put(path, "cgroup.procs", child);
	ck_assert_int_eq(names_remove(NAME_CGROUP, name, 0), 0);
	ck_assert_int_eq(access(path, F_OK), -1);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);

	// the same by clearing; what is gone already is no error
	ck_assert_int_eq(names_fresh(NAME_CGROUP, name), 0);
	snprintf(path, sizeof path, "%s%s", mount, name);
	ck_assert_int_eq(mkdir(path, 0755), 0);
	ck_assert_int_eq(names_fresh(NAME_CGROUP, name), 0);
	ck_assert_int_eq(names_clear(), 0);
	ck_assert_int_eq(access(path, F_OK), -1);
	ck_assert_int_eq(names_close(), 0);
}
END_TEST

// Nothing but a name at the top, whatever a ledger says.
START_TEST(overcommit_ledger_names)
{
	ck_assert_int_lt(cgroup_remove(""), 0);
	ck_assert_int_lt(cgroup_remove("../x"), 0);
	ck_assert_int_lt(cgroup_remove("memory/x"), 0);
	ck_assert_int_eq(cgroup_remove("oslab.0.0.0"), 0);
	ck_assert_int_lt(names_remove(NAME_CGROUP, "/user.slice", 0), 0);
	ck_assert_int_lt(names_remove(NAME_CGROUP, "/oslab.1/../x", 0), 0);
}
END_TEST

Suite *overcommit_suite(void)
{
	Suite *suite = suite_create("overcommit");
	TCase *scenes = tcase_create("scenes");
	TCase *groups = tcase_create("groups");

	tcase_add_test(scenes, overcommit_everybody);
	tcase_add_test(scenes, overcommit_groups);
	tcase_add_test(scenes, overcommit_ordinary);
	tcase_add_loop_test(scenes, overcommit_limited, 0, 2);
	tcase_add_test(scenes, overcommit_no_hierarchy);
	tcase_add_loop_test(groups, overcommit_interrupted, 0, 3);
	tcase_add_test(groups, overcommit_swept);
	tcase_add_test(groups, overcommit_two_at_once);
	tcase_add_test(groups, overcommit_ledger);
	tcase_add_test(groups, overcommit_ledger_names);
	suite_add_tcase(suite, scenes);
	suite_add_tcase(suite, groups);
	return suite;
}
