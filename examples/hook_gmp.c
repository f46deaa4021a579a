/* SPDX-License-Identifier: ISC */
/*
 * GMP on the arena: an RSA key of 2,048 bits is made and used, and no limb of
 * it is outside.  What GMP takes from the stack is in the arena as well,
 * because the stack is.
 */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sodium_arena.h>
#include <sodium_arena_gmp.h>

#include "hook.h"

#define PRIME_SIZE 128 /* bytes */

struct rsa {
	mpz_t p, q, n, e, d;
};

/* A random prime with the two highest bits set, so that p * q fills n. */
static void make_prime(mpz_t prime)
{
	unsigned char *bytes = hook_secret(PRIME_SIZE);

	bytes[0] |= 0xc0;
	mpz_init(prime);
	mpz_import(prime, PRIME_SIZE, 1, 1, 0, 0, bytes);
	mpz_nextprime(prime, prime);
	sa_free(bytes);
}

static void rsa_create(struct rsa *key)
{
	mpz_t p1, q1, order;

	mpz_inits(key->n, key->d, p1, q1, order, NULL);
	mpz_init_set_ui(key->e, 65537);
	do {
		make_prime(key->p);
		make_prime(key->q);
		mpz_mul(key->n, key->p, key->q);
		mpz_sub_ui(p1, key->p, 1);
		mpz_sub_ui(q1, key->q, 1);
		mpz_lcm(order, p1, q1);
	} while (mpz_invert(key->d, key->e, order) == 0);
	mpz_clears(p1, q1, order, NULL);
}

static void require_signs(const struct rsa *key)
{
	mpz_t message, signature;

	mpz_inits(signature, NULL);
	mpz_init_set_ui(message, 20240229);
	mpz_powm_sec(signature, message, key->d, key->n);
	HOOK_REQUIRE(mpz_cmp(signature, message) != 0);
	mpz_powm(signature, signature, key->e, key->n);
	HOOK_REQUIRE(mpz_cmp(signature, message) == 0);
	mpz_clears(message, signature, NULL);
}

static int is_only_in_arena(const char *what, const mpz_t number)
{
	return hook_is_only_in_arena(what, mpz_limbs_read(number),
				     mpz_size(number) * sizeof(mp_limb_t), 1);
}

/* GMP cannot go on without memory, and must not get NULL. */
static void require_refusal_aborts(void)
{
	int status = -1;
	pid_t child = fork();

	if (child == 0) {
		fclose(stderr);
		sa_gmp_alloc(SIZE_MAX / 2);
		_exit(EXIT_SUCCESS);
	}
	HOOK_REQUIRE(child > 0 && waitpid(child, &status, 0) == child);
	HOOK_REQUIRE(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

static int body(void)
{
	struct rsa key;
	int is_inside;

	require_refusal_aborts();
	sa_gmp_use();
	rsa_create(&key);
	require_signs(&key);
	is_inside = is_only_in_arena("p", key.p) &
		    is_only_in_arena("q", key.q) & is_only_in_arena("d", key.d);
	mpz_clears(key.p, key.q, key.n, key.e, key.d, NULL);
	return is_inside ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(void)
{
	return hook_main(body);
}
