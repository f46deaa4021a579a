/* SPDX-License-Identifier: ISC */
/*
 * libgcrypt's secure memory in the arena, far beyond the 32 KiB that its own
 * pool has, and a cipher's key nowhere else; then all of its memory, which a
 * signing key needs to be nowhere else.
 */
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sodium.h>
#include <sodium_arena.h>
#include <sodium_arena_gcrypt.h>

#include "hook.h"

#define COUNT 1000
#define SIZE 1024
#define KEY_SIZE 32
#define MESSAGE "message"

static void require_no_end(void)
{
	void **objects = sa_calloc(COUNT, sizeof(*objects));

	HOOK_REQUIRE(objects != NULL);
	for (int i = 0; i < COUNT; i++) {
		objects[i] = gcry_malloc_secure(SIZE);
		HOOK_REQUIRE(objects[i] != NULL);
		HOOK_REQUIRE(gcry_is_secure(objects[i]));
		HOOK_REQUIRE(gcry_is_secure((char *)objects[i] + SIZE - 1));
	}
	for (int i = 0; i < COUNT; i++)
		gcry_free(objects[i]);
	sa_free(objects);
}

static int encrypts_in_arena(void)
{
	unsigned char *key = hook_secret(KEY_SIZE), block[16] = {0};
	gcry_cipher_hd_t cipher;
	int is_inside;

	HOOK_REQUIRE(gcry_cipher_open(&cipher, GCRY_CIPHER_AES256,
				      GCRY_CIPHER_MODE_CTR,
				      GCRY_CIPHER_SECURE) == 0);
	HOOK_REQUIRE(gcry_cipher_setkey(cipher, key, KEY_SIZE) == 0);
	HOOK_REQUIRE(gcry_cipher_encrypt(cipher, block, sizeof(block), NULL,
					 0) == 0);
	is_inside = hook_is_only_in_arena("the cipher's key", key, KEY_SIZE, 2);
	gcry_cipher_close(cipher);
	sa_free(key);
	return is_inside;
}

/* libgcrypt's signature, checked by libsodium. */
static void require_valid(gcry_sexp_t signature, const unsigned char *public)
{
	unsigned char bytes[crypto_sign_BYTES];
	gcry_buffer_t r = {.size = 32, .data = bytes};
	gcry_buffer_t s = {.size = 32, .data = bytes + 32};

	HOOK_REQUIRE(gcry_sexp_extract_param(signature, "sig-val!eddsa", "&rs",
					     &r, &s, NULL) == 0);
	HOOK_REQUIRE(r.len == 32 && s.len == 32);
	HOOK_REQUIRE(crypto_sign_verify_detached(
			     bytes, (const unsigned char *)MESSAGE,
			     sizeof(MESSAGE) - 1, public) == 0);
}

/* A key put in from secure memory, so that libgcrypt keeps it there. */
static int signs_in_arena(void)
{
	unsigned char *seed = hook_secret(crypto_sign_SEEDBYTES);
	unsigned char *secret = hook_secret(crypto_sign_SECRETKEYBYTES);
	unsigned char public[crypto_sign_PUBLICKEYBYTES];
	gcry_sexp_t key, data, signature;
	int is_inside;

	crypto_sign_seed_keypair(public, secret, seed);
	sa_free(secret);
	HOOK_REQUIRE(gcry_sexp_build(&key, NULL,
				     "(private-key (ecc (curve Ed25519)"
				     "(flags eddsa)(q %b)(d %b)))",
				     (int)sizeof(public), public,
				     crypto_sign_SEEDBYTES, seed) == 0);
	HOOK_REQUIRE(gcry_is_secure(key));
	HOOK_REQUIRE(gcry_sexp_build(&data, NULL,
				     "(data (flags eddsa)(hash-algo sha512)"
				     "(value %s))",
				     MESSAGE) == 0);
	HOOK_REQUIRE(gcry_pk_sign(&signature, data, key) == 0);
	require_valid(signature, public);
	is_inside = hook_is_only_in_arena("the signing key", seed,
					  crypto_sign_SEEDBYTES, 2);
	gcry_sexp_release(signature);
	gcry_sexp_release(data);
	gcry_sexp_release(key);
	is_inside &= hook_is_only_in_arena("after signing", seed,
					   crypto_sign_SEEDBYTES, 1);
	sa_free(seed);
	return is_inside;
}

static void start(void)
{
	HOOK_REQUIRE(gcry_check_version(NULL) != NULL);
	gcry_control(GCRYCTL_INITIALIZATION_FINISHED, 0);
}

static int secure_memory(void)
{
	char *plain;

	sa_gcrypt_use();
	start();
	plain = gcry_malloc(1);
	HOOK_REQUIRE(plain != NULL && !gcry_is_secure(plain));
	plain = gcry_realloc(plain, SIZE);
	HOOK_REQUIRE(plain != NULL && !gcry_is_secure(plain));
	gcry_free(plain);
	require_no_end();
	return encrypts_in_arena() ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int all_memory(void)
{
	sa_gcrypt_use_for_all();
	start();
	require_no_end();
	return encrypts_in_arena() & signs_in_arena() ? EXIT_SUCCESS
						      : EXIT_FAILURE;
}

/* The handlers are set once in a process. */
int main(void)
{
	int status = -1;
	pid_t child = fork();

	if (child == 0)
		return hook_main(secure_memory);
	HOOK_REQUIRE(child > 0 && waitpid(child, &status, 0) == child);
	HOOK_REQUIRE(WIFEXITED(status));
	if (WEXITSTATUS(status) != EXIT_SUCCESS)
		return WEXITSTATUS(status);
	return hook_main(all_memory);
}
