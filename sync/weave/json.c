// # For programs: one JSON object
//
// Values are numbers with sign. What cannot be counted is null.

#define _GNU_SOURCE
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "must.h"
#include "weave.h"

static void set(json_t *object, const char *name, json_t *value)
{
	must(json_object_set_new(object, name, must_ptr(value)));
}

static void append(json_t *array, json_t *value)
{
	must(json_array_append_new(array, must_ptr(value)));
}

static json_t *number(uint64_t value)
{
	return must_ptr(json_integer((json_int_t)value));
}

static json_t *count_or_null(const struct weave *weave, uint64_t orders)
{
	bool counted = weave->all.finite && weave->all.complete &&
		       orders <= INT64_MAX;

	return counted ? number(orders) : must_ptr(json_null());
}

static json_t *words_of(const struct weave *weave,
			const struct step_state *state)
{
	json_t *words = must_ptr(json_object());

	for (int i = 0; i < weave->program.words; i++)
		set(words, weave->program.word[i], number(state->words[i]));
	return words;
}

static json_t *registers_of(const struct weave *weave,
			    const struct step_state *state, int who)
{
	json_t *registers = must_ptr(json_object());

	for (int i = 0; i < STEPPER_REGISTERS; i++)
		if (register_used(weave, who, i))
			set(registers, step_register_name(i),
			    number(state->processes[who].registers[i]));
	return registers;
}

static json_t *processes_of(const struct weave *weave,
			    const struct step_state *state)
{
	json_t *processes = must_ptr(json_object());

	for (int who = 0; who < weave->program.routines; who++) {
		char name[2] = { (char)('A' + who) };
		set(processes, name,
		    json_pack("{s:s, s:b, s:o}", "at",
			      place_of(weave, state, who), "done",
			      (int)step_ended(state, who), "registers",
			      registers_of(weave, state, who)));
	}
	return processes;
}

static json_t *step_of(const struct weave *weave, char who,
		       const struct step_state *before,
		       const struct step_state *after)
{
	const struct routine *r = &weave->program.routine[who - 'A'];
	int at = program_at(r, &before->processes[who - 'A']);
	char name[2] = { who };

	return json_pack("{s:s, s:s, s:o, s:o}", "process", name, "instruction",
			 at < 0 ? "?" : r->instructions[at].text, "words",
			 words_of(weave, after), "processes",
			 processes_of(weave, after));
}

static json_t *steps_of(struct weave *weave, const char *order)
{
	json_t *steps = must_ptr(json_array());
	struct step_state *states;
	bool ended;
	size_t at;

	must_neg(weave_replay(weave, order, &states, &at, &ended));
	for (size_t i = 0; order[i]; i++)
		append(steps,
		       step_of(weave, order[i], &states[i], &states[i + 1]));
	free(states);
	return steps;
}

static json_t *program_of(const struct weave *weave)
{
	json_t *processes = must_ptr(json_array());

	for (int i = 0; i < weave->program.routines; i++) {
		const struct routine *r = &weave->program.routine[i];
		json_t *instructions = must_ptr(json_array());
		char name[2] = { r->name };
		for (int j = 0; j < r->count; j++) {
			const struct instruction *in = &r->instructions[j];
			char bytes[2 * PROGRAM_BYTES + 1] = "";
			for (int k = 0; k < in->bytes; k++)
				snprintf(bytes + 2 * k, 3, "%02x", in->code[k]);
			append(instructions,
			       json_pack("{s:s, s:s}", "text", in->text,
					 "bytes", bytes));
		}
		append(processes, json_pack("{s:s, s:o}", "name", name,
					    "instructions", instructions));
	}
	return processes;
}

static json_t *check_of(struct weave *weave, int i, bool *failed)
{
	struct verdict verdict;

	must_neg(weave_judge(weave, i, &verdict));
	json_t *check = must_ptr(json_pack(
		"{s:s, s:b, s:o, s:o}", "check", weave->check_text[i], "holds",
		(int)verdict.holds, "states", number(verdict.states), "orders",
		count_or_null(weave, verdict.orders)));
	if (verdict.holds)
		return check;
	*failed = true;
	char *order =
		must_ptr(malloc(weave->all.states[verdict.first].steps + 1));
	exploration_order(&weave->all, verdict.first, order);
	set(check, "order", json_string(order));
	set(check, "steps", steps_of(weave, order));
	free(order);
	return check;
}

static json_t *ends_of(const struct weave *weave)
{
	json_t *array = must_ptr(json_array());
	struct weave_end *ends;
	int n = must_neg(weave_ends(weave, &ends));

	for (int i = 0; i < n; i++) {
		struct step_state state;
		exploration_state(&weave->all, ends[i].state, &state);
		append(array, json_pack("{s:o, s:o, s:o}", "words",
					words_of(weave, &state), "states",
					number(ends[i].states), "orders",
					count_or_null(weave, ends[i].orders)));
	}
	free(ends);
	return array;
}

struct listing {
	const struct weave *weave;
	json_t *orders;
};

static bool add_order(void *context, const char *order,
		      const struct step_state *end)
{
	struct listing *listing = context;

	append(listing->orders,
	       json_pack("{s:s, s:o, s:o}", "order", order, "words",
			 words_of(listing->weave, end), "processes",
			 processes_of(listing->weave, end)));
	return true;
}

static void add_findings(json_t *object, struct weave *weave, bool all,
			 bool *failed)
{
	const struct exploration *e = &weave->all;
	json_t *checks = must_ptr(json_array());

	set(object, "orders", count_or_null(weave, exploration_orders(e)));
	set(object, "states", number(e->count));
	set(object, "steps", number(stepper_steps(weave->stepper)));
	set(object, "complete", json_boolean(e->complete));
	set(object, "ends", ends_of(weave));
	for (int i = 0; i < weave->checks; i++)
		append(checks, check_of(weave, i, failed));
	set(object, "checks", checks);
	if (all) {
		struct listing listing = { weave, must_ptr(json_array()) };
		must_neg(weave_orders(weave, add_order, &listing));
		set(object, "all", listing.orders);
	}
}

int put_json(struct weave *weave, const char *order, bool all)
{
	bool failed = false;
	json_t *object = must_ptr(json_object());
	// A file's name may be anything, a string of JSON is UTF-8.
	json_t *name = json_string(weave->name);

	set(object, "program", name ? name : json_string("?"));
	set(object, "processes", program_of(weave));
	if (order) {
		set(object, "order", json_string(order));
		set(object, "played", steps_of(weave, order));
	} else {
		add_findings(object, weave, all, &failed);
	}
	char *text = must_ptr(json_dumps(object, JSON_INDENT(2)));
	puts(text);
	free(text);
	json_decref(object);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
