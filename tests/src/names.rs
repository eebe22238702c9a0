//! Names of hosts, as one host knows them: its own /etc/hosts and nothing else, which a test may
//! change while programs run.

use std::net::IpAddr;
use std::path::PathBuf;

use crate::host::Host;

/// Where `ip netns exec` looks for files that stand for those in /etc.
const FOLDER: &str = "/etc/netns";

/// The names that a host knows.
#[derive(Debug)]
pub struct Names {
    folder: PathBuf,
}

impl Names {
    /// For programs that are started in `host` from here on.
    ///
    /// # Panics
    /// When the files can't be written.
    #[must_use]
    pub fn of(host: &Host) -> Self {
        let names = Self {
            folder: PathBuf::from(FOLDER).join(host.namespace()),
        };
        std::fs::create_dir_all(&names.folder).expect("a folder below /etc/netns");
        let switch = names.folder.join("nsswitch.conf");
        std::fs::write(switch, "hosts: files\n").expect("nsswitch.conf");
        names.set(&[]);
        names
    }

    /// These and no others.
    ///
    /// # Panics
    /// When the file can't be written.
    pub fn set(&self, names: &[(&str, &str)]) {
        let line = |(address, name): &(&str, &str)| {
            let address: IpAddr = address.parse().expect("an address");
            format!("{address} {name}\n")
        };
        let lines: String = names.iter().map(line).collect();
        // In place: the programs see this very file.
        std::fs::write(self.folder.join("hosts"), lines).expect("hosts");
    }
}

impl Drop for Names {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
        // Empty, when no other test has any.
        let _ = std::fs::remove_dir(FOLDER);
    }
}
