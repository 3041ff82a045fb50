// Suite fsck: the checker against damage with known answers, the program, and
// damage at random.

#include "fsck_parts.h"

Suite *fsck_suite(void)
{
	Suite *suite = suite_create("fsck");

	fsck_corpus_tests(suite);
	fsck_combined_tests(suite);
	fsck_clean_tests(suite);
	fsck_limit_tests(suite);
	fsck_program_tests(suite);
	fsck_damage_tests(suite);
	return suite;
}
