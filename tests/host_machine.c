// What host.h says of machines: of this one, compared with what the kernel says
// elsewhere, and of others, made of files.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "cpu.h"
#include "host.h"
#include "host_names.h"
#include "host_tree.h"
#include "tests.h"

// --- lines of files -------------------------------------------------------------------

START_TEST(lines)
{
	char path[PATH_MAX + 16], text[16];

	snprintf(path, sizeof path, "%s/file", root);
	ck_assert(!host_line(path, text, sizeof text));
	ck_assert_str_eq(text, "");
	ck_assert(!host_line(root, text, sizeof text));
	ck_assert_str_eq(text, "");
	put_bytes("file", "", 0);
	ck_assert(host_line(path, text, sizeof text));
	ck_assert_str_eq(text, "");
	put_bytes("file", "tsc \n", 5);
	ck_assert(host_line(path, text, sizeof text));
	ck_assert_str_eq(text, "tsc");
	put_bytes("file", "a\nb\n", 4);
	ck_assert(host_line(path, text, sizeof text));
	ck_assert_str_eq(text, "a b");
	put_bytes("file", "dt\0rest", 8);
	ck_assert(host_line(path, text, sizeof text));
	ck_assert_str_eq(text, "dt");
	put_bytes("file", "0123456789abcdefghij", 20);
	ck_assert(host_line(path, text, sizeof text));
	ck_assert_str_eq(text, "0123456789abcde");
	ck_assert(host_line(path, text, 1));
	ck_assert_str_eq(text, "");
	ck_assert(!host_line(path, text, 0));
}
END_TEST

// --- other machines -------------------------------------------------------------------

static struct host machine;

static void read_machine(void)
{
	host_read_at(&machine, root);
}

START_TEST(machine_that_tells_nothing)
{
	static const struct host nothing;

	memset(&machine, 0xff, sizeof machine);
	read_machine();
	ck_assert_mem_eq(&machine, &nothing, sizeof nothing);
}
END_TEST

// A server with two sockets of two cores with two threads, one of them offline.
START_TEST(machine_with_two_sockets)
{
	put_line("proc/cpuinfo",
		 "processor\t: 0\ncpu family\t: 6\n"
		 "model name\t: Example CPU @ 2.00GHz\ncpu MHz\t\t: 2000\n\n"
		 "processor\t: 1\nmodel name\t: Another\n");
	put_line(CPUS "/online", "0-2,4-7");
	put_cpu(0, "0,4", 0, 0);
	put_cpu(1, "1,5", 0, 1);
	put_cpu(2, "2,6", 1, 0);
	put_cpu(4, "0,4", 0, 0);
	put_cpu(5, "1,5", 0, 1);
	put_cpu(6, "2,6", 1, 0);
	put_cpu(7, "7", 1, 1);
	put_line(CPUS "/cpu0/cpufreq/scaling_governor", "performance");
	put_line("sys/devices/system/clocksource/clocksource0/"
		 "current_clocksource",
		 "hpet");
	put_line("sys/kernel/mm/transparent_hugepage/enabled",
		 "always madvise [never]");
	put_line("proc/loadavg", "0.20 0.18 0.12 1/80 11206");
	put_line("proc/meminfo", "MemTotal:       16384 kB\nMemFree: 1 kB");
	read_machine();
	ck_assert_str_eq(machine.cpu_model, "Example CPU @ 2.00GHz");
	ck_assert_int_eq(machine.cpus_online, 7);
	ck_assert_int_eq(machine.cores, 4);
	ck_assert_int_eq(machine.sockets, 2);
	ck_assert_int_eq(machine.threads_per_core, 2);
	ck_assert_str_eq(machine.governor, "performance");
	ck_assert_str_eq(machine.clock_source, "hpet");
	ck_assert_str_eq(machine.thp, "never");
	ck_assert_str_eq(machine.load, "0.20 0.18 0.12 1/80");
	ck_assert_uint_eq(machine.memory_bytes, 16 << 20);
}
END_TEST

// Where sysfs names the CPUs but not their topology, no core is made up.
START_TEST(machine_without_topology)
{
	put_line(CPUS "/online", "0-3");
	read_machine();
	ck_assert_int_eq(machine.cpus_online, 4);
	ck_assert_int_eq(machine.cores, 0);
	ck_assert_int_eq(machine.sockets, 0);
	ck_assert_int_eq(machine.threads_per_core, 0);

	put_line(CPUS "/online", "3-0,,x");
	read_machine();
	ck_assert_int_eq(machine.cpus_online, 0);
	put_line(CPUS "/online", "99999999999-999999999999");
	read_machine();
	ck_assert_int_eq(machine.cpus_online, 0);
	put_line(CPUS "/online", "0-999999999999");
	read_machine();
	ck_assert_int_gt(machine.cpus_online, 0);
}
END_TEST

static void assert_model(const char *cpuinfo, const char *model)
{
	put_line("proc/cpuinfo", cpuinfo);
	read_machine();
	ck_assert_str_eq(machine.cpu_model, model);
}

START_TEST(machine_names_its_cpu)
{
	assert_model("processor\t: 0\nCPU implementer\t: 0x41\n"
		     "CPU architecture: 8\nCPU part\t: 0xd0c\n",
		     "Arm Neoverse-N1");
	// Two kinds of cores, and a name of which another begins.
	assert_model("CPU implementer\t: 0x41\nCPU part\t: 0xd08\n\n"
		     "CPU implementer\t: 0x41\nCPU part\t: 0xd08\n\n"
		     "CPU implementer\t: 0x41\nCPU part\t: 0xc07\n",
		     "Arm Cortex-A72 + Arm Cortex-A7");
	assert_model("CPU implementer\t: 0x41\nCPU part\t: 0xfff\n",
		     "Arm part 0xfff");
	assert_model("CPU implementer\t: 0x99\nCPU part\t: 0x1\n",
		     "Arm implementer 0x99 part 0x1");
	// 32-bit Arm has a name that says little, and the numbers.
	assert_model("processor\t: 0\n"
		     "model name\t: ARMv7 Processor rev 4 (v7l)\n"
		     "CPU implementer\t: 0x41\nCPU part\t: 0xd03\n",
		     "Arm Cortex-A53");
	assert_model("processor\t: 0\ncpu\t\t: POWER9, altivec supported\n",
		     "POWER9, altivec supported");
	assert_model("hart\t: 0\nuarch\t: sifive,u74-mc\n", "sifive,u74-mc");
	put_bytes("proc/device-tree/model", "Example Board", 14);
	assert_model("nothing that is known", "Example Board");
}
END_TEST

START_TEST(machine_lists_mitigations)
{
	put_line(CPUS "/vulnerabilities/meltdown", "Not affected");
	read_machine();
	ck_assert_str_eq(machine.mitigations, "none needed");

	put_line(CPUS "/vulnerabilities/spectre_v2", "Mitigation: Retpolines");
	put_line(CPUS "/vulnerabilities/mds", "Vulnerable");
	put_line(CPUS "/vulnerabilities/.hidden", "Vulnerable");
	read_machine();
	ck_assert_str_eq(machine.mitigations,
			 "mds: Vulnerable; spectre_v2: Mitigation: Retpolines");

	for (int i = 0; i < 26; i++) {
		char name[64], text[512];
		snprintf(name, sizeof name, CPUS "/vulnerabilities/%c",
			 'a' + i);
		memset(text, 'a' + i, sizeof text);
		text[sizeof text - 1] = '\0';
		put_line(name, text);
	}
	read_machine();
	ck_assert_uint_lt(strlen(machine.mitigations),
			  sizeof machine.mitigations);
	ck_assert_int_eq(strncmp(machine.mitigations, "a: aaa", 6), 0);
	ck_assert_ptr_nonnull(strstr(machine.mitigations, "; b: bbb"));
}
END_TEST

START_TEST(machine_is_virtual)
{
	put_line("sys/class/dmi/id/sys_vendor", "Example Computers");
	put_line("sys/class/dmi/id/product_name", "Standard PC");
	read_machine();
	ck_assert_str_eq(machine.hypervisor, "");
	put_line("sys/class/dmi/id/sys_vendor", "Amazon EC2");
	put_line("sys/class/dmi/id/product_name", "c7g.large");
	read_machine();
	ck_assert_str_eq(machine.hypervisor, "KVM");
	put_line("sys/class/dmi/id/product_name", "c7g.metal");
	read_machine();
	ck_assert_str_eq(machine.hypervisor, "none");
	put_bytes("proc/device-tree/hypervisor/compatible", "linux,kvm", 10);
	read_machine();
	ck_assert_str_eq(machine.hypervisor, "KVM");
	put_bytes("proc/device-tree/hypervisor/compatible",
		  "xen,xen-4.11\0xen,xen", 21);
	read_machine();
	ck_assert_str_eq(machine.hypervisor, "Xen");
	put_bytes("proc/device-tree/hypervisor/compatible", "other", 6);
	read_machine();
	ck_assert_str_eq(machine.hypervisor, "other");
	put_line("sys/hypervisor/type", "xen");
	read_machine();
	ck_assert_str_eq(machine.hypervisor, "Xen");
}
END_TEST

START_TEST(hypervisors_by_name)
{
	ck_assert_str_eq(host_signed_hypervisor("KVMKVMKVM"), "KVM");
	ck_assert_str_eq(host_signed_hypervisor("Microsoft Hv"), "Hyper-V");
	ck_assert_str_eq(host_signed_hypervisor("VMwareVMware"), "VMware");
	ck_assert_str_eq(host_signed_hypervisor("never heard"), "never heard");
	ck_assert_str_eq(host_board_hypervisor("Microsoft Corporation",
					       "Virtual Machine"),
			 "Hyper-V");
	ck_assert_str_eq(host_board_hypervisor("Microsoft Corporation",
					       "Surface Pro"),
			 "");
	ck_assert_str_eq(host_board_hypervisor("QEMU", "anything"),
			 "QEMU or KVM");
	ck_assert_str_eq(host_board_hypervisor("", ""), "");
}
END_TEST

// A root that is too long to be one.
START_TEST(machine_nowhere)
{
	static char nowhere[PATH_MAX * 2];

	memset(nowhere, 'x', sizeof nowhere - 1);
	host_read_at(&machine, nowhere);
	ck_assert_str_eq(machine.cpu_model, "");
	ck_assert_int_eq(machine.cpus_online, 0);
}
END_TEST

// --- this machine -----------------------------------------------------------------------

START_TEST(this_machine)
{
	struct utsname name;
	const char *const texts[] = { machine.cpu_model,  machine.architecture,
				      machine.kernel,     machine.mitigations,
				      machine.governor,   machine.clock_source,
				      machine.hypervisor, machine.thp,
				      machine.load,       machine.compiler,
				      machine.flags };

	host_read(&machine);
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		ck_assert_ptr_null(strpbrk(texts[i], "\n[]"));
	ck_assert_int_eq(uname(&name), 0);
	ck_assert_str_eq(machine.architecture, name.machine);
	ck_assert_int_eq(
		strncmp(machine.kernel, name.release, strlen(name.release)), 0);
	ck_assert_ptr_nonnull(strstr(machine.kernel, name.version));
	ck_assert_int_ge(machine.cpus_online, 1);
	if (machine.cores > 0) {
		ck_assert_int_ge(machine.cores, machine.sockets);
		ck_assert_int_le(machine.cores, machine.cpus_online);
		ck_assert_int_ge(machine.cores * machine.threads_per_core,
				 machine.cpus_online);
	}
	ck_assert_int_eq(machine.page_bytes, sysconf(_SC_PAGESIZE));
	ck_assert_uint_ge(machine.memory_bytes, 1 << 20);
#ifdef __clang__
	ck_assert_int_eq(strncmp(machine.compiler, "clang ", 6), 0);
#else
	ck_assert_int_eq(strncmp(machine.compiler, "gcc ", 4), 0);
#endif
#if defined(__x86_64__) || defined(__i386__)
	ck_assert_str_ne(machine.hypervisor, "");
#endif
}
END_TEST

// On x86 the kernel shows the hypervisor bit of CPUID among the CPU's flags.
START_TEST(this_machine_knows_what_it_is)
{
#if defined(__x86_64__) || defined(__i386__)
	char *line = NULL;
	size_t size = 0;
	bool has_flags = false, is_virtual = false;
	FILE *file = fopen("/proc/cpuinfo", "re");

	while (file && getline(&line, &size, file) != -1)
		if (!strncmp(line, "flags", 5)) {
			has_flags = true;
			is_virtual |= strstr(line, " hypervisor ") != NULL;
		}
	free(line);
	if (file)
		fclose(file);
	if (!has_flags)
		SKIP("/proc/cpuinfo shows no flags");
	host_read(&machine);
	ck_assert_int_eq(strcmp(machine.hypervisor, "none") != 0, is_virtual);
#else
	SKIP("only an x86 CPU can be asked");
#endif
}
END_TEST

// The stolen time lies between what /proc/stat says before and after; sscanf
// reads it another way.
static long long steal_by_scanf(int cpu)
{
	unsigned long long ticks = 0;
	long long steal = -1;
	char line[512], name[16];
	FILE *file = fopen("/proc/stat", "re");

	snprintf(name, sizeof name, "cpu%d ", cpu);
	while (file && fgets(line, sizeof line, file))
		if (!strncmp(line, name, strlen(name)) &&
		    sscanf(line, "%*s %*s %*s %*s %*s %*s %*s %*s %llu",
			   &ticks) == 1)
			steal = (long long)ticks *
				(1000000000 / sysconf(_SC_CLK_TCK));
	if (file)
		fclose(file);
	return steal;
}

START_TEST(stolen_time)
{
	struct topology topology;

	ck_assert_int_eq(topology_read(&topology), 0);
	for (size_t i = 0; i < topology.count; i++) {
		int cpu = topology.cpus[i].number;
		long long before = steal_by_scanf(cpu);
		long long steal = host_steal_ns(cpu);
		ck_assert(before <= steal && steal <= steal_by_scanf(cpu));
	}
	topology_free(&topology);
	ck_assert_int_eq(host_steal_ns(-1), -1);
	ck_assert_int_eq(host_steal_ns(1000000), -1);
}
END_TEST

// An empty file system over /sys and /proc: a container that shows nothing.
static int read_bare_machine(void)
{
	struct topology topology;
	char why[HOST_TEXT];

	if (unshare(geteuid() == 0 ? CLONE_NEWNS
				   : CLONE_NEWNS | CLONE_NEWUSER) != 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	    mount("none", "/sys", "tmpfs", MS_RDONLY, NULL) != 0 ||
	    mount("none", "/proc", "tmpfs", MS_RDONLY, NULL) != 0)
		return CANNOT;
	if (access("/proc/self", F_OK) == 0 ||
	    access("/sys/devices", F_OK) == 0)
		return 1;
	host_read(&machine);
	if (machine.cpus_online < 1 || machine.cores != 0 ||
	    machine.memory_bytes < 1 << 20 || *machine.mitigations ||
	    *machine.load || !*machine.kernel)
		return 2;
	if (host_steal_ns(0) != -1)
		return 3;
	if (topology_read(&topology) != 0 || topology.count == 0)
		return 4;
	for (size_t i = 0; i < topology.count; i++)
		if (topology.cpus[i].socket != 0 ||
		    topology.cpus[i].core != topology.cpus[i].number)
			return 5;
	topology_free(&topology);
	return !host_has_io_uring(why) && !*why;
}

START_TEST(this_machine_laid_bare)
{
	int bare = in_child(read_bare_machine);

	if (bare == CANNOT)
		SKIP("this user may not mount, not even in a user namespace");
	ck_assert_int_eq(bare, 0);
}
END_TEST

// --- capabilities -----------------------------------------------------------------------

// Leaves nothing: the lowest free descriptor is the same before and after, and
// no signal is blocked that was not.
static int lowest_free(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	close(fd);
	return fd;
}

static void assert_check(bool (*check)(char *))
{
	char why[HOST_TEXT] = "before";
	sigset_t before, after;
	int free_before = lowest_free();

	sigprocmask(SIG_BLOCK, NULL, &before);
	bool has = check(why);
	sigprocmask(SIG_BLOCK, NULL, &after);
	ck_assert_int_eq(has, *why == '\0');
	ck_assert_int_eq(lowest_free(), free_before);
	for (int signal = 1; signal < NSIG; signal++)
		ck_assert_int_eq(sigismember(&before, signal),
				 sigismember(&after, signal));
}

// Another run of these tests may be trying at this moment.
static bool no_queue_left(void)
{
	char name[64];

	snprintf(name, sizeof name, "/oslab.probe.%u", (unsigned)geteuid());
	mqd_t left = mq_open(name, O_RDONLY);
	if (left == (mqd_t)-1)
		return true;
	mq_close(left);
	return false;
}

START_TEST(checks_leave_nothing)
{
	assert_check(host_has_io_uring);
	assert_check(host_has_mqueue);
	assert_check(host_is_root);
	await(no_queue_left());
}
END_TEST

// What a dead program left is taken over and removed.
START_TEST(mqueue_check_cleans_up)
{
	char why[HOST_TEXT], name[64];

	if (!host_has_mqueue(why))
		SKIP("%s", why);
	snprintf(name, sizeof name, "/oslab.probe.%u", (unsigned)geteuid());
	mqd_t left = mq_open(name, O_RDWR | O_CREAT, 0600, NULL);
	ck_assert_int_ne(left, (mqd_t)-1);
	mq_close(left);
	ck_assert(host_has_mqueue(why));
	await(no_queue_left());
}
END_TEST

static int refuse(int call, int error, bool (*check)(char *), const char *word)
{
	char why[HOST_TEXT];

	if (forbid(call, error, UINT_MAX) != 0)
		return CANNOT;
	return check(why) ? 1 : strstr(why, word) ? 0 : 2;
}

static int uring_eperm(void)
{
	char disabled[16];

	host_line("/proc/sys/kernel/io_uring_disabled", disabled,
		  sizeof disabled);
	if (!strcmp(disabled, "1") || !strcmp(disabled, "2"))
		return CANNOT;
	return refuse(SYS_io_uring_setup, EPERM, host_has_io_uring, "seccomp");
}

static int uring_enosys(void)
{
	return refuse(SYS_io_uring_setup, ENOSYS, host_has_io_uring, "ENOSYS");
}

static int uring_enomem(void)
{
	return refuse(SYS_io_uring_setup, ENOMEM, host_has_io_uring,
		      "ulimit -l");
}

static int mqueue_enosys(void)
{
	return refuse(SYS_mq_open, ENOSYS, host_has_mqueue, "seccomp");
}

static int mqueue_enospc(void)
{
	return refuse(SYS_mq_open, ENOSPC, host_has_mqueue, "queues_max");
}

static int mqueue_eacces(void)
{
	return refuse(SYS_mq_open, EACCES, host_has_mqueue,
		      "Permission denied");
}

// No bytes for queues are left to this user: the limit is the process's own.
static int mqueue_limit(void)
{
	char why[HOST_TEXT];

	if (setrlimit(RLIMIT_MSGQUEUE, &(struct rlimit){ 0, 0 }) != 0)
		return CANNOT;
	return host_has_mqueue(why) ? 1 : strstr(why, "ulimit -q") ? 0 : 2;
}

START_TEST(checks_say_why)
{
	int (*const refusals[])(void) = { uring_eperm,   uring_enosys,
					  uring_enomem,  mqueue_enosys,
					  mqueue_enospc, mqueue_eacces };
	char why[HOST_TEXT];
	int allowed = 0;

	for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
		int status = in_child(refusals[i]);
		ck_assert_msg(status == 0 || status == CANNOT,
			      "refusal %zu: %d", i, status);
		allowed += status == 0;
	}
	if (host_has_mqueue(why))
		ck_assert_int_eq(in_child(mqueue_limit), 0);
	if (allowed == 0)
		SKIP("this host allows no seccomp filter");
}
END_TEST

static int is_root(void)
{
	char why[HOST_TEXT];

	if (!host_is_root(why))
		return strstr(why, "sudo") ? 0 : 1;
	if (setresuid(65534, 65534, 65534) != 0)
		return 2;
	return host_is_root(why) ? 3 : strstr(why, "sudo") ? 0 : 4;
}

START_TEST(root_is_checked)
{
	char why[HOST_TEXT];

	ck_assert_int_eq(host_is_root(why), geteuid() == 0);
	ck_assert_int_eq(in_child(is_root), 0);
}
END_TEST

void add_machine_cases(Suite *suite)
{
	TCase *files = tcase_create("machines"), *here = tcase_create("host");

	tcase_add_unchecked_fixture(files, make_shelter, remove_shelter);
	tcase_add_checked_fixture(files, make_root, NULL);
	tcase_add_test(files, lines);
	tcase_add_test(files, machine_that_tells_nothing);
	tcase_add_test(files, machine_with_two_sockets);
	tcase_add_test(files, machine_without_topology);
	tcase_add_test(files, machine_names_its_cpu);
	tcase_add_test(files, machine_lists_mitigations);
	tcase_add_test(files, machine_is_virtual);
	tcase_add_test(files, hypervisors_by_name);
	tcase_add_test(files, machine_nowhere);
	suite_add_tcase(suite, files);

	tcase_add_test(here, this_machine);
	tcase_add_test(here, this_machine_knows_what_it_is);
	tcase_add_test(here, stolen_time);
	tcase_add_test(here, this_machine_laid_bare);
	tcase_add_test(here, checks_leave_nothing);
	tcase_add_test(here, mqueue_check_cleans_up);
	tcase_add_test(here, checks_say_why);
	tcase_add_test(here, root_is_checked);
	suite_add_tcase(suite, here);
}
