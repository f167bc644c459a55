//! One row: what is taken over, what a person has to decide, and what is refused and how to mend it.

use serde_json::json;
use tsunagu_domain::{Timestamp, individual_number};
use tsunagu_japanese::dates::{self, DateRefusal, EraCodes};
use tsunagu_japanese::spreadsheets::{self, DigitTrouble};
use tsunagu_japanese::{addresses, characters};
use tsunagu_ngsi_ld::model::Attribute;
use tsunagu_ngsi_ld::{Context, Entity, Instance};

use crate::entity::Entities;
use crate::finding::{Finding, Weight};
use crate::{Column, Config, Kind, numbers};

/// What a person decided about a value.
#[derive(Clone, PartialEq, Eq)]
pub enum Decided {
    /// This text is meant.
    Take(String),
    /// A row with it is not taken over.
    Refuse,
}

/// What was decided before, by column and the value as written.
pub trait Decisions {
    /// The decision, if there is one. With `only`, what is written does not tell what was meant (see [`is_lossy`]): a decision is then one about
    /// this line of this file alone.
    fn on(&self, column: &str, written: &str, only: Option<u64>) -> Option<Decided>;
}

/// Whether different values come to be written the same before a rule finds it: what one row means says nothing of another.
pub fn is_lossy(rule: &str) -> bool {
    rule == "number-damaged" || rule == DateRefusal::TwoDigitYear.rule()
}

/// No decisions.
#[derive(Debug, Clone, Copy)]
pub struct Undecided;

impl Decisions for Undecided {
    fn on(&self, _column: &str, _written: &str, _only: Option<u64>) -> Option<Decided> {
        None
    }
}

/// A configured column as it lies in one file.
struct Field {
    at: usize,
    header: String,
    attribute: String,
    column: Column,
}

/// Where the columns of one file are, and what becomes of them.
pub struct Layout {
    headers: Vec<String>,
    key_at: usize,
    fields: Vec<Field>,
    entities: Entities,
    town: Option<addresses::Town>,
    as_written: String,
}

impl std::fmt::Debug for Layout {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Layout").field("headers", &self.headers).finish_non_exhaustive()
    }
}

/// What became of a row.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Its first line, from 1.
    pub line: u64,
    /// What names its record, as far as the key can be read.
    pub name: Option<[u8; 16]>,
    /// The record, unless it waits for a person or is refused.
    pub record: Option<Record>,
    /// Everything that is not as it should be.
    pub findings: Vec<Finding>,
}

impl Outcome {
    /// The heaviest finding.
    pub fn weight(&self) -> Option<Weight> {
        self.findings.iter().map(|finding| finding.weight).max()
    }

    fn refused(line: u64, name: Option<[u8; 16]>, findings: Vec<Finding>) -> Self {
        Self { line, name, record: None, findings }
    }
}

/// A row as an entity.
#[derive(Debug, Clone)]
pub struct Record {
    /// 128 bits that name the record and tell nothing of its key to anyone without the secret.
    pub name: [u8; 16],
    /// The entity.
    pub entity: Entity,
}

/// A value as it is stored.
enum Value {
    Text(String),
    /// What is known of a date, and the words for it when they are others.
    Date {
        iso: String,
        as_written: Option<String>,
    },
    /// An address as written, and its parts.
    Address {
        written: String,
        parts: Option<serde_json::Value>,
    },
}

/// Why a value is not taken over.
struct Wrong {
    rule: &'static str,
    weight: Weight,
    repair: Option<String>,
}

impl Wrong {
    fn refused(rule: &'static str) -> Self {
        Self { rule, weight: Weight::Refused, repair: None }
    }

    fn to_decide(rule: &'static str, repair: Option<String>) -> Self {
        Self { rule, weight: Weight::ToDecide, repair }
    }
}

/// Where the parts of an address are, beside the address.
pub(crate) fn parts_attribute(attribute: &str) -> String {
    format!("{attribute}Parts")
}

impl Layout {
    /// From a file's header; what is wrong with it refuses the file.
    pub fn new(config: &Config, header: &[String]) -> Result<Self, Box<Finding>> {
        let headers: Vec<String> = header.iter().map(|name| name.trim().to_owned()).collect();
        let refuse = |rule, column: &str| Box::new(Finding::of_file(1, Some(column), rule));
        if let Some(name) = headers.iter().find(|name| individual_number::is_field_name(name)) {
            return Err(refuse("individual-number-column", name));
        }
        // A file without a header has a record in its first line, which is not repeated.
        if headers.iter().any(|name| individual_number::is_in(name)) {
            return Err(Box::new(Finding::of_file(1, None, "individual-number")));
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
                    column: column.clone(),
                });
            }
        }
        let key_at = key_at.ok_or_else(|| refuse("column-missing", &config.key))?;
        let as_written = context.expand("asWritten").into_owned();
        let (entities, town) = (Entities::new(config), config.town.clone());
        Ok(Self { headers, key_at, fields, entities, town, as_written })
    }

    /// The names of the columns, as in the file.
    pub fn headers(&self) -> &[String] {
        &self.headers
    }

    /// Names the record of a row: by its key as written but for space around it, or as it was decided.
    pub(crate) fn name(&self, cells: &[&str], decisions: &dyn Decisions) -> [u8; 16] {
        let raw = cells.get(self.key_at).copied().unwrap_or_default();
        let field = self.fields.iter().find(|field| field.at == self.key_at);
        if let Some(field) = field
            && matches!(self.read(field, raw), Err(wrong) if wrong.weight == Weight::ToDecide)
            && let Some(Decided::Take(text)) = decisions.on(&field.header, raw, None)
        {
            return self.entities.name(text.trim());
        }
        self.entities.name(raw.trim())
    }

    /// The cells of a row, without those that no field is made of.
    pub(crate) fn used(&self, cells: &csv::StringRecord) -> Vec<String> {
        let used = |at| at == self.key_at || self.fields.iter().any(|field| field.at == at);
        let cells = cells.iter().enumerate();
        cells.map(|(at, cell)| if used(at) { cell.to_owned() } else { String::new() }).collect()
    }

    fn key<'r>(&self, cells: &[&'r str]) -> &'r str {
        cells.get(self.key_at).copied().unwrap_or_default().trim()
    }

    /// Names a value of a column and tells nothing of it to anyone without the secret: under this a decision about it is kept.
    pub fn digest(&self, column: &str, written: &str) -> [u8; 32] {
        self.entities.digest(column, written)
    }

    pub(crate) fn of_key(&self, line: u64, rule: &'static str) -> Finding {
        let header = self.headers.get(self.key_at).map(String::as_str);
        Finding::new(line, header, rule, Weight::Refused)
    }

    /// Reads a row. `now`, in microseconds since the epoch, is when the record is said to be made.
    pub fn row(
        &self,
        cells: &[&str],
        line: u64,
        now: Timestamp,
        decisions: &dyn Decisions,
    ) -> Outcome {
        if cells.len() != self.headers.len() {
            let finding = Finding::new(line, None, "columns", Weight::Refused);
            return Outcome::refused(line, None, vec![finding]);
        }
        // Wherever it stands, in a column that is taken over or not: such a row is not touched further, and the number not repeated.
        let mut findings = numbers::find(cells, &self.headers, line);
        if self.key(cells).is_empty() {
            findings.push(self.of_key(line, "key-missing"));
        }
        let mut values = Vec::with_capacity(self.fields.len());
        let mut taken = Vec::new();
        for field in &self.fields {
            let raw = cells.get(field.at).copied().unwrap_or_default();
            if let Some(value) = self.field(field, raw, line, decisions, &mut findings, &mut taken)
            {
                values.push((field, value));
            }
        }
        if !taken.is_empty() {
            let mut meant = cells.to_vec();
            for (at, text) in &taken {
                meant.splice(*at..=*at, [text.as_str()]);
            }
            findings.extend(numbers::find(&meant, &self.headers, line));
        }
        numbers::hide(&mut findings);
        let key_header = self.headers.get(self.key_at).map(String::as_str);
        let heavy = || findings.iter().filter(|finding| finding.weight > Weight::Warning);
        if heavy().next().is_some() {
            // A key that is damaged names another record, or none.
            let keyed = heavy().all(|finding| finding.column.as_deref() != key_header);
            return Outcome::refused(line, keyed.then(|| self.name(cells, decisions)), findings);
        }
        let name = self.name(cells, decisions);
        let Ok(entity) = self.entity(name, values, now) else {
            let finding = Finding::new(line, None, "unwritable", Weight::Refused);
            return Outcome::refused(line, Some(name), vec![finding]);
        };
        Outcome { line, name: Some(name), record: Some(Record { name, entity }), findings }
    }

    fn field(
        &self,
        field: &Field,
        raw: &str,
        line: u64,
        decisions: &dyn Decisions,
        findings: &mut Vec<Finding>,
        taken: &mut Vec<(usize, String)>,
    ) -> Option<Value> {
        let mut note = |Wrong { rule, weight, repair }: Wrong| {
            let finding = Finding::new(line, Some(&field.header), rule, weight);
            findings.push(Finding { value: raw.to_owned(), repair, ..finding });
        };
        let mut read = self.read(field, raw);
        if let Err(wrong) = &read
            && wrong.weight == Weight::ToDecide
        {
            let only = is_lossy(wrong.rule).then_some(line);
            match decisions.on(&field.header, raw, only) {
                Some(Decided::Take(text)) => {
                    read = self.read(field, &text);
                    taken.push((field.at, text));
                }
                Some(Decided::Refuse) => read = Err(Wrong::refused("decided-refused")),
                None => {}
            }
        }
        let value = match read {
            Ok((value, warnings)) => {
                for rule in warnings {
                    note(Wrong { rule, weight: Weight::Warning, repair: None });
                }
                value
            }
            Err(wrong) if wrong.rule == DateRefusal::Unknown.rule() && !field.column.required => {
                note(Wrong { weight: Weight::Warning, ..wrong });
                return None;
            }
            Err(wrong) => {
                note(wrong);
                return None;
            }
        };
        if value.is_none() && field.column.required {
            note(Wrong::refused("required"));
        }
        value
    }

    /// The value to store, `None` when there is none, with remarks; or what is wrong with it.
    fn read(&self, field: &Field, raw: &str) -> Result<(Option<Value>, Vec<&'static str>), Wrong> {
        self.meant(field, raw).map_err(|wrong| {
            // Whose row it is cannot be guessed.
            let lost = field.at == self.key_at && is_lossy(wrong.rule);
            if lost { Wrong::refused(wrong.rule) } else { wrong }
        })
    }

    fn meant(&self, field: &Field, raw: &str) -> Result<(Option<Value>, Vec<&'static str>), Wrong> {
        let column = &field.column;
        let mut warnings = usable(raw)?;
        let trimmed = raw.trim();
        if trimmed.is_empty() {
            return Ok((None, warnings));
        }
        if column.max_characters.is_some_and(|most| characters::count(raw) > most) {
            return Err(Wrong::refused("too-long"));
        }
        let value = match column.kind {
            Kind::Text => {
                match column.digits.map(|width| spreadsheets::digits(trimmed, width)) {
                    None | Some(Ok(())) => {}
                    Some(Err(DigitTrouble::Exponent)) => {
                        return Err(Wrong::to_decide("number-damaged", None));
                    }
                    Some(Err(DigitTrouble::ZerosLost(full))) => {
                        return Err(Wrong::to_decide("zeros-lost", Some(full)));
                    }
                    Some(Err(DigitTrouble::Other)) => return Err(Wrong::refused("digits")),
                }
                if spreadsheets::is_exponent(trimmed) {
                    return Err(Wrong::to_decide("number-damaged", None));
                }
                if spreadsheets::is_made_date(trimmed) {
                    warnings.push("made-date");
                }
                Value::Text(raw.to_owned())
            }
            Kind::Date => date(trimmed, column, &mut warnings)?,
            Kind::Address => self.address(raw, &mut warnings),
            Kind::Gender => match gender(trimmed) {
                Some(word) => Value::Text(word.to_owned()),
                None => return Err(Wrong::refused("gender")),
            },
            Kind::Code => match column.codes.get(trimmed) {
                Some(word) => Value::Text(word.clone()),
                None => return Err(Wrong::refused("code")),
            },
            Kind::Ignore => return Ok((None, warnings)),
        };
        Ok((Some(value), warnings))
    }

    fn address(&self, raw: &str, warnings: &mut Vec<&'static str>) -> Value {
        let parts = self.town.as_ref().map(|town| addresses::parse(raw, town));
        let unclear = |parts: &addresses::Parts| {
            parts.confidence == 0 || (!parts.municipality.is_empty() && parts.confidence < 60)
        };
        if parts.as_ref().is_some_and(unclear) {
            warnings.push("address-unclear");
        }
        let parts = parts.map(|parts| {
            let mut value = json!({ "confidence": parts.confidence });
            for (name, part) in [
                ("prefecture", parts.prefecture),
                ("county", parts.county),
                ("municipality", parts.municipality),
                ("oaza", parts.oaza),
                ("koaza", parts.koaza),
                ("lot", parts.lot),
                ("building", parts.building),
                ("municipalityCode", parts.code),
            ] {
                if let Some(map) = value.as_object_mut().filter(|_| !part.is_empty()) {
                    map.insert(name.to_owned(), part.into());
                }
            }
            value
        });
        Value::Address { written: raw.to_owned(), parts }
    }

    fn entity(
        &self,
        name: [u8; 16],
        values: Vec<(&Field, Value)>,
        now: Timestamp,
    ) -> Result<Entity, tsunagu_ngsi_ld::Error> {
        let mut entity = self.entities.entity(name, now);
        for (field, value) in values {
            match value {
                Value::Text(text) => {
                    entity.set(&*field.attribute, Instance::property(&text, now)?);
                }
                Value::Date { iso, as_written } => {
                    let mut instance = Instance::property(&iso, now)?;
                    if let Some(words) = as_written {
                        let instances = vec![Instance::property(&words, now)?];
                        instance.sub.push(Attribute { name: self.as_written.clone(), instances });
                    }
                    entity.set(&*field.attribute, instance);
                }
                Value::Address { written, parts } => {
                    entity.set(&*field.attribute, Instance::property(&written, now)?);
                    if let Some(parts) = parts {
                        let attribute = parts_attribute(&field.attribute);
                        entity.set(attribute, Instance::property(&parts, now)?);
                    }
                }
            }
        }
        Ok(entity)
    }
}

/// What is the matter with the characters of a value: remarks, or what keeps it out.
fn usable(raw: &str) -> Result<Vec<&'static str>, Wrong> {
    use characters::Trouble;
    let mut replaced = false;
    for (_, trouble) in characters::troubles(raw) {
        match trouble {
            Trouble::Gaiji => return Err(Wrong::to_decide(trouble.rule(), None)),
            Trouble::Reference => {
                let repair = characters::without_references(raw);
                return Err(Wrong::to_decide(trouble.rule(), repair));
            }
            Trouble::Undecodable | Trouble::Control => return Err(Wrong::refused(trouble.rule())),
            Trouble::Replaced => replaced = true,
        }
    }
    Ok(if replaced { vec![Trouble::Replaced.rule()] } else { Vec::new() })
}

fn date(text: &str, column: &Column, warnings: &mut Vec<&'static str>) -> Result<Value, Wrong> {
    let codes = match column.era_codes {
        Some(1) => EraCodes::One,
        Some(_) => EraCodes::Two,
        None => EraCodes::None,
    };
    let read = dates::read(text, codes).map_err(|refusal| {
        let meant = refusal.suggestion();
        match refusal {
            DateRefusal::Serial(_) | DateRefusal::TwoDigitYear | DateRefusal::EraCode => {
                Wrong::to_decide(refusal.rule(), meant)
            }
            _ => Wrong { repair: meant, ..Wrong::refused(refusal.rule()) },
        }
    })?;
    if read.about || !read.date.is_whole() {
        warnings.push("date-partial");
    }
    let iso = read.date.to_string();
    let as_written = (iso != text).then(|| text.to_owned());
    Ok(Value::Date { iso, as_written })
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
