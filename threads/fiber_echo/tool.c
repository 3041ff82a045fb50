// # threads/fiber echo: the server as a program
//
// The address and the rest are as in ipc/echo. SIGINT, SIGTERM and their like
// are a descriptor, which the first fiber reads: between fibers there is no
// handler to interrupt.

#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "must.h"
#include "options.h"
#include "supervisor.h"
#include "threads/fiber_echo/fiber_echo.h"
#include "threads/fiber_echo/tool.h"

enum {
	BACKLOG = 4096,
	SPARE = 64,
	MISSING = 77,
	OPT_ADDRESS = 256,
	OPT_BACKEND
};

struct options {
	const char *where;
	struct echo_address address;
	enum fiber_backend backend;
};

static const char *const backends[] = { "any", "uring", "epoll", NULL };

// But for those that whoever started us wants ignored (nohup(1)).
static int stop_signals(void)
{
	const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	struct sigaction action;
	sigset_t stop;

	sigemptyset(&stop);
	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
		must(sigaction(signals[i], NULL, &action));
		if (action.sa_handler != SIG_IGN)
			sigaddset(&stop, signals[i]);
	}
	must(sigprocmask(SIG_BLOCK, &stop, NULL));
	return must(signalfd(-1, &stop, SFD_CLOEXEC));
}

static void remove_path(const struct echo_address *address)
{
	if (address->any.sa_family == AF_UNIX && address->un.sun_path[0])
		(void)unlink(address->un.sun_path);
}

static void print_sum(struct echo_counts *counts,
		      const struct fiber_facts *facts)
{
	char bytes[HUMAN_BYTES];
	unsigned long long clients = counts->began, most = counts->most;

	printf("%llu client%s, %llu at once at most; %s sent back; by %s, "
	       "%llu switches of fibers, the thread slept %llu times\n",
	       clients, clients == 1 ? "" : "s", most,
	       human_size(bytes, counts->bytes), facts->backend,
	       (unsigned long long)facts->switches,
	       (unsigned long long)facts->sleeps);
}

static int complain(enum fiber_backend backend, int error)
{
	bool refused = backend == FIBER_URING &&
		       (error == -EPERM || error == -ENOSYS ||
			error == -ENOMEM);

	if (refused)
		return option_complain(MISSING,
				       "io_uring is refused here (%s): see "
				       "sysctl kernel.io_uring_disabled, or "
				       "take --backend=epoll",
				       strerror(-error));
	return option_complain(EXIT_FAILURE, "%s", strerror(-error));
}

// SIGPIPE is ignored as long as there is a path to remove.
static int serve(void *options)
{
	struct options *o = options;
	struct fiber_facts facts = { .backend = "none" };
	char where[ECHO_TEXT];
	int error = 0;

	(void)echo_descriptors(FIBER_ECHO_MOST + SPARE); // or as many as may be
	must(signal(SIGPIPE, SIG_IGN));
	struct echo_job job = { .stop = stop_signals(),
				.counts = must_ptr(echo_counts_new()) };
	job.listener = echo_listen(&o->address, BACKLOG);
	if (job.listener < 0)
		return option_complain(
			EXIT_FAILURE, "cannot listen on %s: %s", o->where,
			echo_listen_trouble(&o->address, -job.listener, where));
	printf("listening on %s, a fiber a client, until Ctrl-C\n",
	       echo_address_text(&o->address, where));
	if (fflush(stdout) == 0)
		error = fiber_echo_serve(&job, o->backend, &facts);
	remove_path(&o->address);
	must(signal(SIGPIPE, SIG_DFL));
	if (error)
		return complain(o->backend, error);
	print_sum(job.counts, &facts);
	echo_counts_free(job.counts);
	return EXIT_SUCCESS;
}

static error_t parse(int key, char *text, struct argp_state *state)
{
	struct options *o = state->input;

	switch (key) {
	case OPT_ADDRESS:
		o->where = text;
		if (echo_address_parse(text, &o->address) != 0)
			option_refuse(state, "--address", text,
				      "ADDRESS:PORT in numbers or "
				      "unix:PATH, such as 127.0.0.1:7007 or "
				      "unix:/tmp/echo");
		return 0;
	case OPT_BACKEND:
		o->backend = option_choice(state, "--backend", text, backends);
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "what is '%s'? Options only", text);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

int fiber_echo_tool(int argc, char **argv)
{
	static const struct argp_option table[] = {
		{ "address", OPT_ADDRESS, "ADDRESS", 0, "127.0.0.1:7007, "
		  "[::1]:7007, unix:/a/path or unix:@abstract; port 0 is a "
		  "free one (default: 127.0.0.1:0)", 0 },
		{ "backend", OPT_BACKEND, "any|uring|epoll", 0, "how a fiber "
		  "waits for I/O (default: any, io_uring where it may be)", 0 },
		{ 0 }
	};
	static const struct argp parser = {
		.options = table,
		.parser = parse,
		.doc = "What a client sends comes back, until Ctrl-C. Exit "
		       "status: 0 served; 1 it or its output failed; 2 bad "
		       "usage; 77 io_uring was asked for and is refused here.",
	};
	static struct options o = { .where = "127.0.0.1:0" };

	must_neg(echo_address_parse(o.where, &o.address));
	argp_parse(&parser, argc, argv, 0, NULL, &o);
	return supervise(serve, &o);
}
