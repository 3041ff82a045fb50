// # The story: what a scene says
//
// A scene is several processes and threads, and they all talk at once. Each
// line is composed first and leaves in one write(2), so lines never mix; each
// carries the time at which it was said (the kernel decides in which order they
// come out); claims are counted in memory that all share.

#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "draw.h"
#include "stage.h"
#include "utf8.h"

static _Thread_local char speaker[SPEAKER_BYTES] = "main";

// In a process of a scene; a manager must live on to say what went wrong.
static bool on_stage;

static void leave_if_skipped(void);
static void leave_on_stage(const char *call, int error);

void stage_enter(void)
{
	on_stage = true;
	die_first = leave_on_stage;
	speak_as("main");
}

void speak_as(const char *name)
{
	plain_text(speaker, sizeof speaker, name, stage->canvas.utf8);
}

// ## Text that can be printed anywhere

static const struct {
	uint32_t character;
	const char *ascii;
} spellings[] = {
	{ 0xa0, " " }, { 0xb5, "u" }, { 0xb7, "-" }, { 0xd7, "x" },
	{ 0x3bc, "u" }, { 0x2013, "-" }, { 0x2014, "-" }, { 0x2018, "'" },
	{ 0x2019, "'" }, { 0x201c, "\"" }, { 0x201d, "\"" },
	{ 0x2026, "..." }, { 0x2190, "<-" }, { 0x2192, "->" },
	{ 0x2260, "!=" }, { 0x2264, "<=" }, { 0x2265, ">=" },
};

static const char *spell_in_ascii(uint32_t character)
{
	for (size_t i = 0; i < sizeof spellings / sizeof *spellings; i++)
		if (spellings[i].character == character)
			return spellings[i].ascii;
	return "?";
}

static bool is_control(uint32_t c)
{
	return c < ' ' || (c >= 0x7f && c < 0xa0);
}

void plain_text(char *out, size_t out_bytes, const char *text, bool utf8)
{
	static const char cut[] = "...";
	size_t used = 0, fits = 0; // up to `fits`, "..." has room behind

	for (size_t n; *text; text += n) {
		uint32_t c = utf8_next(text, &n);
		const char *piece = text;
		size_t bytes = n;

		if (c == UTF8_INVALID || is_control(c))
			piece = "?";
		else if (c >= 0x80 && !utf8)
			piece = spell_in_ascii(c);
		if (piece != text)
			bytes = strlen(piece);
		if (used + bytes + 1 > out_bytes) {
			memcpy(out + fits, cut, sizeof cut);
			return;
		}
		memcpy(out + used, piece, bytes);
		used += bytes;
		if (used + sizeof cut <= out_bytes)
			fits = used;
	}
	out[used] = '\0';
}

// ## Writing
//
// SIGPIPE is held back for the moment of the write: whether it kills, is
// ignored or has a handler is the scene's affair and may be what it is about.
// That our own reader has left (`| head`) is told by EPIPE, and the manager
// ends the program as SIGPIPE would have.

static int write_to(int fd, const char *text, size_t bytes)
{
	while (bytes > 0) {
		ssize_t n = write(fd, text, bytes);
		if (n >= 0) {
			text += n;
			bytes -= n;
		} else if (errno == EAGAIN) {
			poll(&(struct pollfd){ fd, POLLOUT, 0 }, 1, -1);
		} else if (errno != EINTR) {
			return errno;
		}
	}
	return 0;
}

static int write_without_sigpipe(int fd, const char *text, size_t bytes)
{
	sigset_t only, before, pending;

	sigemptyset(&only);
	sigaddset(&only, SIGPIPE);
	must_zero(pthread_sigmask(SIG_BLOCK, &only, &before));
	must(sigpending(&pending));
	int error = write_to(fd, text, bytes);
	if (error == EPIPE && !sigismember(&pending, SIGPIPE))
		(void)sigtimedwait(&only, NULL, &(struct timespec){ 0 });
	must_zero(pthread_sigmask(SIG_SETMASK, &before, NULL));
	return error;
}

void stage_write(const char *text, size_t bytes)
{
	int none = 0;
	int error = write_without_sigpipe(stage->out, text, bytes);

	if (error == EBADF)
		error = write_without_sigpipe(STDOUT_FILENO, text, bytes);
	if (!error)
		return;
	atomic_compare_exchange_strong(&stage->write_error, &none, error);
	if (on_stage)
		_exit(EXIT_FAILURE);
}

// ## Coming and going
//
// Whoever waits for a process to sleep (await_state) must not be fooled by one
// that sleeps in here: for the reader (--slow, --predict), or for a terminal
// that is full. So it leaves its thread ID while it is inside.

static int come_in(void)
{
	for (int i = 0; i < SPEAKING; i++) {
		pid_t nobody = 0;
		if (atomic_compare_exchange_strong(&stage->speaking[i], &nobody,
						   gettid()))
			return i;
	}
	return -1;
}

static void go_out(int place)
{
	if (place >= 0)
		atomic_store(&stage->speaking[place], 0);
}

// With --slow each line takes the next free moment, whoever says it, and waits
// for it. Nothing is locked meanwhile: one that is killed holds up nobody.
static void wait_for_reader(void)
{
	if (stage->pause_ns == 0)
		return;
	int64_t now = now_ns(), next = atomic_load(&stage->next_line_ns), turn;
	do
		turn = next > now ? next : now;
	while (!atomic_compare_exchange_weak(&stage->next_line_ns, &next,
					     turn + stage->pause_ns));
	atomic_fetch_add(&stage->reading_ns, turn - now);
	struct timespec until = { turn / 1000000000, turn % 1000000000 };
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) ==
	       EINTR)
		;
}

// ## Lines

struct line {
	char text[LINE_BYTES];
	size_t used;
};

static void __attribute__((format(printf, 2, 3)))
add(struct line *line, const char *fmt, ...)
{
	size_t room = sizeof line->text - line->used;
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(line->text + line->used, room, fmt, ap);
	va_end(ap);
	line->used += n < 0 ? 0 : (size_t)n < room ? (size_t)n : room - 1;
}

// SGR parameters (ECMA-48, 8.3.117).
static void add_coloured(struct line *line, const char *colour,
			 const char *text)
{
	if (stage->canvas.colour && *colour)
		add(line, "\033[%sm%s\033[0m", colour, text);
	else
		add(line, "%s", text);
}

// The main speaker is uncoloured; the others get colours in the order in which
// they came. Two that come at the same time may both find their name missing;
// then one name has two colours.
static const char *speaker_colour(void)
{
	static const char *const colours[] = { "36", "33", "35",
					       "34", "32", "31" };

	if (!strcmp(speaker, "main"))
		return "";
	for (int i = 0; i < SPEAKERS; i++) {
		int state = 0;
		if (atomic_compare_exchange_strong_explicit(
			    &stage->speaker_state[i], &state, 1,
			    memory_order_acquire, memory_order_acquire)) {
			memcpy(stage->speakers[i], speaker, sizeof speaker);
			atomic_store_explicit(&stage->speaker_state[i], 2,
					      memory_order_release);
			state = 2;
		}
		if (state == 2 && !strcmp(stage->speakers[i], speaker))
			return colours[i % (sizeof colours / sizeof *colours)];
	}
	return "";
}

// What printf makes of it, before it is made safe to print.
struct raw {
	char text[LINE_BYTES];
};

static struct raw format(const char *fmt, va_list ap)
{
	struct raw raw;

	if (vsnprintf(raw.text, sizeof raw.text, fmt, ap) < 0)
		*raw.text = '\0';
	return raw;
}

// As long as a line can be, but for time, speaker and colours.
enum { TEXT_BYTES = LINE_BYTES - 200 };

static void printable(char text[TEXT_BYTES], const struct raw *raw)
{
	plain_text(text, TEXT_BYTES, raw->text, stage->canvas.utf8);
}

void say(const char *fmt, ...)
{
	enum { SPEAKER_COLUMNS = 8 };
	int64_t said_ns = now_ns() - stage->began_ns;
	char text[TEXT_BYTES];
	struct line line = { .used = 0 };
	va_list ap;

	leave_if_skipped();
	if (stage->quiet)
		return;
	int place = come_in();
	va_start(ap, fmt);
	struct raw raw = format(fmt, ap);
	va_end(ap);
	printable(text, &raw);
	add(&line, "%8.2f ms  ", said_ns / 1e6);
	add_coloured(&line, speaker_colour(), speaker);
	int pad = SPEAKER_COLUMNS - text_columns(speaker);
	add(&line, "%*s %s\n", pad > 0 ? pad : 0, "", text);
	wait_for_reader();
	stage_write(line.text, line.used);
	go_out(place);
}

void show(const char *picture)
{
	leave_if_skipped();
	if (stage->quiet)
		return;
	int place = come_in();
	wait_for_reader();
	stage_write(picture, strlen(picture));
	go_out(place);
}

void show_text(const char *text)
{
	struct canvas canvas = canvas_of(STDOUT_FILENO);
	char *picture = must_ptr(draw_text(&canvas, text));

	show(picture);
	free(picture);
}

static const struct mark {
	char letter;
	const char *utf8, *ascii, *colour;
} marks[] = {
	{ '+', "✓", "ok", "32" },
	{ '!', "✗", "NO", "1;31" },
	{ '-', "-", "-", "2" },
};

void stage_mark(char mark, const char *text)
{
	struct line line = { .used = 0 };
	const struct mark *m = marks;

	if (stage->quiet)
		return;
	while (m->letter != mark)
		m++;
	add(&line, "%12s ", "");
	add_coloured(&line, m->colour, stage->canvas.utf8 ? m->utf8 : m->ascii);
	add(&line, " %s\n", text);
	wait_for_reader();
	stage_write(line.text, line.used);
}

// ## Claims

static struct claim_record *record(bool holds, const char *text)
{
	unsigned i = atomic_fetch_add(&stage->claims, 1);

	if (i >= CLAIMS)
		return NULL;
	struct claim_record *r = &stage->records[i];
	r->holds = holds;
	plain_text(r->text, sizeof r->text, text, true);
	atomic_store_explicit(&r->state, CLAIM_MADE, memory_order_release);
	return r;
}

void claim(bool holds, const char *fmt, ...)
{
	char text[TEXT_BYTES];
	va_list ap;

	leave_if_skipped();
	int place = come_in();
	va_start(ap, fmt);
	struct raw raw = format(fmt, ap);
	va_end(ap);
	printable(text, &raw);
	atomic_fetch_add(holds ? &stage->held : &stage->failed, 1);
	struct claim_record *r = record(holds, raw.text);
	while (stage->predict && r &&
	       atomic_load_explicit(&r->state, memory_order_acquire) !=
		       CLAIM_ASKED)
		nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL);
	stage_mark(holds ? '+' : '!', text);
	go_out(place);
}

// ## Leaving
//
// Whoever is first gives the reason; a second one waits until it is written, or
// the manager might miss it. Then the process ends, and the manager, when it
// sees that, ends the others. What these would say or claim until then is about
// something that has not taken place: they leave instead.

static _Noreturn void leave(void)
{
	while (atomic_load(&stage->skipped) != 2)
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	_exit(EXIT_SKIP);
}

static void leave_if_skipped(void)
{
	if (atomic_load(&stage->skipped))
		leave();
}

void stage_skip(const char *reason)
{
	char text[TEXT_BYTES];
	int nobody = 0;

	if (!atomic_compare_exchange_strong(&stage->skipped, &nobody, 1))
		return;
	plain_text(stage->reason, sizeof stage->reason, reason, true);
	plain_text(text, sizeof text, reason, stage->canvas.utf8);
	stage_mark('-', text);
	atomic_store(&stage->skipped, 2);
}

void skip(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	struct raw raw = format(fmt, ap);
	va_end(ap);
	stage_skip(raw.text);
	leave();
}

// EAGAIN says many things; of what makes a task it says that there is no room
// for one (fork(2), pthread_create(3)), for its stack perhaps.
static bool makes_a_task(const char *call)
{
	static const char *const makers[] = {
		"fork(",      "pthread_create(", "posix_spawn",
		"pool_open(", "crew_come(", "send_task(",
	};

	for (size_t i = 0; i < sizeof makers / sizeof *makers; i++)
		if (!strncmp(call, makers[i], strlen(makers[i])))
			return true;
	return false;
}

const char *limit_met(const char *call, int error)
{
	if (error == EMFILE)
		return "no descriptor is left: raise ulimit -n";
	if (error == ENFILE)
		return "no open file is left in all the system: raise "
		       "/proc/sys/fs/file-max";
	if (error == ENOMEM)
		return "no memory is left: raise ulimit -v, or what the "
		       "container may have";
	if (error == EAGAIN && makes_a_task(call))
		return "no room for one more thread or process: raise ulimit "
		       "-u or -v";
	return NULL;
}

// Who dies of what another has left behind keeps silent, too.
static void leave_on_stage(const char *call, int error)
{
	const char *limit = limit_met(call, error);

	// Nobody listens, and that is why: this process only noticed it before
	// it was killed.
	if (atomic_load(&stage->write_error))
		_exit(EXIT_FAILURE);
	leave_if_skipped();
	if (limit)
		skip("%s", limit);
}
