// # The targets by name

#include "tests/fuzz/fuzz.h"

const struct fuzz_target fuzz_targets[] = {
	{ "read", fuzz_read, true },
	{ "replay", fuzz_replay, true },
	{ "check", fuzz_check, true },
	{ "edit", fuzz_edit, true },
	{ "rebuild", fuzz_rebuild, true },
	{ "look", fuzz_look, true },
	{ "extract", fuzz_extract, true },
	{ "partitions", fuzz_partitions, true },
	{ "undo", fuzz_undo, false },
	{ "table", fuzz_table, false },
	{ "values", fuzz_values, false },
	{ "archive", fuzz_archive, false },
	{ "trace", fuzz_trace, false },
	{ 0 }
};
