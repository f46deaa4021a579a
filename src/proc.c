/* SPDX-License-Identifier: ISC */
/* Files of /proc and /sys, read without stdio and without the heap. */
#include <config.h>

#include "proc.h"

#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "bits.h"
#include "os.h"

/* CAP_IPC_LOCK of linux/capability.h: its holder locks without limit. */
#define CAPABILITY_IPC_LOCK 14

/* Of a file at a time, and of its head: a thread may have little stack, no more
 * than PTHREAD_STACK_MIN. */
#define PIECE_SIZE 1024
#define HEAD_SIZE 128

/* What the kernel allows when /proc does not tell: its default. */
#define DEFAULT_MAX_MAP_COUNT 65530

/*
 * Hand the file's text to `use` a piece at a time; false if it can't be read.
 * A descriptor of our own, for a moment: no stdio, which would allocate.
 */
static bool read_file(const char *path,
		      void (*use)(const char *, size_t, void *), void *state)
{
	char buffer[PIECE_SIZE];
	ssize_t n;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return false;
	while ((n = read(fd, buffer, sizeof buffer)) > 0)
		use(buffer, (size_t)n, state);
	return close(fd) == 0 && n == 0;
}

/* The head of a file, with a NUL behind it. */
typedef struct {
	size_t length;
	char text[HEAD_SIZE];
} head;

static void keep_head(const char *piece, size_t size, void *state)
{
	head *h = state;
	size_t room = sizeof h->text - 1 - h->length;

	if (size > room)
		size = room;
	memcpy(h->text + h->length, piece, size);
	h->length += size;
	h->text[h->length] = '\0';
}

/* What no size can tell is as good as no limit: 32-bit programs on machines
 * with more than 4 GiB. */
static size_t saturate(uint64_t value)
{
	return value > SIZE_MAX ? SIZE_MAX : (size_t)value;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* False if that is no digit in this base. */
static bool append_digit(uint64_t *value, char c, unsigned base)
{
	unsigned digit;

	if (c >= '0' && c <= '9')
		digit = (unsigned)(c - '0');
	else if (c >= 'a' && c <= 'f')
		digit = (unsigned)(c - 'a') + 10;
	else
		return false;
	if (digit >= base)
		return false;
	*value = *value * base + digit;
	return true;
}

static uint64_t parse_number(const char *text)
{
	uint64_t value = 0;

	while (is_blank(*text))
		text++;
	while (append_digit(&value, *text, 10))
		text++;
	return value;
}

/* The number behind `key`, which begins with a newline and has no other; 0 if
 * it is not there. */
typedef struct {
	const char *key;
	unsigned base;
	size_t matched; /* bytes of the key */
	bool is_begun;
	bool is_complete;
	uint64_t value;
} figure;

static void take_byte(figure *f, char c)
{
	if (f->is_complete)
		return;
	if (f->key[f->matched] == c) {
		f->matched++;
	} else if (f->key[f->matched] != '\0') {
		f->matched = c == '\n';
	} else if (f->is_begun || !is_blank(c)) {
		f->is_begun = true;
		f->is_complete = !append_digit(&f->value, c, f->base);
	}
}

/* Of /proc/self/status.  The groups stand before them, and may be thousands. */
typedef struct {
	figure locked; /* KiB */
	figure capabilities;
} status_figures;

static void take_figures(const char *piece, size_t size, void *state)
{
	status_figures *status = state;

	for (size_t i = 0; i < size; i++) {
		take_byte(&status->locked, piece[i]);
		take_byte(&status->capabilities, piece[i]);
	}
}

/* Read a file of the kernel's that is about huge pages. */
static bool read_huge(const char *name, head *text)
{
	static const char folder[] = "/sys/kernel/mm/transparent_hugepage/";
	char path[sizeof folder + sizeof "hpage_pmd_size"];

	memcpy(path, folder, sizeof folder);
	memcpy(path + sizeof folder - 1, name, strlen(name) + 1);
	return read_file(path, keep_head, text);
}

size_t sa_proc_huge_page_size(void)
{
	head enabled = {0}, size = {0};

	if (!read_huge("enabled", &enabled) ||
	    strstr(enabled.text, "[never]") != NULL)
		return 0;
	if (!read_huge("hpage_pmd_size", &size) ||
	    !sa_os_may_have_huge_pages() || !sa_os_can_drop())
		return 0;
	return (size_t)parse_number(size.text);
}

bool sa_proc_gives_huge_pages(void)
{
	head enabled = {0};

	return read_huge("enabled", &enabled) &&
	       strstr(enabled.text, "[always]") != NULL;
}

size_t sa_proc_memory_size(void)
{
	struct sysinfo info;

	/* sysconf() would not see that it was refused. */
	if (sysinfo(&info) != 0)
		return SIZE_MAX;
	return saturate((uint64_t)info.totalram * info.mem_unit);
}

/* In any other user namespace, as that of a rootless container, capabilities
 * are worth nothing to mlock(): see can_do_mlock() of Linux's mm/mlock.c.  No
 * other has all ids, unless root outside has given them to it. */
static bool is_first_namespace(void)
{
	head ids = {0};

	return !read_file("/proc/self/uid_map", keep_head, &ids) ||
	       strstr(ids.text, " 4294967295\n") != NULL;
}

size_t sa_proc_lockable_size(void)
{
	status_figures status = {
		.locked = {.key = "\nVmLck:", .base = 10},
		.capabilities = {.key = "\nCapEff:", .base = 16}};
	struct rlimit limit;
	uint64_t locked;

	if (getrlimit(RLIMIT_MEMLOCK, &limit) != 0 ||
	    limit.rlim_cur == RLIM_INFINITY ||
	    !read_file("/proc/self/status", take_figures, &status))
		return SIZE_MAX;
	if ((status.capabilities.value >> CAPABILITY_IPC_LOCK & 1) != 0 &&
	    is_first_namespace())
		return SIZE_MAX;
	locked = status.locked.value * 1024;
	if (locked >= limit.rlim_cur)
		return 0;
	return sa_align_down(saturate(limit.rlim_cur - locked),
			     sa_os_page_size);
}

static void count_lines(const char *piece, size_t size, void *state)
{
	size_t *count = state;

	for (size_t i = 0; i < size; i++)
		*count += piece[i] == '\n';
}

size_t sa_proc_available_mappings(void)
{
	head maximum = {0};
	size_t limit = DEFAULT_MAX_MAP_COUNT, used = 0;

	if (read_file("/proc/sys/vm/max_map_count", keep_head, &maximum))
		limit = (size_t)parse_number(maximum.text);
	if (!read_file("/proc/self/maps", count_lines, &used))
		return SIZE_MAX;
	return used < limit ? limit - used : 0;
}
