#define _GNU_SOURCE
#include "host_tree.h"

#include <errno.h>
#include <ftw.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

// One folder for a test case, made and removed by the process that starts its
// tests, so that also a test that fails leaves nothing; in it one for each test.
static char shelter[PATH_MAX];
char root[PATH_MAX];

void make_shelter(void)
{
	const char *folder = getenv("TMPDIR");

	ck_assert_int_lt(snprintf(shelter, sizeof shelter,
				  "%s/oslab-test.XXXXXX",
				  folder ? folder : "/tmp"),
			 PATH_MAX - 64);
	ck_assert_ptr_nonnull(mkdtemp(shelter));
}

void make_root(void)
{
	ck_assert_int_lt(snprintf(root, sizeof root, "%s/XXXXXX", shelter),
			 PATH_MAX);
	ck_assert_ptr_nonnull(mkdtemp(root));
}

static int remove_one(const char *path, const struct stat *status, int type,
		      struct FTW *where)
{
	(void)status, (void)type, (void)where;
	return remove(path);
}

void remove_shelter(void)
{
	nftw(shelter, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void put_bytes(const char *name, const char *bytes, size_t n)
{
	char path[PATH_MAX + 512];

	snprintf(path, sizeof path, "%s/%s", root, name);
	for (char *slash = path + strlen(root) + 1;
	     (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		ck_assert(mkdir(path, 0755) == 0 || errno == EEXIST);
		*slash = '/';
	}
	FILE *file = fopen(path, "we");
	ck_assert_ptr_nonnull(file);
	ck_assert_uint_eq(fwrite(bytes, 1, n, file), n);
	ck_assert_int_eq(fclose(file), 0);
}

void put_line(const char *name, const char *text)
{
	char line[8192];

	int n = snprintf(line, sizeof line, "%s\n", text);
	ck_assert(n > 0 && (size_t)n < sizeof line);
	put_bytes(name, line, (size_t)n);
}

void put_cpu(int cpu, const char *threads, int core_id, int socket)
{
	char name[128], text[32];

	snprintf(name, sizeof name, CPUS "/cpu%d/topology/core_cpus_list", cpu);
	put_line(name, threads);
	snprintf(name, sizeof name, CPUS "/cpu%d/topology/core_id", cpu);
	snprintf(text, sizeof text, "%d", core_id);
	put_line(name, text);
	snprintf(name, sizeof name, CPUS "/cpu%d/topology/physical_package_id",
		 cpu);
	snprintf(text, sizeof text, "%d", socket);
	put_line(name, text);
}

int in_child(int (*act)(void))
{
	int status;
	pid_t child = fork();

	ck_assert_int_ne(child, -1);
	if (child == 0)
		_exit(act());
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_msg(WIFEXITED(status), "wait status %#x", status);
	return WEXITSTATUS(status);
}

int forbid(int call, int error, unsigned below)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)call, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, args[1])),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, below, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {
		.len = sizeof filter / sizeof *filter,
		.filter = filter,
	};

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
			       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER,
				     &program) == 0
		       ? 0
		       : -1;
}
