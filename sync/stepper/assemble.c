// # A dozen instructions of x86-64
//
// An instruction is [lock] [REX] opcode [ModRM [displacement]] [immediate].
//
// - REX (0100WR0B) with W = 1 makes operands 64 bits wide; R and B are the
//   fourth bits of the two registers in ModRM.
// - ModRM (mm rrr bbb) names two operands: r a register, or more of the opcode;
//   b with mm = 11 a register, with 00 or 01 the memory at that register, plus
//   a displacement of 0 or 1 byte. A word of ours is [rdi + 8 * index].
// - An immediate takes 1 byte where it fits (sign-extended), else 4.
//
// The same instruction often has several encodings. Ours are those of GNU as,
// so that a test can hold the two against each other.
//
// Source: Intel 64 and IA-32 Architectures Software Developer's Manual, vol. 2,
// chapter 2 and the pages of the instructions.

#define _GNU_SOURCE
#include "sync/stepper/assemble.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RSP = 4, RBP = 5, WORDS_REGISTER = 7 };

// ## The table
//
// For FORM_ARITHMETIC, `code` is the opcode of "op r/m, reg" (2 more is "op
// reg, r/m", 4 more "op rax, imm32") and `more` the number in ModRM beside an
// immediate. For FORM_ONE, opcode and number. For FORM_JUMP, the opcode. For
// FORM_PAIR, a second byte after 0f, or 0.

enum form {
	FORM_MOVE,
	FORM_ARITHMETIC,
	FORM_ONE,
	FORM_TEST,
	FORM_EXCHANGE,
	FORM_PAIR,
	FORM_JUMP,
	FORM_PLAIN,
};

static const struct mnemonic {
	const char *name;
	enum form form;
	uint8_t code, more;
	bool lockable;
} mnemonics[] = {
	{ "mov", FORM_MOVE, 0, 0, false },
	{ "add", FORM_ARITHMETIC, 0x01, 0, true },
	{ "or", FORM_ARITHMETIC, 0x09, 1, true },
	{ "and", FORM_ARITHMETIC, 0x21, 4, true },
	{ "sub", FORM_ARITHMETIC, 0x29, 5, true },
	{ "xor", FORM_ARITHMETIC, 0x31, 6, true },
	{ "cmp", FORM_ARITHMETIC, 0x39, 7, false },
	{ "test", FORM_TEST, 0x85, 0, false },
	{ "inc", FORM_ONE, 0xff, 0, true },
	{ "dec", FORM_ONE, 0xff, 1, true },
	{ "not", FORM_ONE, 0xf7, 2, true },
	{ "neg", FORM_ONE, 0xf7, 3, true },
	{ "xchg", FORM_EXCHANGE, 0x87, 0, false },
	{ "xadd", FORM_PAIR, 0xc1, 0, true },
	{ "cmpxchg", FORM_PAIR, 0xb1, 0, true },
	{ "jmp", FORM_JUMP, 0xeb, 0, false },
	{ "jb", FORM_JUMP, 0x72, 0, false },
	{ "jae", FORM_JUMP, 0x73, 0, false },
	{ "je", FORM_JUMP, 0x74, 0, false },
	{ "jz", FORM_JUMP, 0x74, 0, false },
	{ "jne", FORM_JUMP, 0x75, 0, false },
	{ "jnz", FORM_JUMP, 0x75, 0, false },
	{ "jbe", FORM_JUMP, 0x76, 0, false },
	{ "ja", FORM_JUMP, 0x77, 0, false },
	{ "js", FORM_JUMP, 0x78, 0, false },
	{ "jns", FORM_JUMP, 0x79, 0, false },
	{ "jl", FORM_JUMP, 0x7c, 0, false },
	{ "jge", FORM_JUMP, 0x7d, 0, false },
	{ "jle", FORM_JUMP, 0x7e, 0, false },
	{ "jg", FORM_JUMP, 0x7f, 0, false },
	{ "nop", FORM_PLAIN, 0x90, 0, false },
	{ "pause", FORM_PLAIN, 0xf3, 0x90, false },
	{ "mfence", FORM_PLAIN, 0x0f, 0xae, false },
};

enum { MNEMONICS = sizeof mnemonics / sizeof *mnemonics };

static const struct mnemonic *mnemonic_named(const char *name, size_t length)
{
	for (size_t i = 0; i < MNEMONICS; i++)
		if (strlen(mnemonics[i].name) == length &&
		    !strncmp(mnemonics[i].name, name, length))
			return &mnemonics[i];
	return NULL;
}

bool assemble_reserved(const char *name, size_t length)
{
	static const char *const words[] = { "lock",     "word",   "process",
					     "check",    "always", "end",
					     "progress", "done" };

	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strlen(words[i]) == length &&
		    !strncmp(words[i], name, length))
			return true;
	return step_register(name, length) >= 0 ||
	       mnemonic_named(name, length) != NULL;
}

// ## Reading

struct operand {
	enum { NONE, REGISTER, WORD, NUMBER, NAME } kind;
	int value;        // a register's number, a word's index, the number
	const char *text; // as it stands in the line
	size_t length;
};

struct reader {
	const struct program *program;
	const char *text, *at;
	struct text_error *error;
};

__attribute__((format(printf, 3, 4))) static int
refuse(const struct reader *r, const char *where, const char *fmt, ...)
{
	va_list ap;

	r->error->column = (int)(where - r->text) + 1;
	va_start(ap, fmt);
	vsnprintf(r->error->text, sizeof r->error->text, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

static void skip_blanks(struct reader *r)
{
	while (*r->at == ' ' || *r->at == '\t')
		r->at++;
}

static size_t name_length(const char *text)
{
	size_t n = 0;

	while (isalnum((unsigned char)text[n]) || text[n] == '_')
		n++;
	return n;
}

static int read_number(struct reader *r, struct operand *operand)
{
	char *end;

	errno = 0;
	long value = strtol(r->at, &end, 0);
	size_t n = name_length(end);
	if (end == r->at || n)
		return refuse(r, r->at, "want a number, such as 1 or 0x10");
	if (errno || value < INT32_MIN || value > INT32_MAX)
		return refuse(r, r->at,
			      "an instruction holds no number beyond 32 bits");
	*operand = (struct operand){ NUMBER, (int)value, r->at,
				     (size_t)(end - r->at) };
	r->at = end;
	return 0;
}

static int read_word(struct reader *r, struct operand *operand)
{
	r->at++;
	skip_blanks(r);
	size_t n = name_length(r->at);
	int word = program_word(r->program, r->at, n);
	if (!n)
		return refuse(r, r->at, "want the name of a word after [");
	if (word < 0)
		return refuse(r, r->at, "there is no word '%.*s'", (int)n,
			      r->at);
	*operand = (struct operand){ WORD, word, r->at, n };
	r->at += n;
	skip_blanks(r);
	if (*r->at != ']')
		return refuse(r, r->at, "want ] here");
	r->at++;
	return 0;
}

static int read_name(struct reader *r, struct operand *operand)
{
	size_t n = name_length(r->at);
	int number = step_register(r->at, n);

	if (!n)
		return refuse(r, r->at,
			      "want a register, a number or a [word]");
	*operand = (struct operand){ number < 0 ? NAME : REGISTER, number,
				     r->at, n };
	if (number == RSP || number == RBP)
		return refuse(r, r->at, "%.*s is not for pieces of code",
			      (int)n, r->at);
	if (number == WORDS_REGISTER)
		return refuse(r, r->at, "rdi holds the address of the words");
	r->at += n;
	return 0;
}

static int read_operand(struct reader *r, struct operand *operand)
{
	if (*r->at == '[')
		return read_word(r, operand);
	if (isdigit((unsigned char)*r->at) || *r->at == '-' || *r->at == '+')
		return read_number(r, operand);
	return read_name(r, operand);
}

static int read_operands(struct reader *r, struct operand operands[2])
{
	int error = 0;

	skip_blanks(r);
	for (int i = 0; *r->at && !error; i++) {
		if (i == 2)
			return refuse(r, r->at, "this is too much");
		if (i == 1 && *r->at != ',')
			return refuse(r, r->at, "want a comma here");
		r->at += i;
		skip_blanks(r);
		error = read_operand(r, &operands[i]);
		skip_blanks(r);
	}
	return error;
}

// ## Writing

static void put(struct instruction *in, unsigned byte)
{
	in->code[in->bytes++] = (uint8_t)byte;
}

static void put_immediate(struct instruction *in, int value, int bytes)
{
	for (int i = 0; i < bytes; i++)
		put(in, (unsigned)value >> (8 * i) & 0xff);
}

// REX, one or two bytes of opcode, ModRM: `r` beside a register or a word.
static void put_modrm(struct instruction *in, bool escape, unsigned code, int r,
		      const struct operand *rm)
{
	int b = rm->kind == REGISTER ? rm->value : WORDS_REGISTER;
	int offset = rm->kind == WORD ? 8 * rm->value : 0;
	unsigned mode = rm->kind == REGISTER ? 3 : offset ? 1 : 0;

	put(in, 0x48 | (unsigned)(r >> 3) << 2 | (unsigned)(b >> 3));
	if (escape)
		put(in, 0x0f);
	put(in, code);
	put(in, mode << 6 | (unsigned)(r & 7) << 3 | (unsigned)(b & 7));
	if (mode == 1)
		put(in, (unsigned)offset);
}

static bool is_short(int value)
{
	return value >= INT8_MIN && value <= INT8_MAX;
}

// Both are there, and not both in memory.
static bool is_pair(const struct operand *o)
{
	return (o[0].kind == REGISTER &&
		(o[1].kind == REGISTER || o[1].kind == WORD ||
		 o[1].kind == NUMBER)) ||
	       (o[0].kind == WORD &&
		(o[1].kind == REGISTER || o[1].kind == NUMBER));
}

static int write_move(const struct reader *r, struct instruction *in,
		      const struct mnemonic *m, const struct operand *o)
{
	(void)m;
	if (!is_pair(o))
		return refuse(r, r->text,
			      "mov wants REG or [word], then REG, "
			      "NUMBER or, for a REG, [word]");
	if (o[1].kind == NUMBER) {
		put_modrm(in, false, 0xc7, 0, &o[0]);
		put_immediate(in, o[1].value, 4);
	} else if (o[1].kind == WORD) {
		put_modrm(in, false, 0x8b, o[0].value, &o[1]);
	} else {
		put_modrm(in, false, 0x89, o[1].value, &o[0]);
	}
	return 0;
}

static int write_arithmetic(const struct reader *r, struct instruction *in,
			    const struct mnemonic *m, const struct operand *o)
{
	if (!is_pair(o))
		return refuse(r, r->text,
			      "%s wants REG or [word], then REG, "
			      "NUMBER or, for a REG, [word]",
			      m->name);
	if (o[1].kind == WORD) {
		put_modrm(in, false, m->code + 2u, o[0].value, &o[1]);
	} else if (o[1].kind == REGISTER) {
		put_modrm(in, false, m->code, o[1].value, &o[0]);
	} else if (is_short(o[1].value)) {
		put_modrm(in, false, 0x83, m->more, &o[0]);
		put_immediate(in, o[1].value, 1);
	} else if (o[0].kind == REGISTER && o[0].value == 0) {
		put(in, 0x48);
		put(in, m->code + 4u);
		put_immediate(in, o[1].value, 4);
	} else {
		put_modrm(in, false, 0x81, m->more, &o[0]);
		put_immediate(in, o[1].value, 4);
	}
	return 0;
}

static int write_one(const struct reader *r, struct instruction *in,
		     const struct mnemonic *m, const struct operand *o)
{
	if ((o[0].kind != REGISTER && o[0].kind != WORD) || o[1].kind != NONE)
		return refuse(r, r->text, "%s wants one REG or [word]",
			      m->name);
	put_modrm(in, false, m->code, m->more, &o[0]);
	return 0;
}

static int write_test(const struct reader *r, struct instruction *in,
		      const struct mnemonic *m, const struct operand *o)
{
	if (o[0].kind != REGISTER || o[1].kind != REGISTER)
		return refuse(r, r->text, "test wants REG, REG");
	put_modrm(in, false, m->code, o[1].value, &o[0]);
	return 0;
}

static int write_exchange(const struct reader *r, struct instruction *in,
			  const struct mnemonic *m, const struct operand *o)
{
	bool swapped = o[0].kind == REGISTER;

	if (o[swapped].kind != WORD || o[!swapped].kind != REGISTER)
		return refuse(r, r->text, "xchg wants a [word] and a REG");
	put_modrm(in, false, m->code, o[!swapped].value, &o[swapped]);
	return 0;
}

static int write_pair(const struct reader *r, struct instruction *in,
		      const struct mnemonic *m, const struct operand *o)
{
	if (o[0].kind != WORD || o[1].kind != REGISTER)
		return refuse(r, r->text, "%s wants [word], REG", m->name);
	put_modrm(in, true, m->code, o[1].value, &o[0]);
	return 0;
}

static int write_jump(const struct reader *r, struct instruction *in,
		      const struct mnemonic *m, const struct operand *o)
{
	if (o[0].kind != NAME || o[1].kind != NONE)
		return refuse(r, r->text, "%s wants a label", m->name);
	put(in, m->code);
	put(in, 0);
	return 0;
}

static int write_plain(const struct reader *r, struct instruction *in,
		       const struct mnemonic *m, const struct operand *o)
{
	if (o[0].kind != NONE)
		return refuse(r, o[0].text, "%s wants nothing more", m->name);
	put(in, m->code);
	if (m->more)
		put(in, m->more);
	if (m->code == 0x0f)
		put(in, 0xf0);
	return 0;
}

static int (*const writers[])(const struct reader *, struct instruction *,
			      const struct mnemonic *,
			      const struct operand *) = {
	[FORM_MOVE] = write_move,	  [FORM_ARITHMETIC] = write_arithmetic,
	[FORM_ONE] = write_one,		  [FORM_TEST] = write_test,
	[FORM_EXCHANGE] = write_exchange, [FORM_PAIR] = write_pair,
	[FORM_JUMP] = write_jump,	  [FORM_PLAIN] = write_plain,
};

// ## As it is printed: one space, ", " between operands

static void write_text(struct instruction *in, bool locked,
		       const struct mnemonic *m, const struct operand *o)
{
	int n = snprintf(in->text, sizeof in->text, "%s%s",
			 locked ? "lock " : "", m->name);

	for (int i = 0; i < 2 && o[i].kind != NONE; i++) {
		const char *before = i ? ", " : " ";
		bool word = o[i].kind == WORD;
		if (o[i].kind == NUMBER)
			n += snprintf(in->text + n, sizeof in->text - (size_t)n,
				      "%s%d", before, o[i].value);
		else
			n += snprintf(in->text + n, sizeof in->text - (size_t)n,
				      "%s%s%.*s%s", before, word ? "[" : "",
				      PROGRAM_NAME - 1 < (int)o[i].length
					      ? PROGRAM_NAME - 1
					      : (int)o[i].length,
				      o[i].text, word ? "]" : "");
	}
}

int assemble(const struct program *program, const char *text,
	     struct instruction *in, const char **label, size_t *label_length,
	     struct text_error *error)
{
	struct reader r = { program, text, text, error };
	struct operand operands[2] = { { 0 }, { 0 } };

	*label = NULL;
	*in = (struct instruction){ 0 };
	skip_blanks(&r);
	bool locked = name_length(r.at) == 4 && !strncmp(r.at, "lock", 4);
	if (locked)
		r.at += 4;
	skip_blanks(&r);
	const char *name = r.at;
	size_t n = name_length(name);
	const struct mnemonic *m = mnemonic_named(name, n);
	if (!m)
		return n ? refuse(&r, name, "'%.*s' is no instruction known "
					    "here (see --help)",
				  n > 20 ? 20 : (int)n, name)
			 : refuse(&r, name, "want an instruction here");
	r.at += n;
	if (read_operands(&r, operands))
		return -EINVAL;
	if (locked && (!m->lockable || operands[0].kind != WORD))
		return refuse(&r, name, "lock wants an instruction that reads "
					"and writes a [word], given first");
	if (locked)
		put(in, 0xf0);
	r.text = text;
	if (writers[m->form](&r, in, m, operands))
		return -EINVAL;
	if (m->form == FORM_JUMP) {
		*label = operands[0].text;
		*label_length = operands[0].length;
	}
	write_text(in, locked, m, operands);
	return 0;
}
