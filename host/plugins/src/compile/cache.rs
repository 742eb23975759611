//! Compiled components on disk.
//!
//! What lies there is executed, so it is trusted only as far as it is certain that this host wrote
//! it: the directory belongs to this user, who alone can enter it, and so does each file; and the
//! name of a file tells the digest of what is in it, so that what a crash or a bad disk has left is
//! not taken for whole. Files are written aside and renamed.

use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use anyhow::{Context, bail, ensure};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::digest;

/// What a finished file's name ends with.
const SUFFIX: &str = ".cwasm";
/// What the name of a file begins with that is being written.
const ASIDE: &str = ".aside-";
/// How old a file that is being written has to be to be taken for left behind.
const LEFT_BEHIND: Duration = Duration::from_secs(3_600);

/// A directory of compiled components.
#[derive(Debug)]
pub(super) struct Cache {
    directory: PathBuf,
    limit: u64,
    count: AtomicU64,
    /// Removes the directory in the end, where it is only for this process.
    _temporary: Option<TempDir>,
}

/// A file that this host wrote, and that is as it left it.
#[derive(Debug)]
pub(super) struct File {
    path: PathBuf,
}

impl File {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

/// A file that is being written. Removed unless it is kept.
#[derive(Debug)]
pub(super) struct Aside {
    path: PathBuf,
}

impl Aside {
    /// Where to write to. There is nothing there yet.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        // Where it was kept there is nothing left; where it never came to be, neither.
        let _ = fs::remove_file(&self.path);
    }
}

/// What there is under a key.
#[derive(Debug)]
pub(super) enum Found {
    /// Nothing.
    Nothing,
    /// What was stored.
    File(File),
    /// Something that this host did not leave like that. It has been removed if possible.
    Suspicious(String),
}

impl Cache {
    /// The cache in `directory`, which is created if need be. Holds at most `limit` bytes.
    pub(super) fn open(directory: &Path, limit: u64) -> anyhow::Result<Self> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory)
            .with_context(|| {
                format!(
                    "cannot create the directory {} for compiled plugins",
                    directory.display()
                )
            })?;
        check_directory(directory)?;
        let cache = Self {
            directory: directory.to_owned(),
            limit,
            count: AtomicU64::new(0),
            _temporary: None,
        };
        cache.sweep();
        Ok(cache)
    }

    /// A cache that is removed with this value.
    pub(super) fn temporary(limit: u64) -> anyhow::Result<Self> {
        let directory = tempfile::Builder::new()
            .prefix("arcane-plugins-")
            .permissions(Permissions::from_mode(0o700))
            .tempdir()
            .context("cannot create a temporary directory for compiled plugins")?;
        let cache = Self::open(directory.path(), limit)?;
        Ok(Self {
            _temporary: Some(directory),
            ..cache
        })
    }

    /// What is stored under `key`.
    pub(super) fn find(&self, key: &str) -> Found {
        match self.stored(key) {
            Ok(None) => Found::Nothing,
            Ok(Some((path, content))) => match check_file(&path, &content) {
                Ok(()) => {
                    // Tells the next sweep that this one is in use; without it, it goes earlier.
                    let _ =
                        fs::File::open(&path).and_then(|file| file.set_modified(SystemTime::now()));
                    Found::File(File { path })
                }
                Err(error) => {
                    let _ = fs::remove_file(&path);
                    Found::Suspicious(format!("{}: {error:#}", path.display()))
                }
            },
            Err(error) => Found::Suspicious(format!("{error:#}")),
        }
    }

    /// Stores `code` under `key`.
    pub(super) fn store(&self, key: &str, code: &[u8]) -> anyhow::Result<File> {
        let aside = self.aside(key)?;
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(aside.path())
            .and_then(|mut file| file.write_all(code))
            .with_context(|| format!("cannot write to {}", self.directory.display()))?;
        self.keep(key, aside)
    }

    /// A name to write to what is to be kept under `key`.
    pub(super) fn aside(&self, key: &str) -> anyhow::Result<Aside> {
        check_directory(&self.directory)?;
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let name = format!("{ASIDE}{}-{number}-{key}", std::process::id());
        let path = self.directory.join(name);
        // A process of the same number may have left one.
        let _ = fs::remove_file(&path);
        Ok(Aside { path })
    }

    /// Stores under `key` what was written aside.
    pub(super) fn keep(&self, key: &str, aside: Aside) -> anyhow::Result<File> {
        let content = content_of(aside.path()).context("cannot read what was compiled")?;
        check_file(aside.path(), &content)?;
        if let Ok(Some((old, old_content))) = self.stored(key)
            && old_content != content
        {
            fs::remove_file(&old).with_context(|| format!("cannot remove {}", old.display()))?;
        }
        let path = self.directory.join(format!("{key}.{content}{SUFFIX}"));
        fs::rename(aside.path(), &path)
            .with_context(|| format!("cannot rename a file to {}", path.display()))?;
        self.sweep();
        Ok(File { path })
    }

    /// The file under `key`, and the digest that its content should have.
    fn stored(&self, key: &str) -> anyhow::Result<Option<(PathBuf, String)>> {
        check_directory(&self.directory)?;
        let entries = fs::read_dir(&self.directory)
            .with_context(|| format!("cannot read {}", self.directory.display()))?;
        for entry in entries {
            let name = entry?.file_name();
            let content = name.to_str().and_then(|name| {
                name.strip_prefix(key)?
                    .strip_prefix('.')?
                    .strip_suffix(SUFFIX)
            });
            if let Some(content) = content {
                return Ok(Some((self.directory.join(&name), content.to_owned())));
            }
        }
        Ok(None)
    }

    /// Removes what was left behind, and what was not used longest until the rest fits. What is
    /// mapped into memory stays there.
    fn sweep(&self) {
        if let Err(error) = self.try_sweep() {
            tracing::warn!(
                directory = %self.directory.display(),
                %error,
                "old compiled plugins cannot be removed"
            );
        }
    }

    fn try_sweep(&self) -> io::Result<()> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.directory)? {
            let entry = entry?;
            // Gone meanwhile: another process sweeps too.
            let Ok(metadata) = entry.metadata() else {
                continue;
            };
            let modified = metadata.modified()?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if name.ends_with(SUFFIX) {
                files.push((modified, metadata.len(), entry.path()));
            } else if name.starts_with(ASIDE)
                && modified.elapsed().is_ok_and(|age| age > LEFT_BEHIND)
            {
                fs::remove_file(entry.path())?;
            }
        }
        files.sort_unstable();
        let mut total: u64 = files.iter().map(|(_, size, _)| size).sum();
        // The newest stays in any case: it is about to be loaded.
        let older = files.len().saturating_sub(1);
        for (_, size, path) in files.into_iter().take(older) {
            if total <= self.limit {
                break;
            }
            fs::remove_file(path)?;
            total -= size;
        }
        Ok(())
    }
}

/// Only this user may be able to put files there.
fn check_directory(directory: &Path) -> anyhow::Result<()> {
    let metadata = fs::symlink_metadata(directory)
        .with_context(|| format!("cannot look at {}", directory.display()))?;
    ensure!(
        metadata.is_dir(),
        "{} for compiled plugins is not a directory",
        directory.display()
    );
    ensure!(
        metadata.uid() == nix::unistd::geteuid().as_raw() && metadata.mode() & 0o077 == 0,
        "the directory {} for compiled plugins has to belong to this user, who alone may enter it \
         (mode 0700), because what lies there is executed; it belongs to user {} and has mode \
         {:04o}. Name a directory that does not exist yet, or `chmod 700` this one",
        directory.display(),
        metadata.uid(),
        metadata.mode() & 0o7777,
    );
    Ok(())
}

/// Only this user may have written it, and it has to have the digest `content`.
fn check_file(path: &Path, content: &str) -> anyhow::Result<()> {
    let metadata = fs::symlink_metadata(path)?;
    ensure!(metadata.is_file(), "is not a regular file");
    ensure!(
        metadata.uid() == nix::unistd::geteuid().as_raw(),
        "belongs to user {}",
        metadata.uid()
    );
    ensure!(
        metadata.mode() & 0o022 == 0,
        "can be written by others (mode {:04o})",
        metadata.mode() & 0o7777
    );
    ensure!(metadata.nlink() == 1, "has other names");
    if content_of(path)? != content {
        bail!("its content has changed");
    }
    Ok(())
}

/// The SHA-256 digest of a file, in hex.
fn content_of(path: &Path) -> io::Result<String> {
    let mut file = fs::File::open(path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 64 << 10];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(digest::hex(&hash.finalize().into())),
            length => hash.update(&buffer[..length]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache(limit: u64) -> Cache {
        Cache::temporary(limit).unwrap()
    }

    fn found(cache: &Cache, key: &str) -> Option<Vec<u8>> {
        match cache.find(key) {
            Found::File(file) => Some(fs::read(file.path()).unwrap()),
            Found::Nothing => None,
            Found::Suspicious(problem) => panic!("{problem}"),
        }
    }

    fn suspicion(cache: &Cache, key: &str) -> String {
        match cache.find(key) {
            Found::Suspicious(problem) => problem,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_stored_is_found_again_and_nothing_else() {
        let cache = cache(1_000);
        cache.store("a", b"code").unwrap();
        assert_eq!(found(&cache, "a"), Some(b"code".to_vec()));
        assert_eq!(found(&cache, "b"), None);
        cache.store("a", b"newer").unwrap();
        assert_eq!(found(&cache, "a"), Some(b"newer".to_vec()));
    }

    #[test]
    fn the_directory_is_for_this_user_alone() {
        let parent = tempfile::tempdir().unwrap();
        let directory = parent.path().join("new");
        Cache::open(&directory, 1_000).unwrap();
        assert_eq!(fs::metadata(&directory).unwrap().mode() & 0o777, 0o700);

        fs::set_permissions(&directory, Permissions::from_mode(0o750)).unwrap();
        let error = Cache::open(&directory, 1_000).unwrap_err().to_string();
        assert!(
            error.contains("0750") && error.contains("chmod 700"),
            "{error}"
        );

        let link = parent.path().join("link");
        std::os::unix::fs::symlink(parent.path(), &link).unwrap();
        assert!(Cache::open(&link, 1_000).is_err());
    }

    #[test]
    fn a_file_that_was_tampered_with_is_not_found_and_goes() {
        let cache = cache(1_000);
        let file = cache.store("a", b"code").unwrap();
        fs::write(file.path(), b"evil").unwrap();
        assert!(suspicion(&cache, "a").contains("its content has changed"));
        assert_eq!(found(&cache, "a"), None);
    }

    #[test]
    fn a_file_that_others_can_write_to_is_not_found() {
        let cache = cache(1_000);
        let file = cache.store("a", b"code").unwrap();
        fs::set_permissions(file.path(), Permissions::from_mode(0o620)).unwrap();
        assert!(suspicion(&cache, "a").contains("0620"));
    }

    #[test]
    fn neither_a_link_nor_a_file_with_a_second_name_is_found() {
        let cache = cache(1_000);
        let file = cache.store("a", b"code").unwrap();
        let elsewhere = cache.directory.join("elsewhere");
        fs::rename(file.path(), &elsewhere).unwrap();
        std::os::unix::fs::symlink(&elsewhere, file.path()).unwrap();
        assert!(suspicion(&cache, "a").contains("regular"));

        let file = cache.store("b", b"code").unwrap();
        fs::hard_link(file.path(), cache.directory.join("second")).unwrap();
        assert!(suspicion(&cache, "b").contains("other names"));
    }

    #[test]
    fn a_directory_that_others_can_enter_since_then_is_not_used() {
        let cache = cache(1_000);
        cache.store("a", b"code").unwrap();
        fs::set_permissions(&cache.directory, Permissions::from_mode(0o777)).unwrap();
        assert!(suspicion(&cache, "a").contains("0777"));
        assert!(cache.store("b", b"code").is_err());
        fs::set_permissions(&cache.directory, Permissions::from_mode(0o700)).unwrap();
    }

    #[test]
    fn what_was_not_used_longest_makes_room() {
        let cache = cache(10);
        let age = |key: &str, days: u64| {
            let path = cache.stored(key).unwrap().unwrap().0;
            let modified = SystemTime::now() - Duration::from_secs(days * 24 * 3_600);
            fs::File::open(path)
                .unwrap()
                .set_modified(modified)
                .unwrap();
        };
        cache.store("a", b"1234").unwrap();
        cache.store("b", b"1234").unwrap();
        age("a", 2);
        age("b", 1);
        assert!(found(&cache, "a").is_some());
        cache.store("c", b"1234").unwrap();
        assert!(found(&cache, "a").is_some());
        assert!(found(&cache, "b").is_none());
        assert!(found(&cache, "c").is_some());
    }

    #[test]
    fn what_was_not_kept_is_gone_and_what_was_left_behind_goes_with_time() {
        let cache = cache(1_000);
        let aside = cache.aside("a").unwrap();
        let path = aside.path().to_owned();
        fs::write(&path, b"half").unwrap();
        drop(aside);
        assert!(!path.exists());

        fs::write(&path, b"half").unwrap();
        cache.sweep();
        assert!(path.exists());
        let modified = SystemTime::now() - 2 * LEFT_BEHIND;
        fs::File::open(&path)
            .unwrap()
            .set_modified(modified)
            .unwrap();
        cache.sweep();
        assert!(!path.exists());
    }
}
