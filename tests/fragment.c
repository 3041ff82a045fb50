// # Tests of mem/allocator and mem/fragment
//
// The model against a map of bytes (fragment_allocator.c), the worksheet against
// the course's answers and a second, slow solution (fragment_ostep.c), the tools
// (fragment_tool.c). The scenes are played by the suite "mem".

#define _GNU_SOURCE
#include "fragment_parts.h"

Suite *fragment_suite(void)
{
	Suite *suite = suite_create("fragment");

	fragment_allocator_tests(suite);
	fragment_ostep_tests(suite);
	fragment_tool_tests(suite);
	return suite;
}
