#include "tests.h"

Suite *edits_suite(void)
{
	return suite_create("edits");
}
