// # libFuzzer's side of the targets
//
// Which target to play says the first argument:
//
//     main --target=check corpus seeds/check -max_total_time=60
//
// Inputs of steps are changed step by step: one is added, moved, doubled, or a part
// of it changed, so that what follows keeps its meaning. Half of the time, and for
// all other targets, libFuzzer does what it always does.
//
// Source: https://llvm.org/docs/LibFuzzer.html

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);
size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t n, size_t most,
			       unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *bytes, size_t n, size_t most);

static const struct fuzz_target *target;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const char option[] = "--target=";
	const char *name = *argc > 1 ? (*argv)[1] : "";

	name = strncmp(name, option, sizeof option - 1)
		       ? ""
		       : name + sizeof option - 1;
	for (target = fuzz_targets; target->name; target++)
		if (!strcmp(target->name, name))
			return 0;
	fputs("want --target=NAME first, one of:", stderr);
	for (target = fuzz_targets; target->name; target++)
		fprintf(stderr, " %s", target->name);
	fputc('\n', stderr);
	exit(2);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	return target->play(bytes, n);
}

// ## Steps

static unsigned below(unsigned *seed, size_t n)
{
	*seed = *seed * 1103515245 + 12345;
	return (unsigned)((*seed >> 8) % n);
}

static void make_step(uint8_t *step, unsigned *seed)
{
	static const uint16_t values[] = { 0,    1,     2,    3,   4,
					   11,   12,    255,  256, 1024,
					   4096, 32768, 65535 };
	unsigned value = below(seed, 3) ? values[below(seed, 13)]
					: below(seed, 65536);
	unsigned at = below(seed, 256) * (below(seed, 4) ? 4 : 1);

	step[0] = (uint8_t)below(seed, 256);
	step[1] = (uint8_t)below(seed, STEP_KINDS);
	step[2] = (uint8_t)at;
	step[3] = (uint8_t)(at >> 8);
	step[4] = (uint8_t)value;
	step[5] = (uint8_t)(value >> 8);
}

static size_t change_steps(uint8_t *bytes, size_t n, size_t most,
			   unsigned *seed)
{
	size_t count = (n - STEPS_BEGIN) / STEP_BYTES;
	size_t which = below(seed, count + 1);
	uint8_t *step = bytes + STEPS_BEGIN + which * STEP_BYTES;
	size_t behind = n - (size_t)(step - bytes);

	switch (below(seed, 8)) {
	case 0: // away with it
		if (which == count)
			return n;
		memmove(step, step + STEP_BYTES, behind - STEP_BYTES);
		return n - STEP_BYTES;
	case 1: // the base
		bytes[0] = (uint8_t)below(seed, 256);
		return n;
	case 2: // the answer
		bytes[1] = (uint8_t)below(seed, 256);
		return n;
	case 3: // a part of it
		if (which < count)
			step[below(seed, STEP_BYTES)] = (uint8_t)below(seed,
								       256);
		return n;
	case 4: // the same again, elsewhere
		if (which < count && n + STEP_BYTES <= most) {
			memcpy(bytes + n, step, STEP_BYTES);
			bytes[n + below(seed, 6)] ^=
				(uint8_t)(1 << below(seed, 8));
			return n + STEP_BYTES;
		}
		return n;
	default: // a new one
		if (n + STEP_BYTES > most)
			return n;
		memmove(step + STEP_BYTES, step, behind);
		make_step(step, seed);
		return n + STEP_BYTES;
	}
}

size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t n, size_t most,
			       unsigned seed)
{
	if (!target->steps || n < STEPS_BEGIN || below(&seed, 4) == 0)
		return LLVMFuzzerMutate(bytes, n, most);
	for (unsigned i = 1 + below(&seed, 3); i--;)
		n = change_steps(bytes, n, most, &seed);
	return n;
}
