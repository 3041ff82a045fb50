// # What inject tells: the kinds, the question, the answers

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "draw.h"
#include "fs/img/inject.h"
#include "must.h"

// ## --list

int inject_list(bool json)
{
	int columns = canvas_of(STDOUT_FILENO).columns, width = 0;
	const char *last = "";
	struct json_list all = { 0 };

	for (const struct kind *k = inject_kinds; k->name; k++)
		if ((int)strlen(k->name) > width)
			width = (int)strlen(k->name);
	for (const struct kind *k = inject_kinds; k->name; k++) {
		char before[64];

		if (json) {
			json_list_add(
				&all,
				must_ptr(json_pack(
					"{s:s, s:s, s:s, s:s, s:s*, s:s*, "
					"s:s*, s:b, s:b}",
					"kind", k->name, "structure",
					k->structure, "text", k->text, "codes",
					k->codes, "e2fsck", k->judge,
					"e2fsck_silent", k->quiet, "needs",
					k->needs, "alone", (int)k->alone,
					"e2fsck_gives_up", (int)k->gives_up)));
			continue;
		}
		if (strcmp(last, k->structure) != 0)
			printf("%s%s\n", *last ? "\n" : "", k->structure);
		last = k->structure;
		snprintf(before, sizeof before, "  %-*s  ", width, k->name);
		put_wrapped(stdout, columns, before, width + 4, k->text);
	}
	if (json)
		json_list_end(&all);
	return EXIT_SUCCESS;
}

// ## The answers

static bool has_code(const struct kind *k, const char *code)
{
	size_t length = strlen(code);
	const char *at = k->codes;

	while ((at = strstr(at, code))) {
		bool begins = at == k->codes || at[-1] == ' ';
		at += length;
		if (begins && (!*at || *at == ' '))
			return true;
	}
	return false;
}

static void print_bytes(const uint8_t *bytes, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		printf("%s%02x", i ? " " : "", bytes[i]);
}

static void print_change(const struct work *w, const struct change *c)
{
	uint32_t bytes = w->x.numbers.block_bytes;

	printf("   %s\n     block %" PRIu64 ", byte %" PRIu64 " (byte %" PRIu64
	       " of the image): ",
	       c->what, c->offset / bytes, c->offset % bytes, c->offset);
	print_bytes(c->before, c->n);
	printf(" -> ");
	print_bytes(c->after, c->n);
	printf("\n");
}

static void print_found(const struct found *f)
{
	char *text = shown_line(f->text, strlen(f->text));

	printf("   img fsck   %s: %s.\n              repair: %s\n", f->code,
	       text, f->repair);
	free(text);
}

static void print_done(struct work *w, size_t number)
{
	const struct done *d = &w->done[number];
	const struct kind *k = d->kind;

	printf("%zu  %s: %s\n", number + 1, k->name, k->text);
	for (size_t i = 0; i < d->changes; i++)
		print_change(w, &w->x.change[d->first + i]);
	for (size_t i = 0; i < w->found_count; i++)
		if (!w->found[i].told && has_code(k, w->found[i].code)) {
			print_found(&w->found[i]);
			w->found[i].told = true;
		}
	if (w->in->exercise && k->judge)
		printf("   e2fsck     \"%s\"%s\n", k->judge,
		       k->gives_up ? ", and gives up: -b BLOCK takes a copy "
				     "of the superblock"
				   : "");
	else if (w->in->exercise)
		printf("   e2fsck     nothing: %s\n", k->quiet);
}

static void print_rest(struct work *w)
{
	enum { SHOWN = 8 };
	size_t rest = 0;

	for (size_t i = 0; i < w->found_count; i++) {
		if (w->found[i].told)
			continue;
		if (!rest)
			printf("\nand, because of that\n");
		if (rest++ < SHOWN)
			print_found(&w->found[i]);
	}
	if (rest > SHOWN)
		printf("   and %zu more\n", rest - SHOWN);
}

static json_t *json_hex(const uint8_t *bytes, uint32_t n)
{
	char text[2 * CHANGE_BYTES + 1] = "";

	for (uint32_t i = 0; i < n; i++)
		snprintf(text + (size_t)2 * i, 3, "%02x", bytes[i]);
	return must_ptr(json_string(text));
}

static json_t *json_done(const struct work *w, const struct done *d)
{
	uint32_t bytes = w->x.numbers.block_bytes;
	json_t *changes = must_ptr(json_array());

	for (size_t i = 0; i < d->changes; i++) {
		const struct change *c = &w->x.change[d->first + i];
		json_t *object = must_ptr(
			json_pack("{s:I, s:I, s:I, s:o, s:o}", "offset",
				  (json_int_t)c->offset, "block",
				  (json_int_t)(c->offset / bytes), "byte",
				  (json_int_t)(c->offset % bytes), "before",
				  json_hex(c->before, c->n), "after",
				  json_hex(c->after, c->n)));
		json_set_name(object, "what", c->what, strlen(c->what));
		json_array_append_new(changes, object);
	}
	return must_ptr(json_pack("{s:s, s:s, s:s, s:o, s:s*, s:s*}", "kind",
				  d->kind->name, "structure",
				  d->kind->structure, "text", d->kind->text,
				  "changes", changes, "e2fsck", d->kind->judge,
				  "e2fsck_silent", d->kind->quiet));
}

static int print_all_json(const struct work *w, bool answers)
{
	json_t *damage = must_ptr(json_array());
	json_t *findings = must_ptr(json_array());

	for (size_t i = 0; i < w->count && answers; i++)
		json_array_append_new(damage, json_done(w, &w->done[i]));
	for (size_t i = 0; i < w->found_count && answers; i++) {
		json_t *object = must_ptr(json_pack("{s:s, s:s}", "code",
						    w->found[i].code, "repair",
						    w->found[i].repair));
		json_set_name(object, "text", w->found[i].text,
			      strlen(w->found[i].text));
		json_array_append_new(findings, object);
	}
	return print_json(must_ptr(
		json_pack("{s:s, s:I, s:i, s:o, s:o}", "image",
			  w->in->session->image_path, "seed",
			  (json_int_t)w->in->seed, "count", (int)w->count,
			  "damage", damage, "findings", findings)));
}

int inject_answers(struct work *w)
{
	if (w->in->session->json)
		return print_all_json(w, true);
	for (size_t i = 0; i < w->count; i++) {
		if (i)
			printf("\n");
		print_done(w, i);
	}
	print_rest(w);
	return EXIT_SUCCESS;
}

int inject_question(const struct work *w, const char *copy)
{
	const struct inject *in = w->in;

	if (in->session->json)
		return print_all_json(w, false);
	printf("%s is %s with %zu thing%s damaged (seed %" PRIu64 ")\n\n", copy,
	       in->session->image_path, w->count, w->count == 1 ? "" : "s",
	       in->seed);
	for (size_t i = 0; i < w->count; i++)
		printf("%zu  in a place of this kind: %s\n", i + 1,
		       w->done[i].kind->structure);
	printf("\nWhat do `img fsck -fn %s' and `e2fsck -fn %s' find?\n"
	       "In which block is it, and which bytes are wrong? (img dump "
	       "--hex)\n"
	       "What does repair do, and does anybody lose anything by it?\n\n"
	       "Answers: img inject %s --exercise=%zu --seed=%" PRIu64 " -c\n",
	       copy, copy, in->session->image_path, w->count, in->seed);
	return EXIT_SUCCESS;
}
