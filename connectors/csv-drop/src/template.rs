//! An example of a file.

use tsunagu_japanese::export::{Target, encode};
use tsunagu_japanese::spreadsheets;

use crate::{Column, Config, Encoding, Kind};

/// A file of this layout with its columns, the key first, and one invented row: UTF-8 with a byte order mark, or CP932.
pub fn template(config: &Config, encoding: Encoding) -> Vec<u8> {
    let target = match encoding {
        Encoding::Cp932 => Target::Cp932,
        _ => Target::Utf8,
    };
    let (key, others): (Vec<_>, Vec<_>) =
        config.columns.iter().partition(|(header, _)| **header == config.key);
    let columns: Vec<_> = key.into_iter().chain(others).collect();
    let header: Vec<String> = columns.iter().map(|(header, _)| quoted(header)).collect();
    let row: Vec<String> =
        columns.iter().map(|(_, column)| quoted(&example(config, column))).collect();
    let text = format!("{}\r\n{}\r\n", header.join(","), row.join(","));
    [target.mark(), &encode(&text, target).0].concat()
}

fn quoted(cell: &str) -> String {
    let cell = spreadsheets::cell(cell);
    if cell.contains(['"', ',', '\r', '\n']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell
    }
}

fn example(config: &Config, column: &Column) -> String {
    match column.kind {
        Kind::Text => match column.digits {
            Some(width) => format!("{:0>width$}", 1),
            None => "例".to_owned(),
        },
        Kind::Date => match column.era_codes {
            Some(1) => "3600315".to_owned(),
            Some(_) => "03600315".to_owned(),
            None => "昭和60年3月15日".to_owned(),
        },
        Kind::Address => config.town.as_ref().map_or_else(
            || "例".to_owned(),
            |town| {
                let place = town.places.first().map(String::as_str).unwrap_or_default();
                format!("{}{}{}{place}1番地", town.prefecture, town.county, town.name)
            },
        ),
        Kind::Gender => "女".to_owned(),
        Kind::Code => column.codes.keys().next().cloned().unwrap_or_default(),
        Kind::Ignore => String::new(),
    }
}
