// # The memory mountain
//
// One loop that reads every k-th word of n bytes, over and over, for all k and n:
// how many bytes a second come in. Where n fits into a cache the plain is high;
// behind the size of each cache it falls. Along the other axis spatial locality
// fades: with stride 8 a line of 64 bytes serves eight reads, from 64 on one; from
// a page on each read needs a translation, too. The idea and the name are Bryant &
// O'Hallaron's (Computer Systems: A Programmer's Perspective, 6.6.1).
//
// Here what is good is dark. Each row is a size, each column a stride. (Reads do not
// wait for each other here, other than in `reach`: what is measured is how much
// comes, not how long one takes.)

#define _GNU_SOURCE
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "draw.h"
#include "lab.h"
#include "mem/pages/pages.h"
#include "mem/tlb/tlb.h"
#include "stats.h"

enum {
	LEAST_READS = LESS ? 1 << 10 : 1 << 16,
	ROUNDS = 3,
	LEAST_WORDS = 32, // of a cell: less would measure the loop
	SHADES = 5,
	WITH_FIGURES = 76, // columns
	LINE = 160,
};
static const size_t SCENE_BYTES = LESS ? 1 << 20 : 64 << 20;

size_t mountain_bytes(int size)
{
	return (size_t)LEAST_BYTES << size;
}

size_t mountain_stride(int stride)
{
	return (size_t)WORD << stride;
}

int mountain_init(struct mountain *mountain, size_t most_bytes, int rounds)
{
	*mountain = (struct mountain){ .rounds = rounds };
	while (mountain_bytes(mountain->sizes) <= most_bytes)
		mountain->most_bytes = mountain_bytes(mountain->sizes++);
	size_t cells = (size_t)mountain->sizes * STRIDES;
	mountain->ns = calloc(cells * (size_t)rounds, sizeof *mountain->ns);
	mountain->middle = calloc(cells, sizeof *mountain->middle);
	return mountain->ns && mountain->middle ? 0 : -ENOMEM;
}

void mountain_free(struct mountain *mountain)
{
	free(mountain->ns);
	free(mountain->middle);
	*mountain = (struct mountain){ 0 };
}

// Four sums, so that reads need not wait for an addition; the empty assembly keeps
// the compiler from doing several columns at once. `n` is a multiple of 4, or
// less than 4.
__attribute__((noinline, no_sanitize("address", "thread"))) static uint64_t
read_words(const uint64_t *words, size_t n, size_t step)
{
	uint64_t a = 0, b = 0, c = 0, d = 0;
	const uint64_t *at = words;

	for (; n >= 4; n -= 4, at += 4 * step) {
		a += at[0];
		b += at[step];
		c += at[2 * step];
		d += at[3 * step];
		__asm__ volatile("" : "+r"(a), "+r"(b), "+r"(c), "+r"(d));
	}
	for (; n > 0; n--, at += step)
		a += *at;
	return a + b + c + d;
}

// Word i holds i: the sum of every step-th of them is known.
__attribute__((no_sanitize("address", "thread"))) static void
fill(uint64_t *words, size_t n)
{
	for (size_t i = 0; i < n; i++)
		words[i] = i;
}

static double time_cell(struct mountain *mountain, const uint64_t *words,
			int size, int stride)
{
	size_t step = mountain_stride(stride) / WORD;
	size_t n = mountain_bytes(size) / mountain_stride(stride);
	uint64_t sum = 0;

	if (n < LEAST_WORDS)
		return NAN;
	size_t passes = LEAST_READS / n + 1;
	int64_t began_ns = cpu_ns();
	for (size_t i = 0; i < passes; i++)
		sum += read_words(words, n, step);
	int64_t took_ns = cpu_ns() - began_ns;
	mountain->samples++;
	mountain->right += sum == passes * (step * (n * (n - 1) / 2));
	return (double)took_ns / (double)(passes * n);
}

void mountain_measure(struct mountain *mountain, const struct stretch *stretch,
		      struct far *far)
{
	uint64_t *words = (uint64_t *)(void *)stretch->memory;
	size_t rounds = (size_t)mountain->rounds;

	fill(words, mountain->most_bytes / WORD);
	for (size_t round = 0; round < rounds; round++)
		for (int size = 0; size < mountain->sizes; size++) {
			// what the size before has left in the caches
			read_words(words, mountain_bytes(size) / WORD, 1);
			for (int t = 0; t < STRIDES; t++) {
				size_t cell = (size_t)size * STRIDES +
					      (size_t)t;
				mountain->ns[cell * rounds + round] =
					time_cell(mountain, words, size, t);
				far_step(far);
			}
		}
	for (size_t i = 0; i < (size_t)mountain->sizes * STRIDES; i++) {
		double *ns = mountain->ns + i * rounds;
		mountain->middle[i] = isnan(*ns)
					      ? NAN
					      : WORD / stats_median(ns, rounds);
	}
}

// Shades from the slowest to the fastest cell, equal in ratio.
static const char *shade_of(const struct mountain *mountain, double value,
			    bool utf8)
{
	static const char *const blocks[SHADES] = { " ", "░", "▒", "▓", "█" };
	static const char *const letters[SHADES] = { " ", ".", "-", "+", "#" };
	double low = INFINITY, high = 0;

	for (int i = 0; i < mountain->sizes * STRIDES; i++) {
		low = fmin(low, mountain->middle[i]); // a NAN is no number
		high = fmax(high, mountain->middle[i]);
	}
	if (isnan(value))
		return " ";
	double share = high > low ? log(value / low) / log(high / low) : 1;
	int shade = (int)(share * SHADES);
	if (shade >= SHADES)
		shade = SHADES - 1;
	return utf8 ? blocks[shade] : letters[shade];
}

static void draw_row(FILE *out, const struct mountain *mountain, int size,
		     const struct canvas *canvas)
{
	const double *row = mountain->middle + (size_t)size * STRIDES;
	char name[HUMAN_BYTES];

	fprintf(out, "%8s  ", human_size(name, mountain_bytes(size)));
	for (int t = 0; t < STRIDES; t++) {
		const char *shade = shade_of(mountain, row[t], canvas->utf8);
		fprintf(out, "%s%s", shade, shade);
	}
	for (int t = 0; t < STRIDES && canvas->columns >= WITH_FIGURES; t++)
		if (!isnan(row[t]))
			fprintf(out, row[t] < 9.95 ? "%5.1f" : "%5.0f", row[t]);
	fputc('\n', out);
}

char *mountain_picture(const struct mountain *mountain)
{
	struct canvas canvas = canvas_of(STDOUT_FILENO);
	char *text = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);

	if (!out)
		return NULL;
	fprintf(out, "%8s  %-20s", "size", "stride 8 ... 4096");
	for (int t = 0; t < STRIDES && canvas.columns >= WITH_FIGURES; t++)
		fprintf(out, "%5zu", mountain_stride(t));
	fputc('\n', out);
	for (int size = mountain->sizes - 1; size >= 0; size--)
		draw_row(out, mountain, size, &canvas);
	fputs("GB of words a second; ", out);
	fputs(canvas.utf8 ? "dark is fast" : "# is fast", out);
	return fclose(out) == 0 ? text : NULL;
}

static void say_extremes(const struct mountain *mountain)
{
	double low = INFINITY, high = 0;

	for (int i = 0; i < mountain->sizes * STRIDES; i++) {
		low = fmin(low, mountain->middle[i]);
		high = fmax(high, mountain->middle[i]);
	}
	say("from %.1f to %.1f GB/s: %.0f times", low, high, high / low);
}

void scene_slopes(void)
{
	struct mountain mountain;
	struct stretch stretch;
	struct rusage before, after;
	struct far far;

	must_neg(stretch_make(&stretch, SCENE_BYTES, false));
	stretch_touch(&stretch, 0);
	must_neg(mountain_init(&mountain, SCENE_BYTES, ROUNDS));
	int cpu = stay_here();
	if (cpu >= 0)
		say("I stay on CPU %d", cpu);
	say("reading with %d strides from %d sizes, median of %d rounds:",
	    STRIDES, mountain.sizes, ROUNDS);
	must(getrusage(RUSAGE_THREAD, &before));
	far_begin(&far, "mountain", (size_t)mountain.sizes * STRIDES * ROUNDS);
	mountain_measure(&mountain, &stretch, &far);
	far_end(&far);
	must(getrusage(RUSAGE_THREAD, &after));
	char *picture = must_ptr(mountain_picture(&mountain));
	show_text(picture);
	free(picture);
	claim(mountain.right == mountain.samples,
	      "%zu samples read just the words they had to: their sums are "
	      "right",
	      mountain.samples);
	say_extremes(&mountain);
	long faults = after.ru_minflt - before.ru_minflt;
	say("faults while it measured: %ld", faults);
	claim(faults < (long)(stretch.bytes / page_bytes()),
	      "the pages were there: fewer faults than pages");
	mountain_free(&mountain);
	stretch_free(&stretch);
}
