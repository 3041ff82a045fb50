// # fork: copy nothing, remember to
//
// A child has all that its parent had, and almost always throws it away at once
// (execve(2)). So fork copies page tables, not pages: both point to the same
// frames, and both tables become read-only. Who writes first faults and gets the
// copy; the other keeps the frame, and his next write faults too, but only to find
// that nobody else is there any more: his page becomes writable again, uncopied.

#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cpu.h"
#include "lab.h"
#include "mem/cast/cast.h"
#include "mem/cow/cow.h"
#include "mem/stretch/stretch.h"

// More than the kernel collects before it enters fresh pages in its lists: one that
// still waits there counts as used, and would be copied needlessly.
enum { PAGES = 128, CHILDS = 0, PARENTS = 1, LAST = 2 };

struct pair {
	struct frame_row rows[4];
};

static struct pair look_at(char *page, pid_t child, const char *note)
{
	struct pair pair = { { look("parent", 0, page, NULL) } };

	if (child)
		pair.rows[1] = look("child", child, page, note);
	return pair;
}

// Two pages, each as parent and child have it.
static void show_both(const struct pair *a, const struct pair *b)
{
	struct frame_row rows[] = { a->rows[0], a->rows[1], b->rows[0],
				    b->rows[1] };

	show_frames(rows, 4);
}

void scene_fork(void)
{
	struct stretch memory;
	size_t page = page_bytes();
	struct sight sight = sight_begin();
	long faults;

	// (Each CPU has its own list of fresh pages.)
	pin_to_cpu(sched_getcpu());
	must_neg(stretch_make(&memory, PAGES * page, false));
	stretch_touch(&memory, 'o');
	char *const at[] = { memory.memory, memory.memory + page,
			     memory.memory + 2 * page };
	struct pair before[2] = { look_at(at[CHILDS], 0, NULL),
				  look_at(at[PARENTS], 0, NULL) };
	say("two pages of mine, before the fork:");
	show_frames((struct frame_row[]){ before[0].rows[0],
					  before[1].rows[0] },
		    2);
	claim(before[0].rows[0].page.exclusive &&
		      before[1].rows[0].page.exclusive,
	      "I am alone with my frames");

	struct actor child = actor_enter("child");
	struct pair after[2] = { look_at(at[CHILDS], child.pid, NULL),
				 look_at(at[PARENTS], child.pid, NULL) };
	say("after the fork:");
	show_both(&after[0], &after[1]);
	claim(!after[0].rows[0].page.exclusive &&
		      !after[0].rows[1].page.exclusive,
	      "both have the page, and neither is alone with it");
	claim_seen(&sight,
		   one_frame(&before[0].rows[0], &after[0].rows[0]) &&
			   one_frame(&after[0].rows[0], &after[0].rows[1]),
		   "parent and child have one frame behind one address");

	actor_write(&child, at[CHILDS], 'c', &faults);
	struct pair first = look_at(at[CHILDS], child.pid, "wrote: the copy");
	claim(faults >= 1 && *at[CHILDS] == 'o',
	      "the child writes to the first page: a fault, and I see nothing");
	count_write(at[PARENTS], 'p', &faults);
	struct pair second = look_at(at[PARENTS], child.pid, "has the old one");
	second.rows[0].note = "wrote: the copy";
	claim(faults >= 1 && actor_read(&child, at[PARENTS], NULL) == 'o',
	      "I write to the second one: the same the other way round");
	show_both(&first, &second);
	claim_seen(&sight,
		   one_frame(&first.rows[0], &before[0].rows[0]) &&
			   two_frames(&first.rows[0], &first.rows[1]) &&
			   one_frame(&second.rows[1], &before[1].rows[0]) &&
			   two_frames(&second.rows[0], &second.rows[1]),
		   "who writes gets a new frame, who does not keeps the "
		   "old");
	claim(first.rows[0].page.exclusive && first.rows[1].page.exclusive &&
		      second.rows[0].page.exclusive,
	      "then each is alone with his");

	struct page old[PAGES], now[PAGES];
	enum { REST = PAGES - LAST };
	must_neg(pages_read(0, (uintptr_t)at[LAST], REST, old));
	struct frame_row shared = look("parent", 0, at[LAST], "before");
	actor_leave(&child);
	faults = write_pages(at[LAST], REST, 'l');
	must_neg(pages_read(0, (uintptr_t)at[LAST], REST, now));
	int kept = 0;
	for (int i = 0; i < REST; i++)
		kept += now[i].frame && now[i].frame == old[i].frame;
	struct frame_row rows[] = { shared,
				    look("parent", 0, at[LAST], "after") };
	say("the child has ended; I write to %d pages that we shared:", REST);
	show_frames(rows, 2);
	claim(faults >= REST && rows[1].page.exclusive,
	      "each write faults, for the page was still read-only");
	// Whoever holds a page for a moment (a CPU's list, say) has it copied.
	claim_seen(&sight, kept > REST / 2,
		   "but nobody else is left: %d of %d keep the frame, uncopied",
		   kept, REST);
	stretch_free(&memory);
}

// ## What is shared keeps its frame
//
// MAP_SHARED is left alone by fork: nobody is to get a copy, so no write needs to
// be noticed. (The child's table may even be left empty: the page cache knows where
// the frame is, and the first access finds it there.)

void scene_shared(void)
{
	size_t page = page_bytes();
	struct sight sight = sight_begin();
	int fd = must(open(fresh_path(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC,
			   0600));
	must(ftruncate(fd, (off_t)page));
	const struct {
		const char *name;
		char *page;
	} shared[] = {
		{ "anonymous", must(mmap(NULL, page, PROT_READ | PROT_WRITE,
					 MAP_SHARED | MAP_ANONYMOUS, -1, 0)) },
		{ "of a file", must(mmap(NULL, page, PROT_READ | PROT_WRITE,
					 MAP_SHARED, fd, 0)) },
	};

	for (int i = 0; i < 2; i++) {
		char *at = shared[i].page;
		count_write(at, 'o', NULL);
		struct frame_row before = look("parent", 0, at, "before fork");
		struct actor child = actor_enter("child");
		actor_write(&child, at, 'c', NULL);
		char mine = *(volatile char *)at;
		count_write(at, 'p', NULL);
		char childs = actor_read(&child, at, NULL);
		struct frame_row rows[] = {
			before,
			look("parent", 0, at, "both have written"),
			look("child", child.pid, at, NULL),
		};
		say("MAP_SHARED, %s:", shared[i].name);
		show_frames(rows, 3);
		claim(mine == 'c' && childs == 'p',
		      "%s: each sees what the other writes", shared[i].name);
		claim_seen(&sight,
			   one_frame(&rows[0], &rows[1]) &&
				   one_frame(&rows[1], &rows[2]),
			   "%s: one frame, before and after", shared[i].name);
		actor_leave(&child);
	}
}
