# SPDX-License-Identifier: MIT
# apt.sh - apt-get and dpkg in a scratch root, from a repository of the script's own, over HTTP on loopback.
[ "$(id -u)" = 0 ] || cannot "needs to be root"
mkdir -p repository pack/DEBIAN pack/usr/share/suite root/var/lib/dpkg/{info,updates} root/etc/apt/{preferences,apt.conf,trusted.gpg,sources.list}.d root/state/lists/partial root/cache/archives/partial
touch root/var/lib/dpkg/status
for version in 1 2; do
	printf 'Package: suite-file\nVersion: %s\nArchitecture: all\nMaintainer: A <a@b>\nDescription: a file\n' $version >pack/DEBIAN/control
	printf '#!/bin/sh\necho configured $1 $2\n' >pack/DEBIAN/postinst && chmod 755 pack/DEBIAN/postinst
	seq $((version * 1000)) >pack/usr/share/suite/file
	dpkg-deb -b pack repository/suite-file_$version.deb >/dev/null
	[ $version = 1 ] && cp repository/suite-file_1.deb first.deb
done
(cd repository && for file in *.deb; do
	dpkg-deb -f $file && printf 'Filename: ./%s\nSize: %s\nSHA256: %s\n\n' $file "$(stat -c %s $file)" "$(sha256sum <$file | cut -c 1-64)"
done >Packages)
background python3 -m http.server "$SUITE_PORT" --bind 127.0.0.1 --directory repository
until_there listens "$SUITE_PORT"
echo "deb [trusted=yes] http://127.0.0.1:$SUITE_PORT ./" >root/etc/apt/sources.list
APT="-qq -o Dir=$PWD/root -o Dir::Etc=$PWD/root/etc/apt -o Dir::State=$PWD/root/state -o Dir::State::status=$PWD/root/var/lib/dpkg/status -o Dir::Cache=$PWD/root/cache -o APT::Sandbox::User=root -o Dir::Log=$PWD -o Dpkg::Use-Pty=0 -o DPkg::Options::=--root=$PWD/root -o DPkg::Options::=--force-script-chrootless -o Dir::Bin::dpkg=/usr/bin/dpkg -o Dir::Bin::methods=/usr/lib/apt/methods"
export DEBIAN_FRONTEND=noninteractive LC_ALL=C
same update apt-get $APT update
same candidates apt-cache $APT policy suite-file
same unpack dpkg --root="$PWD/root" --force-script-chrootless --log=/dev/null -i first.deb
same installed dpkg --root="$PWD/root" -l suite-file
same upgrade bash -c "apt-get $APT -y install suite-file 2>&1 | grep -v '^(Reading\|^Fetched'"
is upgraded 2000 bash -c 'wc -l <root/usr/share/suite/file'
is verify '' dpkg --root="$PWD/root" -V suite-file
same simulate apt-get $APT -s remove suite-file
same remove bash -c "apt-get $APT -y purge suite-file 2>&1 | grep -v '^(Reading'"
is nothing_left '' bash -c 'find root/usr -type f 2>/dev/null; true'
