#!/bin/sh
# SPDX-License-Identifier: ISC
# run.sh PROGRAM CORPUS FOLDER SECONDS: fuzz with the engine that the program
# was built for.  New inputs and crashes are left in FOLDER.
set -eu

program=$1
corpus=$2
folder=$3
seconds=$4

mkdir -p "$folder/inputs"
case $CC in
*afl*)
	# Threads that wait for the baton live as long as the process does.
	AFL_SKIP_CPUFREQ=1 AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES=1 \
		AFL_NO_UI=1 exec afl-fuzz -i "$corpus" -o "$folder/afl" \
		-V "$seconds" -- "./$program"
	;;
*)
	exec "./$program" -max_total_time="$seconds" -max_len=1024 \
		-artifact_prefix="$folder/" -print_final_stats=1 \
		"$folder/inputs" "$corpus"
	;;
esac
