// # Old copies of blocks
//
// A log that has been played is not erased. Its ring holds, until it comes round
// again, what blocks of metadata were in earlier transactions: inode tables before a
// file was deleted, directories that still have its name, maps.

#include <stdlib.h>
#include <string.h>

#include "fs/img/undelete.h"
#include "must.h"

static int note_copy(void *context, const struct journal_seen *seen)
{
	struct search *s = context;

	if (seen->type)
		return 0;
	if (s->copies == s->copy_room) {
		s->copy_room = s->copy_room ? s->copy_room * 2 : 256;
		s->copy = must_ptr(
			realloc(s->copy, s->copy_room * sizeof *s->copy));
	}
	s->copy[s->copies++] = (struct log_copy){
		.home = seen->home,
		.place = seen->disk_block,
		.sequence = seen->sequence,
		.escaped = seen->escaped,
	};
	return 0;
}

static int by_home(const void *a, const void *b)
{
	const struct log_copy *x = a, *y = b;

	if (x->home != y->home)
		return x->home < y->home ? -1 : 1;
	return (x->age > y->age) - (x->age < y->age);
}

void log_collect(struct search *s)
{
	struct disk_journal_super super;

	if (!(s->numbers.compat & COMPAT_HAS_JOURNAL))
		return;
	int error = journal_look(s->session->device, &super, note_copy, s);
	if (error)
		complain(s->session, error, "cannot read the log to its end");
	for (size_t i = 0; i < s->copies; i++)
		s->copy[i].age = (int32_t)(s->copy[i].sequence -
					   get32_be(super.s_sequence));
	if (s->copies)
		qsort(s->copy, s->copies, sizeof *s->copy, by_home);
}

size_t copies_of(const struct search *s, uint64_t home, size_t *first)
{
	size_t low = 0, high = s->copies, end;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (s->copy[middle].home < home)
			low = middle + 1;
		else
			high = middle;
	}
	*first = end = low;
	while (end < s->copies && s->copy[end].home == home)
		end++;
	return end - low;
}

int copy_read(struct search *s, const struct log_copy *copy, uint8_t *bytes)
{
	const be32 magic = put32_be(JOURNAL_MAGIC);
	int error = ext2_read_block(s->session->fs, copy->place, bytes);

	if (!error && copy->escaped)
		memcpy(bytes, &magic, sizeof magic);
	return error;
}
