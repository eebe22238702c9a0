//! How many cores this process may use: the default of `--slots`.
//!
//! A container sees all cores of its machine, but its cgroup may grant less time than that. The
//! files are those of cgroup v2 (`cpu.max`) and v1 (`cpu.cfs_quota_us`).

use std::path::{Path, PathBuf};

/// Where cgroups are mounted (systemd's `file-hierarchy(7)`).
const MOUNT: &str = "/sys/fs/cgroup";

/// Cores granted to this process, 1 at least; a quota may grant part of one.
#[must_use]
pub fn granted() -> f64 {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let own = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    // The number of cores is far below what a float holds exactly.
    let cores = u32::try_from(cores).map_or(1.0, f64::from);
    let quota = quota(&own, Path::new(MOUNT)).unwrap_or(f64::INFINITY);
    rounded(cores_by(cores, quota))
}

/// std's count of cores is already cut by the quota, but to whole ones.
fn cores_by(cores: f64, quota: f64) -> f64 {
    if quota.is_finite() && quota.floor() <= cores {
        quota.max(1.0)
    } else {
        cores
    }
}

fn rounded(cores: f64) -> f64 {
    (cores * 100.0).round() / 100.0
}

/// The smallest quota on the way from the process's cgroup to the root, in cores. `own` is
/// /proc/self/cgroup (cgroups(7)).
fn quota(own: &str, mount: &Path) -> Option<f64> {
    let mut least: Option<f64> = None;
    for line in own.lines() {
        let mut parts = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else {
            continue;
        };
        let root = if controllers.is_empty() {
            mount.to_owned()
        } else if controllers.split(',').any(|name| name == "cpu") {
            mount.join(controllers)
        } else {
            continue;
        };
        for folder in on_the_way(&root, path) {
            let quota = version_2(&folder).or_else(|| version_1(&folder));
            least = match (least, quota) {
                (Some(least), Some(quota)) => Some(least.min(quota)),
                (least, quota) => least.or(quota),
            };
        }
    }
    least
}

/// The folders from `path` below `root` up to `root` itself: a container may see its own as the
/// root, whatever the path says.
fn on_the_way(root: &Path, path: &str) -> Vec<PathBuf> {
    let own = root.join(path.trim_start_matches('/'));
    own.ancestors()
        .take_while(|folder| folder.starts_with(root))
        .map(Path::to_owned)
        .collect()
}

/// `cpu.max`: `200000 100000` or `max 100000` (cgroup-v2.rst, "CPU Interface Files").
fn version_2(folder: &Path) -> Option<f64> {
    let text = std::fs::read_to_string(folder.join("cpu.max")).ok()?;
    let (quota, period) = text.trim().split_once(' ')?;
    ratio(quota, period)
}

/// `cpu.cfs_quota_us`, -1 for none (sched-bwc.rst).
fn version_1(folder: &Path) -> Option<f64> {
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).ok();
    ratio(
        read("cpu.cfs_quota_us")?.trim(),
        read("cpu.cfs_period_us")?.trim(),
    )
}

fn ratio(quota: &str, period: &str) -> Option<f64> {
    let (quota, period): (f64, f64) = (quota.parse().ok()?, period.parse().ok()?);
    (quota > 0.0 && period > 0.0).then(|| quota / period)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().expect("dir");
        for (path, text) in files {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().expect("parent")).expect("folder");
            std::fs::write(path, text).expect("write");
        }
        dir
    }

    #[test]
    fn the_least_quota_on_the_way_up_holds() {
        let dir = tree(&[
            ("pods/cpu.max", "300000 100000\n"),
            ("pods/one/cpu.max", "max 100000\n"),
            ("cpu.max", "800000 100000\n"),
        ]);
        let found = |own: &str| quota(own, dir.path());
        assert_eq!(found("0::/pods/one\n"), Some(3.0));
        assert_eq!(found("0::/elsewhere\n"), Some(8.0));
        // A container's namespace: its own cgroup is the root.
        assert_eq!(found("0::/\n"), Some(8.0));
    }

    #[test]
    fn the_older_files_are_read_too() {
        let own = "4:memory:/a\n1:cpu,cpuacct:/a\n0::/\n";
        let found = |text: &str| {
            let dir = tree(&[
                ("cpu,cpuacct/a/cpu.cfs_quota_us", text),
                ("cpu,cpuacct/a/cpu.cfs_period_us", "100000\n"),
            ]);
            quota(own, dir.path())
        };
        assert_eq!(found("250000\n"), Some(2.5));
        assert_eq!(found("-1\n"), None);
        assert_eq!(found("lots\n"), None);
    }

    #[test]
    fn part_of_a_core_counts_but_not_less_than_one() {
        // std says 2 where the quota is 2.5.
        assert!((cores_by(2.0, 2.5) - 2.5).abs() < 1e-9);
        assert!((cores_by(1.0, 0.25) - 1.0).abs() < 1e-9);
        assert!((cores_by(2.0, 8.0) - 2.0).abs() < 1e-9);
        assert!((cores_by(4.0, f64::INFINITY) - 4.0).abs() < 1e-9);
        assert!(granted() >= 1.0);
    }
}
