#!/usr/bin/env bash
# Pastes README's lines for a fresh Debian into one: installs there, and builds tests/consumer by its lines for g++.
# Wants root and debootstrap; FOLDER is made, or taken as it is if it holds a Debian already.
# usage: fresh_install.sh FOLDER
set -euo pipefail

folder=$1
root=$(cd "$(dirname "$0")/.." && pwd)
if [[ ! -x $folder/bin/bash ]]; then debootstrap --variant=minbase bookworm "$folder"; fi

block_after() {  # words: the first fenced block of README below a line that has them
    awk -v words="$1" '!seen { seen = index($0, words); next } /^```/ { if (inside) exit; inside = 1; next } inside' \
        "$root/README.md"
}

install_lines=$(block_after 'a Debian 12 with nothing on it')
link_lines=$(block_after 'pkg-config, shared and static')
[[ $install_lines == *ldconfig* && $link_lines == *pkg-config* ]] || { echo "README has other lines" && exit 1; }

rm -rf "$folder/embergrad" && mkdir "$folder/embergrad"
(cd "$root" && git ls-files -z --cached --others --exclude-standard | tar -c --null -T -) | tar -x -C "$folder/embergrad"
cp "$root/tests/consumer/consumer.cpp" "$folder/embergrad/mine.cpp"

run_there() { chroot "$folder" /usr/bin/env -i PATH="$PATH" HOME=/root bash -e -c "cd /embergrad && $1"; }

run_there "$install_lines"
while IFS= read -r line; do
    run_there "rm -f mine && $line && ./mine"
done <<<"$link_lines"
run_there '! ldd mine | grep libembergrad'  # the last one is static
echo "a fresh Debian installs, links and runs it as README says"
