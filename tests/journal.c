#include "tests.h"

Suite *journal_suite(void)
{
	return suite_create("journal");
}
