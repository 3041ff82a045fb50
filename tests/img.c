#include "tests.h"

Suite *img_suite(void)
{
	return suite_create("img");
}
