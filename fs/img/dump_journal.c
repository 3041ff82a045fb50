// # What the journal holds
//
//     log block  disk block
//             1         102  transaction 2 begins: descriptor
//             2         103    a copy of block 5
//             3         104    a copy of block 7
//             4         105  transaction 2 is complete: commit
//
// A transaction counts from the moment that its commit block is there. Blocks of
// earlier ones stay behind until they are overwritten; "old" marks what a replay
// would not look at.

#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "draw.h"
#include "fs/img/dump.h"
#include "fs/img/fields.h"
#include "must.h"

struct look {
	const struct dump *dump;
	json_t *blocks;
	uint64_t count;
};

static const char *type_text(int type)
{
	switch (type) {
	case JOURNAL_DESCRIPTOR:
		return "descriptor";
	case JOURNAL_COMMIT:
		return "commit";
	case JOURNAL_SUPER_1:
	case JOURNAL_SUPER_2:
		return "superblock";
	case JOURNAL_REVOKE:
		return "revoke";
	}
	return "copy";
}

static void print_revokes(const struct journal_seen *seen)
{
	char *text, before[96];
	size_t bytes;
	FILE *out = must_ptr(open_memstream(&text, &bytes));

	for (uint32_t i = 0; i < seen->revoke_count; i++)
		fprintf(out, " %" PRIu64, seen->revokes[i]);
	if (!seen->live)
		fprintf(out, " (old)");
	must_zero(fclose(out));
	int n = snprintf(before, sizeof before,
			 "  %9" PRIu32 "  %10" PRIu64 "  transaction %" PRIu32
			 " revokes ",
			 seen->log_block, seen->disk_block, seen->sequence);
	put_wrapped(stdout, canvas_of(STDOUT_FILENO).columns, before, n,
		    *text ? text + 1 : "nothing");
	free(text);
}

static void print_seen(const struct journal_seen *seen)
{
	if (seen->type == JOURNAL_REVOKE) {
		print_revokes(seen);
		return;
	}
	printf("  %9" PRIu32 "  %10" PRIu64 "  ", seen->log_block,
	       seen->disk_block);
	switch (seen->type) {
	case JOURNAL_DESCRIPTOR:
		printf("transaction %" PRIu32 ": descriptor", seen->sequence);
		break;
	case JOURNAL_COMMIT:
		printf("transaction %" PRIu32 " is complete: commit",
		       seen->sequence);
		break;
	case JOURNAL_SUPER_1:
	case JOURNAL_SUPER_2:
		printf("the journal's superblock");
		break;
	default:
		printf("  a copy of block %" PRIu64 "%s%s", seen->home,
		       seen->escaped ? ", its magic number escaped" : "",
		       seen->revoked ? ", revoked" : "");
	}
	printf("%s\n", seen->live || seen->type == JOURNAL_SUPER_1 ||
				       seen->type == JOURNAL_SUPER_2
			       ? ""
			       : "  (old)");
}

static json_t *json_seen(const struct journal_seen *seen)
{
	json_t *object = json_pack("{s:I, s:I, s:s, s:I, s:b}", "log_block",
				   (json_int_t)seen->log_block, "disk_block",
				   (json_int_t)seen->disk_block, "is",
				   type_text(seen->type), "sequence",
				   (json_int_t)seen->sequence, "live",
				   (int)seen->live);

	if (!seen->type) {
		json_object_set_new(object, "home",
				    json_integer((json_int_t)seen->home));
		json_object_set_new(object, "escaped",
				    json_boolean(seen->escaped));
		json_object_set_new(object, "revoked",
				    json_boolean(seen->revoked));
	}
	if (seen->type == JOURNAL_REVOKE) {
		json_t *revokes = json_array();
		for (uint32_t i = 0; i < seen->revoke_count; i++)
			json_array_append_new(
				revokes,
				json_integer((json_int_t)seen->revokes[i]));
		json_object_set_new(object, "revokes", revokes);
	}
	return object;
}

static int each(void *context, const struct journal_seen *seen)
{
	struct look *look = context;

	if (look->blocks)
		json_array_append_new(look->blocks, json_seen(seen));
	else
		print_seen(seen);
	look->count++;
	return 0;
}

int dump_journal(struct dump *d)
{
	struct session *s = d->session;
	struct look look = { .dump = d };
	struct disk_journal_super super;

	if (!(d->numbers.compat & COMPAT_HAS_JOURNAL))
		return complain(s, 0, "it has no journal (ext2)");
	int error = journal_look(s->device, &super, NULL, NULL);
	if (error)
		return complain(s, error, "cannot read its journal");
	if (s->json)
		look.blocks = must_ptr(json_array());
	else
		print_fields(&journal_super_structure, (uint8_t *)&super,
			     sizeof super, d->hex, 0);
	if (!s->json)
		printf("\n  log block  disk block\n");
	error = journal_look(s->device, &super, each, &look);
	if (error)
		complain(s, error, "cannot read the log to its end");
	if (s->json &&
	    print_json(json_pack("{s:o, s:o}", "super",
				 json_fields(&journal_super_structure,
					     (uint8_t *)&super, sizeof super),
				 "log", look.blocks)))
		return EXIT_FAILURE;
	if (!s->json && !look.count)
		printf("  the log has never been used\n");
	return error ? EXIT_FAILURE : EXIT_SUCCESS;
}
