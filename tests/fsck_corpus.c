// Images with damage of a known kind, and what is found in them.
//
// Each row of damage is done to a copy of a sound image, and then
//
//     check without repair    finds what the row says, and writes nothing
//     e2fsck -fn              agrees that something is wrong
//     check with repair       leaves nothing, and finds nothing the next time
//     e2fsck -fn              agrees that nothing is wrong any more
//     e2fsck -fy, on a copy   keeps nothing that we do not keep
//
// For the last see fsck_corpus_trees.c. Where e2fsck gives up, or loses what need
// not be lost, we have to keep all that the sound image holds.

#define _GNU_SOURCE
#include "content_parts.h"
#include "crash_parts.h"
#include "fsck_parts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ## What is found

static void note(void *context, const struct finding *f, bool repaired)
{
	struct told *told = context;
	char code[80];
	size_t n = strlen(told->text), used = strlen(told->codes);

	(void)repaired;
	ck_assert(f->text && *f->text && f->repair && *f->repair);
	snprintf(code, sizeof code, " %s ", f->code);
	if (!strstr(told->codes, code))
		snprintf(told->codes + used, sizeof told->codes - used, "%s",
			 code);
	snprintf(told->text + n, sizeof told->text - n, "%s: %s (%s)\n",
		 f->code, f->text, f->repair);
	told->count++;
}

int corpus_look(struct device *device, bool repair, struct told *told,
		struct check_result *result)
{
	struct check_options options = {
		.repair = repair,
		.force = true,
		.found = note,
		.context = told,
	};

	*told = (struct told){ 0 };
	return ext2_check(device, &options, result);
}

// The first code that is not there, or NULL.
static const char *missing(const struct told *told, const char *codes)
{
	static char copy[200];
	char *rest = copy, *word;

	snprintf(copy, sizeof copy, "%s", codes);
	while (*codes && (word = strsep(&rest, " "))) {
		char code[80];

		snprintf(code, sizeof code, " %s ", word);
		if (!strstr(told->codes, code))
			return word;
	}
	return NULL;
}

// ## Judging one image

// What is wrong with a row, for its test to tell: the others are judged all the
// same.
#define WRONG(...) do {                      \
	ck_assert(asprintf(&wrong, __VA_ARGS__) > 0); \
	goto out;                            \
} while (0)

// The damaged image stands in the file.
static char *compare(struct corpus *c, unsigned flags, const char *spoilt)
{
	struct device *image = NULL;
	const char *said = "", *whose = "e2fsck";
	char *wrong = NULL, *lost;
	int status = 8;

	if (flags & (NO_JUDGE | NO_COMPARING))
		return NULL;
	if (!(flags & INTACT))
		status = e2fsck("-fy", crash_image(), &said);
	if (status > 3 && !(status & 8))
		WRONG("e2fsck -fy: %d\n%s", status, said);
	if (status & 8 && flags & SEVERAL)
		goto out;
	if (status & 8)
		whose = "the sound image";
	else
		ck_assert_int_eq(device_file(crash_image(), DEVICE_READ, 0, 0,
					     &image),
				 0);
	lost = corpus_lost(image ? image : c->sound, c->device, spoilt);
	if (lost)
		wrong = lost;
	if (lost && asprintf(&wrong, "%s keeps %s\n%s", whose, lost, said) > 0)
		free(lost);
out:
	device_close(image);
	return wrong;
}

static char *find(struct corpus *c, unsigned flags, const char *codes)
{
	struct device *overlay;
	struct check_result result;
	struct told told;
	const char *said, *code;
	char *wrong = NULL;
	int error, status;

	ck_assert_int_eq(device_overlay(c->device, 512, 1 << 20, &overlay), 0);
	error = corpus_look(overlay, false, &told, &result);
	if ((error == -EINVAL || error == -ENOTSUP) && flags & SEVERAL)
		goto out; // the superblock and its copy
	if (error)
		WRONG("%s", strerror(-error));
	if (device_overlay_units(overlay))
		WRONG("a check has written");
	code = missing(&told, codes);
	if (code)
		WRONG("'%s' was not found, but\n%s", code, told.text);
	corpus_put_file(c, crash_image());
	if (flags & NO_JUDGE)
		goto out;
	status = e2fsck("-fn", crash_image(), &said);
	if (!(flags & EITHER) && !status != !!(flags & QUIET))
		WRONG("e2fsck -fn: %d\n%s", status, said);
out:
	device_close(overlay);
	return wrong;
}

static char *repair(struct corpus *c, unsigned flags, const char *spoilt)
{
	struct device *device = c->device;
	struct check_result result;
	struct told first, told;
	const char *said;
	char *wrong = NULL;
	int error = corpus_look(device, true, &first, &result), status;

	if ((error == -EINVAL || error == -ENOTSUP) && flags & SEVERAL)
		goto out;
	if (error || result.left)
		WRONG("%s, left %ju\n%s", strerror(-error),
		      (uintmax_t)result.left, first.text);
	error = corpus_look(device, false, &told, &result);
	if (error || told.count)
		WRONG("%s, after the repair still\n%safter\n%s",
		      strerror(-error), told.text, first.text);
	wrong = compare(c, flags, spoilt);
	if (wrong) {
		char *all;

		ck_assert(asprintf(&all, "%safter\n%s", wrong, first.text) > 0);
		free(wrong);
		return all;
	}
	corpus_put_file(c, crash_image());
	status = e2fsck("-fn", crash_image(), &said);
	if (status)
		WRONG("e2fsck after us: %d\n%safter\n%s", status, said,
		      first.text);
out:
	return wrong;
}

char *corpus_judge(struct corpus *c, const struct damage *d)
{
	char *wrong = find(c, d->flags, d->codes);

	return wrong ? wrong : repair(c, d->flags, d->spoils);
}

// ## Tests

START_TEST(fsck_sound)
{
	struct check_result result;
	struct corpus c;
	struct told told;
	const char *said;

	if (!content_judges())
		SKIP(CONTENT_NEEDS);
	corpus_make(&c, &corpus_kinds[_i]);
	corpus_copy(&c);
	corpus_put_file(&c, crash_image());
	ck_assert_msg(!e2fsck("-fn", crash_image(), &said), "%s: %s",
		      c.kind->name, said);
	ck_assert_int_eq(corpus_look(c.device, false, &told, &result), 0);
	ck_assert_msg(!told.count, "%s: %s", c.kind->name, told.text);
	corpus_free(&c);
}
END_TEST

// Each row on some of the kinds, in `make soak` on all.
static void judge_rows(int which, const struct damage *rows, int count)
{
	const struct corpus_kind *kind = &corpus_kinds[which];
	struct corpus c;
	int wrong = 0;

	corpus_make(&c, kind);
	for (int i = 0; i < count; i++) {
		char *why;

		if (!damage_possible(&c, &rows[i]) ||
		    (!soaking() && (i + which) % 4))
			continue;
		corpus_copy(&c);
		damage_do(&c, &rows[i]);
		why = corpus_judge(&c, &rows[i]);
		if (why)
			fprintf(stderr, "%s: %s: %s\n", kind->name,
				rows[i].name, why);
		wrong += !!why;
		free(why);
	}
	corpus_free(&c);
	ck_assert_msg(!wrong, "%s: %d of %d", kind->name, wrong, count);
}

START_TEST(fsck_fields)
{
	if (!content_judges())
		SKIP(CONTENT_NEEDS);
	judge_rows(_i, corpus_fields, corpus_field_count);
}
END_TEST

START_TEST(fsck_structures)
{
	if (!content_judges())
		SKIP(CONTENT_NEEDS);
	judge_rows(_i, corpus_structures, corpus_structure_count);
}
END_TEST

void fsck_corpus_tests(Suite *suite)
{
	TCase *tests = tcase_create("corpus");

	tcase_add_checked_fixture(tests, corpus_set_up, corpus_tear_down);
	tcase_set_timeout(tests, 0);
	tcase_add_loop_test(tests, fsck_sound, 0, CORPUS_KINDS);
	tcase_add_loop_test(tests, fsck_fields, 0, CORPUS_KINDS);
	tcase_add_loop_test(tests, fsck_structures, 0, CORPUS_KINDS);
	suite_add_tcase(suite, tests);
}
