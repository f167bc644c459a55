//! Why an activity earned nothing: for programs, and in the words that residents read.

use serde::{Deserialize, Serialize};
use tsunagu_domain::Text;

/// Why an activity earned nothing, or an order was not carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// It does not reach what the rule asks.
    NotMet,
    /// It was typed in, not measured.
    SelfReported,
    /// A number of steps that no day holds.
    ImplausibleSteps,
    /// More steps in its minutes than anybody takes.
    ImplausiblePace,
    /// With it, an hour of the person would hold more steps than the rule takes for possible.
    ImplausibleHour,
    /// With it, the person's day would hold more steps than any day does.
    ImplausibleDay,
    /// It ended before it began, or lasted longer than a day.
    ImplausiblePeriod,
    /// It has not happened yet.
    FuturePeriod,
    /// It does not say when it happened.
    NoPeriod,
    /// It arrived too long after its day.
    TooLate,
    /// It was not written under a consent of the resident.
    NoConsent,
    /// The login under which it was written does not reach the assurance that the rule asks.
    LowAssurance,
    /// The person is no resident at present, or has to prove it again.
    NotEligible,
    /// The device recorded for too many residents on this day.
    SharedDevice,
    /// Another activity of the person, at the same time, has counted.
    Overlap,
    /// The rule grants once in this period, and has.
    AlreadyEarned,
    /// The person has earned what one day can earn.
    DayCap,
    /// The person has earned what one month can earn.
    MonthCap,
    /// The person has earned what the rule gives one person.
    PersonCap,
    /// The town's budget for the rule is used up.
    Budget,
    /// The activity was corrected before the order was sent, and is no longer enough.
    Corrected,
    /// The consent that it was written under was withdrawn before the order was sent.
    Withdrawn,
    /// The town decided to take it back.
    TakenBack,
    /// The issuer refused the order.
    IssuerRefused,
    /// The issuer holds another grant under the order's key; staff must look.
    IssuerMismatch,
}

impl Reason {
    /// Its name, as in JSON.
    pub fn code(self) -> String {
        match serde_json::to_value(self) {
            Ok(serde_json::Value::String(code)) => code,
            _ => String::new(),
        }
    }

    /// What the resident reads.
    pub fn text(self) -> Text {
        let (ja, en) = match self {
            Self::NotMet => {
                ("ポイントの条件に届いていません", "The activity does not reach what the rule asks")
            }
            Self::NotEligible => (
                "町民であることを確認できていません",
                "It is not proven at present that you live in the town",
            ),
            Self::SelfReported => {
                ("手入力の記録は対象外です", "Records typed in by hand do not count")
            }
            Self::ImplausibleSteps => {
                ("歩数の値が正しくありません", "The number of steps is not plausible")
            }
            Self::ImplausiblePace => {
                ("時間に対して歩数が多すぎます", "So many steps do not fit into the time")
            }
            Self::ImplausibleHour => (
                "1時間の歩数の合計が多すぎます",
                "The steps of an hour add up to more than is plausible",
            ),
            Self::ImplausibleDay => (
                "1日の歩数の合計が多すぎます",
                "The steps of the day add up to more than is plausible",
            ),
            Self::ImplausiblePeriod => {
                ("記録の時間が正しくありません", "The period of the activity is not plausible")
            }
            Self::FuturePeriod => {
                ("記録の日時が未来になっています", "The activity lies in the future")
            }
            Self::NoPeriod => {
                ("記録の日時がありません", "The activity does not say when it happened")
            }
            Self::TooLate => ("記録の受付期間を過ぎています", "The activity arrived too late"),
            Self::NoConsent => {
                ("同意にもとづく記録ではありません", "The activity was not written under a consent")
            }
            Self::LowAssurance => (
                "サービスをつないだときの本人確認の強さが足りません。マイナンバーカードなど、より確かな方法でログインして、サービスの画面からもう一度つないでください。そのあとの記録から対象になります",
                "You were not identified surely enough when you connected the service. Log in with a surer method, such as your My Number Card, and connect the service again from its own pages; what it records from then on counts",
            ),
            Self::SharedDevice => (
                "同じ機器が多くの人に使われています",
                "The same device recorded for too many people",
            ),
            Self::Overlap => (
                "同じ時間のほかの記録がすでに数えられています",
                "Another record of the same time has counted already",
            ),
            Self::AlreadyEarned => (
                "この期間の分はすでにもらっています",
                "The coins for this period were earned already",
            ),
            Self::MonthCap => ("1か月の上限に達しています", "The limit for one month is reached"),
            Self::PersonCap => {
                ("おひとりの上限に達しています", "The limit for one person is reached")
            }
            Self::Corrected => (
                "記録が訂正され、条件に届かなくなりました",
                "The record was corrected and is no longer enough",
            ),
            Self::Withdrawn => (
                "同意が取り消されたため、お渡ししていません",
                "The consent was withdrawn before the coins were ordered",
            ),
            Self::TakenBack => ("町が取り消しました", "The town took it back"),
            Self::DayCap => ("1日の上限に達しています", "The limit for one day is reached"),
            Self::Budget => ("町の予算が終了しました", "The town's budget for this is used up"),
            Self::IssuerRefused => {
                ("コイン発行者が受け付けませんでした", "The coin issuer refused")
            }
            Self::IssuerMismatch => {
                ("コイン発行者に確認しています", "The town is checking with the coin issuer")
            }
        };
        Text { ja: ja.to_owned(), en: en.to_owned() }
    }
}
