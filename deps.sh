#!/bin/sh
# deps.sh - what oslab is made with: looks for it, installs what is missing
#
#   deps.sh install deps             what building and checking need
#   deps.sh install dev              what developing needs besides: linters,
#                                    judges, rivals; one that cannot be had is
#                                    named, and done without
#   deps.sh flags FOLDER [--static]  writes the libraries' compiler flags into
#                                    FOLDER/cflags and FOLDER/libs
#
# Installs through apt, dnf, pacman, apk or zypper, with sudo or doas when not
# root, and prints each command it runs. Where it cannot, it prints what to
# install and exits with 1. PKG_CONFIG names another pkg-config.

# shellcheck disable=SC2046,SC2086  # unquoted are lists of words, on purpose

set -eu
pkg_config=${PKG_CONFIG:-pkg-config}

# A row a dependency: how to see that it is there, then what each package
# manager calls it (several joined by "+"; "-" where it has none).
#
#   run:PROGRAM       found in PATH
#   lib:NAME:VERSION  known to pkg-config, in this version or a newer one
#   header:FILE       below /usr/include
#   file:PATH
#   asan:CC           that compiler can link an AddressSanitizer
#
# musl has no argp: Alpine takes it from argp-standalone, all others have it.
deps='
found by              apt                  dnf                pacman            apk               zypper
run:pkg-config        pkgconf              pkgconf-pkg-config pkgconf           pkgconf           pkg-config
lib:liburing:2.3      liburing-dev         liburing-devel     liburing          liburing-dev      liburing-devel
lib:check:0.15        check                check-devel        check             check-dev         check-devel
lib:jansson:2.13      libjansson-dev       jansson-devel      jansson           jansson-dev       libjansson-devel
lib:libxxhash:0.8     libxxhash-dev        xxhash-devel       xxhash            xxhash-dev        xxhash-devel
lib:libarchive:3.4    libarchive-dev       libarchive-devel   libarchive        libarchive-dev    libarchive-devel
lib:libedit:3.1       libedit-dev          libedit-devel      libedit           libedit-dev       libedit-devel
lib:libcrypto:3.0     libssl-dev           openssl-devel      openssl           openssl-dev       libopenssl-devel
run:mke2fs            e2fsprogs            e2fsprogs          e2fsprogs         e2fsprogs         e2fsprogs
run:gnuplot           gnuplot-nox          gnuplot            gnuplot           gnuplot           gnuplot
header:argp.h         libc6-dev            glibc-devel        glibc             argp-standalone   glibc-devel
header:linux/futex.h  linux-libc-dev       kernel-headers     linux-api-headers linux-headers     linux-glibc-devel
'
dev='
found by              apt                  dnf                pacman            apk               zypper
run:clang             clang                clang              clang             clang             clang
asan:clang            libclang-rt-dev      compiler-rt        compiler-rt       compiler-rt       clang
run:clang-tidy        clang-tidy           clang-tools-extra  clang             clang-extra-tools clang-tools
run:clang-format      clang-format         clang-tools-extra  clang             clang-extra-tools clang-tools
run:cppcheck          cppcheck             cppcheck           cppcheck          cppcheck          cppcheck
run:shellcheck        shellcheck           ShellCheck         shellcheck        shellcheck        ShellCheck
run:valgrind          valgrind+libc6-dbg   valgrind           valgrind          valgrind          valgrind
run:setpriv           util-linux           util-linux         util-linux        setpriv           util-linux
run:script            bsdutils             util-linux-script  util-linux        util-linux-misc   util-linux
run:sfdisk            fdisk                util-linux         util-linux        sfdisk            util-linux
run:ps                procps               procps-ng          procps-ng         procps-ng         procps
run:nc                netcat-openbsd       nmap-ncat          openbsd-netcat    netcat-openbsd    netcat-openbsd
run:curl              curl                 curl               curl              curl              curl
run:genext2fs         genext2fs            genext2fs          -                 genext2fs         genext2fs
run:perf              linux-perf           perf               perf              perf              perf
run:hackbench         rt-tests             realtime-tests     rt-tests          rt-tests          rt-tests
run:stress-ng         stress-ng            stress-ng          stress-ng         stress-ng         stress-ng
lib:ck:0.6            libck-dev            ck-devel           -                 -                 concurrencykit-devel
run:g++               g++                  gcc-c++            gcc               g++               gcc-c++
header:boost/lockfree libboost-dev         boost-devel        boost             boost-dev         libboost_headers-devel
header:boost/context  libboost-context-dev boost-devel        boost             boost-dev         libboost_context-devel
file:/usr/aarch64-linux-gnu/include/stdio.h libc6-dev-arm64-cross - - - -
'

die() {
	echo "deps.sh: $*" >&2
	exit 1
}

found() {
	thing=${1#*:}
	case $1 in
	run:pkg-config) command -v "$pkg_config" ;;
	run:*) PATH=$PATH:/usr/sbin:/sbin command -v "$thing" ;;
	lib:*) "$pkg_config" --exists "${thing%:*} >= ${thing#*:}" ;;
	header:*) [ -e "/usr/include/$thing" ] ;;
	file:*) [ -e "$thing" ] ;;
	asan:*) echo 'int main(void) { return 0; }' |
		"$thing" -fsanitize=address -x c - -o /dev/null ;;
	esac >/dev/null 2>&1
}

# "lib:liburing:2.3" in words.
spoken() {
	case $1 in
	lib:*:*) echo "$1" | sed 's/lib:\(.*\):\(.*\)/\1 (\2 or newer)/' ;;
	asan:*) echo "the sanitizers of ${1#*:}" ;;
	*) echo "${1#*:}" ;;
	esac
}

# The rows of a table that are not found, a line each: in words, or as the
# packages of a manager ("-": it has none).
# shellcheck disable=SC2034  # the columns are read by name
missing() {
	printf '%s\n' "$1" | sed 1,2d |
		while read -r what apt dnf pacman apk zypper; do
			if [ -z "$what" ] || found "$what"; then
				continue
			elif [ "$2" = words ]; then
				spoken "$what"
			else
				eval "echo \"\$$2\"" | tr + '\n'
			fi
		done | sort -u
}

joined() {
	tr '\n' ',' | sed 's/,$//; s/,/, /g'
}

run() {
	echo "$@"
	"$@"
}

# What the manager knows of its archive is refreshed once: when it knows
# nothing yet, or when an installation failed. dnf and zypper do it themselves.
refresh() {
	refreshed=yes
	case $manager in
	apt) run $sudo apt-get update -q ;;
	pacman) run $sudo pacman -Sy ;;
	apk) run $sudo apk update ;;
	esac
}

knows_nothing() {
	case $manager in
	apt) ! ls /var/lib/apt/lists/*_Packages* ;;
	pacman) ! ls /var/lib/pacman/sync/*.db ;;
	apk) ! ls /var/cache/apk/APKINDEX* ;;
	*) false ;;
	esac >/dev/null 2>&1
}

installer() {
	case $manager in
	apt) echo env DEBIAN_FRONTEND=noninteractive \
		apt-get install -y -q --no-install-recommends ;;
	dnf) echo dnf install -y ;;
	pacman) echo pacman -S --needed --noconfirm ;;
	apk) echo apk add ;;
	zypper) echo zypper --non-interactive install ;;
	esac
}

# All at once; where that fails, each by itself, so that one package that this
# distribution does not have keeps nobody from the others.
install_packages() {
	if knows_nothing; then
		refresh || return
	fi
	run $sudo $(installer) "$@" && return
	if [ -z "$refreshed" ]; then
		refresh || return
		run $sudo $(installer) "$@" && return
	fi
	for package; do
		run $sudo $(installer) "$package" || :
	done
}

install() {
	table=$1
	manager='' sudo='' refreshed=''

	words=$(missing "$table" words | joined)
	if [ -z "$words" ]; then
		echo "deps.sh: $2: all there"
		return
	fi
	for candidate in apt:apt-get dnf:dnf pacman:pacman apk:apk \
		zypper:zypper; do
		if command -v "${candidate#*:}" >/dev/null; then
			manager=${candidate%:*}
			break
		fi
	done
	[ "$manager" ] || die "found no apt, dnf, pacman, apk or zypper;" \
		"please install: $words"

	case $manager in
	dnf | zypper) refreshed=yes ;;
	esac
	packages=$(missing "$table" "$manager" | grep -v '^-$' | tr '\n' ' ')
	if [ "$(id -u)" != 0 ]; then
		for candidate in sudo doas; do
			if command -v "$candidate" >/dev/null; then
				sudo=$candidate
				break
			fi
		done
		[ "$sudo" ] || die "not root, and found no sudo;" \
			"please run as root: $(installer) $packages"
	fi
	[ -z "$packages" ] || install_packages $packages || :

	words=$(missing "$table" words | joined)
	if [ -z "$words" ]; then
		return
	elif [ "$2" = dev ]; then
		echo "deps.sh: not to be had here, skipped: $words"
	else
		die "$manager could not provide: $words"
	fi
}

# What programs are compiled and linked with. A file is only written when it
# would change, so that its time tells make whether to build anew.
flags() {
	folder=$1
	static=${2-}
	libraries='liburing check jansson libxxhash libedit libcrypto'
	# A static libarchive wants a dozen static libraries more.
	archive=-DOSLAB_WITHOUT_ARCHIVE
	if [ -z "$static" ]; then
		libraries="$libraries libarchive" archive=
	fi

	words=$(missing "$deps" words | grep -vx -e gnuplot -e mke2fs | joined)
	[ -z "$words" ] || die "missing here: $words; 'make deps' installs it"
	argp=''
	if ls /usr/lib*/libargp.* >/dev/null 2>&1; then
		argp=-largp
	fi
	keep "$folder/cflags" \
		"$("$pkg_config" $static --cflags $libraries) $archive"
	keep "$folder/libs" \
		"$("$pkg_config" $static --libs $libraries) $argp -lrt -lm"
}

keep() {
	if ! [ -e "$1" ] || [ "$2" != "$(cat "$1")" ]; then
		echo "$2" >"$1.new"
		mv "$1.new" "$1"
	fi
}

case ${1-}:${2-} in
install:deps) install "$deps" deps ;;
install:dev) install "$dev" dev ;;
flags:?*) shift; flags "$@" ;;
*) sed -n '2,/^$/s/^# \{0,1\}//p' "$0" >&2; exit 1 ;;
esac
