//! Importing a file of municipal records: how fast, and in how much memory.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde_json::json;

use super::gateway::{Gateway, MACHINE, Process};
use super::yardstick::Raw;

/// The layout of the file.
pub const LAYOUT: &str = MACHINE;
/// Writers of the yardstick.
const WRITERS: usize = 64;
/// How often is looked.
const LOOK: Duration = Duration::from_millis(20);

const FAMILIES: [(&str, &str); 8] = [
    ("都農", "ツノ"),
    ("髙橋", "タカハシ"),
    ("日向", "ヒュウガ"),
    ("川北", "カワキタ"),
    ("黒木", "クロキ"),
    ("河野", "カワノ"),
    ("甲斐", "カイ"),
    ("児玉", "コダマ"),
];
const GIVEN: [(&str, &str); 8] = [
    ("花子", "ハナコ"),
    ("太郎", "タロウ"),
    ("次郎", "ジロウ"),
    ("さくら", "サクラ"),
    ("一", "ハジメ"),
    ("美咲", "ミサキ"),
    ("健", "ケン"),
    ("真理子", "マリコ"),
];

/// Writes a file of so many rows, about 200 bytes each, and gives its size. Everybody in it is invented; each number of rows is always the same file.
pub fn write_file(path: &Path, rows: u64) -> anyhow::Result<u64> {
    let mut to = BufWriter::with_capacity(1 << 20, File::create(path)?);
    to.write_all(
        "住民番号,氏名,氏名カナ,生年月日,性別,郵便番号,住所,異動区分,備考\r\n".as_bytes(),
    )?;
    let mut chance = 1u64;
    for n in 0..rows {
        chance =
            chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let pick = |shift: u32, most: u64| (chance >> shift) % most;
        let at = |shift: u32| usize::try_from(pick(shift, 8)).unwrap_or(0);
        let ((family, family_kana), (given, given_kana)) = (FAMILIES[at(60)], GIVEN[at(50)]);
        let (year, month, day) = (2 + pick(33, 62), 1 + pick(29, 12), 1 + pick(25, 28));
        let sex = if n % 2 == 0 { "女" } else { "男" };
        let (lot, branch) = (1 + pick(20, 9_999), 1 + pick(40, 20));
        write!(
            to,
            "{n:010},{family}　{given},{family_kana}　{given_kana},昭和{year}年{month}月{day}日,{sex},889-1201,宮崎県児湯郡都農町大字川北{lot}番地{branch},転入,計測のための架空の人です\r\n"
        )?;
    }
    to.flush()?;
    Ok(std::fs::metadata(path)?.len())
}

/// Adds the layout to the configuration of a gateway.
pub fn add_layout(config: &Path, drop: &Path, publish: &str) -> anyhow::Result<()> {
    let drop = json!(drop.to_string_lossy()).to_string();
    let layout = format!(
        r#"
[[csv_drop]]
name = "{LAYOUT}"
title = {{ ja = "計測", en = "Measurement" }}
folder = {drop}
pattern = "*.csv"
entity_type = "ResidentRecord"
id_secret = "an invented secret of enough length"
key = "住民番号"
publish = "{publish}"

[csv_drop.columns]
"住民番号" = {{ attribute = "municipalNumber", kind = "text", digits = 10 }}
"氏名" = {{ attribute = "name", kind = "text", required = true }}
"氏名カナ" = {{ attribute = "nameKana", kind = "text" }}
"生年月日" = {{ attribute = "birthDate", kind = "date" }}
"性別" = {{ attribute = "gender", kind = "gender" }}
"郵便番号" = {{ attribute = "postalCode", kind = "text" }}
"住所" = {{ attribute = "address", kind = "address" }}
"異動区分" = {{ attribute = "status", kind = "text" }}
"#
    );
    let text = std::fs::read_to_string(config)?;
    Ok(std::fs::write(config, text + &layout)?)
}

/// The most memory that a process ever had, KiB; `None` once it has ended, and where /proc is not there.
pub fn peak_kib(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// What an import took.
#[derive(Debug, Clone, Copy)]
pub struct Taken {
    /// Rows.
    pub rows: u64,
    /// Seconds.
    pub seconds: f64,
    /// The most memory, KiB.
    pub peak_kib: u64,
}

impl Taken {
    /// Rows a second.
    #[expect(clippy::cast_precision_loss, reason = "rows of a measurement")]
    pub fn rate(&self) -> f64 {
        self.rows as f64 / self.seconds
    }
}

/// Waits for the end of `tsunagu import check` of a file, and looks how much memory it takes.
pub fn check(program: &Path, config: &Path, file: &Path, rows: u64) -> anyhow::Result<Taken> {
    let mut command = Command::new(program);
    command.args(["import", "check", "--layout", LAYOUT]);
    command.arg(file).arg("--config").arg(config).stdout(Stdio::piped());
    let begun = Instant::now();
    let mut child: Child = command.spawn()?;
    let mut peak = 0;
    let status = loop {
        peak = peak_kib(child.id()).unwrap_or(peak);
        match child.try_wait()? {
            Some(status) => break status,
            None => std::thread::sleep(Duration::from_millis(2)),
        }
    };
    let seconds = begun.elapsed().as_secs_f64();
    ensure!(status.success(), "the check ended with {status}");
    ensure!(peak > 0, "its memory was not seen");
    Ok(Taken { rows, seconds, peak_kib: peak })
}

/// Lets a gateway of its own import a file, until its log says the words, and looks how much memory it takes.
fn import(
    program: PathBuf,
    folder: &Path,
    file: &Path,
    rows: u64,
    mode: &str,
    words: &str,
) -> anyhow::Result<Taken> {
    let gateway = Gateway::configure(program, folder, None, &[])?;
    let drop = folder.join("drop");
    std::fs::create_dir(&drop)?;
    add_layout(&folder.join("tsunagu.toml"), &drop, mode)?;
    std::fs::hard_link(file, drop.join("records.csv")).context("the file cannot be linked")?;
    let begun = Instant::now();
    let process = gateway.start()?;
    let log = folder.join("gateway.log");
    loop {
        std::thread::sleep(LOOK);
        let said = std::fs::read_to_string(&log)?;
        ensure!(
            !said.contains("could not go on") && !said.contains("run failed"),
            "it failed:\n{said}"
        );
        if said.contains(words) {
            break;
        }
        ensure!(process.peak_kib().is_some(), "the gateway ended:\n{said}");
    }
    let (seconds, peak_kib) = (begun.elapsed().as_secs_f64(), process.peak_kib().unwrap_or(0));
    process.kill()?;
    Ok(Taken { rows, seconds, peak_kib })
}

/// Measures a file of so many rows and one of a fifth of them; what grows with the rows is told. `tell` is given one line after the other.
pub fn run(
    program: &Path,
    place: &Path,
    rows: u64,
    tell: &mut dyn FnMut(String),
) -> anyhow::Result<()> {
    let raw = Raw::open(&place.join("raw"))?.run(WRITERS, Duration::from_secs(5))?;
    #[expect(clippy::cast_precision_loss, reason = "a measurement")]
    let inserts = raw.requests as f64 / raw.seconds;
    tell(format!("  raw inserts: {inserts:.0} a second"));
    let config = place.join("check");
    Gateway::configure(program.to_owned(), &config, None, &[])?;
    add_layout(&config.join("tsunagu.toml"), place, "automatic")?;
    let mut peaks: Vec<(&str, [u64; 2])> =
        ["check", "load", "import"].map(|name| (name, [0; 2])).to_vec();
    for (at, rows) in [rows / 5, rows].into_iter().enumerate() {
        let file = place.join("records.csv");
        let bytes = write_file(&file, rows)?;
        tell(format!("  {rows} rows, {} MiB", bytes >> 20));
        let under = |name: &str| place.join(format!("{name}-{at}"));
        let checked = check(program, &config.join("tsunagu.toml"), &file, rows)?;
        let words = "a load was compared";
        let staged =
            import(program.to_owned(), &under("load"), &file, rows, "second-person", words)?;
        std::fs::remove_dir_all(under("load"))?;
        let taken = import(
            program.to_owned(),
            &under("import"),
            &file,
            rows,
            "automatic",
            "connector run",
        )?;
        std::fs::remove_dir_all(under("import"))?;
        for ((name, peaks), taken) in peaks.iter_mut().zip([checked, staged, taken]) {
            tell(format!(
                "  {name:<7} {:>9.0} rows/s  {:.2} of raw inserts  peak {} MiB",
                taken.rate(),
                taken.rate() / inserts,
                taken.peak_kib >> 10
            ));
            peaks[at] = taken.peak_kib;
        }
    }
    for (name, [small, large]) in peaks {
        #[expect(clippy::cast_precision_loss, reason = "a measurement")]
        let ratio = large as f64 / small.max(1) as f64;
        tell(format!("  {name:<7} memory for five times the rows: {ratio:.2} times"));
    }
    Ok(())
}

impl Process {
    /// The most memory that it ever had, KiB. `None` once it has ended, and where /proc is not there.
    pub fn peak_kib(&self) -> Option<u64> {
        peak_kib(self.id())
    }
}
