// # Privileges of the calling process
//
// Sources: capabilities(7), capset(2), unshare(2), user_namespaces(7), prctl(2).

#define _GNU_SOURCE
#include "privilege.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lab.h"

static struct __user_cap_header_struct myself = {
	.version = _LINUX_CAPABILITY_VERSION_3,
};

bool has_capability(int which)
{
	struct __user_cap_data_struct have[_LINUX_CAPABILITY_U32S_3];

	must(syscall(SYS_capget, &myself, have));
	return have[CAP_TO_INDEX(which)].effective & CAP_TO_MASK(which);
}

void give_up_capabilities(void)
{
	const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {
		{ 0 }
	};

	if (syscall(SYS_capset, &myself, none) == -1)
		skip("capset: %s: some filter (seccomp) of this host forbids "
		     "to "
		     "give up capabilities; try outside its container",
		     strerror(errno));
}

static bool write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd == -1)
		return false;
	bool written = write(fd, text, strlen(text)) != -1;
	must(close(fd));
	return written;
}

// A new user namespace has no users until somebody writes its maps. An ordinary
// process may map itself only, and its group once setgroups(2) is forbidden.
static bool map_ourselves(unsigned user, unsigned group)
{
	char users[64], groups[64];

	snprintf(users, sizeof users, "%u %u 1", user, user);
	snprintf(groups, sizeof groups, "%u %u 1", group, group);
	return write_file("/proc/self/uid_map", users) &&
	       write_file("/proc/self/setgroups", "deny") &&
	       write_file("/proc/self/gid_map", groups);
}

// The change of user namespace clears what should kill us with our parent, so
// it is asked for again.
bool try_own_namespaces(int flags)
{
	unsigned user = geteuid(), group = getegid();

	if (unshare(CLONE_NEWUSER | flags) == -1)
		return unshare(flags) == 0;
	if (!map_ourselves(user, group))
		skip("a user namespace, but no users in it "
		     "(/proc/self/uid_map): %s",
		     strerror(errno));
	must(prctl(PR_SET_PDEATHSIG, SIGKILL));
	return true;
}

void enter_own_namespaces(int flags)
{
	if (!try_own_namespaces(flags))
		skip("no namespaces of our own (unshare: %s): run it as root, "
		     "or allow user namespaces (sysctl "
		     "user.max_user_namespaces)",
		     strerror(errno));
}
