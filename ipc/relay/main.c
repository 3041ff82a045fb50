// # Relay: one job through every mechanism
//
// Chapter 10 · Interprocess communication (프로세스 간 통신)
//
// The lecture notes name seven ways for two processes to talk. Here is one job
// for all of them, and for the newer ones: one process reads a file and sends
// it, the other receives it; both compute a checksum, and it must be the same.
// What differs is how the bytes get from one to the other (ipc/channel/), so
// what differs in the table is the mechanism's doing.
//
//     $ build/ipc/relay FILE                          all of them
//     $ build/ipc/relay --via=pipe,mqueue,ring FILE   some
//     $ tar c . | build/ipc/relay --via=ring --to - | tar t
//
//     1 GiB, film.raw, CPU 0 to CPU 1
//     XXH3-128 502cc7df39b5cdfa7427ff57dea22893, sent and received
//
//     mechanism       time    MB/s  calls/MiB  voluntary  involuntary   message
//     mqueue        1.08 s     999        258     25,142          444      8KiB
//     shm-futex     1.36 s     788       60.0     30,272           98     64KiB
//     ring          237 ms   4,535        504          0          237     64KiB
//     pipe          1.58 s     679       34.0     14,682          535     64KiB
//     unix-stream   506 ms   2,122       35.0      7,436          195     64KiB
//
//     MB/s
//     mqueue       ███████████▋                                             999
//     shm-futex    █████████▎                                               788
//     ring         █████████████████████████████████████████████████████  4,535
//     pipe         ███████▉                                                 679
//     unix-stream  ████████████████████████▊                              2,122
//
// Time runs from the sender's asking for the first byte until the receiver has
// the checksum of the last: reading, both checksums, and with --to the writing,
// are in it, the same for all. The input is in the page cache by then (it is
// read once before, if it fits), the processes run, on a CPU each, and have
// touched their memory. System calls are counted by the kernel, in a pass of
// its own (count.c, trace.c).
//
// Try: pipe with --chunk=64K, which fills it at one stroke, and --chunk=16K:
// look at the voluntary switches. Why is less a message more a second?
// --pin=same: who must switch now, and who only yields? What do `shm-futex` and
// `shm-spin` share, and where do they part?
//
// Read next: job.c (what is done to be fair), carry.c (who is to blame when one
// dies), sides.c (the two processes); then ipc/channel/pipe.c and ring.c.
// Sources: those of the mechanisms, in their files; xxHash specification,
// https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md.

#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "must.h"
#include "names.h"
#include "options.h"
#include "relay.h"
#include "supervisor.h"

static const char chapter[] = "10 · Interprocess communication";
static const char summary[] =
	"one checksummed job through every mechanism, in turn";

// ## The command line

enum {
	OPT_VIA = 256,
	OPT_TO,
	OPT_CHUNK,
	OPT_PIN,
	OPT_FORMAT,
	OPT_LIST,
	OPT_CATALOGUE
};

// The largest message that a mechanism takes which takes not any (file.c).
static const uint64_t LARGEST_CHUNK = 1 << 30;

static const struct argp_option table[] = {
	{ "via", OPT_VIA, "NAME,...", 0,
	  "The mechanisms, in this order, whatever they take; or `all' (the "
	  "default), without those that would take more than 10 s", 1 },
	{ "list", OPT_LIST, 0, 0, "List the mechanisms", 1 },
	{ "to", OPT_TO, "FILE", 0,
	  "Write what was received to FILE, which is made or replaced when all "
	  "has come; `-' is standard output, and the report goes to standard "
	  "error. With one mechanism", 2 },
	{ "chunk", OPT_CHUNK, "SIZE", 0,
	  "Bytes a message, or the mechanism's limit if that is less (64K)",
	  3 },
	{ "pin", OPT_PIN, "apart|same|none", 0,
	  "Keep the processes on two CPUs (the default where there are two), "
	  "on one, or on none in particular", 3 },
	{ "format", OPT_FORMAT, "text|json", 0,
	  "For people (the default), or for programs: one JSON object", 4 },
	{ "catalogue", OPT_CATALOGUE, 0, OPTION_HIDDEN, 0, 0 },
	{ 0 }
};

static _Noreturn void refuse_via(const struct argp_state *state,
				 const char *text)
{
	char names[1024] = "";

	for (size_t i = 0, n = 0; channel_mechanisms[i]; i++)
		if (channel_mechanisms[i]->kind != CHANNEL_EVENT)
			n += snprintf(names + n, sizeof names - n, "%s%s",
				      n ? ", " : "",
				      channel_mechanisms[i]->name);
	option_refuse(state, "--via", text,
		      "all, or some of %s, joined by commas", names);
}

static void add_via(struct options *o, const struct argp_state *state,
		    const char *text, const char *name)
{
	const struct mechanism *m = channel_mechanism(name);

	if (!m)
		refuse_via(state, text);
	else if (m->kind == CHANNEL_EVENT)
		option_refuse(state, "--via", text,
			      "mechanisms that carry bytes: %s only tells that "
			      "something happened",
			      name);
	if (o->via_count == MOST_MECHANISMS)
		option_refuse(state, "--via", text, "at most %d mechanisms",
			      MOST_MECHANISMS);
	o->via[o->via_count++] = m;
}

static void parse_via(struct options *o, const struct argp_state *state,
		      const char *text)
{
	char *copy = must_ptr(strdup(text)), *rest = copy, *name;

	if (!strcmp(text, "all"))
		o->all = true;
	else
		while ((name = strsep(&rest, ",")))
			add_via(o, state, text, name);
	free(copy);
	if (o->all && o->via_count)
		option_refuse(state, "--via", text,
			      "either all or names, not both");
}

// What no option says by itself.
static void finish(struct options *o, const struct argp_state *state)
{
	if (!o->via_count)
		o->all = true;
	if (o->to && (o->all || o->via_count != 1))
		option_refuse(state, "--to", o->to,
			      "one mechanism beside it, such as --via=pipe: "
			      "several would write the same bytes again");
}

static error_t parse(int key, char *text, struct argp_state *state)
{
	static const char *const formats[] = { "text", "json", NULL };
	static const char *const pins[] = { "apart", "same", "none", NULL };
	struct options *o = state->input;

	switch (key) {
	case OPT_VIA:
		parse_via(o, state, text);
		return 0;
	case OPT_TO:
		if (!*text)
			option_refuse(state, "--to", text, "a file, or -");
		o->to = text;
		return 0;
	case OPT_CHUNK:
		o->chunk_bytes = option_size(state, "--chunk", text, 1,
					     LARGEST_CHUNK);
		return 0;
	case OPT_PIN:
		o->pin = PIN_APART + option_choice(state, "--pin", text, pins);
		return 0;
	case OPT_FORMAT:
		o->json = option_choice(state, "--format", text, formats);
		return 0;
	case OPT_LIST:
		o->list = true;
		return 0;
	case OPT_CATALOGUE:
		printf("ipc/relay\t%s\t%s\ttool\n", summary, chapter);
		exit(options_end(0));
	case ARGP_KEY_ARG:
		if (o->input)
			argp_error(state,
				   "%s: want one file, or none for "
				   "standard input",
				   text);
		o->input = text;
		return 0;
	case ARGP_KEY_END:
		finish(o, state);
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp parser = {
	.options = table,
	.parser = parse,
	.args_doc = "[FILE]",
	.doc = "Carries a file, or standard input, from one process to another "
	       "through each mechanism, verifies a checksum, and says what it "
	       "took.\n(chapter 10 · Interprocess communication)"
	       "\vExamples:\n"
	       "  relay --via=pipe,mqueue,ring FILE\n"
	       "  tar c . | relay --via=ring --to - | tar t\n\n"
	       "Exit status: 0 every byte came, by every mechanism that is not "
	       "named as left out; 1 some did not, a file could not be read or "
	       "written, or nothing was carried; 2 bad usage; 77 this host "
	       "lacks what was asked for.",
};

// ## --list

static json_t *mechanism_json(const struct mechanism *m)
{
	size_t limit = 0;
	char why[WHY_BYTES] = "";
	bool missing = m->probe(&limit, why, sizeof why) != 0;

	return must_ptr(json_pack(
		"{s:s, s:s, s:b, s:o, s:o}", "name", m->name, "title", m->title,
		"carries", m->kind != CHANNEL_EVENT, "limit_bytes",
		missing || limit == SIZE_MAX ? json_null()
					     : json_integer((json_int_t)limit),
		"missing", missing ? json_string(why) : json_null()));
}

static int list(const struct options *o)
{
	json_t *all = must_ptr(json_array());

	for (size_t i = 0; channel_mechanisms[i]; i++) {
		const struct mechanism *m = channel_mechanisms[i];
		if (o->json)
			json_array_append_new(all, mechanism_json(m));
		else
			printf("%-14s  %s\n", m->name, m->title);
	}
	if (o->json) {
		json_t *object = must_ptr(json_pack("{s:s, s:O}", "program",
						    "ipc/relay", "mechanisms",
						    all));
		(void)json_dumpf(object, stdout, JSON_INDENT(1));
		putchar('\n');
		json_decref(object);
	}
	json_decref(all);
	must_neg(names_close());
	return options_end(EXIT_SUCCESS);
}

int main(int argc, char **argv)
{
	struct options options = { .chunk_bytes = 64 << 10 };

	options_begin("ipc/relay");
	argp_parse(&parser, argc, argv, 0, NULL, &options);
	return options.list ? list(&options) : supervise(relay, &options);
}
