//! What became of an input's datagrams and packets.

/// What became of datagrams and packets, counted since the input was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct IngressCounts {
    pub malformed: u64,
    pub unaligned: u64,
    pub reordered: u64,
    pub duplicates: u64,
    pub late: u64,
    pub lost_network: u64,
    /// Datagrams: by the RTP sequence where there is one, else by the socket's counter.
    pub lost_kernel: u64,
    pub source_restarts: u64,
    /// RTP: signs of a second sender.
    pub second_sender: u64,
    /// TS packets dropped for their bad sync byte, among good ones.
    pub bad_sync_packets: u64,
    /// Bytes of TS that were copied in user space because they could not be received in place.
    pub copied_bytes: u64,
}

impl std::ops::Add for IngressCounts {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            malformed: self.malformed + other.malformed,
            unaligned: self.unaligned + other.unaligned,
            reordered: self.reordered + other.reordered,
            duplicates: self.duplicates + other.duplicates,
            late: self.late + other.late,
            lost_network: self.lost_network + other.lost_network,
            lost_kernel: self.lost_kernel + other.lost_kernel,
            source_restarts: self.source_restarts + other.source_restarts,
            second_sender: self.second_sender + other.second_sender,
            bad_sync_packets: self.bad_sync_packets + other.bad_sync_packets,
            copied_bytes: self.copied_bytes + other.copied_bytes,
        }
    }
}
