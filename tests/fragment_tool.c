// # Tests of mem/fragment: its tools

#define _GNU_SOURCE
#include "fragment_parts.h"

void fragment_tool_tests(Suite *suite)
{
	(void)suite;
}
