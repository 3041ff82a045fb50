#include "tests.h"

Suite *directory_suite(void)
{
	return suite_create("directory");
}
