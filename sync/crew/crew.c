// # A crew of threads that come one after the other

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "sync/crew/crew.h"
#include "sync/lock/futex.h"

static void *begin(void *argument)
{
	struct hand *hand = argument;

	hand->tid = (pid_t)syscall(SYS_gettid);
	hand->work(hand);
	hand_mark(hand, '\0');
	hand->in = 1;
	return NULL;
}

static void nap(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = 200000 }, NULL);
}

// The third field of /proc/PID/stat, which follows the name in parentheses.
static char state_of(pid_t tid)
{
	char path[64], text[256];

	snprintf(path, sizeof path, "/proc/self/task/%d/stat", tid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return '?';
	ssize_t n = read(fd, text, sizeof text - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	const char *end = strrchr(text, ')');
	return end && end[1] == ' ' ? end[2] : '?';
}

bool hand_waits(const struct hand *hand)
{
	return hand->tid && !hand->in && state_of(hand->tid) == 'S';
}

int crew_come(struct crew *crew, const char *name,
	      void (*work)(struct hand *hand), void *of, struct hand **result)
{
	if (crew->count == CREW_MOST)
		return -EAGAIN;
	struct hand *hand = &crew->hands[crew->count];
	*hand = (struct hand){
		.name = name, .work = work, .of = of, .track = crew->count
	};
	int error = pthread_create(&hand->thread, NULL, begin, hand);
	if (error)
		return -error;
	crew->count++;
	while (!hand->in && !hand_waits(hand))
		nap();
	if (result)
		*result = hand;
	return 0;
}

void hand_stay(struct hand *hand)
{
	hand->in = 1;
	while (!hand->may_go)
		futex_wait(&hand->may_go, 0, false);
}

void hand_dismiss(struct hand *hand)
{
	hand->may_go = 1;
	futex_wake(&hand->may_go, 1, false);
	pthread_join(hand->thread, NULL);
}

void hand_await(const struct hand *hand)
{
	while (!hand->in)
		nap();
}

// The count is written last: who draws while a hand is at work sees whole marks.
void hand_mark(struct hand *hand, char letter)
{
	int n = atomic_load_explicit(&hand->marks, memory_order_relaxed);

	if (n == CREW_MARKS)
		return;
	hand->mark[n].since_ns = now_ns();
	hand->mark[n].letter = letter;
	atomic_store_explicit(&hand->marks, n + 1, memory_order_release);
}

char *crew_draw(const struct crew *crew, const struct canvas *canvas)
{
	const char *names[CREW_MOST];
	size_t n = 0, most = (size_t)crew->count * CREW_MARKS;
	struct span *spans = calloc(most ? most : 1, sizeof *spans);
	int64_t end_ns = now_ns();

	if (!spans)
		return NULL;
	for (int i = 0; i < crew->count; i++) {
		const struct hand *hand = &crew->hands[i];
		int marks = atomic_load_explicit(&hand->marks,
						 memory_order_acquire);
		names[i] = hand->name;
		for (int j = 0; j < marks; j++)
			if (hand->mark[j].letter)
				spans[n++] = (struct span){
					i, hand->mark[j].since_ns,
					j + 1 < marks
						? hand->mark[j + 1].since_ns
						: end_ns,
					hand->mark[j].letter
				};
	}
	char *picture = draw_timeline(canvas, names, (size_t)crew->count, spans,
				      n);
	free(spans);
	return picture;
}
