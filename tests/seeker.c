/* SPDX-License-Identifier: ISC */
/* Traces of secrets in the memory of processes, in files and in text. */
/* A 32-bit process has memory beyond 2 GiB. */
#define _FILE_OFFSET_BITS 64
#include <config.h>

#include "seeker.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support.h"

#define CHUNK ((size_t)1 << 20)
/* Of a chunk, what is looked at at once. */
#define STEP ((size_t)1 << 12)
/* Bytes of text that count as told. */
#define TOLD 4

/* SplitMix64's finalizer: no two secrets have a trace in common. */
static unsigned char secret_byte(uint64_t number, size_t i)
{
	uint64_t z = (number << 32 ^ i) * UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return (unsigned char)(z >> 56);
}

void seeker_write(void *memory, size_t size, uint64_t number)
{
	unsigned char *bytes = memory;
	size_t i;

	for (i = 0; i < size; i++)
		support_poke(bytes + i, secret_byte(number, i));
}

/* --------------------------------------------------------------- matcher */

/* Every trace of some secrets, and a filter that most of memory fails. */
#define FILTER_LOG2 21

typedef struct trace {
	uint64_t word;
	uint64_t number;
} trace;

typedef struct matcher {
	trace *traces;
	size_t count;
	uint64_t *filter;
} matcher;

static int by_word(const void *left, const void *right)
{
	const trace *a = left, *b = right;

	return (a->word > b->word) - (a->word < b->word);
}

static size_t filter_bit(uint64_t word)
{
	return (size_t)(word * UINT64_C(0x9e3779b97f4a7c15) >>
			(64 - FILTER_LOG2));
}

static uint64_t word_at(const unsigned char *bytes)
{
	uint64_t word;

	memcpy(&word, bytes, sizeof word);
	return word;
}

static void matcher_add(matcher *match, uint64_t number, size_t size)
{
	unsigned char bytes[SEEKER_TRACE];
	size_t i, b, bit;

	for (i = 0; i < SEEKER_TRACES(size); i++) {
		for (b = 0; b < SEEKER_TRACE; b++)
			bytes[b] = secret_byte(number, i + b);
		match->traces[match->count++] = (trace){word_at(bytes), number};
		bit = filter_bit(word_at(bytes));
		match->filter[bit / 64] |= (uint64_t)1 << bit % 64;
	}
}

static matcher matcher_create(uint64_t first, size_t count, size_t size)
{
	matcher match = {.count = 0};
	size_t i;

	SUPPORT_REQUIRE(size >= SEEKER_TRACE);
	match.traces = calloc(count * SEEKER_TRACES(size), sizeof(trace));
	match.filter = calloc(((size_t)1 << FILTER_LOG2) / 64, 8);
	SUPPORT_REQUIRE(match.traces != NULL && match.filter != NULL);
	for (i = 0; i < count; i++)
		matcher_add(&match, first + i, size);
	qsort(match.traces, match.count, sizeof(trace), by_word);
	return match;
}

static void matcher_destroy(matcher *match)
{
	free(match->traces);
	free(match->filter);
}

/* Most of memory is zero, which is in no secret. */
static const trace *matcher_find(const matcher *match, uint64_t word)
{
	size_t bit = filter_bit(word);
	const trace key = {word, 0};

	if (word == 0 || (match->filter[bit / 64] >> bit % 64 & 1) == 0)
		return NULL;
	return bsearch(&key, match->traces, match->count, sizeof key, by_word);
}

/* -------------------------------------------------- another one's memory */

typedef struct request {
	pid_t pid;
	uint64_t number;
	size_t secret_size;
	uintptr_t place;
	size_t size;
} request;

/* Where the seeker is asked and answers; -1: there is none. */
static int line = -1;
static pid_t seeker = -1;

static void note(const request *asked, uintptr_t address, seeker_traces *traces)
{
	if (asked->place <= address &&
	    address + SEEKER_TRACE <= asked->place + asked->size)
		traces->inside++;
	else if (traces->outside++ == 0)
		traces->where = address;
}

/* Most of memory is. */
static int is_zero(const unsigned char *bytes, size_t size)
{
	return bytes[0] == 0 && memcmp(bytes, bytes + 1, size - 1) == 0;
}

static void look_at(const request *asked, const matcher *match,
		    const unsigned char *bytes, size_t size, uintptr_t address,
		    seeker_traces *traces)
{
	size_t i, end;

	for (i = 0; i + SEEKER_TRACE <= size; i = end) {
		end = size - i < STEP + SEEKER_TRACE ? size - SEEKER_TRACE + 1
						     : i + STEP;
		if (is_zero(bytes + i, end - i + SEEKER_TRACE - 1))
			continue;
		for (; i < end; i++)
			if (matcher_find(match, word_at(bytes + i)) != NULL)
				note(asked, address + i, traces);
	}
}

/* One mapping; pages that cannot be read (guards of the kernel's, a file's
 * that has become shorter) are passed over. */
static void look_through(const request *asked, const matcher *match, int memory,
			 uint64_t from, uint64_t to, seeker_traces *traces)
{
	static unsigned char chunk[CHUNK + SEEKER_TRACE];
	size_t page = (size_t)sysconf(_SC_PAGESIZE), size;
	ssize_t got;

	while (from < to) {
		size = to - from < sizeof chunk ? (size_t)(to - from)
						: sizeof chunk;
		got = pread(memory, chunk, size, (off_t)from);
		if (got <= 0) {
			from += page - from % page;
			continue;
		}
		look_at(asked, match, chunk, (size_t)got, (uintptr_t)from,
			traces);
		if ((size_t)got == sizeof chunk)
			got -= SEEKER_TRACE - 1;
		from += (size_t)got;
	}
}

/* A file's pages that nobody could have written to: programs, libraries. */
static int is_foreign(const char *mapping)
{
	unsigned long inode;
	char rights[5];

	return sscanf(mapping, "%*s %4s %*s %*s %lu", rights, &inode) == 2 &&
	       rights[0] == 'r' && rights[1] != 'w' && inode != 0;
}

static seeker_traces answer(const request *asked, FILE *maps)
{
	matcher match = matcher_create(asked->number, 1, asked->secret_size);
	seeker_traces traces = {0};
	uint64_t from, to;
	char text[4096];
	int memory;

	snprintf(text, sizeof text, "/proc/%d/mem", (int)asked->pid);
	memory = open(text, O_RDONLY | O_CLOEXEC);
	SUPPORT_REQUIRE(memory >= 0 && maps != NULL);
	while (fgets(text, sizeof text, maps) != NULL)
		if (sscanf(text, "%" SCNx64 "-%" SCNx64 " ", &from, &to) == 2 &&
		    from < to && to <= INT64_MAX && !is_foreign(text))
			look_through(asked, &match, memory, from, to, &traces);
	fclose(maps);
	close(memory);
	matcher_destroy(&match);
	return traces;
}

/* A request, and with it a descriptor. */
typedef struct parcel {
	struct msghdr message;
	struct iovec content;
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
} parcel;

static void pack(parcel *made, request *asked)
{
	memset(made, 0, sizeof *made);
	made->content = (struct iovec){asked, sizeof *asked};
	made->message.msg_iov = &made->content;
	made->message.msg_iovlen = 1;
	made->message.msg_control = made->control;
	made->message.msg_controllen = sizeof made->control;
}

static void send_request(request *asked, int fd)
{
	struct cmsghdr *header;
	parcel sent;

	pack(&sent, asked);
	header = CMSG_FIRSTHDR(&sent.message);
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof fd);
	memcpy(CMSG_DATA(header), &fd, sizeof fd);
	SUPPORT_REQUIRE(sendmsg(line, &sent.message, 0) ==
			(ssize_t)sizeof *asked);
}

/* False at the end. */
static int receive_request(request *asked, int *fd)
{
	struct cmsghdr *header;
	parcel received;

	pack(&received, asked);
	if (recvmsg(line, &received.message, MSG_CMSG_CLOEXEC) !=
	    (ssize_t)sizeof *asked)
		return 0;
	header = CMSG_FIRSTHDR(&received.message);
	SUPPORT_REQUIRE(header != NULL && header->cmsg_type == SCM_RIGHTS);
	memcpy(fd, CMSG_DATA(header), sizeof *fd);
	return 1;
}

static _Noreturn void serve(void)
{
	seeker_traces traces;
	request asked;
	int maps;

	while (receive_request(&asked, &maps)) {
		traces = answer(&asked, fdopen(maps, "r"));
		SUPPORT_REQUIRE(write(line, &traces, sizeof traces) ==
				(ssize_t)sizeof traces);
	}
	_exit(EXIT_SUCCESS);
}

/* Does it see memory that the process itself may not? */
static int sees_all(void)
{
	size_t size = 64;
	unsigned char *page = mmap(NULL, size, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	seeker_traces traces;

	SUPPORT_REQUIRE(page != MAP_FAILED);
	seeker_write(page, size, 0);
	SUPPORT_REQUIRE(mprotect(page, size, PROT_NONE) == 0);
	traces = seeker_search(0, size, page, size);
	munmap(page, size);
	return traces.inside == SEEKER_TRACES(size) && traces.outside == 0;
}

int seeker_start(void)
{
	int fds[2];

	SUPPORT_REQUIRE(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds) == 0);
	fflush(NULL);
	seeker = fork();
	SUPPORT_REQUIRE(seeker >= 0);
	line = fds[seeker == 0];
	close(fds[seeker != 0]);
	if (seeker == 0)
		serve();
	return sees_all() ? 0 : -1;
}

void seeker_stop(void)
{
	close(line);
	line = -1;
	waitpid(seeker, NULL, 0);
	seeker = -1;
}

/*
 * Some systems let a process be read by its ancestors only, unless it names
 * another.  The list of mappings is opened here: an emulator's own memory,
 * which holds the registers, is not on that.
 */
seeker_traces seeker_search(uint64_t number, size_t secret_size,
			    const void *place, size_t size)
{
	request asked = {getpid(), number, secret_size, (uintptr_t)place, size};
	int maps = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	seeker_traces traces = {0, 1, 0};

	SUPPORT_REQUIRE(maps >= 0);
	(void)prctl(PR_SET_PTRACER, (unsigned long)seeker, 0, 0, 0);
	send_request(&asked, maps);
	close(maps);
	SUPPORT_REQUIRE(read(line, &traces, sizeof traces) ==
			(ssize_t)sizeof traces);
	return traces;
}

/* ----------------------------------------------------------------- files */

size_t seeker_search_file(const char *path, uint64_t first, size_t count,
			  size_t size)
{
	matcher match = matcher_create(first, count, size);
	unsigned char *is_found = calloc(count, 1), *bytes;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	off_t end = lseek(fd, 0, SEEK_END), i;
	const trace *found;
	size_t sum = 0;

	SUPPORT_REQUIRE(is_found != NULL && fd >= 0 && end > SEEKER_TRACE);
	bytes = mmap(NULL, (size_t)end, PROT_READ, MAP_PRIVATE, fd, 0);
	SUPPORT_REQUIRE(bytes != MAP_FAILED);
	for (i = 0; i + SEEKER_TRACE <= end; i++) {
		found = matcher_find(&match, word_at(bytes + i));
		if (found != NULL && !is_found[found->number - first]) {
			is_found[found->number - first] = 1;
			sum++;
		}
	}
	munmap(bytes, (size_t)end);
	close(fd);
	free(is_found);
	matcher_destroy(&match);
	return sum;
}

/* ------------------------------------------------------------------ text */

static int holds(const char *text, const void *bytes, size_t size)
{
	return memmem(text, strlen(text), bytes, size) != NULL;
}

static void write_hex(const unsigned char *bytes, int is_reversed, char *hex)
{
	size_t i;

	for (i = 0; i < TOLD; i++)
		snprintf(
			hex + 2 * i, 3, "%02x",
			support_peek(bytes + (is_reversed ? TOLD - 1 - i : i)));
}

int seeker_text_tells(const char *text, const void *memory, size_t size)
{
	const unsigned char *bytes = memory;
	char forwards[2 * TOLD + 1], backwards[2 * TOLD + 1];
	size_t i;

	for (i = 0; i + TOLD <= size; i++) {
		write_hex(bytes + i, 0, forwards);
		write_hex(bytes + i, 1, backwards);
		if (holds(text, bytes + i, TOLD) ||
		    holds(text, forwards, 2 * TOLD) ||
		    holds(text, backwards, 2 * TOLD))
			return 1;
	}
	return 0;
}
