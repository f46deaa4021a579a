/* SPDX-License-Identifier: ISC */
/*
 * sodium-arena for C++17, all of it in this header: arenas that end with their
 * scope, allocators and a memory resource for containers, owning pointers,
 * pools of one type, strings that never lie in their own object, and access for
 * a scope.
 *
 *   sodium_arena::arena arena;
 *   auto key = sodium_arena::make_unique<ed25519_key>(arena, seed);
 *   sodium_arena::string name("alice", arena);
 *   arena.protect(SA_ARENA_NOACCESS);
 *   ...
 *   sodium_arena::scoped_access opened(arena, key.get());
 *   sign(*key);
 *
 * What was allocated in an arena must be gone before it is.  sodium_arena.h
 * tells of objects, access, threads, fork and misuse; all that it says holds
 * here.  A destructor or container that looks at its memory needs an arena
 * that can be accessed, as any code does; what needs none says so.
 */
#ifndef SODIUM_ARENA_HPP
#define SODIUM_ARENA_HPP

#if __cplusplus < 201703L
#error "sodium_arena.hpp needs C++17"
#endif

#include <sodium_arena.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>
#if __has_include(<memory_resource>)
#include <memory_resource>
#endif

namespace sodium_arena
{

/* -------------------------------------------------------------- errors */

/*
 * Thrown by all that allocates: a std::bad_alloc that knows why.  The code is
 * an errno of sa_arena_alloc() or sa_arena_aligned_alloc().
 */
class allocation_error : public std::bad_alloc
{
public:
	explicit allocation_error(int error) noexcept : error_(error)
	{
	}

	std::error_code code() const noexcept
	{
		return std::error_code(error_, std::generic_category());
	}

	const char *what() const noexcept override
	{
		switch (error_) {
		case EACCES:
			return "sodium_arena: the arena is not writable now";
		case EINVAL:
			return "sodium_arena: no arena, or no such alignment";
		case ENOSPC:
			return "sodium_arena: the arena's capacity is used up";
		case EPERM:
			return "sodium_arena: memory could not be locked";
		default:
			return "sodium_arena: out of memory or mappings";
		}
	}

private:
	int error_;
};

namespace detail
{

/* Of every string without storage: no object of any arena. */
inline constexpr char no_text[] = "";

[[noreturn]] inline void fail(const char *function)
{
	throw std::system_error(errno, std::generic_category(), function);
}

inline void require(int result, const char *function)
{
	if (result != 0)
		fail(function);
}

inline void *allocate(sa_arena *arena, std::size_t size, std::size_t alignment)
{
	void *object = alignment <= alignof(std::max_align_t)
			       ? sa_arena_alloc(arena, size)
			       : sa_arena_aligned_alloc(arena, alignment, size);

	if (object == nullptr)
		throw allocation_error(errno);
	return object;
}

template <class T> constexpr std::size_t max_count() noexcept
{
	return static_cast<std::size_t>(PTRDIFF_MAX) / sizeof(T);
}

template <class T> void *allocate_array(sa_arena *arena, std::size_t count)
{
	if (count > max_count<T>())
		throw std::bad_array_new_length();
	return allocate(arena, count * sizeof(T), alignof(T));
}

/* The compiler may not find the stores useless. */
inline void wipe(char *bytes, std::size_t size) noexcept
{
	std::fill_n(static_cast<volatile char *>(bytes), size, '\0');
	std::atomic_signal_fence(std::memory_order_seq_cst);
}

/*
 * Of all of the arena if `object` is null.  What cannot be closed would stay
 * open unnoticed, so the process ends; but the holders of a large object, and
 * those of all objects of an arena that was reset, have ended before.
 */
inline void close(sa_arena *arena, const void *object,
		  sa_arena_access access) noexcept
{
	if (object == nullptr) {
		if (sa_arena_close(arena, access) != 0)
			std::terminate();
	} else if (sa_arena_close_object(arena, object, access) != 0 &&
		   errno != EINVAL) {
		std::terminate();
	}
}

} // namespace detail

/* -------------------------------------------------------------- arenas */

/*
 * An sa_arena and its owner.  Moving hands it over; whatever lies in it stays
 * where it is and remains valid.  Converts to sa_arena *, so that the C
 * functions can be called with it.
 */
class arena
{
public:
	/* Throws std::system_error with the errno of sa_arena_create(). */
	arena() : arena_(create(nullptr))
	{
	}

	explicit arena(const sa_arena_options &options)
	    : arena_(create(&options))
	{
	}

	/* Become the owner of one that sa_arena_create() made, or of none. */
	explicit arena(sa_arena *owned) noexcept : arena_(owned)
	{
	}

	arena(arena &&other) noexcept : arena_(other.release())
	{
	}

	arena &operator=(arena &&other) noexcept
	{
		if (this != &other) {
			sa_arena_destroy(arena_);
			arena_ = other.release();
		}
		return *this;
	}

	arena(const arena &) = delete;
	arena &operator=(const arena &) = delete;

	~arena()
	{
		sa_arena_destroy(arena_);
	}

	sa_arena *get() const noexcept
	{
		return arena_;
	}

	operator sa_arena *() const &noexcept
	{
		return arena_;
	}

	operator sa_arena *() const && = delete;

	/* Stop being the owner; null if there was nothing. */
	[[nodiscard]] sa_arena *release() noexcept
	{
		return std::exchange(arena_, nullptr);
	}

	/* These throw std::system_error with the C function's errno. */

	void protect(sa_arena_access resting)
	{
		detail::require(sa_arena_protect(arena_, resting),
				"sa_arena_protect");
	}

	void reset()
	{
		detail::require(sa_arena_reset(arena_), "sa_arena_reset");
	}

	void check()
	{
		detail::require(sa_arena_check(arena_), "sa_arena_check");
	}

	sa_arena_stats stats() const
	{
		sa_arena_stats stats = SA_ARENA_STATS_INIT;

		detail::require(sa_arena_stats_get(arena_, &stats),
				"sa_arena_stats_get");
		return stats;
	}

	/* And these do not fail. */

	std::size_t trim() noexcept
	{
		return sa_arena_trim(arena_);
	}

	sa_arena_access current_access() const noexcept
	{
		return sa_arena_current_access(arena_);
	}

	bool owns(const void *object) const noexcept
	{
		return sa_arena_owns(arena_, object) == 1;
	}

private:
	static sa_arena *create(const sa_arena_options *options)
	{
		sa_arena *created = sa_arena_create(options);

		if (created == nullptr)
			detail::fail("sa_arena_create");
		return created;
	}

	sa_arena *arena_;
};

/* -------------------------------------------------------------- access */

/*
 * A holder for as long as it lives: of a whole arena, or of one object, which
 * is named by its first byte (a vector's or string's data()).  Of a string
 * without storage there is nothing to open.  Constructors throw
 * std::system_error with the errno of sa_arena_open() or
 * sa_arena_open_object(): EINVAL for null, a vector's data() without storage.
 *
 * The destructor calls std::terminate() if the system refuses to close.
 */
class scoped_access
{
public:
	explicit scoped_access(const arena &arena,
			       sa_arena_access what = SA_ARENA_READONLY)
	    : scoped_access(arena.get(), what)
	{
	}

	explicit scoped_access(arena &&,
			       sa_arena_access = SA_ARENA_READONLY) = delete;

	explicit scoped_access(sa_arena *arena,
			       sa_arena_access what = SA_ARENA_READONLY)
	    : arena_(arena), object_(nullptr), what_(what)
	{
		detail::require(sa_arena_open(arena, what), "sa_arena_open");
	}

	scoped_access(const arena &arena, const void *object,
		      sa_arena_access what = SA_ARENA_READONLY)
	    : scoped_access(arena.get(), object, what)
	{
	}

	scoped_access(arena &&, const void *,
		      sa_arena_access = SA_ARENA_READONLY) = delete;

	scoped_access(sa_arena *arena, const void *object,
		      sa_arena_access what = SA_ARENA_READONLY)
	    : arena_(arena), object_(object), what_(what)
	{
		if (object == detail::no_text)
			arena_ = nullptr;
		else
			detail::require(
				sa_arena_open_object(arena, object, what),
				"sa_arena_open_object");
	}

	scoped_access(scoped_access &&other) noexcept
	    : arena_(std::exchange(other.arena_, nullptr)),
	      object_(other.object_), what_(other.what_)
	{
	}

	scoped_access &operator=(scoped_access &&other) noexcept
	{
		if (this != &other) {
			end();
			arena_ = std::exchange(other.arena_, nullptr);
			object_ = other.object_;
			what_ = other.what_;
		}
		return *this;
	}

	scoped_access(const scoped_access &) = delete;
	scoped_access &operator=(const scoped_access &) = delete;

	~scoped_access()
	{
		end();
	}

	/*
	 * Stop being a holder now; nothing if it is none any more.  Throws
	 * std::system_error with the C function's errno, and stays a holder.
	 */
	void close()
	{
		if (arena_ == nullptr)
			return;
		if (object_ == nullptr)
			detail::require(sa_arena_close(arena_, what_),
					"sa_arena_close");
		else
			detail::require(
				sa_arena_close_object(arena_, object_, what_),
				"sa_arena_close_object");
		arena_ = nullptr;
	}

private:
	void end() noexcept
	{
		if (arena_ != nullptr)
			detail::close(arena_, object_, what_);
	}

	sa_arena *arena_;
	const void *object_;
	sa_arena_access what_;
};

/* ---------------------------------------------------------- allocators */

/*
 * An allocator for containers.  Two are equal if they have the same arena.
 * Throws allocation_error, or std::bad_array_new_length for more objects than
 * could ever be; T may be aligned to up to a page.
 *
 * Copies of a container share its arena.  Assigning a copy keeps the target's
 * arena; moving and swapping take the arena along, so that no secret is ever
 * copied for them.
 *
 * A container that shrinks leaves what it no longer uses in its storage; all
 * storage is wiped when the container gives it back.
 */
template <class T> class allocator
{
public:
	using value_type = T;
	using is_always_equal = std::false_type;
	using propagate_on_container_copy_assignment = std::false_type;
	using propagate_on_container_move_assignment = std::true_type;
	using propagate_on_container_swap = std::true_type;

	allocator(const arena &arena) noexcept : arena_(arena.get())
	{
	}

	allocator(arena &&) = delete;

	allocator(sa_arena *arena) noexcept : arena_(arena)
	{
	}

	template <class U>
	allocator(const allocator<U> &other) noexcept : arena_(other.get())
	{
	}

	[[nodiscard]] T *allocate(std::size_t count)
	{
		return static_cast<T *>(
			detail::allocate_array<T>(arena_, count));
	}

	/* Needs no access to the memory. */
	void deallocate(T *memory, std::size_t) noexcept
	{
		sa_arena_free(arena_, memory);
	}

	std::size_t max_size() const noexcept
	{
		return detail::max_count<T>();
	}

	sa_arena *get() const noexcept
	{
		return arena_;
	}

private:
	sa_arena *arena_;
};

template <class T, class U>
bool operator==(const allocator<T> &a, const allocator<U> &b) noexcept
{
	return a.get() == b.get();
}

template <class T, class U>
bool operator!=(const allocator<T> &a, const allocator<U> &b) noexcept
{
	return a.get() != b.get();
}

/* For bytes, put `string` or this; for T with pointers into the heap, mind that
 * only T itself is in the arena. */
template <class T> using vector = std::vector<T, allocator<T>>;

#ifdef __cpp_lib_memory_resource
/*
 * An arena as a resource for std::pmr.  It has to outlive its containers.
 * std::pmr::string keeps short texts in its own object, outside the arena: use
 * sodium_arena::string.
 */
class memory_resource : public std::pmr::memory_resource
{
public:
	explicit memory_resource(const arena &arena) noexcept
	    : arena_(arena.get())
	{
	}

	explicit memory_resource(arena &&) = delete;

	explicit memory_resource(sa_arena *arena) noexcept : arena_(arena)
	{
	}

	sa_arena *get() const noexcept
	{
		return arena_;
	}

private:
	void *do_allocate(std::size_t size, std::size_t alignment) override
	{
		return detail::allocate(arena_, size, alignment);
	}

	void do_deallocate(void *memory, std::size_t, std::size_t) override
	{
		sa_arena_free(arena_, memory);
	}

	bool do_is_equal(
		const std::pmr::memory_resource &other) const noexcept override
	{
#ifdef __cpp_rtti
		auto resource = dynamic_cast<const memory_resource *>(&other);

		return resource != nullptr && resource->arena_ == arena_;
#else
		return this == &other;
#endif
	}

	sa_arena *arena_;
};
#endif

/* ------------------------------------------------------ owning pointers */

/*
 * Ends an object and frees it.  Works in every access state: what has a
 * destructor is opened for it (the object alone, or the whole arena where only
 * a virtual destructor can tell what the object is).  If the system refuses,
 * the object stays alive, as with sa_arena_free(); in a forked child that the
 * arena is excluded from, it is freed without being destroyed, or stays where
 * the pointer is to a base inside it.
 *
 * Converts to that of a base with a virtual destructor.
 */
template <class T> class deleter
{
	/* What is asked here of T is asked late: T may be incomplete until an
	 * object of it ends, as with std::unique_ptr. */

	/* A base may lie anywhere in the whole object. */
	static constexpr bool is_perhaps_base() noexcept
	{
		return std::has_virtual_destructor_v<T> && !std::is_final_v<T>;
	}

	template <class U>
	static constexpr bool converts_from = std::conjunction_v<
		std::is_convertible<U *, T *>,
		std::disjunction<
			std::is_same<std::remove_cv_t<U>, std::remove_cv_t<T>>,
			std::has_virtual_destructor<T>>>;

public:
	deleter() noexcept : arena_(nullptr)
	{
	}

	explicit deleter(sa_arena *arena) noexcept : arena_(arena)
	{
	}

	template <class U, class = std::enable_if_t<converts_from<U>>>
	deleter(const deleter<U> &other) noexcept : arena_(other.get())
	{
	}

	void operator()(T *object) const noexcept
	{
		if constexpr (std::is_trivially_destructible_v<T>)
			sa_arena_free(arena_, unconst(object));
		else
			end(object);
	}

	sa_arena *get() const noexcept
	{
		return arena_;
	}

private:
	static void *unconst(const volatile void *object) noexcept
	{
		return const_cast<void *>(object);
	}

	int open(void *object) const noexcept
	{
		return is_perhaps_base()
			       ? sa_arena_open(arena_, SA_ARENA_READWRITE)
			       : sa_arena_open_object(arena_, object,
						      SA_ARENA_READWRITE);
	}

	bool is_first_byte(void *object) const noexcept
	{
		return !is_perhaps_base() || sa_arena_owns(arena_, object) == 1;
	}

	void end(T *object) const noexcept
	{
		void *whole = unconst(object);

		if (open(whole) == 0) {
			if constexpr (is_perhaps_base())
				whole = unconst(
					dynamic_cast<const volatile void *>(
						object));
			object->~T();
			detail::close(arena_,
				      is_perhaps_base() ? nullptr : whole,
				      SA_ARENA_READWRITE);
		} else if (errno != EACCES || !is_first_byte(whole)) {
			return;
		}
		sa_arena_free(arena_, whole);
	}

	sa_arena *arena_;
};

/* Of an array: as many objects as its memory has room for, last one first. */
template <class T> class deleter<T[]>
{
public:
	deleter() noexcept : arena_(nullptr)
	{
	}

	explicit deleter(sa_arena *arena) noexcept : arena_(arena)
	{
	}

	void operator()(T *array) const noexcept
	{
		void *memory = const_cast<std::remove_cv_t<T> *>(array);

		if constexpr (!std::is_trivially_destructible_v<T>) {
			if (sa_arena_open_object(arena_, memory,
						 SA_ARENA_READWRITE) == 0) {
				destroy_all(array);
				detail::close(arena_, memory,
					      SA_ARENA_READWRITE);
			} else if (errno != EACCES) {
				return;
			}
		}
		sa_arena_free(arena_, memory);
	}

	sa_arena *get() const noexcept
	{
		return arena_;
	}

private:
	void destroy_all(T *array) const noexcept
	{
		std::size_t count = sa_arena_size(arena_, array) / sizeof(T);

		while (count > 0)
			array[--count].~T();
	}

	sa_arena *arena_;
};

template <class T> using unique_ptr = std::unique_ptr<T, deleter<T>>;

/*
 * A new T, constructed from the arguments.  Throws allocation_error, and what
 * the constructor throws: then its memory is wiped and free again.
 */
template <class T, class... Arguments>
std::enable_if_t<!std::is_array_v<T>, unique_ptr<T>>
make_unique(sa_arena *arena, Arguments &&...arguments)
{
	void *memory = detail::allocate(arena, sizeof(T), alignof(T));

	try {
		return unique_ptr<T>(
			::new (memory) T(std::forward<Arguments>(arguments)...),
			deleter<T>(arena));
	} catch (...) {
		sa_arena_free(arena, memory);
		throw;
	}
}

/* An array of value-initialised objects: make_unique<unsigned char[]>(a, 32).
 * Throws as above, or std::bad_array_new_length. */
template <class T>
std::enable_if_t<std::is_array_v<T> && std::extent_v<T> == 0, unique_ptr<T>>
make_unique(sa_arena *arena, std::size_t count)
{
	using element = std::remove_extent_t<T>;
	void *memory = detail::allocate_array<element>(arena, count);
	element *array = static_cast<element *>(memory);

	try {
		std::uninitialized_value_construct_n(array, count);
	} catch (...) {
		sa_arena_free(arena, memory);
		throw;
	}
	return unique_ptr<T>(array, deleter<T>(arena));
}

/* --------------------------------------------------------------- pools */

/*
 * Ends an object of a pool and frees it, as `deleter` does an object of an
 * arena.
 */
template <class T> class pool_deleter
{
public:
	pool_deleter() noexcept : arena_(nullptr), pool_(nullptr)
	{
	}

	pool_deleter(sa_arena *arena, sa_pool *pool) noexcept
	    : arena_(arena), pool_(pool)
	{
	}

	void operator()(T *object) const noexcept
	{
		void *memory = const_cast<std::remove_cv_t<T> *>(object);

		if constexpr (!std::is_trivially_destructible_v<T>) {
			if (sa_arena_open_object(arena_, memory,
						 SA_ARENA_READWRITE) == 0) {
				object->~T();
				detail::close(arena_, memory,
					      SA_ARENA_READWRITE);
			} else if (errno != EACCES) {
				return;
			}
		}
		sa_pool_free(pool_, memory);
	}

	sa_pool *get() const noexcept
	{
		return pool_;
	}

private:
	sa_arena *arena_;
	sa_pool *pool_;
};

/*
 * An sa_pool of objects of one type, and its owner: they lie closer together
 * than the arena's own, and their memory never becomes another type's while the
 * pool is there.  Whatever lies in a pool stays where it is when the pool is
 * moved.  The arena has to outlive it.
 *
 * Objects that are alive when their pool ends are wiped, and their destructors
 * are not called.
 */
template <class T> class pool
{
	static_assert(std::is_object_v<T> && !std::is_array_v<T>,
		      "a pool is of one type of objects");

public:
	using value_type = T;
	using deleter = pool_deleter<T>;
	using unique_ptr = std::unique_ptr<T, deleter>;

	/* Throws std::system_error with the errno of sa_pool_create(): EINVAL
	 * where T is too large for a slot. */
	explicit pool(const arena &arena) : pool(arena.get())
	{
	}

	explicit pool(arena &&) = delete;

	explicit pool(sa_arena *arena)
	    : arena_(arena), pool_(sa_pool_create(arena, sizeof(T), alignof(T)))
	{
		if (pool_ == nullptr)
			detail::fail("sa_pool_create");
	}

	pool(pool &&other) noexcept
	    : arena_(other.arena_), pool_(std::exchange(other.pool_, nullptr))
	{
	}

	pool &operator=(pool &&other) noexcept
	{
		if (this != &other) {
			sa_pool_destroy(pool_);
			arena_ = other.arena_;
			pool_ = std::exchange(other.pool_, nullptr);
		}
		return *this;
	}

	pool(const pool &) = delete;
	pool &operator=(const pool &) = delete;

	~pool()
	{
		sa_pool_destroy(pool_);
	}

	/*
	 * A new T, constructed from the arguments, which is destroy()'s to end.
	 * Throws allocation_error, and what the constructor throws: then its
	 * memory is wiped and free again.
	 */
	template <class... Arguments>
	[[nodiscard]] T *construct(Arguments &&...arguments)
	{
		void *memory = sa_pool_alloc(pool_);

		if (memory == nullptr)
			throw allocation_error(errno);
		try {
			return ::new (memory)
				T(std::forward<Arguments>(arguments)...);
		} catch (...) {
			sa_pool_free(pool_, memory);
			throw;
		}
	}

	/* End an object of this pool and free it; null: nothing.  Works in
	 * every access state, as `deleter` tells. */
	void destroy(T *object) noexcept
	{
		if (object != nullptr)
			deleter(arena_, pool_)(object);
	}

	/* The same with an owner, who must be gone before the pool. */
	template <class... Arguments>
	[[nodiscard]] unique_ptr make_unique(Arguments &&...arguments)
	{
		return unique_ptr(
			construct(std::forward<Arguments>(arguments)...),
			deleter(arena_, pool_));
	}

	sa_pool *get() const noexcept
	{
		return pool_;
	}

private:
	sa_arena *arena_;
	sa_pool *pool_;
};

/* ------------------------------------------------------------- strings */

/*
 * Text that lies in an arena whatever its length: std::string keeps short
 * texts inside its own object, on the stack or the heap.  Ends with a NUL,
 * may have others.  What it no longer uses is zero.
 *
 * Converts to std::string_view, and so is read by what takes one; there is no
 * operator that would print it.  Copying, moving and swapping go by the rules
 * of `allocator`.  The destructor needs no access.
 *
 * Throws allocation_error, std::length_error above max_size(), or
 * std::out_of_range where said; then nothing has changed.  An argument may
 * lie in the string itself.
 */
class string
{
	using storage = vector<char>;
	using traits = std::char_traits<char>;

public:
	using value_type = char;
	using size_type = std::size_t;
	using difference_type = std::ptrdiff_t;
	using reference = char &;
	using const_reference = const char &;
	using pointer = char *;
	using const_pointer = const char *;
	using iterator = char *;
	using const_iterator = const char *;
	using allocator_type = allocator<char>;

	/* Empty; allocates nothing yet. */
	explicit string(const allocator_type &allocator) noexcept
	    : bytes_(allocator)
	{
	}

	string(std::string_view text, const allocator_type &allocator)
	    : bytes_(allocator)
	{
		append(text);
	}

	string(size_type count, char c, const allocator_type &allocator)
	    : bytes_(allocator)
	{
		resize(count, c);
	}

	/* The source is empty afterwards. */
	string(string &&other) noexcept = default;

	string(const string &other) : string(other, other.get_allocator())
	{
	}

	string(const string &other, const allocator_type &allocator)
	    : string(other.view(), allocator)
	{
	}

	/* A copy if the arenas differ. */
	string(string &&other, const allocator_type &allocator)
	    : bytes_(allocator)
	{
		if (other.get_allocator() == allocator)
			bytes_.swap(other.bytes_);
		else
			append(other);
	}

	~string() = default;

	string &operator=(string &&other) noexcept
	{
		if (this != &other) {
			bytes_ = std::move(other.bytes_);
			other.bytes_.clear();
		}
		return *this;
	}

	string &operator=(const string &other)
	{
		return assign(other);
	}

	string &operator=(std::string_view text)
	{
		return assign(text);
	}

	string &operator=(const char *text)
	{
		return assign(text);
	}

	/* Copy a std::string and wipe it, its unused room included. */
	static string take(std::string &source, const allocator_type &allocator)
	{
		string taken(source, allocator);

		source.resize(source.capacity());
		detail::wipe(source.data(), source.size());
		source.clear();
		return taken;
	}

	allocator_type get_allocator() const noexcept
	{
		return bytes_.get_allocator();
	}

	size_type size() const noexcept
	{
		return bytes_.empty() ? 0 : bytes_.size() - 1;
	}

	size_type length() const noexcept
	{
		return size();
	}

	[[nodiscard]] bool empty() const noexcept
	{
		return size() == 0;
	}

	size_type max_size() const noexcept
	{
		return bytes_.max_size() - 1;
	}

	/* Characters it may have before it moves. */
	size_type capacity() const noexcept
	{
		return bytes_.capacity() == 0 ? 0 : bytes_.capacity() - 1;
	}

	/* Without storage yet, an empty text that is no object of the arena. */
	const char *data() const noexcept
	{
		return bytes_.empty() ? detail::no_text : bytes_.data();
	}

	const char *c_str() const noexcept
	{
		return data();
	}

	/* size() characters may be written. */
	char *data() noexcept
	{
		return const_cast<char *>(std::as_const(*this).data());
	}

	std::string_view view() const noexcept
	{
		return std::string_view(data(), size());
	}

	operator std::string_view() const noexcept
	{
		return view();
	}

	iterator begin() noexcept
	{
		return data();
	}

	const_iterator begin() const noexcept
	{
		return data();
	}

	iterator end() noexcept
	{
		return data() + size();
	}

	const_iterator end() const noexcept
	{
		return data() + size();
	}

	char &operator[](size_type index) noexcept
	{
		return data()[index];
	}

	const char &operator[](size_type index) const noexcept
	{
		return data()[index];
	}

	/* std::out_of_range from size() on. */
	char &at(size_type index)
	{
		return data()[checked(index)];
	}

	const char &at(size_type index) const
	{
		return data()[checked(index)];
	}

	/* The string is not empty. */
	char &front() noexcept
	{
		return data()[0];
	}

	const char &front() const noexcept
	{
		return data()[0];
	}

	char &back() noexcept
	{
		return data()[size() - 1];
	}

	const char &back() const noexcept
	{
		return data()[size() - 1];
	}

	void reserve(size_type size)
	{
		make_room(size, size);
	}

	/* Into as little storage as is needed; the old one is wiped. */
	void shrink_to_fit()
	{
		if (size() == capacity())
			return;
		storage exact(get_allocator());
		if (!empty()) {
			exact.reserve(size() + 1);
			exact.assign(bytes_.begin(), bytes_.end());
		}
		bytes_.swap(exact);
	}

	void clear() noexcept
	{
		if (!bytes_.empty())
			shrink(0);
	}

	/* New characters are `c`. */
	void resize(size_type size, char c = '\0')
	{
		const size_type old = this->size();

		if (size > old)
			std::fill_n(extend(size).bytes + old, size - old, c);
		else if (size < old)
			shrink(size);
	}

	string &assign(std::string_view text)
	{
		if (text.size() > size()) {
			const extension extended = extend(text.size());

			traits::move(extended.bytes, text.data(), text.size());
		} else if (!empty()) {
			traits::move(data(), text.data(), text.size());
			shrink(text.size());
		}
		return *this;
	}

	string &append(std::string_view text)
	{
		const size_type old = size();

		if (text.empty())
			return *this;
		if (text.size() > max_size() - old)
			throw std::length_error("sodium_arena::string");
		const extension extended = extend(old + text.size());
		traits::copy(extended.bytes + old, text.data(), text.size());
		return *this;
	}

	string &operator+=(std::string_view text)
	{
		return append(text);
	}

	void push_back(char c)
	{
		append(std::string_view(&c, 1));
	}

	/* The string is not empty. */
	void pop_back() noexcept
	{
		shrink(size() - 1);
	}

	void swap(string &other) noexcept
	{
		bytes_.swap(other.bytes_);
	}

	friend void swap(string &a, string &b) noexcept
	{
		a.swap(b);
	}

	/* Takes as long for any texts of that length, equal or not. */
	friend bool operator==(const string &a, const string &b) noexcept
	{
		return equal(a, b);
	}

	friend bool operator==(const string &a, std::string_view b) noexcept
	{
		return equal(a, b);
	}

	friend bool operator==(std::string_view a, const string &b) noexcept
	{
		return equal(a, b);
	}

	friend bool operator!=(const string &a, const string &b) noexcept
	{
		return !equal(a, b);
	}

	friend bool operator!=(const string &a, std::string_view b) noexcept
	{
		return !equal(a, b);
	}

	friend bool operator!=(std::string_view a, const string &b) noexcept
	{
		return !equal(a, b);
	}

	/* For ordered containers; takes the longer the more is the same. */
	friend bool operator<(const string &a, const string &b) noexcept
	{
		return a.view() < b.view();
	}

private:
	/* The storage left behind lives on until its content, or an argument
	 * that lies in it, has been copied. */
	struct extension {
		storage left;
		char *bytes;
	};

	size_type checked(size_type index) const
	{
		if (index >= size())
			throw std::out_of_range("sodium_arena::string");
		return index;
	}

	/* Have room for `size` characters; if that takes new storage, for
	 * `wanted`.  Returns the old one. */
	storage make_room(size_type size, size_type wanted)
	{
		storage other(get_allocator());

		if (size > max_size())
			throw std::length_error("sodium_arena::string");
		if (size < bytes_.capacity())
			return other;
		other.reserve(wanted + 1);
		other.assign(bytes_.begin(), bytes_.end());
		if (other.empty())
			other.push_back('\0');
		bytes_.swap(other);
		return other;
	}

	/* Grow to `size`, which is more, by zeros.  New storage has at least
	 * twice the room, so that a character more costs constant time. */
	extension extend(size_type size)
	{
		const size_type most = max_size();
		const size_type twice =
			capacity() > most / 2 ? most : 2 * capacity();
		storage left = make_room(size, std::max(size, twice));

		bytes_.resize(size + 1);
		return extension{std::move(left), bytes_.data()};
	}

	/* There is storage, and `size` is not more than is there. */
	void shrink(size_type size) noexcept
	{
		detail::wipe(bytes_.data() + size, bytes_.size() - size);
		bytes_.resize(size + 1);
	}

	static bool equal(std::string_view a, std::string_view b) noexcept
	{
		volatile unsigned char difference = 0;

		if (a.size() != b.size())
			return false;
		for (size_type i = 0; i < a.size(); i++)
			difference = static_cast<unsigned char>(difference |
								(a[i] ^ b[i]));
		return difference == 0;
	}

	storage bytes_; /* the text and its NUL; or empty, without storage */
};

} // namespace sodium_arena

#endif /* SODIUM_ARENA_HPP */
