#include "tests.h"

Suite *crash_suite(void)
{
	return suite_create("crash");
}
