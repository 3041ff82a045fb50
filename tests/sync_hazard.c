// Hazard pointers, the stack and the queue that are built on them. What Michael
// (IEEE TPDS 15, 2004) promises: a node that a hazard pointer names is not freed,
// one that none names is freed by the next scan, and the garbage is bounded.

#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "labs.h"
#include "sync/lockfree/queue.h"
#include "sync/lockfree/stack.h"
#include "sync_ring_parts.h"

// --- every value once --------------------------------------------------------

struct traffic {
	const struct traffic_kind *kind;
	long values; // of each producer
	_Atomic int producer;
	_Atomic long popped, wrong;
	long *notes; // a word a value, written before the push: not atomic
	_Atomic unsigned char *seen;
};

static struct hazard_record *way_in(const struct traffic_kind *kind)
{
	return kind->join ? kind->join(kind->queue) : NULL;
}

static void way_out(struct hazard_record *record)
{
	if (record)
		hazard_leave(record);
}

static void *produce(void *argument)
{
	struct traffic *t = argument;
	struct hazard_record *record = way_in(t->kind);
	long self = atomic_fetch_add(&t->producer, 1);

	for (long i = 0; i < t->values; i++) {
		uintptr_t value = self * t->values + i;
		t->notes[value] = ~(long)value;
		while (t->kind->push(t->kind->queue, record, value))
			sched_yield();
	}
	way_out(record);
	return NULL;
}

static void *consume(void *argument)
{
	struct traffic *t = argument;
	struct hazard_record *record = way_in(t->kind);
	long last[TRAFFIC_SIDES], all = TRAFFIC_SIDES * t->values;
	uintptr_t value;

	memset(last, -1, sizeof last);
	while (atomic_load(&t->popped) < all) {
		if (t->kind->pop(t->kind->queue, record, &value)) {
			sched_yield();
			continue;
		}
		if ((long)value >= all) {
			atomic_fetch_add(&t->wrong, 1);
			break;
		}
		long from = value / t->values, number = value % t->values;
		t->wrong += number <= last[from];
		t->wrong += t->notes[value] != ~(long)value;
		last[from] = number;
		t->seen[value]++;
		atomic_fetch_add(&t->popped, 1);
	}
	way_out(record);
	return NULL;
}

void assert_each_value_once(const struct traffic_kind *kind)
{
	struct traffic t = { .kind = kind,
			     .values = soaking() ? 200000 : 2000 };
	long all = TRAFFIC_SIDES * t.values, once = 0;
	pthread_t threads[2 * TRAFFIC_SIDES];
	uintptr_t value;

	t.notes = calloc(all, sizeof *t.notes);
	t.seen = calloc(all, sizeof *t.seen);
	ck_assert(t.notes && t.seen);
	for (int i = 0; i < 2 * TRAFFIC_SIDES; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL,
						i % 2 ? produce : consume, &t),
				 0);
	for (int i = 0; i < 2 * TRAFFIC_SIDES; i++)
		pthread_join(threads[i], NULL);
	for (long i = 0; i < all; i++)
		once += t.seen[i] == 1;
	ck_assert_int_eq(once, all);
	ck_assert_int_eq(t.wrong, 0);
	struct hazard_record *record = way_in(kind);
	ck_assert_int_eq(kind->pop(kind->queue, record, &value), -EAGAIN);
	way_out(record);
	free(t.notes);
	free(t.seen);
}

// --- hazard pointers ---------------------------------------------------------

// Nodes that are only marked when they are freed.
struct marked {
	struct hazard_node node;
	int freed;
};

static void mark(void *context, struct hazard_node *node)
{
	++*(int *)context;
	((struct marked *)node)->freed++;
}

START_TEST(hazard_records)
{
	struct hazard hazard;
	int freed = 0;

	ck_assert_int_eq(hazard_init(&hazard, 0, mark, &freed), -EINVAL);
	ck_assert_int_eq(hazard_init(&hazard, SIZE_MAX, mark, &freed), -EINVAL);
	ck_assert_int_eq(hazard_init(&hazard, 2, mark, &freed), 0);
	ck_assert_uint_eq(hazard_limit(&hazard), 2 * 2 * HAZARDS);
	struct hazard_record *a = hazard_join(&hazard);
	struct hazard_record *b = hazard_join(&hazard);
	ck_assert(a && b && a != b);
	ck_assert_ptr_null(hazard_join(&hazard));
	hazard_leave(a);
	ck_assert_ptr_eq(hazard_join(&hazard), a);
	hazard_destroy(&hazard);
	ck_assert_int_eq(freed, 0);
}
END_TEST

// protect, retire, scan, clear, scan; and the node is freed once.
START_TEST(hazard_holds)
{
	struct hazard hazard;
	struct marked node = { 0 };
	void *_Atomic source = &node;
	int freed = 0;

	ck_assert_int_eq(hazard_init(&hazard, 2, mark, &freed), 0);
	struct hazard_record *reader = hazard_join(&hazard);
	struct hazard_record *remover = hazard_join(&hazard);
	ck_assert_ptr_eq(hazard_protect(reader, _i, &source), &node);
	source = NULL;
	hazard_retire(remover, &node.node);
	hazard_scan(remover);
	ck_assert_int_eq(node.freed, 0);
	ck_assert_uint_eq(hazard_retired(remover), 1);
	hazard_clear(reader, _i);
	hazard_scan(remover);
	hazard_scan(remover);
	ck_assert_int_eq(node.freed, 1);
	ck_assert_uint_eq(hazard_retired(remover), 0);
	hazard_destroy(&hazard);
	ck_assert_int_eq(node.freed, 1);
}
END_TEST

// The worst readers there can be: each hazard pointer names another retired
// node, for ever. The list never reaches the limit, and each scan frees.
START_TEST(hazard_garbage_is_bounded)
{
	enum { THREADS = 5, NODES = 1000 };
	static struct marked nodes[NODES];
	struct hazard_record *records[THREADS];
	struct hazard hazard;
	int freed = 0, named = 0;

	ck_assert_int_eq(hazard_init(&hazard, THREADS, mark, &freed), 0);
	for (int i = 0; i < THREADS; i++)
		records[i] = hazard_join(&hazard);
	for (int i = 0; i < THREADS; i++)
		for (int k = 0; k < HAZARDS; k++)
			hazard_set(records[i], k, &nodes[3 * named++]);
	for (int i = 0; i < NODES; i++) {
		hazard_retire(records[0], &nodes[i].node);
		size_t kept = hazard_retired(records[0]);
		ck_assert_uint_lt(kept, hazard_limit(&hazard));
		ck_assert_uint_eq(kept + freed, i + 1);
	}
	for (int i = 0; i < named; i++)
		ck_assert_int_eq(nodes[3 * i].freed, 0);

	// Whoever leaves leaves it to the next one.
	hazard_leave(records[0]);
	ck_assert_uint_ge(hazard_retired(records[0]), named - HAZARDS);
	ck_assert_ptr_eq(hazard_join(&hazard), records[0]);
	for (int i = 1; i < THREADS; i++)
		hazard_leave(records[i]);
	hazard_scan(records[0]);
	for (int i = 0; i < NODES; i++)
		ck_assert_int_eq(nodes[i].freed, 1);
	hazard_destroy(&hazard);
	ck_assert_int_eq(freed, NODES);
}
END_TEST

START_TEST(hazard_destroy_frees)
{
	static struct marked nodes[3];
	struct hazard hazard;
	int freed = 0;

	ck_assert_int_eq(hazard_init(&hazard, 2, mark, &freed), 0);
	struct hazard_record *record = hazard_join(&hazard);
	for (int i = 0; i < 3; i++)
		hazard_retire(record, &nodes[i].node);
	hazard_destroy(&hazard);
	ck_assert_int_eq(freed, 3);
}
END_TEST

// --- stack -------------------------------------------------------------------

struct number_node {
	struct stack_node stack;
	uintptr_t number; // not atomic: freed memory and races are judged
};

static void free_number(void *context, struct hazard_node *node)
{
	atomic_fetch_add((_Atomic long *)context, 1);
	free(node);
}

static struct stack numbers;
static struct hazard number_hazard;
static _Atomic long numbers_freed, numbers_sum;

static void *push_and_pop(void *argument)
{
	long turns = soaking() ? 200000 : 2000, base = (long)argument * turns;
	struct hazard_record *record = hazard_join(&number_hazard);
	struct stack_node *top;

	for (long i = 0; i < turns; i++) {
		struct number_node *node = malloc(sizeof *node);
		node->number = base + i;
		stack_push(&numbers, &node->stack);
		if (i % 3 == 0)
			sched_yield();
		while (!(top = stack_pop(&numbers, record)))
			;
		numbers_sum += ((struct number_node *)top)->number;
		hazard_retire(record, &top->hazard);
	}
	hazard_leave(record);
	return NULL;
}

START_TEST(stack_each_node_once)
{
	enum { THREADS = 8 };
	pthread_t threads[THREADS];
	long n = THREADS * (soaking() ? 200000 : 2000);

	ck_assert_int_eq(hazard_init(&number_hazard, THREADS, free_number,
				     &numbers_freed),
			 0);
	for (long i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, push_and_pop,
						(void *)i),
				 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	ck_assert_ptr_null(numbers.top);
	ck_assert_int_eq(numbers_sum, n * (n - 1) / 2);
	hazard_destroy(&number_hazard);
	ck_assert_int_eq(numbers_freed, n);
}
END_TEST

// AddressSanitizer finds the reader that names nothing, and is silent where it
// does.
#if defined __SANITIZE_ADDRESS__
#define WITH_ASAN
#elif defined __has_feature
#if __has_feature(address_sanitizer)
#define WITH_ASAN
#endif
#endif

#ifdef WITH_ASAN
static bool read_freed(bool protects, char *said, size_t bytes)
{
	int fd[2], status;
	size_t n = 0;
	ssize_t got;

	ck_assert_int_eq(pipe(fd), 0);
	pid_t child = fork_fresh();
	if (child == 0) {
		struct stack stack = { NULL };
		struct stack_look look = { 0 };
		dup2(fd[1], STDERR_FILENO);
		hazard_init(&number_hazard, 2, free_number, &numbers_freed);
		struct hazard_record *slow = hazard_join(&number_hazard);
		struct hazard_record *fast = hazard_join(&number_hazard);
		stack_push(&stack, calloc(1, sizeof(struct number_node)));
		if (protects)
			stack_look(&stack, slow, &look);
		else
			look.node = stack_look_bare(&stack);
		hazard_retire(fast, &stack_pop(&stack, fast)->hazard);
		hazard_scan(fast);
		bool below = stack_below(look.node) != NULL;
		hazard_destroy(&number_hazard);
		_exit(below);
	}
	close(fd[1]);
	while ((got = read(fd[0], said + n, bytes - 1 - n)) > 0)
		n += got;
	said[n] = '\0';
	close(fd[0]);
	status = status_of(child);
	return status == 0;
}

START_TEST(stack_read_of_freed_memory)
{
	static char said[1 << 16];

	ck_assert(!read_freed(false, said, sizeof said));
	assert_has(said, "heap-use-after-free");
	ck_assert(read_freed(true, said, sizeof said));
	ck_assert_str_eq(said, "");
}
END_TEST
#endif

// --- queue -------------------------------------------------------------------

START_TEST(queue_in_order)
{
	struct queue queue;
	uintptr_t value = 99;

	ck_assert_int_eq(queue_init(&queue, 0), -EINVAL);
	ck_assert_int_eq(queue_init(&queue, 1), 0);
	struct hazard_record *record = queue_join(&queue);
	ck_assert_ptr_nonnull(record);
	ck_assert_ptr_null(queue_join(&queue));
	ck_assert_int_eq(queue_pop(&queue, record, &value), -EAGAIN);
	ck_assert_uint_eq(value, 99);
	for (int lap = 0; lap < 3; lap++) {
		for (uintptr_t i = 0; i < 10; i++)
			ck_assert_int_eq(queue_push(&queue, record, i), 0);
		for (uintptr_t i = 0; i < 10; i++) {
			ck_assert_int_eq(queue_pop(&queue, record, &value), 0);
			ck_assert_uint_eq(value, i);
		}
		ck_assert_int_eq(queue_pop(&queue, record, &value), -EAGAIN);
	}
	ck_assert_int_eq(queue_push(&queue, record, 5), 0);
	queue_destroy(&queue);
}
END_TEST

// A push that stopped half way is finished by whoever comes, whether he pushes
// or pops.
START_TEST(queue_others_help)
{
	struct queue queue;
	uintptr_t value;

	ck_assert_int_eq(queue_init(&queue, 1), 0);
	struct hazard_record *record = queue_join(&queue);
	void *tail = queue.tail;
	ck_assert_int_eq(queue_link(&queue, record, 1), 0);
	ck_assert_ptr_eq(queue.tail, tail);
	if (_i)
		ck_assert_int_eq(queue_push(&queue, record, 2), 0);
	ck_assert_int_eq(queue_pop(&queue, record, &value), 0);
	ck_assert_uint_eq(value, 1);
	ck_assert_ptr_ne(queue.tail, tail);
	ck_assert_int_eq(queue_pop(&queue, record, &value), _i ? 0 : -EAGAIN);
	queue_destroy(&queue);
}
END_TEST

static struct hazard_record *join_queue(void *queue)
{
	return queue_join(queue);
}

static int push_to_queue(void *queue, struct hazard_record *record,
			 uintptr_t value)
{
	return queue_push(queue, record, value);
}

static int pop_from_queue(void *queue, struct hazard_record *record,
			  uintptr_t *value)
{
	return queue_pop(queue, record, value);
}

START_TEST(queue_each_value_once)
{
	struct queue queue;

	ck_assert_int_eq(queue_init(&queue, 2 * TRAFFIC_SIDES), 0);
	assert_each_value_once(&(struct traffic_kind){ .queue = &queue,
						       .join = join_queue,
						       .push = push_to_queue,
						       .pop = pop_from_queue });
	queue_destroy(&queue);
}
END_TEST

void add_hazard_tests(Suite *suite)
{
	TCase *hazard = tcase_create("hazard"), *users = tcase_create("users");

	suite_add_tcase(suite, hazard);
	tcase_add_test(hazard, hazard_records);
	tcase_add_loop_test(hazard, hazard_holds, 0, HAZARDS);
	tcase_add_test(hazard, hazard_garbage_is_bounded);
	tcase_add_test(hazard, hazard_destroy_frees);

	suite_add_tcase(suite, users);
	tcase_add_test(users, stack_each_node_once);
#ifdef WITH_ASAN
	tcase_add_test(users, stack_read_of_freed_memory);
#endif
	tcase_add_test(users, queue_in_order);
	tcase_add_loop_test(users, queue_others_help, 0, 2);
	tcase_add_test(users, queue_each_value_once);
}
