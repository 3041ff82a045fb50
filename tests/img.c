// # img's commands, as their users play them
//
// Judges are programs no one here wrote: e2fsck -fn after every kind of edit,
// debugfs for what the image says then, the kernel's loop mount (as root), tar(1)
// for streams.

#include "img_parts.h"

Suite *img_suite(void)
{
	Suite *suite = suite_create("img");

	add_img_look_tests(suite);
	add_img_edit_tests(suite);
	add_img_copy_tests(suite);
	add_img_hostile_tests(suite);
	add_img_trouble_tests(suite);
	add_img_kernel_tests(suite);
	add_img_attack_tests(suite);
	return suite;
}
