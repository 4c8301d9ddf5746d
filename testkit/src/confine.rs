//! Running a program as a hardened container does: nobody's user, no capabilities, and a file system that is read-only but for declared folders.
//!
//! In: a program and the folders it may write to. Out: a command that confines itself and then becomes the program. It needs `unshare` and `setpriv` of
//! util-linux, and root or user namespaces; [`Tool::Unshare`](crate::tools::Tool::Unshare) tells whether it can be done here. Without root the program
//! stays this user, without capabilities.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};

/// The user, of distroless images, that the program runs as where root may choose.
pub const NONROOT: u32 = 65_532;

/// Arguments: user (empty to keep it), program, where to mount it, the number of writable folders, these, the program's arguments.
///
/// Every mount is made read-only, with the flags it has: a user namespace may not take any away.
const SCRIPT: &str = r#"
set -eu
user=$1 program=$2 seen=$3 count=$4
shift 4
mount --make-rprivate /
mount --bind "$program" "$seen"
while [ "$count" -gt 0 ]; do
    mount --bind "$1" "$1"
    writable="${writable-} $1 "
    count=$((count - 1))
    shift
done
while read -r _ point _ flags _; do
    case "${writable-}" in *" $point "*) continue ;; esac
    kept=$(echo "$flags" | tr , '\n' | grep -xE 'nosuid|nodev|noexec|noatime|nodiratime|relatime' | tr '\n' ,)
    mount -o "remount,bind,${kept}ro" "$point" 2>/dev/null || echo "$point" >&2
done </proc/self/mounts
cd /
if [ -n "$user" ]; then
    set -- --reuid="$user" --regid="$user" --clear-groups -- "$seen" "$@"
else
    set -- -- "$seen" "$@"
fi
exec setpriv --no-new-privs --bounding-set=-all --inh-caps=-all --pdeathsig KILL "$@"
"#;

/// Makes the command that confines itself, with room for the program's own arguments at its end.
///
/// `seen` is the path at which the program is found from inside, in a folder that everybody may enter then. The writable folders become the user's.
pub fn confined(program: &Path, seen: &Path, writable: &[PathBuf]) -> Result<Command> {
    let folder = seen.parent().context("the program needs a folder")?;
    fs::write(seen, "")
        .and_then(|()| fs::set_permissions(folder, fs::Permissions::from_mode(0o755)))
        .context("could not make room for the program")?;
    let mut command = Command::new("unshare");
    let root = is_root();
    if !root {
        command.arg("--map-root-user");
    } else if !writable.is_empty() {
        let given = Command::new("chown").arg(format!("{NONROOT}:{NONROOT}")).args(writable).status().context("could not run chown")?;
        ensure!(given.success(), "could not give the writable folders away");
    }
    let user = if root { NONROOT.to_string() } else { String::new() };
    command.args(["--mount", "sh", "-c", SCRIPT, "confined", &user]).arg(program).arg(seen).arg(writable.len().to_string()).args(writable);
    Ok(command)
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

/// Tells whether a program can be confined here.
pub(crate) fn is_possible() -> bool {
    let mut command = Command::new("unshare");
    if !is_root() {
        command.arg("--map-root-user");
    }
    let tried = command.args(["--mount", "mount", "--make-rprivate", "/"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    tried.is_ok_and(|status| status.success())
}
