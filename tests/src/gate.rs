//! Whether this machine can run a test. What cannot run says so by name; with `CI=true` it fails.

use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// What a test needs beside the programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Root, network namespaces and iproute2.
    Namespaces,
    /// ffmpeg and ffprobe with libx264.
    Ffmpeg,
    Tcpdump,
    /// A kubectl that renders kustomizations with components.
    Kustomize,
    /// kubernetes-validate, which knows the published schemas.
    SchemaCheck,
    /// A Kubernetes cluster: that of $KUBECONFIG.
    Cluster,
    /// That the cluster is kubelab, whose hosts and power tests may use.
    Kubelab,
    /// Chromium, and playwright-core, which drives it.
    Browser,
}

/// True when all of `needs` are here; else the test's name is printed (past the capture of the
/// test's output) and the test must return.
///
/// # Panics
/// With `CI=true`, when something is missing.
#[must_use]
pub fn can_run(needs: &[Need]) -> bool {
    let Some(missing) = needs.iter().find(|need| !need.is_here()) else {
        return true;
    };
    let thread = std::thread::current();
    let name = thread.name().unwrap_or("a test");
    let message = format!("NOT RUN: {name}: {}", missing.sentence());
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{message}");
    let _ = writeln!(std::io::stderr(), "{message}");
    false
}

impl Need {
    /// Whether it is on this machine.
    #[must_use]
    pub fn is_here(self) -> bool {
        static HERE: [OnceLock<bool>; 8] = [const { OnceLock::new() }; 8];
        let (slot, program, arguments): (_, _, &[&str]) = match self {
            Self::Namespaces => (0, "unshare", &["-n", "ip", "link", "set", "lo", "up"]),
            Self::Ffmpeg => (1, "ffmpeg", &["-hide_banner", "-h", "encoder=libx264"]),
            Self::Tcpdump => (2, "tcpdump", &["--version"]),
            // Told since 1.24; older ones know no components, or not all of them.
            Self::Kustomize => (
                3,
                "sh",
                &[
                    "-c",
                    "kubectl version --client -o json | grep -q kustomizeVersion",
                ],
            ),
            Self::SchemaCheck => (
                4,
                "sh",
                &[
                    "-c",
                    concat!(
                        "command -v ",
                        env!("CARGO_MANIFEST_DIR"),
                        "/../target/python/bin/kubernetes-validate || command -v kubernetes-validate"
                    ),
                ],
            ),
            Self::Cluster => (5, "kubectl", &["get", "--raw", "/readyz"]),
            Self::Kubelab => (6, "sh", &["-c", "test -x \"$KUBELAB\""]),
            Self::Browser => (
                7,
                "sh",
                &[
                    "-c",
                    concat!(
                        "command -v \"${CHROMIUM:-/usr/bin/chromium}\" && test -d ",
                        env!("CARGO_MANIFEST_DIR"),
                        "/browser/node_modules/playwright-core"
                    ),
                ],
            ),
        };
        *HERE[slot].get_or_init(|| {
            Command::new(program)
                .args(arguments)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status()
                .is_ok_and(|status| status.success())
        })
    }

    /// What a machine without it lacks.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Namespaces => {
                "it needs root, network namespaces and iproute2 (`unshare -n ip link` fails)"
            }
            Self::Ffmpeg => "it needs ffmpeg with libx264",
            Self::Tcpdump => "it needs tcpdump",
            Self::Kustomize => "it needs kubectl 1.24 or newer",
            Self::SchemaCheck => "it needs kubernetes-validate (pip install kubernetes-validate)",
            Self::Browser => "it needs Chromium and playwright-core (npm ci in tests/browser)",
            Self::Cluster => "it needs a cluster ($KUBECONFIG)",
            Self::Kubelab => "it needs kubelab's hosts and power ($KUBELAB names its command)",
        }
    }
}
