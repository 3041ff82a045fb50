// # The operations of the worksheet
//
// Random ones: a number decides between allocation and free, a second one the
// size or which of the live pointers. Where there is nothing to free, the first
// number is spent and nothing happens.
//
// Or a list. There -INDEX is heeded when so many allocations have succeeded,
// whichever they were; so it may mean a pointer that was freed long ago, whose
// address belongs to a younger block by now: that block is freed. (As in C.)

#define _GNU_SOURCE
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "mem/fragment/ostep.h"
#include "must.h"
#include "options.h"

// ## Beginning

static enum fit policy_of(const char *name)
{
	static const char *const names[] = { "FIRST", "BEST", "WORST", NULL };
	static const enum fit fits[] = { FIT_FIRST, FIT_BEST, FIT_WORST };

	return fits[option_choice(outside_argp(), "--policy", name, names)];
}

static enum hole_order order_of(const char *name)
{
	static const char *const names[] = {
		[ORDER_ADDRESS] = "ADDRSORT",    [ORDER_SIZE_UP] = "SIZESORT+",
		[ORDER_SIZE_DOWN] = "SIZESORT-", [ORDER_FRONT] = "INSERT-FRONT",
		[ORDER_BACK] = "INSERT-BACK",    [ORDERS] = NULL,
	};

	return (enum hole_order)option_choice(outside_argp(), "--listOrder",
					      name, names);
}

void exercise_begin(struct exercise *x, const struct ostep *o)
{
	const struct strip_settings settings = {
		.size = (uint64_t)o->size,
		.fit = policy_of(o->policy),
		.order = order_of(o->order),
		.coalesce = o->coalesce,
		.alignment = o->alignment < 0 ? 0 : (uint64_t)o->alignment,
		.header = (uint64_t)o->header,
	};

	*x = (struct exercise){ .options = o,
				.random = python_random_seeded(o->seed),
				.rest = *o->list ? o->list : NULL };
	must_neg(strip_open(&settings, &x->strip));
	x->live = must_ptr(calloc(MOST_OPERATIONS, sizeof *x->live));
	x->all = must_ptr(calloc(MOST_OPERATIONS, sizeof *x->all));
}

void exercise_end(struct exercise *x)
{
	strip_close(x->strip);
	free(x->live);
	free(x->all);
}

int64_t exercise_address(const struct exercise *x, uint64_t address)
{
	return x->options->base + (int64_t)address;
}

// ## Playing one

static size_t holes_of(const struct exercise *x)
{
	const struct piece *holes;

	return strip_holes(x->strip, &holes);
}

// `header` is what the course adds to the address (and to the -1 of a failure)
// when it prints it. A block that begins at address -1 (of a heap that begins
// below) looks like a failure there, and is nobody's.
static struct operation allocate(struct exercise *x, int64_t size,
				 int64_t header, struct pointer *pointer)
{
	struct operation op = { .kind = OPERATION_ALLOC,
				.index = x->index,
				.size = size,
				.holes_before = holes_of(x) };

	int error = strip_allocate(x->strip, (uint64_t)size, &op.placement);
	if (error != -ENOSPC)
		must_neg(error);
	op.done = !error;
	int64_t address = op.done ? exercise_address(x, op.placement.address)
				  : -1;
	op.result = address + header;
	*pointer = (struct pointer){ .index = x->index,
				     .valid = op.done && address != -1,
				     .address = op.placement.address };
	x->index++;
	x->succeeded += pointer->valid;
	return op;
}

static struct operation give_back(struct exercise *x,
				  const struct pointer *pointer)
{
	struct operation op = { .kind = OPERATION_FREE,
				.index = pointer->index,
				.address = pointer->address,
				.holes_before = holes_of(x) };

	int error = strip_free(x->strip, pointer->address);
	if (error != -ENOENT)
		must_neg(error);
	op.done = !error;
	op.result = op.done ? 0 : -1;
	return op;
}

// ## Random ones

static bool draw(struct exercise *x, struct operation *op)
{
	const struct ostep *o = x->options;

	while (x->played < o->operations) {
		if (python_random_real(&x->random) <
		    (double)o->percent / 100.0) {
			int64_t size =
				(int64_t)trunc(python_random_real(&x->random) *
					       (double)o->range) +
				1;
			struct pointer pointer;
			*op = allocate(x, size, o->header, &pointer);
			if (pointer.valid)
				x->live[x->live_count++] = pointer;
			x->played++;
			return true;
		}
		if (!x->live_count)
			continue;
		size_t k = (size_t)trunc(python_random_real(&x->random) *
					 (double)x->live_count);
		*op = give_back(x, &x->live[k]);
		x->live_count--;
		memmove(&x->live[k], &x->live[k + 1],
			(x->live_count - k) * sizeof *x->live);
		x->played++;
		return true;
	}
	return false;
}

// ## Those of a list

static _Noreturn void refuse(const struct exercise *x)
{
	option_refuse(outside_argp(), "--allocList", x->options->list,
		      "+SIZE (%s 0 to 2^40) or -INDEX of an allocation, "
		      "separated by commas, such as +10,+20,-0; at most %d",
		      x->options->header ? "from" : "above", MOST_OPERATIONS);
}

// The next one's sign and number.
static char next_item(struct exercise *x, int64_t *number)
{
	static const char blanks[] = " \t";
	char text[32] = "";
	size_t length = strcspn(x->rest, ",");
	const char *item = x->rest;

	x->rest = item[length] ? item + length + 1 : NULL;
	while (length && strchr(blanks, *item))
		item++, length--;
	while (length && strchr(blanks, item[length - 1]))
		length--;
	if (length < 2 || length >= sizeof text || !strchr("+-", *item))
		refuse(x);
	memcpy(text, item + 1, length - 1);
	if (strspn(text, "0123456789") != length - 1 ||
	    parse_number(text, 0, INT64_C(1) << 40, number) != 0)
		refuse(x);
	return *item;
}

static bool read_item(struct exercise *x, struct operation *op)
{
	int64_t number;

	if (!x->rest)
		return false;
	if (x->played++ == MOST_OPERATIONS)
		refuse(x);
	if (next_item(x, &number) == '+') {
		if (!number && !x->options->header)
			refuse(x);
		*op = allocate(x, number, 0, &x->all[x->index]);
		return true;
	}
	*op = (struct operation){ .kind = OPERATION_SKIPPED, .index = number };
	if (number >= x->succeeded)
		return true;
	if (!x->all[number].valid)
		refuse(x);
	*op = give_back(x, &x->all[number]);
	return true;
}

bool exercise_next(struct exercise *x, struct operation *op)
{
	return *x->options->list ? read_item(x, op) : draw(x, op);
}
