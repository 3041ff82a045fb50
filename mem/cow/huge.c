// # Two megabytes at once, and taken apart
//
// Of a huge page a fork copies one entry where there were 512. And the first write?
// To copy 2 MiB because of one byte takes long, and the memory is there twice. Up to
// Linux 5.7 the kernel did that; since 5.8 it takes the writer's mapping apart to
// 512 entries, copies the one small page, and leaves the rest shared. The other
// process keeps its huge page.

#define _GNU_SOURCE
#include <sched.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cpu.h"
#include "lab.h"
#include "mem/cast/cast.h"
#include "mem/cow/cow.h"
#include "mem/stretch/stretch.h"
#include "options.h"

enum { PIECES = 2 };
static const size_t MOST_PIECE = 32 << 20;

static size_t huge_of(pid_t pid, const struct stretch *memory)
{
	return (size_t)use_of(pid, memory->memory, memory->bytes)
		.anonymous_huge;
}

void scene_huge(void)
{
	size_t piece = huge_page_bytes(), page = page_bytes();
	char why[STRETCH_TEXT], one[HUMAN_BYTES], two[HUMAN_BYTES];
	struct sight sight = sight_begin();
	struct stretch memory;
	long faults;

	if (piece == 0)
		skip("%s", stretch_why_small(why));
	if (piece > MOST_PIECE)
		skip("a huge page is larger than 32 MiB here");
	pin_to_cpu(sched_getcpu());
	must_neg(stretch_make(&memory, PIECES * piece, true));
	faults = write_pages(memory.memory, memory.bytes / page, 'o');
	if (huge_of(0, &memory) < memory.bytes)
		skip("%s", stretch_why_small(why));
	say("%s of mine in %d huge pages, for %ld faults",
	    human_size(one, memory.bytes), PIECES, faults);
	// no one shall mend what is taken apart now
	must(madvise(memory.memory, memory.bytes, MADV_NOHUGEPAGE));

	char *at = memory.memory, *next = at + page, *last = at + piece;
	struct frame_row before[] = { look("parent", 0, at, "page 0"),
				      look("parent", 0, next, "page 1") };
	struct actor child = actor_enter("child");
	struct frame_row shared = look("child", child.pid, at, NULL);
	size_t parents = huge_of(0, &memory),
	       childs = huge_of(child.pid, &memory);
	say("after the fork: in huge pages parent %s, child %s",
	    human_size(one, parents), human_size(two, childs));
	claim(parents == memory.bytes && childs == memory.bytes &&
		      !shared.page.exclusive,
	      "fork shares huge pages as they are");
	claim_seen(&sight,
		   one_frame(&before[0], &shared) &&
			   before[1].page.frame == before[0].page.frame + 1,
		   "the same frames, one behind the other");

	actor_write(&child, at, 'c', &faults);
	parents = huge_of(0, &memory);
	childs = huge_of(child.pid, &memory);
	struct frame_row rows[] = {
		look("parent", 0, at, "page 0"),
		look("child", child.pid, at, "page 0, written"),
		look("parent", 0, next, "page 1"),
		look("child", child.pid, next, "page 1"),
	};
	say("the child writes a byte: now parent %s, child %s",
	    human_size(one, parents), human_size(two, childs));
	if (sight.shown)
		show_frames(rows, 4);
	claim(faults >= 1 && *at == 'o', "one write, and I see nothing of it");
	claim(parents == memory.bytes, "my huge pages stay whole");
	bool split = childs == memory.bytes - piece;
	claim(split || childs == memory.bytes,
	      split ? "the child's is taken apart"
		    : "the child has copied all of it (before Linux 5.8)");
	claim_seen(&sight,
		   two_frames(&rows[0], &rows[1]) &&
			   (split ? one_frame(&rows[2], &rows[3])
				  : two_frames(&rows[2], &rows[3])),
		   split ? "one small page is copied, its neighbour shared"
			 : "the neighbour is copied, too");

	struct frame_row old = look("parent", 0, last, NULL);
	actor_leave(&child);
	faults = write_pages(last, piece / page, 'l');
	struct frame_row now = look("parent", 0, last, NULL);
	parents = huge_of(0, &memory);
	say("alone again, I write to %zu other pages: %ld fault%s",
	    piece / page, faults, faults == 1 ? "" : "s");
	claim(faults >= 1 && faults < (long)(piece / page) &&
		      parents == memory.bytes,
	      "one fault makes all of a huge page writable");
	claim_seen(&sight, one_frame(&old, &now), "without a copy");
	stretch_free(&memory);
}
