//! A host: a network namespace with a name of its own, its NICs (ends of veth pairs) and addresses.
//! Dropping it removes it, after a panic too; what a killed test run left behind is removed by the
//! next one.
//!
//! Threads enter a namespace, so sockets can be made in it and used from anywhere.

use std::fs::File;
use std::io::{self, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

const PREFIX: &str = "e2e-";
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Settings of a fresh namespace: no duplicate address detection and no router solicitations (both
/// cost seconds), no reverse path filter unless a test asks for it.
const SETTINGS: [(&str, &str); 7] = [
    ("net/ipv6/conf/all/accept_dad", "0"),
    ("net/ipv6/conf/default/accept_dad", "0"),
    ("net/ipv6/conf/default/router_solicitations", "0"),
    ("net/ipv6/conf/all/disable_ipv6", "0"),
    ("net/ipv6/conf/default/disable_ipv6", "0"),
    ("net/ipv4/conf/all/rp_filter", "0"),
    ("net/ipv4/conf/default/rp_filter", "0"),
];

/// A network namespace.
#[derive(Debug)]
pub struct Host {
    namespace: String,
}

impl Host {
    /// A host without a NIC but `lo`.
    #[must_use]
    pub fn new(role: &str) -> Self {
        static STALE: Once = Once::new();
        static COUNT: AtomicU32 = AtomicU32::new(0);
        STALE.call_once(remove_stale);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let namespace = format!("{PREFIX}{}-{count}-{role}", std::process::id());
        run("ip", &["netns", "add", &namespace], "");
        let host = Self { namespace };
        host.enter(|| {
            for (key, value) in SETTINGS {
                set(key, value);
            }
        });
        host.ip("link set lo up");
        host
    }

    /// The namespace's name, as `ip netns` knows it.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Joins `nic` here with `peer_nic` there, as by a cable; both come up with their addresses.
    pub fn link(
        &self,
        nic: &str,
        addresses: &[&str],
        peer: &Self,
        peer_nic: &str,
        peer_addresses: &[&str],
    ) {
        self.ip(&format!(
            "link add {nic} type veth peer name {peer_nic} netns {}",
            peer.namespace
        ));
        peer.configure(peer_nic, peer_addresses);
        self.configure(nic, addresses);
    }

    /// Gives `nic` its addresses, brings it up, and sends multicast there unless another NIC was
    /// first.
    pub fn configure(&self, nic: &str, addresses: &[&str]) {
        for address in addresses {
            self.ip(&format!("addr add {address} dev {nic} nodad"));
        }
        self.ip(&format!("link set {nic} up"));
        let _ = self.try_ip(&format!("route add 224.0.0.0/4 dev {nic}"));
    }

    /// Runs `ip` with `arguments` (separated by spaces) in this host.
    ///
    /// # Panics
    /// When `ip` fails.
    pub fn ip(&self, arguments: &str) -> String {
        let words = self.ip_words(arguments);
        run("ip", &words, "")
    }

    /// Runs `ip`; false when it fails.
    #[must_use]
    pub fn try_ip(&self, arguments: &str) -> bool {
        Command::new("ip")
            .args(self.ip_words(arguments))
            .stderr(Stdio::null())
            .stdout(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    }

    fn ip_words<'a>(&'a self, arguments: &'a str) -> Vec<&'a str> {
        let mut words = vec!["-n", self.namespace.as_str()];
        words.extend(arguments.split_whitespace());
        words
    }

    /// Drops every `nth` multicast datagram that arrives here, unseen by its receiver.
    pub fn drop_multicast(&self, nth: u32) {
        let rule = format!("ip daddr 239.0.0.0/8 numgen inc mod {nth} 0 counter drop");
        let ruleset = format!(
            "table ip e2e {{\n chain in {{\n type filter hook input priority 0;\n {rule}\n }}\n}}\n"
        );
        self.nft("-f -", &ruleset);
    }

    /// Runs `nft` with `arguments` (separated by spaces) in this host; answers what it printed.
    ///
    /// # Panics
    /// When `nft` fails.
    pub fn nft(&self, arguments: &str, input: &str) -> String {
        let mut words = vec!["netns", "exec", self.namespace.as_str(), "nft"];
        words.extend(arguments.split_whitespace());
        run("ip", &words, input)
    }

    /// The most that the kernel keeps for one TCP connection of local `port`, to be sent or not
    /// acknowledged yet, with its own structures (`ss -m`, the field `w`).
    ///
    /// # Panics
    /// When `ss` fails.
    #[must_use]
    pub fn send_memory_max(&self, port: u16) -> u64 {
        let source = format!(":{port}");
        let command = [
            "netns",
            "exec",
            &self.namespace,
            "ss",
            "-tnmOH",
            "sport",
            "=",
        ];
        let text = run("ip", &[&command[..], &[&source]].concat(), "");
        let field = |line: &str| {
            let inside = line.split_once("skmem:(")?.1.split_once(')')?.0;
            let queued = inside.split(',').find_map(|field| field.strip_prefix('w'));
            queued?.parse().ok()
        };
        text.lines().filter_map(field).max().unwrap_or(0)
    }

    /// Sets a `net.*` sysctl here, by its path below /proc/sys.
    pub fn sysctl(&self, key: &str, value: &str) {
        self.enter(|| set(key, value));
    }

    /// Runs `work` on a thread inside the namespace.
    ///
    /// # Panics
    /// When the namespace can't be entered, and with `work`'s own panic.
    pub fn enter<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let path = self.path();
        std::thread::scope(|scope| {
            let inside = scope.spawn(move || {
                let file = File::open(&path).expect("the namespace exists");
                move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))
                    .expect("setns");
                work()
            });
            match inside.join() {
                Ok(value) => value,
                Err(panic) => std::panic::resume_unwind(panic),
            }
        })
    }

    fn path(&self) -> PathBuf {
        PathBuf::from("/run/netns").join(&self.namespace)
    }

    /// A TCP connection from this host.
    ///
    /// # Errors
    /// Those of connecting.
    pub fn connect(&self, address: SocketAddr) -> io::Result<TcpStream> {
        self.enter(|| TcpStream::connect_timeout(&address, CONNECT_TIMEOUT))
    }

    /// The index of a NIC here.
    ///
    /// # Panics
    /// When there is no such NIC.
    #[must_use]
    pub fn nic_index(&self, nic: &str) -> u32 {
        let text = self.ip(&format!("-o link show dev {nic}"));
        let index = text.split(':').next().unwrap_or_default();
        index.trim().parse().expect("ip -o begins with the index")
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        remove(&self.namespace);
    }
}

fn set(key: &str, value: &str) {
    let path = format!("/proc/sys/{key}");
    std::fs::write(&path, value).unwrap_or_else(|error| panic!("{path} = {value}: {error}"));
}

fn remove(namespace: &str) {
    let _ = Command::new("ip")
        .args(["netns", "del", namespace])
        .stderr(Stdio::null())
        .status();
}

/// Removes the namespaces of test runs whose process is gone.
fn remove_stale() {
    let Ok(names) = std::fs::read_dir("/run/netns") else {
        return;
    };
    for name in names.flatten() {
        let name = name.file_name().to_string_lossy().into_owned();
        let pid = name
            .strip_prefix(PREFIX)
            .and_then(|rest| rest.split('-').next())
            .and_then(|pid| pid.parse::<u32>().ok());
        if pid.is_some_and(|pid| !PathBuf::from(format!("/proc/{pid}")).exists()) {
            remove(&name);
        }
    }
}

/// Runs a command to its end and answers what it printed.
///
/// # Panics
/// When it can't be started or fails.
fn run(program: &str, arguments: &[&str], input: &str) -> String {
    let output = feed(program, arguments, input)
        .unwrap_or_else(|error| panic!("{program} {arguments:?}: {error}"));
    assert!(
        output.status.success(),
        "{program} {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn feed(program: &str, arguments: &[&str], input: &str) -> io::Result<Output> {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(input.as_bytes())?;
    }
    child.wait_with_output()
}
