// s3_fifo.c - three FIFO queues
//
// A new page enters a small queue (S, a tenth of the frames). If it was
// referenced at least twice when it comes out there, it goes on into the main
// queue (M); else it leaves, and its number is remembered (G, as many as M has
// frames). A page that comes back while it is remembered enters M at once. In M
// a page goes round again as long as it has references left, counted up to 3,
// one each time.
//
// G is not a queue here but, as the paper proposes, a time for each page:
// remembered are those that entered it among the last so many.
//
// O(1) amortised: a page goes round no more often than it was referenced. A
// fault that finds all pages referenced moves all, three times, at worst. Eight
// bytes a frame, four a page.

#include "parts.h"

// A page's word: RESIDENT, then its references and M; else the time at which it
// entered G, from 1, or 0.
#define RESIDENT (UINT32_C(1) << 31)
enum { USES_MAX = 3, MODIFIED = 4 };

// A queue in an array as long as there are frames: it never overflows.
struct s3_queue {
	uint32_t *page, head, count; // head: who came first
};

struct s3_fifo {
	uint32_t *word;
	struct s3_queue small, main;
	uint32_t pages, frames, small_frames;
	uint32_t time; // pages that have entered G
};

ALWAYS_INLINE void s3_push(const struct s3_fifo *s3, struct s3_queue *queue,
			   uint32_t page)
{
	uint32_t at = queue->head + queue->count++;

	queue->page[at < s3->frames ? at : at - s3->frames] = page;
}

ALWAYS_INLINE uint32_t s3_pop(const struct s3_fifo *s3, struct s3_queue *queue)
{
	uint32_t page = queue->page[queue->head];

	queue->head = queue->head + 1 < s3->frames ? queue->head + 1 : 0;
	queue->count--;
	__builtin_prefetch(&s3->word[queue->page[queue->head]], 1);
	return page;
}

ALWAYS_INLINE bool s3_remembered(const struct s3_fifo *s3, uint32_t word)
{
	return word && s3->time - word < s3->frames - s3->small_frames;
}

// The time is used up: it begins again. Every 2^31 faults.
static void s3_rewind(struct s3_fifo *s3)
{
	uint32_t back = s3->time - s3->frames;

	for (uint32_t page = 0; page < s3->pages; page++) {
		uint32_t *word = &s3->word[page];

		if (!(*word & RESIDENT))
			*word = s3_remembered(s3, *word) ? *word - back : 0;
	}
	s3->time -= back;
}

ALWAYS_INLINE struct replacement_outcome s3_evict(struct s3_fifo *s3)
{
	for (;;) {
		bool small = !s3->main.count ||
			     s3->small.count >= s3->small_frames;
		uint32_t page = s3_pop(s3, small ? &s3->small : &s3->main);
		uint32_t word = s3->word[page], uses = word & USES_MAX;

		if (small && uses > 1) {
			s3->word[page] = word & ~(uint32_t)USES_MAX;
			s3_push(s3, &s3->main, page);
		} else if (small) {
			if (s3->time == RESIDENT - 1)
				s3_rewind(s3);
			s3->word[page] = ++s3->time;
			return LEAVES(page, word & MODIFIED);
		} else if (uses) {
			s3->word[page] = word - 1;
			s3_push(s3, &s3->main, page);
		} else {
			s3->word[page] = 0;
			return LEAVES(page, word & MODIFIED);
		}
	}
}

ALWAYS_INLINE struct replacement_outcome s3_one(void *state, uint32_t page,
						bool write)
{
	struct s3_fifo *s3 = state;
	uint32_t word = s3->word[page];
	uint32_t modified = write ? MODIFIED : 0;
	struct replacement_outcome outcome = NOBODY_LEAVES;

	if (word & RESIDENT) {
		uint32_t more = word | modified;

		more += (more & USES_MAX) < USES_MAX;
		if (more != word)
			s3->word[page] = more;
		return HIT;
	}

	bool known = s3_remembered(s3, word);

	if (s3->small.count + s3->main.count == s3->frames)
		outcome = s3_evict(s3);
	s3_push(s3, known ? &s3->main : &s3->small, page);
	s3->word[page] = RESIDENT | modified;
	return outcome;
}

static void s3_destroy(void *state)
{
	struct s3_fifo *s3 = state;

	if (!s3)
		return;
	free(s3->word);
	free(s3->small.page);
	free(s3->main.page);
	free(s3);
}

static int s3_create(void **state, const struct replacement_setup *setup)
{
	int error = replacement_check(setup);
	if (error)
		return error;

	struct s3_fifo *s3 = calloc(1, sizeof *s3);
	if (!s3)
		return -ENOMEM;
	s3->pages = setup->pages;
	s3->frames = setup->frames;
	s3->small_frames = setup->frames < 10 ? 1 : setup->frames / 10;
	s3->word = replacement_zeros(setup->pages, sizeof *s3->word);
	s3->small.page = replacement_zeros(setup->frames, 4);
	s3->main.page = replacement_zeros(setup->frames, 4);
	if (!s3->word || !s3->small.page || !s3->main.page) {
		s3_destroy(s3);
		return -ENOMEM;
	}
	*state = s3;
	return 0;
}

static int s3_grow(void *state, uint32_t pages)
{
	struct s3_fifo *s3 = state;

	if (pages > REPLACEMENT_PAGES)
		return -EINVAL;
	if (pages <= s3->pages)
		return 0;
	uint32_t *word = replacement_more(s3->word, s3->pages, pages,
					  sizeof *word);
	if (!word)
		return -ENOMEM;
	s3->word = word;
	s3->pages = pages;
	return 0;
}

static unsigned s3_page(const void *state, uint32_t page)
{
	uint32_t word = ((const struct s3_fifo *)state)->word[page];

	return !(word & RESIDENT) ? 0
	       : word & MODIFIED  ? PAGE_RESIDENT | PAGE_MODIFIED
				  : PAGE_RESIDENT;
}

static uint32_t s3_resident(const void *state)
{
	const struct s3_fifo *s3 = state;

	return s3->small.count + s3->main.count;
}

ALWAYS_INLINE void s3_soon(const void *state, uint32_t page)
{
	__builtin_prefetch(&((const struct s3_fifo *)state)->word[page], 1);
}

REPLACEMENT_PLAYED(s3, s3_soon, replacement_nothing)

const struct replacement replacement_s3_fifo = {
	.name = "s3-fifo",
	.title = "three FIFO queues",
	.summary = "new pages pass through a small queue; those used twice in "
		   "it, or back soon, go round in a main queue",
	.source = "Yang, Zhang, Qiu, Yue, Rashmi, FIFO queues are all you need "
		  "for cache eviction, SOSP 2023",
	.bound = "O(1) amortised, a fault O(frames) at worst",
	.needs = REPLACEMENT_REFERENCES,
	.frame_bytes = 8,
	.page_bytes = 4,
	.create = s3_create,
	.destroy = s3_destroy,
	.grow = s3_grow,
	.reference = s3_reference,
	.run = s3_run,
	.page = s3_page,
	.resident = s3_resident,
};
