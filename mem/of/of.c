#include "mem/of/of.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "must.h"
#include "options.h"

pid_t of_pid(const struct argp_state *state, const char *text)
{
	enum { LARGEST = 4194304 }; // PID_MAX_LIMIT of the kernel

	return (pid_t)option_number(state, "--of", text, 1, LARGEST);
}

int of_cannot(pid_t pid, int error)
{
	switch (error) {
	case 0:
		return option_complain(EXIT_FAILURE,
				       "--of=%d: a thread of the kernel has "
				       "no memory of its own",
				       pid);
	case -ESRCH:
		return option_complain(EXIT_FAILURE, "--of=%d: no such process",
				       pid);
	case -EACCES:
	case -EPERM:
		return option_complain(OF_MISSING,
				       "--of=%d: I may not look at this "
				       "process: be its user, or root (with "
				       "CAP_SYS_PTRACE)",
				       pid);
	default:
		return option_complain(EXIT_FAILURE, "--of=%d: %s", pid,
				       strerror(-error));
	}
}

json_t *of_name(const char *name)
{
	json_t *text = json_string(name);

	if (text)
		return text;
	char *copy = must_ptr(strdup(name));
	for (char *c = copy; *c; c++)
		if (*c & 0x80)
			*c = '?';
	text = json_string(copy);
	free(copy);
	return text;
}

json_t *of_hex(uint64_t number)
{
	char text[24];

	snprintf(text, sizeof text, "0x%" PRIx64, number);
	return json_string(text);
}

void of_print(json_t *json)
{
	char *text = must_ptr(json_dumps(json, JSON_INDENT(2)));

	puts(text);
	free(text);
	json_decref(json);
}
