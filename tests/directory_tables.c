// directory_tables.c - what names are found by: their hashes, and the table of them
//
// Judges: debugfs says what a hash is (dx_hash); a list says what is in a table.

#define _GNU_SOURCE
#include "directory_parts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ## Hashes

static const char *const hash_names[] = { "legacy", "half_md4", "tea" };

// debugfs takes a word between quotes; these names have none.
static size_t hash_name(struct random *random, char *name)
{
	size_t length = 1 + random_below(random, NAME_LONGEST);

	if (random_below(random, 2))
		length = 1 + length % 40;
	for (size_t i = 0; i < length; i++) {
		do
			name[i] = (char)(33 + random_below(random, 223));
		while (strchr("\"\\'/", name[i]) || name[i] == 127);
	}
	if (name[0] == '-' || name[0] == '#')
		name[0] = 'x';
	name[length] = '\0';
	return length;
}

enum { HASHES = 400 };

// Bytes from 0x80 on are signed there, as the image's superblock says too.
START_TEST(hashes_are_those_of_debugfs)
{
	static const char uuid[] = "01020304-0506-0708-090a-0b0c0d0e0f10";
	struct ext2 fs = { .mode = MODE_READ };
	struct random random = { (uint64_t)_i };
	char(*name)[NAME_LONGEST + 1];
	char path[96];
	FILE *script;

	if (!content_judges())
		SKIP(CONTENT_NEEDS);
	name = calloc(HASHES, sizeof *name);
	fs.super.s_flags = put32(FLAG_SIGNED_HASH);
	snprintf(path, sizeof path, "%s/script", content_folder);
	script = fopen(path, "w");
	ck_assert_ptr_nonnull(script);
	for (int i = 0; i < HASHES; i++) {
		hash_name(&random, name[i]);
		fprintf(script, "dx_hash -h %s %s%s \"%s\"\n", hash_names[_i],
			i % 2 ? "-s " : "", i % 2 ? uuid : "", name[i]);
	}
	ck_assert_int_eq(fclose(script), 0);

	char *out = content_shell("debugfs -f script 2>/dev/null |"
				  "grep -a '^Hash of'"),
	     *at = out;

	for (int i = 0; i < HASHES; i++) {
		uint32_t major, minor, theirs, theirs_minor;

		for (int k = 0; k < 4; k++) {
			uint32_t word =
				i % 2 ? 0x04030201u + 0x04040404u * (uint32_t)k
				      : 0;
			fs.super.s_hash_seed[k] = put32(word);
		}
		ck_assert_int_eq(name_hash(&fs, _i, name[i], strlen(name[i]),
					   &major, &minor),
				 0);
		at = strstr(at, " is 0x");
		ck_assert_ptr_nonnull(at);
		ck_assert_int_eq(sscanf(at, " is 0x%x (minor 0x%x)", &theirs,
					&theirs_minor),
				 2);
		ck_assert_msg(major == theirs && minor == theirs_minor,
			      "%s of \"%s\": %08x, %08x, not %08x, %08x",
			      hash_names[_i], name[i], major, minor, theirs,
			      theirs_minor);
		at++;
	}
	free(out);
	free(name);
}
END_TEST

START_TEST(an_unknown_hash)
{
	struct ext2 fs = { .mode = MODE_READ };
	uint32_t major;

	ck_assert_int_eq(name_hash(&fs, 6, "x", 1, &major, NULL), -EINVAL);
	ck_assert_int_eq(name_hash(&fs, -1, "x", 1, &major, NULL), -EINVAL);
}
END_TEST

// ## The table of names

struct pair {
	uint32_t hash, place;
};

static bool in_table(const struct table *table, struct pair pair)
{
	uint64_t at = 0;
	uint32_t place;

	while ((place = table_next(table, pair.hash, &at)) != 0)
		if (place == pair.place)
			return true;
	return false;
}

// Few different hashes: long runs, that go round the end, while it grows.
START_TEST(table_against_a_list)
{
	enum { PAIRS = 3000, STEPS = 30000 };
	static const uint32_t masks[] = { 0xffffffff, 0xff, 0xfffffff0,
					  0x0000000f };
	struct random random = { (uint64_t)_i };
	struct pair *list = calloc(PAIRS, sizeof *list);
	struct table table = { 0 };
	uint32_t n = 0;

	for (uint32_t i = 0; i < STEPS; i++) {
		bool grows = i < STEPS / 2 ? random_below(&random, 4)
					   : !random_below(&random, 4);

		if (grows && n < PAIRS) {
			struct pair new = {
				(uint32_t)random_next(&random) & masks[_i],
				i + 1,
			};
			if (_i == 1)
				new.hash |= 0xffffff00;
			ck_assert_int_eq(table_reserve(&table), 0);
			table_add(&table, new.hash, new.place);
			list[n++] = new;
		} else if (n > 0) {
			uint32_t at = random_below(&random, n);

			table_remove(&table, list[at].hash, list[at].place);
			ck_assert(!in_table(&table, list[at]));
			list[at] = list[--n];
		}
		ck_assert_uint_eq(table.count, n);
		if (i % 500 == 0)
			for (uint32_t k = 0; k < n; k++)
				ck_assert(in_table(&table, list[k]));
	}
	table_remove(&table, 1, UINT32_MAX); // not there
	ck_assert_uint_eq(table.count, n);
	table_free(&table);
	ck_assert_uint_eq(table_bytes(&table), 0);
	free(list);
}
END_TEST

START_TEST(a_million_names_take_16_mib)
{
	struct table table = { 0 };

	for (uint32_t i = 1; i <= 1000000; i++) {
		ck_assert_int_eq(table_reserve(&table), 0);
		table_add(&table, i * 2654435761u, i);
	}
	ck_assert_uint_le(table_bytes(&table), 16 << 20);
	for (uint32_t i = 1; i <= 1000000; i++)
		ck_assert(
			in_table(&table, (struct pair){ i * 2654435761u, i }));
	table_free(&table);
}
END_TEST

TCase *directory_tables_case(void)
{
	TCase *tests = tcase_create("hashes and tables");

	tcase_add_checked_fixture(tests, content_set_up, content_tear_down);
	tcase_set_timeout(tests, soaking() ? 1200 : 120);
	tcase_add_loop_test(tests, hashes_are_those_of_debugfs, 0, 3);
	tcase_add_test(tests, an_unknown_hash);
	tcase_add_loop_test(tests, table_against_a_list, 0, 4);
	tcase_add_test(tests, a_million_names_take_16_mib);
	return tests;
}
