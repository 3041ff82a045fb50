// # find: which files of an image are such
//
// A useful part of find(1), its tests as long options: all that are given must
// hold, and --not turns the next one round. What find(1) asks a mounted file
// system with a call per file is read here from the inode tables directly.

#define _GNU_SOURCE
#include <errno.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "fs/img/img.h"
#include "fs/img/values.h"
#include "must.h"

enum {
	TESTS_MOST = 32,
	OPT_NAME = 256,
	OPT_INAME,
	OPT_PATH,
	OPT_TYPE,
	OPT_SIZE,
	OPT_ATIME,
	OPT_CTIME,
	OPT_MTIME,
	OPT_NEWER,
	OPT_USER,
	OPT_GROUP,
	OPT_PERM,
	OPT_LINKS,
	OPT_INUM,
	OPT_EMPTY,
	OPT_XATTR, // the last of the tests
	OPT_NOT,
	OPT_MAXDEPTH,
	OPT_MINDEPTH,
	OPT_PRINT0,
};

struct test {
	int kind;
	bool negated;
	char sign; // + more, - less, / any, 0 just so
	const char *text;
	uint64_t number;
	struct ext2_time when;
};

struct options {
	struct session *session;
	char **paths;
	int count;
	struct test test[TESTS_MOST];
	int tests;
	bool negate_next, zeros;
	int64_t deepest, shallowest;
	struct json_list list;
};

// ## The command line

static const struct argp_option table[] = {
	{ 0, 0, 0, 0, "Tests, all of which must hold", 1 },
	{ "name", OPT_NAME, "PATTERN", 0, "Of the name: * ? [a-z]", 1 },
	{ "iname", OPT_INAME, "PATTERN", 0, "The same, a is A", 1 },
	{ "path", OPT_PATH, "PATTERN", 0, "Of the whole path", 1 },
	{ "type", OPT_TYPE, "LETTERS", 0,
	  "f file, d directory, l symlink, b c device, p fifo, s socket", 1 },
	{ "size", OPT_SIZE, "[+|-]SIZE", 0,
	  "Just so many bytes, more or fewer (+1M)", 1 },
	{ "empty", OPT_EMPTY, 0, 0, "Files and directories with nothing", 1 },
	{ "mtime", OPT_MTIME, "[+|-]DAYS", 0,
	  "Changed so many days ago, more or fewer", 1 },
	{ "atime", OPT_ATIME, "[+|-]DAYS", 0, "Read so many days ago", 1 },
	{ "ctime", OPT_CTIME, "[+|-]DAYS", 0, "Its inode changed then", 1 },
	{ "newer", OPT_NEWER, "TIME", 0,
	  "Changed after 2026-03-01T12:00:00Z, or @SECONDS", 1 },
	{ "user", OPT_USER, "USER", 0, "A number, or a name of this host", 1 },
	{ "group", OPT_GROUP, "GROUP", 0, "The same", 1 },
	{ "perm", OPT_PERM, "[-|/]MODE", 0,
	  "Just this octal mode, all of its bits, any of them", 1 },
	{ "links", OPT_LINKS, "[+|-]N", 0, "So many names", 1 },
	{ "inum", OPT_INUM, "N", 0, "This inode: all its names", 1 },
	{ "xattr", OPT_XATTR, "NAME", 0,
	  "Has this extended attribute, such as security.capability", 1 },
	{ "not", OPT_NOT, 0, 0, "The next test must not hold", 1 },
	{ 0, 0, 0, 0, "Where, and how it is printed", 2 },
	{ "maxdepth", OPT_MAXDEPTH, "N", 0, "N directories deep", 2 },
	{ "mindepth", OPT_MINDEPTH, "N", 0, "Not less deep", 2 },
	{ "print0", OPT_PRINT0, 0, 0,
	  "The bytes of each path, and NUL (for xargs -0)", 2 },
	{ 0 }
};

static struct test *add(struct options *o, const struct argp_state *state,
			int kind, const char *text)
{
	if (o->tests == TESTS_MOST)
		argp_failure(state, EXIT_USAGE, 0, "want at most %d tests",
			     TESTS_MOST);
	struct test *test = &o->test[o->tests++];
	*test = (struct test){
		.kind = kind,
		.negated = o->negate_next,
		.text = text,
	};
	o->negate_next = false;
	return test;
}

static char *take_sign(struct test *test, char *text, const char *signs)
{
	if (!*text || !strchr(signs, *text))
		return text;
	test->sign = *text;
	return text + 1;
}

static void parse_size_test(struct test *test, const struct argp_state *state,
			    char *text)
{
	text = take_sign(test, text, "+-");
	test->number = option_size(state, "--size", text, 0, INT64_MAX);
}

static void parse_count(struct test *test, const struct argp_state *state,
			const char *option, char *text, int64_t most)
{
	text = take_sign(test, text, "+-");
	test->number = (uint64_t)option_number(state, option, text, 0, most);
}

static void parse_perm(struct test *test, const struct argp_state *state,
		       char *text)
{
	struct mode_change change;

	text = take_sign(test, text, "-/");
	option_mode(state, "--perm", text, &change);
	test->number = mode_changed(&change, 0);
}

static void parse_id(struct test *test, const struct argp_state *state,
		     const char *option, const char *text, bool group)
{
	char *both = NULL;
	struct owner owner;

	if (strchr(text, ':'))
		option_refuse(state, option, text, "one name or number");
	must(asprintf(&both, "%s%s", group ? ":" : "", text));
	if (parse_owner(both, false, &owner) != 0)
		option_refuse(state, option, text,
			      "a number, or a name of this host");
	test->number = (uint64_t)(group ? owner.gid : owner.uid);
	free(both);
}

static bool parse_test(struct options *o, int key, char *text,
		       const struct argp_state *state)
{
	enum { DAYS_MOST = 1000000 };
	struct test *test;

	if (key < OPT_NAME || key > OPT_XATTR)
		return false;
	test = add(o, state, key, text);
	if (key == OPT_TYPE && (!*text || text[strspn(text, "fdlbcps")]))
		option_refuse(state, "--type", text,
			      "some of the letters f, d, l, b, c, p, s");
	else if (key == OPT_SIZE)
		parse_size_test(test, state, text);
	else if (key == OPT_ATIME)
		parse_count(test, state, "--atime", text, DAYS_MOST);
	else if (key == OPT_CTIME)
		parse_count(test, state, "--ctime", text, DAYS_MOST);
	else if (key == OPT_MTIME)
		parse_count(test, state, "--mtime", text, DAYS_MOST);
	else if (key == OPT_NEWER)
		option_when(state, "--newer", text, &test->when);
	else if (key == OPT_USER || key == OPT_GROUP)
		parse_id(test, state, key == OPT_USER ? "--user" : "--group",
			 text, key == OPT_GROUP);
	else if (key == OPT_PERM)
		parse_perm(test, state, text);
	else if (key == OPT_LINKS)
		parse_count(test, state, "--links", text, UINT16_MAX);
	else if (key == OPT_INUM)
		parse_count(test, state, "--inum", text, UINT32_MAX);
	return true;
}

static error_t parse(int key, char *text, struct argp_state *state)
{
	struct options *o = state->input;

	if (parse_test(o, key, text, state))
		return 0;
	switch (key) {
	case OPT_NOT:
		o->negate_next = !o->negate_next;
		return 0;
	case OPT_MAXDEPTH:
		o->deepest = option_number(state, "--maxdepth", text, 0,
					   INT32_MAX);
		return 0;
	case OPT_MINDEPTH:
		o->shallowest = option_number(state, "--mindepth", text, 0,
					      INT32_MAX);
		return 0;
	case OPT_PRINT0:
		o->zeros = true;
		return 0;
	case ARGP_KEY_ARGS:
		o->paths = state->argv + state->next;
		o->count = state->argc - state->next;
		return 0;
	case ARGP_KEY_SUCCESS:
		if (o->negate_next)
			argp_failure(state, EXIT_USAGE, 0,
				     "--not: want a test after it");
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp parser = {
	.options = table,
	.parser = parse,
	.args_doc = "IMAGE [PATH...]",
	.doc = "Prints the paths below PATH (/ where none is given) that pass "
	       "all tests."
	       "\vExamples:\n"
	       "  img find disk.img /usr --type=f --perm=/6000\n"
	       "  img find disk.img --name='*.log' --size=+1M --not --user=0",
};

// ## Tests

static bool compare(const struct test *test, uint64_t value)
{
	return test->sign == '+'   ? value > test->number
	       : test->sign == '-' ? value < test->number
				   : value == test->number;
}

// Whole days, as find(1) counts them: 0 is less than 24 hours ago.
static bool compare_days(const struct options *o, const struct test *test,
			 struct ext2_time when)
{
	const int64_t day = 86400;
	int64_t ago = ext2_now(o->session->fs).seconds - when.seconds;

	if (ago < 0)
		return test->sign == '-';
	return compare(test, (uint64_t)(ago / day));
}

static bool is_newer(const struct test *test, struct ext2_time when)
{
	return when.seconds != test->when.seconds
		       ? when.seconds > test->when.seconds
		       : when.ns > test->when.ns;
}

static bool has_permissions(const struct test *test, uint16_t mode)
{
	uint16_t bits = mode & 07777, want = (uint16_t)test->number;

	return test->sign == '-'   ? (bits & want) == want
	       : test->sign == '/' ? !want || bits & want
				   : bits == want;
}

static int stop_at_entry(void *context, const struct ext2_entry *entry)
{
	(void)context;
	return entry->name_len > 2 || entry->name[0] != '.' ||
	       (entry->name_len == 2 && entry->name[1] != '.');
}

static bool is_empty(const struct options *o, const struct ext2_inode *inode)
{
	if (S_ISREG(inode->mode))
		return inode->size == 0;
	return S_ISDIR(inode->mode) &&
	       ext2_list(o->session->fs, inode->ino, stop_at_entry, NULL) == 0;
}

static bool is_type(const struct test *test, uint16_t mode)
{
	static const char letters[TYPES] = "?fdcbpsl";

	return strchr(test->text, letters[type_of_mode(mode)]) != NULL;
}

// The last component, also of the path that was given ("/" is itself).
static char *base_name(const struct visit *visit)
{
	size_t end = strlen(visit->path);

	while (end > 1 && visit->path[end - 1] == '/')
		end--;
	size_t begin = end;
	while (begin && visit->path[begin - 1] != '/')
		begin--;
	if (begin == end)
		begin--;
	return must_ptr(strndup(visit->path + begin, end - begin));
}

static bool matches_name(const struct test *test, const struct visit *visit)
{
	char *name = base_name(visit);
	int flags = test->kind == OPT_INAME ? FNM_CASEFOLD : 0;
	bool yes = fnmatch(test->text, name, flags) == 0;

	free(name);
	return yes;
}

static bool holds(const struct options *o, const struct test *test,
		  const struct visit *visit)
{
	const struct ext2_inode *inode = &visit->inode;

	switch (test->kind) {
	case OPT_NAME:
	case OPT_INAME:
		return matches_name(test, visit);
	case OPT_PATH:
		return fnmatch(test->text, visit->path, 0) == 0;
	case OPT_TYPE:
		return is_type(test, inode->mode);
	case OPT_SIZE:
		return compare(test, inode->size);
	case OPT_EMPTY:
		return is_empty(o, inode);
	case OPT_ATIME:
		return compare_days(o, test, inode->atime);
	case OPT_CTIME:
		return compare_days(o, test, inode->ctime);
	case OPT_MTIME:
		return compare_days(o, test, inode->mtime);
	case OPT_NEWER:
		return is_newer(test, inode->mtime);
	case OPT_USER:
		return inode->uid == test->number;
	case OPT_GROUP:
		return inode->gid == test->number;
	case OPT_PERM:
		return has_permissions(test, inode->mode);
	case OPT_LINKS:
		return compare(test, inode->links);
	case OPT_INUM:
		return compare(test, inode->ino);
	default: // OPT_XATTR
		return ext2_xattr(o->session->fs, inode->ino, test->text, NULL,
				  0) >= 0;
	}
}

// ## The walk

static void print_found(struct options *o, const struct visit *visit)
{
	char *text;

	if (o->session->json) {
		json_t *object = json_inode(&visit->inode);
		json_set_name(object, "path", visit->path, strlen(visit->path));
		json_list_add(&o->list, object);
	} else if (o->zeros) {
		fputs(visit->path, stdout);
		putchar('\0');
	} else {
		text = shown(visit->path, strlen(visit->path));
		puts(text);
		free(text);
	}
}

static int each(void *context, struct visit *visit)
{
	struct options *o = context;

	visit->skip = visit->depth >= o->deepest;
	if (visit->depth < o->shallowest)
		return 0;
	for (int i = 0; i < o->tests; i++)
		if (holds(o, &o->test[i], visit) == o->test[i].negated)
			return 0;
	print_found(o, visit);
	return ferror(stdout) ? -EIO : 0;
}

static int run_find(struct session *s, int argc, char **argv)
{
	static char here[] = ".", root[] = "/";
	char *roots[] = { s->start ? here : root };
	struct options o = {
		.session = s,
		.deepest = INT32_MAX,
		.paths = roots,
		.count = 1,
	};
	int status = EXIT_SUCCESS;
	uint32_t ino;

	command_parse(s, &parser, argc, argv, &o);
	if (session_open(s, EXT2_READ_ONLY) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	ext2_set_now(s->fs, time_now());
	for (int i = 0; i < o.count; i++)
		if (reach(s, o.paths[i], EXT2_NOFOLLOW, &ino) != EXIT_SUCCESS ||
		    visit_tree(s, ino, o.paths[i], true, each, &o) != 0)
			status = EXIT_FAILURE;
	if (s->json)
		json_list_end(&o.list);
	return status;
}

const struct command find_command = {
	.name = "find",
	.summary = "prints the paths that pass tests of name, type, size, time",
	.heading = "Looking",
	.run = run_find,
};
