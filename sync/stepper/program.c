// # A text becomes pieces of code
//
// Line by line: words, processes with their labels and instructions, checks.
// Jumps wait until all labels of their process are known. A section is what
// lies between a label and the next: "A is in `cs`" is something a check can
// ask (condition.h).

#define _GNU_SOURCE
#include "sync/stepper/program.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sync/stepper/assemble.h"

enum { LINE_BYTES = 200 };

struct jump {
	char label[PROGRAM_NAME];
	int line, column;
};

struct parser {
	struct program *program;
	struct text_error *error;
	int line;
	char text[LINE_BYTES]; // the line, without comment
	int first, open;       // the processes that are being defined
	struct jump jumps[PROGRAM_INSTRUCTIONS]; // by instruction, of the group
};

__attribute__((format(printf, 3, 4))) static int
refuse(const struct parser *p, const char *where, const char *fmt, ...)
{
	va_list ap;

	p->error->line = p->line;
	p->error->column = where ? (int)(where - p->text) + 1 : 0;
	va_start(ap, fmt);
	vsnprintf(p->error->text, sizeof p->error->text, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

static const char *after_blanks(const char *text)
{
	return text + strspn(text, " \t");
}

static size_t name_length(const char *text)
{
	size_t n = 0;

	if (isdigit((unsigned char)*text))
		return 0;
	while (isalnum((unsigned char)text[n]) || text[n] == '_')
		n++;
	return n;
}

static bool is_name(const char *name, const char *text, size_t length)
{
	return strlen(name) == length && !strncmp(name, text, length);
}

int program_word(const struct program *program, const char *name, size_t length)
{
	for (int i = 0; i < program->words; i++)
		if (is_name(program->word[i], name, length))
			return i;
	return -1;
}

int program_section(const struct routine *routine, const char *name,
		    size_t length)
{
	for (int i = 0; i < routine->sections; i++)
		if (is_name(routine->section[i].name, name, length))
			return i;
	return -1;
}

// A new name for a word or a section.
static int check_name(const struct parser *p, const char *name, size_t length)
{
	if (!length)
		return refuse(p, name, "want a name of letters and digits");
	if (length >= PROGRAM_NAME)
		return refuse(p, name, "a name has at most %d letters",
			      PROGRAM_NAME - 1);
	if (assemble_reserved(name, length))
		return refuse(p, name, "'%.*s' means something else",
			      (int)length, name);
	if (length == 1 && *name >= 'A' && *name < 'A' + STEPPER_PROCESSES)
		return refuse(p, name, "A, B and C are processes");
	return 0;
}

// ## word x = 0

static int parse_word(struct parser *p, const char *at)
{
	struct program *program = p->program;
	size_t n = name_length(at);
	uint64_t start = 0;

	if (check_name(p, at, n))
		return -EINVAL;
	if (program_word(program, at, n) >= 0)
		return refuse(p, at, "there is a word '%.*s' already", (int)n,
			      at);
	if (program->words == STEPPER_WORDS)
		return refuse(p, at, "there is room for %d words",
			      STEPPER_WORDS);
	if (program->routines)
		return refuse(p, at, "words come before the processes");
	const char *after = after_blanks(at + n);
	if (*after == '=') {
		char *end;
		after = after_blanks(after + 1);
		errno = 0;
		start = *after == '-' ? (uint64_t)strtoll(after, &end, 0)
				      : strtoull(after, &end, 0);
		if (end == after || errno || isalnum((unsigned char)*end))
			return refuse(p, after,
				      "want a number of 64 bits here");
		after = after_blanks(end);
	}
	if (*after)
		return refuse(p, after, "want '= NUMBER' or nothing here");
	memcpy(program->word[program->words], at, n);
	program->start[program->words++] = start;
	return 0;
}

// ## process A B

static int end_processes(struct parser *p);

static int parse_process(struct parser *p, const char *at)
{
	struct program *program = p->program;

	if (end_processes(p))
		return -EINVAL;
	p->first = program->routines;
	do {
		char name = (char)('A' + program->routines);
		if (program->routines == STEPPER_PROCESSES)
			return refuse(p, at, "three processes are the most");
		if (name_length(at) != 1 || *at != name)
			return refuse(p, at,
				      "want %c here, the name of the next "
				      "process",
				      name);
		program->routine[program->routines++].name = name;
		at = after_blanks(at + 1);
		if (*at == ',')
			at = after_blanks(at + 1);
	} while (*at);
	p->open = program->routines - p->first;
	return 0;
}

static int resolve(struct parser *p, const struct routine *r,
		   struct instruction *in, const struct jump *jump)
{
	int to = program_section(r, jump->label, strlen(jump->label));

	p->error->line = jump->line;
	p->error->column = jump->column;
	if (to < 0) {
		snprintf(p->error->text, sizeof p->error->text,
			 "there is no label '%s' in process %c", jump->label,
			 r->name);
		return -EINVAL;
	}
	int target = r->section[to].first;
	int distance = (target < r->count ? r->instructions[target].offset
					  : (int)r->bytes) -
		       (in->offset + in->bytes);
	if (distance < INT8_MIN || distance > INT8_MAX) {
		snprintf(p->error->text, sizeof p->error->text,
			 "'%s' is %d bytes away, and a jump reaches 127",
			 jump->label, abs(distance));
		return -EINVAL;
	}
	in->code[in->bytes - 1] = (uint8_t)distance;
	return 0;
}

// All of the group are the same: the first is written, the others are copies.
static int end_processes(struct parser *p)
{
	struct routine *r = &p->program->routine[p->first];

	if (!p->open)
		return 0;
	if (!r->count)
		return refuse(p, NULL, "process %c has no instructions",
			      r->name);
	for (int i = 0; i < r->sections; i++)
		r->section[i].end = i + 1 < r->sections
					    ? r->section[i + 1].first
					    : r->count;
	for (int i = 0; i < r->count; i++) {
		struct instruction *in = &r->instructions[i];
		if (*p->jumps[i].label && resolve(p, r, in, &p->jumps[i]))
			return -EINVAL;
		memcpy(r->code + in->offset, in->code, in->bytes);
	}
	for (int i = 1; i < p->open; i++) {
		char name = r[i].name;
		r[i] = *r;
		r[i].name = name;
	}
	p->open = 0;
	return 0;
}

// ## label: instruction

static int parse_label(struct parser *p, const char *at, size_t n)
{
	struct routine *r = &p->program->routine[p->first];

	if (check_name(p, at, n))
		return -EINVAL;
	if (program_section(r, at, n) >= 0)
		return refuse(p, at, "there is a label '%.*s' already", (int)n,
			      at);
	if (program_word(p->program, at, n) >= 0)
		return refuse(p, at, "'%.*s' is a word", (int)n, at);
	if (r->sections == PROGRAM_SECTIONS)
		return refuse(p, at, "a process has at most %d labels",
			      PROGRAM_SECTIONS);
	struct section *section = &r->section[r->sections++];
	memcpy(section->name, at, n);
	section->first = r->count;
	return 0;
}

static int parse_instruction(struct parser *p, const char *at)
{
	struct routine *r = &p->program->routine[p->first];
	struct text_error error = { 0 };
	const char *label;
	size_t length;

	if (!p->open)
		return refuse(p, at,
			      "want 'word', 'process' or 'check' (instructions "
			      "belong to a process)");
	if (r->count == PROGRAM_INSTRUCTIONS)
		return refuse(p, at, "a process has at most %d instructions",
			      PROGRAM_INSTRUCTIONS);
	struct instruction *in = &r->instructions[r->count];
	if (assemble(p->program, at, in, &label, &length, &error))
		return refuse(p, at + error.column - 1, "%s", error.text);
	p->jumps[r->count] = (struct jump){ .line = p->line };
	if (label) {
		if (length >= PROGRAM_NAME)
			return refuse(p, label, "a name has at most %d letters",
				      PROGRAM_NAME - 1);
		memcpy(p->jumps[r->count].label, label, length);
		p->jumps[r->count].column = (int)(label - p->text) + 1;
	}
	in->line = p->line;
	in->offset = (uint16_t)r->bytes;
	r->bytes += in->bytes;
	r->count++;
	return 0;
}

// ## check EXPRESSION

static int parse_check(struct parser *p, const char *at)
{
	struct program *program = p->program;

	if (end_processes(p))
		return -EINVAL;
	if (program->checks == PROGRAM_CHECKS)
		return refuse(p, at, "there is room for %d checks",
			      PROGRAM_CHECKS);
	if (strlen(at) >= PROGRAM_CHECK)
		return refuse(p, at, "a check has at most %d characters",
			      PROGRAM_CHECK - 1);
	memcpy(program->check[program->checks].text, at, strlen(at) + 1);
	program->check[program->checks++].line = p->line;
	return 0;
}

static int parse_line(struct parser *p)
{
	static const struct {
		const char *name;
		int (*parse)(struct parser *, const char *);
	} kinds[] = { { "word", parse_word },
		      { "process", parse_process },
		      { "check", parse_check } };
	const char *at = after_blanks(p->text);

	for (size_t n = name_length(at); n && p->open;) {
		const char *after = after_blanks(at + n);
		if (*after != ':')
			break;
		if (parse_label(p, at, n))
			return -EINVAL;
		at = after_blanks(after + 1);
		n = name_length(at);
	}
	if (!*at)
		return 0;
	size_t n = name_length(at);
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (is_name(kinds[i].name, at, n))
			return kinds[i].parse(p, after_blanks(at + n));
	return parse_instruction(p, at);
}

// One line of the text into p->text: comment and blanks at its end are gone.
static int take_line(struct parser *p, const char *text, size_t length)
{
	size_t n = 0;

	p->line++;
	while (n < length && text[n] != '#' && text[n] != ';')
		n++;
	while (n && isspace((unsigned char)text[n - 1]))
		n--;
	if (n >= sizeof p->text)
		return refuse(p, NULL, "a line has at most %d characters",
			      LINE_BYTES - 1);
	for (size_t i = 0; i < n; i++)
		if (!isprint((unsigned char)text[i]) && text[i] != '\t') {
			p->text[0] = '\0';
			return refuse(p, p->text + i,
				      "this character belongs into a comment");
		}
	memcpy(p->text, text, n);
	p->text[n] = '\0';
	return 0;
}

int program_parse(struct program *program, const char *text, size_t length,
		  struct text_error *error)
{
	struct parser parser = { .program = program, .error = error };

	*program = (struct program){ 0 };
	for (size_t at = 0; at < length;) {
		const char *newline = memchr(text + at, '\n', length - at);
		size_t n = newline ? (size_t)(newline - text) - at
				   : length - at;
		if (take_line(&parser, text + at, n) || parse_line(&parser))
			return -EINVAL;
		at += n + 1;
	}
	if (end_processes(&parser))
		return -EINVAL;
	parser.line = 0;
	if (!program->routines)
		return refuse(&parser, NULL, "there is no process in it");
	return 0;
}

// ## From a program to a stepper

int program_pieces(const struct program *program,
		   struct step_piece pieces[STEPPER_PROCESSES])
{
	for (int i = 0; i < program->routines; i++)
		pieces[i] = (struct step_piece){
			.code = program->routine[i].code,
			.bytes = program->routine[i].bytes,
		};
	return program->routines;
}

void program_start(const struct program *program, const struct stepper *stepper,
		   struct step_state *state)
{
	stepper_start(stepper, state);
	memcpy(state->words, program->start, sizeof program->start);
}

int program_at(const struct routine *routine,
	       const struct step_process *process)
{
	if (process->next == STEPPER_END)
		return routine->count;
	for (int i = 0; i < routine->count; i++)
		if (routine->instructions[i].offset == process->next)
			return i;
	return -1;
}
