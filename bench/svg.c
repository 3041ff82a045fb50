// # gnuplot, and its SVG made fit for a page
//
// gnuplot reads its commands from a file in memory (memfd_create(2)) and
// writes the picture into a pipe: nothing on disk, and neither side can wait
// for the other.
//
// What it writes is a document of its own: ids that several plots on one page
// would share, a font, colours for white paper, a tooltip for each line of the
// script. We keep the geometry and rewrite the rest:
//
//   - symbols (<use> of an id) become circles, so that no id is left
//   - the colours are ours, chosen so that each says what it means; they become
//     variables of the style sheet, which knows light and dark
//   - tokens become the labels they stand for, escaped. So no text of a
//     result file is ever a gnuplot command
//
// A picture that still holds something unexpected afterwards (another gnuplot
// writes another SVG) is refused, not published.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "report.h"

// ## The colours
//
// To gnuplot an ink is a colour nobody would choose: red 1, green 2, blue its
// number.

enum { MARK_RED = 1, MARK_GREEN = 2 };

const char *ink_colour(char text[16], int ink)
{
	snprintf(text, 16, "#%02x%02x%02x", MARK_RED, MARK_GREEN, ink);
	return text;
}

static void write_ink(FILE *out, int red, int green, int blue)
{
	if (red != MARK_RED || green != MARK_GREEN || blue < 0 || blue >= INKS)
		fputs("currentColor", out);
	else
		fprintf(out, "var(--ink%d)", blue);
}

// ## The script

void drawing_begin(struct drawing *d, int width, int height)
{
	*d = (struct drawing){ .width = width, .height = height };
	d->script = open_memstream(&d->commands, &d->command_bytes);
	if (!d->script) {
		d->out_of_memory = true;
		// the plots need somewhere to write
		d->script = fopen("/dev/null", "w");
		if (!d->script)
			abort();
	}
	fprintf(d->script,
		"set encoding utf8\n"
		"set terminal svg size %d,%d dynamic noenhanced font ',13'\n"
		"unset key\nunset border\nunset ytics\n",
		width, height);
}

const char *drawing_label(struct drawing *d, char token[16], const char *text)
{
	char **more = reallocarray(d->labels, d->label_count + 1, sizeof *more);
	char *copy = strdup(text);

	if (more)
		d->labels = more;
	if (!more || !copy) {
		d->out_of_memory = true;
		free(copy);
		return "";
	}
	d->labels[d->label_count] = copy;
	snprintf(token, 16, "@%zu@", d->label_count++);
	return token;
}

// ## Running it

static int write_all_of(int fd, const char *text, size_t bytes)
{
	while (bytes > 0) {
		ssize_t n = write(fd, text, bytes);
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			return n == -1 ? -errno : -EIO;
		text += n;
		bytes -= (size_t)n;
	}
	return 0;
}

static char *read_all_of(int fd)
{
	size_t used = 0, room = 1 << 16;
	char *text = malloc(room);
	ssize_t n = 0;

	while (text && ((n = read(fd, text + used, room - used - 1)) > 0 ||
			(n == -1 && errno == EINTR))) {
		used += n > 0 ? (size_t)n : 0;
		if (used + 1 == room) {
			char *more = realloc(text, room *= 2);
			if (!more)
				free(text);
			text = more;
		}
	}
	if (text && n == -1) {
		free(text);
		text = NULL;
	}
	if (text)
		text[used] = '\0';
	return text;
}

// Starts gnuplot: -d, so that no start-up file of the user takes part; the C
// locale, so that numbers keep their point.
static int start(int in, int out, int err, pid_t *pid)
{
	static char *const arguments[] = { "gnuplot", "-d", NULL };
	posix_spawn_file_actions_t actions;

	if (setenv("LC_ALL", "C", 1) != 0)
		return -errno;
	int error = posix_spawn_file_actions_init(&actions);
	if (error)
		return -error;
	if (!(error = posix_spawn_file_actions_adddup2(&actions, in, 0)) &&
	    !(error = posix_spawn_file_actions_adddup2(&actions, out, 1)) &&
	    !(error = posix_spawn_file_actions_adddup2(&actions, err, 2)))
		error = posix_spawnp(pid, "gnuplot", &actions, NULL, arguments,
				     environ);
	posix_spawn_file_actions_destroy(&actions);
	// a folder of PATH that may not be searched gives EACCES
	return error == EACCES || error == ENOTDIR ? -ENOENT : -error;
}

static int finish(pid_t pid, int err, char *why, size_t why_bytes)
{
	int status;

	while (waitpid(pid, &status, 0) == -1)
		if (errno != EINTR)
			return -errno;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return -ENOENT;
	char said[160] = "";
	ssize_t n = pread(err, said, sizeof said - 1, 0);
	if (n < 0)
		return -errno;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	said[strcspn(said, "\n")] = '\0';
	if (WIFSIGNALED(status))
		snprintf(said, sizeof said, "killed by signal %d",
			 WTERMSIG(status));
	snprintf(why, why_bytes, "gnuplot failed: ");
	size_t used = strlen(why);
	printable_text(why + used, why_bytes - used, said);
	return -EIO;
}

// The SVG that gnuplot makes of the commands, for free(3).
static int run_gnuplot(const char *commands, size_t bytes, char **svg,
		       char *why, size_t why_bytes)
{
	int in = memfd_create("commands", MFD_CLOEXEC);
	int err = memfd_create("complaints", MFD_CLOEXEC);
	int fd[2] = { -1, -1 }, error = 0;
	pid_t pid = -1;

	*svg = NULL;
	if (in == -1 || err == -1 || pipe2(fd, O_CLOEXEC) == -1)
		error = -errno;
	if (!error)
		error = write_all_of(in, commands, bytes);
	if (!error && lseek(in, 0, SEEK_SET) == -1)
		error = -errno;
	if (!error && !(error = start(in, fd[1], err, &pid))) {
		close(fd[1]);
		fd[1] = -1;
		*svg = read_all_of(fd[0]);
		error = finish(pid, err, why, why_bytes);
		if (!*svg && !error)
			error = -ENOMEM;
	}
	const int all[] = { in, err, fd[0], fd[1] };
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		if (all[i] != -1)
			close(all[i]);
	if (error) {
		free(*svg);
		*svg = NULL;
	}
	return error;
}

// ## Rewriting it

static bool starts(const char *text, const char *with)
{
	return !strncmp(text, with, strlen(with));
}

// gpPt6 is the filled circle, gpPt5 the open one. Returns what comes behind
// the element, NULL when it is something else.
static const char *rewrite_symbol(FILE *out, const char *at)
{
	double x, y, scale;
	int symbol, red, green, blue, end = 0;

	if (sscanf(at,
		   "<use xlink:href='#gpPt%d' transform='translate(%lf,%lf)"
		   " scale(%lf)' color='rgb(%d,%d,%d)'/>%n",
		   &symbol, &x, &y, &scale, &red, &green, &blue, &end) != 7 ||
	    !end || (symbol != 5 && symbol != 6))
		return NULL;
	fprintf(out, "<circle cx=\"%.2f\" cy=\"%.2f\" r=\"%.2f\" fill=\"", x, y,
		symbol == 6 ? scale : scale - 0.8);
	write_ink(out, symbol == 6 ? red : MARK_RED,
		  symbol == 6 ? green : MARK_GREEN,
		  symbol == 6 ? blue : INK_PAGE);
	if (symbol == 5) {
		fputs("\" stroke-width=\"2\" stroke=\"", out);
		write_ink(out, red, green, blue);
		fputs("\"/>", out);
	} else {
		fputs("\" stroke=\"none\"/>", out);
	}
	return at + end;
}

static const char *rewrite_label(FILE *out, const char *at,
				 const struct drawing *d)
{
	char *end;
	unsigned long number = strtoul(at + 1, &end, 10);

	if (end == at + 1 || *end != '@' || number >= d->label_count)
		return NULL;
	html_text(out, d->labels[number], 120);
	return end + 1;
}

static const char *rewrite_colour(FILE *out, const char *at)
{
	int red, green, blue, end = 0;

	if (sscanf(at, "rgb(%d,%d,%d)%n", &red, &green, &blue, &end) != 3 ||
	    !end)
		return NULL;
	write_ink(out, red, green, blue);
	return at + end;
}

// One line. False when it holds something unexpected.
static bool rewrite_line(FILE *out, const char *at, const char *end,
			 const struct drawing *d)
{
	static const char *const dropped[] = {
		" color=\"black\"", " color=\"white\"", " font-family=\"Arial\"",
		" class=\"gridline\"", "<![CDATA[", "]]>",
		" stroke-linecap=\"butt\"", " stroke-linejoin=\"miter\"",
		" xml:space=\"preserve\"",
	};
	size_t drops = sizeof dropped / sizeof *dropped;

	while (at < end) {
		size_t i = 0;
		const char *next = at;
		while (i < drops && !starts(at, dropped[i]))
			i++;
		if (i < drops)
			next = at + strlen(dropped[i]);
		else if (starts(at, "<use"))
			next = rewrite_symbol(out, at);
		else if (starts(at, "rgb("))
			next = rewrite_colour(out, at);
		else if (*at == '@')
			next = rewrite_label(out, at, d);
		else if (starts(at, " id=") || starts(at, "href") ||
			 starts(at, "<script") || starts(at, "://"))
			return false;
		else if (starts(at, "stroke='black'")) {
			fputs("stroke='none'", out);
			next = at + strlen("stroke='black'");
		} else {
			putc(*at, out);
			next = at + 1;
		}
		if (!next)
			return false;
		at = next;
	}
	putc('\n', out);
	return true;
}

static bool is_blank(const char *at, const char *end)
{
	return at + strspn(at, " \t") >= end;
}

// gnuplot opens and closes a group for each change of its pen, also when it
// draws nothing in between; a group is held back until something is in it.
static bool rewrite_body(FILE *out, const char *at, const char *end,
			 const struct drawing *d)
{
	const char *held = NULL, *held_end = NULL;

	while (at < end) {
		const char *line = at + strspn(at, " \t");
		const char *stop = strchr(at, '\n');
		if (!stop || stop > end)
			stop = end;
		at = stop + 1;
		if (is_blank(line, stop))
			continue;
		if (held && stop - line == 4 && starts(line, "</g>")) {
			held = NULL;
			continue;
		}
		if (held && !rewrite_line(out, held, held_end, d))
			return false;
		held = NULL;
		if (starts(line, "<g id=\"gnuplot_plot_")) {
			fputs("<g>\n", out);
		} else if (starts(line, "<g fill=\"none\"")) {
			held = line;
			held_end = stop;
		} else if (!rewrite_line(out, line, stop, d)) {
			return false;
		}
	}
	return true;
}

static bool rewrite(FILE *out, const char *svg, const struct drawing *d,
		    const char *alt)
{
	const char *begin = strstr(svg, "</defs>");
	const char *end = svg + strlen(svg);

	while (end > svg && !starts(end, "</svg>"))
		end--;
	if (!begin || end <= begin)
		return false;
	fprintf(out,
		"<svg viewBox=\"0 0 %d %d\" role=\"img\" "
		"xmlns=\"http://www.w3.org/2000/svg\" aria-label=\"",
		d->width, d->height);
	html_text(out, alt, 4000);
	fputs("\">\n<g>\n", out);
	bool known = rewrite_body(out, begin + strlen("</defs>"), end, d);
	fputs("</svg>\n", out);
	return known;
}

static void fail(struct report *report, int error, const char *why)
{
	if (report->error)
		return;
	report->error = error;
	snprintf(report->why, sizeof report->why, "%s", why);
}

void drawing_end(struct drawing *d, struct report *report, const char *alt)
{
	char why[200] = "", *svg = NULL;
	int error = 0;

	if (fclose(d->script) != 0 || d->out_of_memory)
		error = -ENOMEM;
	if (!error && !report->error)
		error = run_gnuplot(d->commands, d->command_bytes, &svg, why,
				    sizeof why);
	if (error == -ENOENT)
		fail(report, error, "the plots need gnuplot: make deps");
	else if (error)
		fail(report, error, why[0] ? why : strerror(-error));
	else if (svg && !rewrite(report->out, svg, d, alt))
		fail(report, -EIO,
		     "this gnuplot writes an SVG that the report "
		     "does not understand (5.4 is known to work)");
	free(svg);
	for (size_t i = 0; i < d->label_count; i++)
		free(d->labels[i]);
	free(d->labels);
	free(d->commands);
}
