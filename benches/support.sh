# What the scripts here share: one build, one server on loopback, and one way to measure a command. To be sourced.
# shellcheck shell=bash

export LC_ALL=C # a point in decimal numbers, and no rules of a language in sorting

need() {
  command -v "$1" >/dev/null 2>&1 || { echo "$0: $1 is not installed ($2)" >&2; exit 1; }
}

# Builds the command. Sets $tool, and $work, a directory that goes again.
prepare() {
  need cargo 'see https://rustup.rs'
  root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
  cargo build --release --locked --quiet --manifest-path "$root/Cargo.toml"
  target=$(cargo metadata --no-deps --format-version 1 --manifest-path "$root/Cargo.toml" |
    sed 's/.*"target_directory":"\([^"]*\)".*/\1/')
  # shellcheck disable=SC2034 # for those who source this
  tool=$target/release/imocha-cancel
  work=$(mktemp -d)
  trap end EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  export no_proxy=127.0.0.1 NO_PROXY=127.0.0.1
}

# Builds the command and the server, and starts the server. Sets also $url.
begin() {
  need curl 'package curl'
  need /usr/bin/time 'package time'
  prepare
  cargo build --release --locked --quiet --manifest-path "$root/Cargo.toml" --example loopback-server
  "$target/release/examples/loopback-server" >"$work/url" &
  local server=$!
  while ! [ -s "$work/url" ]; do
    kill -0 "$server" 2>/dev/null || { echo "$0: the local server did not start" >&2; exit 1; }
    sleep 0.05
  done
  url=$(cat "$work/url")
  export IMOCHA_API_KEY=none-is-needed
}

# Ends what runs in the background and takes $work away, whatever else is asked meanwhile.
end() {
  trap '' INT TERM HUP
  local process
  for process in $(jobs -p); do
    kill "$process" 2>/dev/null || true # it may have been told to end, too
  done
  # A tool that was told to end as well may still write its last.
  rm -rf "$work" 2>/dev/null || { sleep 1; rm -rf "$work"; }
}

# calls: how many cancellations the server got since it was asked last, over how many seconds, and the most within one.
calls() {
  curl --silent --show-error --write-out '\n' "$url/calls" | tr -c '0-9.\n' ' '
}

# measure NAME COMMAND...: runs a command, at the most for two minutes, and appends a line to $work/figures:
# NAME  calls at the server  seconds  seconds of processor time  KiB of the largest process
measure() {
  local name=$1 begun ended status=0
  shift
  calls >/dev/null
  begun=$EPOCHREALTIME
  /usr/bin/time --quiet -o "$work/time" -f '%U %S %M' timeout --foreground 120 "$@" </dev/null >"$work/out" \
    2>"$work/err" || status=$?
  ended=$EPOCHREALTIME
  if [ "$status" != 0 ]; then
    echo "$0: $name failed ($status): $(head -c 300 "$work/err")" >&2
    exit 1
  fi
  local user system size count rest
  read -r user system size <"$work/time"
  read -r count rest < <(calls)
  awk -v name="$name" -v count="$count" -v begun="$begun" -v ended="$ended" -v cpu="$user $system" -v size="$size" '
    BEGIN { split(cpu, time, " "); print name, count, ended - begun, time[1] + time[2], size }' >>"$work/figures"
}

# rows COUNT: an export of so many rows.
rows() {
  awk -v rows="$1" 'BEGIN {
    print "testInvitationId,name,email,team,status"
    for (row = 1; row <= rows; row++)
      printf "%d,Candidate %d,candidate.%d@example.com,team %d,Pending\n", 2900000 + row, row, row, row % 7
  }'
}

# Which machine this is, in a line.
machine() {
  local model cores
  model=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1)
  cores=$(getconf _NPROCESSORS_ONLN)
  echo "$(date -u +%F), $cores cores (${model:-unknown}), Linux $(uname -r | cut -d- -f1)," \
    "$(rustc --version | cut -d' ' -f1,2)"
}
