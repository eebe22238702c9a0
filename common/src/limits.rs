//! Bounds that more than one program keeps. Each says what happens when it is reached.

/// A multicast datagram of seven TS packets: what fits in an Ethernet frame of 1500 bytes
/// (RFC 2250, section 2, "an integral number of transport packets").
pub const DATAGRAM_TS_BYTES: usize = 7 * 188;

/// The largest UDP payload over IPv4: 65,535 less 20 bytes of IP and 8 of UDP header.
pub const DATAGRAM_BYTES_MAX: usize = 65_507;

/// Datagrams that one `recvmmsg` or `sendmmsg` moves at most. More are left to the next call.
pub const BATCH_DATAGRAMS_MAX: usize = 64;

/// Segments that one GSO send may carry (Linux `UDP_MAX_SEGMENTS` is 64 before 6.9, 128 since).
/// Longer runs are split.
pub const GSO_SEGMENTS_MAX: usize = 64;

/// The longest interface name that Linux knows: `IFNAMSIZ` less the closing zero.
pub const INTERFACE_NAME_BYTES_MAX: usize = 15;
