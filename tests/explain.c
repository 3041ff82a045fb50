// # img walk, dump, map, who; batch and shell
//
// Every number of a page is asked of debugfs or dumpe2fs, too, on images that
// mke2fs made, or looked up in the image's bytes.

#include "explain_parts.h"

Suite *explain_suite(void)
{
	Suite *suite = suite_create("explain");

	add_explain_walk_tests(suite);
	add_explain_dump_tests(suite);
	add_explain_map_tests(suite);
	add_explain_script_tests(suite);
	return suite;
}
