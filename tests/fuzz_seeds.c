// # What fuzzing found, and what it begins with
//
// Every file in tests/fuzz/seeds/TARGET is an input of some bytes. Here each is
// played once, with whatever compiler and sanitizer the suite was built with: a
// promise that breaks, or a read out of bounds, ends the test's process. The search
// for new ones is `make fuzz`. And what the inputs of `check` make of an image is
// judged by e2fsck, once we have repaired it.

#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fs/ext2/check.h"
#include "tests.h"
#include "tests/fuzz/fuzz.h"

enum { SEED_MOST = 4096 };

static int seeds_of(const struct fuzz_target *target, struct dirent ***seeds)
{
	char path[4096];

	snprintf(path, sizeof path, "%s/tests/fuzz/seeds/%s", source_folder(),
		 target->name);
	ck_assert_msg(chdir(path) == 0, "%s: %s", path, strerror(errno));
	int n = scandir(".", seeds, NULL, alphasort);
	ck_assert_msg(n >= 0, "%s: %s", path, strerror(errno));
	return n;
}

// At the size that it has, so that a sanitizer sees its end.
static uint8_t *seed_read(const char *name, size_t *n)
{
	FILE *file = fopen(name, "re");
	uint8_t bytes[SEED_MOST + 1];

	ck_assert_msg(file, "%s: %s", name, strerror(errno));
	*n = fread(bytes, 1, sizeof bytes, file);
	fclose(file);
	ck_assert_msg(*n && *n <= SEED_MOST, "%s is not a small seed", name);
	uint8_t *exact = malloc(*n);
	ck_assert_ptr_nonnull(exact);
	memcpy(exact, bytes, *n);
	return exact;
}

typedef int play_seed(const char *name, const uint8_t *bytes, size_t n);

static int play_all(const struct fuzz_target *target, play_seed *play)
{
	struct dirent **seeds;
	int n = seeds_of(target, &seeds), played = 0;

	for (int i = 0; i < n; i++) {
		const char *name = seeds[i]->d_name;
		size_t bytes;

		if (*name != '.') {
			uint8_t *seed = seed_read(name, &bytes);

			played += play ? play(name, seed, bytes)
				       : 1 + target->play(seed, bytes);
			free(seed);
		}
		free(seeds[i]);
	}
	free(seeds);
	return played;
}

START_TEST(fuzz_seeds)
{
	const struct fuzz_target *target = &fuzz_targets[_i];

	ck_assert_msg(play_all(target, NULL), "%s has no seeds", target->name);
}
END_TEST

// Not judged: what we do not check (ext4), and what could not be repaired wholly.
static int judge_repaired(const char *name, const uint8_t *bytes, size_t n)
{
	const struct check_options options = { .repair = true, .force = true };
	char path[] = "/tmp/oslab-fuzz-XXXXXX", command[128];
	struct check_result result;
	struct scratch *s = scratch_begin(base_of(bytes[0]), bytes, n, NULL,
					  NULL);

	if (ext2_check(&s->device, &options, &result) || result.left)
		return 0;
	int fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	FILE *file = fdopen(fd, "w");
	ck_assert_ptr_nonnull(file);
	ck_assert_uint_eq(fwrite(s->bytes, 1, s->device.bytes, file),
			  s->device.bytes);
	ck_assert_int_eq(fclose(file), 0);
	snprintf(command, sizeof command,
		 "PATH=/usr/sbin:/sbin:$PATH e2fsck -fn %s", path);
	struct outcome outcome = run_shell(command);
	unlink(path);
	ck_assert_msg(outcome.exit == 0, "%s: e2fsck: exit %d\n%.2000s", name,
		      outcome.exit, outcome.out);
	outcome_free(&outcome);
	return 1;
}

START_TEST(fuzz_repaired_is_clean_for_e2fsck)
{
	const struct fuzz_target *check = fuzz_targets;
	struct outcome there = run_shell("PATH=/usr/sbin:/sbin:$PATH "
					 "command -v e2fsck");
	int exit = there.exit;

	outcome_free(&there);
	if (exit)
		SKIP("no e2fsck here");
	while (strcmp(check->name, "check") != 0)
		check++;
	ck_assert_int_ge(play_all(check, judge_repaired), 8);
}
END_TEST

Suite *fuzz_suite(void)
{
	Suite *suite = suite_create("fuzz");
	TCase *tcase = tcase_create("fuzz");
	int targets = 0;

	while (fuzz_targets[targets].name)
		targets++;
	tcase_set_timeout(tcase, 300);
	tcase_add_loop_test(tcase, fuzz_seeds, 0, targets);
	tcase_add_test(tcase, fuzz_repaired_is_clean_for_e2fsck);
	suite_add_tcase(suite, tcase);
	return suite;
}
