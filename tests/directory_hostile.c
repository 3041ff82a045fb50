#include "directory_parts.h"
TCase *directory_hostile_case(void)
{
	return tcase_create("directory_hostile");
}
