#!/usr/bin/env bash
# Does what the Dockerfile says without a container engine, on this machine's Node instead of the base image's, then runs
# the result as a container would: its user, nothing it can write to, the first process of its own. Needs Linux and root.
set -euo pipefail
cd "$(dirname "$0")/.."

scratch=$(mktemp -d)
started=
trap '[ -z "$started" ] || kill -KILL "$started"; rm -rf "$scratch"' EXIT
fail() {
  echo "check-container-steps: $*" >&2
  exit 1
}
[ "$(id -u)" -eq 0 ] || fail "expected to be run by root, which may give up its rights and make a mount read-only."

# The context: what .dockerignore lets in, of the files that git knows.
context="$scratch/context"
mkdir "$context"
sed -n 's/^!//p' .dockerignore | xargs git ls-files -z --cached --others --exclude-standard -- |
  xargs -0 cp --parents --target-directory="$context"

# Each stage is a folder; what ends in a backslash goes on in the next line.
stages=0
environment=()
while read -r instruction arguments; do
  case "$instruction" in
    '#'* | '' | ARG | LABEL | EXPOSE) ;;
    FROM)
      stage=${arguments##* AS }
      [ "$stage" != "$arguments" ] || stage=final
      root="$scratch/stages/$stage"
      mkdir -p "$root"
      stages=$((stages + 1))
      ;;
    WORKDIR)
      workdir=$arguments
      mkdir -p "$root$workdir"
      ;;
    COPY)
      from=$context
      case "$arguments" in
        --from=*)
          from="$scratch/stages/${arguments#--from=}"
          from=${from%% *}
          arguments=${arguments#* }
          ;;
      esac
      # All of them go into the present folder, and a folder gives what is in it.
      [ "${arguments##* }" = ./ ] || fail "knows COPY into ./ only, not: $arguments"
      for source in ${arguments% *}; do
        for path in "$from"/${source#/}; do
          if [ -d "$path" ]; then cp -a "$path/." "$root$workdir"; else cp -a "$path" "$root$workdir"; fi
        done
      done
      ;;
    RUN)
      echo "$stage: $arguments"
      (cd "$root$workdir" && bash -euc "$arguments" >"$scratch/log" 2>&1) || fail "$(cat "$scratch/log")"
      ;;
    ENV) read -ra environment <<<"$arguments" ;;
    USER) user=$arguments ;;
    HEALTHCHECK) probe=${arguments#*CMD } ;;
    ENTRYPOINT) entrypoint=$arguments ;;
    CMD) command=$arguments ;;
    *) fail "does not know $instruction." ;;
  esac
done < <(sed -e ':more' -e '/\\$/{N;s/ *\\\n */ /;b more' -e '}' Dockerfile)
[ "$stages" -eq 3 ] || fail "expected three stages, found $stages."

# The image as the root of a file system that cannot be written to, with this machine's libraries and Node.
image="$scratch/stages/final"
mkdir "$image"/{bin,dev,etc,lib,lib64,node,proc,usr}
cp "$(node -p process.execPath)" "$image/node/node"

# Runs a list of words, which is JSON, with the variables of the image and those that are given, as the first process of its own.
contained() {
  local words
  mapfile -t words < <(node -e 'for (const word of JSON.parse(process.argv[1])) console.log(word)' "$1")
  shift
  exec unshare --pid --fork --kill-child --mount bash -euc '
    image=$1 user=$2
    shift 2
    mount --bind "$image" "$image"
    for folder in bin dev etc lib lib64 usr; do mount --rbind "/$folder" "$image/$folder"; done
    mount -t proc proc "$image/proc"
    mount -o remount,bind,ro "$image"
    exec chroot "$image" setpriv --reuid="${user%:*}" --regid="${user#*:}" --clear-groups --no-new-privs --bounding-set=-all \
      env --ignore-environment --chdir='"$workdir"' PATH=/node:/usr/bin:/bin "$@"
  ' contained "$image" "$user" "${environment[@]}" "$@" "${words[@]}"
}

echo "final: what it is started with, without an access file"
refusal=$( (contained "${entrypoint%]}, ${command#[}" IMM_EMULATOR=true) 2>&1) && fail "it listens for all although no caller is asked who it is."
[[ $refusal == *ACCESS_FILE* ]] || fail "$refusal"

echo "final: a file beside the program"
written=$( (contained '["node", "-e", "fs.writeFileSync(\"/app/file\", \"\")"]') 2>&1) && fail "it can write below /app."
[[ $written == *EROFS* ]] || fail "$written"

echo "final: what it is started with, on the emulator"
port=$(node -e 'net.createServer().listen(0, function () { console.log(this.address().port); this.close(); })')
given=(IMM_EMULATOR=true INSECURE_NO_AUTH=true PORT="$port" DRAIN_DELAY_MS=0)
coproc gateway { contained "${entrypoint%]}, ${command#[}" "${given[@]}" 2>"$scratch/log"; }
# Bash forgets both when it has ended.
started=$gateway_PID
read -r -t 60 line <&"${gateway[0]}" || fail "it does not start: $(cat "$scratch/log")"
[[ $line == *serves* ]] || fail "$line"

echo "final: HEALTHCHECK"
(contained "$probe" PORT="$port") || fail "the probe fails."
(contained "$probe" PORT=1) && fail "the probe does not see that nothing listens."

echo "final: a query"
answer=$(node -e 'fetch(process.argv[1]).then(async (answer) => console.log(await answer.text()))' \
  "http://127.0.0.1:$port/graphql/stream?query=%7BtaskTypes%7Bname%7D%7D")
[[ $answer == *FileCompression* ]] || fail "$answer"

echo "final: SIGTERM to its first process"
mapfile -d " " -t children <"/proc/$started/task/$started/children"
node_pid=${children[-1]}
grep --quiet --extended-regexp '^NSpid:.*\s1$' "/proc/$node_pid/status" || fail "Node is not the first process: $(cat "/proc/$node_pid/status")"
kill -TERM "$node_pid"
status=0
wait "$started" || status=$?
started=
[ "$status" -eq 0 ] || fail "it ended with $status: $(cat "$scratch/log")"
grep --quiet '"Stopped."' "$scratch/log" || fail "it was not stopped cleanly: $(cat "$scratch/log")"
echo "All steps did what they should, on Node $(node --version)."
