// # spsc: boost::lockfree::spsc_queue between two processes, timed
//
// The rival of ipc/channel/ring.c: also one producer, one consumer, no lock. It
// is played by `bench rivals` beside ours, and alike: two processes, pinned;
// the queue in memory that fork(2) leaves shared; 2 MiB of messages of 64 bytes;
// a message is copied in from the producer's memory and out into the consumer's;
// who must wait spins and then yields, as backoff_wait does. What is to the
// rival's advantage stays: the capacity is known to the compiler, the messages
// have one size and lie on cache lines, the loops are one with the queue.
//
//     spsc FORM CPU CPU
//
//   one         push(message), pop(message): a message a call
//   visit       push(message), consume_all(function)
//   array       push(array, 256), pop(array, 256)
//   array-visit push(array, 256), consume_all(function)
//
// Prints the mean time of a message. Before it counts, every message of a first
// pass is checked.
//
// Build: `make rivals`, where there is a C++ compiler and Boost. Source: Boost
// documentation, "Boost.Lockfree", class template spsc_queue.

#include <boost/lockfree/spsc_queue.hpp>

#include <atomic>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>

#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

namespace {

constexpr long line = 64, capacity = (2 << 20) / line, batch = 256;
constexpr long checked = 10000, warm = 200000;
constexpr std::int64_t enough_ns = 150000000;

struct alignas(line) message {
	std::uint64_t words[line / sizeof(std::uint64_t)];
};

using queue = boost::lockfree::spsc_queue<message,
					  boost::lockfree::capacity<capacity>>;

struct shared {
	queue messages;
	alignas(2 * line) std::atomic<long> ops; // 0 until it is known
};

struct form {
	const char *name;
	bool arrays, visits;
};

constexpr form forms[] = {
	{ "one", false, false },
	{ "visit", false, true },
	{ "array", true, false },
	{ "array-visit", true, true },
};

message own[batch];

std::int64_t now_ns()
{
	timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

[[noreturn]] void die(const char *what)
{
	std::perror(what);
	_exit(1);
}

void pin(int cpu)
{
	cpu_set_t set;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof set, &set))
		die("sched_setaffinity");
}

class backoff {
	unsigned turns = 0;

public:
	void wait()
	{
		if (turns++ >= 64)
			sched_yield();
#if defined(__x86_64__) || defined(__i386__)
		else
			__builtin_ia32_pause();
#elif defined(__aarch64__)
		else
			__asm__ volatile("yield");
#endif
	}
};

// What is copied to and fro is memory that others may look at: without this the
// compiler could leave out a copy that nobody reads.
void looked_at()
{
	__asm__ volatile("" ::"r"(own) : "memory");
}

template <bool arrays> void produce(queue &to, long ops)
{
	for (long done = 0; done < ops;) {
		backoff full;
		if (arrays) {
			long want = ops - done < batch ? ops - done : batch;
			long n;
			looked_at();
			while (!(n = to.push(own, want)))
				full.wait();
			done += n;
		} else {
			looked_at();
			while (!to.push(own[0]))
				full.wait();
			done++;
		}
	}
}

// Returns how many it took: a visit takes all that are there.
template <bool arrays, bool visits> long consume(queue &from, long ops)
{
	long done = 0;
	auto copy = [](const message &m) {
		own[0] = m;
		looked_at();
	};
	while (done < ops) {
		backoff empty;
		long n;
		if (visits)
			while (!(n = from.consume_all(copy)))
				empty.wait();
		else if (arrays)
			while (!(n = from.pop(own, batch)))
				empty.wait();
		else
			while (!(n = from.pop(own[0])))
				empty.wait();
		looked_at();
		done += n;
	}
	return done;
}

void produce(const form &f, queue &to, long ops)
{
	if (f.arrays)
		produce<true>(to, ops);
	else
		produce<false>(to, ops);
}

long consume(const form &f, queue &from, long ops)
{
	if (f.arrays && f.visits)
		return consume<true, true>(from, ops);
	if (f.arrays)
		return consume<true, false>(from, ops);
	return f.visits ? consume<false, true>(from, ops)
			: consume<false, false>(from, ops);
}

void produce_known(queue &to)
{
	for (long i = 0; i < checked; i++) {
		message m;
		backoff full;
		for (std::uint64_t &word : m.words)
			word = i * 8 + (&word - m.words);
		while (!to.push(m))
			full.wait();
	}
}

void consume_known(queue &from)
{
	for (long i = 0; i < checked; i++) {
		message m;
		backoff empty;
		while (!from.pop(m))
			empty.wait();
		for (std::uint64_t &word : m.words)
			if (word != std::uint64_t(i * 8 + (&word - m.words))) {
				std::fprintf(stderr, "message %ld is wrong\n",
					     i);
				_exit(1);
			}
	}
}

// Relaxed: `ops` says how many, and publishes nothing else.
void producer(const form &f, shared &s)
{
	long ops;
	backoff undecided;

	produce_known(s.messages);
	produce(f, s.messages, warm);
	while (!(ops = s.ops.load(std::memory_order_relaxed)))
		undecided.wait();
	produce(f, s.messages, ops);
}

double consumer(const form &f, shared &s)
{
	consume_known(s.messages);
	std::int64_t start = now_ns();
	consume(f, s.messages, warm);
	double op_ns = double(now_ns() - start) / warm;
	long ops = long(enough_ns / op_ns) + 1;
	s.ops.store(ops, std::memory_order_relaxed);
	ops -= consume(f, s.messages, ops / 8);
	start = now_ns();
	consume(f, s.messages, ops);
	return double(now_ns() - start) / ops;
}

} // namespace

int main(int argc, char **argv)
{
	const form *chosen = nullptr;

	for (const form &f : forms)
		if (argc == 4 && !std::strcmp(f.name, argv[1]))
			chosen = &f;
	if (!chosen) {
		std::fprintf(stderr, "usage: spsc one|visit|array|array-visit "
				     "CPU CPU\n");
		return 2;
	}
	void *pages = mmap(nullptr, sizeof(shared), PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (pages == MAP_FAILED)
		die("mmap");
	shared *s = new (pages) shared;

	std::memset(own, 1, sizeof own);
	pin(std::strtol(argv[3], nullptr, 10));
	pid_t parent = getpid(), child = fork();
	if (child == -1)
		die("fork");
	if (child == 0) {
		if (prctl(PR_SET_PDEATHSIG, SIGKILL) || getppid() != parent)
			_exit(1);
		producer(*chosen, *s);
		_exit(0);
	}
	pin(std::strtol(argv[2], nullptr, 10));
	double op_ns = consumer(*chosen, *s);
	int status;
	if (waitpid(child, &status, 0) != child || status)
		die("the producer");
	std::printf("%.3f ns a message\n", op_ns);
}
