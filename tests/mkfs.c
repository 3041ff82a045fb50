#include "tests.h"

Suite *mkfs_suite(void)
{
	return suite_create("mkfs");
}
