// Programs, machine code and checks as text.

#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "weave_parts.h"

static int parsed(struct program *program, const char *text,
		  struct text_error *error)
{
	*error = (struct text_error){ 0 };
	return program_parse(program, text, strlen(text), error);
}

// --- machine code ----------------------------------------------------------------

// From the Intel manual, volume 2, each by hand from its page and table 2-2.
static const struct {
	const char *instruction, *bytes;
} by_hand[] = {
	{ "mov rax, [x]", "48 8b 07" },
	{ "mov [y], r15", "4c 89 7f 08" },
	{ "mov rax, 1", "48 c7 c0 01 00 00 00" },
	{ "mov r9, rcx", "49 89 c9" },
	{ "mov [y], -1", "48 c7 47 08 ff ff ff ff" },
	{ "add rax, 1", "48 83 c0 01" },
	{ "add rax, 128", "48 05 80 00 00 00" },
	{ "add rcx, 128", "48 81 c1 80 00 00 00" },
	{ "lock add [x], 1", "f0 48 83 07 01" },
	{ "cmp [y], 0", "48 83 7f 08 00" },
	{ "test rax, rax", "48 85 c0" },
	{ "xchg [x], rax", "48 87 07" },
	{ "xchg r8, [x]", "4c 87 07" },
	{ "lock xadd [x], rax", "f0 48 0f c1 07" },
	{ "lock cmpxchg [y], rcx", "f0 48 0f b1 4f 08" },
	{ "inc rax", "48 ff c0" },
	{ "lock dec [x]", "f0 48 ff 0f" },
	{ "neg [x]", "48 f7 1f" },
	{ "not r8", "49 f7 d0" },
	{ "mfence", "0f ae f0" },
	{ "pause", "f3 90" },
	{ "nop", "90" },
	{ "jmp here", "eb fe" },
	{ "jne here", "75 fe" },
};

START_TEST(weave_bytes_by_hand)
{
	for (size_t i = 0; i < sizeof by_hand / sizeof *by_hand; i++) {
		struct program program;
		struct text_error error;
		char text[160], bytes[3 * PROGRAM_BYTES + 1] = "";
		size_t n = 0;
		snprintf(text, sizeof text,
			 "word x\nword y\nprocess A\nhere: %s\n",
			 by_hand[i].instruction);
		ck_assert_msg(parsed(&program, text, &error) == 0, "%s: %s",
			      by_hand[i].instruction, error.text);
		const struct routine *r = &program.routine[0];
		for (size_t j = 0; j < r->bytes; j++)
			n += (size_t)snprintf(bytes + n, sizeof bytes - n,
					      "%s%02x", j ? " " : "",
					      r->code[j]);
		ck_assert_str_eq(bytes, by_hand[i].bytes);
		ck_assert_str_eq(r->instructions[0].text,
				 by_hand[i].instruction);
	}
}
END_TEST

// GNU as, given the same instructions: a word is qword ptr [rdi + 8 * index].
static const char *const registers[] = { "rax", "rcx", "rdx", "rbx", "rsi",
					 "r8",  "r9",  "r10", "r11", "r12",
					 "r13", "r14", "r15" };

enum { REGISTERS = 13, BATCH = 60 };

static const char *const immediates[] = {
	"0", "1", "-1", "127", "128", "-128", "-129", "2147483647",
	"-2147483648",
};

enum { IMMEDIATES = 9 };

struct both {
	FILE *ours, *theirs;
	int instructions;
};

// The same line for both; a word's operand is spelled as each has it.
static void put_line(struct both *both, const char *name, const char *first,
		     int first_word, const char *second, int second_word)
{
	FILE *files[] = { both->ours, both->theirs };

	if (both->instructions++ % BATCH == 0)
		fputs("-\n", both->ours);
	for (int i = 0; i < 2; i++) {
		fprintf(files[i], "%s ", name);
		for (int j = 0; j < 2; j++) {
			const char *text = j ? second : first;
			int word = j ? second_word : first_word;
			if (!text && word < 0)
				continue;
			fputs(j ? ", " : "", files[i]);
			if (text)
				fputs(text, files[i]);
			else if (i == 0)
				fprintf(files[i], "[w%d]", word);
			else
				fprintf(files[i], "qword ptr [rdi + %d]",
					8 * word);
		}
		fputc('\n', files[i]);
	}
}

static void put_arithmetic(struct both *both)
{
	static const char *const names[] = { "mov", "add", "sub", "and",
					     "or",  "xor", "cmp" };
	char locked[16];

	for (int i = 0; i < 7; i++) {
		const char *name = names[i];
		bool lockable = i != 0 && i != 6;
		snprintf(locked, sizeof locked, "lock %s", name);
		for (int r = 0; r < REGISTERS; r++) {
			const char *reg = registers[r];
			put_line(both, name, reg, -1,
				 registers[(r + 5) % REGISTERS], -1);
			put_line(both, name, reg, -1, NULL, r % 16);
			put_line(both, name, NULL, 15 - r, reg, -1);
			if (lockable)
				put_line(both, locked, NULL, r, reg, -1);
			for (int v = 0; v < IMMEDIATES; v++)
				put_line(both, name, reg, -1, immediates[v],
					 -1);
		}
		for (int v = 0; v < IMMEDIATES; v++) {
			put_line(both, name, NULL, v, immediates[v], -1);
			if (lockable)
				put_line(both, locked, NULL, 0, immediates[v],
					 -1);
		}
	}
}

static void put_others(struct both *both)
{
	static const char *const one[] = { "inc", "dec", "neg", "not" };
	static const char *const pair[] = { "xadd", "cmpxchg", "lock xadd",
					    "lock cmpxchg", "xchg" };
	static const char *const plain[] = { "nop", "pause", "mfence" };
	char locked[16];

	for (int r = 0; r < REGISTERS; r++) {
		put_line(both, "test", registers[r], -1,
			 registers[(r + 7) % REGISTERS], -1);
		put_line(both, "xchg", registers[r], -1, NULL, r);
		for (int i = 0; i < 4; i++)
			put_line(both, one[i], registers[r], -1, NULL, -1);
		for (int i = 0; i < 5; i++)
			put_line(both, pair[i], NULL, 12 - r, registers[r], -1);
	}
	for (int w = 0; w < STEPPER_WORDS; w++)
		for (int i = 0; i < 4; i++) {
			snprintf(locked, sizeof locked, "lock %s", one[i]);
			put_line(both, one[i], NULL, w, NULL, -1);
			put_line(both, locked, NULL, w, NULL, -1);
		}
	for (int i = 0; i < 3; i++)
		put_line(both, plain[i], NULL, -1, NULL, -1);
}

// `ours` is batches of instructions, each after a line "-": a process has room
// for 64.
static size_t assemble_batches(const char *ours, uint8_t *code, size_t room)
{
	size_t bytes = 0;

	for (const char *at = ours; *at;) {
		struct program program;
		struct text_error error;
		char *text = NULL;
		size_t size;
		const char *next = strstr(at + 2, "\n-\n");
		size_t n = next ? (size_t)(next + 1 - (at + 2))
				: strlen(at + 2);
		FILE *out = open_memstream(&text, &size);
		for (int i = 0; i < STEPPER_WORDS; i++)
			fprintf(out, "word w%d\n", i);
		fprintf(out, "process A\n%.*s", (int)n, at + 2);
		fclose(out);
		ck_assert_msg(parsed(&program, text, &error) == 0,
			      "%d:%d: %s in\n%s", error.line, error.column,
			      error.text, text);
		free(text);
		ck_assert_uint_le(bytes + program.routine[0].bytes, room);
		memcpy(code + bytes, program.routine[0].code,
		       program.routine[0].bytes);
		bytes += program.routine[0].bytes;
		at += 2 + n;
	}
	return bytes;
}

START_TEST(weave_bytes_as_gnu_as)
{
	char folder[] = "/tmp/oslab-weave-XXXXXX", command[256], path[64];
	struct both both = { 0 };
	char *ours = NULL;
	size_t size;
	static uint8_t code[65536], theirs[65536];

	if (system("command -v as objcopy >/dev/null && as --version | "
		   "grep -q GNU && test \"$(uname -m)\" = x86_64"))
		SKIP("no GNU as for x86-64 here (binutils)");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof path, "%s/a.s", folder);
	both.theirs = fopen(path, "w");
	both.ours = open_memstream(&ours, &size);
	fputs(".intel_syntax noprefix\n", both.theirs);
	put_arithmetic(&both);
	put_others(&both);
	fclose(both.theirs);
	fclose(both.ours);
	snprintf(command, sizeof command,
		 "cd %s && as -o a.o a.s && objcopy -O binary -j .text a.o a",
		 folder);
	int status = system(command);
	snprintf(path, sizeof path, "%s/a", folder);
	FILE *file = fopen(path, "r");
	size_t expected = file ? fread(theirs, 1, sizeof theirs, file) : 0;
	if (file)
		fclose(file);
	snprintf(command, sizeof command, "rm -r %s", folder);
	ck_assert_int_eq(system(command), 0);
	ck_assert_int_eq(status, 0);
	ck_assert_int_gt(both.instructions, 1000);
	size_t bytes = assemble_batches(ours, code, sizeof code);
	free(ours);
	ck_assert_uint_eq(bytes, expected);
	ck_assert_mem_eq(code, theirs, bytes);
}
END_TEST

// --- programs --------------------------------------------------------------------

static const struct {
	const char *text;
	int line, column;
	const char *says;
} wrong[] = {
	{ "", 0, 0, "no process" },
	{ "word x\n", 0, 0, "no process" },
	{ "# only a comment\n", 0, 0, "no process" },
	{ "word\n", 1, 5, "want a name" },
	{ "word 1x\n", 1, 6, "want a name" },
	{ "word rax\n", 1, 6, "means something else" },
	{ "word lock\n", 1, 6, "means something else" },
	{ "word A\n", 1, 6, "are processes" },
	{ "word x\nword x\n", 2, 6, "already" },
	{ "word averylongname\n", 1, 6, "at most 11" },
	{ "word x = \n", 1, 9, "a number" },
	{ "word x = 12z\n", 1, 10, "a number" },
	{ "word x = 18446744073709551616\n", 1, 10, "a number" },
	{ "word x 5\n", 1, 8, "NUMBER" },
	{ "mov rax, 1\n", 1, 1, "belong to a process" },
	{ "process B\nnop\n", 1, 9, "want A" },
	{ "process\n", 1, 8, "want A" },
	{ "process A A\nnop\n", 1, 11, "want B" },
	{ "process A\n", 1, 0, "no instructions" },
	{ "process A\nprocess B\nnop\n", 2, 0, "no instructions" },
	{ "process A B C D\nnop\n", 1, 15, "three" },
	{ "process A\nnop\nword x\n", 3, 6, "before the processes" },
	{ "process A\nfly\n", 2, 1, "no instruction known" },
	{ "process A\n  mov rax\n", 2, 3, "mov wants" },
	{ "process A\nmov rax, [y]\n", 2, 11, "no word 'y'" },
	{ "word x\nprocess A\nmov rax, [x\n", 3, 12, "want ]" },
	{ "word x\nprocess A\nmov rax, []\n", 3, 11, "name of a word" },
	{ "word x\nprocess A\nmov [x], [x]\n", 3, 1, "mov wants" },
	{ "process A\nmov 1, rax\n", 2, 1, "mov wants" },
	{ "process A\nmov rax, 1, 2\n", 2, 11, "too much" },
	{ "process A\nmov rax 1\n", 2, 9, "comma" },
	{ "process A\nmov rax,\n", 2, 9, "want a register" },
	{ "process A\nmov rsp, 1\n", 2, 5, "not for pieces" },
	{ "process A\nmov rbp, 1\n", 2, 5, "not for pieces" },
	{ "process A\nmov rdi, 1\n", 2, 5, "address" },
	{ "process A\nmov rax, 4294967296\n", 2, 10, "beyond 32 bits" },
	{ "process A\nmov rax, 0x\n", 2, 10, "want a number" },
	{ "process A\nlock mov rax, 1\n", 2, 6, "lock wants" },
	{ "process A\nlock add rax, 1\n", 2, 6, "lock wants" },
	{ "word x\nprocess A\nlock cmp [x], 1\n", 3, 6, "lock wants" },
	{ "process A\nlock\n", 2, 5, "want an instruction" },
	{ "process A\ntest rax, 1\n", 2, 1, "test wants" },
	{ "process A\nxchg rax, rcx\n", 2, 1, "xchg wants" },
	{ "process A\nxadd rax, rcx\n", 2, 1, "xadd wants" },
	{ "process A\ninc 1\n", 2, 1, "inc wants" },
	{ "process A\nnop 1\n", 2, 5, "nothing more" },
	{ "process A\njmp\n", 2, 1, "wants a label" },
	{ "process A\njmp 1\n", 2, 1, "wants a label" },
	{ "process A\njmp away\nnop\n", 2, 5, "no label 'away'" },
	{ "process A\nl: nop\nl: nop\n", 3, 1, "already" },
	{ "word l\nprocess A\nl: nop\n", 3, 1, "is a word" },
	{ "process A\nmov: nop\n", 2, 1, "means something else" },
	{ "process A\nnop\ncheck 1\nnop\n", 4, 1, "belong to a process" },
	{ "process A\nnop \x01\n", 2, 5, "comment" },
	{ "process A\nnop \xc3\xa4\n", 2, 5, "comment" },
};

START_TEST(weave_wrong_programs)
{
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		struct program program;
		struct text_error error;
		const char *text = wrong[i].text;
		ck_assert_msg(parsed(&program, text, &error) == -EINVAL,
			      "accepted:\n%s", text);
		ck_assert_msg(strstr(error.text, wrong[i].says) != NULL,
			      "'%s' is not in '%s' for:\n%s", wrong[i].says,
			      error.text, text);
		ck_assert_msg(error.line == wrong[i].line &&
				      error.column == wrong[i].column,
			      "at %d:%d (%s), not %d:%d:\n%s", error.line,
			      error.column, error.text, wrong[i].line,
			      wrong[i].column, text);
	}
}
END_TEST

// As many of everything as there is room for, and one more.
static int many(const char *before, const char *each, int n, const char *after,
		struct text_error *error)
{
	struct program program;
	char *text = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);

	fputs(before, out);
	for (int i = 0; i < n; i++)
		if (strstr(each, "%d"))
			fprintf(out,
				strstr(each, "word") ? "word w%d\n"
						     : "l%d: nop\n",
				i);
		else
			fputs(each, out);
	fputs(after, out);
	fclose(out);
	int result = parsed(&program, text, error);
	free(text);
	return result;
}

START_TEST(weave_limits_of_programs)
{
	struct text_error error;
	char wide[300] = "process A\n";

	ck_assert_int_eq(many("", "word %d", 16, "process A\nnop\n", &error),
			 0);
	ck_assert_int_eq(many("", "word %d", 17, "process A\nnop\n", &error),
			 -EINVAL);
	ck_assert_int_eq(many("process A\n", "nop\n", 64, "", &error), 0);
	ck_assert_int_eq(many("process A\n", "nop\n", 65, "", &error), -EINVAL);
	ck_assert_int_eq(error.line, 66);
	ck_assert_int_eq(many("process A\n", "l%d: ", 16, "", &error), 0);
	ck_assert_int_eq(many("process A\n", "l%d: ", 17, "", &error), -EINVAL);
	ck_assert_int_eq(many("process A\nnop\n", "check 1\n", 8, "", &error),
			 0);
	ck_assert_int_eq(many("process A\nnop\n", "check 1\n", 9, "", &error),
			 -EINVAL);
	// 128 bytes back, the jump included, and not one more
	ck_assert_int_eq(many("word x\nword y\nprocess A\nl: inc [x]\n",
			      "mov [y], 7\n", 15, "nop\nnop\nnop\njmp l\n",
			      &error),
			 0);
	ck_assert_int_eq(many("word x\nword y\nprocess A\nl: inc [x]\n",
			      "mov [y], 7\n", 15, "nop\nnop\nnop\nnop\njmp l\n",
			      &error),
			 -EINVAL);
	assert_has(error.text, "129 bytes away");
	memset(wide + strlen(wide), ' ', 210);
	ck_assert_int_eq(many(wide, "nop", 1, "", &error), -EINVAL);
	assert_has(error.text, "199 characters");
}
END_TEST

// Spaces, tabs, comments, a missing newline, several labels, CRLF.
START_TEST(weave_spelling)
{
	static const char *const spellings[] = {
		"word x=1\nprocess A\nmov rax,[x]\nl:m: jmp l",
		("\tword x = 1 ; one\r\n\r\nprocess A # first\r\n"
		 "mov   rax ,\t[ x ]\r\nl:\r\n m : jmp  l\r\n"),
		"word x = 0x1\nprocess A\n\nmov rax, [x]\nl:\n\nm:\njmp l\n\n",
	};

	for (int i = 0; i < 3; i++) {
		struct program program;
		struct text_error error;
		ck_assert_msg(parsed(&program, spellings[i], &error) == 0,
			      "%d:%d: %s", error.line, error.column,
			      error.text);
		const struct routine *r = &program.routine[0];
		ck_assert_uint_eq(program.start[0], 1);
		ck_assert_int_eq(r->count, 2);
		ck_assert_str_eq(r->instructions[0].text, "mov rax, [x]");
		ck_assert_str_eq(r->instructions[1].text, "jmp l");
		ck_assert_int_eq(r->sections, 2);
		ck_assert_int_eq(r->section[0].first, 1);
		ck_assert_int_eq(r->section[0].end, 1);
		ck_assert_int_eq(r->section[1].end, 2);
	}
}
END_TEST

// No text is too bad to be refused: bytes changed by chance.
START_TEST(weave_hostile_programs)
{
	uint64_t seed = 42;
	char *text = listed_text("dekker");
	size_t n = strlen(text);

	for (int i = 0; i < (soaking() ? 200000 : 3000); i++) {
		struct program program;
		struct text_error error;
		char *copy = strdup(text);
		for (int j = 0; j < 4; j++) {
			seed = seed * UINT64_C(6364136223846793005) + 1;
			copy[(seed >> 33) % n] = (char)(seed >> 20);
		}
		if (program_parse(&program, copy, n, &error) == -EINVAL)
			ck_assert_uint_gt(strlen(error.text), 0);
		free(copy);
	}
	free(text);
}
END_TEST

// --- checks ----------------------------------------------------------------------

static const char scene[] = "word x = 7\n"
			    "word y = -2\n"
			    "process A\n"
			    "in: nop\n"
			    "out: nop\n"
			    "process B\n"
			    "in: nop\n";

static const struct {
	const char *text;
	int64_t value;
} values[] = {
	{ "x", 7 },
	{ "y", -2 },
	{ "end x", 7 },
	{ "always x", 7 },
	{ "0x10", 16 },
	{ "-1", -1 },
	{ "- -1", 1 },
	{ "!0", 1 },
	{ "!x", 0 },
	{ "!!x", 1 },
	{ "1 + 2 * 3", 7 },
	{ "(1 + 2) * 3", 9 },
	{ "10 - 3 - 2", 5 },
	{ "x == 7 && y == -2", 1 },
	{ "1 || 0 && 0", 1 },
	{ "(1 || 0) && 0", 0 },
	{ "1 == 1 == 1", 1 },
	{ "2 == 2 == 2", 0 },
	{ "y < x", 1 },
	{ "y <= -2", 1 },
	{ "y >= -1", 0 },
	{ "x > 6 + 1", 0 },
	{ "x != 7", 0 },
	{ "3 < 2 + 2", 1 },
	{ "9223372036854775807 + 1 < 0", 1 },
	{ "A.rax", 5 },
	{ "B.rax", 0 },
	{ "A.r15 + 1", 1 },
	{ "A.in", 0 },
	{ "A.out", 1 },
	{ "B.in", 0 },
	{ "A.done", 0 },
	{ "B.done", 1 },
	{ "!(A.in && B.in)", 1 },
	{ "A.in+A.out*2", 2 },
	{ "((((((((1))))))))", 1 },
	{ "  x  ", 7 },
	{ "progress", 1 },
};

static const struct {
	const char *text;
	int column;
	const char *says;
} refused[] = {
	{ "", 1, "too early" },
	{ "always", 7, "too early" },
	{ "x ==", 5, "too early" },
	{ "z", 1, "no word 'z'" },
	{ "x + z", 5, "no word 'z'" },
	{ "C.rax", 1, "no process 'C'" },
	{ "x.rax", 1, "no process 'x'" },
	{ "AB.rax", 1, "no process 'AB'" },
	{ "A.rip", 3, "no register or label 'rip'" },
	{ "B.out", 3, "no register or label 'out'" },
	{ "A.", 3, "no register or label ''" },
	{ "A", 1, "no word 'A'" },
	{ "(x", 1, "never closed" },
	{ "((x)", 1, "never closed" },
	{ "((", 3, "too early" },
	{ "x)", 2, "operator or the end" },
	{ "(x y)", 4, "operator or )" },
	{ "x y", 3, "operator or the end" },
	{ "x = 7", 3, "operator or the end" },
	{ "x & y", 3, "operator or the end" },
	{ "* x", 1, "want a name" },
	{ "x + * y", 5, "want a name" },
	{ "12z", 1, "64 bits" },
	{ "18446744073709551616", 1, "64 bits" },
	{ "progress x", 10, "operator or the end" },
	{ "x \xc3\xa4", 3, "operator or the end" },
};

START_TEST(weave_checks)
{
	struct program program;
	struct text_error error;
	struct condition condition;
	struct step_state state = { .words = { 7, (uint64_t)-2 } };

	ck_assert_int_eq(parsed(&program, scene, &error), 0);
	state.processes[0].registers[0] = 5;
	state.processes[0].next = 1;
	state.processes[1].next = STEPPER_END;
	for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
		ck_assert_msg(condition_parse(&condition, &program,
					      values[i].text, &error) == 0,
			      "%s: %s", values[i].text, error.text);
		int64_t value = condition_value(&condition, &program, &state);
		ck_assert_msg(value == values[i].value, "%s is %jd, not %jd",
			      values[i].text, (intmax_t)value,
			      (intmax_t)values[i].value);
	}
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
		const char *text = refused[i].text;
		ck_assert_msg(condition_parse(&condition, &program, text,
					      &error) == -EINVAL,
			      "accepted: %s", text);
		ck_assert_msg(strstr(error.text, refused[i].says) &&
				      error.column == refused[i].column,
			      "%s: at %d: %s", text, error.column, error.text);
	}
}
END_TEST

// Too deep, too long: refused, not followed.
START_TEST(weave_large_checks)
{
	struct program program;
	struct text_error error;
	struct condition condition;
	char text[20000];

	ck_assert_int_eq(parsed(&program, scene, &error), 0);
	memset(text, '(', sizeof text);
	text[sizeof text - 1] = '\0';
	ck_assert_int_eq(condition_parse(&condition, &program, text, &error),
			 -EINVAL);
	assert_has(error.text, "too deeply");
	memset(text, '!', sizeof text - 1);
	ck_assert_int_eq(condition_parse(&condition, &program, text, &error),
			 -EINVAL);
	assert_has(error.text, "too deeply");
	for (size_t i = 0; i + 3 < sizeof text; i += 2)
		memcpy(text + i, "1+", 3);
	ck_assert_int_eq(condition_parse(&condition, &program, text, &error),
			 -EINVAL);
	assert_has(error.text, "too long");
}
END_TEST

void add_weave_text_tests(Suite *suite)
{
	TCase *text = tcase_create("text");

	tcase_set_timeout(text, 120);
	tcase_add_test(text, weave_bytes_by_hand);
	tcase_add_test(text, weave_bytes_as_gnu_as);
	tcase_add_test(text, weave_wrong_programs);
	tcase_add_test(text, weave_limits_of_programs);
	tcase_add_test(text, weave_spelling);
	tcase_add_test(text, weave_hostile_programs);
	tcase_add_test(text, weave_checks);
	tcase_add_test(text, weave_large_checks);
	suite_add_tcase(suite, text);
}
