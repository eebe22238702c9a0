use super::*;

fn packet(pid: u16, cc: u8, scrambling: u8) -> [u8; PACKET_BYTES] {
    let mut packet = [0x55; PACKET_BYTES];
    let [high, low] = pid.to_be_bytes();
    packet[..4].copy_from_slice(&[SYNC_BYTE, high, low, scrambling | 0x10 | cc & 0xf]);
    packet
}

/// One packet as the scan takes it; whether the fast path did.
fn scan(table: &mut PidTable, packet: &[u8; PACKET_BYTES]) -> bool {
    table.expected(packet) || {
        table.arrive(TsPacket::new(packet).expect("sync"), &[]);
        false
    }
}

#[test]
fn a_full_table_gives_places_to_those_that_are_named() {
    let mut table = PidTable::default();
    for pid in 0x100..0x100 + 300 {
        scan(&mut table, &packet(pid, 0, 0));
    }
    assert_eq!(table.unfollowed(), 300 - PIDS_MAX as u64);
    table.set_role(Pid::new(0x1ffe), Role::Pmt(3));
    assert!(table.set_watch(Pid::new(0x1ffd), 7));
    assert_eq!(table.watch(Pid::new(0x1ffd)), Some(7));
    scan(&mut table, &packet(0x1ffe, 0, 0));
    assert_eq!(table.packets(Pid::new(0x1ffe)), 1);
    // Those that gave their places up are not followed any more, and no other.
    let followed = (0..Pid::COUNT).filter(|pid| table.places[*pid] != 0);
    assert_eq!(followed.count(), PIDS_MAX);
}

#[test]
fn silent_pids_give_their_places_up() {
    let mut table = PidTable::default();
    for pid in 0x100..0x100 + 255 {
        scan(&mut table, &packet(pid, 0, 0));
    }
    table.set_watch(Pid::new(0x100), 0);
    for cc in 1..=PID_SILENT_LOOKS + 1 {
        // One that speaks, and one that is silent but watched.
        scan(&mut table, &packet(0x101, cc, 0));
        table.age();
    }
    assert_eq!(table.packets(Pid::new(0x100)), 1);
    assert!(table.packets(Pid::new(0x101)) > 30);
    assert_eq!(table.packets(Pid::new(0x102)), 0, "forgotten");
    for pid in 0x1000..0x1000 + 253 {
        scan(&mut table, &packet(pid, 0, 0));
    }
    assert_eq!(table.unfollowed(), 0);
    scan(&mut table, &packet(0x1fff - 1, 0, 0));
    assert_eq!(table.unfollowed(), 1);
}

#[test]
fn scrambled_packets_take_the_fast_path_and_are_counted() {
    let mut table = PidTable::default();
    let fast: Vec<bool> = [0, 0, 0x80, 0x80, 0x80, 0xc0, 0xc0, 0, 0]
        .iter()
        .zip(0..)
        .map(|(scrambling, cc)| scan(&mut table, &packet(0x101, cc, *scrambling)))
        .collect();
    assert_eq!(
        fast,
        [false, true, false, true, true, false, true, false, true]
    );
    assert_eq!(table.count_scrambled(), 5);
    scan(&mut table, &packet(0x101, 9, 0x80));
    scan(&mut table, &packet(0x101, 10, 0x80));
    assert_eq!(table.count_scrambled(), 7);
    assert_eq!(table.count_scrambled(), 7);
}

#[test]
fn what_must_not_be_believed_fills_its_place() {
    let mut table = PidTable::default();
    for cc in 0..3 {
        scan(&mut table, &packet(0x101, cc, 0));
    }
    assert!(table.pass_over(&packet(0x101, 3, 0)));
    assert!(!table.pass_over(&packet(0x101, 9, 0)));
    assert!(!table.pass_over(&packet(0x777, 0, 0)));
    let next = packet(0x101, 4, 0);
    let seen = table.arrive(TsPacket::new(&next).expect("sync"), &[]);
    assert_eq!(seen.map(|seen| seen.arrival), Some(Arrival::Continues));
}

#[test]
fn only_the_same_bytes_are_a_repetition() {
    let (first, second) = (packet(0x101, 1, 0), packet(0x101, 2, 0));
    let mut other = second;
    other[100] ^= 1;
    for (again, expected) in [
        (second, Arrival::Duplicate),
        (
            other,
            Arrival::Gap {
                missing: 15,
                known: None,
            },
        ),
    ] {
        let mut table = PidTable::default();
        scan(&mut table, &first);
        scan(&mut table, &second);
        let before = [first, packet(0x102, 0, 0), second, packet(0x102, 1, 0)].concat();
        let seen = table.arrive(TsPacket::new(&again).expect("sync"), &before);
        assert_eq!(seen.map(|seen| seen.arrival), Some(expected));
    }
}
