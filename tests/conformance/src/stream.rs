//! Streams of constant rate, endless or cut, each packet with its time.

use common::ts::packet::{PACKET_BYTES, Pcr, TsPacket};
use source_server::testcard::{Mux, MuxOptions};

/// A packet, and when it is due in ticks of 27 MHz.
#[derive(Debug, Clone, Copy)]
pub struct Timed {
    pub ticks: u64,
    pub packet: [u8; PACKET_BYTES],
}

/// Where a stream carries what.
#[derive(Debug, Clone, Copy)]
pub struct Layout {
    pub pmt: u16,
    pub video: u16,
    pub audio: u16,
}

/// The test card's PIDs.
pub const CARD: Layout = Layout {
    pmt: 0x100,
    video: 0x101,
    audio: 0x102,
};

/// Those that ffmpeg gives.
pub const FFMPEG: Layout = Layout {
    pmt: 0x1000,
    video: 0x100,
    audio: 0x101,
};

pub const TICKS_PER_MS: u64 = Pcr::TICKS_PER_SECOND / 1000;

impl Timed {
    #[must_use]
    pub fn ms(&self) -> u64 {
        self.ticks / TICKS_PER_MS
    }

    /// The packet's fields.
    ///
    /// # Panics
    /// When its sync byte has been damaged.
    #[must_use]
    pub fn view(&self) -> TsPacket<'_> {
        TsPacket::new(&self.packet).expect("a sync byte")
    }

    #[must_use]
    pub fn pid(&self) -> u16 {
        self.view().pid().value()
    }

    /// Nothing is left of it.
    pub fn nullify(&mut self) {
        self.packet = [0xff; PACKET_BYTES];
        self.packet[..4].copy_from_slice(&[0x47, 0x1f, 0xff, 0x10]);
    }
}

/// The test card, for ever.
pub fn card(bps: u64, clock_start: Pcr) -> impl Iterator<Item = Timed> {
    let mut mux = Mux::new(&MuxOptions {
        bps,
        name: "Test".to_owned(),
        proof: false,
        clock_start,
    });
    std::iter::from_fn(move || {
        let mut timed = Timed {
            ticks: mux.ticks(),
            packet: [0; PACKET_BYTES],
        };
        mux.next(&mut timed.packet);
        Some(timed)
    })
}

/// The packets of a file that was made with this rate.
pub fn constant(bytes: &[u8], bps: u64) -> impl Iterator<Item = Timed> {
    let packets = bytes.chunks_exact(PACKET_BYTES).enumerate();
    packets.map(move |(index, bytes)| {
        let bits = (index * PACKET_BYTES * 8) as u64;
        let mut packet = [0; PACKET_BYTES];
        packet.copy_from_slice(bytes);
        Timed {
            ticks: u64::try_from(u128::from(bits) * 27_000_000 / u128::from(bps))
                .unwrap_or(u64::MAX),
            packet,
        }
    })
}
