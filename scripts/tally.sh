# Sourced by scripts that run several programs in separate processes. The result of each program is a line of the file $tally.
: "${tally:=$real/tally.txt}"

# record passed|failed|skipped NAME [WHY]
record() {
  [ "$1" = passed ] || echo "$2: $1${3:+: $3}"
  printf '%s\t%s\n' "$1" "$2" >>"$tally"
}

# summary: prints the last line, "N passed, N failed, N skipped: NAMES". Fails if a program failed.
summary() {
  awk -F '\t' '{n[$1]++} $1 == "skipped" {names = names (names ? ", " : ": ") $2}
    END {printf "%d passed, %d failed, %d skipped%s\n", n["passed"], n["failed"], n["skipped"], names; exit n["failed"] > 0}' "$tally"
}
