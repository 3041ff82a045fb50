#include "tests.h"

Suite *ext2_suite(void)
{
	return suite_create("ext2");
}
