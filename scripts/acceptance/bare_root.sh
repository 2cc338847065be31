#!/usr/bin/env bash
# Both commands of the README in an empty Debian 12 (debootstrap), as root, with the seconds that each part takes.
#   bash scripts/acceptance/bare_root.sh [--copy PATH]… [--bind DIR]… [--env NAME]… [ROOT]
#   --copy, --bind   a file or folder of this machine that the empty one needs too: pip configuration, certificates, wheels
#   --env            a variable that is handed in; http_proxy, https_proxy and no_proxy are anyway
#   ROOT             where the empty Debian goes (default: a new folder below /var/tmp); it is kept, and used again
# The Debian mirrors are those of this machine's apt.
set -euo pipefail
project=$(cd "$(dirname "$0")/../.." && pwd)
copies=(/etc/resolv.conf /etc/hosts)
binds=()
names=(http_proxy https_proxy no_proxy)
root=
while (($#)); do
  case $1 in
    --copy) copies+=("$2"); shift ;;
    --bind) binds+=("$2"); shift ;;
    --env) names+=("$2"); shift ;;
    *) root=$1 ;;
  esac
  shift
done
((EUID == 0)) || { echo "bare_root: debootstrap and chroot need root." >&2; exit 2; }
command -v debootstrap >/dev/null || { echo "bare_root: install debootstrap first." >&2; exit 2; }
root=${root:-$(mktemp -d /var/tmp/mmi-bare-XXXX)}

sources() {
  apt-get indextargets --format 'deb $(REPO_URI) $(CODENAME) main' 'Created-By: Packages' 'Origin: Debian' 'Component: main' |
    grep ' bookworm' | sort -u
}

mounts=()
enter() {
  local path
  for path in /proc /sys /dev "${binds[@]}"; do
    mkdir -p "$root$path"
    mount --rbind "$path" "$root$path"
    mount --make-rslave "$root$path"
    mounts+=("$root$path")
  done
}
leave() {
  local i
  for ((i = ${#mounts[@]} - 1; i >= 0; --i)); do umount -l "${mounts[i]}"; done
}
trap leave EXIT

inside() {
  local name handed=()
  for name in "${names[@]}"; do [[ -z ${!name:-} ]] || handed+=("$name=${!name}"); done
  chroot "$root" /usr/bin/env -i HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 \
    "${handed[@]}" bash -o pipefail -c "cd /root/libmmi && $1"
}

report=()
timed() {
  local title=$1 start=$SECONDS
  shift
  "$@"
  report+=("$(printf '%-34s %6d s' "$title" "$((SECONDS - start))")")
}

[[ -e $root/etc/debian_version ]] || timed "debootstrap" debootstrap --variant=minbase bookworm "$root" "$(sources | awk '$3 == "bookworm" {print $2; exit}')"
sources >"$root/etc/apt/sources.list"
for path in "${copies[@]}"; do
  mkdir -p "$root$(dirname "$path")"
  cp -aL "$path" "$root$(dirname "$path")/"
done
rm -rf "$root/root/libmmi"
git clone -q --no-hardlinks "$project" "$root/root/libmmi"
enter
timed "README: scripts/quickstart.sh" inside 'bash scripts/quickstart.sh | tee /root/quickstart.log'
while read -r line; do report+=("    $line"); done < <(grep '^setup:' "$root/root/quickstart.log")
timed "second set-up, nothing to do" inside 'bash scripts/setup.sh'
timed "second build, compiler cache warm" inside 'ccache -z >/dev/null; rm -rf build/release; bash scripts/setup.sh; ccache -s | tee /root/ccache.log'
report+=("    $(grep -m1 -E 'Hits' "$root/root/ccache.log")")
timed "README: scripts/test.sh" inside 'bash scripts/test.sh'
printf '\n%s\n' "empty Debian: $root"
printf '%s\n' "${report[@]}"
