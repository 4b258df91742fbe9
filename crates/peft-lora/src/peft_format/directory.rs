//! Directories that are either written whole or not at all, and files that are read only up to a limit.

use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use crate::error::PeftError;

/// Name of the file that makes a directory an adapter directory.
pub(crate) const CONFIG_FILE: &str = "adapter_config.json";
/// Name of the file with the trained tensors.
pub(crate) const TENSOR_FILE: &str = "adapter_model.safetensors";
/// Name of our own record, which Python peft ignores.
pub(crate) const RECORD_FILE: &str = "rs_peft.json";
/// Name of the file with the head's further arrays, which Python peft ignores.
pub(crate) const EXTRA_FILE: &str = "rs_peft.safetensors";

/// Attaches a path and an action to an error of the operating system.
pub(crate) fn io_error(path: &Path, action: &'static str) -> impl FnOnce(io::Error) -> PeftError {
    let path = path.to_owned();
    move |source| PeftError::Io {
        path,
        action,
        source,
    }
}

/// The bytes of a file that has at most `limit` of them.
///
/// # Errors
/// [`PeftError::TooLarge`] before anything is read, [`PeftError::Io`].
pub fn read_capped(path: &Path, limit: u64) -> Result<Vec<u8>, PeftError> {
    let mut file = fs::File::open(path).map_err(io_error(path, "open"))?;
    let size = file
        .metadata()
        .map_err(io_error(path, "read the size of"))?
        .len();
    if size > limit {
        return Err(PeftError::TooLarge {
            path: path.to_owned(),
            size,
            limit,
        });
    }
    let mut bytes = Vec::new();
    // `take`: a special file may hold more than its metadata says.
    (&mut file)
        .take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(io_error(path, "read"))?;
    match bytes.len() as u64 {
        size if size > limit => Err(PeftError::TooLarge {
            path: path.to_owned(),
            size,
            limit,
        }),
        _ => Ok(bytes),
    }
}

/// Writes a file's bytes and waits until they are on the disk.
pub(crate) fn write_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = fs::File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Replaces the directory `target` by one with exactly these files, or leaves everything as it was.
///
/// The files are written into a fresh directory beside the target, which is then renamed. A target that exists is replaced
/// only if it is empty or an adapter directory. `write` is [`write_file`] but in tests, which simulate a full disk with it.
///
/// # Errors
/// [`PeftError::NotAnAdapterDirectory`], [`PeftError::Io`].
pub(crate) fn replace_directory(
    target: &Path,
    files: &[(&str, Vec<u8>)],
    write: impl Fn(&Path, &[u8]) -> io::Result<()>,
) -> Result<(), PeftError> {
    require_replaceable(target)?;
    let parent = match target.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    fs::create_dir_all(&parent).map_err(io_error(&parent, "create the directory"))?;
    // Removed when dropped, that is on every early return below.
    let fresh = tempfile::Builder::new()
        .prefix(".adapter-")
        .tempdir_in(&parent)
        .map_err(io_error(&parent, "create a directory in"))?;
    let staged = fresh.path().join("new");
    // Created with the usual permissions: the temporary directory around it is private to its owner.
    fs::create_dir(&staged).map_err(io_error(&staged, "create the directory"))?;
    for (name, bytes) in files {
        let path = staged.join(name);
        // The error names the place the user asked for, not the temporary one.
        write(&path, bytes).map_err(io_error(&target.join(name), "write"))?;
    }
    let old = fresh.path().join("old");
    let replaced = match fs::rename(target, &old) {
        Ok(()) => true,
        Err(error) if error.kind() == io::ErrorKind::NotFound => false,
        Err(error) => return Err(io_error(target, "replace")(error)),
    };
    if let Err(error) = fs::rename(&staged, target) {
        if replaced {
            // Put the old one back; if even that fails, keep it where it is rather than delete the only copy.
            if fs::rename(&old, target).is_err() {
                let kept = fresh.keep().join("old");
                return Err(io_error(&kept, "move the previous adapter back from")(
                    error,
                ));
            }
        }
        return Err(io_error(target, "create")(error));
    }
    Ok(())
}

/// Whether `target` may be replaced: it does not exist, is an empty directory, or is an adapter directory.
fn require_replaceable(target: &Path) -> Result<(), PeftError> {
    match fs::metadata(target) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(io_error(target, "look at")(error)),
        Ok(found) if found.is_dir() => {}
        Ok(_) => {
            return Err(PeftError::NotAnAdapterDirectory {
                path: target.to_owned(),
            });
        }
    }
    let mut entries = fs::read_dir(target).map_err(io_error(target, "list"))?;
    if entries.next().is_none() || target.join(CONFIG_FILE).is_file() {
        Ok(())
    } else {
        Err(PeftError::NotAnAdapterDirectory {
            path: target.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(directory: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(directory)
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_directory_is_replaced_whole() {
        let home = tempfile::tempdir().unwrap();
        let target = home.path().join("deep/adapter");
        replace_directory(
            &target,
            &[(CONFIG_FILE, b"1".to_vec()), (EXTRA_FILE, b"x".to_vec())],
            write_file,
        )
        .unwrap();
        assert_eq!(names(&target), [CONFIG_FILE, EXTRA_FILE]);
        replace_directory(&target, &[(CONFIG_FILE, b"2".to_vec())], write_file).unwrap();
        assert_eq!(names(&target), [CONFIG_FILE]);
        assert_eq!(fs::read(target.join(CONFIG_FILE)).unwrap(), b"2");
        assert_eq!(names(target.parent().unwrap()), ["adapter"]);
    }

    #[test]
    fn a_full_disk_leaves_the_old_adapter_and_nothing_else() {
        let home = tempfile::tempdir().unwrap();
        let target = home.path().join("adapter");
        let files = [(CONFIG_FILE, b"1".to_vec()), (TENSOR_FILE, b"2".to_vec())];
        let full_disk = |path: &Path, bytes: &[u8]| {
            if path.ends_with(TENSOR_FILE) {
                fs::write(path, &bytes[..bytes.len() / 2])?;
                return Err(io::Error::from(io::ErrorKind::StorageFull));
            }
            write_file(path, bytes)
        };
        let error = replace_directory(&target, &files, full_disk)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains(TENSOR_FILE) && error.contains("cannot write"),
            "{error}"
        );
        assert_eq!(names(home.path()), Vec::<String>::new());
        replace_directory(&target, &files, write_file).unwrap();
        assert!(
            replace_directory(
                &target,
                &[(CONFIG_FILE, b"9".to_vec()), (TENSOR_FILE, b"9".to_vec())],
                full_disk
            )
            .is_err()
        );
        assert_eq!(names(home.path()), ["adapter"]);
        assert_eq!(fs::read(target.join(CONFIG_FILE)).unwrap(), b"1");
    }

    #[test]
    fn what_is_not_an_adapter_is_not_overwritten() {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("thesis.txt"), "years of work").unwrap();
        let error = replace_directory(home.path(), &[], write_file).unwrap_err();
        assert!(
            matches!(error, PeftError::NotAnAdapterDirectory { .. }),
            "{error}"
        );
        let error =
            replace_directory(&home.path().join("thesis.txt"), &[], write_file).unwrap_err();
        assert!(
            matches!(error, PeftError::NotAnAdapterDirectory { .. }),
            "{error}"
        );
        assert_eq!(names(home.path()), ["thesis.txt"]);
    }

    #[test]
    fn a_place_that_cannot_be_written_is_an_error() {
        // A file where a directory is needed: refuses also the superuser, unlike permissions.
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = replace_directory(&file.path().join("adapter"), &[], write_file).unwrap_err();
        assert!(matches!(error, PeftError::Io { .. }), "{error}");
    }

    #[test]
    fn large_files_are_refused_before_they_are_read() {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(1 << 40).unwrap();
        let error = read_capped(file.path(), 1 << 20).unwrap_err();
        assert!(
            matches!(
                error,
                PeftError::TooLarge {
                    size: 0x100_0000_0000,
                    ..
                }
            ),
            "{error}"
        );
    }
}
