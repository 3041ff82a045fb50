// mem/cow, mem/shared and mem/tlb where something is missing, and beside each other.

#define _GNU_SOURCE
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cow_parts.h"
#include "interrupt.h"
#include "mem/stretch/stretch.h"

// In front of what an ordinary user shall run in the folder $D.
#define AS_USER                                                          \
	"as=; [ $(id -u) != 0 ] || as='setpriv --reuid=65534 "           \
	"--regid=65534 --clear-groups'; export TMPDIR=$D; cd $D; "

enum { WITHOUT_PROC = 12 };

static char cow_folder[32];

static void make_folder(void)
{
	snprintf(cow_folder, sizeof cow_folder, "/tmp/oslab-cow.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(cow_folder));
	ck_assert_int_eq(chmod(cow_folder, 0777), 0);
	setenv("D", cow_folder, 1);
}

static void remove_folder(void)
{
	struct outcome got = run_shell("rm -rf \"$D\"");

	ck_assert_int_eq(got.exit, 0);
	outcome_free(&got);
}

// Frames are hidden from an ordinary user. The scenes play all the same.
START_TEST(cow_play_without_numbers)
{
	static const char *const scenes[] = {
		"cow private poke fork shared crowd huge",
		"shared ways seal text data",
	};
	char command[500];

	make_folder();
	snprintf(command, sizeof command,
		 "cp $B/mem/%.*s $D/lab; " AS_USER "$as ./lab%s",
		 (int)strcspn(scenes[_i], " "), scenes[_i],
		 strchr(scenes[_i], ' '));
	struct outcome got = run_shell(command);
	ck_assert_msg(got.exit == 0, "exit %d, %s%s", got.exit, got.out,
		      got.err);
	assert_has(got.out, "frames have no numbers for me");
	assert_has(got.out, "  hidden  ");
	assert_lacks(got.out, "✗");
	outcome_free(&got);
	remove_folder();
}
END_TEST

// Without /proc nothing is known of pages; that is said, and is no failure. (Only
// whoever watches the scene may say that without /proc he cannot see who is left.)
START_TEST(cow_play_without_proc)
{
	static const char *const scenes[] = {
		"cow private", "cow fork",  "cow crowd",    "cow cost",
		"cow huge",    "shared ways", "shared seal", "shared text",
		"shared data", "shared merge", "tlb reach", "tlb collapse",
	};
	char command[200];

	ck_assert_uint_eq(sizeof scenes / sizeof *scenes, WITHOUT_PROC);
	snprintf(command, sizeof command,
		 "unshare -m sh -c 'mount -t tmpfs none /proc || exit 70; "
		 "exec $B/mem/%s' || exit $?",
		 scenes[_i]);
	if (geteuid() != 0)
		SKIP("only root can take /proc away");
	if (sanitized())
		SKIP("a sanitizer needs /proc itself");
	struct outcome got = run_shell(command);
	if (got.exit == 70) {
		outcome_free(&got);
		SKIP("nothing may be mounted here");
	}
	int blind = occurrences(got.out, "✗ the scene leaves nothing behind");
	ck_assert_msg(got.exit == (blind ? 1 : 77) &&
			      occurrences(got.out, "✗") == blind,
		      "%s: exit %d, %s%s", scenes[_i], got.exit, got.out,
		      got.err);
	assert_has(got.out, "- ");
	assert_has(got.out, "CONFIG_PROC_PAGE_MONITOR");
	outcome_free(&got);
}
END_TEST

// Who starts a program can turn its huge pages off (prctl(2): execve keeps that).
START_TEST(cow_play_without_huge_pages)
{
	static const struct {
		const char *arguments;
		int exit;
		bool says_why;
	} runs[] = {
		{ "tlb reach", 77, true },
		{ "tlb collapse", 77, true },
		{ "tlb loops", 0, false },
		{ "tlb slopes", 0, false },
		{ "tlb mountain --huge --max=64K", 77, true },
		{ "tlb chase --max=64K --rounds=1", 0, true },
		{ "cow huge", 77, true },
	};
	char command[160];

	if (prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0) == -1)
		SKIP("PR_SET_THP_DISABLE is refused");
	snprintf(command, sizeof command, "$B/mem/%s 2>&1", runs[_i].arguments);
	struct outcome got = run_shell(command);
	prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0);
	ck_assert_msg(got.exit == runs[_i].exit, "%s: exit %d, %s", command,
		      got.exit, got.out);
	if (runs[_i].says_why && huge_page_bytes())
		assert_has(got.out, "PR_SET_THP_DISABLE");
	outcome_free(&got);
}
END_TEST

// Names and keys do not meet; and there is room for both.
START_TEST(cow_play_two_at_once)
{
	struct outcome got = run_shell(
		"$B/mem/shared ways seal pss >/dev/null & one=$!; "
		"$B/mem/shared ways seal pss >/dev/null & two=$!; "
		"$B/mem/cow private fork crowd >/dev/null & three=$!; "
		"$B/mem/cow private fork crowd >/dev/null || exit 1; "
		"wait $one && wait $two && wait $three");

	ck_assert_msg(got.exit == 0, "exit %d, %s", got.exit, got.err);
	outcome_free(&got);
}
END_TEST

// Ctrl-C and kill at any moment: no process, no shared memory, no file is left.
START_TEST(cow_play_interrupted)
{
	static const char *const labs[] = { "mem/shared", "mem/cow" };
	static const char *const scene[] = { "ways", "private" };
	const char *const argv[] = { labs[_i], scene[_i], NULL };

	interrupt_in_turns(argv, argv, soaking() ? 400 : 30);
}
END_TEST

// KSM that does not run is left as it is.
START_TEST(cow_play_merge_changes_nothing)
{
	struct outcome got = run_shell(
		"f=/sys/kernel/mm/ksm/run; [ -r $f ] || exit 70; "
		"before=$(cat $f); $B/mem/shared merge; got=$?; "
		"[ \"$(cat $f)\" = \"$before\" ] || exit 71; "
		"[ $before = 1 ] || [ $got = 77 ] || exit 72; "
		"[ $before != 1 ] || [ $got = 0 ] || [ $got = 77 ]");

	if (got.exit == 70)
		SKIP("this kernel has no KSM");
	ck_assert_msg(got.exit == 0, "exit %d, %s", got.exit, got.out);
	outcome_free(&got);
}
END_TEST

void add_cow_play_tests(Suite *suite)
{
	TCase *play = tcase_create("play");

	tcase_set_timeout(play, 150);
	tcase_add_loop_test(play, cow_play_without_numbers, 0, 2);
	tcase_add_loop_test(play, cow_play_without_proc, 0, WITHOUT_PROC);
	tcase_add_loop_test(play, cow_play_without_huge_pages, 0, 7);
	tcase_add_test(play, cow_play_two_at_once);
	tcase_add_loop_test(play, cow_play_interrupted, 0, 2);
	tcase_add_test(play, cow_play_merge_changes_nothing);
	suite_add_tcase(suite, play);
}
