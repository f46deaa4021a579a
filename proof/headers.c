/* SPDX-License-Identifier: ISC */
/* The headers whose inline functions `make proof` proves; compiled by nothing
 * else. */
#include <config.h>

#include "bits.h"
