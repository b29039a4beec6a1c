//! A synthetic town as spreadsheets with Chinese headings.

use std::io;

use csv::{Terminator, WriterBuilder};

use super::people::{Cells, Worker};
use super::territory::Territory;

/// Without it a spreadsheet program takes the file for GB18030.
const BYTE_ORDER_MARK: &[u8] = "\u{FEFF}".as_bytes();

pub const REGISTER_HEADINGS: [&str; 16] = [
    "网格编码",
    "道路",
    "号",
    "楼栋",
    "单元",
    "楼层",
    "室",
    "房屋用途",
    "户",
    "与户主关系",
    "姓名",
    "性别",
    "出生年份",
    "电话",
    "居住类型",
    "入住日期",
];

pub fn areas(town: &Territory) -> io::Result<Vec<u8>> {
    let rows = town.areas.iter().map(|area| {
        let parent = area.parent.map_or("", |parent| town.areas[parent].code.as_str());
        [area.code.as_str(), parent, area.kind, area.name.as_str()]
    });
    sheet(["编码", "上级编码", "类型", "名称"], rows)
}

pub fn staff(staff: &[Worker]) -> io::Result<Vec<u8>> {
    let rows = staff.iter().map(|worker| {
        let Worker { login, name, phone, role, areas } = worker;
        [login.clone(), name.clone(), phone.clone(), (*role).to_owned(), areas.join("、")]
    });
    sheet(["登录名", "姓名", "电话", "角色", "网格编码"], rows)
}

pub fn register(rows: &[Cells]) -> io::Result<Vec<u8>> {
    sheet(REGISTER_HEADINGS, rows)
}

fn sheet<const N: usize, R>(headings: [&str; N], rows: impl IntoIterator<Item = R>) -> io::Result<Vec<u8>>
where
    R: IntoIterator,
    R::Item: AsRef<[u8]>,
{
    let mut writer = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(BYTE_ORDER_MARK.to_vec());
    writer.write_record(headings)?;
    for row in rows {
        writer.write_record(row)?;
    }
    writer.into_inner().map_err(csv::IntoInnerError::into_error)
}
