// sample.h - a small trace that behaves like a large one
//
// Some pages are chosen by a hash of their number, and all references to them
// are kept, all others dropped: what is left is a trace of a smaller program
// with the same habits. With 1 % of the pages, 1 % of the frames show about the
// same fault ratio, for any policy, in 1 % of the time.
//
// Waldspurger, Park, Garthwaite, Ahmad, "Efficient MRC Construction with
// SHARDS", FAST 2015 (spatial sampling, and the correction below), and
// Waldspurger, Saemundsson, Ahmad, Park, "Cache Modeling and Optimization using
// Miniature Simulations", USENIX ATC 2017 (any policy, scaled frames).
//
// An estimate: with s pages sampled, papers and tests see errors of the ratio
// around 1 / sqrt(s).

#ifndef MEM_PAGING_SAMPLE_H
#define MEM_PAGING_SAMPLE_H

#include <stddef.h>
#include <stdint.h>

struct sample;

// Keeps about rate of the pages, 0 < rate <= 1; another seed chooses others. 0,
// -EINVAL (rate) or -ENOMEM; *sample is written on success only. Free takes
// NULL, too.
int sample_create(struct sample **sample, double rate, uint64_t seed);
void sample_free(struct sample *sample);

// Copies the references to chosen pages to `kept` (room for `count`, may be
// `references` itself), with their pages numbered anew: 0, 1, 2, ... 0, -EINVAL
// (a page not less than REPLACEMENT_PAGES - 1) or -ENOMEM; *n is how many.
int sample_keep(struct sample *sample, const uint32_t *references, size_t count,
		uint32_t *kept, size_t *n);

// So many frames stand for `frames`: at least 1.
uint32_t sample_frames(const struct sample *sample, uint32_t frames);

// The faults of the whole trace, estimated: `faults` were seen in the sample.
// Divided by the rate that was asked for, not by the one that came out: the
// difference is mostly a few hot pages that hit anyway (SHARDS-adj). At most
// the number of all references.
uint64_t sample_faults(const struct sample *sample, uint64_t faults);

// References seen, references kept, pages kept.
uint64_t sample_seen(const struct sample *sample);
uint64_t sample_kept(const struct sample *sample);
uint32_t sample_pages(const struct sample *sample);

#endif
