#!/usr/bin/env bash
# A machine within this one: systemd as process 1 of namespaces of its own, on a copy of the file system that is gone
# with it. Needs root.
#
#   machine.sh FOLDER     runs until killed; FOLDER/files is copied to /files within
#   machine.sh --probe    says why there can't be one here; nothing if there can
#
# Nothing that happens within reaches the outside: writes go to a tmpfs over the file system, processes, users' mail,
# network and control groups are its own.
set -euo pipefail

readonly folder=${1:?a folder}
readonly group=/sys/fs/cgroup/unified
readonly namespaces=(--mount --pid --fork --kill-child --cgroup --ipc --uts --net --propagation private)
export folder

# Where this machine has only the newer control groups, they are not in a folder of their own.
parent=/sys/fs/cgroup
[[ ! -d $group ]] || parent=$group

# What a container or a user without rights is commonly denied: a control group, the namespaces, each kind of mount.
if [[ $folder == --probe ]]; then
    mkdir "$parent/eventrelay-probe-$$"
    rmdir "$parent/eventrelay-probe-$$"
    exec unshare "${namespaces[@]}" bash -c '
set -euo pipefail
mount -t tmpfs tmpfs /tmp
mkdir /tmp/upper /tmp/work /tmp/merged
mount -t overlay overlay -o lowerdir=/,upperdir=/tmp/upper,workdir=/tmp/work /tmp/merged
mount -t proc proc /tmp/merged/proc
mount -t sysfs sysfs /tmp/merged/sys
mount -t cgroup2 cgroup2 /tmp/merged/sys/fs/cgroup
'
fi

mkdir -p "$parent/${folder##*/}"
echo $$ >"$parent/${folder##*/}/cgroup.procs"

# shellcheck disable=SC2016  # Expanded by the bash within.
exec unshare "${namespaces[@]}" bash -c '
set -euo pipefail
mount -t tmpfs tmpfs "$folder/root"
cd "$folder/root"
mkdir upper work merged
cp -r "$folder/files" upper/files
mount -t overlay overlay -o "lowerdir=/,upperdir=upper,workdir=work" merged
cd merged
# Images for containers forbid that a package starts a service.
rm -f usr/sbin/policy-rc.d
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs dev
for device in null zero full random urandom tty; do
    touch "dev/$device"
    mount --bind "/dev/$device" "dev/$device"
done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
mount -t tmpfs -o mode=1777 tmpfs dev/shm
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
ip link set lo up
mkdir outside
pivot_root . outside
umount --lazy /outside
exec env -i container=namespaces PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    /lib/systemd/systemd --unit=basic.target --log-target=null --show-status=no
'
