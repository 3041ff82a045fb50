// # Tables of jobs
//
// Three ways to one (by hand, from a file, by chance) and back to a file.

#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"
#include "sched/model/table.h"

// ## Growing

static int more_room(void *where, size_t room, size_t each)
{
	void **array = where, *new = reallocarray(*array, room, each);

	if (!new)
		return -ENOMEM;
	*array = new;
	return 0;
}

static int more_bursts(struct table *t)
{
	size_t room = t->burst_room ? t->burst_room * 2 : 64;
	int error = more_room(&t->jobs->bursts_ns, room,
			      sizeof *t->jobs->bursts_ns);

	if (!error)
		t->burst_room = room;
	return error;
}

static int more_jobs(struct table *t, bool named)
{
	struct jobs *jobs = t->jobs;
	size_t room = t->job_room ? t->job_room * 2 : 16;
	int error = more_room(&jobs->tasks, room, sizeof *jobs->tasks);

	if (!error)
		error = more_room(&jobs->first, room + 1, sizeof *jobs->first);
	if (!error && named)
		error = more_room(&jobs->names, room, sizeof *jobs->names);
	if (!error) {
		t->job_room = room;
		jobs->first[0] = 0;
	}
	return error;
}

int table_burst(struct table *t, int64_t ns)
{
	int error = t->bursts == t->burst_room ? more_bursts(t) : 0;

	if (!error)
		t->jobs->bursts_ns[t->bursts++] = ns;
	return error;
}

// Everything this job does must end before NEVER even if it is always alone.
static int add_times(const struct table *t, struct task *task, size_t first)
{
	int64_t end_ns = task->arrival_ns;

	for (size_t i = first; i < t->bursts; i++)
		if (__builtin_add_overflow(end_ns, t->jobs->bursts_ns[i],
					   &end_ns))
			return -EOVERFLOW;
	if (end_ns == NEVER)
		return -EOVERFLOW;
	if (task->deadline_ns == 0)
		task->deadline_ns = NEVER;
	else if (__builtin_add_overflow(task->arrival_ns, task->deadline_ns,
					&task->deadline_ns))
		return -EOVERFLOW;
	task->burst_ns = task->left_ns = t->jobs->bursts_ns[first];
	return 0;
}

int table_job(struct table *t, const struct task *task, const char *name)
{
	struct jobs *jobs = t->jobs;
	struct task new = *task;
	size_t n = jobs->count;
	int error = n == t->job_room ? more_jobs(t, name != NULL) : 0;

	if (!error)
		error = add_times(t, &new, jobs->first[n]);
	if (!error && n == INT_MAX - 1)
		error = -EOVERFLOW;
	if (!error && name && !(jobs->names[n] = strdup(name)))
		error = -ENOMEM;
	if (error)
		return error;
	jobs->tasks[n] = new;
	jobs->first[++jobs->count] = t->bursts;
	return 0;
}

// ## By hand

static bool is_sound(const struct job_line *line)
{
	if (line->bursts % 2 == 0 || line->arrival_ns < 0 ||
	    line->deadline_ns < 0 || line->nice < -20 || line->nice > 19)
		return false;
	for (size_t i = 0; i < line->bursts; i++)
		if (line->bursts_ns[i] < (i % 2 == 0))
			return false;
	return !line->name ||
	       (*line->name && strlen(line->name) < JOB_NAME_BYTES);
}

static int make_job(struct table *t, const struct job_line *line)
{
	if (!is_sound(line) || !line->name != !t->jobs->names)
		return -EINVAL;
	for (size_t i = 0; i < line->bursts; i++) {
		int error = table_burst(t, line->bursts_ns[i]);
		if (error)
			return error;
	}
	struct task task = {
		.arrival_ns = line->arrival_ns,
		.deadline_ns = line->deadline_ns,
		.priority = line->priority,
		.tickets = line->tickets ? line->tickets : DEFAULT_TICKETS,
		.nice = line->nice,
	};
	int error = table_job(t, &task, line->name);
	return error == -EOVERFLOW ? -EINVAL : error;
}

int jobs_make(struct jobs *jobs, const struct job_line *lines, size_t n)
{
	struct table table = { .jobs = jobs };
	int error = n > 0 ? 0 : -EINVAL;

	*jobs = (struct jobs){ 0 };
	if (!error)
		error = more_jobs(&table, lines[0].name != NULL);
	for (size_t i = 0; !error && i < n; i++)
		error = make_job(&table, &lines[i]);
	if (error)
		jobs_free(jobs);
	return error;
}

// ## Asking

const char *job_name(const struct jobs *jobs, int job,
		     char text[JOB_NAME_BYTES])
{
	if (jobs->names)
		return jobs->names[job];
	snprintf(text, JOB_NAME_BYTES, "J%d", job);
	return text;
}

static int64_t sum_of_phases(const struct jobs *jobs, int job, size_t from)
{
	int64_t sum_ns = 0;

	for (size_t i = jobs->first[job] + from; i < jobs->first[job + 1];
	     i += 2)
		sum_ns += jobs->bursts_ns[i];
	return sum_ns;
}

int64_t job_cpu_ns(const struct jobs *jobs, int job)
{
	return sum_of_phases(jobs, job, 0);
}

int64_t job_io_ns(const struct jobs *jobs, int job)
{
	return sum_of_phases(jobs, job, 1);
}

// ## To a file

static void write_job(const struct jobs *jobs, int job, FILE *file)
{
	const struct task *task = &jobs->tasks[job];
	char text[HUMAN_BYTES], name[JOB_NAME_BYTES];

	fprintf(file, "%s %s", job_name(jobs, job, name),
		duration_name(text, task->arrival_ns));
	for (size_t i = jobs->first[job]; i < jobs->first[job + 1]; i++)
		fprintf(file, "%c%s", i == jobs->first[job] ? ' ' : ',',
			duration_name(text, jobs->bursts_ns[i]));
	if (task->priority)
		fprintf(file, " prio=%" PRId32, task->priority);
	if (task->tickets != DEFAULT_TICKETS)
		fprintf(file, " tickets=%" PRIu32, task->tickets);
	if (task->deadline_ns != NEVER)
		fprintf(file, " deadline=%s",
			duration_name(text,
				      task->deadline_ns - task->arrival_ns));
	if (task->nice)
		fprintf(file, " nice=%d", task->nice);
	putc('\n', file);
}

int jobs_write(const struct jobs *jobs, FILE *file)
{
	for (size_t i = 0; i < jobs->count && !ferror(file); i++)
		write_job(jobs, (int)i, file);
	errno = 0;
	return fflush(file) == 0 && !ferror(file) ? 0 : errno ? -errno : -EIO;
}

void jobs_free(struct jobs *jobs)
{
	for (size_t i = 0; jobs->names && i < jobs->count; i++)
		free(jobs->names[i]);
	free(jobs->names);
	free(jobs->tasks);
	free(jobs->first);
	free(jobs->bursts_ns);
	*jobs = (struct jobs){ 0 };
}
