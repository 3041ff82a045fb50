// # Control groups: finding them, removing one
//
// Sources: cgroups(7), proc(5) (mountinfo); Documentation/admin-guide/cgroup-v2.

#define _GNU_SOURCE
#include "cgroup.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

// A line of mountinfo: "36 35 98:0 /root /mount/point rw ... - type source
// options". (A mount point with blanks in it is spelled with backslashes, and no
// hierarchy of ours.)
bool cgroup_each(bool (*each)(void *argument, const char *mount, bool unified,
			      const char *options),
		 void *argument)
{
	FILE *file = fopen("/proc/self/mountinfo", "re");
	char *line = NULL;
	size_t room = 0;
	bool found = false;

	if (!file)
		return false;
	while (!found && getline(&line, &room, file) > 0) {
		char mount[PATH_MAX], type[16], options[1024] = "";
		const char *rest = strstr(line, " - ");
		if (!rest ||
		    sscanf(line, "%*s %*s %*s %*s %4095s", mount) != 1 ||
		    sscanf(rest, " - %15s %*s %1023s", type, options) < 1 ||
		    strncmp(type, "cgroup", 6) != 0)
			continue;
		found = each(argument, mount, !strcmp(type, "cgroup2"),
			     options);
	}
	free(line);
	fclose(file);
	return found;
}

// ## Removing

static void kill_members(const char *path)
{
	char procs[PATH_MAX + 16];
	int pid;

	snprintf(procs, sizeof procs, "%s/cgroup.procs", path);
	FILE *file = fopen(procs, "re");
	if (!file)
		return;
	while (fscanf(file, "%d", &pid) == 1)
		if (pid > 1 && pid != getpid())
			kill(pid, SIGKILL);
	fclose(file);
}

// Who has been killed is still in it for a moment.
static int remove_one(const char *path)
{
	enum { TRIES = 400 };
	const struct timespec nap = { .tv_nsec = 5000000 };

	for (int i = 0; i < TRIES; i++) {
		if (rmdir(path) == 0)
			return 1;
		if (errno != EBUSY)
			return errno == ENOENT ? 0 : -errno;
		kill_members(path);
		nanosleep(&nap, NULL);
	}
	return -EBUSY;
}

struct removal {
	const char *name;
	int count, error;
};

static bool remove_in(void *argument, const char *mount, bool unified,
		      const char *options)
{
	struct removal *r = argument;
	char path[PATH_MAX];

	(void)unified;
	(void)options;
	if (snprintf(path, sizeof path, "%s/%s", mount, r->name) >=
	    (int)sizeof path)
		return false;
	int result = access(path, F_OK) == 0 ? remove_one(path) : 0;
	if (result < 0)
		r->error = result;
	else
		r->count += result;
	return false;
}

int cgroup_remove(const char *name)
{
	struct removal r = { .name = name };

	if (!*name || strchr(name, '/'))
		return -EINVAL;
	cgroup_each(remove_in, &r);
	return r.error ? r.error : r.count;
}
