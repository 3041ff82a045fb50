// The ledger of names: what it remembers, and races. Attacks on it are in
// names_attacks.c.

#define _GNU_SOURCE
#include "names.h"

#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "names_parts.h"

char temporary[64], directory[96];

void names_set_up(void)
{
	snprintf(temporary, sizeof temporary, "/tmp/names-test-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(temporary));
	ck_assert_int_eq(setenv("TMPDIR", temporary, 1), 0);
	snprintf(directory, sizeof directory, "%s/oslab-%u", temporary,
		 (unsigned)geteuid());
}

void names_tear_down(void)
{
	ck_assert_int_eq(names_close(), 0);
	ck_assert_msg(rmdir(temporary) == 0, "%s: %s", temporary,
		      strerror(errno));
	unsetenv("TMPDIR");
}

// --- objects of every kind --------------------------------------------------------

struct objects {
	char shm[NAME_BYTES], sem[NAME_BYTES], mq[NAME_BYTES];
	char any[NAME_BYTES]; // three objects
	char path[NAME_BYTES], socket[NAME_BYTES], folder[NAME_BYTES];
	key_t msg_key, shm_key, sem_key;
};

enum { OBJECTS = 12 };

static int make_posix(const char *shm, const char *sem, const char *mq)
{
	int fd = shm_open(shm, O_CREAT | O_EXCL | O_RDWR, 0600);
	sem_t *s = sem_open(sem, O_CREAT | O_EXCL, 0600, 1);
	mqd_t q = mq_open(mq, O_CREAT | O_EXCL | O_RDWR, 0600, NULL);

	if (fd == -1 || s == SEM_FAILED || q == -1)
		return -1;
	close(fd);
	sem_close(s);
	mq_close(q);
	return 0;
}

static int make_socket(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (strlen(path) >= sizeof address.sun_path)
		return -1;
	memcpy(address.sun_path, path, strlen(path) + 1);
	int result = bind(fd, (struct sockaddr *)&address, sizeof address);
	close(fd);
	return result;
}

static int make_folder(const char *path)
{
	char inner[NAME_BYTES + 8];

	if (mkdir(path, 0700) == -1)
		return -1;
	snprintf(inner, sizeof inner, "%s/inner", path);
	if (mkdir(inner, 0700) == -1)
		return -1;
	snprintf(inner, sizeof inner, "%s/inner/f", path);
	int fd = open(inner, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
	if (fd == -1)
		return -1;
	close(fd);
	// and nobody may enter
	snprintf(inner, sizeof inner, "%s/inner", path);
	return chmod(inner, 0);
}

static int make_all(struct objects *o)
{
	if (names_fresh(NAME_SHM, o->shm) || names_fresh(NAME_SEM, o->sem) ||
	    names_fresh(NAME_MQ, o->mq) || names_fresh(NAME_POSIX, o->any) ||
	    names_fresh(NAME_PATH, o->path) ||
	    names_fresh(NAME_PATH, o->socket) ||
	    names_fresh(NAME_DIRECTORY, o->folder) ||
	    names_fresh_key(NAME_SYSV_MSG, &o->msg_key) ||
	    names_fresh_key(NAME_SYSV_SHM, &o->shm_key) ||
	    names_fresh_key(NAME_SYSV_SEM, &o->sem_key))
		return -1;
	if (make_posix(o->shm, o->sem, o->mq) ||
	    make_posix(o->any, o->any, o->any) || mkfifo(o->path, 0600) ||
	    make_socket(o->socket) || make_folder(o->folder))
		return -1;
	return msgget(o->msg_key, IPC_CREAT | IPC_EXCL | 0600) == -1 ||
	       shmget(o->shm_key, 100, IPC_CREAT | IPC_EXCL | 0600) == -1 ||
	       semget(o->sem_key, 1, IPC_CREAT | IPC_EXCL | 0600) == -1;
}

static int posix_objects(const char *name)
{
	int fd = shm_open(name, O_RDONLY | O_CLOEXEC, 0);
	sem_t *sem = sem_open(name, 0);
	mqd_t q = mq_open(name, O_RDONLY | O_CLOEXEC);
	int n = (fd != -1) + (sem != SEM_FAILED) + (q != -1);

	if (fd != -1)
		close(fd);
	if (sem != SEM_FAILED)
		sem_close(sem);
	if (q != -1)
		mq_close(q);
	return n;
}

// How many of them there are.
static int count_objects(const struct objects *o)
{
	struct stat facts;

	return posix_objects(o->shm) + posix_objects(o->sem) +
	       posix_objects(o->mq) + posix_objects(o->any) +
	       (lstat(o->path, &facts) == 0) + (lstat(o->socket, &facts) == 0) +
	       (lstat(o->folder, &facts) == 0) + (msgget(o->msg_key, 0) != -1) +
	       (shmget(o->shm_key, 0, 0) != -1) +
	       (semget(o->sem_key, 0, 0) != -1);
}

// A program that makes everything and waits.
static pid_t begin_program(struct objects *o, volatile int *ready)
{
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0) {
		if (prctl(PR_SET_PDEATHSIG, SIGKILL) == -1)
			_exit(126);
		*ready = make_all(o) == 0 ? 1 : -1;
		wait_for_ever();
	}
	ck_assert_int_gt(pid, 0);
	await(*ready);
	ck_assert_int_eq(*ready, 1);
	return pid;
}

static void end_program(pid_t pid)
{
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	status_of(pid);
}

START_TEST(close_removes_all)
{
	struct objects o;

	ck_assert_int_eq(make_all(&o), 0);
	ck_assert_int_eq(count_objects(&o), OBJECTS);
	ck_assert_int_eq(names_close(), 0);
	ck_assert_int_eq(count_objects(&o), 0);
	ck_assert_int_eq(access(directory, F_OK), -1);
}
END_TEST

START_TEST(clear_goes_on)
{
	struct objects o;

	ck_assert_int_eq(make_all(&o), 0);
	ck_assert_int_eq(names_clear(), 0);
	ck_assert_int_eq(count_objects(&o), 0);
	ck_assert_int_eq(make_all(&o), 0);
	ck_assert_int_eq(count_objects(&o), OBJECTS);
}
END_TEST

START_TEST(sweep_after_sigkill)
{
	struct objects *o = shared_memory(sizeof *o);
	pid_t pid = begin_program(o, shared_memory(sizeof(int)));

	ck_assert_int_eq(names_sweep(), 0);
	ck_assert_int_eq(count_objects(o), OBJECTS);
	end_program(pid);
	ck_assert_int_eq(count_objects(o), OBJECTS);
	ck_assert_int_eq(names_sweep(), OBJECTS);
	ck_assert_int_eq(count_objects(o), 0);
	ck_assert_int_eq(access(directory, F_OK), -1);
	ck_assert_int_eq(names_sweep(), 0);
}
END_TEST

// The program is dead, but a descendant still may use what it made.
START_TEST(family_keeps_names)
{
	struct objects *o = shared_memory(sizeof *o);
	volatile int *ready = shared_memory(sizeof(int));

	ck_assert_int_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0) {
		int made = make_all(o);
		pid_t heir = fork();
		if (heir == 0)
			wait_for_ever();
		*ready = made == 0 ? heir : -1;
		_exit(0);
	}
	status_of(pid);
	ck_assert_int_gt(*ready, 0);
	ck_assert_int_eq(names_sweep(), 0);
	ck_assert_int_eq(count_objects(o), OBJECTS);
	end_program(*ready);
	ck_assert_int_eq(names_sweep(), OBJECTS);
}
END_TEST

// --- single names -----------------------------------------------------------------

START_TEST(remove_crosses_out)
{
	char name[NAME_BYTES];
	key_t key;

	ck_assert_int_eq(names_fresh(NAME_SHM, name), 0);
	ck_assert_int_ge(shm_open(name, O_CREAT | O_EXCL, 0600), 0);
	ck_assert_int_eq(names_remove(NAME_SHM, name, 0), 0);
	ck_assert_int_eq(posix_objects(name), 0);
	ck_assert_int_eq(names_remove(NAME_SHM, name, 0), 0);

	ck_assert_int_eq(names_fresh(NAME_PATH, name), 0);
	ck_assert_int_eq(mkfifo(name, 0600), 0);
	ck_assert_int_eq(names_remove(NAME_PATH, name, 0), 0);
	ck_assert_int_eq(access(name, F_OK), -1);

	// a key may come back in other hands: it is ours no more
	ck_assert_int_eq(names_fresh_key(NAME_SYSV_MSG, &key), 0);
	ck_assert_int_ne(msgget(key, IPC_CREAT | IPC_EXCL | 0600), -1);
	ck_assert_int_eq(names_remove(NAME_SYSV_MSG, NULL, key), 0);
	int id = msgget(key, IPC_CREAT | IPC_EXCL | 0600);
	ck_assert_int_ne(id, -1);
	ck_assert_int_eq(names_close(), 0);
	ck_assert_int_eq(msgget(key, 0), id);
	ck_assert_int_eq(msgctl(id, IPC_RMID, NULL), 0);
}
END_TEST

START_TEST(names_are_well_formed)
{
	char name[NAME_BYTES], other[NAME_BYTES], shape[64];
	key_t key;

	snprintf(shape, sizeof shape, "/oslab.%d.", getpid());
	ck_assert_int_eq(names_fresh(NAME_POSIX, name), 0);
	ck_assert_int_eq(strncmp(name, shape, strlen(shape)), 0);
	ck_assert_int_eq(names_fresh(NAME_POSIX, other), 0);
	ck_assert_str_ne(name, other);
	ck_assert_int_eq(names_fresh(NAME_PATH, name), 0);
	ck_assert_int_eq(strncmp(name, directory, strlen(directory)), 0);
	ck_assert_uint_lt(strlen(name),
			  sizeof(((struct sockaddr_un *)0)->sun_path));
	ck_assert_int_eq(names_fresh_key(NAME_SYSV_SEM, &key), 0);
	ck_assert_int_ne(key, IPC_PRIVATE);

	ck_assert_int_eq(names_fresh(NAME_SYSV_SEM, name), -EINVAL);
	ck_assert_int_eq(names_fresh(NAME_KINDS, name), -EINVAL);
	ck_assert_int_eq(names_fresh_key(NAME_SHM, &key), -EINVAL);
	ck_assert_int_eq(names_remove(NAME_SHM, "/not-ours", 0), -EINVAL);
	ck_assert_int_eq(names_remove(NAME_SHM, NULL, 0), -EINVAL);
	ck_assert_int_eq(names_remove(NAME_PATH, "/tmp/..", 0), -EINVAL);
}
END_TEST

// The longest TMPDIR that is used still leaves room for a socket; a longer one,
// or one that is no absolute path, is not used.
START_TEST(paths_fit_a_socket)
{
	char deep[128], name[NAME_BYTES];

	ck_assert_int_lt(snprintf(deep, sizeof deep, "%s/%0*d", temporary,
				  (int)(50 - strlen(temporary) - 1), 0),
			 64);
	ck_assert_int_eq(mkdir(deep, 0700), 0);
	ck_assert_int_eq(setenv("TMPDIR", deep, 1), 0);
	ck_assert_int_eq(names_fresh(NAME_PATH, name), 0);
	ck_assert_int_eq(strncmp(name, deep, strlen(deep)), 0);
	ck_assert_int_eq(make_socket(name), 0);
	ck_assert_int_eq(names_close(), 0);
	ck_assert_int_eq(rmdir(deep), 0);

	memset(deep, 'x', 51);
	deep[0] = '/';
	deep[51] = '\0';
	const char *const unused[] = { "relative", "", deep };
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(setenv("TMPDIR", unused[i], 1), 0);
		ck_assert_int_eq(names_fresh(NAME_PATH, name), 0);
		ck_assert_int_eq(strncmp(name, "/tmp/oslab-", 11), 0);
		ck_assert_int_eq(names_close(), 0);
	}
}
END_TEST

START_TEST(names_differ_among_processes)
{
	enum { FAMILY = 6, EACH = 100 };
	pid_t children[FAMILY];

	ck_assert_int_eq(names_open(), 0);
	fflush(NULL);
	for (int i = 0; i < FAMILY; i++) {
		children[i] = fork();
		if (children[i] == 0) {
			char name[NAME_BYTES];
			for (int j = 0; j < EACH; j++)
				if (names_fresh(NAME_PATH, name) ||
				    mkfifo(name, 0600) == -1)
					_exit(1);
			_exit(0);
		}
	}
	for (int i = 0; i < FAMILY; i++) {
		ck_assert_int_eq(status_of(children[i]), 0);
	}
	// all 600 are in the ledger: tear_down finds the directory empty
}
END_TEST

static int high_limit(void)
{
	struct stat facts;

	for (int fd = 3; fd < 20; fd++)
		if (fstat(fd, &facts) == 0 && S_ISREG(facts.st_mode) &&
		    facts.st_nlink == 1)
			return fd;
	return -1;
}

// A scene that closes everything and opens files of its own gets an error, and
// never a line of ours in its file.
START_TEST(ledger_lost)
{
	char name[NAME_BYTES];

	ck_assert_int_eq(names_open(), 0);
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0) {
		struct stat facts;
		int fd = -1;
		if (close_range(3, ~0U, 0) == -1)
			_exit(1);
		while (fd < 1000)
			fd = open("/tmp", O_TMPFILE | O_RDWR, 0600);
		if (names_fresh(NAME_PATH, name) != -EBADF)
			_exit(2);
		for (int i = 3; i < fd; i++)
			if (fstat(i, &facts) == -1 || facts.st_size != 0)
				_exit(3);
		_exit(0);
	}
	ck_assert_int_eq(status_of(pid), 0);
	ck_assert_int_eq(high_limit(), -1);
}
END_TEST

// --- races ------------------------------------------------------------------------

enum { PROGRAMS = 4, SWEEPERS = 3, ROUNDS = 150 };

// A program's whole life, many times. Returns the line where it went wrong.
static int live_often(void)
{
	char name[NAME_BYTES];

	for (int i = 0; i < ROUNDS; i++) {
		if (names_open() != 0)
			return __LINE__;
		if (names_fresh(NAME_PATH, name) != 0)
			return __LINE__;
		if (mkfifo(name, 0600) == -1)
			return __LINE__;
		sched_yield();
		if (access(name, F_OK) == -1)
			return __LINE__;
		if (names_close() != 0)
			return __LINE__;
		if (access(name, F_OK) == 0)
			return __LINE__;
	}
	return 0;
}

// Programs start and end while others sweep: nobody loses a name, nothing is
// left, no sweep finds anything.
START_TEST(sweeps_race)
{
	pid_t children[PROGRAMS + SWEEPERS];
	volatile int *over = shared_memory(sizeof *over);
	int *lines = shared_memory(PROGRAMS * sizeof *lines);

	fflush(NULL);
	for (int i = 0; i < PROGRAMS + SWEEPERS; i++) {
		children[i] = fork();
		if (i < PROGRAMS && children[i] == 0) {
			lines[i] = live_often();
			_exit(lines[i] != 0);
		} else if (children[i] == 0) {
			int found = 0;
			while (!*over && !found)
				found = names_sweep();
			_exit(found != 0);
		}
	}
	for (int i = 0; i < PROGRAMS + SWEEPERS; i++) {
		int status = status_of(children[i]);
		ck_assert_msg(status == 0, "%s %d: status %d, line %d",
			      i < PROGRAMS ? "program" : "sweeper", i, status,
			      i < PROGRAMS ? lines[i] : 0);
		if (i == PROGRAMS - 1)
			*over = 1;
	}
}
END_TEST

// Many sweep what one left: each object is counted once.
START_TEST(sweep_counts_once)
{
	struct objects *o = shared_memory(sizeof *o);
	volatile int *ready = shared_memory(sizeof *ready);
	_Atomic int *sum = shared_memory(sizeof *sum);
	pid_t children[SWEEPERS];

	for (int round = 0; round < 10; round++) {
		*ready = 0;
		*sum = 0;
		end_program(begin_program(o, ready));
		fflush(NULL);
		for (int i = 0; i < SWEEPERS; i++) {
			children[i] = fork();
			if (children[i] == 0) {
				*sum += names_sweep();
				_exit(0);
			}
		}
		for (int i = 0; i < SWEEPERS; i++)
			status_of(children[i]);
		ck_assert_int_eq(*sum, OBJECTS);
		ck_assert_int_eq(count_objects(o), 0);
	}
}
END_TEST

// A lab's --sweep says it in words.
static void does_nothing(void)
{
	claim(true, "nothing is claimed");
}

START_TEST(lab_sweeps)
{
	struct objects *o = shared_memory(sizeof *o);
	const struct lab *lab = LAB(SCENE(does_nothing));

	end_program(begin_program(o, shared_memory(sizeof(int))));
	struct outcome got = play_lab(lab, "--sweep", NULL);
	ck_assert_int_eq(got.exit, 0);
	ck_assert_str_eq(got.out,
			 "swept 12 objects that killed programs had left\n");
	outcome_free(&got);
	got = play_lab(lab, "--sweep", NULL);
	ck_assert_str_eq(got.out, "nothing to sweep\n");
	outcome_free(&got);

	end_program(begin_program(o, shared_memory(sizeof(int))));
	got = play_lab(lab, NULL);
	ck_assert_int_eq(got.exit, 0);
	ck_assert_int_eq(count_objects(o), 0);
	outcome_free(&got);
}
END_TEST

// A lab that is interrupted removes what it named; also one whose first process
// is killed, because its guard lives.
static struct objects *lab_objects;
static volatile int *lab_ready;

static void makes_all(void)
{
	claim(make_all(lab_objects) == 0, "everything is made");
	*lab_ready = 1;
	wait_for_ever();
}

static const int interruptions[] = { SIGINT, SIGTERM, SIGHUP, SIGKILL };

START_TEST(interrupted_lab)
{
	lab_objects = shared_memory(sizeof *lab_objects);
	lab_ready = shared_memory(sizeof *lab_ready);
	pid_t pid = begin_lab(LAB(SCENE(makes_all)), (const char *[]){ NULL });

	await(*lab_ready);
	ck_assert_int_eq(count_objects(lab_objects), OBJECTS);
	ck_assert_int_eq(kill(pid, interruptions[_i]), 0);
	status_of(pid);
	if (interruptions[_i] != SIGKILL)
		ck_assert_int_eq(count_objects(lab_objects), 0);
	await(access(directory, F_OK) == -1);
	ck_assert_int_eq(count_objects(lab_objects), 0);
	await(living_child(NULL, 0) == 0);
}
END_TEST

Suite *names_suite(void)
{
	Suite *suite = suite_create("names");
	TCase *life = tcase_create("life"), *races = tcase_create("races");

	suite_add_tcase(suite, life);
	tcase_add_checked_fixture(life, names_set_up, names_tear_down);
	tcase_add_test(life, close_removes_all);
	tcase_add_test(life, clear_goes_on);
	tcase_add_test(life, sweep_after_sigkill);
	tcase_add_test(life, family_keeps_names);
	tcase_add_test(life, remove_crosses_out);
	tcase_add_test(life, names_are_well_formed);
	tcase_add_test(life, paths_fit_a_socket);
	tcase_add_test(life, names_differ_among_processes);
	tcase_add_test(life, ledger_lost);
	tcase_add_test(life, lab_sweeps);
	tcase_add_loop_test(life, interrupted_lab, 0,
			    sizeof interruptions / sizeof *interruptions);

	suite_add_tcase(suite, races);
	tcase_add_checked_fixture(races, names_set_up, names_tear_down);
	tcase_add_test(races, sweeps_race);
	tcase_add_test(races, sweep_counts_once);
	add_attack_tests(suite);
	return suite;
}
