/* SPDX-License-Identifier: ISC */
/* Facts from /proc, /sys and a few questions to the kernel. */
#include <config.h>

#include "host.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "text.h"

/* linux/membarrier.h, linux/prctl.h */
#define BARRIER_QUERY 0
#define BARRIER_PRIVATE_EXPEDITED (1 << 3)
#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41
#define PR_SET_VMA_ANON_NAME 0
#endif

#define HUGE_PAGES "/sys/kernel/mm/transparent_hugepage/enabled"

static bool exists(const char *path)
{
	return access(path, F_OK) == 0;
}

const char *host_container(void)
{
	const char *named = getenv("container");
	struct text line;

	if (getenv("KUBERNETES_SERVICE_HOST") != NULL)
		return "kubernetes";
	if (named != NULL && *named != '\0')
		return named;
	if (exists("/.dockerenv"))
		return "docker";
	if (exists("/run/.containerenv"))
		return "podman";
	if (!text_line("/proc/self/cgroup", &line))
		return NULL;
	if (strstr(line.string, "kubepods") != NULL)
		return "kubernetes";
	if (strstr(line.string, "/docker") != NULL)
		return "docker";
	return strstr(line.string, "/lxc") != NULL ? "lxc" : NULL;
}

static size_t meminfo(const char *key, size_t otherwise)
{
	struct text value;

	if (!text_after("/proc/meminfo", key, &value))
		return otherwise;
	return text_size(value.string, 1024);
}

size_t host_available_memory(void)
{
	return meminfo("MemAvailable:", SIZE_MAX);
}

static bool has_barrier(void)
{
#ifdef SYS_membarrier
	long commands = syscall(SYS_membarrier, BARRIER_QUERY, 0, 0);

	return commands > 0 && (commands & BARRIER_PRIVATE_EXPEDITED) != 0;
#else
	return false;
#endif
}

/* Asked with a mapping of our own. */
static bool has_mapping_names(void)
{
	size_t size = (size_t)sysconf(_SC_PAGESIZE);
	void *page =
		mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	bool has;

	if (page == MAP_FAILED)
		return false;
	has = prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, (unsigned long)page, size,
		    (unsigned long)"probe") == 0;
	munmap(page, size);
	return has;
}

static void write_file(const struct sheet_form *sheet, const char *key,
		       const char *label, const char *path)
{
	struct text line;

	if (text_line(path, &line))
		sheet->text(key, label, line.string);
}

static void write_core_limit(const struct sheet_form *sheet)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_CORE, &limit) == 0)
		sheet->bytes("core_limit", "core dumps up to (RLIMIT_CORE)",
			     limit.rlim_cur == RLIM_INFINITY
				     ? SHEET_UNLIMITED
				     : (size_t)limit.rlim_cur);
}

static void write_seccomp(const struct sheet_form *sheet)
{
	struct text mode;

	if (text_after("/proc/self/status", "Seccomp:", &mode))
		sheet->flag("seccomp", "system calls are filtered (seccomp)",
			    strcmp(mode.string, "0") != 0);
}

void host_write_process(const struct sheet_form *sheet)
{
	write_core_limit(sheet);
	sheet->flag("dumpable", "may be dumped or traced (dumpable)",
		    prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 1);
	write_seccomp(sheet);
	sheet->flag("membarrier", "membarrier(): no locks between threads",
		    has_barrier());
}

static void write_kernel(const struct sheet_form *sheet)
{
	struct utsname name;

	if (uname(&name) != 0)
		return;
	sheet->text("kernel", "kernel", name.release);
	sheet->text("architecture", "architecture", name.machine);
}

static void write_ptrace_scope(const struct sheet_form *sheet)
{
	static const char *const meaning[] = {
		"0: any process of the same user may trace",
		"1: only ancestors may trace",
		"2: only CAP_SYS_PTRACE may trace",
		"3: nobody may trace",
	};
	size_t scope;

	if (!text_number("/proc/sys/kernel/yama/ptrace_scope", &scope))
		sheet->text("ptrace_scope", "ptrace scope (Yama)",
			    "absent: any process of the same user may trace");
	else if (scope < sizeof meaning / sizeof meaning[0])
		sheet->text("ptrace_scope", "ptrace scope (Yama)",
			    meaning[scope]);
}

void host_write_machine(const struct sheet_form *sheet)
{
	const char *container = host_container();
	size_t maximum;

	write_kernel(sheet);
	sheet->bytes("page_size", "page size", (size_t)sysconf(_SC_PAGESIZE));
	sheet->bytes("memory", "memory", meminfo("MemTotal:", SHEET_UNLIMITED));
	sheet->bytes("memory_available", "memory available",
		     host_available_memory());
	sheet->bytes("swap", "swap", meminfo("SwapTotal:", 0));
	if (text_number("/proc/sys/vm/max_map_count", &maximum))
		sheet->number("max_map_count",
			      "mappings a process "
			      "(max_map_count)",
			      maximum);
	write_file(sheet, "core_pattern", "core dumps go to (core_pattern)",
		   "/proc/sys/kernel/core_pattern");
	write_file(sheet, "huge_pages", "transparent huge pages", HUGE_PAGES);
	write_ptrace_scope(sheet);
	sheet->flag("mapping_names", "names of mappings in smaps",
		    has_mapping_names());
	if (container != NULL)
		sheet->text("container", "container", container);
}
