// # xattr: extended attributes
//
// A name and up to a block of bytes beside a file: what an ACL, a capability or
// a user's note is (xattr(7)). Values are shown and taken as getfattr(1) and
// setfattr(1) do: text in quotes where it is text, else 0x and hexadecimal.

#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/img/img.h"
#include "must.h"
#include "utf8.h"

struct options {
	const char *path, *name, *value;
	enum { LIST, GET, SET, REMOVE } action;
	bool no_follow, raw;
};

static const struct argp_option table[] = {
	{ "no-dereference", 'h', 0, 0, "A symlink itself, not its target", 1 },
	{ "raw", 'r', 0, 0, "get: the bytes of the value and nothing else", 1 },
	{ 0 }
};

static void take_arguments(struct options *o, const struct argp_state *state)
{
	static const char *const actions[] = { "list", "get", "set", "remove" };
	static const int counts[] = { 2, 3, 4, 3 };
	static const char *const wants[] = {
		"nothing after list",
		"a NAME after get",
		"NAME and VALUE after set",
		"a NAME after remove",
	};
	char *const *word = state->argv + state->next;
	int count = state->argc - state->next, action = LIST;

	o->path = word[0];
	if (count == 1)
		return;
	while (action <= REMOVE && strcmp(word[1], actions[action]) != 0)
		action++;
	if (action > REMOVE)
		option_refuse(state, "ACTION", word[1],
			      "list, get, set or remove");
	if (count != counts[action])
		argp_failure(state, EXIT_USAGE, 0, "want %s", wants[action]);
	o->action = action;
	o->name = count > 2 ? word[2] : NULL;
	o->value = count > 3 ? word[3] : NULL;
}

static error_t parse(int key, char *text, struct argp_state *state)
{
	struct options *o = state->input;

	(void)text;
	switch (key) {
	case 'h':
		o->no_follow = true;
		return 0;
	case 'r':
		o->raw = true;
		return 0;
	case ARGP_KEY_ARGS:
		take_arguments(o, state);
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_failure(state, EXIT_USAGE, 0, "want IMAGE and PATH");
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp parser = {
	.options = table,
	.parser = parse,
	.args_doc = "IMAGE PATH [list]\nIMAGE PATH get NAME\n"
		    "IMAGE PATH set NAME VALUE\nIMAGE PATH remove NAME",
	.doc = "Shows and changes extended attributes of a file in an image. "
	       "VALUE is text, or 0x and hexadecimal, or - for standard input."
	       "\vExamples:\n"
	       "  img xattr disk.img /home/notes.txt\n"
	       "  img xattr disk.img /home/notes.txt set user.mime text/plain",
};

// ## Values

static bool is_text(const char *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)bytes[i] < ' ' || bytes[i] == 0x7f ||
		    (unsigned char)bytes[i] >= 0x80)
			return false;
	return true;
}

static char *value_text(const void *value, size_t n)
{
	const unsigned char *bytes = value;
	char *text;
	size_t length;

	FILE *out = must_ptr(open_memstream(&text, &length));
	if (is_text(value, n)) {
		fputc('"', out);
		for (size_t i = 0; i < n; i++)
			fprintf(out, "%s%c",
				strchr("\"\\", bytes[i]) ? "\\" : "", bytes[i]);
		fputc('"', out);
	} else {
		fputs("0x", out);
		for (size_t i = 0; i < n; i++)
			fprintf(out, "%02x", bytes[i]);
	}
	must_zero(fclose(out));
	return text;
}

static int hex_digit(char c)
{
	const char *digits = "0123456789abcdef";
	const char *at = c ? strchr(digits, tolower((unsigned char)c)) : NULL;

	return at ? (int)(at - digits) : -1;
}

struct bytes {
	char *at;
	size_t n;
};

static int from_hex(const char *text, struct bytes *value)
{
	size_t digits = strlen(text);

	if (digits % 2)
		return -EINVAL;
	value->at = must_ptr(malloc(digits / 2 + 1));
	for (size_t i = 0; i < digits; i += 2) {
		int high = hex_digit(text[i]), low = hex_digit(text[i + 1]);
		if (high < 0 || low < 0)
			return -EINVAL;
		value->at[value->n++] = (char)(high * 16 + low);
	}
	return 0;
}

enum { VALUE_MOST = 65536 };

static int take_value(struct session *s, const char *text, struct bytes *value)
{
	*value = (struct bytes){ 0 };
	if (!strncmp(text, "0x", 2)) {
		if (from_hex(text + 2, value) == 0)
			return EXIT_SUCCESS;
		complain(s, 0, "%s: want pairs of hexadecimal digits after 0x",
			 text);
		return EXIT_USAGE;
	}
	if (!strcmp(text, "-")) {
		if (session_stdin(s) != EXIT_SUCCESS)
			return EXIT_FAILURE;
		value->at = must_ptr(malloc(VALUE_MOST + 1));
		value->n = fread(value->at, 1, VALUE_MOST + 1, stdin);
		if (ferror(stdin))
			return complain(s, errno,
					"cannot read the value from "
					"standard input");
		if (value->n > VALUE_MOST)
			return complain(s, ENOSPC,
					"standard input is too long "
					"for a value");
		return EXIT_SUCCESS;
	}
	value->at = must_ptr(strdup(text));
	value->n = strlen(text);
	return EXIT_SUCCESS;
}

// ## Actions

static json_t *attribute_json(const char *name, const void *value, size_t n)
{
	json_t *object = must_ptr(json_object());

	json_set_name(object, "name", name, strlen(name));
	json_set_name(object, "value", value, n);
	return object;
}

static int print_attribute(void *context, const char *name, const void *value,
			   size_t size, bool in_inode)
{
	char *label = shown(name, strlen(name));
	char *text = value_text(value, size);

	(void)context;
	(void)in_inode;
	printf("%s=%s\n", label, text);
	free(label);
	free(text);
	return 0;
}

static int list_attribute(void *context, const char *name, const void *value,
			  size_t size, bool in_inode)
{
	json_t *object = attribute_json(name, value, size);

	json_object_set_new(object, "in_inode", json_boolean(in_inode));
	return json_array_append_new(context, object);
}

static int list(struct session *s, uint32_t ino, const char *path)
{
	json_t *all = must_ptr(json_array());
	int error = ext2_xattrs(
		s->fs, ino, s->json ? list_attribute : print_attribute, all);
	int status = error ? complain(s, error,
				      "cannot read all attributes of %s", path)
			   : EXIT_SUCCESS;

	if (!s->json)
		json_decref(all);
	else if (print_json(all) != 0)
		status = EXIT_FAILURE;
	return status;
}

static int get(struct session *s, uint32_t ino, const struct options *o)
{
	char *value = must_ptr(malloc(VALUE_MOST));
	int n = ext2_xattr(s->fs, ino, o->name, value, VALUE_MOST);
	int status = EXIT_SUCCESS;

	if (n < 0)
		status = complain(s, n, "%s of %s", o->name, o->path);
	else if (o->raw)
		fwrite(value, 1, (size_t)n, stdout);
	else if (s->json)
		status = print_json(attribute_json(o->name, value, (size_t)n));
	else
		print_attribute(NULL, o->name, value, (size_t)n, false);
	free(value);
	return status;
}

static int change(struct session *s, uint32_t ino, const struct options *o)
{
	struct bytes value;
	struct ext2_inode inode;
	int error;

	if (o->action == REMOVE) {
		error = ext2_remove_xattr(s->fs, ino, o->name);
	} else {
		int status = take_value(s, o->value, &value);
		if (status != EXIT_SUCCESS) {
			free(value.at);
			return status;
		}
		error = ext2_set_xattr(s->fs, ino, o->name, value.at, value.n);
		free(value.at);
	}
	if (!error)
		error = ext2_inode(s->fs, ino, &inode);
	if (!error) {
		inode.ctime = ext2_now(s->fs);
		error = ext2_set_inode(s->fs, &inode);
	}
	return error ? complain(s, error, "%s of %s", o->name, o->path)
		     : EXIT_SUCCESS;
}

static int run_xattr(struct session *s, int argc, char **argv)
{
	struct options o = { 0 };
	uint32_t ino;

	command_parse(s, &parser, argc, argv, &o);
	bool writing = o.action == SET || o.action == REMOVE;
	if (session_open(s, writing ? EXT2_WRITE : EXT2_READ_ONLY) !=
		    EXIT_SUCCESS ||
	    reach(s, o.path, o.no_follow ? EXT2_NOFOLLOW : 0, &ino) !=
		    EXIT_SUCCESS)
		return EXIT_FAILURE;
	if (writing)
		return change(s, ino, &o);
	return o.action == LIST ? list(s, ino, o.path) : get(s, ino, &o);
}

const struct command xattr_command = {
	.name = "xattr",
	.summary = "shows and changes extended attributes",
	.heading = "Changing",
	.run = run_xattr,
};
