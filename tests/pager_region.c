// mem/region: random programs on it, by every way and under every policy, against
// plain memory, against a simulator of the tests' own, and against mem/policy.

#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pager_parts.h"
#include "random.h"

enum { PAGES = 24, TOUCHES = 1500, SEEDS = 3, FAILED = 30 };

#define CAN(way)                                                               \
	do {                                                                   \
		int error_ = region_can(way);                                  \
		if (error_)                                                    \
			SKIP("no userfaultfd: %s", strerror(-error_));         \
	} while (0)

static const char *const naive_names[] = { "fifo",  "lru",          "mru",
					   "lfu",   "opt",          "nur",
					   "clock", "second-chance" };
enum { NAIVE = sizeof naive_names / sizeof *naive_names };

// ## A run

static void fail_at_once(void *context, int error)
{
	(void)context;
	_exit(FAILED + (error == -EIO) + 2 * (error == -ELOOP));
}

struct seen {
	struct region_event *events;
	size_t count;
};

static void remember(void *context, const struct region_event *event)
{
	struct seen *seen = context;

	if (seen->count < 4 * TOUCHES)
		seen->events[seen->count++] = *event;
}

static size_t page_bytes(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

// Word 3 of page p is 7p + 1 at first.
static int make_file(uint32_t pages)
{
	int fd = memfd_create("behind", MFD_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, (off_t)(pages * page_bytes())), 0);
	for (uint64_t p = 0; p < pages; p++) {
		uint64_t word = 7 * p + 1;
		ck_assert_int_eq(pwrite(fd, &word, sizeof word,
					(off_t)(p * page_bytes() + 24)),
				 sizeof word);
	}
	return fd;
}

static struct region_setup setup_of(enum region_way way, const char *policy,
				    uint32_t frames, int file)
{
	return (struct region_setup){
		.way = way,
		.policy = replacement_named(policy),
		.plan = { .frames = frames, .pages = PAGES, .seed = 5 },
		.file = file,
		.failed = fail_at_once,
	};
}

static volatile uint64_t *word_of(const struct region *region, uint32_t page)
{
	return (volatile uint64_t *)((char *)region_memory(region) +
				     page * page_bytes() + 24);
}

static struct touches random_touches(uint64_t seed)
{
	struct touches touches = { TOUCHES, calloc(TOUCHES, 4),
				   calloc(TOUCHES, 1) };
	struct random random = { seed };
	uint32_t page = 0;

	for (size_t i = 0; i < TOUCHES; i++) {
		uint64_t draw = random_next(&random);
		if (draw % 4 == 0)
			page = (uint32_t)(draw >> 8) % PAGES;
		else if (draw % 4 == 1)
			page = (uint32_t)(draw >> 8) % 5;
		touches.page[i] = page;
		touches.write[i] = draw >> 40 & 1;
	}
	return touches;
}

static void free_touches(struct touches *touches)
{
	free(touches->page);
	free(touches->write);
}

// Plays the program; each value read must be the one written last.
static struct region_counts play(const struct region_setup *wish,
				 const struct touches *touches,
				 struct seen *seen)
{
	uint64_t plain[PAGES];
	struct region *region;
	struct region_setup setup = *wish;

	*seen = (struct seen){ calloc(4 * TOUCHES, sizeof *seen->events), 0 };
	setup.seen = remember;
	setup.context = seen;
	ck_assert_int_eq(region_open(&region, &setup), 0);
	for (uint64_t p = 0; p < PAGES; p++)
		plain[p] = 7 * p + 1;
	for (size_t i = 0; i < touches->count; i++) {
		uint32_t page = touches->page[i];
		if (touches->write[i])
			*word_of(region, page) = plain[page] = i * 1000;
		else
			ck_assert_uint_eq(*word_of(region, page), plain[page]);
	}
	struct region_counts counts = region_counts(region);
	size_t count = seen->count;
	for (uint32_t p = 0; p < PAGES; p++)
		ck_assert_uint_eq(*word_of(region, p), plain[p]);
	region_close(region);
	seen->count = count;
	return counts;
}

// ## Against the simulator of the tests
//
// _i is a way and a policy.

static void assert_arrivals(const struct seen *seen,
			    const struct arrival *arrivals, size_t count,
			    const char *what)
{
	size_t n = 0;

	for (size_t i = 0; i < seen->count; i++) {
		const struct region_event *event = &seen->events[i];
		if (event->hit) {
			ck_assert_uint_eq(event->victim, NO_PAGE);
			continue;
		}
		ck_assert_msg(n < count, "%s: more faults than %zu", what,
			      count);
		ck_assert_msg(event->page == arrivals[n].page &&
				      event->victim == arrivals[n].victim &&
				      (event->dirty &&
				       event->victim != NO_PAGE) ==
					      arrivals[n].dirty,
			      "%s: fault %zu: page %u, %u goes, %d; not %u, "
			      "%u, %d",
			      what, n, event->page, event->victim, event->dirty,
			      arrivals[n].page, arrivals[n].victim,
			      arrivals[n].dirty);
		n++;
	}
	ck_assert_msg(n == count, "%s: %zu faults, not %zu", what, n, count);
}

static void compare_with_naive(enum region_way way, const char *policy,
			       uint32_t frames, uint64_t seed, bool track)
{
	struct touches touches = random_touches(seed);
	struct arrival *arrivals = calloc(TOUCHES, sizeof *arrivals);
	size_t length;
	uint32_t *string = string_of(&touches, &length);
	uint32_t *next = calloc(length, sizeof *next);
	int file = make_file(PAGES);
	struct region_setup setup = setup_of(way, policy, frames, file);
	struct seen seen;
	char what[80];
	uint64_t dirty = 0;

	ck_assert_int_eq(replacement_next_uses(string, length, PAGES, next), 0);
	setup.plan.future = (struct replacement_future){ string, next, length };
	setup.track = track;
	snprintf(what, sizeof what, "%s %s, %u frames, seed %ju%s",
		 region_way_names[way], policy, frames, (uintmax_t)seed,
		 track ? ", tracked" : "");
	struct region_counts counts = play(&setup, &touches, &seen);
	ssize_t count = naive_run(policy, frames, string, length, arrivals);
	ck_assert_int_ge(count, 0);
	assert_arrivals(&seen, arrivals, (size_t)count, what);
	for (ssize_t i = 0; i < count; i++)
		dirty += arrivals[i].dirty;
	ck_assert_uint_eq(counts.faults, (uint64_t)count);
	ck_assert_uint_eq(counts.reads, (uint64_t)count);
	ck_assert_uint_eq(counts.writebacks, dirty);
	ck_assert_uint_eq(counts.strayed, 0);
	close(file);
	free(seen.events);
	free(arrivals);
	free(string);
	free(next);
	free_touches(&touches);
}

START_TEST(pager_real_is_naive)
{
	enum region_way way = (enum region_way)(_i / NAIVE);
	const char *policy = naive_names[_i % NAIVE];

	CAN(way);
	for (uint64_t seed = 1; seed <= SEEDS; seed++)
		compare_with_naive(way, policy, (uint32_t)(seed * seed), seed,
				   seed == 2);
}
END_TEST

// ## Against mem/policy, for all of them
//
// The string is not the region's: it follows from the program.

static size_t run_policy(const struct replacement *policy, uint32_t frames,
			 const struct replacement_future *future,
			 struct region_event *events)
{
	struct replacement_setup setup = {
		.frames = frames, .pages = PAGES, .seed = 5, .future = *future
	};
	void *state;

	ck_assert_int_eq(policy->create(&state, &setup), 0);
	for (uint64_t i = 0; i < future->count; i++) {
		uint32_t page = future->references[i] & ~REFERENCE_WRITE;
		bool write = future->references[i] & REFERENCE_WRITE;
		struct replacement_outcome outcome =
			policy->reference(state, page, write);
		events[i] =
			(struct region_event){ page,          outcome.victim,
					       write,         outcome.hit,
					       outcome.dirty, outcome.strayed };
	}
	policy->destroy(state);
	return future->count;
}

static bool matters(const struct region_event *event)
{
	return !event->hit || event->victim != NO_PAGE;
}

// Hits that made nobody leave are known to some policies only.
static void assert_same(const struct seen *seen,
			const struct region_event *events, size_t count,
			const char *what)
{
	size_t n = 0;

	for (size_t i = 0; i < seen->count; i++) {
		const struct region_event *event = &seen->events[i];
		if (!matters(event))
			continue;
		while (n < count && !matters(&events[n]))
			n++;
		ck_assert_msg(n < count, "%s: too many faults", what);
		ck_assert_msg(event->page == events[n].page &&
				      event->victim == events[n].victim &&
				      event->dirty == events[n].dirty &&
				      event->hit == events[n].hit &&
				      !event->strayed,
			      "%s: event %zu: page %u, not %u; %u goes, not %u",
			      what, i, event->page, events[n].page,
			      event->victim, events[n].victim);
		n++;
	}
	while (n < count && !matters(&events[n]))
		n++;
	ck_assert_msg(n == count, "%s: too few faults", what);
}

static void compare_with_policy(enum region_way way,
				const struct replacement *policy,
				uint32_t frames)
{
	struct touches touches = random_touches(frames + 10);
	size_t length;
	uint32_t *string = string_of(&touches, &length);
	uint32_t *next = calloc(length, sizeof *next);
	struct region_event *events = calloc(length, sizeof *events);
	int file = make_file(PAGES);
	struct region_setup setup = setup_of(way, policy->name, frames, file);
	struct seen seen;

	ck_assert_int_eq(replacement_next_uses(string, length, PAGES, next), 0);
	setup.plan.future = (struct replacement_future){ string, next, length };
	play(&setup, &touches, &seen);
	run_policy(policy, frames, &setup.plan.future, events);
	assert_same(&seen, events, length, policy->name);
	close(file);
	free(seen.events);
	free(events);
	free(string);
	free(next);
	free_touches(&touches);
}

START_TEST(pager_real_is_model)
{
	enum region_way way = (enum region_way)_i;

	CAN(way);
	for (int p = 0; replacements[p]; p++)
		for (uint32_t frames = 2; frames <= 11; frames += 9)
			compare_with_policy(way, replacements[p], frames);
}
END_TEST

// ## The reference string

START_TEST(pager_string)
{
	enum region_way way = (enum region_way)_i;
	struct touches touches = random_touches(77);
	size_t length;
	struct seen seen;

	CAN(way);
	uint32_t *string = string_of(&touches, &length);
	int file = make_file(PAGES);
	struct region_setup setup = setup_of(way, "fifo", 4, file);
	setup.track = true;
	play(&setup, &touches, &seen);
	ck_assert_uint_eq(seen.count, length);
	for (size_t i = 0; i < length; i++) {
		ck_assert_uint_eq(seen.events[i].page,
				  string[i] & ~REFERENCE_WRITE);
		ck_assert(seen.events[i].write ==
			  ((string[i] & REFERENCE_WRITE) != 0));
	}
	close(file);
	free(seen.events);
	free(string);
	free_touches(&touches);
}
END_TEST

// ## The file

// A page that nobody writes to is never written back: the file is read-only.
START_TEST(pager_clean_pages_are_not_written)
{
	enum region_way way = (enum region_way)_i;
	struct region *region;
	char path[64];

	CAN(way);
	int file = make_file(PAGES);
	snprintf(path, sizeof path, "/proc/self/fd/%d", file);
	int reader = open(path, O_RDONLY | O_CLOEXEC);
	ck_assert_int_ge(reader, 0);
	struct region_setup setup = setup_of(way, "clock", 3, reader);
	ck_assert_int_eq(region_open(&region, &setup), 0);
	for (int turn = 0; turn < 3; turn++)
		for (uint32_t p = 0; p < PAGES; p++)
			ck_assert_uint_eq(*word_of(region, p), 7 * p + 1);
	ck_assert_uint_eq(region_counts(region).writebacks, 0);
	ck_assert_uint_eq(region_counts(region).faults, 3 * PAGES);
	region_close(region);
	close(reader);
	close(file);
}
END_TEST

START_TEST(pager_modified_pages_are_written)
{
	enum region_way way = (enum region_way)_i;
	struct region *region;
	uint64_t word;

	CAN(way);
	int file = make_file(PAGES);
	struct region_setup setup = setup_of(way, "fifo", 3, file);
	ck_assert_int_eq(region_open(&region, &setup), 0);
	for (uint32_t p = 0; p < PAGES; p++) {
		ck_assert_uint_eq(*word_of(region, p), 7 * p + 1);
		if (p % 2)
			*word_of(region, p) = 1000 + p;
	}
	// the last three are still in their frames
	ck_assert_uint_eq(region_counts(region).writebacks, PAGES / 2 - 2);
	ck_assert_uint_eq(region_counts(region).writes, PAGES / 2);
	region_close(region);
	for (uint32_t p = 0; p < PAGES; p++) {
		ck_assert_int_eq(pread(file, &word, sizeof word,
				       (off_t)(p * page_bytes() + 24)),
				 sizeof word);
		bool written = p % 2 && p < PAGES - 3;
		ck_assert_uint_eq(word, written ? 1000 + p : 7 * p + 1);
	}
	close(file);
}
END_TEST

// What `body` says in a child, which has no test's signal handlers.
static int in_child(enum region_way way, void (*body)(enum region_way way))
{
	pid_t child = fork_fresh();

	if (child == 0) {
		body(way);
		_exit(0);
	}
	return status_of(child);
}

static void read_beyond(enum region_way way)
{
	int file = make_file(PAGES - 1);
	struct region_setup setup = setup_of(way, "fifo", 3, file);
	struct region *region;

	if (region_open(&region, &setup) != 0)
		_exit(1);
	(void)*word_of(region, PAGES - 2);
	(void)*word_of(region, PAGES - 1);
}

START_TEST(pager_file_too_short)
{
	enum region_way way = (enum region_way)_i;

	CAN(way);
	int status = in_child(way, read_beyond);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == FAILED + 1,
		      "status %d", status);
}
END_TEST

// ## An instruction that needs two pages at once

static void touch_two(enum region_way way)
{
	int file = make_file(PAGES);
	struct region_setup setup = setup_of(way, "lru", 3, file);
	struct region *region;

	if (region_open(&region, &setup) != 0)
		_exit(1);
#ifdef __x86_64__
	uint64_t value;
	const char *between = (char *)region_memory(region) + page_bytes() - 4;
	__asm__ volatile("movq (%1), %0"
			 : "=r"(value)
			 : "r"(between)
			 : "memory");
#else
	fail_at_once(NULL, -ELOOP);
#endif
}

START_TEST(pager_two_pages_at_once)
{
	enum region_way way = region_best();
	int status = in_child(way, touch_two);

	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == FAILED + 2,
		      "status %d", status);
}
END_TEST

// ## Many threads

enum { THREADS = 4, STEPS = 3000 };

struct worker {
	const struct region *region;
	uint64_t number;
	bool right;
};

// Each has a word of its own in every page.
static void *work(void *argument)
{
	struct worker *worker = argument;
	uint64_t mine[PAGES] = { 0 };
	struct random random = { worker->number };

	worker->right = true;
	for (uint64_t i = 0; i < STEPS; i++) {
		uint64_t draw = random_next(&random);
		uint32_t page = (uint32_t)(draw >> 8) % PAGES;
		volatile uint64_t *word = word_of(worker->region, page) + 1 +
					  worker->number;
		worker->right &= *word == mine[page];
		if (draw & 1)
			*word = mine[page] = draw;
	}
	return NULL;
}

static void share(enum region_way way, const char *policy)
{
	int file = make_file(PAGES);
	struct region_setup setup = setup_of(way, policy, 5, file);
	struct region *region;
	struct worker workers[THREADS];
	pthread_t threads[THREADS];

	ck_assert_int_eq(region_open(&region, &setup), 0);
	for (uint64_t i = 0; i < THREADS; i++) {
		workers[i] = (struct worker){ region, i, false };
		ck_assert_int_eq(pthread_create(&threads[i], NULL, work,
						&workers[i]),
				 0);
	}
	for (int i = 0; i < THREADS; i++) {
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
		ck_assert_msg(workers[i].right, "thread %d, %s", i, policy);
	}
	region_close(region);
	close(file);
}

START_TEST(pager_threads)
{
	enum region_way way = (enum region_way)_i;

	CAN(way);
	share(way, "clock");
	share(way, "random");
	share(way, "lru");
}
END_TEST

// ## Opening, closing

START_TEST(pager_bad_setups)
{
	int file = make_file(PAGES);
	struct region *region = NULL;
	struct region_setup good = setup_of(REGION_SIGNAL, "fifo", 3, file);
	struct region_setup bad[] = { good, good, good, good, good, good };

	bad[0].policy = NULL;
	bad[1].plan.frames = 0;
	bad[2].plan.pages = 0;
	bad[3].way = REGION_WAYS;
	bad[4].failed = NULL;
	bad[5].policy = replacement_named("opt");
	bad[5].plan.future.count = 3; // and no arrays
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		ck_assert_msg(region_open(&region, &bad[i]) == -EINVAL,
			      "setup %zu", i);
	good.plan.frames = 1000000; // more mappings than a process may have
	ck_assert_int_eq(region_open(&region, &good), -ENOMEM);
	ck_assert_ptr_null(region);
	region_close(NULL);
	close(file);
}
END_TEST

static int entries(const char *path)
{
	DIR *folder = opendir(path);
	int n = 0;

	ck_assert_ptr_nonnull(folder);
	while (readdir(folder))
		n++;
	closedir(folder);
	return n;
}

static int lines_of_maps(void)
{
	FILE *file = fopen("/proc/self/maps", "re");
	int n = 0;

	ck_assert_ptr_nonnull(file);
	for (int c; (c = getc(file)) != EOF;)
		n += c == '\n';
	fclose(file);
	return n;
}

static void open_and_close(enum region_way way)
{
	int file = make_file(PAGES);
	struct region_setup setup = setup_of(way, "clock", 3, file);
	struct region *region;

	ck_assert_int_eq(region_open(&region, &setup), 0);
	*word_of(region, 5) = 1;
	region_close(region);
	close(file);
}

START_TEST(pager_leaves_nothing)
{
	enum region_way way = (enum region_way)_i;
	struct sigaction before, after;

	CAN(way);
	sigaction(SIGSEGV, NULL, &before);
	for (int i = 0; i < 5; i++) // the C library keeps a stack or two
		open_and_close(way);
	int fds = entries("/proc/self/fd"), maps = lines_of_maps();
	for (int i = 0; i < 20; i++)
		open_and_close(way);
	ck_assert_int_eq(entries("/proc/self/fd"), fds);
	// the memory of ours would be 40 mappings
	ck_assert_int_le(lines_of_maps(), maps + 10);
	await(entries("/proc/self/task") == 3);
	sigaction(SIGSEGV, NULL, &after);
	ck_assert_ptr_eq(before.sa_sigaction, after.sa_sigaction);
}
END_TEST

// Every way at the same time, in one process.
START_TEST(pager_several_regions)
{
	struct region *regions[2 * REGION_WAYS];
	int files[2 * REGION_WAYS], n = 0;

	for (int i = 0; i < 2 * REGION_WAYS; i++) {
		enum region_way way = (enum region_way)(i % REGION_WAYS);
		if (region_can(way) != 0)
			continue;
		files[n] = make_file(PAGES);
		struct region_setup setup = setup_of(way, "clock", 2, files[n]);
		ck_assert_int_eq(region_open(&regions[n++], &setup), 0);
	}
	for (uint64_t turn = 1; turn <= 2; turn++)
		for (uint32_t p = 0; p < PAGES; p++)
			for (int i = 0; i < n; i++) {
				volatile uint64_t *word = word_of(regions[i],
								  p);
				ck_assert_uint_eq(*word,
						  turn == 1 ? 7 * p + 1
							    : p + (unsigned)i);
				*word = p + (unsigned)i;
			}
	for (int i = 0; i < n; i++) {
		region_close(regions[i]);
		close(files[i]);
	}
}
END_TEST

// SIGSEGV of somebody else's is what it was.
static void really_fault(enum region_way way)
{
	int file = make_file(PAGES);
	struct region_setup setup = setup_of(way, "fifo", 3, file);
	struct region *region;
	char *nothing = mmap(NULL, page_bytes(), PROT_NONE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	signal(SIGSEGV, SIG_DFL);
	if (region_open(&region, &setup) != 0)
		_exit(1);
	*word_of(region, 5) = 1;
	*(volatile char *)nothing = 1;
}

START_TEST(pager_other_faults_kill)
{
	int status = in_child(REGION_SIGNAL, really_fault);

	ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV,
		      "status %d", status);
}
END_TEST

void add_region_tests(Suite *suite)
{
	TCase *tcase = tcase_create("region");

	tcase_set_timeout(tcase, 120);
	tcase_add_loop_test(tcase, pager_real_is_naive, 0, NAIVE * REGION_WAYS);
	tcase_add_loop_test(tcase, pager_real_is_model, 0, REGION_WAYS);
	tcase_add_loop_test(tcase, pager_string, 0, REGION_WAYS);
	tcase_add_loop_test(tcase, pager_clean_pages_are_not_written, 0,
			    REGION_WAYS);
	tcase_add_loop_test(tcase, pager_modified_pages_are_written, 0,
			    REGION_WAYS);
	tcase_add_loop_test(tcase, pager_file_too_short, 0, REGION_WAYS);
	tcase_add_test(tcase, pager_two_pages_at_once);
	tcase_add_loop_test(tcase, pager_threads, REGION_COPY, REGION_WAYS);
	tcase_add_test(tcase, pager_bad_setups);
	tcase_add_loop_test(tcase, pager_leaves_nothing, 0, REGION_WAYS);
	tcase_add_test(tcase, pager_several_regions);
	tcase_add_test(tcase, pager_other_faults_kill);
	suite_add_tcase(suite, tcase);
}
