// host_tree.h - a machine made of files, and a process to spoil
//
// What the two files of the host suite share.

#ifndef TESTS_HOST_TREE_H
#define TESTS_HOST_TREE_H

#include <limits.h>

#include "tests.h"

#define CPUS "sys/devices/system/cpu"

// The root of this test's machine, empty at first. The first two are fixtures of
// a test case (unchecked), the third of each test (checked).
void make_shelter(void);
void remove_shelter(void);
void make_root(void);
extern char root[PATH_MAX];

// Write a file below the root, with the folders it needs.
void put_bytes(const char *name, const char *bytes, size_t n);
void put_line(const char *name, const char *text);
void put_cpu(int cpu, const char *threads, int core_id, int socket);

// Runs `act` in a child and returns its exit status: for what cannot be undone.
int in_child(int (*act)(void));
enum { CANNOT = 100 }; // exit status: the host does not allow the test

// Makes one system call fail with `error` from now on, as a container's filter
// does; only while its second argument is smaller than `below`. Returns -1
// where the host allows no filter.
int forbid(int call, int error, unsigned below);

// The cases of host_machine.c.
void add_machine_cases(Suite *suite);

#endif
