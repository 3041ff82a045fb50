#include "tests.h"

Suite *device_suite(void)
{
	return suite_create("device");
}
