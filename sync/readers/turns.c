// # Who is next
//
// Three threads and a captain. A thread goes in and out when it is told, and the
// next word is given when it is in, or sleeps because it may not go in. So the
// crowd that starves somebody is no accident.

#define _GNU_SOURCE
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "draw.h"
#include "lab.h"
#include "scenes.h"
#include "sync/crew/crew.h"
#include "sync/lock/rwlock.h"
#include "sync/lock/semaphore.h"

enum { ROUNDS = 10 };
enum { OUTSIDE, WAITING, INSIDE };

struct player {
	const char *name;
	bool writes;
	struct hand *hand;
	struct queuesem come, leave;
	_Atomic int at;
};

static struct {
	const struct rwlock_kind *kind;
	union rwlock *lock;
	struct crew *crew; // the threads of the last one sleep on
} book;

static void play(struct hand *hand)
{
	struct player *me = hand->of;
	const struct rwlock_kind *kind = book.kind;
	union rwlock *lock = book.lock;

	for (;;) {
		queuesem_p(&me->come);
		hand_mark(hand, 'w');
		me->at = WAITING;
		(me->writes ? kind->write_lock : kind->read_lock)(lock);
		hand_mark(hand, me->writes ? 'W' : 'R');
		me->at = INSIDE;
		queuesem_p(&me->leave);
		hand_mark(hand, '\0');
		(me->writes ? kind->write_unlock : kind->read_unlock)(lock);
		me->at = OUTSIDE;
	}
}

static void nap(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = 200000 }, NULL);
}

// Long enough to be seen in the picture; nothing depends on it.
static void linger(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
}

// Until it is in or sleeps before the lock. True: it is in.
static bool enter(struct player *player)
{
	queuesem_v(&player->come);
	while (player->at != INSIDE &&
	       !(player->at == WAITING && hand_waits(player->hand)))
		nap();
	return player->at == INSIDE;
}

static void leave(struct player *player)
{
	queuesem_v(&player->leave);
	while (player->at == INSIDE)
		nap();
}

static void await_inside(const struct player *player)
{
	while (player->at != INSIDE)
		nap();
}

static void open_book(const struct rwlock_kind *kind, struct player *players,
		      int n)
{
	book.kind = kind;
	book.lock = must_ptr(calloc(1, sizeof *book.lock));
	book.crew = must_ptr(calloc(1, sizeof *book.crew));
	for (int i = 0; i < n; i++)
		must_neg(crew_come(book.crew, players[i].name, play,
				   &players[i], &players[i].hand));
}

static void draw_book(void)
{
	struct canvas canvas = canvas_of(STDOUT_FILENO);
	char *picture = must_ptr(crew_draw(book.crew, &canvas));

	show(picture);
	free(picture);
}

// ## Together, or alone

void scene_share(void)
{
	static const struct rwlock_kind *const kinds[] = { &rwlock_reader,
							   &rwlock_writer,
							   &rwlock_fair };

	for (int i = 0; i < 3; i++) {
		// Its threads wait for a word until the scene ends.
		struct player *p = must_ptr(calloc(3, sizeof *p));
		p[0].name = "reader A";
		p[1].name = "reader B";
		p[2].name = "writer";
		p[2].writes = true;
		open_book(kinds[i], p, 3);
		bool together = enter(&p[0]) && enter(&p[1]);
		bool beside = enter(&p[2]);
		leave(&p[0]);
		bool beside_one = p[2].at == INSIDE;
		leave(&p[1]);
		await_inside(&p[2]);
		bool beside_writer = enter(&p[0]);
		if (i == 2)
			draw_book();
		claim(together && !beside && !beside_one && !beside_writer,
		      "%s: readers together, the writer alone", kinds[i]->name);
	}
}

// ## Two readers that overlap, and a writer
//
// One reader is inside, the writer comes, the other reader comes, and only then
// the first one leaves. So it goes on, as long as the lock plays along: at no
// time is the book free of readers. Returns how many readers went in while the
// writer waited.

static int overlap_readers(const struct rwlock_kind *kind)
{
	struct player *row = must_ptr(calloc(3, sizeof *row));
	struct player *inside = &row[0], *next = &row[1], *writer = &row[2];
	int overtaken = 0;

	row[0] = (struct player){ .name = "reader A" };
	row[1] = (struct player){ .name = "reader B" };
	row[2] = (struct player){ .name = "writer", .writes = true };
	open_book(kind, row, 3);
	enter(inside);
	enter(writer);
	while (overtaken < ROUNDS && enter(next)) {
		overtaken++;
		linger();
		leave(inside);
		struct player *other = inside;
		inside = next;
		next = other;
	}
	leave(inside);
	await_inside(writer);
	leave(writer);
	if (overtaken < ROUNDS)
		await_inside(next);
	draw_book();
	return overtaken;
}

void scene_writers(void)
{
	say("two readers that overlap, and a writer that waits (w):");
	int overtaken = overlap_readers(&rwlock_reader);
	claim(overtaken == ROUNDS,
	      "readers first: %d went in while the writer waited", overtaken);
	say("it got in when I stopped the readers, and not before");
}

// ## Two writers that overlap, and a reader
//
// The same the other way round: a writer is inside, the reader comes, the other
// writer comes, the first one leaves. Returns how many writers went in while the
// reader waited.

static int overlap_writers(const struct rwlock_kind *kind)
{
	struct player *row = must_ptr(calloc(3, sizeof *row));
	struct player *inside = &row[0], *next = &row[1], *reader = &row[2];
	int overtaken = 0;

	row[0] = (struct player){ .name = "writer A", .writes = true };
	row[1] = (struct player){ .name = "writer B", .writes = true };
	row[2] = (struct player){ .name = "reader" };
	open_book(kind, row, 3);
	enter(inside);
	enter(reader);
	while (overtaken < ROUNDS) {
		enter(next);
		linger();
		leave(inside);
		while (next->at != INSIDE && reader->at != INSIDE)
			nap();
		if (reader->at == INSIDE)
			break;
		overtaken++;
		struct player *other = inside;
		inside = next;
		next = other;
	}
	if (overtaken == ROUNDS)
		leave(inside);
	await_inside(reader);
	leave(reader);
	if (overtaken < ROUNDS)
		await_inside(next);
	draw_book();
	return overtaken;
}

void scene_readers(void)
{
	say("two writers that overlap, and a reader that waits (w):");
	int overtaken = overlap_writers(&rwlock_writer);
	claim(overtaken == ROUNDS,
	      "writers first: %d went in while the reader waited", overtaken);
	say("it got in when I stopped the writers, and not before");
}

// ## In turn
//
// The fair lock meets both crowds. A reader that comes while a writer waits
// waits behind it; when a writer leaves, the readers that wait go in before the
// next writer.

void scene_fair(void)
{
	int readers = overlap_readers(&rwlock_fair);

	claim(readers == 0, "fair: no reader overtook the writer that waited");
	int writers = overlap_writers(&rwlock_fair);
	claim(writers == 0, "fair: no writer overtook the reader that waited");
}
