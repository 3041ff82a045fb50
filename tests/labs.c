#define _GNU_SOURCE
#include "labs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ARGUMENTS = 16, CHILDREN = 8 };

int occurrences(const char *text, const char *part)
{
	int n = 0;

	for (; (text = strstr(text, part)); text += strlen(part))
		n++;
	return n;
}

void *shared_memory(size_t bytes)
{
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(memory, MAP_FAILED);
	return memory;
}

bool is_gone(pid_t pid)
{
	char path[32], state = 'Z';

	snprintf(path, sizeof path, "/proc/%d/stat", pid);
	FILE *stat = fopen(path, "re");
	if (!stat)
		return true;
	// the tests' programs have no blanks in their names
	int found = fscanf(stat, "%*d %*s %c", &state);
	fclose(stat);
	return found != 1 || state == 'Z' || state == 'X';
}

void wait_for_ever(void)
{
	for (;;)
		pause();
}

int status_of(pid_t pid)
{
	int status = 0;
	pid_t ended = waitpid(pid, &status, 0);

	ck_assert_msg(ended == pid, "waiting for %d: %s", pid, strerror(errno));
	return status;
}

// Signals wait until the child has done so, or one that comes at once would
// meet Check's handler.
pid_t fork_fresh(void)
{
	const int caught[] = { SIGINT, SIGTERM, SIGALRM };
	sigset_t all, before;

	fflush(NULL);
	sigfillset(&all);
	ck_assert_int_eq(sigprocmask(SIG_SETMASK, &all, &before), 0);
	pid_t pid = fork();
	for (size_t i = 0; pid == 0 && i < sizeof caught / sizeof *caught; i++)
		signal(caught[i], SIG_DFL);
	sigprocmask(SIG_SETMASK, &before, NULL);
	ck_assert_int_ge(pid, 0);
	return pid;
}

static void direct(int fd, int to)
{
	if (fd == -1 || dup2(fd, to) == -1)
		_exit(126);
	close(fd);
}

static _Noreturn void be_lab(const struct lab *lab,
			     const char *const *arguments)
{
	char *argv[ARGUMENTS + 2] = { (char *)"lab" };
	int argc = 1;

	while (argc <= ARGUMENTS && arguments[argc - 1]) {
		argv[argc] = (char *)arguments[argc - 1];
		argc++;
	}
	_exit(lab_main(lab, argc, argv));
}

static char *contents(FILE *file)
{
	char *text = NULL;
	long bytes;

	ck_assert_int_eq(fseek(file, 0, SEEK_END), 0);
	bytes = ftell(file);
	rewind(file);
	text = calloc(1, bytes + 1);
	ck_assert_ptr_nonnull(text);
	ck_assert_uint_eq(fread(text, 1, bytes, file), bytes);
	fclose(file);
	return text;
}

struct outcome play_lab_after(void (*prepare)(void), const struct lab *lab,
			      const char *const *arguments)
{
	int out = memfd_create("out", MFD_CLOEXEC);
	int error_out = memfd_create("err", MFD_CLOEXEC);
	pid_t test = getpid(), known[1];

	ck_assert(out != -1 && error_out != -1);
	ck_assert_int_eq(fcntl(out, F_SETFL, O_APPEND), 0);
	ck_assert_int_eq(fcntl(error_out, F_SETFL, O_APPEND), 0);
	ck_assert_int_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	pid_t pid = known[0] = fork_fresh();
	if (pid == 0) {
		if (prctl(PR_SET_PDEATHSIG, SIGKILL) == -1 ||
		    getppid() != test || setsid() == -1)
			_exit(126);
		direct(open("/dev/null", O_RDONLY), STDIN_FILENO);
		direct(out, STDOUT_FILENO);
		direct(error_out, STDERR_FILENO);
		close_range(3, ~0U, 0);
		if (prepare)
			prepare();
		be_lab(lab, arguments);
	}
	int status = status_of(pid);
	pid_t left = living_child(known, 1);
	ck_assert_msg(left == 0, "process %d was left behind", left);
	return (struct outcome){
		.exit = WIFEXITED(status) ? WEXITSTATUS(status) : -1,
		.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0,
		.out = contents(fdopen(out, "r")),
		.err = contents(fdopen(error_out, "r")),
	};
}

struct outcome play_lab(const struct lab *lab, ...)
{
	const char *arguments[ARGUMENTS] = { NULL };
	va_list ap;

	va_start(ap, lab);
	for (int i = 0; i < ARGUMENTS - 1; i++)
		if (!(arguments[i] = va_arg(ap, const char *)))
			break;
	va_end(ap);
	return play_lab_after(NULL, lab, arguments);
}

pid_t begin_lab(const struct lab *lab, const char *const *arguments)
{
	ck_assert_int_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	pid_t pid = fork_fresh();
	if (pid == 0) {
		if (setpgid(0, 0) == -1)
			_exit(126);
		direct(open("/dev/null", O_WRONLY), STDOUT_FILENO);
		be_lab(lab, arguments);
	}
	return pid;
}
