// # Tests of ipc/relay: the files, the report and the mechanisms of a test

#define _GNU_SOURCE
#include "relay_parts.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <xxhash.h>

#include "names.h"
#include "random.h"

// ## A folder for the files of a test

char job_folder[64], input[128], output[128];

void make_job_folder(void)
{
	snprintf(job_folder, sizeof job_folder, "/tmp/oslab-relay-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(job_folder));
	ck_assert_int_eq(chmod(job_folder, 0755), 0);
	snprintf(input, sizeof input, "%s/in", job_folder);
	snprintf(output, sizeof output, "%s/out", job_folder);
	setenv("IN", input, 1);
	setenv("OUT", output, 1);
	setenv("D", job_folder, 1);
}

static int remove_entry(const char *path, const struct stat *facts, int type,
			struct FTW *place)
{
	(void)facts, (void)type, (void)place;
	return remove(path);
}

void remove_job_folder(void)
{
	nftw(job_folder, remove_entry, 8, FTW_PHYS | FTW_DEPTH);
}

void write_file(const char *path, const void *bytes, size_t n)
{
	FILE *file = fopen(path, "we");

	ck_assert_ptr_nonnull(file);
	ck_assert_uint_eq(fwrite(bytes, 1, n, file), n);
	ck_assert_int_eq(fclose(file), 0);
}

size_t read_file(const char *path, void *bytes, size_t n)
{
	FILE *file = fopen(path, "re");

	ck_assert_msg(file, "%s: %s", path, strerror(errno));
	size_t got = fread(bytes, 1, n, file);
	fclose(file);
	return got;
}

char *random_bytes(size_t n, uint64_t seed)
{
	struct random random = { seed };
	char *bytes = malloc(n + sizeof(uint64_t));

	ck_assert_ptr_nonnull(bytes);
	for (size_t i = 0; i < n; i += sizeof(uint64_t)) {
		uint64_t next = random_next(&random);
		memcpy(bytes + i, &next, sizeof next);
	}
	return bytes;
}

void make_input(size_t n)
{
	char *bytes = random_bytes(n, n + 1);

	write_file(input, bytes, n);
	free(bytes);
}

size_t entries_in(const char *path)
{
	size_t n = 0;
	DIR *entries = opendir(path);

	ck_assert_ptr_nonnull(entries);
	for (struct dirent *entry; (entry = readdir(entries));)
		n += *entry->d_name != '.';
	closedir(entries);
	return n;
}

void checksum_of(const char *bytes, size_t n, char text[33])
{
	XXH128_hash_t sum = XXH3_128bits(bytes, n);

	snprintf(text, 33, "%016llx%016llx", (unsigned long long)sum.high64,
		 (unsigned long long)sum.low64);
}

json_t *parse(const struct outcome *got)
{
	json_error_t why;
	json_t *json = json_loads(got->out, JSON_REJECT_DUPLICATES, &why);

	ck_assert_msg(json, "no JSON (%s):\n%.999s%.999s", why.text, got->out,
		      got->err);
	return json;
}

const json_t *row_of(const json_t *report, const char *name)
{
	const json_t *rows = json_object_get(report, "mechanisms"), *row;
	size_t i;

	for (i = 0; (row = json_array_get(rows, i)); i++)
		if (!strcmp(text_in(row, "name"), name))
			return row;
	ck_abort_msg("no mechanism %s in the report", name);
	return NULL;
}

const char *text_in(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

// In messages of a page, a pipe takes a write and a read for each of 256, a
// close, and a read that finds the end.
void check_calls(const struct outcome *got, const char *counter)
{
	json_t *report = parse(got);
	const json_t *row = row_of(report, "pipe");

	ck_assert_str_eq(text_in(report, "system_calls_counted_by"), counter);
	ck_assert_double_eq(
		json_real_value(json_object_get(row, "system_calls_per_mib")),
		256 + 256 + 1 + 1);
	json_decref(report);
}

// ## The mechanisms

enum { MOST_BYTES = 16 * MIB }; // the limit of shared memory

size_t mechanism_limit(const struct mechanism *m, char why[128])
{
	size_t limit = 0;
	int error = m->probe(&limit, why, 128);

	ck_assert_int_eq(names_close(), 0);
	if (error)
		return 0;
	return limit <= MOST_BYTES ? limit : soaking() ? MOST_BYTES : MIB;
}

int mechanism_count(void)
{
	int n = 0;

	while (channel_mechanisms[n])
		n++;
	return n;
}
