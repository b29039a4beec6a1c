//! Written addresses to their parts.

use crate::office::import::register::Address;
use crate::office::import::register::address::{Part, Written, parse, parse_part};

fn parts(written: &Written) -> String {
    written.address.parts().collect::<Vec<_>>().join("|")
}

#[test]
fn addresses_are_read_into_parts() {
    let cases = [
        ("万寿路944号4单元3楼", "万寿路|944||4|3|"),
        ("万寿路９４４号４单元３楼", "万寿路|944||4|3|"),
        ("万寿路 944 号 4 单元 3 楼", "万寿路|944||4|3|"),
        ("万寿路944号附2号", "万寿路|944附2||||"),
        ("万寿路944", "万寿路|944||||"),
        ("滨河小区5栋1单元301", "滨河小区||5|1||301"),
        ("滨河小区5栋1单元3层301室", "滨河小区||5|1|3|301"),
        ("滨河小区5-1-301", "滨河小区||5|1||301"),
        ("滨河小区5-1-301室", "滨河小区||5|1||301"),
        ("滨河小区5-301", "滨河小区||5|||301"),
        ("滨河小区5栋1-301", "滨河小区||5|1||301"),
        ("滨河小区3栋501号", "滨河小区||3|||501"),
        ("幸福路12号院3号楼2单元501室", "幸福路|12|3|2||501"),
        ("幸福路12号3楼2单元501室", "幸福路|12|3|2||501"),
        ("幸福路12-1号3幢", "幸福路|12-1|3|||"),
        ("三号桥街八号二单元十二楼", "三号桥街|8||2|12|"),
        ("云岭村3组12号", "云岭村3组|12||||"),
        ("朝阳街88弄5号502室", "朝阳街88弄|5||||502"),
        ("桃园A座1203", "桃园||A|||1203"),
        ("育才路5#", "育才路|5||||"),
        ("青年路20号甲栋三〇二室", "青年路|20|甲|||302"),
        ("滨河路1号负一楼12室", "滨河路|1|||-1|12"),
        ("滨河路1号2栋负1层12室", "滨河路|1|2||-1|12"),
        ("滨河路1号地下二层12室", "滨河路|1|||-2|12"),
        ("滨河路1号-1楼12室", "滨河路|1|||-1|12"),
    ];
    for (cell, expected) in cases {
        let written = parse(cell).expect(cell);
        assert_eq!(parts(&written), expected, "{cell}");
        assert!(!written.loose, "{cell}");
    }
}

#[test]
fn words_that_name_no_part_are_kept() {
    let cases = [
        ("万寿路8号云岭小区5栋", "万寿路云岭小区|8|5|||"),
        ("万寿路8号2单元5楼东户", "万寿路|8||2|5|东户"),
        ("万寿路8号平房", "万寿路|8||||平房"),
    ];
    for (cell, expected) in cases {
        let written = parse(cell).expect(cell);
        assert_eq!(parts(&written), expected, "{cell}");
        assert!(written.loose, "{cell}");
    }
}

#[test]
fn contradictory_addresses_are_faults() {
    for cell in ["万寿路8号3栋5栋", "万寿路1-2-3-4", "滨河小区5栋5-1-301"] {
        assert_eq!(parse(cell).expect_err(cell).code, "address_unclear");
    }
    assert_eq!(parse(&"路".repeat(61)).expect_err("long").code, "too_long");
    assert_eq!(parse(&format!("{}号", "1".repeat(21))).expect_err("long").code, "too_long");
}

#[test]
fn an_address_without_a_door_names_no_dwelling() {
    for cell in ["万寿路", "万寿路3楼", "三楼", "-", "单元"] {
        let address = parse(cell).map(|written| written.address).unwrap_or_default();
        assert!(!address.names_a_dwelling(), "{cell}: {address:?}");
    }
}

#[test]
fn any_text_is_read_or_refused() {
    let alphabet: Vec<char> = "路号楼院栋单元层室附甲一十百3A-#、 ".chars().collect();
    for seed in 0..20_000_usize {
        let mut rest = seed.wrapping_mul(2_654_435_761);
        let text: String = (0..7)
            .map(|_| {
                let c = alphabet[rest % alphabet.len()];
                rest /= alphabet.len();
                c
            })
            .collect();
        let _ = parse(&text);
    }
}

#[test]
fn cells_of_one_part_lose_its_word() {
    let cases = [
        (Part::Road, " 万寿 路 ", "万寿路"),
        (Part::Number, "944号", "944"),
        (Part::Number, "号", "号"),
        (Part::Building, "3号楼", "3"),
        (Part::Building, "a座", "A"),
        (Part::Building, "5#楼", "5"),
        (Part::Unit, "四单元", "4"),
        (Part::Floor, "十二楼", "12"),
        (Part::Room, "３０１室", "301"),
    ];
    for (part, cell, expected) in cases {
        assert_eq!(parse_part(part)(cell).as_deref(), Ok(expected), "{cell}");
    }
    assert_eq!(Address::default().parts().count(), 6);
}
