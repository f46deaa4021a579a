/* SPDX-License-Identifier: ISC */
/*
 * libcurl on the arena: a request with a bearer token to a server on 127.0.0.1,
 * which this program starts; the token is nowhere outside.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <curl/curl.h>
#include <sodium_arena.h>

#include "hook.h"

#define TOKEN_SIZE 24
#define ANSWER "welcome"

/* Bound to a free port, whose number is returned. */
static int listen_locally(unsigned *port)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t length = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	HOOK_REQUIRE(fd >= 0);
	HOOK_REQUIRE(bind(fd, (struct sockaddr *)&address, length) == 0);
	HOOK_REQUIRE(listen(fd, 1) == 0);
	HOOK_REQUIRE(getsockname(fd, (struct sockaddr *)&address, &length) ==
		     0);
	*port = ntohs(address.sin_port);
	return fd;
}

/* One connection: read the request's head, answer by whether it has the
 * token. */
static void serve(int listener, const char *token)
{
	static const char good[] = "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n"
				   "Connection: close\r\n\r\n" ANSWER;
	static const char bad[] = "HTTP/1.1 401 Unauthorized\r\n"
				  "Content-Length: 0\r\n\r\n";
	static char received[4096];
	size_t got = 0;
	int fd = accept(listener, NULL, NULL);

	while (strstr(received, "\r\n\r\n") == NULL) {
		ssize_t more =
			read(fd, received + got, sizeof(received) - 1 - got);

		HOOK_REQUIRE(more > 0);
		got += (size_t)more;
	}
	if (strstr(received, token) != NULL)
		got = (size_t)write(fd, good, sizeof(good) - 1);
	else
		got = (size_t)write(fd, bad, sizeof(bad) - 1);
	_exit(got == sizeof(good) - 1 ? EXIT_SUCCESS : EXIT_FAILURE);
}

static size_t keep(char *bytes, size_t size, size_t count, void *context)
{
	HOOK_REQUIRE(size * count == sizeof(ANSWER) - 1);
	memcpy(context, bytes, size * count);
	return size * count;
}

/* "Authorization: Bearer TOKEN"; the list keeps a copy of its own. */
static struct curl_slist *authorize(const char *token)
{
	static const char head[] = "Authorization: Bearer ";
	char *line = sa_malloc(sizeof(head) + 2 * TOKEN_SIZE);
	struct curl_slist *list;

	HOOK_REQUIRE(line != NULL);
	memcpy(line, head, sizeof(head) - 1);
	memcpy(line + sizeof(head) - 1, token, 2 * TOKEN_SIZE + 1);
	list = curl_slist_append(NULL, line);
	HOOK_REQUIRE(list != NULL);
	sa_free(line);
	return list;
}

static int request(unsigned port, const char *token)
{
	struct curl_slist *headers = authorize(token);
	char url[64], answer[sizeof(ANSWER)] = "";
	CURL *curl = curl_easy_init();
	int is_inside;

	HOOK_REQUIRE(curl != NULL);
	snprintf(url, sizeof(url), "http://127.0.0.1:%u/", port);
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, 20L);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, keep);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
	HOOK_REQUIRE(curl_easy_perform(curl) == CURLE_OK);
	HOOK_REQUIRE(strcmp(answer, ANSWER) == 0);
	is_inside =
		hook_is_only_in_arena("the token", token, 2 * TOKEN_SIZE, 2);
	curl_easy_cleanup(curl);
	curl_slist_free_all(headers);
	is_inside &= hook_is_only_in_arena("after the request", token,
					   2 * TOKEN_SIZE, 1);
	return is_inside;
}

static int body(void)
{
	char *token = hook_secret_text(TOKEN_SIZE);
	unsigned port;
	int listener = listen_locally(&port), status = -1, is_inside;
	pid_t server = fork();

	if (server == 0)
		serve(listener, token);
	HOOK_REQUIRE(server > 0);
	close(listener);
	HOOK_REQUIRE(curl_global_init_mem(CURL_GLOBAL_NOTHING, sa_malloc,
					  sa_free, sa_realloc, sa_strdup,
					  sa_calloc) == CURLE_OK);
	is_inside = request(port, token);
	curl_global_cleanup();
	HOOK_REQUIRE(waitpid(server, &status, 0) == server && status == 0);
	sa_free(token);
	return is_inside ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(void)
{
	return hook_main(body);
}
