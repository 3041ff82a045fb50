// # What the scenes share

#define _GNU_SOURCE
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

#include "lab.h"
#include "robust.h"

void *shared(size_t bytes)
{
	return must(mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0));
}

void init_mutex(pthread_mutex_t *mutex, bool robust)
{
	pthread_mutexattr_t attributes;

	must_zero(pthread_mutexattr_init(&attributes));
	must_zero(pthread_mutexattr_setpshared(&attributes,
					       PTHREAD_PROCESS_SHARED));
	if (robust)
		must_zero(pthread_mutexattr_setrobust(&attributes,
						      PTHREAD_MUTEX_ROBUST));
	must_zero(pthread_mutex_init(mutex, &attributes));
	must_zero(pthread_mutexattr_destroy(&attributes));
}

int lock_within(pthread_mutex_t *mutex, long ns)
{
	struct timespec end;

	must(clock_gettime(CLOCK_REALTIME, &end));
	end.tv_nsec += ns;
	end.tv_sec += end.tv_nsec / 1000000000;
	end.tv_nsec %= 1000000000;
	return pthread_mutex_timedlock(mutex, &end);
}

void bury(pid_t child)
{
	must(kill(child, SIGKILL));
	must(waitpid(child, NULL, 0));
}
