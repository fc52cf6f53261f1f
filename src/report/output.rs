//! Writes a report to a file, whole or not at all.
//!
//! Why not simply open and write: the report of the last good run is what a person looks at when this run fails. A
//! full disk or a kill half-way leaves the old file as it was.

use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Calls `fill` with a temporary file beside `path`, then puts it in the place of `path`. `report::write` gathers its
/// own output, so the file has no buffer here.
///
/// What is no regular file (`/dev/stdout`, a named pipe) cannot be replaced and is written to as it is.
///
/// # Errors
/// Those of the file system and of `fill`; the old file then stands untouched.
pub fn replace(path: &Path, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    if fs::metadata(path).is_ok_and(|it| !it.is_file()) {
        return fill(&mut File::options().write(true).open(path)?);
    }
    let path = behind_links(path);
    let directory = directory_of(&path);
    // The umask takes away from this what it takes from every other file that the user makes.
    let mut temporary = tempfile::Builder::new()
        .prefix(".watertight-")
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(directory)?;
    fill(temporary.as_file_mut())?;
    temporary.as_file().sync_all()?;
    temporary.persist(&path).map_err(|error| error.error)?;
    Ok(())
}

/// Whether a report could be written to `path` now; changes nothing.
///
/// # Errors
/// Those of the file system that `replace` would meet.
pub fn try_place(path: &Path) -> io::Result<()> {
    match fs::metadata(path) {
        Ok(it) if it.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
        Ok(it) if !it.is_file() => Ok(()),
        _ => tempfile::tempfile_in(directory_of(&behind_links(path))).map(drop),
    }
}

fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// A link stays a link: its end is replaced.
fn behind_links(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_impossible_place_is_known_beforehand_and_nothing_is_left_there() {
        let directory = tempfile::tempdir().unwrap();
        let inside = |name: &str| directory.path().join(name);
        assert!(try_place(&inside("report.json")).is_ok());
        assert!(try_place(Path::new("/dev/null")).is_ok());
        assert!(try_place(&inside("missing/report.json")).is_err());
        assert!(try_place(directory.path()).is_err());
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_report_that_fails_half_way_leaves_the_old_one_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("report.json");
        replace(&path, |out| out.write_all(b"old")).unwrap();
        let failed = replace(&path, |out| {
            out.write_all(&[b'x'; 1024])?;
            Err(io::Error::other("disk full"))
        });
        assert!(failed.is_err());
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_new_report_takes_the_place_of_the_old_one_behind_a_link() {
        let directory = tempfile::tempdir().unwrap();
        let (path, link) = (directory.path().join("real"), directory.path().join("link"));
        fs::write(&path, "a longer old report").unwrap();
        std::os::unix::fs::symlink(&path, &link).unwrap();
        replace(&link, |out| out.write_all(b"new")).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    }

    #[test]
    fn what_is_no_file_is_written_to_as_it_is() {
        replace(Path::new("/dev/null"), |out| out.write_all(b"x")).unwrap();
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
    }

    #[test]
    fn a_directory_that_is_missing_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        assert!(replace(&directory.path().join("none/report"), |_| Ok(())).is_err());
    }
}
