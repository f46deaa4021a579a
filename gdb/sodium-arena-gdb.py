# SPDX-License-Identifier: ISC
"""gdb commands for programs that use sodium-arena.

  info sa-arenas      all arenas of the process
  sa-arena ADDRESS    one of them: options, holders, regions
  sa-slot POINTER     what lies at an address: arena, slot, object, canary

They read the library's metadata by its debugging information, call nothing in
the process, work on core dumps too, and print no byte of an object, a canary or
the key.
"""

import sys

import gdb

# src/mark.h: what a slot's mark says.
COLLECTABLE, LIVE = 1, 2
NARROW_STRIDE_MAX = 256
MASK = (1 << 64) - 1


def plain(kind):
    """A type without typedefs, qualifiers and _Atomic."""
    return kind.strip_typedefs().unqualified()


def number(value):
    return int(value)


def address(value):
    return int(value.cast(gdb.lookup_type("unsigned long")))


def arenas():
    """The newest arena first, as the registry has them."""
    for symbol in gdb.lookup_static_symbols("arenas"):
        if symbol.symtab.filename.endswith("registry.c"):
            at = symbol.value()
            while address(at) != 0:
                yield at.dereference()
                at = at.dereference()["next"]
            return
    raise gdb.GdbError("no debugging information of libsodium-arena here")


def name_of(arena):
    """What does not print may be meant for the terminal."""
    name = arena["name"].string(errors="replace")
    return "".join(c if c.isprintable() else "\\x%02x" % ord(c) for c in name)


def enumerator(value, prefix):
    return str(value).replace(prefix, "").lower()


def access_of(value):
    """Atomic enumerators print as such or as numbers."""
    names = ["noaccess", "readonly", "readwrite"]
    return names[number(value)] if number(value) < len(names) else "?"


def regions(arena):
    for head in ("tracts", "larges"):
        at = arena[head]
        while address(at) != 0:
            yield at.dereference()["region"], head == "larges"
            at = at.dereference()["next"]


def array_of(kind):
    """A node's one array of entries."""
    for field in kind.fields():
        if field.type.strip_typedefs().code == gdb.TYPE_CODE_ARRAY:
            return field
    raise gdb.GdbError("an unknown page map")


def levels(root_type):
    """From below the root: the types of its nodes, each with its array."""
    nodes = []
    kind = plain(root_type.target())
    while kind.code == gdb.TYPE_CODE_PTR:
        node = plain(kind.target())
        if node.code != gdb.TYPE_CODE_STRUCT:
            break
        field = array_of(node)
        array = field.type.strip_typedefs()
        nodes.append((node, field, array.range()[1] + 1))
        kind = plain(array.target())
    return nodes


def find_page(arena, pointer):
    """What the page map has for the page, or 0."""
    pagemap = arena["pagemap"]
    page = pointer >> number(pagemap["page_shift"])
    root = pagemap["root"]
    nodes = levels(plain(root.type))
    indexes = []
    for _, _, count in reversed(nodes):
        indexes.insert(0, page % count)
        page //= count
    if page >= number(pagemap["root_size"]):
        return 0
    word = gdb.lookup_type("unsigned long")
    at = number((root.cast(word.pointer()) + page).dereference())
    for (node, field, _), index in zip(nodes, indexes):
        if at == 0:
            return 0
        at += field.bitpos // 8 + index * word.sizeof
        at = number(gdb.Value(at).cast(word.pointer()).dereference())
    return at


def read(start, size):
    return bytes(gdb.selected_inferior().read_memory(start, size))


def canary_word(key, slot):
    """src/canary.h; never to be printed."""
    product = ((slot ^ number(key["mask"])) & MASK) * number(key["factor"])
    word = (product >> 64) ^ (product & MASK)
    return ((word | 1) & ~0xFF00 & MASK).to_bytes(8, "little")


def intact(parts):
    """Whether all pairs of places and words agree: a word for who asks."""
    try:
        for start, size, word in parts():
            expected = (word * (size // 8 + 1))[:size]
            if read(start, size) != expected:
                return "DAMAGED"
        return "intact"
    except gdb.MemoryError:
        return "not readable here"
    except (KeyError, gdb.error):
        return "unknown to this script"


def slot_canary(slab, slot, stride, size):
    def parts():
        key = slab["key"].dereference()
        word = canary_word(key, slot)
        yield slot - 8, 8, canary_word(key, slot - stride)
        yield slot + size, stride - 8 - size, word
        yield slot + stride - 8, 8, word
    return intact(parts)


def large_canary(large, start, size):
    def parts():
        region = large["region"]
        end = address(region["start"]) + number(region["size"])
        word = canary_word(large["key"].dereference(), start)
        first = address(region["start"]) + 16
        yield first, start - first, word
        yield start + size, end - start - size, word
    return intact(parts)


def write_object(pointer, start, size):
    if pointer != start:
        gdb.write("at:      offset %d of the object at %#x\n"
                  % (pointer - start, start))
    gdb.write("size:    %d\n" % size)


def write_slot(arena, slab, pointer):
    stride = number(slab["stride"])
    offset = pointer - address(slab["slots"])
    if offset < 0 or offset // stride >= number(slab["nslots"]):
        gdb.write("slot:    none; a slab's head or rest\n")
        return
    index = offset // stride
    slot = address(slab["slots"]) + index * stride
    width = 1 if stride <= NARROW_STRIDE_MAX else 2
    mark = int.from_bytes(read(address(slab["marks"]) + index * width, width),
                          sys.byteorder)
    gdb.write("class:   slots of %d bytes\n" % stride)
    gdb.write("slot:    %d of %d at %#x\n"
              % (index, number(slab["nslots"]), slot))
    if mark < LIVE:
        gdb.write("state:   free%s\n"
                  % (", not collected yet" if mark == COLLECTABLE else ""))
        return
    gdb.write("state:   live\n")
    write_object(pointer, slot, mark - LIVE)
    gdb.write("canary:  %s\n" % slot_canary(slab, slot, stride, mark - LIVE))


def write_large(large, pointer):
    start, size = number(large["object"]), number(large["size"])
    gdb.write("class:   an object with a block of its own\n")
    gdb.write("state:   %s\n" % ("live" if large["is_live"] else "free"))
    write_object(pointer, start, size)
    gdb.write("canary:  %s\n" % large_canary(large, start, size))


def large_at(arena, pointer):
    """The object whose block holds the address, or None."""
    at = arena["larges"]
    while address(at) != 0:
        region = at.dereference()["region"]
        start = address(region["start"])
        if start <= pointer < start + number(region["size"]):
            return at.dereference()
        at = at.dereference()["next"]
    return None


def region_at(arena, pointer):
    for region, _ in regions(arena):
        start = address(region["start"])
        if start <= pointer < start + number(region["size"]):
            return region
    return None


class InfoArenas(gdb.Command):
    """All arenas of the process that use sodium-arena, newest first."""

    def __init__(self):
        super().__init__("info sa-arenas", gdb.COMMAND_STATUS)

    def invoke(self, argument, from_tty):
        count = 0
        for arena in arenas():
            gdb.write("%#x \"%s\" %s, %d bytes mapped, %d locked, "
                      "%d regions, %d slabs, %d large objects\n"
                      % (int(arena.address), name_of(arena),
                         access_of(arena["access"]),
                         number(arena["mapped_size"]),
                         number(arena["locked_size"]),
                         number(arena["region_count"]),
                         number(arena["slab_count"]),
                         number(arena["large_count"])))
            count += 1
        if count == 0:
            gdb.write("No arenas.\n")


class ShowArena(gdb.Command):
    """sa-arena ADDRESS: an arena's options, holders and regions."""

    def __init__(self):
        super().__init__("sa-arena", gdb.COMMAND_DATA,
                         gdb.COMPLETE_EXPRESSION)

    def invoke(self, argument, from_tty):
        wanted = address(gdb.parse_and_eval(argument or "0"))
        for arena in arenas():
            if int(arena.address) == wanted:
                self.write(arena)
                return
        raise gdb.GdbError("no arena is there; see: info sa-arenas")

    @staticmethod
    def write(arena):
        options = arena["options"]
        gdb.write("name:    %s\n" % name_of(arena))
        gdb.write("access:  %s; rests at %s; %d readers, %d writers\n"
                  % (access_of(arena["access"]), access_of(arena["resting"]),
                     number(arena["holders"]["readers"]),
                     number(arena["holders"]["writers"])))
        gdb.write("mlock:   %s\nfork:    %s\n"
                  % (enumerator(options["mlock"], "SA_ARENA_MLOCK_"),
                     enumerator(options["fork"], "SA_ARENA_FORK_")))
        gdb.write("failed:  %d calls\n" % number(arena["failure_count"]))
        for region, is_large in regions(arena):
            gdb.write("region:  %#x, %d bytes, %s, %s%s\n"
                      % (address(region["start"]), number(region["size"]),
                         access_of(region["access"]),
                         "locked" if region["locked"] else "not locked",
                         ", one object" if is_large else ""))


class ShowSlot(gdb.Command):
    """sa-slot POINTER: which arena, slot and object lie there."""

    def __init__(self):
        super().__init__("sa-slot", gdb.COMMAND_DATA,
                         gdb.COMPLETE_EXPRESSION)

    def invoke(self, argument, from_tty):
        pointer = address(gdb.parse_and_eval(argument or "0"))
        for arena in arenas():
            region = region_at(arena, pointer)
            if region is not None:
                self.write(arena, region, pointer)
                return
        raise gdb.GdbError("no arena's memory is there")

    @staticmethod
    def write(arena, region, pointer):
        gdb.write("arena:   \"%s\" (%#x), here %s\n"
                  % (name_of(arena), int(arena.address),
                     access_of(region["access"])))
        large = large_at(arena, pointer)
        if large is not None:
            write_large(large, pointer)
            return
        entry = find_page(arena, pointer)
        if entry == 0:
            gdb.write("slot:    none; pages that no slab has\n")
            return
        slab_type = gdb.lookup_type("struct sa_slab").pointer()
        write_slot(arena, gdb.Value(entry).cast(slab_type).dereference(),
                   pointer)


InfoArenas()
ShowArena()
ShowSlot()
