# Sourced by the scripts beside it: where things are, and how what is missing is installed.
# Everything is installed from a lock file or at an exact version, through the ordinary clients,
# into folders that git ignores (`.tools`, `node_modules`).
#
# `errexit` does not hold inside a function that is called in a condition, so each step below that
# must not be passed over says `|| return`.

ROOT=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)
TOOLS=$ROOT/.tools
CARGO_DENY_VERSION=0.20.2

# Without a terminal nobody can answer a question: nothing below may ask one.
export npm_config_yes=true PIP_NO_INPUT=1 PIP_DISABLE_PIP_VERSION_CHECK=1

note() { printf '%s\n' "$*" >&2; }

# install_package BINARY PACKAGE...: the system's package manager, only when the binary is missing.
install_package() {
    local binary=$1
    shift
    command -v "$binary" >/dev/null && return
    note "installing $* (no $binary found)"
    apt-get update -q >&2 && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@" >&2
}

# same_stamp STAMP FILE: whether STAMP was written for FILE as it is now.
same_stamp() { [ -f "$1" ] && [ "$(cat "$1")" = "$(sha256sum <"$2")" ]; }
write_stamp() { sha256sum <"$2" >"$1"; }

# node_modules FOLDER: what its lock file says, with no install script run.
node_modules() {
    local folder=$1
    local stamp=$folder/node_modules/.lock-sum
    same_stamp "$stamp" "$folder/package-lock.json" && return
    install_package npm npm || return
    note "installing the node packages of ${folder#"$ROOT"/}"
    # The engines warning is about the system's node, which runs npm only.
    npm ci --prefix "$folder" --ignore-scripts --no-audit --no-fund --loglevel=error >&2 || return
    write_stamp "$stamp" "$folder/package-lock.json"
}

# The node that the lock file of scripts/conformance carries; on a platform for which it carries
# none, the system's, if that is new enough.
pinned_node() {
    node_modules "$ROOT/scripts/conformance" || return
    local node=$ROOT/scripts/conformance/node_modules/.bin/node
    [ -x "$node" ] || node=$(command -v node || true)
    local major=0
    [ -z "$node" ] || major=$("$node" -p 'process.versions.node.split(".")[0]')
    if [ "$major" -lt 22 ]; then
        note "node 22 or newer is needed on this platform: install it, or add its package to scripts/conformance"
        return 1
    fi
    printf '%s\n' "$node"
}

# python_env NAME REQUIREMENTS: a virtual environment of its own, every file checked by its hash.
python_env() {
    local folder=$TOOLS/$1 requirements=$2
    local stamp=$folder/.lock-sum
    same_stamp "$stamp" "$requirements" && return
    install_package python3 python3 python3-venv || return
    note "installing the Python packages of ${requirements#"$ROOT"/}"
    rm -rf -- "$folder"
    mkdir -p -- "$TOOLS"
    if ! python3 -m venv "$folder" >/dev/null; then
        # Debian ships the module apart from the interpreter.
        apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends python3-venv || return
        python3 -m venv --clear "$folder" || return
    fi
    "$folder/bin/pip" install --quiet --require-hashes --only-binary :all: --no-deps -r "$requirements" || return
    write_stamp "$stamp" "$requirements"
}

# Prints the path of cargo-deny at our version, built once.
cargo_deny() {
    local folder=$TOOLS/cargo-deny-$CARGO_DENY_VERSION
    if [ ! -x "$folder/bin/cargo-deny" ]; then
        note "building cargo-deny $CARGO_DENY_VERSION (once, some minutes)"
        env -u CARGO_TARGET_DIR cargo install --locked --quiet --version "$CARGO_DENY_VERSION" \
            --no-default-features --root "$folder" cargo-deny >&2 || return
    fi
    printf '%s\n' "$folder/bin/cargo-deny"
}

# Where cargo puts what it builds.
target_dir() { printf '%s\n' "${CARGO_TARGET_DIR:-$ROOT/target}"; }
