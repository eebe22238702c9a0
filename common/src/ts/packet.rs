//! One TS packet of 188 bytes (ISO/IEC 13818-1, 2.4.3): a view that reads fields where they lie.

/// Length of a TS packet.
pub const PACKET_BYTES: usize = 188;

/// Length of a TS packet with 16 bytes of Reed-Solomon behind it, as some DVB equipment sends.
pub const PACKET_RS_BYTES: usize = 204;

/// First byte of every packet.
pub const SYNC_BYTE: u8 = 0x47;

/// A packet identifier, 13 bits.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(transparent)]
pub struct Pid(u16);

/// A view of one packet. The bytes are what they are: only the fields' places are known.
#[derive(Debug, Clone, Copy)]
pub struct TsPacket<'a>(&'a [u8; PACKET_BYTES]);

/// A program clock reference in ticks of 27 MHz: base x 300 + extension (2.4.3.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pcr(pub u64);

impl Pid {
    pub const PAT: Self = Self(0);
    pub const CAT: Self = Self(1);
    pub const SDT: Self = Self(0x11);
    pub const NULL: Self = Self(0x1fff);
    /// Number of different PIDs.
    pub const COUNT: usize = 0x2000;

    /// The low 13 bits of `value`.
    #[must_use]
    pub const fn new(value: u16) -> Self {
        Self(value & 0x1fff)
    }

    #[must_use]
    pub const fn value(self) -> u16 {
        self.0
    }

    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl Pcr {
    pub const TICKS_PER_SECOND: u64 = 27_000_000;
    /// The base has 33 bits: it starts again after 26.5 hours.
    pub const WRAP: u64 = (1 << 33) * 300;

    /// Ticks from `earlier` to `self`, over the wrap.
    #[must_use]
    pub const fn since(self, earlier: Self) -> u64 {
        // An extension beyond 299, which has no meaning, may lie behind the wrap.
        (self.0 % Self::WRAP + Self::WRAP - earlier.0 % Self::WRAP) % Self::WRAP
    }
}

impl<'a> TsPacket<'a> {
    /// A view of the first 188 bytes of `bytes`; none when there are fewer or they don't begin
    /// with the sync byte.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Option<Self> {
        let packet: &[u8; PACKET_BYTES] = bytes.get(..PACKET_BYTES)?.try_into().ok()?;
        (packet[0] == SYNC_BYTE).then_some(Self(packet))
    }

    #[must_use]
    pub const fn bytes(self) -> &'a [u8; PACKET_BYTES] {
        self.0
    }

    #[must_use]
    pub const fn pid(self) -> Pid {
        Pid::new(u16::from_be_bytes([self.0[1], self.0[2]]))
    }

    /// `transport_error_indicator`.
    #[must_use]
    pub const fn tei(self) -> bool {
        self.0[1] & 0x80 != 0
    }

    /// `payload_unit_start_indicator`.
    #[must_use]
    pub const fn pusi(self) -> bool {
        self.0[1] & 0x40 != 0
    }

    /// `transport_scrambling_control` is not 00.
    #[must_use]
    pub const fn scrambled(self) -> bool {
        self.0[3] & 0xc0 != 0
    }

    /// `continuity_counter`.
    #[must_use]
    pub const fn cc(self) -> u8 {
        self.0[3] & 0x0f
    }

    #[must_use]
    pub const fn has_adaptation_field(self) -> bool {
        self.0[3] & 0x20 != 0
    }

    #[must_use]
    pub const fn has_payload(self) -> bool {
        self.0[3] & 0x10 != 0
    }

    /// The adaptation field behind its length byte; empty when there is none or its length
    /// does not fit.
    #[must_use]
    pub fn adaptation_field(self) -> &'a [u8] {
        if !self.has_adaptation_field() {
            return &[];
        }
        self.0
            .get(5..5 + usize::from(self.0[4]))
            .unwrap_or_default()
    }

    /// `discontinuity_indicator`.
    #[must_use]
    pub fn discontinuity(self) -> bool {
        self.adaptation_field()
            .first()
            .is_some_and(|flags| flags & 0x80 != 0)
    }

    /// `random_access_indicator`.
    #[must_use]
    pub fn random_access(self) -> bool {
        self.adaptation_field()
            .first()
            .is_some_and(|flags| flags & 0x40 != 0)
    }

    /// The PCR, where the adaptation field has one whole.
    #[must_use]
    pub fn pcr(self) -> Option<Pcr> {
        let field = self.adaptation_field();
        if field.len() < 7 || field[0] & 0x10 == 0 {
            return None;
        }
        let base = u64::from(u32::from_be_bytes([field[1], field[2], field[3], field[4]])) << 1
            | u64::from(field[5] >> 7);
        let extension = u64::from(field[5] & 1) << 8 | u64::from(field[6]);
        Some(Pcr(base * 300 + extension))
    }

    /// What follows header and adaptation field; empty without payload.
    #[must_use]
    pub fn payload(self) -> &'a [u8] {
        if !self.has_payload() {
            return &[];
        }
        let start = if self.has_adaptation_field() {
            5 + usize::from(self.0[4])
        } else {
            4
        };
        self.0.get(start..).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn packet(head: &[u8]) -> [u8; PACKET_BYTES] {
        let mut packet = [0xff; PACKET_BYTES];
        packet[..head.len()].copy_from_slice(head);
        packet
    }

    #[test]
    fn fields_lie_where_the_standard_puts_them() {
        let bytes = packet(&[0x47, 0x41, 0x00, 0x3a, 7, 0xd0, 0, 0, 0, 1, 0x81, 5, 0xaa]);
        let packet = TsPacket::new(&bytes).expect("sync");
        assert_eq!(packet.pid(), Pid::new(0x100));
        assert!(packet.pusi() && !packet.tei() && !packet.scrambled());
        assert!(packet.discontinuity() && packet.random_access());
        assert_eq!(packet.cc(), 10);
        assert_eq!(packet.pcr(), Some(Pcr(3 * 300 + 0x105)));
        assert_eq!(packet.payload().len(), PACKET_BYTES - 12);
        assert_eq!(packet.payload()[0], 0xaa);
    }

    #[test]
    fn an_adaptation_field_too_long_or_too_short_gives_nothing() {
        let long = packet(&[0x47, 0, 0, 0x30, 184, 0x10]);
        let long = TsPacket::new(&long).expect("sync");
        assert!(
            long.adaptation_field().is_empty() && long.payload().is_empty() && long.pcr().is_none()
        );
        let short = packet(&[0x47, 0, 0, 0x30, 6, 0x10]);
        assert_eq!(TsPacket::new(&short).expect("sync").pcr(), None);
    }

    #[test]
    fn pcr_distance_crosses_the_wrap() {
        assert_eq!(Pcr(5).since(Pcr(Pcr::WRAP - 10)), 15);
        assert_eq!(Pcr(15).since(Pcr(5)), 10);
        assert_eq!(Pcr(0).since(Pcr(Pcr::WRAP + 211)), Pcr::WRAP - 211);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400), sync in any::<bool>()) {
            let mut bytes = bytes;
            if let Some(first) = bytes.first_mut().filter(|_| sync) {
                *first = SYNC_BYTE;
            }
            if let Some(packet) = TsPacket::new(&bytes) {
                let _ = (packet.pcr(), packet.payload(), packet.discontinuity(), packet.random_access());
                prop_assert!(packet.adaptation_field().len() <= PACKET_BYTES - 5);
            }
        }
    }
}
