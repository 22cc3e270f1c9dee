# Packages of Debian for the guest, from the mirror that this machine's apt uses and from
# suites that the machine itself does not follow. Nothing is installed.
#
#   archive_open DIRECTORY WHAT SUITE...   an empty DIRECTORY, entered; fails with "no WHAT"
#   archive_apt COMMAND ARGS...            apt-COMMAND for these suites; its words into log
#   archive_unpack                         all packages that were downloaded, into unpacked
set -euo pipefail

patience_s=240
what=

fail() {
    printf 'FAILED: no %s for the guest: %s\n' "$what" "$*" >&2
    exit 1
}

archive_apt() {
    local command=$1
    shift
    timeout $patience_s "apt-$command" -q -o "Dir::Etc::sourcelist=$PWD/sources" -o Dir::Etc::sourceparts=/dev/null \
        -o "Dir::State::lists=$PWD/lists" -o "Dir::Cache=$PWD/cache" -o APT::Sandbox::User=root "$@" 2>log
}

archive_open() {
    local directory=$1 mirror suite
    what=$2
    shift 2
    rm -rf "$directory"
    mkdir -p "$directory/lists/partial" "$directory/cache/archives/partial"
    cd "$directory"
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Label: Debian' | head -1)
    [ -n "$mirror" ] || fail "apt knows no mirror of Debian; see 'apt-get indextargets'"
    for suite in "$@"; do
        echo "deb [arch=amd64 signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main"
    done >sources
    archive_apt get --error-on=any update >/dev/null ||
        fail "the list of packages of $* could not be read: $(tail -3 log)"
}

archive_unpack() {
    local package
    for package in ./*.deb cache/archives/*.deb; do
        [ -e "$package" ] || continue
        dpkg -x "$package" unpacked || fail "$package could not be unpacked"
        rm "$package"
    done
}
