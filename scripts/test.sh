#!/usr/bin/env bash
# All that must pass before a change is taken: format, lints, tests, documentation, licences, spelling.
#
#   scripts/test.sh            everything
#   scripts/test.sh --quick    format, lints and tests only
#
# Works from any directory. On Debian it installs what is missing of a C compiler, make, perl and a Postgres server (for
# private clusters of the tests) where it may (as root or with passwordless sudo); with rustup it adds rustfmt and clippy.
# Tests run with cargo-nextest, or with cargo test where that is missing: the same tests either way.
# Stops at the first step that fails, with that step's exit status. Sets no RUSTFLAGS (every dependency would be built
# again) and leaves CARGO_TARGET_DIR as it is.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
exec </dev/null

quick=false
for arg in "$@"; do
  case "$arg" in
    --quick) quick=true ;;
    -h | --help) sed -n '2,11s/^# \{0,1\}//p' scripts/test.sh; exit 0 ;;
    *) echo "unknown option: $arg (try --help)" >&2; exit 2 ;;
  esac
done

log="$(mktemp)"
step="start"
finish() {
  local status=$?
  summary || true
  rm -f "$log"
  if [ "$status" -ne 0 ]; then
    echo "FAILED at: $step (exit status $status)" >&2
  fi
}
trap finish EXIT

heading() { step="$1"; printf '\n=== %s\n' "$1"; }
skipped() { printf '\n=== SKIPPED: %s: %s\n' "$1" "$2"; }
die() { echo "error: $*" >&2; exit 1; }

# Runs a test command, showing its output and keeping it for the summary.
run_tests() { CARGO_TERM_COLOR=never "$@" 2>&1 | tee -a "$log"; }

# The test runner's closing lines once more, and their sum. Nothing where no test ran.
summary() {
  grep -qE '^ *Summary \[|^test result:' "$log" || return 0
  printf '\n=== Summary\n'
  grep -E '^ *Summary \[|^test result:' "$log" | grep -v ' 0 passed; 0 failed; 0 ignored' || true
  awk '
    # cargo nextest: "Summary [ 1.2s] 9 tests run: 8 passed (1 slow), 1 failed, 2 timed out, 3 skipped"
    # Of a run cut short it says "9/12 tests run".
    /^ *Summary \[/ {
      sub(/^.*tests? run: /, ""); gsub(/\([^)]*\)/, "")
      n = split($0, part, ",")
      for (i = 1; i <= n; i++) {
        split(part[i], word, " ")
        if (word[2] == "passed") passed += word[1]
        else if (word[2] == "skipped") skipped += word[1]
        else failed += word[1]
      }
    }
    # cargo test: "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.1s"
    /^test result:/ {
      for (i = 2; i <= NF; i++) {
        if ($i ~ /^passed/) passed += $(i - 1)
        else if ($i ~ /^failed/) failed += $(i - 1)
        else if ($i ~ /^ignored/) skipped += $(i - 1)
      }
    }
    END {
      printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped
    }' "$log"
}

# --- what the machine has to have -------------------------------------------------------------------------------------

# SQLite, zstd and the cryptography library are built from source: a C compiler, a linker and the C library's headers.
# No cmake, no pkg-config, no OpenSSL. CC may be a command with arguments (`ccache gcc`), so it stands unquoted.
compiler_works() {
  local out status=0
  out="$(mktemp)"
  printf '#include <stdlib.h>\nint main(void) { return EXIT_SUCCESS; }\n' | ${CC:-cc} -x c - -o "$out" 2>/dev/null || status=1
  rm -f "$out"
  return "$status"
}

# Installs Debian packages for what is `missing`.
install() {
  local -a as_root=()
  command -v apt-get >/dev/null || die "$missing: install what your system calls $*"
  if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null || ! sudo -n true 2>/dev/null; then
      die "$missing, and no right to install it: have an administrator run 'apt-get install $*'"
    fi
    as_root=(sudo -n)
  fi
  echo "$missing: installing $*"
  "${as_root[@]}" apt-get update -q
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$@"
}

# A Postgres server's programs: the tests start a private cluster with them, and end it. A cluster that Debian's package would
# make and start by itself is not wanted.
postgres_works() {
  missing=""
  if ! { command -v initdb || ls /usr/lib/postgresql/*/bin/initdb; } >/dev/null 2>&1; then
    missing="no Postgres server"
  fi
  [ -z "$missing" ]
}

install_postgres() {
  install postgresql
  postgres_works || die "postgresql is installed, and still: $missing"
}

install_builders() {
  install build-essential perl
  builders_work || die "build-essential and perl are installed, and still: $missing"
}

# What builds the C libraries: a compiler, and make and perl for OpenSSL, on which the encryption of the phone's store stands.
builders_work() {
  missing=""
  if ! compiler_works; then
    missing="no working C compiler"
  elif ! make --version >/dev/null 2>&1; then
    missing="no make"
  elif ! perl -MIPC::Cmd -MFindBin -e 1 >/dev/null 2>&1; then
    missing="no whole perl"
  fi
  [ -z "$missing" ]
}

# Adds a part of the Rust tools.
install_component() {
  command -v rustup >/dev/null || die "$1 is missing, and rustup, which installs it: install what your system calls $1"
  echo "no $1: installing it with rustup"
  rustup component add "$1"
}

check_rust() {
  local wanted have
  if ! command -v cargo >/dev/null && [ -x "${CARGO_HOME:-${HOME:-/root}/.cargo}/bin/cargo" ]; then
    PATH="${CARGO_HOME:-${HOME:-/root}/.cargo}/bin:$PATH"
    export PATH
  fi
  wanted="$(sed -n 's/^rust-version *= *"\([0-9.]*\)".*/\1/p' Cargo.toml)"
  command -v cargo >/dev/null || die "cargo is missing: install Rust $wanted or later with rustup, see https://rustup.rs"
  have="$(cargo --version | awk '{ print $2 }')"
  if [ "$(printf '%s\n%s\n' "$wanted" "${have%%-*}" | sort -V | head -n 1)" != "$wanted" ]; then
    die "cargo is $have and $wanted or later is needed: run 'rustup update stable'"
  fi
  cargo fmt --version >/dev/null 2>&1 || install_component rustfmt
  cargo clippy --version >/dev/null 2>&1 || install_component clippy
  cargo --version
}

heading "What the machine has"
check_rust
builders_work || install_builders
postgres_works || install_postgres
${CC:-cc} --version | sed -n 1p

# --- the steps --------------------------------------------------------------------------------------------------------

# What plays a server's whole life, as a regular expression for both test runners: modules of the one integration-test
# binary. The store's own suite runs on every engine anyway.
on_postgres='^((line|rights|references|refused|forked|epochs|moves|residents|ledgers|register|desks|phones|http_desk|restore|sheets|tools)::|simulation::random)'
# The whole workspace, as in the stage before: another selection would build every crate with other features again.
in_binary=(--locked --workspace --test it)

# Runs what `on_postgres` names with cargo test, which takes whole names and no expression.
cargo_test_on_postgres() {
  local -a names
  mapfile -t names < <(cargo test -q "${in_binary[@]}" -- --list --format terse | sed -n 's/: test$//p' | grep -E "$on_postgres")
  [ "${#names[@]}" -gt 0 ] || die "no test is named $on_postgres"
  run_tests cargo test "${in_binary[@]}" --no-fail-fast -- --exact "${names[@]}"
}

heading "Format: cargo fmt"
cargo fmt --all --check

heading "Lints: cargo clippy"
cargo clippy --locked --workspace --all-targets -- -D warnings

if cargo nextest --version >/dev/null 2>&1; then
  heading "Tests: cargo nextest"
  run_tests cargo nextest run --locked --workspace --no-fail-fast
  heading "Tests: the same server on Postgres"
  GRIDLEDGER_ENGINE=postgres GRIDLEDGER_SEEDS=20 run_tests cargo nextest run "${in_binary[@]}" --no-fail-fast \
    -E "test(/$on_postgres/)"
else
  heading "Tests: cargo test (cargo-nextest is not installed)"
  run_tests cargo test --locked --workspace --lib --bins --tests --no-fail-fast
  heading "Tests: the same server on Postgres"
  GRIDLEDGER_ENGINE=postgres GRIDLEDGER_SEEDS=20 cargo_test_on_postgres
fi

if "$quick"; then
  skipped "doc tests, documentation, dependencies, spelling" "--quick"
  exit 0
fi

heading "Doc tests: cargo test --doc"
run_tests cargo test --locked --workspace --doc --no-fail-fast

heading "Documentation: cargo doc"
RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps

if cargo deny --version >/dev/null 2>&1; then
  heading "Dependencies and licences: cargo deny"
  cargo deny --locked check bans licenses sources
else
  skipped "dependencies and licences" "cargo-deny is not installed (cargo install --locked cargo-deny)"
fi

if cargo machete --version >/dev/null 2>&1; then
  heading "Unused dependencies: cargo machete"
  cargo machete
else
  skipped "unused dependencies" "cargo-machete is not installed (cargo install --locked cargo-machete)"
fi

if command -v typos >/dev/null; then
  heading "Spelling: typos"
  typos
else
  skipped "spelling" "typos is not installed (cargo install --locked typos-cli)"
fi

step="end"
