// # host: what this machine is, and what it can do
//
// The same system call costs several times as much here as there: it depends
// on the CPU, on what the kernel does against Spectre, on who else runs, on
// whether the CPU is a real one. All of that can be read, mostly from small
// files:
//
//     /proc/cpuinfo                            the CPU's name
//     /sys/devices/system/cpu/...              topology, governor, mitigations
//     /sys/devices/system/clocksource/...      what the clock is made of
//     /sys/kernel/mm/transparent_hugepage/...  large pages without asking
//     /proc/stat, /proc/loadavg                who else runs
//
// A container may hide or fake any of them, so each may be missing.
//
// Sources: proc(5), sysfs(5), Documentation/ABI/ in the kernel's source.

#define _GNU_SOURCE
#include "host.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>
#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#endif

#include "cpu.h"
#include "host_names.h"

#ifndef OSLAB_FLAGS
#define OSLAB_FLAGS ""
#endif

static void put(char *text, size_t bytes, const char *value)
{
	size_t n = strlen(value);

	if (n > bytes - 1)
		n = bytes - 1;
	memcpy(text, value, n);
	text[n] = '\0';
}

// ## Small files
//
// They are made at the moment they are read, by some function in the kernel,
// and all of one belongs together: so they are read in one piece.

bool host_line(const char *path, char *text, size_t text_bytes)
{
	size_t n = 0;
	ssize_t got = 0;

	if (text_bytes == 0)
		return false;
	text[0] = '\0';
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return false;
	while (n < text_bytes - 1) {
		got = read(fd, text + n, text_bytes - 1 - n);
		if (got == -1 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		n += (size_t)got;
	}
	close(fd);
	text[n] = '\0';
	if (got == -1) {
		text[0] = '\0';
		return false;
	}
	n = strlen(text);
	while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == ' '))
		text[--n] = '\0';
	for (char *c = text; *c; c++)
		if (*c == '\n')
			*c = ' ';
	return true;
}

static bool line_at(const char *root, const char *path, char *text,
		    size_t text_bytes)
{
	char whole[PATH_MAX];
	int length = snprintf(whole, sizeof whole, "%s%s", root, path);

	text[0] = '\0';
	return length > 0 && (size_t)length < sizeof whole &&
	       host_line(whole, text, text_bytes);
}

static FILE *open_at(const char *root, const char *path)
{
	char whole[PATH_MAX];
	int length = snprintf(whole, sizeof whole, "%s%s", root, path);

	return length > 0 && (size_t)length < sizeof whole ? fopen(whole, "re")
							   : NULL;
}

// The value of a line "key<blanks>: value" of /proc/cpuinfo; NULL where the
// line has another key. Cuts off the newline.
static char *field(char *line, const char *key)
{
	size_t n = strlen(key);

	if (strncmp(line, key, n) != 0)
		return NULL;
	n += strspn(line + n, " \t");
	if (line[n] != ':')
		return NULL;
	char *value = line + n + 1;
	value += strspn(value, " \t");
	value[strcspn(value, "\n")] = '\0';
	return value;
}

// ## Which CPU
//
// x86 kernels print the name that the CPU itself gives (CPUID leaves
// 0x80000002 to 0x80000004). An Arm CPU has no name, only numbers: who designed
// it and which part it is; a phone has several parts in one machine. Others say
// "cpu" (POWER) or "uarch" (RISC-V). The device tree at least knows the board.

struct arm_parts {
	unsigned long implementer, seen[8];
	size_t count;
};

static void add_arm_part(struct arm_parts *parts, unsigned long part,
			 char *text, size_t bytes)
{
	unsigned long id = parts->implementer << 16 | part;
	char name[64], list[HOST_TEXT + sizeof name];

	for (size_t i = 0; i < parts->count; i++)
		if (parts->seen[i] == id)
			return;
	if (parts->count == sizeof parts->seen / sizeof *parts->seen)
		return;
	host_arm_name(name, sizeof name, parts->implementer, part);
	snprintf(list, sizeof list, "%s%s%s", parts->count ? text : "",
		 parts->count ? " + " : "", name);
	put(text, bytes, list);
	parts->seen[parts->count++] = id;
}

// x86 repeats the same name for every CPU: one is enough.
static void read_cpu_model(const char *root, char *text, size_t bytes)
{
	static const char *const keys[] = { "model name", "cpu", "uarch" };
	struct arm_parts parts = { 0 };
	char *line = NULL, *value;
	size_t size = 0;
	FILE *file = open_at(root, "/proc/cpuinfo");

	while (file && getline(&line, &size, file) != -1) {
		if (*line == '\n' && *text && parts.count == 0)
			break;
		for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
			if ((value = field(line, keys[i])) && !*text)
				put(text, bytes, value);
		if ((value = field(line, "CPU implementer")))
			parts.implementer = strtoul(value, NULL, 0);
		if ((value = field(line, "CPU part")))
			add_arm_part(&parts, strtoul(value, NULL, 0), text,
				     bytes);
	}
	free(line);
	if (file)
		fclose(file);
	if (!*text)
		line_at(root, "/proc/device-tree/model", text, bytes);
}

// ## How many
//
// Of the whole machine: topology_read tells what this process may use.

static int compare_ints(const void *left, const void *right)
{
	int a = *(const int *)left, b = *(const int *)right;

	return (a > b) - (a < b);
}

// How many different values there are, and how often the most frequent occurs.
static int different(int *values, size_t n, int *most)
{
	int kinds = 0, run = 0;

	qsort(values, n, sizeof *values, compare_ints);
	*most = 0;
	for (size_t i = 0; i < n; i++) {
		bool again = i > 0 && values[i] == values[i - 1];
		kinds += !again;
		run = again ? run + 1 : 1;
		if (run > *most)
			*most = run;
	}
	return kinds;
}

// A list of CPUs as the kernel writes it, "0-3,8,10-11", into numbers[limit].
static size_t parse_cpu_list(const char *list, int *numbers, size_t limit)
{
	size_t n = 0;
	char *end;

	for (;; list = end + 1) {
		long first = strtol(list, &end, 10), last = first;

		if (end == list || first < 0)
			break;
		if (*end == '-')
			last = strtol(end + 1, &end, 10);
		for (long cpu = first;
		     cpu <= last && cpu <= INT_MAX && n < limit; cpu++)
			numbers[n++] = (int)cpu;
		if (*end != ',')
			break;
	}
	return n;
}

enum { MANY_CPUS = 1 << 14 };

// topology_read_at tells a core and a socket even where there is nothing to
// read; here that would be a made-up fact, so we look whether there is.
static void read_counts(struct host *host, const char *root)
{
	char folder[PATH_MAX], list[8192], path[64], text[HOST_TEXT];
	struct topology topology;
	int most;
	int *numbers = malloc(MANY_CPUS * sizeof *numbers);

	if (!numbers)
		return;
	line_at(root, "/sys/devices/system/cpu/online", list, sizeof list);
	size_t n = parse_cpu_list(list, numbers, MANY_CPUS);
	host->cpus_online = (int)n;
	snprintf(path, sizeof path,
		 "/sys/devices/system/cpu/cpu%d/topology/physical_package_id",
		 n ? numbers[0] : 0);
	int length = snprintf(folder, sizeof folder,
			      "%s/sys/devices/system/cpu", root);
	if (length > 0 && (size_t)length < sizeof folder &&
	    line_at(root, path, text, sizeof text) &&
	    topology_read_at(&topology, folder, numbers, n) == 0) {
		for (size_t i = 0; i < topology.count; i++)
			numbers[i] = topology.cpus[i].core;
		host->cores = different(numbers, topology.count,
					&host->threads_per_core);
		for (size_t i = 0; i < topology.count; i++)
			numbers[i] = topology.cpus[i].socket;
		host->sockets = different(numbers, topology.count, &most);
		topology_free(&topology);
	}
	free(numbers);
}

// ## What the kernel does against its CPU's faults
//
// Every known fault is a file whose text begins with "Not affected",
// "Vulnerable" or "Mitigation: ". The costly ones for us are those that work
// at every system call and context switch.

static int compare_names(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static void read_mitigations(const char *root, char *text, size_t bytes)
{
	static const char folder[] = "/sys/devices/system/cpu/vulnerabilities";
	char path[PATH_MAX], line[1024], item[2048];
	struct dirent **entries;
	size_t used = 0;

	int length = snprintf(path, sizeof path, "%s%s", root, folder);
	if (length < 0 || (size_t)length >= sizeof path)
		return;
	int n = scandir(path, &entries, visible, compare_names);
	if (n < 0)
		return;
	for (int i = 0; i < n; i++) {
		const char *name = entries[i]->d_name;

		snprintf(path, sizeof path, "%s/%s", folder, name);
		if (!line_at(root, path, line, sizeof line) ||
		    !strncmp(line, "Not affected", 12))
			continue;
		length = snprintf(item, sizeof item, "%s%s: %s",
				  used ? "; " : "", name, line);
		if (length > 0 && used + (size_t)length < bytes) {
			memcpy(text + used, item, (size_t)length + 1);
			used += (size_t)length;
		}
	}
	if (n > 0 && used == 0)
		put(text, bytes, "none needed");
	for (int i = 0; i < n; i++)
		free(entries[i]);
	free(entries);
}

// ## Is it a real machine
//
// On x86 a hypervisor sets a bit of CPUID that no real CPU sets, and signs leaf
// 0x40000000 (agreed among the vendors; Documentation/virt/kvm/x86/cpuid.rst).
// KVM that plays Hyper-V for Windows signs as Hyper-V there, and as itself 0x100
// leaves further. A clear bit means a real machine: all that can be known, as a
// hypervisor could hide.

#if defined(__x86_64__) || defined(__i386__)

static void cpuid_signature(unsigned leaf, char signature[13])
{
	unsigned highest, words[3];

	__cpuid(leaf, highest, words[0], words[1], words[2]);
	memcpy(signature, words, sizeof words);
	signature[12] = '\0';
}

enum { HYPERVISOR_PRESENT = 1u << 31 }; // leaf 1, register ecx

static void ask_cpu(char *text, size_t bytes)
{
	unsigned a, b, c, d;
	char signature[13], further[13];

	if (!__get_cpuid(1, &a, &b, &c, &d))
		return;
	if (!(c & HYPERVISOR_PRESENT)) {
		put(text, bytes, "none");
		return;
	}
	cpuid_signature(0x40000000, signature);
	if (!strcmp(signature, "Microsoft Hv")) {
		cpuid_signature(0x40000100, further);
		if (!strcmp(further, "KVMKVMKVM"))
			memcpy(signature, further, sizeof signature);
	}
	put(text, bytes, host_signed_hypervisor(signature));
	if (!*text)
		put(text, bytes, "unknown");
}

#else

static void ask_cpu(char *text, size_t bytes)
{
	(void)text, (void)bytes;
}

#endif

// Elsewhere the firmware may tell: Xen through sysfs, KVM and Xen through the
// device tree, others through the names on the board (DMI).
static void ask_firmware(const char *root, char *text, size_t bytes)
{
	char line[HOST_TEXT], product[HOST_TEXT];

	if (line_at(root, "/sys/hypervisor/type", line, sizeof line) && *line)
		put(text, bytes, strcmp(line, "xen") ? line : "Xen");
	else if (line_at(root, "/proc/device-tree/hypervisor/compatible", line,
			 sizeof line) &&
		 *line)
		put(text, bytes,
		    !strcmp(line, "linux,kvm")  ? "KVM"
		    : !strncmp(line, "xen,", 4) ? "Xen"
						: line);
	else if (line_at(root, "/sys/class/dmi/id/sys_vendor", line,
			 sizeof line)) {
		line_at(root, "/sys/class/dmi/id/product_name", product,
			sizeof product);
		put(text, bytes, host_board_hypervisor(line, product));
	}
}

// ## All together

// "always [madvise] never": the one in brackets holds.
static void keep_chosen(char *text)
{
	char *open = strchr(text, '['),
	     *close = open ? strchr(open, ']') : NULL;

	if (close) {
		*close = '\0';
		memmove(text, open + 1, (size_t)(close - open));
	}
}

// The fifth field of /proc/loadavg is the last process ID: no load.
static void read_load(const char *root, char *text, size_t bytes)
{
	line_at(root, "/proc/loadavg", text, bytes);
	char *last = strrchr(text, ' ');
	if (last)
		*last = '\0';
}

static unsigned long long read_memory(const char *root)
{
	unsigned long long kib = 0;
	char *line = NULL, *value;
	size_t size = 0;
	FILE *file = open_at(root, "/proc/meminfo");

	while (file && kib == 0 && getline(&line, &size, file) != -1)
		if ((value = field(line, "MemTotal")))
			kib = strtoull(value, NULL, 10);
	free(line);
	if (file)
		fclose(file);
	return kib * 1024;
}

void host_read_at(struct host *host, const char *root)
{
	*host = (struct host){ 0 };
	read_cpu_model(root, host->cpu_model, sizeof host->cpu_model);
	read_counts(host, root);
	read_mitigations(root, host->mitigations, sizeof host->mitigations);
	line_at(root, "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor",
		host->governor, sizeof host->governor);
	line_at(root,
		"/sys/devices/system/clocksource/clocksource0/"
		"current_clocksource",
		host->clock_source, sizeof host->clock_source);
	line_at(root, "/sys/kernel/mm/transparent_hugepage/enabled", host->thp,
		sizeof host->thp);
	keep_chosen(host->thp);
	ask_firmware(root, host->hypervisor, sizeof host->hypervisor);
	read_load(root, host->load, sizeof host->load);
	host->memory_bytes = read_memory(root);
}

#define DIGITS_(number) #number
#define DIGITS(number) DIGITS_(number)
#ifdef __clang__
#define COMPILER "clang " DIGITS(__clang_major__) "." \
	DIGITS(__clang_minor__) "." DIGITS(__clang_patchlevel__)
#else
#define COMPILER "gcc " __VERSION__
#endif

void host_read(struct host *host)
{
	struct utsname name;
	long pages = sysconf(_SC_PHYS_PAGES);
	char told[HOST_TEXT] = "";

	host_read_at(host, "");
	if (uname(&name) == 0) {
		put(host->architecture, sizeof host->architecture,
		    name.machine);
		snprintf(host->kernel, sizeof host->kernel, "%s %s",
			 name.release, name.version);
	}
	ask_cpu(told, sizeof told);
	if (*told)
		put(host->hypervisor, sizeof host->hypervisor, told);
	put(host->compiler, sizeof host->compiler, COMPILER);
	put(host->flags, sizeof host->flags, OSLAB_FLAGS);
	host->page_bytes = sysconf(_SC_PAGESIZE);
	if (host->memory_bytes == 0 && pages > 0)
		host->memory_bytes = (unsigned long long)pages *
				     (unsigned long long)host->page_bytes;
	if (host->cpus_online == 0)
		host->cpus_online = (int)sysconf(_SC_NPROCESSORS_ONLN);
}

// ## Stolen time
//
// The eighth number of a CPU's line in /proc/stat: how long a runnable virtual
// CPU waited for a real one, as the hypervisor tells its guest (proc(5)).

long long host_steal_ns(int cpu)
{
	long long steal = -1;
	char *line = NULL, *end;
	size_t size = 0;
	long per_second = sysconf(_SC_CLK_TCK);
	FILE *file = cpu >= 0 && per_second > 0 ? fopen("/proc/stat", "re")
						: NULL;

	while (file && steal < 0 && getline(&line, &size, file) != -1 &&
	       !strncmp(line, "cpu", 3)) {
		if (line[3] == ' ' || strtol(line + 3, &end, 10) != cpu)
			continue;
		for (int i = 0; i < 8; i++) {
			const char *next = end;
			steal = (long long)strtoull(next, &end, 10);
			if (end == next) {
				steal = -1;
				break;
			}
		}
		break;
	}
	free(line);
	if (file)
		fclose(file);
	return steal < 0 ? -1 : steal * (1000000000 / per_second);
}
