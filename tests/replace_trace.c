// # Tests of mem/trace: formats and generators

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "mem/trace/trace.h"
#include "random.h"
#include "replace_parts.h"

// ## Reading

// The references as text, "4w 5 " and so on, in portions of `portion`; at the end
// "!LINE:COLUMN" of a mistake or "!ERRNO".
static char *read_all(const void *bytes, size_t n, enum trace_format format,
		      uint64_t page_bytes, size_t portion,
		      struct trace_error *error)
{
	int fd = memfd_create("trace", MFD_CLOEXEC);
	uint64_t pages[64];
	uint8_t writes[64];
	struct trace *trace;
	char *text;
	size_t room;
	ssize_t got;
	FILE *out = open_memstream(&text, &room);

	ck_assert(fd != -1 && out && portion <= 64);
	ck_assert_int_eq(pwrite(fd, bytes, n, 0), n);
	ck_assert_int_eq(reftrace_open(fd, format, page_bytes, &trace), 0);
	while ((got = reftrace_read(trace, pages, writes, portion, error)) >
	       0) {
		ck_assert_int_le(got, portion);
		for (ssize_t i = 0; i < got; i++)
			fprintf(out, "%llu%s ", (unsigned long long)pages[i],
				writes[i] ? "w" : "");
	}
	if (got == -EINVAL)
		fprintf(out, "!%llu:%llu", (unsigned long long)error->line,
			(unsigned long long)error->column);
	else if (got)
		fprintf(out, "!%d", (int)got);
	else
		ck_assert_uint_eq(reftrace_bytes(trace), n);
	reftrace_close(trace);
	close(fd);
	fclose(out);
	return text;
}

static const struct {
	const char *input, *reads, *says; // what is found
} replace_inputs[] = {
	// text
	{ "", "", NULL },
	{ "\n# nothing\n\n", "", NULL },
	{ "1 2 3", "1 2 3 ", NULL },
	{ "1\n2\r\n3\n", "1 2 3 ", NULL },
	{ "1,2, 3 ,4\t5", "1 2 3 4 5 ", NULL },
	{ "r1 w2 R 3 W\t4 5", "1 2w 3 4w 5 ", NULL },
	{ "0x1000 0x1fff 0X2000 w0xAbCdE000", "1 1 2 703710w ", NULL },
	{ "7#one\n#two\n 8 # r w x\n9", "7 8 9 ", NULL },
	{ "# caf\xc3\xa9\n4", "4 ", NULL },
	{ "0 007 1234567 12345678 123456789012",
	  "0 7 1234567 12345678 123456789012 ", NULL },
	{ "18446744073709551615", "18446744073709551615 ", NULL },
	{ "18446744073709551616", "!1:1", "a number below 2^64, found \"184" },
	{ "0xffffffffffffffff", "4503599627370495 ", NULL },
	{ "0x10000000000000000", "!1:1", "below 2^64" },
	{ "1 2\n3 four 5", "1 2 3 !2:3", "found \"four\"" },
	{ "1 2\n\n\n  3x\n", "1 2 !4:3", "found \"3x\"" },
	{ "1 -2", "1 !1:3", "found \"-2\"" },
	{ "1.5", "!1:1", "a page number, or an address as 0x1f3a" },
	{ "1 w\n2", "1 !1:4", "found the line's end" },
	{ "1 w # 2", "1 !1:5", "found \"#\"" },
	{ "1 rw 2", "1 !1:4", "found \"w\"" },
	{ "1 0x 2", "1 !1:3", "found \"0x\"" },
	{ "1 0xg", "1 !1:3", "found \"0xg\"" },
	{ "12345678x", "!1:1", "found \"12345678x\"" },
	{ "# long\n1 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	  "1 !2:3", "aaa...\"" },
	// lackey
	{ "I  04001090,3\n L 1ffefff7e8,8\n S 04222caf,1\n M 04001ffe,4\n",
	  "16385 33550335 16930w 16385w 16386w ", NULL },
	{ "==7== Lackey\n==7== \nI  0400d7d4,8\n--7-- warning\n S 10,8\n",
	  "16397 0w ", NULL },
	{ "I  04001090,3\n Q 04001090,3\n", "16385 !2:2", "found \"Q\"" },
	{ "I  04001090,3\n L 040,0\n", "16385 !2:4", "I, L, S or M" },
	{ "I  04001090,3\n L 040\n", "16385 !2:4", "found \"040\"" },
	{ "I  04001090,3\n L 040,8 x\n", "16385 !2:4", "an address, a size" },
	{ "I  04001090,3\n L ffffffffffffffff,2\n", "16385 !2:4",
	  "an address" },
	{ "I  04001090,3\n L ffffffffffffffff,1", "16385 4503599627370495 ",
	  NULL },
	// perf
	{ "    7f1cbe5c2010\n7f1cbe5c3010 \n\n# x\n 0\n",
	  "34121442754 34121442755 0 ", NULL },
	{ "ls 831 [001] 17.1: 1 mem-loads:u: 7f1cbe5c2010 main+0x3 (ls)\n"
	  "ls 831 [001] 17.2: 1 mem-stores: 7f1cbe5c2010 main+0x3 (ls)\n",
	  "34121442754 34121442754w ", NULL },
	{ "7f1cbe5c2010\n7f1cbe5cz010\n", "34121442754 !2:1",
	  "found \"7f1cbe5cz010\"" },
	{ "7f1cbe5c2010\nls 4: loads:\n", "34121442754 !2:13",
	  "the line's end" },
};

enum { INPUTS = sizeof replace_inputs / sizeof *replace_inputs };

START_TEST(replace_reads)
{
	const char *input = replace_inputs[_i].input;

	for (size_t portion = 1; portion <= 64; portion *= 4) {
		struct trace_error error = { 0 };
		char *text = read_all(input, strlen(input), TRACE_DETECT, 4096,
				      portion, &error);
		ck_assert_msg(!strcmp(text, replace_inputs[_i].reads),
			      "'%s': '%s', not '%s'", input, text,
			      replace_inputs[_i].reads);
		if (replace_inputs[_i].says)
			assert_has(error.text, replace_inputs[_i].says);
		free(text);
	}
}
END_TEST

START_TEST(replace_reads_binary)
{
	const unsigned char three[] = { 1, 0, 0, 0,    0,    0,    0,    0,
					0, 1, 0, 0,    0,    0,    0,    0,
					2, 3, 4, 0xff, 0xfe, 0xfd, 0xfc, 0xfb };
	struct trace_error error = { 0 };
	char *text = read_all(three, sizeof three, TRACE_DETECT, 4096, 64,
			      &error);

	ck_assert_str_eq(text, "1 256 18157667069292970754 ");
	free(text);
	text = read_all(three, 20, TRACE_DETECT, 4096, 1, &error);
	ck_assert_str_eq(text, "1 256 !0:0");
	assert_has(error.text, "found 4 at byte 16");
	free(text);
	text = read_all("12345678abcdefgh", 16, TRACE_BINARY, 4096, 64, &error);
	ck_assert_str_eq(text, "4050765991979987505 7523094288207667809 ");
	free(text);
}
END_TEST

START_TEST(replace_page_sizes)
{
	static const char input[] = "0x2ff 0x300 768 w0xffffffffffffffff";
	struct trace_error error;
	char *text = read_all(input, strlen(input), TRACE_TEXT, 256, 64,
			      &error);

	ck_assert_str_eq(text, "2 3 768 72057594037927935w ");
	free(text);
	text = read_all(input, strlen(input), TRACE_TEXT, 100, 64, &error);
	ck_assert_str_eq(text, "7 7 768 184467440737095516w ");
	free(text);
	struct trace *trace;
	ck_assert_int_eq(reftrace_open(0, TRACE_TEXT, 0, &trace), -EINVAL);
}
END_TEST

// A text of a few megabytes with numbers of all lengths, over many buffers; the
// same numbers in binary; and the line of a mistake near the end.
START_TEST(replace_reads_long_traces)
{
	enum { NUMBERS = 400000 };
	struct random random = { 5 };
	uint64_t *want = calloc(NUMBERS, sizeof *want);
	static uint64_t pages[1000];
	static uint8_t writes[1000];
	char *text;
	size_t bytes, at = 0;
	struct trace_error error;
	struct trace *trace;
	ssize_t got;
	FILE *out = open_memstream(&text, &bytes);

	ck_assert(want && out);
	for (size_t i = 0; i < NUMBERS; i++) {
		want[i] = random_next(&random) >> random_below(&random, 64);
		fprintf(out, i % 7 ? "%llu%c" : "w %llu%c",
			(unsigned long long)want[i], i % 3 ? ' ' : '\n');
	}
	fprintf(out, "\nx");
	fclose(out);
	int fd = memfd_create("trace", MFD_CLOEXEC);
	ck_assert_int_eq(pwrite(fd, text, bytes, 0), bytes);
	ck_assert_int_eq(reftrace_open(fd, TRACE_DETECT, 4096, &trace), 0);
	while ((got = reftrace_read(trace, pages, writes, 1000, &error)) > 0)
		for (ssize_t i = 0; i < got; i++, at++) {
			ck_assert_uint_eq(pages[i], want[at]);
			ck_assert_uint_eq(writes[i], at % 7 == 0);
		}
	ck_assert_int_eq(got, -EINVAL);
	ck_assert_uint_eq(at, NUMBERS);
	// a line begins behind each third number
	ck_assert_uint_eq(error.line, (NUMBERS + 2) / 3 + 2);
	ck_assert_uint_eq(error.column, 1);
	reftrace_close(trace);
	free(text);

	ck_assert_int_eq(ftruncate(fd, 0), 0);
	ck_assert_int_eq(pwrite(fd, want, NUMBERS * 8, 0), NUMBERS * 8);
	lseek(fd, 0, SEEK_SET);
	ck_assert_int_eq(reftrace_open(fd, TRACE_DETECT, 4096, &trace), 0);
	for (at = 0;
	     (got = reftrace_read(trace, pages, writes, 999, &error)) > 0;
	     at += (size_t)got)
		ck_assert_mem_eq(pages, want + at, (size_t)got * 8);
	ck_assert_uint_eq(at, NUMBERS);
	ck_assert_int_eq(reftrace_format_of(trace), TRACE_BINARY);
	reftrace_close(trace);
	close(fd);
	free(want);
}
END_TEST

// Whatever a pipe gives at a time, down to single bytes.
START_TEST(replace_reads_slow_pipes)
{
	static const char input[] = "12 w345 # a comment\n0x5000 6 7 w 8\n9";
	uint64_t pages[8];
	uint8_t writes[8];
	struct trace_error error;
	struct trace *trace;
	int ends[2];
	char text[200] = "";
	ssize_t got;

	ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
	pid_t child = fork_fresh();
	if (child == 0) {
		for (const char *c = input; *c; c++) {
			if (write(ends[1], c, 1) != 1)
				_exit(1);
			if (c - input > 25)
				usleep(1);
		}
		_exit(0);
	}
	close(ends[1]);
	ck_assert_int_eq(reftrace_open(ends[0], TRACE_DETECT, 4096, &trace), 0);
	while ((got = reftrace_read(trace, pages, writes, 8, &error)) > 0)
		for (ssize_t i = 0; i < got; i++)
			sprintf(text + strlen(text), "%llu%s ",
				(unsigned long long)pages[i],
				writes[i] ? "w" : "");
	ck_assert_int_eq(got, 0);
	ck_assert_str_eq(text, "12 345w 5 6 7 8w 9 ");
	reftrace_close(trace);
	close(ends[0]);
	ck_assert_int_eq(status_of(child), 0);
}
END_TEST

START_TEST(replace_reads_no_folder)
{
	uint64_t page;
	uint8_t write;
	struct trace_error error;
	struct trace *trace;
	int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	ck_assert_int_eq(reftrace_open(fd, TRACE_DETECT, 4096, &trace), 0);
	ck_assert_int_eq(reftrace_read(trace, &page, &write, 1, &error),
			 -EISDIR);
	reftrace_close(trace);
	close(fd);
}
END_TEST

// ## Generators

static const struct trace_recipe plain = {
	.references = 200000,
	.pages = 50,
	.exponent = 1,
	.phase = 1000,
	.locality = 5,
};

// How often each page comes; and the trace itself, if it is wanted.
static void generate(const struct trace_recipe *recipe, uint64_t *counts,
		     size_t room, uint64_t *all, uint64_t *written)
{
	static uint64_t pages[777];
	static uint8_t writes[777];
	struct trace *trace;
	struct trace_error error;
	uint64_t n = 0, some = 0;
	ssize_t got;

	ck_assert_int_eq(reftrace_generate(recipe, &trace), 0);
	while ((got = reftrace_read(trace, pages, writes, 777, &error)) > 0)
		for (ssize_t i = 0; i < got; i++) {
			some += writes[i];
			if (all)
				all[n] = pages[i];
			n++;
			if (!counts)
				continue;
			ck_assert_uint_lt(pages[i], room);
			counts[pages[i]]++;
		}
	ck_assert_int_eq(got, 0);
	ck_assert_uint_eq(n, recipe->references);
	if (written)
		*written = some;
	reftrace_close(trace);
}

// Each page is within six standard deviations of what it should be.
START_TEST(replace_zipf_is_zipf)
{
	static const double exponents[] = { 0, 0.5, 1, 1.5, 3 };
	static const uint64_t pages[] = { 1, 2, 50, 1000 };

	for (size_t e = 0; e < 5; e++)
		for (size_t p = 0; p < 4; p++) {
			uint64_t counts[1000] = { 0 };
			struct trace_recipe recipe = plain;
			double sum = 0, n = (double)recipe.references;
			recipe.exponent = exponents[e];
			recipe.pages = pages[p];
			generate(&recipe, counts, pages[p], NULL, NULL);
			for (size_t k = 0; k < pages[p]; k++)
				sum += pow(k + 1.0, -exponents[e]);
			for (size_t k = 0; k < pages[p]; k++) {
				double q = pow(k + 1.0, -exponents[e]) / sum;
				double apart = fabs((double)counts[k] - n * q);
				ck_assert_msg(
					apart <= 6 * sqrt(n * q * (1 - q)) + 6,
					"exponent %g, %d pages: page %zu "
					"came %d times, not %.0f",
					exponents[e], (int)pages[p], k,
					(int)counts[k], n * q);
			}
		}
}
END_TEST

START_TEST(replace_other_generators)
{
	struct trace_recipe recipe = plain;
	uint64_t *all = calloc(plain.references, sizeof *all);
	uint64_t counts[50] = { 0 };

	recipe.kind = TRACE_UNIFORM;
	generate(&recipe, counts, 50, NULL, NULL);
	for (int i = 0; i < 50; i++)
		ck_assert_double_eq_tol((double)counts[i], 4000, 6 * 63);
	recipe.kind = TRACE_LOOP;
	generate(&recipe, NULL, 0, all, NULL);
	for (size_t i = 0; i < recipe.references; i++)
		ck_assert_uint_eq(all[i], i % 50);
	recipe.kind = TRACE_SCAN;
	generate(&recipe, NULL, 0, all, NULL);
	for (size_t i = 0; i < recipe.references; i++)
		ck_assert_uint_eq(all[i], i);

	// In each phase five pages in a row have nearly all references, and the
	// five change
	recipe.kind = TRACE_PHASES;
	recipe.pages = 1000;
	generate(&recipe, NULL, 0, all, NULL);
	uint64_t before = 0, changes = 0;
	for (size_t phase = 0; phase < 200; phase++) {
		const uint64_t *in = all + phase * 1000;
		uint64_t best = 0, base = 0;
		for (uint64_t low = 0; low + 5 <= 1000; low++) {
			uint64_t inside = 0;
			for (size_t i = 0; i < 1000; i += 10)
				inside += in[i] - low < 5;
			if (inside > best) {
				best = inside;
				base = low;
			}
		}
		ck_assert_uint_ge(best, 90);
		changes += base != before;
		before = base;
	}
	ck_assert_uint_ge(changes, 190);
	free(all);
}
END_TEST

// The same seed, the same trace, whatever else; another one, another.
START_TEST(replace_seeds)
{
	uint64_t *a = calloc(plain.references, sizeof *a);
	uint64_t *b = calloc(plain.references, sizeof *b);
	size_t bytes = plain.references * sizeof *a;

	for (int kind = 0; kind < TRACE_KINDS; kind++) {
		struct trace_recipe recipe = plain;
		bool chance = kind != TRACE_SCAN && kind != TRACE_LOOP;
		uint64_t some;
		recipe.kind = (enum trace_kind)kind;
		generate(&recipe, NULL, 0, a, &some);
		ck_assert_uint_eq(some, 0);
		recipe.write = 0.25;
		generate(&recipe, NULL, 0, b, &some);
		ck_assert_mem_eq(a, b, bytes);
		ck_assert_double_eq_tol((double)some, 50000, 6 * 194);
		recipe.write = 1;
		recipe.seed = 1;
		generate(&recipe, NULL, 0, b, &some);
		ck_assert_uint_eq(some, recipe.references);
		ck_assert_int_eq(memcmp(a, b, bytes) != 0, chance);
		recipe.seed = 0;
		recipe.sparse = true;
		generate(&recipe, NULL, 0, b, NULL);
		for (size_t i = 0; i < recipe.references; i++)
			ck_assert_uint_eq(b[i], reftrace_scatter(a[i]));
	}
	free(a);
	free(b);
}
END_TEST

START_TEST(replace_recipes_refused)
{
	struct trace_recipe bad[12];
	struct trace *trace;

	for (int i = 0; i < 12; i++)
		bad[i] = plain;
	bad[0].pages = 0;
	bad[1].pages = TRACE_MOST_ZIPF + 1;
	bad[2].exponent = -1;
	bad[3].exponent = NAN;
	bad[4].exponent = 11;
	bad[5].write = 1.5;
	bad[6].write = NAN;
	bad[7].kind = TRACE_KINDS;
	bad[8].kind = TRACE_PHASES;
	bad[8].phase = 0;
	bad[9].kind = TRACE_PHASES;
	bad[9].locality = 51;
	bad[10].kind = TRACE_PHASES;
	bad[10].locality = 0;
	bad[11].kind = TRACE_UNIFORM;
	bad[11].pages = (UINT64_C(1) << 32) + 1;
	for (int i = 0; i < 12; i++)
		ck_assert_msg(reftrace_generate(&bad[i], &trace) == -EINVAL &&
				      !trace,
			      "recipe %d", i);
	reftrace_close(NULL);
}
END_TEST

void add_replace_trace(Suite *suite)
{
	TCase *tests = tcase_create("trace");

	tcase_set_timeout(tests, 300);
	tcase_add_loop_test(tests, replace_reads, 0, INPUTS);
	tcase_add_test(tests, replace_reads_binary);
	tcase_add_test(tests, replace_page_sizes);
	tcase_add_test(tests, replace_reads_long_traces);
	tcase_add_test(tests, replace_reads_slow_pipes);
	tcase_add_test(tests, replace_reads_no_folder);
	tcase_add_test(tests, replace_zipf_is_zipf);
	tcase_add_test(tests, replace_other_generators);
	tcase_add_test(tests, replace_seeds);
	tcase_add_test(tests, replace_recipes_refused);
	suite_add_tcase(suite, tests);
}
