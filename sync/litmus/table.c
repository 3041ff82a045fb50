// # Outcomes, as text

#define _GNU_SOURCE
#include "litmus.h"

const char *yes_no(bool yes)
{
	return yes ? "yes" : "no";
}

const char *outcome_text(const struct test *test, unsigned outcome,
			 char text[40])
{
	int n = 0;

	for (int i = 0; i < test->registers; i++)
		n += snprintf(text + n, 40 - (size_t)n, "%sr%d=%u",
			      i ? " " : "", i, outcome >> i & 1);
	return text;
}

static void print_program(FILE *out, const struct test *test)
{
	for (int i = 0; i < test->threads; i++)
		fprintf(out, "%s%s", i ? "  ||  " : "  ", test->program[i]);
	fputc('\n', out);
}

// SC: whether some interleaving has it. Outcomes that none has and that have not
// come about are left out, but for the weak one.
void print_counts(FILE *out, const struct test *test, enum order order,
		  const struct counts *counts)
{
	char text[40];
	uint64_t ways;
	unsigned sc = sc_outcomes(test, &ways);

	print_program(out, test);
	fprintf(out, "  %-20s %10s %9s  %-4s%-8s%-5s%s\n", "", "count", "share",
		"SC", "x86-TSO", "Arm", "C11");
	for (unsigned o = 0; o < 1U << test->registers; o++) {
		bool weak = o == test->weak;
		struct verdict v = weak ? test->allowed[order]
					: (struct verdict){ true, true, true };
		if (!weak && !counts->of[o] && !(sc >> o & 1))
			continue;
		fprintf(out, "  %-20s %10ju %8.4f%%  %-4s%-8s%-5s%s\n",
			outcome_text(test, o, text), (uintmax_t)counts->of[o],
			100.0 * (double)counts->of[o] /
				(double)(counts->rounds ? counts->rounds : 1),
			yes_no(sc >> o & 1), yes_no(v.tso), yes_no(v.arm),
			yes_no(v.c11));
	}
}
