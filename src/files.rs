//! Files that are put in their place whole, and only in the place that is meant.

use crate::error::{Error, Result};
use std::io::{Error as IoError, ErrorKind, Result as IoResult};
use std::path::{Path, PathBuf};

/// Links that are followed before they are taken for a circle, as Linux counts.
const MOST_LINKS: usize = 40;

/// What a path leads to in the end: symbolic links in its last place are followed, also one that leads to nothing yet.
/// A pipe or a device is its own name: what its link says (`pipe:[1]`) is none.
pub fn resolved(path: &Path) -> PathBuf {
    let mut at = path.to_path_buf();
    if special(path) {
        return at;
    }
    for _ in 0..MOST_LINKS {
        match std::fs::read_link(&at) {
            Ok(to) => at = at.parent().unwrap_or(Path::new("")).join(to),
            Err(_) => break,
        }
    }
    at
}

/// What is replaced where this path is written.
fn target(path: &Path) -> IoResult<PathBuf> {
    let target = resolved(path);
    match target.is_symlink() {
        true => Err(IoError::new(ErrorKind::InvalidInput, "links that lead to each other")),
        false => Ok(target),
    }
}

/// Whether there is something at the path that is no regular file: a pipe, a device, a folder.
fn special(path: &Path) -> bool {
    path.metadata().is_ok_and(|there| !there.is_file())
}

/// A name beside the path that is this process's own. Hidden, and with another ending: what collects files by their
/// ending does not take it.
fn beside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{}", std::process::id()))
}

/// Whether the file can be written there, found out before there is anything to write; nothing is left behind.
///
/// # Errors
/// As the system says.
pub fn writable(path: &Path) -> IoResult<()> {
    if path.is_dir() || path.file_name().is_none() {
        return Err(ErrorKind::IsADirectory.into());
    }
    // Opening a pipe would wait for its reader.
    if special(path) {
        return Ok(());
    }
    let target = target(path)?;
    if target.exists() {
        std::fs::OpenOptions::new().append(true).open(&target)?;
    }
    let probe = beside(&target);
    std::fs::write(&probe, "")?;
    std::fs::remove_file(&probe)
}

/// Puts the file in its place in one step: who reads at the same time sees the old one or the new one, and a process
/// that dies on the way leaves the old one. A link stays and what it leads to becomes new; into a pipe or a device it
/// is written as it is.
///
/// # Errors
/// As the system says; nothing is left beside it then.
pub fn write(path: &Path, bytes: &[u8]) -> IoResult<()> {
    if special(path) {
        return std::fs::write(path, bytes);
    }
    let target = target(path)?;
    let partial = beside(&target);
    let written = std::fs::File::create(&partial).and_then(|mut file| {
        // Who could read the old one can read the new one, and nobody else at any time.
        match target.metadata() {
            Ok(old) => file.set_permissions(old.permissions())?,
            Err(e) if e.kind() == ErrorKind::NotFound => {}
            Err(e) => return Err(e),
        }
        std::io::Write::write_all(&mut file, bytes)?;
        file.sync_all()
    });
    let renamed = written.and_then(|()| std::fs::rename(&partial, &target));
    if renamed.is_err() {
        let _ = std::fs::remove_file(&partial);
    }
    renamed
}

/// Refuses an output that is one of the inputs or another output: writing it would destroy what is read.
///
/// # Errors
/// Exit code 2 with the flag and the file.
pub fn apart(outputs: &[(&str, Option<&Path>)], inputs: &[&Path]) -> Result<()> {
    let outputs: Vec<(&str, &Path)> = outputs.iter().filter_map(|(flag, path)| Some((*flag, (*path)?))).collect();
    for (place, (flag, path)) in outputs.iter().enumerate() {
        let refused = |what: String| {
            Err(Error::usage(format!("`{flag}`: `{}` is {what}", path.display())).hint("give it a file of its own"))
        };
        if inputs.iter().any(|input| same(path, input)) {
            return refused("what is read".into());
        }
        if let Some((other, _)) = outputs[..place].iter().find(|(_, other)| same(path, other)) {
            return refused(format!("what `{other}` writes"));
        }
    }
    Ok(())
}

/// Whether two paths are one file, by whatever names. A pipe or a device can be read and written at once.
fn same(a: &Path, b: &Path) -> bool {
    if special(a) || special(b) {
        return false;
    }
    let known = |path: &Path| -> IoResult<PathBuf> {
        let path = std::path::absolute(resolved(path))?;
        let (folder, name) = path.parent().zip(path.file_name()).ok_or(IoError::from(ErrorKind::InvalidInput))?;
        Ok(folder.canonicalize()?.join(name))
    };
    known(a).ok().zip(known(b).ok()).is_some_and(|(a, b)| a == b) || linked(a, b)
}

/// Two names of one file (hard links).
#[cfg(unix)]
fn linked(a: &Path, b: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let of = |path: &Path| path.metadata().ok().map(|m| (m.dev(), m.ino()));
    of(a).is_some_and(|a| of(b) == Some(a))
}

#[cfg(not(unix))]
fn linked(_: &Path, _: &Path) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("flopcast-files-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_is_replaced_whole_and_nothing_is_left_beside_it() {
        let folder = folder("whole");
        let file = folder.join("a.txt");
        writable(&file).unwrap();
        assert_eq!(names(&folder), [""; 0], "asking leaves nothing");
        write(&file, b"one").unwrap();
        writable(&file).unwrap();
        assert_eq!(std::fs::read(&file).unwrap(), b"one", "asking changes nothing");
        write(&file, b"two").unwrap();
        assert_eq!(
            (std::fs::read(&file).unwrap().as_slice(), names(&folder)),
            (&b"two"[..], vec!["a.txt".to_string()])
        );
        for bad in [&folder, &folder.join("not there").join("a.txt"), &PathBuf::from("/")] {
            assert!(writable(bad).is_err(), "{bad:?}");
        }
        assert!(write(&folder.join("not there").join("a.txt"), b"x").is_err());
    }

    #[cfg(unix)]
    #[test]
    fn a_link_stays_a_link_and_a_pipe_a_pipe() {
        use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};
        let folder = folder("links");
        let (file, link, loose) = (folder.join("real"), folder.join("link"), folder.join("loose"));
        std::fs::write(&file, "old").unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
        symlink("real", &link).unwrap();
        symlink("new", &loose).unwrap();
        write(&link, b"new text").unwrap();
        write(&loose, b"begun").unwrap();
        assert!(link.is_symlink() && loose.is_symlink());
        assert_eq!(std::fs::read(&file).unwrap(), b"new text");
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o640);
        assert_eq!(std::fs::read(folder.join("new")).unwrap(), b"begun");
        let pipe = folder.join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        writable(&pipe).unwrap();
        let reader = std::thread::spawn({
            let pipe = pipe.clone();
            move || std::fs::read(pipe).unwrap()
        });
        write(&pipe, b"through").unwrap();
        assert_eq!(reader.join().unwrap(), b"through");
        assert!(pipe.metadata().unwrap().file_type().is_fifo());
        let to_pipe = folder.join("to the pipe");
        symlink("pipe", &to_pipe).unwrap();
        assert_eq!((resolved(&to_pipe), resolved(&loose)), (to_pipe, folder.join("new")));
        let circle = folder.join("circle");
        symlink("circle", &circle).unwrap();
        assert!(writable(&circle).is_err());
    }

    #[test]
    fn an_output_that_is_an_input_or_another_output_is_refused_by_any_name() {
        let folder = folder("apart");
        let (a, b) = (folder.join("a"), folder.join("b"));
        std::fs::write(&a, "x").unwrap();
        let again = folder.join(".").join("a");
        let refused = |outputs: &[(&str, Option<&Path>)], inputs: &[&Path], part: &str| {
            let error = apart(outputs, inputs).unwrap_err();
            assert!(error.exit_code() == 2 && error.message().contains(part) && error.hint_text().is_some(), "{error}");
        };
        refused(&[("--out", Some(&a))], &[&b, &again], "is what is read");
        refused(&[("--out", Some(&b)), ("--junit", None), ("--out-metrics", Some(&b))], &[], "is what `--out` writes");
        apart(&[("--out", Some(&b)), ("--junit", Some(&folder.join("c")))], &[&a]).unwrap();
        #[cfg(unix)]
        {
            let (soft, hard) = (folder.join("soft"), folder.join("hard"));
            std::os::unix::fs::symlink("a", &soft).unwrap();
            std::fs::hard_link(&a, &hard).unwrap();
            refused(&[("--out", Some(&soft))], &[&a], "is what is read");
            refused(&[("--out", Some(&hard))], &[&a], "is what is read");
            apart(&[("--out", Some(Path::new("/dev/null")))], &[Path::new("/dev/null")]).unwrap();
        }
    }
}
