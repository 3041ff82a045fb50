// A work on a region: the file behind it, the reference string, the check.

#define _GNU_SOURCE
#include "mem/pager/play.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mem/paging/paging.h"
#include "must.h"
#include "names.h"

// ## The file

// Where the file system can do no O_TMPFILE, it has a name for a moment.
static int named_for_a_moment(void)
{
	char name[NAME_BYTES];

	must_neg(names_fresh(NAME_PATH, name));
	int fd = must(open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
	must_neg(names_remove(NAME_PATH, name, 0));
	return fd;
}

int nameless_file(size_t bytes)
{
	const char *folder = getenv("TMPDIR");
	int fd = open(folder && *folder ? folder : "/tmp",
		      O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd == -1)
		fd = named_for_a_moment();
	must_zero(posix_fallocate(fd, 0, (off_t)bytes));
	return fd;
}

static void write_all(int fd, const char *from, size_t bytes)
{
	for (size_t done = 0; done < bytes;)
		done += (size_t)must(
			pwrite(fd, from + done, bytes - done, (off_t)done));
}

void cannot_serve(void *context, int error)
{
	(void)context;
	die_at(__FILE__, __LINE__, "serving a fault", -error);
}

// ## What happened

static void *with_room(void *array, size_t count, size_t *room, size_t bytes)
{
	if (count < *room)
		return array;
	*room = *room ? 2 * *room : 1024;
	return must_ptr(reallocarray(array, *room, bytes));
}

static void note_change(struct course *course, uint32_t page, uint32_t victim,
			bool dirty)
{
	course->changes = with_room(course->changes, course->change_count,
				    &course->change_room,
				    sizeof *course->changes);
	course->changes[course->change_count++] =
		(struct change){ page, victim, victim != NO_PAGE && dirty };
}

static void note_event(void *context, const struct region_event *event)
{
	struct course *course = context;

	course->references =
		with_room(course->references, course->reference_count,
			  &course->reference_room, sizeof *course->references);
	course->references[course->reference_count++] =
		event->page | (event->write ? REFERENCE_WRITE : 0);
	if (!event->hit || event->victim != NO_PAGE)
		note_change(course, event->page, event->victim, event->dirty);
}

void play_free(struct course *course)
{
	free(course->changes);
	free(course->references);
	*course = (struct course){ 0 };
}

bool same_course(const struct course *a, const struct course *b)
{
	if (a->change_count != b->change_count ||
	    a->counts.faults != b->counts.faults ||
	    a->counts.writebacks != b->counts.writebacks)
		return false;
	for (size_t i = 0; i < a->change_count; i++)
		if (a->changes[i].page != b->changes[i].page ||
		    a->changes[i].victim != b->changes[i].victim ||
		    a->changes[i].dirty != b->changes[i].dirty)
			return false;
	return true;
}

// ## On real pages

static bool same_bytes(struct view a, struct view b, uint32_t pages)
{
	for (size_t i = 0; i < pages * a.page_words; i++)
		if (a.memory[i] != b.memory[i])
			return false;
	return true;
}

void play_real(const struct trial *trial, struct course *course)
{
	size_t page_bytes = (size_t)sysconf(_SC_PAGESIZE);
	size_t bytes = trial->work->pages * page_bytes;
	uint64_t *memory = must_ptr(calloc(1, bytes));
	struct view plain = { memory, page_bytes / sizeof *memory };
	int file = nameless_file(bytes);
	struct region *region;

	*course = (struct course){ 0 };
	trial->work->prepare(plain);
	write_all(file, (char *)memory, bytes);
	must_neg(region_open(
		&region,
		&(struct region_setup){ .way = trial->way,
					.policy = trial->policy,
					.plan = { .frames = trial->frames,
						  .pages = trial->work->pages,
						  .seed = trial->seed,
						  .future = trial->future },
					.track = trial->track,
					.file = file,
					.seen = note_event,
					.failed = cannot_serve,
					.context = course }));
	struct view paged = { region_memory(region), plain.page_words };
	trial->work->run(paged);
	course->region = region_counts(region);
	course->counts = (struct replacement_counts){
		.faults = course->region.faults,
		.writebacks = course->region.writebacks,
	};
	course->strayed = course->region.strayed;
	trial->work->run(plain);
	size_t changes = course->change_count;
	size_t references = course->reference_count;
	course->same_bytes = same_bytes(paged, plain, trial->work->pages);
	region_close(region);
	course->change_count = changes;
	course->counts.references = course->reference_count = references;
	close(file);
	free(memory);
}

// ## In the model

static void note_step(void *context, const struct paging_step *step)
{
	if (!step->hit || step->victim != NO_PAGE)
		note_change(context, step->page, step->victim, step->dirty);
}

void play_model(const struct trial *trial, const struct course *recorded,
		struct course *course)
{
	struct paging_run run = { trial->policy, trial->frames };
	struct paging *paging;

	*course = (struct course){ 0 };
	must_neg(paging_create(&paging,
			       &(struct paging_setup){ .runs = &run,
						       .count = 1,
						       .seed = trial->seed,
						       .future = trial->future,
						       .step = note_step,
						       .context = course }));
	must_neg(paging_play(paging, recorded->references,
			     recorded->reference_count));
	course->counts = paging_counts(paging, 0);
	paging_free(paging);
}

void play_record(const struct work *work, enum region_way way,
		 struct course *recorded, struct replacement_future *future)
{
	const struct trial trial = { .work = work,
				     .policy = replacement_named("fifo"),
				     .way = way,
				     .frames = work->pages,
				     .track = true };

	play_real(&trial, recorded);
	uint32_t *next = must_ptr(
		reallocarray(NULL, recorded->reference_count, sizeof *next));
	must_neg(replacement_next_uses(recorded->references,
				       recorded->reference_count, work->pages,
				       next));
	*future = (struct replacement_future){ recorded->references, next,
					       recorded->reference_count };
}
