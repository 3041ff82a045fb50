// # What the scenes share: objects of the three kinds
//
// Three families of calls, made alike: msgget, shmget, semget turn a key into
// an identifier, making the object if asked (IPC_CREAT); msgctl, shmctl, semctl
// look at it, change it and remove it.

#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "host.h"
#include "lab.h"
#include "names.h"
#include "sysv.h"

static int get(enum name_kind kind, key_t key, size_t size, int flags)
{
	return kind == NAME_SYSV_MSG   ? msgget(key, flags)
	       : kind == NAME_SYSV_SHM ? shmget(key, size, flags)
				       : semget(key, (int)size, flags);
}

static _Noreturn void skip_or_die(int error)
{
	if (error == ENOSYS)
		skip("this kernel has no System V IPC: it takes "
		     "CONFIG_SYSVIPC");
	if (error == ENOSPC)
		skip("there are as many System V objects as there may be: "
		     "see ipcs, remove some with ipcrm");
	if (error == EINVAL)
		skip("this host forbids an object of that size: raise shmmax, "
		     "sem in /proc/sys/kernel");
	die_at(__FILE__, __LINE__, "msgget, shmget or semget", error);
}

// IPC_EXCL is what makes a key safe: it is refused (EEXIST) if somebody was
// faster with the same number.
static int make(enum name_kind kind, size_t size, int mode, key_t *key)
{
	key_t fresh;
	int id;

	do {
		int error = names_fresh_key(kind, &fresh);
		if (error == -EEXIST)
			skip("no key is free, or a filter forbids System V "
			     "IPC: see ipcs, or the container's profile "
			     "(msgget, shmget, semget)");
		if (error)
			die_at(__FILE__, __LINE__, "names_fresh_key", -error);
		id = get(kind, fresh, size, IPC_CREAT | IPC_EXCL | mode);
	} while (id == -1 && errno == EEXIST);
	if (id == -1)
		skip_or_die(errno);
	if (key)
		*key = fresh;
	return id;
}

int make_queue(int mode, key_t *key)
{
	if (kernel_number("msgmax") < TEXT || kernel_number("msgmnb") < TEXT)
		skip("no message of %d bytes fits: raise msgmax, msgmnb in "
		     "/proc/sys/kernel",
		     TEXT);
	return make(NAME_SYSV_MSG, 0, mode, key);
}

int make_memory(size_t bytes, int mode, key_t *key)
{
	return make(NAME_SYSV_SHM, bytes, mode, key);
}

int make_set(int semaphores, int mode, key_t *key)
{
	return make(NAME_SYSV_SEM, semaphores, mode, key);
}

int send_text(int queue, long type, const char *text, int flags)
{
	struct letter letter = { .type = type };

	snprintf(letter.text, TEXT, "%s", text);
	return FAILURE(msgsnd(queue, &letter, strlen(letter.text), flags));
}

int value_of(int set, int semaphore)
{
	return must(semctl(set, semaphore, GETVAL));
}

int waiting_for(int set, int semaphore)
{
	return must(semctl(set, semaphore, GETNCNT));
}

void kernel_numbers(const char *file, unsigned long long *numbers, int n)
{
	char path[64], line[HOST_TEXT], *rest = line;

	snprintf(path, sizeof path, "/proc/sys/kernel/%s", file);
	if (!host_line(path, line, sizeof line))
		skip("no %s: no /proc, or a kernel without System V IPC "
		     "(CONFIG_SYSVIPC, CONFIG_SYSCTL)",
		     path);
	for (int i = 0; i < n; i++)
		numbers[i] = strtoull(rest, &rest, 10);
}

unsigned long long kernel_number(const char *file)
{
	unsigned long long number;

	kernel_numbers(file, &number, 1);
	return number;
}

void need_memory_that_stays(void)
{
	if (kernel_number("shm_rmid_forced"))
		skip("this host removes memory when nobody is attached: allow "
		     "it to stay (sysctl kernel.shm_rmid_forced=0)");
}

void kill_child(pid_t child)
{
	must(kill(child, SIGKILL));
	must(waitpid(child, NULL, 0));
}
