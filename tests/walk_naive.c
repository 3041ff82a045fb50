// # Tests of mem/walk --ostep: two ways to the same answer
//
// The course's rules once more, as literal as they can be written: lists that are
// searched from the front, addresses as strings of binary digits. Random exercises
// must come out the same, word for word. Nothing here is shared with the program
// but the numbers of Python's generator, which have their own tests.

#define _GNU_SOURCE
#include "walk_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "python_random.h"
#include "random.h"

enum { EXERCISES = 250, BATCHES = 4, OPTIONS_BYTES = 160 };

struct page {
	char *text;
	size_t bytes;
	FILE *out;
};

static void page_open(struct page *page)
{
	page->out = open_memstream(&page->text, &page->bytes);
	ck_assert(page->out != NULL);
}

static int below(struct random *random, uint32_t limit)
{
	return (int)random_below(random, limit);
}

// What the program says, in the words of the naive way.
static void print_translations(FILE *out, const json_t *answer)
{
	json_t *one;
	size_t i;

	json_array_foreach(walk_member(answer, "translations"), i, one)
	{
		const char *fault =
			json_string_value(walk_member(one, "fault"));
		json_t *value = json_object_get(one, "value");
		ck_assert(!fault ==
			  !json_is_null(walk_member(one, "physical")));
		fprintf(out, "%.0f ", walk_number(one, "virtual"));
		if (fault)
			fprintf(out, "%s", fault);
		else
			fprintf(out, "%.0f", walk_number(one, "physical"));
		if (json_is_number(value))
			fprintf(out, " %.0f", json_number_value(value));
		fprintf(out, "\n");
	}
}

static void compare(char *options[], struct page naive[],
		    void (*print_state)(FILE *out, const json_t *answer))
{
	json_t *answers = walk_answers(options, EXERCISES);

	for (size_t i = 0; i < EXERCISES; i++) {
		struct page page;
		page_open(&page);
		print_state(page.out, json_array_get(answers, i));
		print_translations(page.out, json_array_get(answers, i));
		fclose(page.out);
		fclose(naive[i].out);
		ck_assert_msg(!strcmp(page.text, naive[i].text),
			      "%s\nwant\n%s\ngot\n%s", options[i],
			      naive[i].text, page.text);
		free(page.text);
		free(naive[i].text);
		free(options[i]);
	}
	json_decref(answers);
}

// ## linear

static bool is_in(const long list[], int n, long what)
{
	for (int i = 0; i < n; i++)
		if (list[i] == what)
			return true;
	return false;
}

static void naive_linear(FILE *out, uint64_t seed, long page, int pages,
			 int frames, int used, int count)
{
	struct python_random random = python_random_seeded(seed);
	long frame_of[128] = { 0 }; // -1: not valid

	for (int i = 0; i < pages; i++) {
		bool done = false;
		while (!done) {
			frame_of[i] = -1;
			done = true;
			if (python_random_real(&random) * 100.0 >
			    100.0 - used) {
				long frame = (long)(frames * python_random_real(
								     &random));
				if (is_in(frame_of, i, frame))
					done = false;
				frame_of[i] = frame;
			}
		}
	}
	for (int i = 0; i < pages; i++)
		fprintf(out, "%ld ",
			frame_of[i] < 0 ? 0 : 2147483648 + frame_of[i]);
	fprintf(out, "\n");
	for (int i = 0; i < count; i++) {
		long address = (long)((double)(page * pages) *
				      python_random_real(&random));
		long rest = address, number = 0;
		while (rest >= page) {
			rest -= page;
			number++;
		}
		if (frame_of[number] < 0)
			fprintf(out, "%ld pte\n", address);
		else
			fprintf(out, "%ld %ld\n", address,
				frame_of[number] * page + rest);
	}
}

static void print_linear(FILE *out, const json_t *answer)
{
	json_t *one;
	size_t i;

	json_array_foreach(walk_member(answer, "page_table"), i, one)
		fprintf(out, "%lld ", json_integer_value(one));
	fprintf(out, "\n");
}

START_TEST(walk_linear_naive)
{
	struct random random = { 700 + (uint64_t)_i };
	static struct page naive[EXERCISES];
	char *options[EXERCISES];

	for (int i = 0; i < EXERCISES; i++) {
		long page = 1L << below(&random, 13);
		int pages = 1 << below(&random, 8);
		int frames = pages + 1 + below(&random, 2 * (uint32_t)pages);
		int used = below(&random, 3) ? below(&random, 101) : 100;
		int count = below(&random, 12);
		uint32_t seed = (uint32_t)random_next(&random);
		options[i] = malloc(OPTIONS_BYTES);
		snprintf(options[i], OPTIONS_BYTES,
			 "--ostep linear -s %u -P %ld -a %ld -p %ld -u %d "
			 "-n %d",
			 seed, page, page * pages, page * frames, used, count);
		page_open(&naive[i]);
		naive_linear(naive[i].out, seed, page, pages, frames, used,
			     count);
	}
	compare(options, naive, print_linear);
}
END_TEST

// ## multilevel

static void binary(char text[16], int address)
{
	for (int i = 0; i < 15; i++)
		text[i] = (char)('0' + (address >> (14 - i)) % 2);
	text[15] = '\0';
}

static int number(const char *digits, int n)
{
	int value = 0;

	for (int i = 0; i < n; i++)
		value = 2 * value + (digits[i] == '1');
	return value;
}

struct machine {
	int byte[4096];
	long taken[128], pages[128];
	int taken_count, page_count;
};

static int free_frame(struct machine *m, struct python_random *random)
{
	long frame = (long)(python_random_real(random) * 128);

	while (is_in(m->taken, m->taken_count, frame))
		frame = (long)(python_random_real(random) * 128);
	m->taken[m->taken_count++] = frame;
	return (int)frame;
}

static void fill(struct machine *m, int frame)
{
	for (int i = 0; i < 32; i++)
		m->byte[frame * 32 + i] = 127;
}

static void allocate(struct machine *m, int directory,
		     struct python_random *random)
{
	char bits[16];
	long page = (long)(python_random_real(random) * 1024);

	while (is_in(m->pages, m->page_count, page))
		page = (long)(python_random_real(random) * 1024);
	m->pages[m->page_count++] = page;
	binary(bits, (int)page * 32);
	int frame = free_frame(m, random);
	int *entry = &m->byte[directory * 32 + number(bits, 5)];
	if (*entry < 128) {
		int table = free_frame(m, random);
		fill(m, table);
		*entry = 128 + table;
	}
	m->byte[(*entry - 128) * 32 + number(bits + 5, 5)] = 128 + frame;
	for (int i = 0; i < 32; i++)
		m->byte[frame * 32 + i] =
			(int)(python_random_real(random) * 31);
}

static void naive_multilevel(FILE *out, uint64_t seed, int allocated, int count)
{
	struct python_random random = python_random_seeded(seed);
	struct machine m = { 0 };
	int directory = free_frame(&m, &random);

	fill(&m, directory);
	for (int i = 0; i < allocated; i++)
		allocate(&m, directory, &random);
	fprintf(out, "%d\n", directory);
	for (int i = 0; i < 4096; i++)
		fprintf(out, "%02x%s", m.byte[i], i % 32 == 31 ? "\n" : "");
	for (int i = 0; i < count; i++) {
		char bits[16];
		bool of_page = python_random_real(&random) * 100 <= 50.0 &&
			       i < allocated;
		int address =
			of_page ? (int)m.pages[i] * 32 +
					  (int)(python_random_real(&random) *
						32)
				: (int)(python_random_real(&random) * 32768);
		binary(bits, address);
		int first = m.byte[directory * 32 + number(bits, 5)];
		int second = first < 128 ? 0
					 : m.byte[(first - 128) * 32 +
						  number(bits + 5, 5)];
		if (first < 128 || second < 128) {
			fprintf(out, "%d %s\n", address,
				first < 128 ? "pde" : "pte");
			continue;
		}
		int physical = (second - 128) * 32 + number(bits + 10, 5);
		fprintf(out, "%d %d %d\n", address, physical, m.byte[physical]);
	}
}

static void print_multilevel(FILE *out, const json_t *answer)
{
	json_t *one;
	size_t i;

	fprintf(out, "%.0f\n", walk_number(answer, "pdbr"));
	json_array_foreach(walk_member(answer, "memory"), i, one)
		fprintf(out, "%s\n", json_string_value(one));
}

START_TEST(walk_multilevel_naive)
{
	enum { ALWAYS_FIT = 96 }; // beside 32 tables and the directory: 128
	struct random random = { 900 + (uint64_t)_i };
	static struct page naive[EXERCISES];
	char *options[EXERCISES];

	for (int i = 0; i < EXERCISES; i++) {
		int allocated = below(&random, ALWAYS_FIT);
		int count = below(&random, 40);
		uint32_t seed = (uint32_t)random_next(&random);
		options[i] = malloc(OPTIONS_BYTES);
		snprintf(options[i], OPTIONS_BYTES,
			 "--ostep multilevel -s %u -a %d -n %d", seed,
			 allocated, count);
		page_open(&naive[i]);
		naive_multilevel(naive[i].out, seed, allocated, count);
	}
	compare(options, naive, print_multilevel);
}
END_TEST

void walk_naive_tests(Suite *suite)
{
	TCase *tests = tcase_create("naive");
	int batches = soaking() ? 10 * BATCHES : BATCHES;

	tcase_add_loop_test(tests, walk_linear_naive, 0, batches);
	tcase_add_loop_test(tests, walk_multilevel_naive, 0, batches);
	suite_add_tcase(suite, tests);
}
