// cgroup.h - where the kernel's control groups are mounted
//
// Version 1 has a hierarchy for each controller, or for some together, version 2
// one for all (cgroups(7)). A group is a folder in there; the kernel removes it
// when its folder is removed and nobody is in it.

#ifndef CGROUP_H
#define CGROUP_H

#include <stdbool.h>

// Calls each(argument, mount point, version 2, options of the file system, such as
// "rw,memory") for every hierarchy that is mounted here, until it returns true.
// Returns whether it did.
bool cgroup_each(bool (*each)(void *argument, const char *mount, bool unified,
			      const char *options),
		 void *argument);

// Removes the group of this name (without a '/') at the top of every hierarchy;
// whoever is still in it is killed. Returns how many there were, or -errno.
int cgroup_remove(const char *name);

#endif
