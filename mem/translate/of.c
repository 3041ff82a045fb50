// # Any address of any process
//
//     build/mem/translate --of=1234 0x7f21c8a5e123 5568f8fd3000
//
// Addresses are hexadecimal, as in /proc/PID/maps, with or without 0x.

#define _GNU_SOURCE
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "draw.h"
#include "mem/of/of.h"
#include "mem/pages/pages.h"
#include "mem/translate/translate.h"
#include "must.h"
#include "options.h"

enum {
	OPT_OF = 0x100,
	OPT_FORMAT,
	MOST = 1024,
};

static const struct argp_option options[] = {
	{ "of", OPT_OF, "PID", 0, "The process", 0 },
	{ "format", OPT_FORMAT, "text|json", 0,
	  "For people (the default), or for programs", 0 },
	{ 0 }
};

struct wish {
	pid_t pid;
	int json;
	size_t count;
	uintptr_t addresses[MOST];
};

static uintptr_t address_of(const struct argp_state *state, const char *text)
{
	const char *digits = text + (strncmp(text, "0x", 2) ? 0 : 2);
	size_t n = strspn(digits, "0123456789abcdefABCDEF");

	if (n == 0 || digits[n] || n > 2 * sizeof(uintptr_t))
		option_refuse(state, "ADDRESS", text,
			      "1 to %zu hexadecimal digits, such as "
			      "7f21c8a5e123",
			      2 * sizeof(uintptr_t));
	return (uintptr_t)strtoull(digits, NULL, 16);
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	static const char *const formats[] = { "text", "json", NULL };
	struct wish *wish = state->input;

	switch (key) {
	case OPT_OF:
		wish->pid = of_pid(state, arg);
		return 0;
	case OPT_FORMAT:
		wish->json = option_choice(state, "--format", arg, formats);
		return 0;
	case ARGP_KEY_ARG:
		if (wish->count == MOST)
			option_refuse(state, "ADDRESS", arg, "at most %d",
				      MOST);
		wish->addresses[wish->count++] = address_of(state, arg);
		return 0;
	case ARGP_KEY_END:
		if (wish->pid == 0)
			option_refuse(state, "--of", "", "a process's number");
		if (wish->count == 0)
			option_refuse(state, "ADDRESS", "",
				      "an address, as in /proc/%d/maps",
				      wish->pid);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

// ## For people

static void describe_page(FILE *out, const struct page *page)
{
	if (page->present)
		fprintf(out, "  state    present, %s%s\n",
			page->file ? "of a file or shared memory" : "anonymous",
			page->exclusive ? ", mapped once" : "");
	else
		fprintf(out, "  state    no frame%s\n",
			page->swapped ? ": on the swap device"
			: page->guard ? ": a guard page"
				      : "");
	if (page->hidden)
		fprintf(out, "  frame    hidden by the kernel\n");
}

static void describe_frame(FILE *out, const struct frame_row *row)
{
	unsigned long long frame = row->page.frame;

	fprintf(out, "  frame    0x%llx: physical address 0x%llx\n", frame,
		frame * page_bytes() + row->address % page_bytes());
	if (!row->frame_known)
		return;
	fprintf(out, "  count    mapped %llu time%s\n",
		(unsigned long long)row->count, row->count == 1 ? "" : "s");
	const char *title = "flags";
	for (const struct frame_flag *flag = frame_flags; flag->name; flag++) {
		if (!(row->flags >> flag->bit & 1))
			continue;
		fprintf(out, "  %-7s  %-13s  %s\n", title, flag->name,
			flag->meaning);
		title = "";
	}
}

static void describe(FILE *out, const struct mapping *mapping,
		     const struct frame_row *row)
{
	char rights[5];
	unsigned long long address = row->address;

	fprintf(out, "0x%llx\n", address);
	if (mapping)
		fprintf(out, "  mapping  %llx-%llx %s %s\n",
			(unsigned long long)mapping->begin,
			(unsigned long long)mapping->end,
			mapping_rights(mapping, rights),
			*mapping->name ? mapping->name : "(anonymous)");
	else
		fprintf(out, "  mapping  none: to touch it is SIGSEGV\n");
	fprintf(out, "  page     0x%llx, offset 0x%llx\n",
		address / page_bytes(), address % page_bytes());
	if (!mapping)
		return;
	describe_page(out, &row->page);
	if (row->page.frame)
		describe_frame(out, row);
}

// ## For programs

static json_t *json_mapping(const struct mapping *mapping)
{
	char rights[5];

	if (!mapping)
		return json_null();
	return json_pack("{s:o, s:o, s:s, s:I, s:o}", "begin",
			 of_hex(mapping->begin), "end", of_hex(mapping->end),
			 "rights", mapping_rights(mapping, rights), "offset",
			 (json_int_t)mapping->offset, "name",
			 of_name(mapping->name));
}

static json_t *json_flags(uint64_t flags)
{
	json_t *names = must_ptr(json_array());

	for (const struct frame_flag *flag = frame_flags; flag->name; flag++)
		if (flags >> flag->bit & 1)
			json_array_append_new(names, json_string(flag->name));
	return names;
}

static json_t *json_row(const struct mapping *mapping,
			const struct frame_row *row)
{
	const struct page *page = &row->page;
	bool shown = page->frame != 0, known = row->frame_known;
	unsigned long long offset = row->address % page_bytes();

	return must_ptr(json_pack(
		"{s:o, s:o, s:o, s:o, s:b, s:b, s:b, s:b, s:b, s:o, s:o, s:o, "
		"s:o}",
		"address", of_hex(row->address), "mapping",
		json_mapping(mapping), "page",
		of_hex(row->address / page_bytes()), "offset", of_hex(offset),
		"present", (int)page->present, "hidden", (int)page->hidden,
		"swapped", (int)page->swapped, "file", (int)page->file,
		"exclusive", (int)page->exclusive, "frame",
		shown ? of_hex(page->frame) : json_null(), "physical",
		shown ? of_hex(page->frame * page_bytes() + offset)
		      : json_null(),
		"count",
		known ? json_integer((json_int_t)row->count) : json_null(),
		"flags", known ? json_flags(row->flags) : json_null()));
}

static void print_json(pid_t pid, json_t *rows)
{
	json_t *all = must_ptr(json_pack("{s:s, s:i, s:I, s:o}", "program",
					 "mem/translate", "pid", (int)pid,
					 "page_bytes", (json_int_t)page_bytes(),
					 "pages", rows));

	of_print(all);
}

// ---------------------------------------------------------------------------------

static void print_text(const char *text)
{
	struct canvas canvas = canvas_of(STDOUT_FILENO);
	char *picture = must_ptr(draw_text(&canvas, text));

	fputs(picture, stdout);
	free(picture);
}

static int translate(const struct wish *wish, const struct maps *maps)
{
	char *text = NULL;
	size_t bytes, hidden = 0;
	FILE *out = must_ptr(open_memstream(&text, &bytes));
	json_t *rows = must_ptr(json_array());
	int error = 0;

	for (size_t i = 0; i < wish->count && !error; i++) {
		struct frame_row row;
		const struct mapping *mapping = maps_find(maps,
							  wish->addresses[i]);
		error = frame_row_read(&row, "", wish->pid, wish->addresses[i],
				       NULL);
		if (error)
			break;
		hidden += row.page.hidden;
		describe(out, mapping, &row);
		must(json_array_append_new(rows, json_row(mapping, &row)));
	}
	must(fclose(out));
	if (error)
		json_decref(rows);
	else if (wish->json)
		print_json(wish->pid, rows);
	else
		print_text(text), json_decref(rows);
	free(text);
	if (error)
		return of_cannot(wish->pid, error);
	if (hidden == 0)
		return options_end(EXIT_SUCCESS);
	if (options_end(EXIT_SUCCESS) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	return option_complain(OF_MISSING, "the kernel hides the numbers of "
					   "frames from whoever lacks "
					   "CAP_SYS_ADMIN: be root");
}

int of_main(int argc, char **argv)
{
	static struct wish wish;
	struct maps maps;
	const struct argp argp = {
		.options = options,
		.parser = parse,
		.args_doc = "ADDRESS...",
		.doc = "What is behind addresses of a process: its mapping, "
		       "its frame, and what the kernel says of that.\v"
		       "  build/mem/translate --of=$$ 7ffc25926000\n\n"
		       "Exit status: 0 done, 1 no such process, 2 bad usage, "
		       "77 the kernel does not tell this user.",
	};

	must_zero(argp_parse(&argp, argc, argv, 0, NULL, &wish));
	int error = maps_read(&maps, wish.pid);
	int status = error || maps.count == 0 ? of_cannot(wish.pid, error)
					      : translate(&wish, &maps);
	maps_free(&maps);
	return status;
}
