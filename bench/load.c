// # Reading a result file, and believing nothing
//
// A result comes from another machine, an older version, an editor or a disk
// that was full. compare and report take numbers out of it without looking
// twice, so everything they rely on is checked here, once: the JSON, the
// schema, every field they use with its type and range. What is wrong is told
// in one sentence that names the file, the case and the field.
//
// Fields that schema 1 does not know are left alone: a later version may add
// some. The parser itself refuses what is not UTF-8, NaN and infinity (JSON
// has neither), numbers that do not fit, and nesting deeper than 2,048.
//
// Sources: RFC 8259 (JSON); bench/README.md (the fields).

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"
#include "reader.h"
#include "utf8.h"

// Far above what a run can write (the full matrix: some 10 MB), far below what
// hurts the reader.
enum {
	LIMIT_BYTES = 64 << 20,
	LIMIT_CASES = 10000,
	LIMIT_ROUNDS = 10000,
	LIMIT_BUCKETS = 4096,
};

enum { WHY_BYTES = 256, SHOWN_BYTES = 96 };

// ## What is wrong
//
// The sentence may quote names from the file; a control character in one of
// them must not reach the terminal.

void printable_text(char *out, size_t bytes, const char *text)
{
	size_t used = 0, n;

	for (; *text; text += n) {
		uint32_t c = utf8_next(text, &n);
		bool plain = c != UTF8_INVALID && c >= ' ' && c != 0x7f &&
			     !(c >= 0x80 && c < 0xa0);
		if (used + (plain ? n : 1) + 1 > bytes)
			break;
		memcpy(out + used, plain ? text : "?", plain ? n : 1);
		used += plain ? n : 1;
	}
	out[used] = '\0';
}

// A path that is too long is shown by its end, which tells files apart.
static void shown_path(char out[SHOWN_BYTES], const char *path)
{
	size_t length = strlen(path), skipped = 0;

	if (length >= SHOWN_BYTES) {
		for (int i = 0; i < 3; i++)
			*out++ = '.';
		skipped = length - (SHOWN_BYTES - 4);
	}
	printable_text(out, SHOWN_BYTES - (skipped ? 3 : 0), path + skipped);
}

// What is being checked, for the sentence.
struct check {
	const char *path;
	char *why;
	const char *name;   // of the case, or NULL
	const char *inside; // "environment", "percentiles", or NULL
};

static bool wrong(const struct check *check, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

// Always false.
static bool wrong(const struct check *check, const char *fmt, ...)
{
	char path[SHOWN_BYTES], name[SHOWN_BYTES], text[WHY_BYTES];
	char sentence[2 * WHY_BYTES];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	shown_path(path, check->path);
	printable_text(name, sizeof name, check->name ? check->name : "");
	snprintf(sentence, sizeof sentence, "%s: %s%s%s%s%s", path, name,
		 check->name ? ": " : "", check->inside ? check->inside : "",
		 check->inside ? ": " : "", text);
	printable_text(check->why, WHY_BYTES, sentence);
	return false;
}

// ## Fields

// Nothing that was measured lies outside, be it in ns or bytes a second (1e18 ns
// are 31 years), and within it no scale of a plot overflows.
static const double LEAST = 1e-9, MOST = 1e18;

enum kind { TEXT, COUNT, AMOUNT, POSITIVE, BOOLEAN, OBJECT, ARRAY };

struct field {
	const char *name;
	enum kind kind;
	bool or_null;
};

static const char *const kind_names[] = {
	[TEXT] = "a string",
	[COUNT] = "a whole number from 0 up",
	[AMOUNT] = "a number from 0 to 1e18",
	[POSITIVE] = "a number above 0, up to 1e18",
	[BOOLEAN] = "true or false",
	[OBJECT] = "an object",
	[ARRAY] = "an array",
};

static const char *found(const json_t *value)
{
	static const char *const types[] = {
		[JSON_OBJECT] = "an object", [JSON_ARRAY] = "an array",
		[JSON_STRING] = "a string", [JSON_INTEGER] = "another number",
		[JSON_REAL] = "another number", [JSON_TRUE] = "true",
		[JSON_FALSE] = "false", [JSON_NULL] = "null",
	};
	return types[json_typeof(value)];
}

static bool is_kind(const json_t *value, enum kind kind)
{
	switch (kind) {
	case TEXT:
		return json_is_string(value);
	case COUNT:
		return json_is_integer(value) && json_integer_value(value) >= 0;
	case AMOUNT:
		return json_is_number(value) && json_number_value(value) >= 0 &&
		       json_number_value(value) <= MOST;
	case POSITIVE:
		return json_is_number(value) &&
		       json_number_value(value) >= LEAST &&
		       json_number_value(value) <= MOST;
	case BOOLEAN:
		return json_is_boolean(value);
	case OBJECT:
		return json_is_object(value);
	case ARRAY:
		return json_is_array(value);
	}
	return false;
}

static bool fields_fit(const struct check *check, const json_t *object,
		       const struct field *fields)
{
	for (; fields->name; fields++) {
		const json_t *value = json_object_get(object, fields->name);
		const char *or_null = fields->or_null ? " or null" : "";

		if (!value)
			return wrong(check, "there is no field \"%s\"",
				     fields->name);
		if (!is_kind(value, fields->kind) &&
		    !(fields->or_null && json_is_null(value)))
			return wrong(check, "%s: want %s%s, found %s",
				     fields->name, kind_names[fields->kind],
				     or_null, found(value));
	}
	return true;
}

static bool items_fit(const struct check *check, const json_t *array,
		      enum kind kind, size_t min, size_t max)
{
	size_t count = json_array_size(array);

	if (count < min || count > max)
		return wrong(check, "want %zu to %zu values, found %zu", min,
			     max, count);
	for (size_t i = 0; i < count; i++)
		if (!is_kind(json_array_get(array, i), kind))
			return wrong(check, "value %zu: want %s, found %s",
				     i + 1, kind_names[kind],
				     found(json_array_get(array, i)));
	return true;
}

// ## A case

static const struct field timed_fields[] = {
	{ "unit", TEXT, false },	{ "better", TEXT, false },
	{ "rounds", ARRAY, false },	{ "median", POSITIVE, false },
	{ "interval", ARRAY, false },	{ "percentiles", OBJECT, false },
	{ "samples", COUNT, false },	{ "histogram", ARRAY, false },
	{ "rate", POSITIVE, false },	{ "switches", OBJECT, false },
	{ "cpu_ns", ARRAY, false },	{ "migrations", COUNT, true },
	{ "floor", TEXT, true },	{ "floor_ratio", POSITIVE, true },
	{ "stable", BOOLEAN, false },	{ "why_unstable", TEXT, true },
	{ "steal_ns", AMOUNT, true },	{ NULL, TEXT, false },
};
static const struct field percentile_fields[] = {
	{ "50", AMOUNT, true },	  { "90", AMOUNT, true },
	{ "99", AMOUNT, true },	  { "99.9", AMOUNT, true },
	{ "max", AMOUNT, true },  { NULL, TEXT, false },
};
static const struct field switch_fields[] = {
	{ "voluntary", AMOUNT, false },
	{ "involuntary", AMOUNT, false },
	{ NULL, TEXT, false },
};

static bool histogram_fits(struct check *check, const json_t *histogram)
{
	check->inside = "histogram";
	if (!items_fit(check, histogram, ARRAY, 0, LIMIT_BUCKETS))
		return false;
	for (size_t i = 0; i < json_array_size(histogram); i++) {
		const json_t *bucket = json_array_get(histogram, i);
		if (json_array_size(bucket) != 3 ||
		    !is_kind(json_array_get(bucket, 0), AMOUNT) ||
		    !is_kind(json_array_get(bucket, 1), POSITIVE) ||
		    !is_kind(json_array_get(bucket, 2), COUNT) ||
		    !(json_number_value(json_array_get(bucket, 0)) <
		      json_number_value(json_array_get(bucket, 1))))
			return wrong(check,
				     "bucket %zu: want [lower_ns, "
				     "upper_ns, count], lower below upper",
				     i + 1);
	}
	return true;
}

static bool unit_fits(const struct check *check, const json_t *c)
{
	const char *unit = json_string_value(json_object_get(c, "unit"));
	const char *better = json_string_value(json_object_get(c, "better"));

	return (!strcmp(unit, "ns") && !strcmp(better, "lower")) ||
	       (!strcmp(unit, "B/s") && !strcmp(better, "higher")) ||
	       wrong(check, "want unit \"ns\" with better \"lower\", or "
			    "\"B/s\" with \"higher\"");
}

static bool timed_fits(struct check check, const json_t *c)
{
	const json_t *interval = json_object_get(c, "interval");

	if (!fields_fit(&check, c, timed_fields) || !unit_fits(&check, c))
		return false;
	check.inside = "rounds";
	if (!items_fit(&check, json_object_get(c, "rounds"), POSITIVE, 1,
		       LIMIT_ROUNDS))
		return false;
	check.inside = "interval";
	if (!items_fit(&check, interval, POSITIVE, 2, 2))
		return false;
	if (json_number_value(json_array_get(interval, 0)) >
	    json_number_value(json_array_get(interval, 1)))
		return wrong(&check, "want [low, high], found low above high");
	check.inside = "cpu_ns";
	if (!items_fit(&check, json_object_get(c, "cpu_ns"), AMOUNT, 0,
		       MAX_WORKERS))
		return false;
	check.inside = "percentiles";
	if (!fields_fit(&check, json_object_get(c, "percentiles"),
			percentile_fields))
		return false;
	check.inside = "switches";
	return fields_fit(&check, json_object_get(c, "switches"),
			  switch_fields) &&
	       histogram_fits(&check, json_object_get(c, "histogram"));
}

// family/what/size/placement: four parts, none empty, nothing that a terminal
// would obey.
static bool name_fits(const char *name)
{
	int slashes = 0;
	size_t n;

	if (strlen(name) >= CASE_NAME_BYTES || *name == '/')
		return false;
	for (const char *at = name; *at; at += n) {
		uint32_t c = utf8_next(at, &n);
		if (c == UTF8_INVALID || c < ' ' || (c >= 0x7f && c < 0xa0))
			return false;
		if (c == '/' && (at[1] == '/' || at[1] == '\0'))
			return false;
		slashes += c == '/';
	}
	return slashes == 3;
}

static bool case_fits(struct check check, const json_t *c, size_t number,
		      json_t *names)
{
	char place[32];
	snprintf(place, sizeof place, "case %zu", number + 1);
	check.name = place;
	if (!json_is_object(c))
		return wrong(&check, "want an object, found %s", found(c));

	const char *name = json_string_value(json_object_get(c, "name"));
	if (!name)
		return wrong(&check, "there is no name, or it is no string");
	if (!name_fits(name))
		return wrong(&check,
			     "the name is not of the form family/what/"
			     "size/placement in %d bytes or fewer",
			     CASE_NAME_BYTES - 1);
	check.name = name;
	if (json_object_get(names, name))
		return wrong(&check, "there are two cases of this name");
	if (json_object_set_new(names, name, json_true()) != 0)
		return wrong(&check, "%s", strerror(ENOMEM));

	const json_t *skipped = json_object_get(c, "skipped");
	const json_t *failed = json_object_get(c, "failed");
	if (!skipped && !failed)
		return timed_fits(check, c);
	if (skipped && failed)
		return wrong(&check, "skipped and failed at once");
	if (!json_is_string(skipped ? skipped : failed))
		return wrong(&check, "%s: want a string, found %s",
			     skipped ? "skipped" : "failed",
			     found(skipped ? skipped : failed));
	return true;
}

// ## The whole file

static const struct field run_fields[] = {
	{ "environment", OBJECT, false },   { "elapsed_s", AMOUNT, false },
	{ "interrupted", BOOLEAN, false },  { "cases", ARRAY, false },
	{ NULL, TEXT, false },
};
static const struct field environment_fields[] = {
	{ "cpu_model", TEXT, false },	    { "architecture", TEXT, false },
	{ "cpus_online", COUNT, false },    { "cores", COUNT, false },
	{ "sockets", COUNT, false },	    { "threads_per_core", COUNT, false },
	{ "kernel", TEXT, false },	    { "mitigations", TEXT, false },
	{ "governor", TEXT, false },	    { "clock_source", TEXT, false },
	{ "hypervisor", TEXT, false },	    { "thp", TEXT, false },
	{ "load", TEXT, false },	    { "memory_bytes", COUNT, false },
	{ "page_bytes", COUNT, false },	    { "compiler", TEXT, false },
	{ "flags", TEXT, false },	    { "clock_cost_ns", AMOUNT, false },
	{ "clock_resolution_ns", COUNT, false }, { "pinned", BOOLEAN, false },
	{ "date", TEXT, false },	    { NULL, TEXT, false },
};

static bool result_fits(struct check check, const json_t *result)
{
	const json_t *schema = json_object_get(result, "schema");

	if (!json_is_object(result) || !schema)
		return wrong(&check, "this is no result of bench run --json: "
				     "it has no schema");
	if (!json_is_integer(schema) || json_integer_value(schema) < 1)
		return wrong(&check, "schema: want 1, found %s",
			     json_is_integer(schema) ? "a smaller number"
						     : found(schema));
	if (json_integer_value(schema) > 1)
		return wrong(&check,
			     "its schema is %" JSON_INTEGER_FORMAT
			     ", and this program knows 1: a newer bench wrote "
			     "it, and can read it",
			     json_integer_value(schema));
	if (!fields_fit(&check, result, run_fields))
		return false;

	check.inside = "environment";
	if (!fields_fit(&check, json_object_get(result, "environment"),
			environment_fields))
		return false;

	check.inside = "cases";
	const json_t *cases = json_object_get(result, "cases");
	if (json_array_size(cases) > LIMIT_CASES)
		return wrong(&check, "%zu of them, more than %d",
			     json_array_size(cases), LIMIT_CASES);
	check.inside = NULL;
	json_t *names = json_object();
	if (!names)
		return wrong(&check, "%s", strerror(ENOMEM));
	bool fits = true;
	for (size_t i = 0; fits && i < json_array_size(cases); i++)
		fits = case_fits(check, json_array_get(cases, i), i, names);
	json_decref(names);
	return fits;
}

// The bytes of the file, at most one more than allowed. -errno on failure.
static ssize_t read_file(const char *path, char **text)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t used = 0, room = 0;
	ssize_t n = fd == -1 ? -errno : 1;

	*text = NULL;
	while (n > 0 && used <= LIMIT_BYTES) {
		if (used == room) {
			room = room ? 2 * room : 1 << 16;
			char *more = realloc(*text, room);
			if (!more) {
				n = -ENOMEM;
				break;
			}
			*text = more;
		}
		n = read(fd, *text + used, room - used);
		if (n == -1 && errno == EINTR)
			n = 1;
		else if (n == -1)
			n = -errno;
		else
			used += (size_t)n;
	}
	if (fd != -1)
		close(fd);
	return n < 0 ? n : (ssize_t)used;
}

json_t *result_load(const char *path, char why[WHY_BYTES])
{
	struct check check = { .path = path, .why = why };
	json_t *result = NULL;
	json_error_t error;
	char *text, said[160];

	ssize_t bytes = read_file(path, &text);
	if (bytes < 0)
		wrong(&check, "%s", strerror((int)-bytes));
	else if (bytes > LIMIT_BYTES)
		wrong(&check, "larger than %d MiB, which no result is",
		      LIMIT_BYTES >> 20);
	else if (bytes == 0)
		wrong(&check, "empty");
	else if (!(result = json_loadb(text, (size_t)bytes,
				       JSON_REJECT_DUPLICATES, &error))) {
		printable_text(said, sizeof said, error.text);
		wrong(&check, "line %d, column %d: %s", error.line,
		      error.column, said);
	} else if (!result_fits(check, result)) {
		json_decref(result);
		result = NULL;
	}
	free(text);
	return result;
}
