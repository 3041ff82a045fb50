// What instructions do, written down a second time: as text, in C.

#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "weave_parts.h"

enum {
	CARRY = 1,
	PARITY = 4,
	ZERO = 64,
	SIGN = 128,
	OVERFLOW = 2048,
};

bool woven_begin(struct woven *woven, const char *text)
{
	struct step_piece pieces[STEPPER_PROCESSES];
	struct text_error error = { 0 };

	*woven = (struct woven){ 0 };
	int result = program_parse(&woven->program, text, strlen(text), &error);
	ck_assert_msg(result == 0, "%d:%d: %s in\n%s", error.line, error.column,
		      error.text, text);
	int n = program_pieces(&woven->program, pieces);
	result = stepper_open(&woven->stepper, pieces, n);
	if (result == -EPERM || result == -ENOSYS || result == -ENOTSUP)
		return false;
	ck_assert_msg(result == 0, "stepper_open: %s", strerror(-result));
	program_start(&woven->program, woven->stepper, &woven->start);
	return true;
}

void woven_end(struct woven *woven)
{
	stepper_close(woven->stepper);
}

char *listed_text(const char *name)
{
	char command[128];

	snprintf(command, sizeof command, "$B/sync/weave --source --program=%s",
		 name);
	struct outcome got = run_shell(command);
	ck_assert_int_eq(got.exit, 0);
	char *text = strdup(got.out);
	outcome_free(&got);
	return text;
}

// --- an instruction --------------------------------------------------------------

struct doing {
	const struct program *program;
	struct step_state *state;
	struct step_process *process;
	char name[16], operand[2][24];
};

static uint64_t *place_of_operand(const struct doing *d, const char *operand)
{
	size_t n = strlen(operand);

	if (*operand == '[') {
		int word = program_word(d->program, operand + 1, n - 2);
		ck_assert_int_ge(word, 0);
		return &d->state->words[word];
	}
	int number = step_register(operand, n);
	return number < 0 ? NULL : &d->process->registers[number];
}

static uint64_t value_of_operand(const struct doing *d, const char *operand)
{
	const uint64_t *place = place_of_operand(d, operand);

	return place ? *place : (uint64_t)strtoll(operand, NULL, 0);
}

static void set_flags(struct step_process *p, uint64_t result, bool carry,
		      bool overflow)
{
	p->flags = (carry ? CARRY : 0) | (overflow ? OVERFLOW : 0) |
		   (result ? 0 : ZERO) | (result >> 63 ? SIGN : 0) |
		   (__builtin_parity((unsigned)result & 0xff) ? 0 : PARITY);
}

static uint64_t sum(struct step_process *p, uint64_t a, uint64_t b)
{
	uint64_t result = a + b;

	set_flags(p, result, result < a, ((a ^ result) & (b ^ result)) >> 63);
	return result;
}

static uint64_t difference(struct step_process *p, uint64_t a, uint64_t b)
{
	uint64_t result = a - b;

	set_flags(p, result, a < b, ((a ^ b) & (a ^ result)) >> 63);
	return result;
}

static uint64_t logical(struct step_process *p, uint64_t result)
{
	set_flags(p, result, false, false);
	return result;
}

// inc and dec leave the carry alone.
static uint64_t keep_carry(struct step_process *p, uint64_t flags,
			   uint64_t result)
{
	p->flags = (p->flags & ~(uint64_t)CARRY) | (flags & CARRY);
	return result;
}

static bool jumps(const struct doing *d)
{
	bool c = d->process->flags & CARRY, z = d->process->flags & ZERO;
	bool s = d->process->flags & SIGN, o = d->process->flags & OVERFLOW;
	const struct {
		const char *name;
		bool taken;
	} jumps[] = { { "jmp", true },       { "je", z },
		      { "jz", z },           { "jne", !z },
		      { "jnz", !z },         { "jl", s != o },
		      { "jge", s == o },     { "jb", c },
		      { "jae", !c },         { "js", s },
		      { "jns", !s },         { "jbe", c || z },
		      { "ja", !c && !z },    { "jle", z || s != o },
		      { "jg", !z && s == o } };

	for (size_t i = 0; i < sizeof jumps / sizeof *jumps; i++)
		if (!strcmp(jumps[i].name, d->name))
			return jumps[i].taken;
	ck_abort_msg("the model does not know '%s'", d->name);
}

// False: it is none of these.
static bool compute(const struct doing *d)
{
	struct step_process *p = d->process;
	uint64_t flags = p->flags;
	uint64_t none = 0, *place = place_of_operand(d, d->operand[0]);
	uint64_t *to = place ? place : &none;
	uint64_t b = value_of_operand(d, d->operand[1]), a = *to;
	const char *name = d->name;

	if (!strcmp(name, "mov"))
		*to = b;
	else if (!strcmp(name, "add"))
		*to = sum(p, a, b);
	else if (!strcmp(name, "sub"))
		*to = difference(p, a, b);
	else if (!strcmp(name, "cmp"))
		difference(p, a, b);
	else if (!strcmp(name, "and"))
		*to = logical(p, a & b);
	else if (!strcmp(name, "or"))
		*to = logical(p, a | b);
	else if (!strcmp(name, "xor"))
		*to = logical(p, a ^ b);
	else if (!strcmp(name, "test"))
		logical(p, a & b);
	else if (!strcmp(name, "inc"))
		*to = keep_carry(p, flags, sum(p, a, 1));
	else if (!strcmp(name, "dec"))
		*to = keep_carry(p, flags, difference(p, a, 1));
	else if (!strcmp(name, "neg"))
		*to = difference(p, 0, a);
	else if (!strcmp(name, "not"))
		*to = ~a;
	else if (!strcmp(name, "xchg")) {
		*place_of_operand(d, d->operand[1]) = a;
		*to = b;
	} else if (!strcmp(name, "xadd")) {
		uint64_t result = sum(p, a, b);
		*place_of_operand(d, d->operand[1]) = a;
		*to = result;
	} else if (!strcmp(name, "cmpxchg")) {
		uint64_t *rax = &p->registers[0];
		difference(p, *rax, a);
		if (*rax == a)
			*to = b;
		else
			*rax = a;
	} else {
		return !strcmp(name, "nop") || !strcmp(name, "pause") ||
		       !strcmp(name, "mfence");
	}
	return true;
}

static void stand_at(struct step_process *p, const struct routine *r, int at)
{
	p->next = at < r->count ? r->instructions[at].offset : STEPPER_END;
}

void weave_model_step(const struct program *program, struct step_state *state,
		      int who)
{
	const struct routine *r = &program->routine[who];
	struct doing d = {
		program, state, &state->processes[who], "", { "", "" }
	};
	int at = program_at(r, d.process);

	ck_assert_int_ge(at, 0);
	const char *text = r->instructions[at].text;
	if (!strncmp(text, "lock ", 5))
		text += 5;
	sscanf(text, "%15s %23[^,], %23s", d.name, d.operand[0], d.operand[1]);
	if (*d.name != 'j') {
		ck_assert_msg(compute(&d), "the model does not know '%s'",
			      text);
		stand_at(d.process, r, at + 1);
		return;
	}
	int to = program_section(r, d.operand[0], strlen(d.operand[0]));
	stand_at(d.process, r, jumps(&d) ? r->section[to].first : at + 1);
}

// --- all orders, all states ------------------------------------------------------

uint64_t weave_model_orders(const struct program *program,
			    const struct step_state *start,
			    void (*each)(void *context,
					 const struct step_state *end),
			    void *context)
{
	uint64_t orders = 0;
	bool ended = true;

	for (int who = 0; who < program->routines; who++) {
		struct step_state next = *start;
		if (step_ended(start, who))
			continue;
		ended = false;
		weave_model_step(program, &next, who);
		orders += weave_model_orders(program, &next, each, context);
	}
	if (!ended)
		return orders;
	if (each)
		each(context, start);
	return 1;
}

static uint64_t digest(const struct step_state *state)
{
	const unsigned char *bytes = (const unsigned char *)state;
	uint64_t hash = UINT64_C(14695981039346656037);

	for (size_t i = 0; i < sizeof *state; i++)
		hash = (hash ^ bytes[i]) * UINT64_C(1099511628211);
	return hash;
}

enum { SLOTS = 1 << 15 };

size_t weave_model_states(const struct program *program,
			  const struct step_state *start)
{
	struct step_state *states = calloc(SLOTS / 2, sizeof *states);
	uint32_t *table = calloc(SLOTS, sizeof *table); // index + 1
	size_t count = 1;

	states[0] = *start;
	table[digest(start) % SLOTS] = 1;
	for (size_t i = 0; i < count; i++)
		for (int who = 0; who < program->routines; who++) {
			struct step_state next = states[i];
			if (step_ended(&next, who))
				continue;
			weave_model_step(program, &next, who);
			size_t slot = digest(&next) % SLOTS;
			while (table[slot] && memcmp(&states[table[slot] - 1],
						     &next, sizeof next) != 0)
				slot = (slot + 1) % SLOTS;
			if (table[slot])
				continue;
			ck_assert_uint_lt(count, SLOTS / 2);
			states[count++] = next;
			table[slot] = (uint32_t)count;
		}
	free(table);
	free(states);
	return count;
}

// --- by chance -------------------------------------------------------------------

static unsigned below(uint64_t *seed, unsigned n)
{
	*seed = *seed * UINT64_C(6364136223846793005) +
		UINT64_C(1442695040888963407);
	return (unsigned)(*seed >> 33) % n;
}

static void put_value(FILE *out, uint64_t *seed)
{
	static const char *const values[] = {
		"0", "1", "-1", "2", "127", "128", "-128", "-129",
		"255", "65536", "2147483647", "-2147483648",
	};

	fputs(values[below(seed, sizeof values / sizeof *values)], out);
}

static const char *a_register(uint64_t *seed)
{
	static const char *const registers[] = { "rax", "rcx", "rdx", "rbx",
						 "rsi", "r8",  "r9",  "r15" };

	return registers[below(seed, 8)];
}

static void put_instruction(FILE *out, uint64_t *seed)
{
	static const char *const two[] = { "mov", "add", "sub", "and",
					   "or",  "xor", "cmp" };
	static const char *const one[] = { "inc", "dec", "neg", "not" };
	static const char *const jump[] = { "jmp", "je",  "jne", "jl",  "jle",
					    "jg",  "jge", "jb",  "jbe", "ja",
					    "jae", "js",  "jns", "jz",  "jnz" };
	const char *name = two[below(seed, 7)];
	char word = (char)('p' + below(seed, 2));

	switch (below(seed, 9)) {
	case 0:
		fprintf(out, "%s %s, [%c]", name, a_register(seed), word);
		break;
	case 1:
		fprintf(out, "%s [%c], %s", name, word, a_register(seed));
		break;
	case 2:
		fprintf(out, "%s %s, ", name, a_register(seed));
		put_value(out, seed);
		break;
	case 3:
		fprintf(out, "%s [%c], ", name, word);
		put_value(out, seed);
		break;
	case 4:
		fprintf(out, "%s %s, %s", name, a_register(seed),
			a_register(seed));
		break;
	case 5:
		fprintf(out, "lock %s [%c]", one[below(seed, 4)], word);
		break;
	case 6:
		fprintf(out, "%s [%c], %s",
			below(seed, 2) ? "xadd" : "lock cmpxchg", word,
			a_register(seed));
		break;
	case 7:
		fprintf(out, "%s %s", one[below(seed, 4)], a_register(seed));
		break;
	default:
		fprintf(out, "%s last", jump[below(seed, 15)]);
		break;
	}
	fputc('\n', out);
}

char *random_program(uint64_t *seed, int processes, int instructions)
{
	char *text = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);

	ck_assert_ptr_nonnull(out);
	fputs("word p = 1\nword q = -1\n", out);
	for (int i = 0; i < processes; i++) {
		fprintf(out, "process %c\n", 'A' + i);
		for (int j = 1; j < instructions; j++)
			put_instruction(out, seed);
		fputs("last: test rax, rcx\n", out);
	}
	fclose(out);
	return text;
}
