# Sourced by scripts that test step by step. A step's output is written to the file $log, and shown if the step fails. A step counts as the
# number of tests on its last line ("N passed, N failed, N skipped: NAMES"), or as one test if it has no such line.
passed=0 failed=0 skipped=0 names=
step() { # name, command...
  local name=$1 start=$SECONDS ok=0 p=0 f=0 s=0
  shift
  "$@" >"$log" 2>&1 && ok=1
  if [[ $(tail -n 1 "$log") =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed(,\ ([0-9]+)\ skipped(:\ (.*))?)?$ ]]; then
    p=${BASH_REMATCH[1]} f=${BASH_REMATCH[2]} s=${BASH_REMATCH[4]:-0}
    [ "$s" = 0 ] || names+="${names:+, }${BASH_REMATCH[6]:-$name}"
  elif [ $ok = 1 ]; then
    p=1
  fi
  # A step whose command fails counts as at least one failure, whatever it printed.
  [ $ok = 1 ] || [ "$f" -gt 0 ] || f=1
  passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
  if [ "$f" = 0 ]; then
    echo "ok      $name ($((SECONDS - start)) s)  $(tail -n 1 "$log" | cut -c -90)"
  else
    echo "FAILED  $name ($((SECONDS - start)) s)"
    grep -vE '^test .* ok$' "$log" | tail -n 100
  fi
}
# Prints the names of skipped tests, and a line with the totals.
sum_up() {
  [ "$skipped" = 0 ] || echo "skipped: $names"
  echo "$passed passed, $failed failed, $skipped skipped"
  [ "$failed" -eq 0 ]
}
