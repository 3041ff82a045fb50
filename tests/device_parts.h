// device_parts.h - what the files of the suite device share
//
// A folder that goes with the test, and system calls that do what the test says.

#ifndef DEVICE_PARTS_TESTS_H
#define DEVICE_PARTS_TESTS_H

#include <stdint.h>

#include "fs/ext2/device.h"
#include "tests.h"

extern char device_folder[64]; // exists while a test runs

void make_device_folder(void);
void remove_device_folder(void);

// "/folder/NAME", in one of a few static places.
const char *device_path(const char *name);

// The whole file as it is, its size in *n; the caller frees it.
uint8_t *file_bytes(const char *path, size_t *n);
void make_file(const char *path, const void *bytes, size_t n);
int entries_of_folder(void);

// The n bytes of a device, equal to these?
bool device_holds(struct device *, uint64_t offset, const void *bytes,
		  size_t n);

// ## System calls that are answered by the test
//
// Runs `body` in a thread of its own in which each call of those `numbers`
// (which end with -1) is first shown to `answer`. It returns CALL_GOES_ON, and
// the kernel does it; or its value or -errno. What answer itself calls is not
// filtered. Returns false, and nothing has run, where the host has no such
// filters (seccomp(2), user notification).
enum { CALL_GOES_ON = INT32_MAX };

struct filtered {
	const int *numbers;
	int64_t (*answer)(void *context, int number,
			  const uint64_t argument[6]);
	void (*body)(void *context);
	void *context;
};
bool run_filtered(const struct filtered *);

#define NO_FILTERS "no seccomp user notification here"

void add_device_file_tests(Suite *suite);
void add_device_mount_tests(Suite *suite);
void add_device_create_tests(Suite *suite);
void add_device_overlay_tests(Suite *suite);
void add_device_partition_tests(Suite *suite);

#endif
