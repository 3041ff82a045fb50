// # Options: what is taken, what is refused, and in which words
//
// The expected values were worked out by hand from the definitions of the units
// (K = 1024 in parse_size, SI in parse_duration).

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/options.h"
#include "lib/utf8.h"
#include "tests.h"

// A refused value must leave the caller's variable alone.
enum { UNTOUCHED = 4711 };

// ## Numbers

START_TEST(numbers)
{
	static const struct {
		const char *text;
		int64_t value;
	} good[] = {
		{ "0", 0 }, { "12", 12 }, { "-3", -3 }, { "+5", 5 },
		{ "-0", 0 }, { "007", 7 }, { "010", 10 },
		{ "9223372036854775807", INT64_MAX },
		{ "-9223372036854775808", INT64_MIN },
		{ "00000000000000000000000000001", 1 },
	};
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		int64_t value = UNTOUCHED;
		ck_assert_int_eq(parse_number(good[i].text, INT64_MIN,
					      INT64_MAX, &value),
				 0);
		ck_assert_int_eq(value, good[i].value);
	}
}
END_TEST

static const char *const never_numbers[] = {
	"", "-", "+", " 1", "1 ", "\t1", "1\n", "0x10", "1e3", "1.0", "1.",
	"--1", "+-1", "- 1", "1K", "one", "1,000", "1'000", "\xc2\xa0\x31",
	"99999999999999999999x", "nan", "inf", "\xef\xbc\x91", "0b1", "1\x01",
};

START_TEST(numbers_refused)
{
	int64_t value = UNTOUCHED;

	for (size_t i = 0; i < sizeof never_numbers / sizeof *never_numbers;
	     i++)
		ck_assert_msg(parse_number(never_numbers[i], INT64_MIN,
					   INT64_MAX, &value) == -EINVAL,
			      "'%s'", never_numbers[i]);
	ck_assert_int_eq(parse_number("9223372036854775808", INT64_MIN,
				      INT64_MAX, &value),
			 -ERANGE);
	ck_assert_int_eq(parse_number("-9223372036854775809", INT64_MIN,
				      INT64_MAX, &value),
			 -ERANGE);
	ck_assert_int_eq(parse_number("18446744073709551617", INT64_MIN,
				      INT64_MAX, &value),
			 -ERANGE);
	ck_assert_int_eq(parse_number("0", 1, 64, &value), -ERANGE);
	ck_assert_int_eq(parse_number("65", 1, 64, &value), -ERANGE);
	ck_assert_int_eq(value, UNTOUCHED);
	ck_assert_int_eq(parse_number("1", 1, 64, &value), 0);
	ck_assert_int_eq(parse_number("64", 1, 64, &value), 0);
}
END_TEST

// ## Sizes

START_TEST(sizes)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} good[] = {
		{ "0", 0 }, { "4096", 4096 }, { "100B", 100 }, { "1K", 1024 },
		{ "64K", 65536 }, { "64KB", 65536 }, { "64KiB", 65536 },
		{ "1M", 1048576 }, { "1.5M", 1572864 }, { "1.5MiB", 1572864 },
		{ "1.50000M", 1572864 }, { "1MB", 1048576 },
		{ "2G", 2147483648 }, { "1GiB", 1073741824 },
		{ "3T", UINT64_C(3298534883328) }, { "1TB", UINT64_C(1) << 40 },
		{ "0.5K", 512 }, { "0.0009765625K", 1 }, { "1.0", 1 },
		{ "0.000000000000000000000000K", 0 },
		// 2^-40 to its last digit: one byte
		{ "0.0000000000009094947017729282379150390625T", 1 },
		{ "18446744073709551615", UINT64_MAX },
		{ "16777215.9999999999990905052982270717620849609375T",
		  UINT64_MAX },
	};
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		uint64_t bytes = UNTOUCHED;
		ck_assert_msg(parse_size(good[i].text, 0, UINT64_MAX, &bytes) ==
				      0,
			      "%s", good[i].text);
		ck_assert_uint_eq(bytes, good[i].bytes);
	}
}
END_TEST

static const char *const never_sizes[] = {
	"", "K", "B", ".5K", "1.K", ".", "1..5K", "1.5.5K", "0.3K", "1.1",
	"0.5B", "1.0001K", "-1", "-0", "+1", " 1K", "1 K", "1K ", "1KK", "1k",
	"1Kib", "1kB", "1m", "1P", "1E", "0x10", "1e3", "1,5M", "nan", "inf",
	"64K\n", "1.5Mb", "1KiBs",
	"0.0000000000009094947017729282379150390624T",
	"99999999999999999999Q",
};

START_TEST(sizes_refused)
{
	static const char *const too_large[] = {
		"18446744073709551616", "16777216T", "99999999999999999999999",
		"18014398509481984K", "18446744073709551615K",
	};
	uint64_t bytes = UNTOUCHED;

	for (size_t i = 0; i < sizeof never_sizes / sizeof *never_sizes; i++)
		ck_assert_msg(parse_size(never_sizes[i], 0, UINT64_MAX,
					 &bytes) == -EINVAL,
			      "'%s'", never_sizes[i]);
	for (size_t i = 0; i < sizeof too_large / sizeof *too_large; i++)
		ck_assert_msg(parse_size(too_large[i], 0, UINT64_MAX, &bytes) ==
				      -ERANGE,
			      "'%s'", too_large[i]);
	ck_assert_int_eq(parse_size("0", 1, 1024, &bytes), -ERANGE);
	ck_assert_int_eq(parse_size("1025", 1, 1024, &bytes), -ERANGE);
	ck_assert_uint_eq(bytes, UNTOUCHED);
	ck_assert_int_eq(parse_size("1K", 1, 1024, &bytes), 0);
}
END_TEST

// ## Durations

START_TEST(durations)
{
	static const struct {
		const char *text;
		int64_t ns;
	} good[] = {
		{ "0s", 0 }, { "1ns", 1 }, { "10us", 10000 },
		{ "10ms", 10000000 }, { "1.5s", 1500000000 },
		{ "2m", INT64_C(120000000000) },
		{ "1h", INT64_C(3600000000000) },
		{ "0.3us", 300 }, { "0.1s", 100000000 },
		{ "1.000000001s", 1000000001 },
		{ "0.5h", INT64_C(1800000000000) },
		{ "9223372036854775807ns", INT64_MAX },
		{ "9223372036.854775807s", INT64_MAX },
	};
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		int64_t ns = UNTOUCHED;
		ck_assert_msg(parse_duration(good[i].text, 0, INT64_MAX, &ns) ==
				      0,
			      "%s", good[i].text);
		ck_assert_int_eq(ns, good[i].ns);
	}
}
END_TEST

static const char *const never_durations[] = {
	"", "0", "10", "1.5", "s", "fast", "-1s", "+1s", "1 s", " 1s", "1s ",
	"1S", "1sec", "1min", "1.s", ".5s", "1e3s", "0x1s", "1.5ns", "0.0001us",
	"1h30m", "nan", "infs", "1d", "1.0000000001s", "99999999999999999999q",
};

START_TEST(durations_refused)
{
	static const char *const too_long[] = {
		"9223372036854775808ns", "9223372036.854775808s", "2562048h",
		"18446744073709551616ns", "5124096h",
	};
	enum { BAD = sizeof never_durations / sizeof *never_durations };
	int64_t ns = UNTOUCHED;

	for (size_t i = 0; i < BAD; i++)
		ck_assert_msg(parse_duration(never_durations[i], 0, INT64_MAX,
					     &ns) == -EINVAL,
			      "'%s'", never_durations[i]);
	for (size_t i = 0; i < sizeof too_long / sizeof *too_long; i++)
		ck_assert_msg(parse_duration(too_long[i], 0, INT64_MAX, &ns) ==
				      -ERANGE,
			      "'%s'", too_long[i]);
	ck_assert_int_eq(parse_duration("99ms", 100000000, 1000000000, &ns),
			 -ERANGE);
	ck_assert_int_eq(parse_duration("1001ms", 100000000, 1000000000, &ns),
			 -ERANGE);
	ck_assert_int_eq(parse_duration("1s", 0, -1, &ns), -ERANGE);
	ck_assert_int_eq(ns, UNTOUCHED);
	ck_assert_int_eq(parse_duration("0s", -5, 5, &ns), 0);
}
END_TEST

// ## Reals

START_TEST(reals)
{
	static const struct {
		const char *text;
		double value;
	} good[] = {
		{ "2.5", 2.5 }, { "0", 0 }, { "-1.25", -1.25 }, { "+3", 3 },
		{ "0.1", 0.1 }, { "010", 10 }, { "1000000000", 1e9 },
	};
	double value;

	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		ck_assert_int_eq(parse_real(good[i].text, -INFINITY, INFINITY,
					    &value),
				 0);
		ck_assert(value == good[i].value);
	}
	ck_assert_int_eq(parse_real("-0", -1, 1, &value), 0);
	ck_assert(value == 0 && !signbit(value));
}
END_TEST

static const char *const never_reals[] = {
	"", "-", ".", ".5", "5.", "1e3", "1E3", "0x1p3", "0x10", "nan", "NaN",
	"-nan", "nan(1)", "inf", "infinity", " 1", "1 ", "1,5", "1.5.5", "1%",
	"--1", "1.-5",
};

START_TEST(reals_refused)
{
	double value = UNTOUCHED;
	char huge[400], tiny[402];

	for (size_t i = 0; i < sizeof never_reals / sizeof *never_reals; i++)
		ck_assert_msg(parse_real(never_reals[i], -INFINITY, INFINITY,
					 &value) == -EINVAL,
			      "'%s'", never_reals[i]);
	memset(huge, '9', sizeof huge);
	huge[sizeof huge - 1] = '\0';
	memset(tiny, '0', sizeof tiny);
	memcpy(tiny + sizeof tiny - 2, "1", 2);
	tiny[1] = '.';
	ck_assert_int_eq(parse_real(huge, -INFINITY, INFINITY, &value),
			 -ERANGE);
	ck_assert_int_eq(parse_real(tiny, -1, 1, &value), -ERANGE);
	ck_assert_int_eq(parse_real("0.49", 0.5, 1, &value), -ERANGE);
	ck_assert_int_eq(parse_real("1.01", 0.5, 1, &value), -ERANGE);
	ck_assert_int_eq(parse_real("1", NAN, NAN, &value), -ERANGE);
	ck_assert(value == UNTOUCHED);
}
END_TEST

// ## Values for people

START_TEST(human)
{
	static const struct {
		double ns;
		const char *text;
	} times[] = {
		{ 0, "0 ns" }, { 340, "340 ns" }, { 3210, "3.21 us" },
		{ 1.5e6, "1.5 ms" }, { 2e9, "2.0 s" }, { 1, "1.0 ns" },
		{ 0.345, "0.345 ns" }, { 0.3, "0.3 ns" }, { 12000, "12 us" },
		{ 12340, "12.3 us" }, { 9.994, "9.99 ns" }, { 9.996, "10 ns" },
		{ 99.94, "99.9 ns" }, { 99.96, "100 ns" }, { 999.4, "999 ns" },
		{ 999.6, "1.0 us" }, { 999.96, "1.0 us" },
		{ 999499, "999 us" }, { 999500, "1.0 ms" },
		{ 999.6e6, "1.0 s" }, { 59.9e9, "59.9 s" },
		{ 59.96e9, "1.0 min" }, { 90e9, "1.5 min" },
		{ 3600e9, "1.0 h" }, { -59.96e9, "-1.0 min" }, { -3210, "-3.21 us" }, { NAN, "n/a" },
		{ INFINITY, "n/a" }, { 0.9999, "1.0 ns" },
	};
	static const struct {
		uint64_t bytes;
		const char *human, *name;
	} amounts[] = {
		{ 0, "0 B", "0B" }, { 1, "1 B", "1B" }, { 17, "17 B", "17B" },
		{ 1023, "1023 B", "1023B" }, { 1024, "1 KiB", "1KiB" },
		{ 1536, "1.5 KiB", "1536B" }, { 65536, "64 KiB", "64KiB" },
		{ 1572864, "1.5 MiB", "1536KiB" },
		{ 1048575, "1 MiB", "1048575B" },
		{ 1048576, "1 MiB", "1MiB" }, { 1234567, "1.18 MiB", "1234567B" },
		{ 10230, "9.99 KiB", "10230B" }, { 10239, "10 KiB", "10239B" },
		{ UINT64_C(1) << 40, "1 TiB", "1TiB" },
		{ UINT64_C(1) << 50, "1 PiB", "1024TiB" },
		{ UINT64_MAX, "16 EiB", "18446744073709551615B" },
	};
	char text[HUMAN_BYTES];

	for (size_t i = 0; i < sizeof times / sizeof *times; i++)
		ck_assert_str_eq(human_duration(text, times[i].ns),
				 times[i].text);
	for (size_t i = 0; i < sizeof amounts / sizeof *amounts; i++) {
		ck_assert_str_eq(human_size(text, amounts[i].bytes),
				 amounts[i].human);
		ck_assert_str_eq(size_name(text, amounts[i].bytes),
				 amounts[i].name);
	}
}
END_TEST

// A name is exact: the parser gives the value back.
START_TEST(names_are_exact)
{
	char text[HUMAN_BYTES];
	uint64_t x = 88172645463325252;

	for (int i = 0; i < 20000; i++) {
		uint64_t bytes = UNTOUCHED;
		int64_t ns = UNTOUCHED;
		x ^= x << 13; // Marsaglia's xorshift64
		x ^= x >> 7;
		x ^= x << 17;
		uint64_t value = x >> (i % 64) << (i / 64 % 48);
		size_name(text, value);
		int error = parse_size(text, 0, UINT64_MAX, &bytes);
		if (error || bytes != value)
			ck_abort_msg("%s is not %ju", text, (uintmax_t)value);
		value &= INT64_MAX;
		duration_name(text, (int64_t)value);
		error = parse_duration(text, 0, INT64_MAX, &ns);
		if (error || ns != (int64_t)value)
			ck_abort_msg("%s is not %ju", text, (uintmax_t)value);
	}
	ck_assert_str_eq(duration_name(text, 0), "0s");
	ck_assert_str_eq(duration_name(text, 100000000), "100ms");
	ck_assert_str_eq(duration_name(text, 90000000000), "90s");
	ck_assert_str_eq(duration_name(text, 3600000000000), "1h");
}
END_TEST

// The table of RFC 3629, section 4, at its edges.
START_TEST(utf8)
{
	static const struct {
		const char *text;
		uint32_t character;
		size_t bytes;
	} rows[] = {
		{ "", 0, 0 }, { "a", 'a', 1 }, { "\x7f", 0x7f, 1 },
		{ "\xc2\x80", 0x80, 2 }, { "\xdf\xbf", 0x7ff, 2 },
		{ "\xe0\xa0\x80", 0x800, 3 }, { "\xed\x9f\xbf", 0xd7ff, 3 },
		{ "\xee\x80\x80", 0xe000, 3 }, { "\xef\xbf\xbf", 0xffff, 3 },
		{ "\xf0\x90\x80\x80", 0x10000, 4 },
		{ "\xf4\x8f\xbf\xbf", 0x10ffff, 4 },
		{ "\x80", UTF8_INVALID, 1 }, { "\xc0\x80", UTF8_INVALID, 1 },
		{ "\xc1\xbf", UTF8_INVALID, 1 }, { "\xc2", UTF8_INVALID, 1 },
		{ "\xc2 ", UTF8_INVALID, 1 },
		{ "\xe0\x9f\xbf", UTF8_INVALID, 1 },
		{ "\xe2\x82", UTF8_INVALID, 1 },
		{ "\xed\xa0\x80", UTF8_INVALID, 1 },
		{ "\xf0\x8f\xbf\xbf", UTF8_INVALID, 1 },
		{ "\xf4\x90\x80\x80", UTF8_INVALID, 1 },
		{ "\xf5\x80\x80\x80", UTF8_INVALID, 1 },
		{ "\xff", UTF8_INVALID, 1 },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		size_t bytes = 99;
		ck_assert_uint_eq(utf8_next(rows[i].text, &bytes),
				  rows[i].character);
		ck_assert_uint_eq(bytes, rows[i].bytes);
	}
	ck_assert_int_eq(utf8_columns(0xd55c), 2); // 한
	ck_assert_int_eq(utf8_columns(0xe9), 1);   // é
	ck_assert_int_eq(utf8_columns(0x301), 0);  // combining acute
	ck_assert_int_eq(utf8_columns('\n'), 0);
}
END_TEST

// ## A program of its own
//
// Exit statuses, standard error and what happens at exit need a process with a
// main. This one, started again with GUEST in its environment, is a small
// program with every kind of option, before Check's main gets to see anything
// (glibc calls a constructor with the arguments of main).

#define GUEST "OSLAB_TEST_OPTIONS"

static error_t guest_parse(int key, char *text, struct argp_state *state)
{
	static const char *const formats[] = { "text", "json", "html", NULL };

	switch (key) {
	case 'n':
		printf("%jd\n",
		       (intmax_t)option_number(state, "--number", text, 1, 64));
		return 0;
	case 'N':
		option_number(state, "--any", text, INT64_MIN, INT64_MAX);
		return 0;
	case 's':
		printf("%ju\n", (uintmax_t)option_size(state, "--size", text, 1,
						       1 << 20));
		return 0;
	case 'S':
		option_size(state, "--any-size", text, 0, UINT64_MAX);
		return 0;
	case 'o':
		option_size(state, "--odd-size", text, 65500, 65507);
		return 0;
	case 't':
		printf("%jd\n",
		       (intmax_t)option_duration(state, "--time", text,
						 100000000, 3600000000000));
		return 0;
	case 'r':
		printf("%g\n", option_real(state, "--real", text, 0.5, 1e9));
		return 0;
	case 'f':
		printf("%d\n", option_choice(state, "--format", text, formats));
		return 0;
	case ARGP_KEY_ARG:
		option_refuse(state, "SCENE", text, "a scene of --list");
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp guest_argp = {
	.options =
		(const struct argp_option[]){
		{ "number", 'n', "N", 0, "A number", 0 },
		{ "any", 'N', "N", 0, "Any number", 0 },
		{ "size", 's', "SIZE", 0, "A size", 0 },
		{ "any-size", 'S', "SIZE", 0, "Any size", 0 },
		{ "odd-size", 'o', "SIZE", 0, "An odd size", 0 },
		{ "time", 't', "DURATION", 0, "How long", 0 },
		{ "real", 'r', "R", 0, "A real", 0 },
		{ "format", 'f', "text|json|html", 0, "How", 0 },
		{ 0 },
		},
	.parser = guest_parse,
	.args_doc = "[SCENE...]",
	.doc = "Plays a program.",
};

__attribute__((constructor)) static void guest(int argc, char **argv)
{
	const char *how = getenv(GUEST);

	if (!how)
		return;
	options_begin("tests/guest");
	argp_parse(&guest_argp, argc, argv, 0, NULL, NULL);
	printf("the end\n");
	if (!strcmp(how, "forks") && fork() == 0)
		_exit(0);
	if (!strcmp(how, "opens") && open("/dev/null", O_WRONLY) == -1)
		_exit(126);
	exit(strcmp(how, "leaves") ? options_end(0) : 0);
}

// Starts it with one argument.
static struct outcome guest_run(const char *argument)
{
	setenv(GUEST, "1", 1);
	struct outcome o = run("tests/check", argument, NULL);
	unsetenv(GUEST);
	return o;
}

// Starts it through the shell, which calls it "$B/tests/check".
static struct outcome guest_shell(const char *how, const char *command)
{
	setenv(GUEST, how, 1);
	struct outcome o = run_shell(command);
	unsetenv(GUEST);
	return o;
}

START_TEST(values_taken)
{
	static const char *const rows[][2] = {
		{ "--number=64", "64\nthe end\n" },
		{ "--numb=1", "1\nthe end\n" },		// abbreviated
		{ "-n7", "7\nthe end\n" },
		{ "--size=0.5K", "512\nthe end\n" },
		{ "--time=1.5s", "1500000000\nthe end\n" },
		{ "--real=0.5", "0.5\nthe end\n" },
		{ "--format=json", "1\nthe end\n" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct outcome o = guest_run(rows[i][0]);
		ck_assert_int_eq(o.exit, 0);
		ck_assert_str_eq(o.out, rows[i][1]);
		ck_assert_str_eq(o.err, "");
		outcome_free(&o);
	}
}
END_TEST

START_TEST(values_refused)
{
	static const char *const rows[][2] = {
		{ "--number=65", "--number=65: want a whole number from 1 to 64" },
		{ "-n0", "--number=0: want a whole number from 1 to 64" },
		{ "--any=x", "--any=x: want a whole number" },
		{ "--size=0", "--size=0: want a size from 1 B to 1 MiB, such as 64K" },
		{ "--any-size=-1", "--any-size=-1: want a size, such as 64K" },
		{ "--odd-size=1",
		  "--odd-size=1: want a size from 65500 B to 65507 B, such as 65500B" },
		{ "--time=fast",
		  "--time=fast: want a duration from 100ms to 1h, such as 30s" },
		{ "--time=", "--time=: want a duration from 100ms to 1h, such as 30s" },
		{ "--real=nan", "--real=nan: want a number from 0.5 to 1000000000" },
		{ "--format=jso", "--format=jso: want text, json or html" },
		{ "a\nb\t\033[31m\x7f\xff\\", "SCENE=a\\nb\\t\\x1b[31m\\x7f\\xff\\\\"
					      ": want a scene of --list" },
		{ "\xc2\x9b" "31m한글", "SCENE=\\u009b31m한글: want a scene of --list" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char line[256];
		struct outcome o = guest_run(rows[i][0]);
		snprintf(line, sizeof line, "check: %s\n", rows[i][1]);
		ck_assert_int_eq(o.exit, 2);
		ck_assert_str_eq(o.out, "");
		ck_assert_str_eq(o.err, line);
		outcome_free(&o);
	}
}
END_TEST

// Somebody's whole file as an argument is not printed in full.
START_TEST(long_value_cut)
{
	char text[5000];

	memset(text, 'x', sizeof text);
	text[sizeof text - 1] = '\0';
	struct outcome o = guest_run(text);
	ck_assert_int_eq(o.exit, 2);
	ck_assert_uint_lt(strlen(o.err), 300);
	ck_assert_ptr_nonnull(
		strstr(o.err, "xxx...: want a scene of --list\n"));
	outcome_free(&o);
}
END_TEST

START_TEST(unknown_option)
{
	static const char *const unknown[] = { "--bogus", "-z", "--number" };

	for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
		struct outcome o = guest_run(unknown[i]);
		ck_assert_int_eq(o.exit, 2);
		ck_assert_str_eq(o.out, "");
		const char *second = strchr(o.err, '\n');
		ck_assert_ptr_nonnull(second);
		ck_assert(!strncmp(second + 1, "Try `", 5));
		ck_assert_ptr_nonnull(strstr(second, "--help"));
		ck_assert_ptr_eq(strchr(second + 1, '\n') + 1,
				 o.err + strlen(o.err));
		outcome_free(&o);
	}
}
END_TEST

START_TEST(help_and_version)
{
	struct outcome o = guest_run("--help");
	ck_assert_int_eq(o.exit, 0);
	ck_assert_ptr_nonnull(strstr(o.out, "--time=DURATION"));
	ck_assert_str_eq(o.err, "");
	outcome_free(&o);

	o = guest_run("--version");
	ck_assert_int_eq(o.exit, 0);
	ck_assert_str_eq(o.out, "tests/guest (oslab) " OSLAB_VERSION "\n");
	outcome_free(&o);
}
END_TEST

// glibc's argp never ends with this one.
START_TEST(help_format_ignored)
{
	struct outcome plain = guest_run("--help");
	setenv("ARGP_HELP_FMT", "rmargin=1", 1);
	struct outcome o = guest_run("--help");
	unsetenv("ARGP_HELP_FMT");
	ck_assert_int_eq(o.exit, 0);
	ck_assert_str_eq(o.out, plain.out);
	outcome_free(&plain);
	outcome_free(&o);
}
END_TEST

#define CANNOT "tests/guest: cannot write the output: "

START_TEST(output_lost)
{
	static const char *const rows[][3] = {
		{ "1", "$B/tests/check --help >/dev/full",
		  CANNOT "No space left on device\n" },
		{ "1", "$B/tests/check --version >/dev/full",
		  CANNOT "No space left on device\n" },
		{ "1", "$B/tests/check >/dev/full",
		  CANNOT "No space left on device\n" },
		{ "leaves", "$B/tests/check >/dev/full",
		  CANNOT "No space left on device\n" },
		{ "1", "$B/tests/check >&-", CANNOT "Bad file descriptor\n" },
		// its own file must not become its standard output
		{ "opens", "$B/tests/check >&-",
		  CANNOT "Bad file descriptor\n" },
		{ "1", "$B/tests/check >/dev/full 2>&-", "" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct outcome o = guest_shell(rows[i][0], rows[i][1]);
		ck_assert_msg(o.exit == 1, "%s: %d", rows[i][1], o.exit);
		ck_assert_str_eq(o.err, rows[i][2]);
		outcome_free(&o);
	}
}
END_TEST

// A child that leaves with _exit neither writes nor judges the parent's buffer.
START_TEST(child_keeps_quiet)
{
	struct outcome o = guest_shell("forks", "$B/tests/check | cat");
	ck_assert_int_eq(o.exit, 0);
	ck_assert_str_eq(o.out, "the end\n");
	ck_assert_str_eq(o.err, "");
	outcome_free(&o);
}
END_TEST

// The reader of the pipe is gone before the program begins: the FIFO is opened
// for both, and its read end is closed. Once with SIGPIPE as usual (141 is the
// shell's spelling of a death by signal 13), once ignored.
START_TEST(reader_gone)
{
	static const char gone[] =
		"d=$(mktemp -d) && mkfifo $d/f && exec 3<>$d/f 4>$d/f 3<&- && "
		"rm -r $d && %s $B/tests/check --help >&4";
	char command[256];

	snprintf(command, sizeof command, gone, "");
	struct outcome o = guest_shell("1", command);
	ck_assert_msg(o.exit == 128 + SIGPIPE || o.signal == SIGPIPE,
		      "exit %d, signal %d", o.exit, o.signal);
	ck_assert_str_eq(o.err, "");
	outcome_free(&o);

	snprintf(command, sizeof command, gone, "trap '' PIPE &&");
	o = guest_shell("1", command);
	ck_assert_int_eq(o.exit, 0);
	ck_assert_str_eq(o.err, "");
	outcome_free(&o);
}
END_TEST

Suite *options_suite(void)
{
	Suite *suite = suite_create("options");
	TCase *values = tcase_create("values");
	TCase *program = tcase_create("program");

	tcase_add_test(values, numbers);
	tcase_add_test(values, numbers_refused);
	tcase_add_test(values, sizes);
	tcase_add_test(values, sizes_refused);
	tcase_add_test(values, durations);
	tcase_add_test(values, durations_refused);
	tcase_add_test(values, reals);
	tcase_add_test(values, reals_refused);
	tcase_add_test(values, human);
	tcase_add_test(values, names_are_exact);
	tcase_add_test(values, utf8);
	suite_add_tcase(suite, values);

	tcase_add_test(program, values_taken);
	tcase_add_test(program, values_refused);
	tcase_add_test(program, long_value_cut);
	tcase_add_test(program, unknown_option);
	tcase_add_test(program, help_and_version);
	tcase_add_test(program, help_format_ignored);
	tcase_add_test(program, output_lost);
	tcase_add_test(program, child_keeps_quiet);
	tcase_add_test(program, reader_gone);
	tcase_set_timeout(program, 120);
	suite_add_tcase(suite, program);
	return suite;
}
