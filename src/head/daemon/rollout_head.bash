# A head node with an image and two releases, and nodes n1 to n3 that curl plays; $mangrovectl and $mangrove_head are the programs.
work=$(mktemp -d)
head=
end() {
    [ -z "$head" ] || kill -9 "$head" 2>/dev/null || true
    rm -rf "$work"
}
trap end EXIT
cd "$work"
export MANGROVE_STORE=$work/state/images MANGROVE_PUBLICATIONS=$work/state/publications MANGROVE_DATABASE=$work/state/nodes.db
mkdir -p state web bin tree/usr/lib/modules/6.1.0 files/etc
echo a kernel >tree/usr/lib/modules/6.1.0/vmlinuz
touch tree/usr/lib/modules/6.1.0/modules.dep
# In the place of mangrove, which makes initramfses of real modules.
printf '#!/bin/sh\n[ "$1" = initramfs ] || exit 0\nwhile [ "$1" != --output ]; do shift; done\necho an initramfs >"$2"\n' >mangrove
touch bin/systemctl
chmod +x mangrove bin/systemctl
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
http=$(free_port)
cat >head.yaml <<END
address: [127.0.0.1]
http: $http
https: $(free_port)
trust: open
state: $work/state
socket: $work/api
nodes_per_second: 1000
burst: 1000
END

fail() {
    echo "FAIL: $1"
    shift
    printf '%s\n' "$@"
    cat log 2>/dev/null
    exit 1
}
must_be() { [ "$1" = "$2" ] || fail "$3: '$1' and not '$2'"; }
must_have() {
    case $2 in *"$1"*) ;; *) fail "$3: no '$1' in" "$2" ;; esac
}
ctl() { "$mangrovectl" "$@" 2>said || fail "mangrovectl $*: $(cat said)"; }
start() {
    "$mangrove_head" --configuration head.yaml >>log 2>&1 &
    head=$!
    for _ in {1..300}; do
        curl -s --unix-socket api http://head/v1/status >/dev/null && return
        sleep 0.1
    done
    fail "it does not start"
}
# As a loss of power does.
kill_head() {
    kill -9 "$head"
    wait "$head" 2>/dev/null || true
    start
}
until_have() {
    for _ in {1..300}; do
        case $("${@:2}") in *"$1"*) return ;; esac
        sleep 0.1
    done
    fail "no '$1' in ${*:2}:" "$("${@:2}")"
}
get() { curl -s "http://127.0.0.1:$http$1" "${@:2}"; }
script_of() { get "/boot/52-54-00-00-00-0$1.ipxe"; }
# The release that a node is served, from its script.
served() { script_of "$1" | sed -n 's/.*mangrove.definition=[^ ]*&release=\([^ ]*\) .*/\1/p'; }
post() {
    local status
    status=$(get "$1" -o answer -w '%{http_code}' -d "$2")
    [ "$status" = 204 ] || [ "$status" = 200 ] || fail "POST $1: $status $(cat answer)"
}
# report NODE RELEASE BOOT [MEMBER], as the program on the node posts it.
report() { post "/n/report?node=n$1&release=$2" "{\"release\":\"$2\",\"boot_id\":\"$3\",\"fallback\":${4:-false}}"; }
health() { post "/n/health?node=n$1${4:+&release=$4}" "{\"boot_id\":\"$2\",\"system\":\"${3:-running}\",\"failed_units\":[],\"problems\":[],\"programs\":[]}"; }
state_of() { ctl rollout show "$1" --json | python3 -c '
import json, sys
for state, nodes in json.load(sys.stdin)["states"].items(): print(state, nodes)'; }
status_of() { ctl rollout show "$1" --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["status"])'; }


ctl image build lab --from tree --mangrove "$work/mangrove" >/dev/null
ctl publish lab --over http --address 127.0.0.1 --directory "$work/web" --no-check >/dev/null
echo one >files/etc/motd
ctl files import base --from files >/dev/null
first=$(ctl release make lab --files base --argument first)
echo two >files/etc/motd
ctl files import base --from files >/dev/null
second=$(ctl release make lab --files base --argument second --definition '{"timeout":7}')
for number in 1 2 3; do
    ctl node add n$number macs=52:54:00:00:00:0$number values.rack=$((number % 2)) values.image=lab --yes >/dev/null
done
