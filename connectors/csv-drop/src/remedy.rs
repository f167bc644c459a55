//! How to mend what is wrong, rule by rule.

/// Rule, Japanese, English.
const REMEDIES: [(&str, &str, &str); 40] = [
    (
        "individual-number-column",
        "個人番号の列は取り込めません。列を削除したファイルを置いてください",
        "a column for the individual number cannot be taken over; remove the column and drop the file again",
    ),
    (
        "individual-number",
        "個人番号とみられる12桁の数字があります。削除してください",
        "there are twelve digits that can be an individual number; remove them",
    ),
    (
        "individual-number-file",
        "ファイル名に個人番号とみられる12桁の数字があります。名前を変えて置き直してください",
        "the name of the file holds twelve digits that can be an individual number; give it another name and drop it again",
    ),
    (
        "column-missing",
        "必要な列がありません。見出し行を確認してください",
        "a needed column is missing; check the header line",
    ),
    ("column-twice", "同じ見出しの列が2つあります", "two columns have this header; remove one"),
    (
        "columns",
        "列の数が見出しと違います。区切りと引用符を確認してください",
        "the row has not as many fields as the header; check commas and quotes",
    ),
    (
        "record-too-long",
        "1行が1 MiBを超えています。閉じていない引用符がないか確認してください",
        "a row is longer than 1 MiB; check whether a quote is not closed",
    ),
    (
        "key-missing",
        "記録を特定する番号がありません",
        "the number that names the record is missing",
    ),
    (
        "key-twice",
        "同じ番号の行がすでにあります。最初の行だけを取り込みました",
        "an earlier row has the same number; only the first was taken over",
    ),
    ("required", "必須の項目が空です", "a value is needed here"),
    (
        "gaiji",
        "外字が含まれています。標準の文字に置き換えてください",
        "a private-use character (gaiji) is in it; write it with a standard character",
    ),
    (
        "character-undecodable",
        "読み取れない文字があります。文字コードを確認してください",
        "a character cannot be decoded; check the file's encoding",
    ),
    ("character-control", "制御文字が含まれています", "a control character is in it; remove it"),
    (
        "character-reference",
        "「&#…;」の形に置き換わった文字があります。元の文字を確認してください",
        "a character was replaced by a reference such as &#134071; look up the character",
    ),
    (
        "number-damaged",
        "表計算ソフトで指数（5.00E+03 など）に変わり、桁が失われています。元の番号を確認してください",
        "a spreadsheet turned the number into one with an exponent, and digits are lost; look it up",
    ),
    (
        "zeros-lost",
        "先頭の0が失われています。元の番号を確認してください",
        "zeros at the beginning are lost; look up the number",
    ),
    (
        "digits",
        "決まった桁数の数字ではありません。番号を確認してください",
        "it has not the number of digits that the layout asks for; correct it",
    ),
    (
        "made-date",
        "表計算ソフトが日付に変えた可能性があります。元の値を確認してください",
        "a spreadsheet may have made a date of it; look up the value",
    ),
    ("too-long", "文字数が多すぎます", "it has too many characters; shorten it"),
    (
        "address-unclear",
        "住所を町名・大字・地番に分けられません。書かれたままで取り込みました",
        "the parts of the address are not clear; it was taken over as written",
    ),
    (
        "decided-refused",
        "この値は取り込まないと判断されています",
        "it was decided that this value is not taken over",
    ),
    (
        "character-replaced",
        "「〓」があります。元の文字を確認してください",
        "a replacement mark is in it; look up the right character",
    ),
    (
        "date-form",
        "日付の書き方が読み取れません。例: 昭和60年3月15日、1985-03-15",
        "the date cannot be read; write it like 昭和60年3月15日 or 1985-03-15",
    ),
    (
        "date-two-digit-year",
        "2桁の年だけでは元号も西暦も分かりません。元号を付けるか西暦4桁で入力してください",
        "a year of two digits can be of any era; write the era, or four digits",
    ),
    (
        "date-era-code",
        "先頭の数字が元号コードかどうか分かりません。レイアウトの設定に桁数を指定してください",
        "the first digit may stand for an era; say in the settings of the layout how many digits its era codes have",
    ),
    (
        "date-serial",
        "表計算ソフトの通し番号になっています。元の日付を確認してください",
        "a spreadsheet made a running number of the date; look up the date",
    ),
    (
        "date-partial",
        "日付の一部が不詳です。分かる部分だけを取り込みました",
        "part of the date is not known; what is known was taken over",
    ),
    ("date-impossible", "存在しない日付です", "there is no such day; correct the date"),
    (
        "date-outside-era",
        "元号と年が合いません",
        "the era does not have this day; correct era or year",
    ),
    (
        "date-old-calendar",
        "明治5年以前の日付は西暦で入力してください",
        "write dates before 1873 in the common calendar",
    ),
    (
        "date-unknown",
        "日付が不詳です。この項目は空として取り込みました",
        "the date is not known; the row was taken over without it",
    ),
    (
        "gender",
        "性別は 男・女・その他・不明 または 1・2・9・0 で入力してください",
        "write 男, 女, その他, 不明 or 1, 2, 9, 0",
    ),
    (
        "code",
        "設定にない区分です。区分を確認するか、設定に追加してください",
        "this code is not in the settings; correct it or add it there",
    ),
    (
        "encoding",
        "文字コードを判別できません。UTF-8 または Shift_JIS で保存してください",
        "the encoding cannot be told; save the file as UTF-8 or Shift_JIS",
    ),
    (
        "rows-too-few",
        "行数が少なすぎます。ファイルが途中で切れていないか確認してください",
        "there are too few rows; check whether the file is cut off",
    ),
    (
        "file-too-large",
        "ファイルが大きすぎます。分割するか、設定の上限（max_bytes）を上げてください",
        "the file is too large; split it, or raise max_bytes in the settings",
    ),
    ("empty", "ファイルが空です", "the file is empty"),
    (
        "platform",
        "基盤が受け付けませんでした。設定（登録された種別）を確認してください",
        "the platform did not take it; check the settings, and the types that the connector's client may publish",
    ),
    (
        "changed-while-read",
        "読み取り中にファイルが変わりました。置き直してください",
        "the file changed while it was read; drop it again",
    ),
    (
        "unwritable",
        "この行は記録にできません。内容を確認してください",
        "no record can be made of the row; check it",
    ),
];

pub(crate) fn remedy(rule: &str) -> (&'static str, &'static str) {
    let found = REMEDIES.iter().find(|(name, ..)| *name == rule);
    found.map_or(("確認してください", "check it"), |(_, ja, en)| (ja, en))
}

/// The rule of this name.
pub(crate) fn known(rule: &str) -> &'static str {
    REMEDIES.iter().find(|(name, ..)| *name == rule).map_or("unknown", |(name, ..)| name)
}
