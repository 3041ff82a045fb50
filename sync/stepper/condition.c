// # A parser that descends, and a tree of nodes
//
// One function reads all binary operators: it takes what binds at least as
// tightly as it was told, and asks itself for the right-hand sides (precedence
// climbing). The tree lies in an array, so there is nothing to free; a text
// that wants more nodes, or nests too deeply, is refused.
//
// Source: Keith Clarke, "The top-down parsing of expressions", 1986.

#define _GNU_SOURCE
#include "sync/stepper/condition.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEEPEST = 32 };

struct parser {
	struct condition *condition;
	const struct program *program;
	const char *text, *at;
	struct text_error *error;
	int depth;
};

// Returns -1, which no node is.
__attribute__((format(printf, 3, 4))) static int
refuse(const struct parser *p, const char *where, const char *fmt, ...)
{
	va_list ap;

	p->error->line = 0;
	p->error->column = (int)(where - p->text) + 1;
	va_start(ap, fmt);
	vsnprintf(p->error->text, sizeof p->error->text, fmt, ap);
	va_end(ap);
	return -1;
}

static void skip_blanks(struct parser *p)
{
	p->at += strspn(p->at, " \t");
}

static size_t name_length(const char *text)
{
	size_t n = 0;

	while (isalnum((unsigned char)text[n]) || text[n] == '_')
		n++;
	return n;
}

static bool is_name(const char *name, const char *text, size_t length)
{
	return strlen(name) == length && !strncmp(name, text, length);
}

static int new_node(struct parser *p, struct condition_node node)
{
	struct condition *c = p->condition;

	if (c->count == CONDITION_NODES)
		return refuse(p, p->at, "this is too long");
	c->nodes[c->count] = node;
	return c->count++;
}

// ## What stands alone

static int parse_number(struct parser *p)
{
	char *end;

	errno = 0;
	uint64_t value = strtoull(p->at, &end, 0);
	if (errno || name_length(end))
		return refuse(p, p->at, "want a number of 64 bits here");
	p->at = end;
	return new_node(p, (struct condition_node){ .kind = CONDITION_NUMBER,
						    .number = value });
}

static int parse_part(struct parser *p, int who)
{
	const struct routine *routine = &p->program->routine[who];
	struct condition_node node = { .who = who };

	p->at++;
	size_t n = name_length(p->at);
	if (is_name("done", p->at, n)) {
		node.kind = CONDITION_DONE;
	} else if ((node.index = step_register(p->at, n)) >= 0) {
		node.kind = CONDITION_REGISTER;
	} else {
		node.kind = CONDITION_SECTION;
		node.index = program_section(routine, p->at, n);
		if (node.index < 0)
			return refuse(p, p->at,
				      "%c has no register or label '%.*s'",
				      routine->name, n > 40 ? 40 : (int)n,
				      p->at);
	}
	p->at += n;
	return new_node(p, node);
}

static int parse_name(struct parser *p)
{
	size_t n = name_length(p->at);
	int word = program_word(p->program, p->at, n);

	if (!n)
		return refuse(p, p->at,
			      *p->at ? "want a name, a number or ( "
				       "here"
				     : "the expression ends too "
				       "early");
	if (p->at[n] == '.') {
		int who = *p->at - 'A';
		if (n != 1 || who < 0 || who >= p->program->routines)
			return refuse(p, p->at, "there is no process '%.*s'",
				      n > 40 ? 40 : (int)n, p->at);
		p->at += n;
		return parse_part(p, who);
	}
	if (word < 0)
		return refuse(p, p->at, "there is no word '%.*s'",
			      n > 40 ? 40 : (int)n, p->at);
	p->at += n;
	return new_node(p, (struct condition_node){ .kind = CONDITION_WORD,
						    .index = word });
}

// ## Operators

static const struct operation {
	const char *text;
	int level; // a higher one binds more tightly
} operations[] = {
	{ "||", 1 }, { "&&", 2 }, { "==", 3 }, { "!=", 3 }, { "<=", 4 },
	{ ">=", 4 }, { "<", 4 },  { ">", 4 },  { "+", 5 },  { "-", 5 },
	{ "*", 6 },
};

enum {
	OR,
	AND,
	EQUAL,
	UNEQUAL,
	AT_MOST,
	AT_LEAST,
	LESS,
	MORE,
	PLUS,
	MINUS,
	TIMES,
	OPERATIONS
};

static int operation_at(const char *text)
{
	for (int i = 0; i < OPERATIONS; i++)
		if (!strncmp(text, operations[i].text,
			     strlen(operations[i].text)))
			return i;
	return -1;
}

static int parse_binary(struct parser *p, int level);

static int parse_operand(struct parser *p)
{
	struct condition_node node = { .kind = CONDITION_NOT };
	int inner;

	skip_blanks(p);
	if (++p->depth > DEEPEST)
		return refuse(p, p->at, "this is nested too deeply");
	if (*p->at == '(') {
		const char *open = p->at++;
		inner = parse_binary(p, 1);
		if (inner < 0)
			return -1;
		skip_blanks(p);
		if (*p->at != ')')
			return *p->at ? refuse(p, p->at,
					       "want an operator or ) here")
				      : refuse(p, open,
					       "this ( is never closed");
		p->at++;
	} else if (*p->at == '!' || *p->at == '-') {
		if (*p->at++ == '-')
			node.kind = CONDITION_MINUS;
		node.left = parse_operand(p);
		inner = node.left < 0 ? -1 : new_node(p, node);
	} else if (isdigit((unsigned char)*p->at)) {
		inner = parse_number(p);
	} else {
		inner = parse_name(p);
	}
	p->depth--;
	return inner;
}

static int parse_binary(struct parser *p, int level)
{
	int left = parse_operand(p);

	while (left >= 0) {
		struct condition_node node = { .kind = CONDITION_BINARY,
					       .left = left };
		skip_blanks(p);
		node.operation = operation_at(p->at);
		if (node.operation < 0 ||
		    operations[node.operation].level < level)
			return left;
		p->at += strlen(operations[node.operation].text);
		node.right = parse_binary(p,
					  operations[node.operation].level + 1);
		left = node.right < 0 ? -1 : new_node(p, node);
	}
	return left;
}

int condition_parse(struct condition *condition, const struct program *program,
		    const char *text, struct text_error *error)
{
	struct parser p = { .condition = condition,
			    .program = program,
			    .text = text,
			    .at = text,
			    .error = error };

	*condition = (struct condition){ .when = CONDITION_END };
	skip_blanks(&p);
	size_t n = name_length(p.at);
	if (is_name("progress", p.at, n)) {
		condition->when = CONDITION_PROGRESS;
		p.at += n;
	} else {
		if (is_name("always", p.at, n))
			condition->when = CONDITION_ALWAYS;
		if (is_name("always", p.at, n) || is_name("end", p.at, n))
			p.at += n;
		condition->root = parse_binary(&p, 1);
		if (condition->root < 0)
			return -EINVAL;
	}
	skip_blanks(&p);
	if (!*p.at)
		return 0;
	refuse(&p, p.at, "want an operator or the end here");
	return -EINVAL;
}

// ## The value

static uint64_t value_of(const struct condition *c, int index,
			 const struct program *program,
			 const struct step_state *state);

static uint64_t section_value(const struct condition_node *node,
			      const struct program *program,
			      const struct step_state *state)
{
	const struct routine *routine = &program->routine[node->who];
	const struct section *section = &routine->section[node->index];
	int at = program_at(routine, &state->processes[node->who]);

	return at >= section->first && at < section->end;
}

// Sums and products wrap around: they are unsigned.
static uint64_t binary_value(int operation, uint64_t left, uint64_t right)
{
	switch (operation) {
	case OR:
		return left || right;
	case AND:
		return left && right;
	case EQUAL:
		return left == right;
	case UNEQUAL:
		return left != right;
	case AT_MOST:
		return (int64_t)left <= (int64_t)right;
	case AT_LEAST:
		return (int64_t)left >= (int64_t)right;
	case LESS:
		return (int64_t)left < (int64_t)right;
	case MORE:
		return (int64_t)left > (int64_t)right;
	case PLUS:
		return left + right;
	case MINUS:
		return left - right;
	default:
		return left * right;
	}
}

static uint64_t value_of(const struct condition *c, int index,
			 const struct program *program,
			 const struct step_state *state)
{
	const struct condition_node *node = &c->nodes[index];
	const struct step_process *process = &state->processes[node->who];

	switch (node->kind) {
	case CONDITION_NUMBER:
		return node->number;
	case CONDITION_WORD:
		return state->words[node->index];
	case CONDITION_REGISTER:
		return process->registers[node->index];
	case CONDITION_SECTION:
		return section_value(node, program, state);
	case CONDITION_DONE:
		return process->next == STEPPER_END;
	case CONDITION_NOT:
		return !value_of(c, node->left, program, state);
	case CONDITION_MINUS:
		return -value_of(c, node->left, program, state);
	default:
		return binary_value(node->operation,
				    value_of(c, node->left, program, state),
				    value_of(c, node->right, program, state));
	}
}

int64_t condition_value(const struct condition *condition,
			const struct program *program,
			const struct step_state *state)
{
	return condition->when == CONDITION_PROGRESS
		       ? 1
		       : (int64_t)value_of(condition, condition->root, program,
					   state);
}
