// # threads/pool: workers without work sleep, and are woken for it

#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pool_parts.h"

// What the kernel tells of every thread but the first: how many there are, how
// many sleep, and how often they have been switched.
struct crew {
	int threads, asleep;
	long switches;
	bool deaf; // all block every signal that can be blocked
};

static struct crew look_at_crew(void)
{
	struct crew crew = { .deaf = true };
	char path[300], line[256], state;
	unsigned long long blocked;
	long number;
	DIR *dir = opendir("/proc/self/task");

	ck_assert_ptr_nonnull(dir);
	for (struct dirent *entry; (entry = readdir(dir));) {
		if (*entry->d_name == '.' ||
		    strtol(entry->d_name, NULL, 10) == getpid())
			continue;
		snprintf(path, sizeof path, "/proc/self/task/%s/status",
			 entry->d_name);
		FILE *file = fopen(path, "re");
		while (file && fgets(line, sizeof line, file)) {
			if (sscanf(line, "State: %c", &state) == 1)
				crew.asleep += state == 'S';
			if (strstr(line, "ctxt_switches") &&
			    sscanf(line, "%*s %ld", &number) == 1)
				crew.switches += number;
			// 1 to 31, without SIGKILL (9) and SIGSTOP (19)
			if (sscanf(line, "SigBlk: %llx", &blocked) == 1)
				crew.deaf &= (blocked & 0x7ffbfeff) ==
					     0x7ffbfeff;
		}
		if (file)
			fclose(file);
		crew.threads++;
	}
	closedir(dir);
	return crew;
}

static bool all_asleep(void)
{
	struct crew crew = look_at_crew();

	return crew.asleep == crew.threads;
}

static void *no_work(void *argument)
{
	return argument;
}

// A sanitizer starts a thread of its own when the program starts its first.
int thread_count(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, no_work, NULL) == 0)
		pthread_join(thread, NULL);
	return look_at_crew().threads + 1;
}

// Idle workers sleep, and while they do, nothing wakes them.
START_TEST(pool_idle)
{
	int before = thread_count() - 1;
	struct pool *pool = pool_made(kinds[_i], 4, 0);
	struct fib f = { .task.run = fib, .n = 12 };
	struct crew crew, later;

	ck_assert_int_eq(pool_run(pool, &f.task), 0);
	await(all_asleep());
	crew = look_at_crew();
	ck_assert_int_eq(crew.threads, before + 4);
	if (!before)
		ck_assert(crew.deaf);
	for (int i = 0; i < 50; i++)
		test_nap();
	later = look_at_crew();
	if (!before) // a sanitizer's own thread wakes when it likes
		ck_assert_int_eq(later.switches, crew.switches);
	pool_close(pool);
	await(look_at_crew().threads == before);
}
END_TEST

// From sleep to work and back, again and again: a wake-up that is lost leaves a
// task that nobody runs.
START_TEST(pool_wakes)
{
	static const int numbers[] = { 0, 1, 1, 2, 3, 5, 8, 13 };
	struct pool *pool = pool_made(kinds[_i], 3, 0);

	for (int i = 0; i < MANY(3000, 500); i++) {
		struct fib f = { .task.run = fib, .n = i % 8 };
		ck_assert_int_eq(pool_run(pool, &f.task), 0);
		ck_assert_int_eq(f.result, numbers[i % 8]);
	}
	pool_close(pool);
}
END_TEST

struct pair {
	struct pool_task task;
	struct gate *gate;
};

static void open_gate(struct pool_worker *me, struct pool_task *task)
{
	(void)me;
	((struct pair *)task)->gate->open = 1;
}

// The parent waits, in its own code, for what only the child does: it comes to
// an end if the sleeping other worker is woken for every single spawn.
static void parent_of_one(struct pool_worker *me, struct pool_task *task)
{
	struct pair child = { .task.run = open_gate,
			      .gate = ((struct pair *)task)->gate };

	pool_spawn(me, &child.task);
	while (!child.gate->open)
		sched_yield();
	pool_sync(me, &child.task);
}

static void play_every_spawn_wakes(enum pool_kind kind)
{
	struct pool *pool = pool_made(kind, 2, 0);

	for (int i = 0; i < MANY(300, 100); i++) {
		struct gate gate = { .begun = 0 };
		struct pair parent = { .task.run = parent_of_one,
				       .gate = &gate };
		if (i % 2)
			test_nap(); // both asleep, mostly
		ck_assert_int_eq(pool_run(pool, &parent.task), 0);
	}
	ck_assert_uint_ge(pool_count(pool, -1).ran, MANY(300, 100) * 2);
	pool_close(pool);
}

START_TEST(pool_every_spawn_wakes)
{
	play_every_spawn_wakes(kinds[_i]);
}
END_TEST

// membarrier(2) is not there: the spawner pays for the barrier.
static bool forbid_membarrier(void)
{
	struct sock_filter rules[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_membarrier, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof rules / sizeof *rules, rules };

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0 &&
	       syscall(SYS_membarrier, 0, 0, 0) == -1 && errno == ENOSYS;
}

START_TEST(pool_without_membarrier)
{
	pid_t child = fork_fresh();

	if (child == 0) {
		if (!forbid_membarrier())
			_exit(77);
		play_every_spawn_wakes(POOL_STEALING);
		_exit(0);
	}
	int status = status_of(child);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		SKIP("no seccomp filter may be set here");
	ck_assert_int_eq(status, 0);
}
END_TEST

void add_sleep_tests(TCase *tests)
{
	tcase_add_loop_test(tests, pool_idle, 0, KINDS);
	tcase_add_loop_test(tests, pool_wakes, 0, KINDS);
	tcase_add_loop_test(tests, pool_every_spawn_wakes, 0, KINDS);
	tcase_add_test(tests, pool_without_membarrier);
}
