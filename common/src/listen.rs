//! The one TCP port of a program: bound early, so that a port in use is said with who holds it.
//!
//! Also the rule that nothing listens openly without credentials.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::path::Path;

use socket2::{Domain, Protocol, Socket, Type};

use crate::mistakes::ConfigMistakes;

/// Connections that the kernel keeps until they are accepted. More are asked to try again by TCP
/// itself.
const BACKLOG: i32 = 1024;

/// Why the port could not be taken. The message is the operator's.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    #[error("{address} is in use: {holders}")]
    InUse {
        address: SocketAddr,
        holders: Holders,
    },
    #[error("cannot listen on {address}")]
    Listen {
        address: SocketAddr,
        source: io::Error,
    },
}

/// Who holds a port, as far as /proc shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holders {
    port: u16,
    found: Vec<Holder>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    pub address: SocketAddr,
    pub uid: u32,
    pub inode: u64,
    /// Name and pid; a container can't see the processes outside, nor a user those of another.
    pub process: Option<(String, u32)>,
}

/// Listening openly without credentials.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "--listen {address} can be reached from the network, but there are no credentials: give {credentials}, listen on 127.0.0.1, or allow it with --no-auth"
)]
struct Exposed {
    address: SocketAddr,
    credentials: &'static str,
}

/// What stands between the network and the port.
#[derive(Debug, Clone, Copy)]
pub struct Credentials {
    /// The flag that gives them, as the user writes it.
    pub flag: &'static str,
    pub given: bool,
    /// `--no-auth`: listening openly is wanted.
    pub no_auth: bool,
}

/// `--listen` as it was typed, judged by what guards it. `port` is the program's own.
pub fn guarded_address(
    text: &str,
    port: u16,
    credentials: Credentials,
    mistakes: &mut ConfigMistakes,
) -> SocketAddr {
    let address = typed_address(text, port, mistakes);
    if let Err(exposed) = check_exposure(address, credentials) {
        mistakes.push(exposed.to_string());
    }
    address
}

/// `--listen` as it was typed; an address of loopback in the place of a wrong one.
pub fn typed_address(text: &str, port: u16, mistakes: &mut ConfigMistakes) -> SocketAddr {
    text.parse().unwrap_or_else(|_| {
        let problem = format!("use IP:PORT, such as 0.0.0.0:{port} or [::]:{port}");
        mistakes.of_flag("listen", text, problem);
        SocketAddr::from((Ipv4Addr::LOCALHOST, port))
    })
}

/// Refuses an address beyond loopback without credentials.
fn check_exposure(address: SocketAddr, credentials: Credentials) -> Result<(), Exposed> {
    let Credentials {
        flag,
        given,
        no_auth,
    } = credentials;
    if given || no_auth || address.ip().to_canonical().is_loopback() {
        return Ok(());
    }
    Err(Exposed {
        address,
        credentials: flag,
    })
}

/// Takes the port: non-blocking, for `tokio::net::TcpListener::from_std`. `[::]` takes IPv4 too.
///
/// # Errors
/// When it is in use, with who holds it, or can't be had for another reason.
pub fn bind(address: SocketAddr) -> Result<TcpListener, ListenError> {
    try_bind(address).map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => ListenError::InUse {
            address,
            holders: holders(Path::new("/proc"), address),
        },
        _ => ListenError::Listen { address, source },
    })
}

fn try_bind(address: SocketAddr) -> io::Result<TcpListener> {
    let domain = Domain::for_address(address);
    let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    // A restart must not wait for the connections of the process before it.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn holders(proc: &Path, address: SocketAddr) -> Holders {
    let mut found: Vec<Holder> = ["self/net/tcp", "self/net/tcp6"]
        .iter()
        .filter_map(|table| std::fs::read_to_string(proc.join(table)).ok())
        .flat_map(|table| listening(&table))
        .filter(|holder| conflicts(holder.address, address))
        .collect();
    name_processes(proc, &mut found);
    Holders {
        port: address.port(),
        found,
    }
}

fn conflicts(held: SocketAddr, wanted: SocketAddr) -> bool {
    let (one, other) = (held.ip().to_canonical(), wanted.ip().to_canonical());
    let everything = |ip: IpAddr| ip.is_unspecified();
    held.port() == wanted.port() && (one == other || everything(one) || everything(other))
}

/// The sockets that listen, of /proc/net/tcp or tcp6 (Linux proc_net_tcp.rst).
fn listening(table: &str) -> Vec<Holder> {
    /// `TCP_LISTEN` (linux/net/tcp_states.h).
    const LISTEN: &str = "0A";
    let line = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (local, state) = (words.get(1)?, words.get(3)?);
        Some(Holder {
            address: local_address(local).filter(|_| *state == LISTEN)?,
            uid: words.get(7)?.parse().ok()?,
            inode: words.get(9)?.parse().ok()?,
            process: None,
        })
    };
    table.lines().skip(1).filter_map(line).collect()
}

/// `0100007F:2535`: the address in words of the machine's byte order, the port as a number.
fn local_address(text: &str) -> Option<SocketAddr> {
    let (ip, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |index: usize| {
        let digits = ip.get(index * 8..index * 8 + 8)?;
        Some(u32::from_str_radix(digits, 16).ok()?.to_ne_bytes())
    };
    let ip = if ip.len() == 8 {
        IpAddr::V4(Ipv4Addr::from(word(0)?))
    } else {
        let mut octets = [0; 16];
        for (index, chunk) in octets.chunks_exact_mut(4).enumerate() {
            chunk.copy_from_slice(&word(index)?);
        }
        IpAddr::V6(Ipv6Addr::from(octets))
    };
    Some(SocketAddr::new(ip, port))
}

/// Looks through the open files of all processes that this one may see.
fn name_processes(proc: &Path, holders: &mut [Holder]) {
    let processes = std::fs::read_dir(proc).into_iter().flatten().flatten();
    for entry in processes {
        let Some(pid) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
        else {
            continue;
        };
        let files = std::fs::read_dir(entry.path().join("fd"));
        for file in files.into_iter().flatten().flatten() {
            let Ok(target) = std::fs::read_link(file.path()) else {
                continue;
            };
            for holder in holders.iter_mut().filter(|holder| holder.process.is_none()) {
                if target.as_os_str() == format!("socket:[{}]", holder.inode).as_str() {
                    let name = std::fs::read_to_string(entry.path().join("comm"));
                    let name = name.unwrap_or_default().trim().to_owned();
                    holder.process = Some((name, pid));
                }
            }
        }
    }
}

impl fmt::Display for Holders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ask = format!("ask on the node: ss -ltnp 'sport = :{}'", self.port);
        for holder in &self.found {
            let Holder {
                address,
                uid,
                inode,
                ..
            } = holder;
            match &holder.process {
                Some((name, pid)) => write!(f, "held by {name} (pid {pid}), ")?,
                None => write!(f, "held from outside this container or by another user, ")?,
            }
            write!(
                f,
                "uid {uid}, socket inode {inode}, listening on {address}; "
            )?;
        }
        if self.found.is_empty() {
            write!(f, "no listening socket is visible from here; ")?;
        }
        let known = |holder: &Holder| holder.process.is_some();
        if !self.found.is_empty() && self.found.iter().all(known) {
            write!(f, "end it, or choose another port with --listen")
        } else {
            f.write_str(&ask)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_open_addresses_need_credentials() {
        let check = |address: &str, given, no_auth| {
            let credentials = Credentials {
                flag: "--token-file FILE",
                given,
                no_auth,
            };
            check_exposure(address.parse().expect("address"), credentials).is_ok()
        };
        assert!(check("127.0.0.1:9525", false, false));
        assert!(check("[::1]:9525", false, false));
        assert!(check("[::ffff:127.0.0.1]:9525", false, false));
        assert!(check("0.0.0.0:9525", true, false));
        assert!(check("0.0.0.0:9525", false, true));
        assert!(!check("0.0.0.0:9525", false, false));
        assert!(!check("[::]:9525", false, false));
        assert!(!check("192.0.2.1:9525", false, false));
    }

    #[test]
    fn the_holder_is_named() {
        let first = bind("127.0.0.1:0".parse().expect("address")).expect("free port");
        let address = first.local_addr().expect("address");
        let message = bind(address).expect_err("in use").to_string();
        let pid = std::process::id();
        assert!(
            message.starts_with(&format!("{address} is in use: held by ")),
            "{message}"
        );
        assert!(message.contains(&format!("(pid {pid})")), "{message}");
        let uid = rustix::process::getuid().as_raw();
        assert!(message.contains(&format!("uid {uid}, socket inode ")));
    }

    #[test]
    fn a_holder_out_of_sight_is_told_by_uid_inode_and_command() {
        let proc = tempfile::tempdir().expect("dir");
        std::fs::create_dir_all(proc.path().join("self/net")).expect("dir");
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000000000000000000000000000:2535 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4242 1 0 100 0 0 10 0
   1: 00000000000000000000000001000000:2535 00000000000000000000000000000000:0000 01 00000000:00000000 00:00000000 00000000     0        0 77 1 0 100 0 0 10 0
   2: 00000000000000000000000001000000:1F90 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 78 1 0 100 0 0 10 0
";
        std::fs::write(proc.path().join("self/net/tcp6"), table).expect("write");
        let wanted: SocketAddr = "0.0.0.0:9525".parse().expect("address");
        let holders = holders(proc.path(), wanted);
        assert_eq!(
            holders.to_string(),
            "held from outside this container or by another user, uid 1000, socket inode 4242, \
             listening on [::]:9525; ask on the node: ss -ltnp 'sport = :9525'"
        );
    }

    #[test]
    fn one_address_does_not_stand_in_the_way_of_another() {
        let conflict = |held: &str, wanted: &str| {
            conflicts(
                held.parse().expect("address"),
                wanted.parse().expect("address"),
            )
        };
        assert!(!conflict("127.0.0.1:80", "192.0.2.1:80"));
        assert!(!conflict("127.0.0.1:80", "127.0.0.1:81"));
        assert!(conflict("[::]:80", "127.0.0.1:80"));
        assert!(conflict("[::ffff:127.0.0.1]:80", "127.0.0.1:80"));
    }
}
