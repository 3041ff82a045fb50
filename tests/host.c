// The clock and the CPUs: what they say of this host has to agree with what the
// kernel says elsewhere; what they make of other machines is tested on trees of
// small files, as such a machine would show them.

#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "cpu.h"
#include "host_tree.h"
#include "tests.h"

static struct topology read_tree(const int *numbers, size_t count)
{
	struct topology topology;
	char folder[PATH_MAX + 64];

	snprintf(folder, sizeof folder, "%s/" CPUS, root);
	ck_assert_int_eq(topology_read_at(&topology, folder, numbers, count),
			 0);
	return topology;
}

static void assert_pair(const struct topology *topology,
			enum placement placement, int low, int high)
{
	int pair[2] = { -1, -1 };

	ck_assert(topology_pair(topology, placement, pair) == (low >= 0));
	ck_assert_int_eq(pair[0], low);
	ck_assert_int_eq(pair[1], high);
}

// --- the clock ----------------------------------------------------------------------

START_TEST(clock_is_measured)
{
	struct clock_facts facts = clock_measure(), again = clock_measure();
	struct timespec resolution;

	ck_assert_int_eq(clock_getres(CLOCK_MONOTONIC, &resolution), 0);
	ck_assert_int_eq(facts.resolution_ns,
			 resolution.tv_sec * 1000000000 + resolution.tv_nsec);
	ck_assert_int_eq(facts.resolution_ns, again.resolution_ns);
	ck_assert_int_gt(facts.step_ns, 0);
	ck_assert_double_gt(facts.cost_ns, 0);
}
END_TEST

// CLOCK_MONOTONIC is one clock for all processes, and never goes back.
START_TEST(clock_is_the_same_everywhere)
{
	int fds[2];
	int64_t before, inside, after;

	ck_assert_int_eq(pipe(fds), 0);
	before = now_ns();
	pid_t child = fork();
	ck_assert_int_ne(child, -1);
	if (child == 0) {
		inside = now_ns();
		_exit(write(fds[1], &inside, sizeof inside) != sizeof inside);
	}
	ck_assert_int_eq(read(fds[0], &inside, sizeof inside), sizeof inside);
	after = now_ns();
	ck_assert_int_eq(waitpid(child, NULL, 0), child);
	ck_assert(before <= inside && inside <= after);
	close(fds[0]);
	close(fds[1]);
}
END_TEST

// --- the topology ---------------------------------------------------------------------

START_TEST(placement_names_are_complete)
{
	ck_assert_str_eq(placement_names[SAME_CPU], "same-cpu");
	ck_assert_str_eq(placement_names[SMT], "smt");
	ck_assert_str_eq(placement_names[CROSS_CORE], "cross-core");
	ck_assert_str_eq(placement_names[CROSS_SOCKET], "cross-socket");
}
END_TEST

// A desktop: four cores, two threads each, numbered as Intel does.
START_TEST(topology_with_smt)
{
	const int all[] = { 0, 1, 2, 3, 4, 5, 6, 7 };
	const int some[] = { 0, 3, 4 }, one[] = { 5 };

	for (int cpu = 0; cpu < 8; cpu++) {
		char threads[16];
		snprintf(threads, sizeof threads, "%d,%d", cpu % 4,
			 cpu % 4 + 4);
		put_cpu(cpu, threads, cpu % 4, 0);
	}
	struct topology topology = read_tree(all, 8);
	ck_assert_uint_eq(topology.count, 8);
	ck_assert_int_eq(topology.cpus[7].number, 7);
	ck_assert_int_eq(topology.cpus[7].core, topology.cpus[3].core);
	assert_pair(&topology, SAME_CPU, 7, 7);
	assert_pair(&topology, SMT, 3, 7);
	assert_pair(&topology, CROSS_CORE, 6, 7);
	assert_pair(&topology, CROSS_SOCKET, -1, -1);
	topology_free(&topology);

	topology = read_tree(some, 3);
	assert_pair(&topology, SAME_CPU, 4, 4);
	assert_pair(&topology, SMT, 0, 4);
	assert_pair(&topology, CROSS_CORE, 3, 4);
	topology_free(&topology);

	topology = read_tree(one, 1);
	assert_pair(&topology, SAME_CPU, 5, 5);
	assert_pair(&topology, SMT, -1, -1);
	assert_pair(&topology, CROSS_CORE, -1, -1);
	topology_free(&topology);
	topology_free(&topology);
}
END_TEST

// CPU 0 is avoided where another pair exists, even with higher numbers in it.
START_TEST(topology_avoids_cpu_0)
{
	const int all[] = { 0, 1, 2, 3 };

	put_cpu(0, "0,3", 0, 0);
	put_cpu(3, "0,3", 0, 0);
	put_cpu(1, "1-2", 1, 0);
	put_cpu(2, "1-2", 1, 0);
	struct topology topology = read_tree(all, 4);
	assert_pair(&topology, SMT, 1, 2);
	assert_pair(&topology, CROSS_CORE, 2, 3);
	topology_free(&topology);
}
END_TEST

// A server with two sockets, whose core_id starts anew in each of them: the same
// core_id there does not make two CPUs threads of one core.
START_TEST(topology_with_two_sockets)
{
	const int all[] = { 0, 1, 2, 3 };

	put_cpu(0, "0", 0, 0);
	put_cpu(1, "1", 1, 0);
	put_cpu(2, "2", 0, 1);
	put_cpu(3, "3", 1, 1);
	struct topology topology = read_tree(all, 4);
	assert_pair(&topology, SMT, -1, -1);
	assert_pair(&topology, CROSS_CORE, 2, 3);
	assert_pair(&topology, CROSS_SOCKET, 1, 3);
	topology_free(&topology);
}
END_TEST

// Two clusters of an arm64 machine: one socket, core_id anew in each cluster.
START_TEST(topology_with_clusters)
{
	const int all[] = { 0, 1, 2, 3 };

	for (int cpu = 0; cpu < 4; cpu++)
		put_cpu(cpu, (const char *[]){ "0", "1", "2", "3" }[cpu],
			cpu % 2, 0);
	struct topology topology = read_tree(all, 4);
	assert_pair(&topology, SMT, -1, -1);
	assert_pair(&topology, CROSS_CORE, 2, 3);
	topology_free(&topology);
}
END_TEST

// An offline CPU has no topology folder, and its thread is alone in its core.
START_TEST(topology_with_offline_cpu)
{
	const int all[] = { 0, 1, 2, 3 }, off[] = { 3 };
	struct topology topology;
	char folder[PATH_MAX + 64];

	put_cpu(0, "0-1", 0, 0);
	put_cpu(1, "0-1", 0, 0);
	put_cpu(2, "2", 1, 0);
	put_line(CPUS "/cpu1/online", "1");
	put_line(CPUS "/cpu2/online", "1");
	put_line(CPUS "/cpu3/online", "0");
	topology = read_tree(all, 4);
	ck_assert_uint_eq(topology.count, 3);
	assert_pair(&topology, SAME_CPU, 2, 2);
	assert_pair(&topology, SMT, 0, 1);
	topology_free(&topology);

	snprintf(folder, sizeof folder, "%s/" CPUS, root);
	ck_assert_int_eq(topology_read_at(&topology, folder, off, 1), -ENODEV);
	ck_assert_uint_eq(topology.count, 0);
	topology_free(&topology);
	ck_assert_int_eq(topology_read_at(&topology, folder, off, 0), -ENODEV);
}
END_TEST

// Linux before 5.3 has thread_siblings_list, some machines a socket of -1.
START_TEST(topology_of_an_old_kernel)
{
	const int all[] = { 0, 1 };

	put_line(CPUS "/cpu0/topology/thread_siblings_list", "0-1");
	put_line(CPUS "/cpu1/topology/thread_siblings_list", "0-1");
	put_line(CPUS "/cpu0/topology/physical_package_id", "-1");
	put_line(CPUS "/cpu1/topology/physical_package_id", "-1");
	struct topology topology = read_tree(all, 2);
	ck_assert_int_eq(topology.cpus[0].socket, 0);
	assert_pair(&topology, SMT, 0, 1);
	topology_free(&topology);
}
END_TEST

// No sysfs, or nonsense in it: every CPU is its own core of socket 0. Numbers
// above 1,023 are CPUs like others.
START_TEST(topology_without_sysfs)
{
	const int all[] = { 0, 1, 1024, 5000 };
	struct topology topology = read_tree(all, 4);

	ck_assert_uint_eq(topology.count, 4);
	for (size_t i = 0; i < 4; i++) {
		ck_assert_int_eq(topology.cpus[i].number, all[i]);
		ck_assert_int_eq(topology.cpus[i].socket, 0);
	}
	assert_pair(&topology, SAME_CPU, 5000, 5000);
	assert_pair(&topology, SMT, -1, -1);
	assert_pair(&topology, CROSS_CORE, 1024, 5000);
	topology_free(&topology);

	put_line(CPUS "/cpu0/topology/core_cpus_list", "no number");
	put_line(CPUS "/cpu0/topology/physical_package_id",
		 "99999999999999999999999");
	put_bytes(CPUS "/cpu1/topology/core_cpus_list", "", 0);
	topology = read_tree(all, 4);
	assert_pair(&topology, CROSS_CORE, 1024, 5000);
	ck_assert_int_eq(topology.cpus[0].socket, 0);
	ck_assert_int_ne(topology.cpus[0].core, topology.cpus[1].core);
	topology_free(&topology);
}
END_TEST

// This machine: the CPUs of sched_getaffinity, in order.
START_TEST(topology_of_this_host)
{
	struct topology topology;
	cpu_set_t set;
	int pair[2];

	ck_assert_int_eq(topology_read(&topology), 0);
	if (sched_getaffinity(0, sizeof set, &set) == 0) {
		ck_assert_int_eq(topology.count, CPU_COUNT(&set));
		for (size_t i = 0; i < topology.count; i++)
			ck_assert(CPU_ISSET(topology.cpus[i].number, &set));
	}
	for (size_t i = 1; i < topology.count; i++)
		ck_assert_int_lt(topology.cpus[i - 1].number,
				 topology.cpus[i].number);
	for (enum placement p = SAME_CPU; p < PLACEMENTS; p++)
		if (topology_pair(&topology, p, pair))
			ck_assert_int_eq(pair[0] == pair[1], p == SAME_CPU);
	ck_assert(topology_pair(&topology, SAME_CPU, pair));
	topology_free(&topology);
}
END_TEST

// Pins to each CPU in turn: that is then the only one, for a child too.
static int pin_to_each(void)
{
	struct topology all, one;
	int pair[2];

	if (topology_read(&all) != 0)
		return 1;
	for (size_t i = all.count; i-- > 0;) {
		int cpu = all.cpus[i].number;

		if (pin_to_cpu(cpu) != 0 || sched_getcpu() != cpu)
			return 2;
		if (topology_read(&one) != 0 || one.count != 1 ||
		    one.cpus[0].number != cpu)
			return 3;
		if (!topology_pair(&one, SAME_CPU, pair) || pair[0] != cpu ||
		    pair[1] != cpu || topology_pair(&one, CROSS_CORE, pair))
			return 4;
		topology_free(&one);
		pid_t child = fork();
		if (child == 0)
			_exit(sched_getcpu() != cpu);
		int status;
		if (child == -1 || waitpid(child, &status, 0) != child ||
		    status)
			return 5;
	}
	topology_free(&all);
	return 0;
}

START_TEST(pinning)
{
	ck_assert_int_eq(in_child(pin_to_each), 0);
	ck_assert_int_eq(pin_to_cpu(-1), -EINVAL);
	ck_assert_int_eq(pin_to_cpu(100000), -EINVAL);
	ck_assert_int_eq(pin_to_cpu(INT_MAX), -EINVAL);
}
END_TEST

// The kernel of a machine with many CPUs answers EINVAL while our set is smaller
// than its own: here for less than 1,024 bytes, as with 8,192 CPUs.
static int read_large_machine(void)
{
	struct topology topology;

	if (forbid(SYS_sched_getaffinity, EINVAL, 1024) != 0)
		return CANNOT;
	cpu_set_t set;
	if (sched_getaffinity(0, sizeof set, &set) != -1 || errno != EINVAL)
		return 1;
	if (topology_read(&topology) != 0 || topology.count == 0)
		return 2;
	topology_free(&topology);
	return 0;
}

static int read_forbidden(void)
{
	struct topology topology;

	if (forbid(SYS_sched_getaffinity, EPERM, UINT_MAX) != 0)
		return CANNOT;
	int error = topology_read(&topology);
	topology_free(&topology);
	return error != -EPERM;
}

START_TEST(affinity_of_many_cpus)
{
	int large = in_child(read_large_machine);
	if (large == CANNOT)
		SKIP("this host allows no seccomp filter");
	ck_assert_int_eq(large, 0);
	ck_assert_int_eq(in_child(read_forbidden), 0);
}
END_TEST

Suite *host_suite(void)
{
	Suite *suite = suite_create("host");
	TCase *clock = tcase_create("clock"), *cpu = tcase_create("cpu");

	tcase_add_test(clock, clock_is_measured);
	tcase_add_test(clock, clock_is_the_same_everywhere);
	suite_add_tcase(suite, clock);

	tcase_add_unchecked_fixture(cpu, make_shelter, remove_shelter);
	tcase_add_checked_fixture(cpu, make_root, NULL);
	tcase_add_test(cpu, placement_names_are_complete);
	tcase_add_test(cpu, topology_with_smt);
	tcase_add_test(cpu, topology_avoids_cpu_0);
	tcase_add_test(cpu, topology_with_two_sockets);
	tcase_add_test(cpu, topology_with_clusters);
	tcase_add_test(cpu, topology_with_offline_cpu);
	tcase_add_test(cpu, topology_of_an_old_kernel);
	tcase_add_test(cpu, topology_without_sysfs);
	tcase_add_test(cpu, topology_of_this_host);
	tcase_add_test(cpu, pinning);
	tcase_add_test(cpu, affinity_of_many_cpus);
	suite_add_tcase(suite, cpu);

	add_machine_cases(suite);
	return suite;
}
