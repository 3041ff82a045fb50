// Suite teaching: what was deleted comes back, and what is whole is damaged; e2fsck
// judges both.

#include "teaching_parts.h"

Suite *teaching_suite(void)
{
	Suite *suite = suite_create("teaching");

	undelete_tests(suite);
	inject_tests(suite);
	return suite;
}
