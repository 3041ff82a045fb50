// # A control group that limits memory
//
// Version 1 has a hierarchy for the memory controller, version 2 has one for all
// controllers, and the files have other names. The group is made at the top of
// the hierarchy, with a fresh name that the ledger knows (names.h): it is gone
// after the scene however that ends.
//
// Sources: cgroups(7); Documentation/admin-guide/cgroup-v1/memory.rst and
// cgroup-v2.rst.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cgroup.h"
#include "host.h"
#include "lab.h"
#include "mem/overcommit/overcommit.h"
#include "names.h"

// A word of a list, whatever separates it.
static bool has_word(const char *list, const char *word)
{
	size_t length = strlen(word);

	for (const char *at = list; (at = strstr(at, word)); at += length)
		if ((at == list || strchr(" ,", at[-1])) &&
		    (!at[length] || strchr(" ,\n", at[length])))
			return true;
	return false;
}

struct place {
	char mount[256];
	bool unified;
};

static bool limits_memory(void *argument, const char *mount, bool unified,
			  const char *options)
{
	struct place *place = argument;
	char path[512], words[HOST_TEXT];

	snprintf(path, sizeof path, "%s/cgroup.subtree_control", mount);
	if (unified ? !host_line(path, words, sizeof words) ||
			      !has_word(words, "memory")
		    : !has_word(options, "memory"))
		return false;
	snprintf(place->mount, sizeof place->mount, "%s", mount);
	place->unified = unified;
	return true;
}

// Returns 0 or an error number.
static int set(const struct group *group, const char *file, const char *value)
{
	char path[640];

	snprintf(path, sizeof path, "%s/%s", group->path, file);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd == -1)
		return errno;
	int error = write(fd, value, strlen(value)) == -1 ? errno : 0;
	close(fd);
	return error;
}

struct group group_make(uint64_t limit_bytes)
{
	char name[NAME_BYTES], value[32];
	struct place place;
	struct group group;

	if (proc_number("/proc/sys/vm/panic_on_oom") > 1)
		skip("vm.panic_on_oom is 2: it would stop the machine");
	if (!cgroup_each(limits_memory, &place))
		skip("no hierarchy of control groups limits memory here: mount "
		     "one (cgroups(7)), or be on the host, not in a container");
	must_neg(names_fresh(NAME_CGROUP, name));
	group.unified = place.unified;
	snprintf(group.path, sizeof group.path, "%s%s", place.mount, name);
	if (mkdir(group.path, 0755) == -1)
		skip("no control group can be made in %s (%s): be root, where "
		     "it can be written",
		     place.mount, strerror(errno));
	snprintf(value, sizeof value, "%ju", (uintmax_t)limit_bytes);
	int error = set(&group,
			group.unified ? "memory.max" : "memory.limit_in_bytes",
			value);
	if (error)
		skip("no limit can be set in %s (%s)", group.path,
		     strerror(error));
	// Without swap, where there is any: it would last longer.
	(void)set(&group,
		  group.unified ? "memory.swap.max"
				: "memory.memsw.limit_in_bytes",
		  group.unified ? "0" : value);
	return group;
}

void group_add(const struct group *group, pid_t pid)
{
	char value[16];

	snprintf(value, sizeof value, "%d", pid);
	int error = set(group, "cgroup.procs", value);
	if (error)
		skip("no process can be put into %s (%s)", group->path,
		     strerror(error));
}

long group_kills(const struct group *group)
{
	char path[640], line[128];
	long kills = -1;

	snprintf(path, sizeof path, "%s/%s", group->path,
		 group->unified ? "memory.events" : "memory.oom_control");
	FILE *file = fopen(path, "re");
	if (!file)
		return -1;
	while (fgets(line, sizeof line, file))
		if (!strncmp(line, "oom_kill ", 9))
			kills = strtol(line + 9, NULL, 10);
	fclose(file);
	return kills;
}
