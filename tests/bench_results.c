// Result files made for tests; see bench_files.h.

#define _GNU_SOURCE
#include "bench_files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char folder[100];

void make_folder(void)
{
	snprintf(folder, sizeof folder, "/tmp/oslab-files-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
}

void remove_folder(void)
{
	char command[140];
	snprintf(command, sizeof command, "rm -rf '%s'", folder);
	ck_assert_int_eq(system(command), 0);
}

const char *path_of(const char *name)
{
	static char paths[8][200];
	static int turn;
	char *path = paths[turn++ % 8];
	snprintf(path, sizeof paths[0], "%s/%s", folder, name);
	return path;
}

const char *save_text(const char *name, const char *text, size_t bytes)
{
	const char *path = path_of(name);
	FILE *file = fopen(path, "w");
	ck_assert_ptr_nonnull(file);
	ck_assert_uint_eq(fwrite(text, 1, bytes, file), bytes);
	ck_assert_int_eq(fclose(file), 0);
	return path;
}

const char *save(const char *name, json_t *result)
{
	const char *path = path_of(name);
	ck_assert_int_eq(json_dump_file(result, path, JSON_INDENT(1)), 0);
	json_decref(result);
	return path;
}

char *load_text(const char *path)
{
	char command[300];
	snprintf(command, sizeof command, "cat '%s'", path);
	struct outcome o = run_shell(command);
	ck_assert_int_eq(o.exit, 0);
	free(o.err);
	return o.out;
}

json_t *empty_result(void)
{
	json_t *result = json_pack(
		"{s:i, s:f, s:b, s:[], s:{s:s, s:s, s:i, s:i, s:i, s:i, s:s,"
		" s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:i, s:s, s:s, s:f, s:i,"
		" s:b, s:s}}",
		"schema", 1, "elapsed_s", 12.5, "interrupted", 0, "cases",
		"environment", "cpu_model", "Test CPU", "architecture",
		"x86_64", "cpus_online", 2, "cores", 2, "sockets", 1,
		"threads_per_core", 1, "kernel", "6.1.0 #1", "mitigations", "",
		"governor", "", "clock_source", "tsc", "hypervisor", "none",
		"thp", "madvise", "load", "0.10 0.10 0.10 1/99 1",
		"memory_bytes", 1 << 30, "page_bytes", 4096, "compiler",
		"gcc 12", "flags", "-O2", "clock_cost_ns", 24.0,
		"clock_resolution_ns", 1, "pinned", 1, "date",
		"2025-01-01T00:00:00Z");
	ck_assert_ptr_nonnull(result);
	return result;
}

json_t *add_bare(json_t *result, const char *name, const char *key,
		 const char *why)
{
	json_t *c = json_pack("{s:s, s:s}", "name", name, key, why);
	ck_assert_ptr_nonnull(c);
	json_array_append_new(json_object_get(result, "cases"), c);
	return c;
}

json_t *add_case(json_t *result, const char *name, const char *unit,
		 double first, double step, int n)
{
	json_t *rounds = json_array();
	double median = first + step * (n - 1) / 2;

	for (int i = 0; i < n; i++)
		json_array_append_new(rounds, json_real(first + step * i));
	json_t *c = json_pack(
		"{s:s, s:s, s:s, s:o, s:f, s:[f,f], s:{s:f, s:f, s:f, s:n,"
		" s:f}, s:i, s:[[f,f,i],[f,f,i]], s:f, s:{s:f, s:f}, s:[f,f],"
		" s:i, s:n, s:n, s:b, s:s, s:i}",
		"name", name, "unit", unit, "better",
		!strcmp(unit, "ns") ? "lower" : "higher", "rounds", rounds,
		"median", median, "interval", first + step, median + step,
		"percentiles", "50", median, "90", median * 1.2, "99",
		median * 2, "99.9", "max", median * 9, "samples", 5000,
		"histogram", 1024.0, 1116.7, 4000, 1116.7, 1217.8, 1000, "rate",
		1e9 / median, "switches", "voluntary", 2.0, "involuntary",
		0.001, "cpu_ns", 40.0, 41.0, "migrations", 0, "floor",
		"floor_ratio", "stable", 1, "why_unstable", "", "steal_ns", 0);
	ck_assert_ptr_nonnull(c);
	json_array_append_new(json_object_get(result, "cases"), c);
	return c;
}

json_t *one_case(const char *unit, double first, double step, int n)
{
	json_t *result = empty_result();
	add_case(result, PIPE, unit, first, step, n);
	return result;
}

void contains(const char *text, const char *what)
{
	ck_assert_msg(strstr(text, what) != NULL, "no \"%s\" in:\n%.2000s",
		      what, text);
}

void lacks(const char *text, const char *what)
{
	ck_assert_msg(strstr(text, what) == NULL, "\"%s\" in:\n%.2000s", what,
		      text);
}
