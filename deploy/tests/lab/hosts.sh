#!/bin/bash
# Test hosts: real Debian machines with systemd as process 1, each an overlay on one base tree, on a bridge of their
# own without any way out. Needs root, systemd-nspawn and a kernel with network namespaces.
#
#   LAB=directory BASE=tree hosts.sh up NAME... | down | renew NAME | status
#                                    powercut NAME | poweron NAME | shell NAME COMMAND...
set -euo pipefail
LAB=${LAB:?set LAB to a working directory}
BASE=${BASE:-$LAB/base}
NETWORK=${NETWORK:-10.91.0}
BRIDGE=${BRIDGE:-imslab0}
mkdir -p "$LAB/hosts"
SSH="ssh -q -i $LAB/id -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o ConnectTimeout=1 -o BatchMode=yes"

lan_up() {
  ip link show "$BRIDGE" >/dev/null 2>&1 && return 0
  ip link add "$BRIDGE" type bridge
  ip addr add "$NETWORK.1/24" dev "$BRIDGE"
  ip link set "$BRIDGE" up
}
lan_down() { ip link del "$BRIDGE" 2>/dev/null || true; }

cable_out() {
  ip link del "v-$BRIDGE-$1" 2>/dev/null || true
  ip netns del "$BRIDGE-$1" 2>/dev/null || true
}
cable_in() { # interface names have 15 characters at most: keep host names short
  local name=$1 address; address=$(cat "$LAB/hosts/$name/ip"); cable_out "$name"
  ip netns add "$BRIDGE-$name"
  ip link add "v-$BRIDGE-$name" type veth peer name host0 netns "$BRIDGE-$name"
  ip link set "v-$BRIDGE-$name" master "$BRIDGE" up
  ip -n "$BRIDGE-$name" link set lo up
  ip -n "$BRIDGE-$name" addr add "$address/24" dev host0
  ip -n "$BRIDGE-$name" link set host0 up
}

# Where control groups are made: in each hierarchy systemd may use, or at the top where there is but one.
if [ -e /sys/fs/cgroup/cgroup.controllers ]; then GROUPS_AT=/sys/fs/cgroup; else GROUPS_AT="/sys/fs/cgroup/unified /sys/fs/cgroup/systemd"; fi

boot() {
  local name=$1 directory=$LAB/hosts/$1 hierarchy
  for hierarchy in $GROUPS_AT; do mkdir -p "$hierarchy/$BRIDGE-$name"; done
  # 133 is how a host says it rebooted itself; a control group each, or all machines land in one.
  SYSTEMD_NSPAWN_API_VFS_WRITABLE=network SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 setsid bash -c '
    for hierarchy in '"$GROUPS_AT"'; do echo $$ > $hierarchy/'"$BRIDGE-$name"'/cgroup.procs; done
    while :; do
      code=0; systemd-nspawn -q -D '"$directory"'/root --machine='"$BRIDGE-$name"' --hostname='"$name"' \
        --register=no --keep-unit --boot --network-namespace-path=/run/netns/'"$BRIDGE-$name"' \
        --resolv-conf=off --timezone=off --link-journal=no \
        --capability=CAP_NET_ADMIN,CAP_SYS_RESOURCE --console=pipe || code=$?
      [ $code = 133 ] || exit $code
    done' > "$directory/console.log" 2>&1 < /dev/null &
  echo $! > "$directory/pid"
}
leader() {
  local nspawn; nspawn=$(pgrep -P "$(cat "$LAB/hosts/$1/pid")" -x systemd-nspawn) && pgrep -P "$nspawn" | head -1
}
kill_tree() {
  local name=$1 runner first
  runner=$(cat "$LAB/hosts/$name/pid" 2>/dev/null || true)
  [ -n "$runner" ] && kill -0 "$runner" 2>/dev/null || return 0
  first=$(leader "$name" || true)
  kill -9 "$runner"; [ -n "$first" ] && kill -9 "$first" || true
  for _ in $(seq 100); do [ -n "$first" ] && kill -0 "$first" 2>/dev/null || break; sleep .05; done
}

overlay() {
  mkdir -p "$2"/own/{up,wk}
  mount -t overlay "$BRIDGE-$1" -o "lowerdir=$BASE,upperdir=$2/own/up,workdir=$2/own/wk" "$2/root"
}
make_host() {
  local name=$1 address=$2 directory=$LAB/hosts/$1
  mkdir -p "$directory"/{root,own}; echo "$address" > "$directory/ip"
  if ! mountpoint -q "$directory/root"; then
    overlay "$name" "$directory" 2>/dev/null || {
      # What the host writes cannot lie on a file system that is an overlay itself, as in many containers.
      mount -t tmpfs -o size=3g "$BRIDGE-$name-own" "$directory/own"; overlay "$name" "$directory"; }
  fi
  echo "$name" > "$directory/root/etc/hostname"
  cp "$LAB/etc_hosts" "$directory/root/etc/hosts"
  install -d -m 700 "$directory/root/root/.ssh"
  install -m 600 "$LAB/id.pub" "$directory/root/root/.ssh/authorized_keys"
  cable_in "$name"; boot "$name"
}
wait_ssh() {
  local name=$1 address; address=$(cat "$LAB/hosts/$name/ip")
  for _ in $(seq 150); do $SSH "root@$address" true </dev/null && return 0; sleep .2; done
  echo "$name does not answer on SSH; see $LAB/hosts/$name/console.log" >&2; return 1
}
remove_host() {
  local name=$1 directory=$LAB/hosts/$1 hierarchy
  kill_tree "$name"; sleep .2; cable_out "$name"
  umount "$directory/root" 2>/dev/null || umount -l "$directory/root" 2>/dev/null || true
  ! mountpoint -q "$directory/own" || umount -l "$directory/own"
  for hierarchy in $GROUPS_AT; do
    find "$hierarchy/$BRIDGE-$name" -depth -type d -exec rmdir {} \; 2>/dev/null || true
  done
  rm -rf --one-file-system "$directory"
}

case ${1:?say what to do} in
  up) shift
    [ -f "$LAB/id" ] || ssh-keygen -q -t ed25519 -N '' -f "$LAB/id"
    lan_up
    echo "127.0.0.1 localhost" > "$LAB/etc_hosts"
    number=11; for name in "$@"; do echo "$NETWORK.$number $name" >> "$LAB/etc_hosts"; number=$((number + 1)); done
    number=11; for name in "$@"; do make_host "$name" "$NETWORK.$number"; number=$((number + 1)); done
    for name in "$@"; do wait_ssh "$name"; done ;;
  renew) remove_host "$2"; make_host "$2" "$(awk -v name="$2" '$2 == name {print $1}' "$LAB/etc_hosts")"; wait_ssh "$2" ;;
  down) for directory in "$LAB"/hosts/*/; do [ -d "$directory" ] && remove_host "$(basename "$directory")"; done; lan_down ;;
  status) for directory in "$LAB"/hosts/*/; do
      name=$(basename "$directory")
      echo "$name $(cat "$directory/ip") $($SSH "root@$(cat "$directory/ip")" systemctl is-system-running </dev/null || true)"
    done ;;
  powercut) kill_tree "$2"; cable_out "$2" ;;
  poweron) cable_in "$2"; boot "$2"; wait_ssh "$2" ;;
  shell) name=$2; shift 2
    exec nsenter -t "$(leader "$name")" -a -- env -i HOME=/root LANG=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@" ;;
  *) echo "hosts.sh: cannot do '$1'" >&2; exit 2 ;;
esac
