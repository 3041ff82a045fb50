#include "tests.h"

Suite *fsck_suite(void)
{
	return suite_create("fsck");
}
