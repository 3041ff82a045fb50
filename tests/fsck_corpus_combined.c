// Several kinds of damage at once, drawn from the two tables.
//
// Nothing is expected to be found by name, as one damage may hide another. What is
// judged is the end: sound for us and for e2fsck, and nothing lost that e2fsck
// keeps, where the rows themselves can be compared.

#define _GNU_SOURCE
#include "content_parts.h"
#include "fsck_parts.h"

#include <stdio.h>
#include <stdlib.h>

#include "random.h"

enum { MOST = 4, TURNS = 12, TURNS_SOAKING = 150, NAME_BYTES = 300 };

static const struct damage *draw(struct random *random, const struct corpus *c)
{
	for (;;) {
		uint64_t all = (uint64_t)corpus_field_count +
			       (uint64_t)corpus_structure_count;
		int i = (int)(random_next(random) % all);
		const struct damage *d =
			i < corpus_field_count
				? &corpus_fields[i]
				: &corpus_structures[i - corpus_field_count];

		if (damage_possible(c, d))
			return d;
	}
}

static char *judge_several(struct corpus *c, struct random *random, char *name)
{
	struct damage all = { .codes = "", .flags = EITHER | SEVERAL };
	int n = 2 + (int)(random_next(random) % (MOST - 1)), used = 0;

	corpus_copy(c);
	for (int i = 0; i < n; i++) {
		const struct damage *d = draw(random, c);

		used += snprintf(name + used, NAME_BYTES - (size_t)used, "%s%s",
				 i ? ", " : "", d->name);
		all.flags |= d->flags & NO_JUDGE;
		if (d->flags & (INTACT | ALONE) || d->spoils)
			all.flags |= NO_COMPARING;
		damage_do(c, d);
	}
	return corpus_judge(c, &all);
}

START_TEST(fsck_combined)
{
	struct corpus c;
	int turns = soaking() ? TURNS_SOAKING : TURNS, wrong = 0;

	if (!content_judges())
		SKIP(CONTENT_NEEDS);
	corpus_make(&c, &corpus_kinds[_i]);
	for (int i = 0; i < turns; i++) {
		struct random random = { (uint64_t)(i * CORPUS_KINDS + _i) };
		char name[NAME_BYTES];
		char *why = judge_several(&c, &random, name);

		if (why)
			fprintf(stderr, "%s: turn %d: %s: %s\n", c.kind->name,
				i, name, why);
		wrong += !!why;
		free(why);
	}
	corpus_free(&c);
	ck_assert_msg(!wrong, "%d of %d", wrong, turns);
}
END_TEST

void fsck_combined_tests(Suite *suite)
{
	TCase *tests = tcase_create("combined");

	tcase_add_checked_fixture(tests, corpus_set_up, corpus_tear_down);
	tcase_set_timeout(tests, 0);
	tcase_add_loop_test(tests, fsck_combined, 0, CORPUS_KINDS);
	suite_add_tcase(suite, tests);
}
