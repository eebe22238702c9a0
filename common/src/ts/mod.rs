//! MPEG-2 transport stream (ISO/IEC 13818-1): the packet and the CRC of its sections.

pub mod crc;
pub mod packet;
