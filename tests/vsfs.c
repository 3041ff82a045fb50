#include "tests.h"

Suite *vsfs_suite(void)
{
	return suite_create("vsfs");
}
