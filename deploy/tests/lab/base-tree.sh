#!/bin/bash
# Builds the tree every test host starts from: a bare Debian with sshd and Python, and the kit's packages downloaded
# into its cache, so that a host installs without any network at all.
#
#   base-tree.sh SUITE DIRECTORY APT_SOURCES_FILE        SUITE: bookworm (Debian 12) or trixie (Debian 13)
set -euo pipefail
suite=$1 directory=$2 sources=$3

case $suite in
  bookworm) postgresql=15 ;;
  trixie) postgresql=17 ;;
  *) echo "base-tree.sh: unknown suite $suite; use bookworm or trixie" >&2; exit 2 ;;
esac

bare="systemd,systemd-sysv,dbus,openssh-server,python3,python3-apt,ca-certificates,iproute2,sudo"
kit="postgresql-$postgresql postgresql-client-$postgresql pgbackrest nginx-light python3-venv chrony curl openssl age acl"
kit="$kit nftables dehydrated pebble unattended-upgrades prometheus-node-exporter prometheus-postgres-exporter"

adapted=$(mktemp); trap 'rm -f "$adapted"' EXIT
sed "s/$(. /etc/os-release; echo "$VERSION_CODENAME")/$suite/g" "$sources" > "$adapted"

mmdebstrap --quiet --variant=minbase --skip=cleanup/apt --include="$bare" \
  --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
  --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt=force-unsafe-io \
  --customize-hook='rm -f "$1"/etc/ssh/ssh_host_*; : > "$1/etc/machine-id"' \
  --customize-hook="chroot \"\$1\" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends --download-only $kit >/dev/null" \
  "$suite" "$directory" "$adapted"

# Each host makes its own SSH keys at its first start.
mkdir -p "$directory/etc/systemd/system/ssh.service.d"
printf '[Service]\nExecStartPre=\nExecStartPre=/usr/bin/ssh-keygen -A\nExecStartPre=/usr/sbin/sshd -t\n' \
  > "$directory/etc/systemd/system/ssh.service.d/keys.conf"
touch "$directory/var/lib/apt/periodic/update-success-stamp"
