//! Who holds an advisory lock, for the person who must do something about it.

use super::disk::OpenFile;

/// The process that holds the file's lock, in words: `process 12 (posts-svc, stopped)`. `None` where the system does not tell: it does
/// so on Linux only, and not of processes in other containers.
pub(super) fn of(file: &OpenFile) -> Option<String> {
    pid(file).map(|pid| match about(pid) {
        Some(about) => format!("process {pid} ({about})"),
        None => format!("process {pid}"),
    })
}

#[cfg(target_os = "linux")]
fn pid(file: &OpenFile) -> Option<u32> {
    let (device, inode) = file.place().ok()?;
    let wanted = format!("{:02x}:{:02x}:{inode}", rustix::fs::major(device), rustix::fs::minor(device));
    held(&std::fs::read_to_string("/proc/locks").ok()?, &wanted)
}

#[cfg(not(target_os = "linux"))]
fn pid(_file: &OpenFile) -> Option<u32> {
    None
}

/// Who holds the lock on that file according to `/proc/locks`. Lines of those who wait have an arrow.
#[cfg(any(target_os = "linux", test))]
fn held(locks: &str, wanted: &str) -> Option<u32> {
    locks.lines().find_map(|line| match line.split_whitespace().collect::<Vec<_>>()[..] {
        [_, "FLOCK", _, _, pid, file, ..] if file == wanted => pid.parse().ok(),
        _ => None,
    })
}

/// The program, and its state where it is one in which a process does nothing.
fn about(pid: u32) -> Option<String> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    let name = field("Name:")?;
    let state = field("State:").unwrap_or_default();
    let is_idle = state.starts_with(['T', 't', 'D']);
    let state = state.split(['(', ')']).nth(1).filter(|_| is_idle);
    Some(state.map_or_else(|| name.to_owned(), |state| format!("{name}, {state}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_found_by_its_file_and_not_by_who_waits_for_it() {
        let locks = "1: POSIX  ADVISORY  WRITE 7 00:2c:5 0 EOF\n\
                     2: FLOCK  ADVISORY  WRITE 8 00:2c:55 0 EOF\n\
                     2: -> FLOCK  ADVISORY  WRITE 9 00:2c:5 0 EOF\n\
                     3: FLOCK  ADVISORY  WRITE 10 00:2c:5 0 EOF\n";
        assert_eq!(held(locks, "00:2c:5"), Some(10));
        assert_eq!(held(locks, "00:2d:5"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_process_is_shown_with_its_name() {
        let about = about(std::process::id()).unwrap();
        assert!(about.starts_with("db_adapter"), "{about}");
    }
}
