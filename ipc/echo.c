// # Echo: a server that a thousand clients may lean on
//
// Chapter 10 · Interprocess communication (프로세스 간 통신)
//
// The server of ipc/echo/ as a program: it sends back what it gets, in one of
// three ways (a process a client, epoll, io_uring). Talk to it with whatever
// speaks TCP or to a Unix socket, from as many windows as you like:
//
//     $ build/ipc/echo --listen=127.0.0.1:7007
//     listening on 127.0.0.1:7007 (epoll), until Ctrl-C; try
//         nc 127.0.0.1 7007
//
//     $ build/ipc/echo --way=process --listen=unix:/tmp/echo --verbose
//     $ printf 'to the end' | nc -N -U /tmp/echo
//     $ curl --http0.9 --unix-socket /tmp/echo http://localhost/
//
// (The last one gets its own request back, and then waits for more, since HTTP
// before 1.0 ends with the connection and an echo server does not hang up.)
//
// Or let a crowd loose on it, all at once, a fifth of it up to no good:
//
//     $ build/ipc/echo --crowd=1000
//     1000 clients at once:
//     420 prompt, 210 half-close, 70 big, 50 slow, 200 vanishing, 50 silent
//     way         well  failed     time      p99
//     process     1000       0   991 ms   116 ms
//     epoll       1000       0   644 ms   110 ms
//     uring       1000       0   838 ms   154 ms
//
// (well: every byte came back; time: until the last client had all of its bytes;
// p99: a round trip of the prompt ones, of which 99 % were no longer.)
//
// Try: --crowd with 10, 100 and 1000. Which way suffers most, and from what? Then
// start a server under `strace -f -c` and let 100 clients at it: how many system
// calls does each way make for the same bytes?
//
// Read next: ipc/echo/echo.h (what the ways promise), process.c, epoll.c and
// uring.c beside it (how they keep it), ipc/socket/ (sockets from the beginning).
// Sources: RFC 862; socket(7), signalfd(2).

#define _GNU_SOURCE
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "echo/echo.h"
#include "must.h"
#include "options.h"
#include "supervisor.h"

static const char name[] = "ipc/echo";
static const char summary[] = "an echo server three ways, and a crowd of "
			      "clients to try it with";

enum { BACKLOG = 4096, MOST_CLIENTS = 20000, SPARE = 64, MISSING = 77 };

struct options {
	const struct echo_way *way; // NULL: not said
	const char *listen;
	struct echo_address address;
	unsigned crowd, most;
	bool verbose, json;
	int mode; // OPT_LIST, OPT_CATALOGUE or 0
};

// ## Serving

static pid_t server_itself;

// One line, one write(2). When it cannot be written (the reader has left, the disk
// is full) the server ends as by Ctrl-C, and meets the same trouble with its
// last line.
static void tell_gone(uint64_t client, uint64_t bytes, int error)
{
	char line[128];
	int n = snprintf(line, sizeof line, "client %llu: %llu bytes%s%s\n",
			 (unsigned long long)client, (unsigned long long)bytes,
			 error ? ", " : "", error ? strerror(error) : "");

	if (write(STDOUT_FILENO, line, n) != n)
		kill(server_itself, SIGTERM);
}

// The signals that end a server, but for those that whoever started us wants
// ignored (nohup(1)), as a descriptor: what echo_job.stop may be.
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

static const char *path_of(const struct echo_address *address)
{
	return address->any.sa_family == AF_UNIX && address->un.sun_path[0]
		       ? address->un.sun_path
		       : NULL;
}

static void remove_path(const struct echo_address *address)
{
	if (path_of(address))
		(void)unlink(path_of(address));
}

static int fail_to_listen(const struct options *o, int error)
{
	char why[ECHO_TEXT];

	fprintf(stderr, "%s: cannot listen on %s: %s\n", name, o->listen,
		echo_listen_trouble(&o->address, error, why));
	return EXIT_FAILURE;
}

static void print_try(const struct echo_address *address, const char *where)
{
	int port = (int)(strrchr(where, ':') - where);

	if (path_of(address))
		printf("    nc -U %s\n", path_of(address));
	else if (address->any.sa_family == AF_UNIX)
		printf("    socat - ABSTRACT-CONNECT:%s\n",
		       where + sizeof "unix:@" - 1);
	else
		printf("    nc %.*s %s\n", port - 2 * (*where == '['),
		       where + (*where == '['), where + port + 1);
}

static void print_sum(struct echo_counts *counts)
{
	char bytes[HUMAN_BYTES];
	unsigned long long clients = counts->began, most = counts->most;
	unsigned long long failed = counts->failed;

	printf("%llu client%s, %llu at once at most, %llu cut off; %s sent "
	       "back\n",
	       clients, clients == 1 ? "" : "s", most, failed,
	       human_size(bytes, counts->bytes));
}

// SIGPIPE is ignored as long as there is a path to remove; after that, a reader
// that has left ends us as it ends any filter.
static int serve(struct options *o)
{
	const struct echo_way *way = o->way ? o->way : echo_way("epoll");
	char why[256], where[ECHO_TEXT];

	int error = way->probe(why, sizeof why);
	if (error) {
		fprintf(stderr, "%s: %s\n", name, why);
		return MISSING;
	}
	(void)echo_descriptors(MOST_CLIENTS); // or as many as there may be
	must(signal(SIGPIPE, SIG_IGN));
	server_itself = getpid();
	struct echo_job job = {
		.stop = stop_signals(),
		.most_clients = o->most,
		.counts = must_ptr(echo_counts_new()),
		.gone = o->verbose ? tell_gone : NULL,
	};
	job.listener = echo_listen(&o->address, BACKLOG);
	if (job.listener < 0)
		return fail_to_listen(o, -job.listener);
	printf("listening on %s (%s), until Ctrl-C; try\n",
	       echo_address_text(&o->address, where), way->name);
	print_try(&o->address, where);
	if (fflush(stdout) == 0)
		error = way->serve(&job);
	remove_path(&o->address);
	must(signal(SIGPIPE, SIG_DFL));
	print_sum(job.counts);
	if (error)
		fprintf(stderr, "%s: %s\n", name, strerror(-error));
	return error ? EXIT_FAILURE : EXIT_SUCCESS;
}

// ## The crowd

struct round {
	const struct echo_way *way;
	bool missing; // this host has it not, `why` says what
	char why[256];
	int error; // -errno, of the server or the crowd
	struct echo_report report;
	unsigned well;
	bool rested; // the server ran out of something
};

static const struct echo_crowd usual = {
	.slow = 5,
	.gone = 20,
	.silent = 5,
	.seed = 1,
	.limit_ns = INT64_C(60000000000),
};

// The server is a process of its own, and dies with us.
static pid_t start_server(const struct echo_way *way,
			  const struct echo_job *job)
{
	pid_t here = getpid(), server = must(fork());

	if (server > 0)
		return server;
	must(prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0));
	_exit(getppid() == here ? -way->serve(job) : EXIT_FAILURE);
}

// A server that fails ends with its errno.
static int stop_server(pid_t server, int stop)
{
	int status;

	must(eventfd_write(stop, 1));
	must(waitpid(server, &status, 0));
	must(close(stop));
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -EOWNERDEAD;
}

static void play_clients(struct options *o, struct round *round, int listener,
			 struct echo_address *address)
{
	struct echo_crowd crowd = usual;
	struct echo_job job = {
		.listener = listener,
		.stop = must(eventfd(0, EFD_CLOEXEC)),
		.counts = must_ptr(echo_counts_new()),
	};

	crowd.clients = o->crowd;
	pid_t server = start_server(round->way, &job);
	must(close(listener));
	round->error = echo_crowd_play(&crowd, address, &round->report);
	int error = stop_server(server, job.stop);
	round->error = round->error ?: error;
	round->rested = job.counts->rests > 0;
	echo_counts_free(job.counts);
	for (int kind = 0; kind < ECHO_KINDS; kind++)
		round->well += round->report.well[kind];
}

// False where one cannot listen; that would be so for every way.
static bool play_round(struct options *o, struct round *round)
{
	struct echo_address address = o->address;

	round->missing = round->way->probe(round->why, sizeof round->why) != 0;
	if (round->missing)
		return true;
	int listener = echo_listen(&address, BACKLOG);
	if (listener < 0) {
		fail_to_listen(o, -listener);
		return false;
	}
	play_clients(o, round, listener, &address);
	remove_path(&address);
	round->missing = round->error == -ENETUNREACH;
	if (round->missing)
		snprintf(round->why, sizeof round->why,
			 "no way to %s: ip link set lo up", o->listen);
	return true;
}

static void print_round(const struct round *round)
{
	const struct echo_report *report = &round->report;
	char took[HUMAN_BYTES], p99[HUMAN_BYTES];

	if (round->missing)
		printf("%-8s skipped: %s\n", round->way->name, round->why);
	else
		printf("%-8s %7u %7u %8s %8s\n", round->way->name, round->well,
		       report->failed, human_duration(took, report->took_ns),
		       human_duration(p99, report->p99_ns));
	if (round->error && !round->missing)
		printf("  %s\n", strerror(-round->error));
	if (report->failed)
		printf("  %s\n", report->first);
	if (report->failed && round->rested)
		printf("  the server ran out of processes (ulimit -u) or "
		       "descriptors (ulimit -n)\n");
}

static void print_heading(const struct options *o)
{
	struct echo_crowd crowd = usual;
	unsigned count[ECHO_KINDS];

	crowd.clients = o->crowd;
	echo_crowd_count(&crowd, count);
	printf("%u clients at once:\n", o->crowd);
	for (int kind = 0; kind < ECHO_KINDS; kind++)
		printf("%u %s%s", count[kind], echo_kind_names[kind],
		       kind < ECHO_KINDS - 1 ? ", " : "\n");
	printf("%-8s %7s %7s %8s %8s\n", "way", "well", "failed", "time",
	       "p99");
}

static json_t *round_json(const struct round *round)
{
	const struct echo_report *report = &round->report;
	bool held = !round->error && report->failed == 0;

	if (round->missing)
		return json_pack("{s:s, s:s, s:s}", "name", round->way->name,
				 "result", "skipped", "reason", round->why);
	return json_pack("{s:s, s:s, s:i, s:i, s:I, s:f, s:f, s:f}", "name",
			 round->way->name, "result", held ? "held" : "failed",
			 "well", (int)round->well, "failed",
			 (int)report->failed, "bytes",
			 (json_int_t)report->bytes, "seconds",
			 (double)report->took_ns / 1e9, "p50_us",
			 report->p50_ns / 1e3, "p99_us", report->p99_ns / 1e3);
}

// Takes the array of ways. No clients: it is the list.
static void print_json(json_t *ways, unsigned clients)
{
	json_t *object = must_ptr(json_pack("{s:s, s:s, s:o}", "program", name,
					    "summary", summary, "ways", ways));
	if (clients)
		must(json_object_set_new(object, "clients",
					 must_ptr(json_integer(clients))));
	char *text = must_ptr(json_dumps(object, JSON_INDENT(2)));

	puts(text);
	free(text);
	json_decref(object);
}

static int play_crowd(struct options *o)
{
	size_t played = 0;
	bool well = true;

	if (echo_descriptors(o->crowd + SPARE) != 0) {
		fprintf(stderr,
			"%s: %u clients take %u descriptors, and there may be "
			"fewer: raise the hard limit (ulimit -Hn)\n",
			name, o->crowd, o->crowd + SPARE);
		return MISSING;
	}
	json_t *ways = must_ptr(json_array());
	if (!o->json)
		print_heading(o);
	for (size_t i = 0; echo_ways[i]; i++) {
		struct round round = { .way = echo_ways[i] };
		if (o->way && o->way != round.way)
			continue;
		if (!play_round(o, &round))
			return EXIT_FAILURE;
		played += !round.missing;
		well &= round.missing ||
			(!round.error && round.report.failed == 0);
		must(json_array_append_new(ways, must_ptr(round_json(&round))));
		if (!o->json)
			print_round(&round);
		fflush(stdout);
	}
	if (o->json)
		print_json(ways, o->crowd);
	else
		json_decref(ways);
	return played == 0 ? MISSING : well ? EXIT_SUCCESS : EXIT_FAILURE;
}

// ## Options

enum {
	OPT_WAY = 256,
	OPT_LISTEN,
	OPT_CROWD,
	OPT_MOST,
	OPT_VERBOSE,
	OPT_LIST,
	OPT_FORMAT,
	OPT_CATALOGUE
};

static const struct argp_option option_table[] = {
	{ "way", OPT_WAY, "NAME", 0, "process, epoll or uring (default: epoll; "
	  "for a crowd, all of them)", 0 },
	{ "listen", OPT_LISTEN, "ADDRESS", 0, "127.0.0.1:7007, [::1]:7007, "
	  "unix:/a/path or unix:@abstract; port 0 is a free one (default: "
	  "127.0.0.1:0)", 0 },
	{ "crowd", OPT_CROWD, "N", 0, "play N clients of all sorts against "
	  "each way", 0 },
	{ "most", OPT_MOST, "N", 0, "serve at most N clients at once; others "
	  "wait (default: as many as the system lets)", 0 },
	{ "verbose", OPT_VERBOSE, NULL, 0, "a line for each client that has "
	  "gone", 0 },
	{ "list", OPT_LIST, NULL, 0, "name the ways", 0 },
	{ "format", OPT_FORMAT, "text|json", 0, "what --list and --crowd print "
	  "(default: text)", 0 },
	{ "catalogue", OPT_CATALOGUE, NULL, OPTION_HIDDEN, NULL, 0 },
	{ 0 }
};

static void check(const struct options *o, const struct argp_state *state)
{
	if (o->mode)
		return;
	if (o->json && !o->crowd)
		argp_error(state, "--format=json is for --list and --crowd: a "
				  "server's lines are for people");
	if (o->verbose && o->crowd)
		argp_error(state, "--verbose is for a server, not for --crowd");
	if (o->most && o->crowd)
		argp_error(state, "--most keeps clients waiting, and --crowd "
				  "waits until all are served at once");
}

static error_t parse(int key, char *text, struct argp_state *state)
{
	static const char *const formats[] = { "text", "json", NULL };
	struct options *o = state->input;

	switch (key) {
	case OPT_WAY:
		o->way = echo_way(text);
		if (!o->way)
			option_refuse(state, "--way", text,
				      "process, epoll or uring");
		return 0;
	case OPT_LISTEN:
		o->listen = text;
		if (echo_address_parse(text, &o->address) != 0)
			option_refuse(state, "--listen", text,
				      "ADDRESS:PORT in numbers or "
				      "unix:PATH, such as 127.0.0.1:7007 "
				      "or unix:/tmp/echo");
		return 0;
	case OPT_CROWD:
		o->crowd = option_number(state, "--crowd", text, 1,
					 MOST_CLIENTS);
		return 0;
	case OPT_MOST:
		o->most = option_number(state, "--most", text, 1, MOST_CLIENTS);
		return 0;
	case OPT_VERBOSE:
		o->verbose = true;
		return 0;
	case OPT_FORMAT:
		o->json = option_choice(state, "--format", text, formats) == 1;
		return 0;
	case OPT_LIST:
	case OPT_CATALOGUE:
		o->mode = key;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "what is '%s'? Options only", text);
		return 0;
	case ARGP_KEY_END:
		check(o, state);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp parser = {
	.options = option_table,
	.parser = parse,
	.doc = "An echo server: what a client sends comes back. Serves until "
	       "Ctrl-C, or plays a crowd of clients against itself."
	       "\vExamples:\n"
	       "  ipc/echo --way=process --listen=127.0.0.1:7007 --verbose\n"
	       "  ipc/echo --listen=unix:/tmp/echo   (nc -U /tmp/echo)\n"
	       "  ipc/echo --crowd=1000\n\n"
	       "Exit status: 0 served, or every byte of the crowd came back; "
	       "1 one did not, or the server or its output failed; 2 bad "
	       "usage; 77 this host has none of the ways asked for.",
};

static void list(bool json)
{
	json_t *ways = must_ptr(json_array());

	for (size_t i = 0; echo_ways[i]; i++) {
		const struct echo_way *way = echo_ways[i];
		json_t *row = must_ptr(json_pack(
			"{s:s, s:s}", "name", way->name, "title", way->title));
		must(json_array_append_new(ways, row));
		if (!json)
			printf("%-8s %s\n", way->name, way->title);
	}
	if (json)
		print_json(ways, 0);
	else
		json_decref(ways);
}

static int body(void *options)
{
	struct options *o = options;

	return o->crowd ? play_crowd(o) : serve(o);
}

int main(int argc, char **argv)
{
	static struct options o = { .listen = "127.0.0.1:0" };

	options_begin(name);
	must_neg(echo_address_parse(o.listen, &o.address));
	argp_parse(&parser, argc, argv, 0, NULL, &o);
	if (o.mode == OPT_CATALOGUE) {
		printf("%s\t%s\t10 · Interprocess communication\ttool\n", name,
		       summary);
		return options_end(EXIT_SUCCESS);
	}
	if (o.mode == OPT_LIST) {
		list(o.json);
		return options_end(EXIT_SUCCESS);
	}
	return supervise(body, &o);
}
