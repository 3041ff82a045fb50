// # Reading job files
//
// A line is cut into words at blanks; # begins a comment. A mistake is reported
// at its line and column (in characters, as editors count) with what was wanted
// and what stood there.
//
//     A 0 30 prio=1      name, arrival, bursts, then keys in any order

#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"
#include "sched/model/table.h"
#include "utf8.h"

static const char blanks[] = " \t";

// What is known while reading. A table of names by their hash (open addressing,
// never more than half full) finds the ones that are used twice.
struct reader {
	struct table table;
	struct jobs_error *error;
	size_t line_number;
	const char *line; // the present one, ends with '\0'
	int *named;
	size_t named_room; // a power of two
};

// A part of the line, from `text`, `length` bytes; ends with '\0', too: the
// blank, the comma or the end was overwritten.
struct word {
	char *text;
	size_t length;
};

// ## Mistakes

// What stands there, fit to be shown: in quotes, short, without controls.
static void quote(char *shown, size_t room, const char *text)
{
	const size_t most = 30;
	size_t n = 0, bytes;
	uint32_t character;

	shown[n++] = '\'';
	for (; (character = utf8_next(text, &bytes)); text += bytes) {
		if (n > most || n + bytes + 5 > room) {
			memcpy(shown + n, "...", 3);
			n += 3;
			break;
		}
		bool plain = character != UTF8_INVALID && character >= ' ' &&
			     (character < 0x7f || character >= 0xa0);
		memcpy(shown + n, plain ? text : "?", plain ? bytes : 1);
		n += plain ? bytes : 1;
	}
	shown[n++] = '\'';
	shown[n] = '\0';
}

static size_t column_of(const struct reader *r, const char *at)
{
	size_t column = 1, bytes;

	for (const char *c = r->line; c < at; c += bytes ? bytes : 1) {
		utf8_next(c, &bytes);
		column++;
	}
	return column;
}

// Says what is wanted at `at`, and what is found there: `found`, or nothing more
// where that is NULL. Returns -EINVAL.
__attribute__((format(printf, 4, 5))) static int
mistake(const struct reader *r, const char *at, const char *found,
	const char *wanted, ...)
{
	struct jobs_error *e = r->error;
	char shown[64];
	va_list args;

	e->line = r->line_number;
	e->column = column_of(r, at);
	va_start(args, wanted);
	int n = vsnprintf(e->text, sizeof e->text, wanted, args);
	va_end(args);
	if (!found || n < 0 || (size_t)n >= sizeof e->text)
		return -EINVAL;
	if (*found)
		quote(shown, sizeof shown, found);
	snprintf(e->text + n, sizeof e->text - n, ", found %s",
		 *found ? shown : "nothing");
	return -EINVAL;
}

// ## Values

// A number without a unit counts ms.
static int parse_time(char *text, size_t length, int64_t *ns)
{
	char with_unit[128];

	if (length == 0 || text[length - 1] < '0' || text[length - 1] > '9')
		return parse_duration(text, 0, NEVER - 1, ns);
	if (length + sizeof "ms" > sizeof with_unit)
		return -E2BIG;
	memcpy(with_unit, text, length);
	memcpy(with_unit + length, "ms", sizeof "ms");
	return parse_duration(with_unit, 0, NEVER - 1, ns);
}

static int read_time(const struct reader *r, struct word word, const char *what,
		     int64_t least_ns, int64_t *ns)
{
	int error = parse_time(word.text, word.length, ns);

	if (error == -ERANGE)
		return mistake(r, word.text, word.text,
			       "want %s below 292 years", what);
	if (error == -E2BIG)
		return mistake(r, word.text, word.text,
			       "want %s in fewer digits", what);
	if (error)
		return mistake(r, word.text, word.text,
			       "want %s: a number, in ms or with a unit (ns "
			       "us ms s m h), whole in ns",
			       what);
	return *ns < least_ns ? mistake(r, word.text, word.text,
					"want %s above 0", what)
			      : 0;
}

static int read_number(const struct reader *r, const char *text,
		       const char *key, int64_t min, int64_t max,
		       int64_t *value)
{
	return parse_number(text, min, max, value)
		       ? mistake(r, text, text,
				 "want %s= and a whole number from %" PRId64
				 " to %" PRId64,
				 key, min, max)
		       : 0;
}

// ## Names

static uint64_t hash(const char *name)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325); // FNV-1a

	for (; *name; name++)
		h = (h ^ (unsigned char)*name) * UINT64_C(0x100000001b3);
	return h ^ h >> 32;
}

// The place of this name, or the free one where it belongs.
static size_t place_of(const struct reader *r, const char *name)
{
	size_t i = hash(name) & (r->named_room - 1);

	while (r->named[i] != NOBODY &&
	       strcmp(r->table.jobs->names[r->named[i]], name) != 0)
		i = (i + 1) & (r->named_room - 1);
	return i;
}

static int more_names(struct reader *r)
{
	size_t old = r->named_room;
	size_t room = old ? old * 2 : 64;
	int *named = malloc(room * sizeof *named);

	if (!named)
		return -ENOMEM;
	for (size_t i = 0; i < room; i++)
		named[i] = NOBODY;
	free(r->named);
	r->named = named;
	r->named_room = room;
	for (size_t job = 0; job < r->table.jobs->count; job++)
		named[place_of(r, r->table.jobs->names[job])] = (int)job;
	return 0;
}

// A name goes to terminals, JSON and SVG: it is text, without controls.
static int check_name(struct reader *r, struct word name)
{
	size_t bytes;
	uint32_t c;

	if (name.length >= JOB_NAME_BYTES)
		return mistake(r, name.text, name.text,
			       "want a name of at most %d bytes",
			       JOB_NAME_BYTES - 1);
	for (const char *at = name.text; (c = utf8_next(at, &bytes));
	     at += bytes)
		if (c == UTF8_INVALID || c < ' ' || (c >= 0x7f && c < 0xa0))
			return mistake(r, at, NULL,
				       "want a name of printable UTF-8, not "
				       "the byte 0x%02x",
				       (unsigned char)*at);
	if (!r->named || r->table.jobs->count * 2 >= r->named_room) {
		int error = more_names(r);
		if (error)
			return error;
	}
	return r->named[place_of(r, name.text)] != NOBODY
		       ? mistake(r, name.text, NULL,
				 "want a name that is used once, %s is job %d "
				 "already",
				 name.text,
				 r->named[place_of(r, name.text)] + 1)
		       : 0;
}

// ## A line

static struct word next_word(char **rest)
{
	char *text = *rest + strspn(*rest, blanks);
	size_t length = strcspn(text, blanks);

	*rest = text + length + (text[length] != '\0');
	text[length] = '\0';
	return (struct word){ text, length };
}

static int read_bursts(struct reader *r, struct word list)
{
	char *end = list.text + list.length, *at = list.text;
	bool computes = false;

	if (!list.length)
		return mistake(r, list.text, "",
			       "want CPU times, cpu[,io,cpu...]");
	while (at <= end) {
		char *comma = strchrnul(at, ',');
		struct word word = { at, comma - at };
		int64_t ns = 0;
		*comma = '\0';
		computes = !computes;
		int error = read_time(r, word,
				      computes ? "a CPU time" : "an I/O time",
				      1, &ns);
		if (!error)
			error = table_burst(&r->table, ns);
		if (error)
			return error;
		at = comma + 1;
	}
	return computes ? 0
			: mistake(r, end, "",
				  "want a CPU time after the I/O: a job ends "
				  "with computing");
}

enum key { PRIO, TICKETS, DEADLINE, NICE, KEYS };

static int read_value(const struct reader *r, enum key key, struct word word,
		      struct task *task)
{
	int64_t value = 0;
	int error = 0;

	switch (key) {
	case PRIO:
		error = read_number(r, word.text, "prio", -PRIORITY_MAX,
				    PRIORITY_MAX, &value);
		task->priority = (int32_t)value;
		break;
	case TICKETS:
		error = read_number(r, word.text, "tickets", 1, TICKETS_MAX,
				    &value);
		task->tickets = (uint32_t)value;
		break;
	case DEADLINE:
		error = read_time(r, word, "a deadline", 1, &task->deadline_ns);
		break;
	default:
		error = read_number(r, word.text, "nice", -20, 19, &value);
		task->nice = (int8_t)value;
	}
	return error;
}

static int read_key(const struct reader *r, struct word word, unsigned *given,
		    struct task *task)
{
	static const char *const keys[KEYS] = { "prio", "tickets", "deadline",
						"nice" };
	size_t length = strcspn(word.text, "=");
	size_t key = 0;

	while (key < KEYS && (strlen(keys[key]) != length ||
			      strncmp(keys[key], word.text, length) != 0))
		key++;
	if (key == KEYS || word.text[length] != '=')
		return mistake(r, word.text, word.text,
			       "want prio=N, tickets=N, deadline=T or nice=N");
	if (*given & 1u << key)
		return mistake(r, word.text, word.text, "want %s= once",
			       keys[key]);
	*given |= 1u << key;
	struct word value = { word.text + length + 1,
			      word.length - length - 1 };
	return read_value(r, key, value, task);
}

static int read_job(struct reader *r, struct word name, char *rest)
{
	struct task task = { .tickets = DEFAULT_TICKETS };
	unsigned given = 0;
	int error = check_name(r, name);
	struct word word = next_word(&rest);

	if (!error)
		error = read_time(r, word, "an arrival", 0, &task.arrival_ns);
	if (!error)
		error = read_bursts(r, next_word(&rest));
	while (!error && (word = next_word(&rest)).length)
		error = read_key(r, word, &given, &task);
	if (error)
		return error;
	error = table_job(&r->table, &task, name.text);
	if (error == -EOVERFLOW)
		return mistake(r, name.text, NULL,
			       "want times that add up to less than 292 years");
	if (!error)
		r->named[place_of(r, name.text)] = (int)r->table.jobs->count -
						   1;
	return error;
}

static int read_line(struct reader *r, char *line, size_t length)
{
	static const char mark[] = "\xef\xbb\xbf";

	r->line_number++;
	r->line = line;
	if (length && line[length - 1] == '\n')
		line[--length] = '\0';
	if (length && line[length - 1] == '\r')
		line[--length] = '\0';
	if (strlen(line) != length)
		return mistake(r, line + strlen(line), NULL,
			       "want text, not a NUL byte");
	if (r->line_number == 1 && !strncmp(line, mark, strlen(mark)))
		r->line = line += strlen(mark);
	line[strcspn(line, "#")] = '\0';
	struct word name = next_word(&line);
	return name.length ? read_job(r, name, line) : 0;
}

int jobs_read(struct jobs *jobs, FILE *file, struct jobs_error *error)
{
	struct reader r = { .table = { .jobs = jobs }, .error = error };
	char *line = NULL;
	size_t room = 0;
	ssize_t length;
	int result = 0;

	*jobs = (struct jobs){ 0 };
	*error = (struct jobs_error){ 0 };
	errno = 0;
	while (!result && (length = getline(&line, &room, file)) != -1)
		result = read_line(&r, line, (size_t)length);
	if (!result && (ferror(file) || !feof(file)))
		result = errno ? -errno : -EIO;
	if (!result && !jobs->count) {
		snprintf(error->text, sizeof error->text,
			 "want at least one job: name arrival cpu[,io,cpu...]");
		result = -EINVAL;
	}
	free(line);
	free(r.named);
	if (result)
		jobs_free(jobs);
	return result;
}
