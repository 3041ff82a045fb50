#include "tests.h"

Suite *explain_suite(void)
{
	return suite_create("explain");
}
