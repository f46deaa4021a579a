/* SPDX-License-Identifier: ISC */
/*
 * OpenSSL on the arena: an RSA key is made, certified, written as PEM and read
 * again; making and writing it leaves nothing on the heap, and neither its
 * primes nor the PEM text is outside.
 */
#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <sodium_arena.h>
#include <sodium_arena_openssl.h>

#include "hook.h"

#define BITS 2048
#define PRIME_SIZE (BITS / 16)

static X509 *certify(EVP_PKEY *key)
{
	X509 *certificate = X509_new();
	X509_NAME *name = X509_get_subject_name(certificate);

	HOOK_REQUIRE(X509_NAME_add_entry_by_txt(
			     name, "CN", MBSTRING_ASC,
			     (const unsigned char *)"example", -1, -1, 0) == 1);
	HOOK_REQUIRE(X509_set_version(certificate, 2) == 1);
	HOOK_REQUIRE(ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1) ==
		     1);
	X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
	X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
	HOOK_REQUIRE(X509_set_issuer_name(certificate, name) == 1);
	HOOK_REQUIRE(X509_set_pubkey(certificate, key) == 1);
	HOOK_REQUIRE(X509_sign(certificate, key, EVP_sha256()) > 0);
	return certificate;
}

/* As OpenSSL holds it in memory: limbs, the least significant byte first. */
static unsigned char *prime_of(EVP_PKEY *key)
{
	unsigned char *prime = sa_malloc(PRIME_SIZE);
	BIGNUM *number = NULL;

	HOOK_REQUIRE(prime != NULL);
	HOOK_REQUIRE(EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_FACTOR1,
					   &number) == 1);
	HOOK_REQUIRE(BN_bn2lebinpad(number, prime, PRIME_SIZE) == PRIME_SIZE);
	BN_clear_free(number);
	return prime;
}

static int body(void)
{
	/* A BIO in memory: one on a file would read through stdio. */
	BIO *pem;
	EVP_PKEY *key, *again;
	X509 *certificate;
	unsigned char *prime;
	char *text;
	size_t before;
	int is_inside;

	HOOK_REQUIRE(sa_openssl_use() == 1);
	before = hook_heap_size();
	key = EVP_RSA_gen(BITS);
	pem = BIO_new(BIO_s_mem());
	HOOK_REQUIRE(key != NULL && pem != NULL);
	HOOK_REQUIRE(PEM_write_bio_PrivateKey(pem, key, NULL, NULL, 0, NULL,
					      NULL) == 1);
	HOOK_REQUIRE(BIO_get_mem_data(pem, &text) > 300);
	HOOK_REQUIRE(hook_heap_size() == before);
	is_inside = hook_is_only_in_arena("a line of PEM", text + 200, 48, 1);
	again = PEM_read_bio_PrivateKey(pem, NULL, NULL, NULL);
	HOOK_REQUIRE(again != NULL && EVP_PKEY_eq(key, again) == 1);
	certificate = certify(again);
	HOOK_REQUIRE(X509_verify(certificate, key) == 1);
	prime = prime_of(again);
	is_inside &= hook_is_only_in_arena("a prime", prime, PRIME_SIZE, 3);
	X509_free(certificate);
	EVP_PKEY_free(again);
	EVP_PKEY_free(key);
	BIO_free(pem);
	is_inside &=
		hook_is_only_in_arena("after freeing", prime, PRIME_SIZE, 1);
	sa_free(prime);
	return is_inside ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(void)
{
	return hook_main(body);
}
