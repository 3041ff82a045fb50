// # The table of ways, and what they have in common

#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "parts.h"

const struct echo_way *const echo_ways[] = { &echo_way_process, &echo_way_epoll,
					     &echo_way_uring, NULL };

const struct echo_way *echo_way(const char *name)
{
	for (size_t i = 0; echo_ways[i]; i++)
		if (!strcmp(echo_ways[i]->name, name))
			return echo_ways[i];
	return NULL;
}

struct echo_counts *echo_counts_new(void)
{
	struct echo_counts *counts = mmap(NULL, sizeof *counts,
					  PROT_READ | PROT_WRITE,
					  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return counts == MAP_FAILED ? NULL : counts;
}

void echo_counts_free(struct echo_counts *counts)
{
	if (counts)
		munmap(counts, sizeof *counts);
}

// One process alone accepts and says who has gone, so `most` needs no loop.
uint64_t echo_began(const struct echo_job *job)
{
	struct echo_counts *counts = job->counts;

	echo_count(&counts->began, 1);
	uint64_t client = echo_value(&counts->began);
	uint64_t here = client - echo_value(&counts->ended);
	if (here > echo_value(&counts->most))
		atomic_store_explicit(&counts->most, here,
				      memory_order_relaxed);
	return client;
}

void echo_ended(const struct echo_job *job, int error)
{
	echo_count(&job->counts->ended, 1);
	if (error)
		echo_count(&job->counts->failed, 1);
}

bool echo_is_full(const struct echo_job *job)
{
	struct echo_counts *counts = job->counts;

	return job->most_clients &&
	       echo_value(&counts->began) - echo_value(&counts->ended) >=
		       job->most_clients;
}

void echo_client_begin(const struct echo_job *job, struct echo_client **list,
		       struct echo_client *client, int fd)
{
	client->fd = fd;
	client->sending = false;
	client->begin = client->end = client->bytes = 0;
	client->number = echo_began(job);
	client->before = NULL;
	client->next = *list;
	if (client->next)
		client->next->before = client;
	*list = client;
}

void echo_client_end(const struct echo_job *job, struct echo_client **list,
		     struct echo_client *client, int error)
{
	if (job->gone)
		job->gone(client->number, client->bytes, error);
	*(client->before ? &client->before->next : list) = client->next;
	if (client->next)
		client->next->before = client->before;
	close(client->fd);
	free(client);
	echo_ended(job, error);
}

void echo_client_sent(const struct echo_job *job, struct echo_client *client,
		      size_t n)
{
	client->begin += n;
	client->bytes += n;
	echo_count(&job->counts->bytes, n);
}

int echo_set_blocking(int fd, bool blocking)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags == -1)
		return -errno;
	flags = blocking ? flags & ~O_NONBLOCK : flags | O_NONBLOCK;
	return fcntl(fd, F_SETFL, flags) == -1 ? -errno : 0;
}

// The errors are those of accept(2), "Error handling"; EPERM is a firewall's.
enum echo_trouble echo_trouble(int error)
{
	switch (error) {
	case EAGAIN:
	case EINTR:
	case ECONNABORTED:
	case ENETDOWN:
	case EPROTO:
	case ENOPROTOOPT:
	case EHOSTDOWN:
	case ENONET:
	case EHOSTUNREACH:
	case ENETUNREACH:
	case EPERM:
		return ECHO_GO_ON;
	case EMFILE:
	case ENFILE:
	case ENOBUFS:
	case ENOMEM:
		return ECHO_REST;
	default:
		return ECHO_BROKEN;
	}
}
