#!/usr/bin/env bash
# Goal:   what `cmake --install` leaves is enough for a program of somebody else's.
# Method: installed into a fresh folder; a consumer that sees nothing but that is built by
#         CMake and by pkg-config, against the shared library and the static one, and each
#         of the four serves. Only public names are to be seen in either library.
. "$(dirname "$0")/lib.sh"

root=$work/root
export PKG_CONFIG_PATH=$root/lib/pkgconfig CFLAGS=$CONSUMER_FLAGS LDFLAGS=$CONSUMER_FLAGS
export LD_LIBRARY_PATH=$root/lib
cmake --install "$BUILD" --prefix "$root" >"$work/log" || fail "$(cat "$work/log")"

for library in "$root/lib/libheadrace.so" "$root/lib/libheadrace.a"; do
    names=$(nm -g --defined-only "$library" | awk 'NF == 3 {print $3}')
    grep -q '^hr_stack_create$' <<<"$names" || fail "$library has no hr_stack_create"
    # The sanitizers' own names are the compiler's.
    ! grep -v '^hr_\|^_\+\(asan\|odr_asan\|tsan\)' <<<"$names" || fail "$library shows names of the inside"
done
for header in "$root"/include/headrace/*.h; do
    for language in c c++; do
        clang -fsyntax-only -Wall -Wextra -Werror -x "$language" -I"$root/include" "$header" ||
            fail "$header is not complete in $language"
    done
done

cmake -S "$here/consumer" -B "$work/cmake" -DCMAKE_PREFIX_PATH="$root" >"$work/log" 2>&1 &&
    cmake --build "$work/cmake" >>"$work/log" 2>&1 || fail "$(cat "$work/log")"
mkdir "$work/pkg-config"
# shellcheck disable=SC2046 # each word is an argument
{
    cc $CFLAGS "$here/consumer/main.c" -o "$work/pkg-config/consumer_shared" \
        $(pkg-config --cflags --libs headrace)
    cc $CFLAGS "$here/consumer/main.c" -o "$work/pkg-config/consumer_static" -Wl,-Bstatic \
        $(pkg-config --cflags --libs headrace) -Wl,-Bdynamic \
        $(pkg-config --static --libs-only-l --libs-only-other headrace | sed 's/-lheadrace//')
}

network_make 1
for program in "$work"/cmake/consumer_* "$work"/pkg-config/consumer_*; do
    : >"$work/server"
    ip netns exec "$server_ns" "$program" "$server_if" "$server_address/24" >"$work/server" 2>&1 &
    server_pid=$!
    wait_ready
    in_client python3 - "$server_address" "$client_address" <<'P' || fail "$program: a wrong answer"
import socket, sys
with socket.create_connection((sys.argv[1], 2000), timeout=10) as connection:
    port = connection.getsockname()[1]
    answer = connection.makefile("rb").read().decode()
sys.exit(None if answer == f"{sys.argv[2]}:{port}" else answer)
P
    server_stop
done
ldd "$work/cmake/consumer_static" | grep -q libheadrace && fail 'static is not static'
printf 'passed\n'
