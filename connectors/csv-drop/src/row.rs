//! One row: what is taken over, and what is refused and how to mend it.

use std::collections::BTreeMap;

use csv::StringRecord;
use tsunagu_connect::Refusal;
use tsunagu_domain::{Text, individual_number};
use tsunagu_ngsi_ld::Context;

use crate::wareki::{DateRefusal, parse_date};
use crate::{Config, Kind};

/// A configured column as it lies in one file.
struct Field {
    at: usize,
    header: String,
    attribute: String,
    kind: Kind,
    required: bool,
    codes: BTreeMap<String, String>,
}

/// Where the columns of one file are.
pub(crate) struct Layout {
    input: String,
    headers: Vec<String>,
    key_at: usize,
    fields: Vec<Field>,
}

/// A row that can be taken over.
pub(crate) struct Row {
    pub(crate) key: String,
    /// Expanded attribute → value, in the order of the settings.
    pub(crate) values: Vec<(usize, String)>,
    pub(crate) warnings: Vec<Refusal>,
}

impl Layout {
    /// From a file's header; what is wrong with it refuses the file.
    pub(crate) fn new(
        config: &Config,
        input: &str,
        header: &StringRecord,
    ) -> Result<Self, Box<Refusal>> {
        let headers: Vec<String> = header.iter().map(|name| name.trim().to_owned()).collect();
        let refuse = |rule, column: &str| Box::new(refusal(input, 1, Some(column), rule));
        if let Some(name) = headers.iter().find(|name| individual_number::is_field_name(name)) {
            return Err(refuse("individual-number-column", name));
        }
        // A file without a header has a record in its first line, which is not repeated.
        if headers.iter().any(|name| individual_number::is_in(name)) {
            return Err(Box::new(refusal(input, 1, None, "individual-number")));
        }
        let context = Context::core();
        let mut fields = Vec::new();
        let mut key_at = None;
        for (name, column) in &config.columns {
            let mut found = headers.iter().enumerate().filter(|(_, header)| *header == name);
            let Some((at, _)) = found.next() else {
                if column.kind == Kind::Ignore {
                    continue;
                }
                return Err(refuse("column-missing", name));
            };
            if found.next().is_some() {
                return Err(refuse("column-twice", name));
            }
            if *name == config.key {
                key_at = Some(at);
            }
            if let Some(attribute) = &column.attribute {
                fields.push(Field {
                    at,
                    header: name.clone(),
                    attribute: context.expand(attribute).into_owned(),
                    kind: column.kind,
                    required: column.required,
                    codes: column.codes.clone(),
                });
            }
        }
        let key_at = key_at.ok_or_else(|| refuse("column-missing", &config.key))?;
        Ok(Self { input: input.to_owned(), headers, key_at, fields })
    }

    /// The attribute behind [`Row::values`].
    pub(crate) fn attribute(&self, field: usize) -> &str {
        self.fields.get(field).map_or("", |field| &field.attribute)
    }

    /// What names the record of a row, as written but for space around it.
    pub(crate) fn key<'r>(&self, record: &'r StringRecord) -> &'r str {
        record.get(self.key_at).unwrap_or_default().trim()
    }

    pub(crate) fn refuse_key(&self, line: u64, rule: &str) -> Refusal {
        refusal(&self.input, line, self.headers.get(self.key_at).map(String::as_str), rule)
    }

    /// Reads a row, or says everything that is wrong with it.
    pub(crate) fn row(&self, record: &StringRecord, line: u64) -> Result<Row, Vec<Refusal>> {
        if record.len() != self.headers.len() {
            return Err(vec![refusal(&self.input, line, None, "columns")]);
        }
        let mut wrong = Vec::new();
        // Wherever it stands, in a column that is taken over or not: such a row is not touched further.
        for (value, header) in record.iter().zip(&self.headers) {
            if individual_number::is_in(value) {
                wrong.push(refusal(&self.input, line, Some(header), "individual-number"));
            }
        }
        let key = self.key(record).to_owned();
        if key.is_empty() {
            wrong.push(self.refuse_key(line, "key-missing"));
        }
        let (mut values, mut warnings) = (Vec::new(), Vec::new());
        for (at, field) in self.fields.iter().enumerate() {
            let raw = record.get(field.at).unwrap_or_default();
            let note = |rule| refusal(&self.input, line, Some(&field.header), rule);
            match field.read(raw) {
                Ok(Some(value)) => values.push((at, value)),
                Ok(None) if field.required => wrong.push(note("required")),
                Ok(None) => {}
                Err(rule) if rule == DateRefusal::Unknown.rule() && !field.required => {
                    warnings.push(note(rule));
                }
                Err(rule) => wrong.push(note(rule)),
            }
            // The mark that old systems print for a character they do not have.
            if field.kind == Kind::Text && raw.contains('〓') {
                warnings.push(note("character-replaced"));
            }
        }
        if wrong.is_empty() { Ok(Row { key, values, warnings }) } else { Err(wrong) }
    }
}

impl Field {
    /// The value to store; `None` when there is none; or the rule that refuses it.
    fn read(&self, raw: &str) -> Result<Option<String>, &'static str> {
        if let Some(rule) = raw.chars().find_map(unusable) {
            return Err(rule);
        }
        let trimmed = raw.trim();
        if trimmed.is_empty() {
            return Ok(None);
        }
        match self.kind {
            Kind::Text => Ok(Some(raw.to_owned())),
            Kind::Date => {
                parse_date(trimmed).map(|date| Some(date.to_string())).map_err(DateRefusal::rule)
            }
            Kind::Gender => gender(trimmed).map(|word| Some(word.to_owned())).ok_or("gender"),
            Kind::Code => self.codes.get(trimmed).cloned().map(Some).ok_or("code"),
            Kind::Ignore => Ok(None),
        }
    }
}

fn unusable(c: char) -> Option<&'static str> {
    match c {
        '\u{FFFD}' => Some("character-undecodable"),
        '\u{E000}'..='\u{F8FF}' | '\u{F0000}'..='\u{FFFFD}' | '\u{100000}'..='\u{10FFFD}' => {
            Some("gaiji")
        }
        '\t' | '\n' | '\r' => None,
        c if c.is_control() => Some("character-control"),
        _ => None,
    }
}

/// Words and the codes of ISO 5218.
fn gender(text: &str) -> Option<&'static str> {
    Some(match text {
        "男" | "男性" | "1" | "１" | "M" | "m" | "Ｍ" | "male" => "male",
        "女" | "女性" | "2" | "２" | "F" | "f" | "Ｆ" | "female" => "female",
        "その他" | "9" | "９" | "other" => "other",
        "不明" | "0" | "０" | "unknown" => "unknown",
        _ => return None,
    })
}

/// A finding by its rule's name.
pub(crate) fn refusal(input: &str, line: u64, column: Option<&str>, rule: &str) -> Refusal {
    let (ja, en) = remedy(rule);
    Refusal {
        input: input.to_owned(),
        line,
        column: column.map(str::to_owned),
        rule: rule.to_owned(),
        remedy: Text { ja: ja.to_owned(), en: en.to_owned() },
    }
}

fn remedy(rule: &str) -> (&'static str, &'static str) {
    match rule {
        "individual-number-column" => (
            "個人番号の列は取り込めません。列を削除したファイルを置いてください",
            "a column for the individual number cannot be taken over; remove the column and drop the file again",
        ),
        "individual-number" => (
            "個人番号とみられる12桁の数字があります。削除してください",
            "there are twelve digits that can be an individual number; remove them",
        ),
        "individual-number-file" => (
            "ファイル名に個人番号とみられる12桁の数字があります。名前を変えて置き直してください",
            "the name of the file holds twelve digits that can be an individual number; give it another name and drop it again",
        ),
        "column-missing" => (
            "必要な列がありません。見出し行を確認してください",
            "a needed column is missing; check the header line",
        ),
        "column-twice" => {
            ("同じ見出しの列が2つあります", "two columns have this header; remove one")
        }
        "columns" => (
            "列の数が見出しと違います。区切りと引用符を確認してください",
            "the row has not as many fields as the header; check commas and quotes",
        ),
        "key-missing" => {
            ("記録を特定する番号がありません", "the number that names the record is missing")
        }
        "key-twice" => (
            "同じ番号の行がすでにあります。最初の行だけを取り込みました",
            "an earlier row has the same number; only the first was taken over",
        ),
        "required" => ("必須の項目が空です", "a value is needed here"),
        "gaiji" => (
            "外字が含まれています。標準の文字に置き換えてください",
            "a private-use character (gaiji) is in it; write it with a standard character",
        ),
        "character-undecodable" => (
            "読み取れない文字があります。文字コードを確認してください",
            "a character cannot be decoded; check the file's encoding",
        ),
        "character-control" => {
            ("制御文字が含まれています", "a control character is in it; remove it")
        }
        "character-replaced" => (
            "「〓」があります。元の文字を確認してください",
            "a replacement mark is in it; look up the right character",
        ),
        "date-form" => (
            "日付の書き方が読み取れません。例: 昭和60年3月15日、1985-03-15",
            "the date cannot be read; write it like 昭和60年3月15日 or 1985-03-15",
        ),
        "date-impossible" => ("存在しない日付です", "there is no such day; correct the date"),
        "date-outside-era" => {
            ("元号と年が合いません", "the era does not have this day; correct era or year")
        }
        "date-old-calendar" => (
            "明治5年以前の日付は西暦で入力してください",
            "write dates before 1873 in the common calendar",
        ),
        "date-unknown" => (
            "日付の一部が不詳です。この項目は空として取り込みました",
            "part of the date is not known; the row was taken over without it",
        ),
        "gender" => (
            "性別は 男・女・その他・不明 または 1・2・9・0 で入力してください",
            "write 男, 女, その他, 不明 or 1, 2, 9, 0",
        ),
        "code" => (
            "設定にない区分です。区分を確認するか、設定に追加してください",
            "this code is not in the settings; correct it or add it there",
        ),
        "encoding" => (
            "文字コードを判別できません。UTF-8 または Shift_JIS で保存してください",
            "the encoding cannot be told; save the file as UTF-8 or Shift_JIS",
        ),
        "rows-too-few" => (
            "行数が少なすぎます。ファイルが途中で切れていないか確認してください",
            "there are too few rows; check whether the file is cut off",
        ),
        "empty" => ("ファイルが空です", "the file is empty"),
        _ => ("確認してください", "check it"),
    }
}
