/* SPDX-License-Identifier: ISC */
/* What this machine and this process allow, and what would have to change. */
#include <config.h>

#include <sodium.h>
#include <sodium_arena.h>
#include <stdint.h>
#include <stdio.h>

#include "advice.h"
#include "cgroup.h"
#include "command.h"
#include "host.h"
#include "memlock.h"
#include "room.h"

static void write_versions(const struct sheet_form *sheet)
{
	sheet->section("versions", "Versions");
	sheet->text("sodium_arena", "sodium-arena", sa_arena_version_string());
	sheet->text("libsodium", "libsodium", sodium_version_string());
}

static void write_process(const struct sheet_form *sheet,
			  const struct memlock *memlock)
{
	sheet->section("process", "This process");
	sheet->bytes("memlock_soft", "may lock (RLIMIT_MEMLOCK, soft)",
		     memlock->soft);
	sheet->bytes("memlock_hard", "could be raised to (hard)",
		     memlock->hard);
	sheet->text("memlock_origin", "the limit is", memlock->origin.string);
	if (memlock->settings.string[0] != '\0')
		sheet->text("memlock_settings", "set at login by",
			    memlock->settings.string);
	sheet->flag("ipc_lock", "exempt from it (CAP_IPC_LOCK)",
		    memlock->is_exempt);
	host_write_process(sheet);
}

static void write_cgroup(const struct sheet_form *sheet,
			 const struct cgroup *group)
{
	sheet->section("cgroup", "Its control group");
	sheet->text("path", "path", group->path.string);
	sheet->bytes("memory_limit", "memory limit (memory.max)", group->limit);
	sheet->bytes("memory_left", "of that, left", group->left);
}

static void write_room(const struct sheet_form *sheet, const struct room *room,
		       size_t size)
{
	struct text title =
		text_format("Room for secrets of %zu bytes, one thread", size);

	sheet->section("room", title.string);
	sheet->number("size", "bytes each", size);
	sheet->bytes("lockable", "bytes that can be locked",
		     room->needed.lockable_size);
	sheet->number("mappings", "mappings to be had",
		      room->needed.available_mappings);
	sheet->bytes("memory", "memory to be had", room->memory);
	sheet->number("arena", "secrets in an arena", room->arena);
	sheet->number("sodium_malloc", "secrets by sodium_malloc(), locked",
		      room->sodium);
}

static void write_needed(const struct sheet_form *sheet,
			 const struct room *room, size_t count)
{
	struct text title = text_format("For %zu of them", count);

	sheet->section("needed", title.string);
	sheet->number("count", "secrets", count);
	sheet->bytes("locked", "bytes to be locked",
		     room->needed.required_size);
	sheet->number("mappings", "mappings", room->needed.required_mappings);
	sheet->flag("fits", "fits", room->fits);
}

static size_t memory_left(const struct cgroup *group)
{
	size_t memory = host_available_memory();

	return group->left < memory ? group->left : memory;
}

int doctor_run(const struct command_options *options)
{
	const struct sheet_form *sheet = options->sheet;
	struct cgroup group = {.left = SIZE_MAX};
	struct memlock memlock;
	struct room room;
	bool has_group = cgroup_read("", &group);

	memlock_read(&memlock);
	if (room_find(options->size, options->count, memory_left(&group),
		      &room) != 0) {
		perror(PROGRAM ": preflight");
		return STATUS_BAD;
	}
	write_versions(sheet);
	write_process(sheet, &memlock);
	if (has_group)
		write_cgroup(sheet, &group);
	sheet->section("machine", "This machine");
	host_write_machine(sheet);
	write_room(sheet, &room, options->size);
	if (options->count != 0)
		write_needed(sheet, &room, options->count);
	if (!room.fits)
		advice_write(sheet, &room, &memlock);
	if (sheet->end() != 0) {
		perror(PROGRAM ": standard output");
		return STATUS_BAD;
	}
	return room.fits ? STATUS_OK : STATUS_BAD;
}
