//! What of the past is asked for, from parameters (clauses 4.5.19, 4.11, 6.3.12).

use tsunagu_broker::Temporal;
use tsunagu_domain::{Problem, ProblemCode};
use tsunagu_ngsi_ld::render::TemporalForm;
use tsunagu_ngsi_ld::temporal::{Duration, Method, TemporalQuery};
use tsunagu_ngsi_ld::{Context, Format, RenderOptions};
use utoipa::IntoParams;

use crate::ngsi_ld::negotiate::Media;
use crate::ngsi_ld::representation;
use crate::params::{Params, wrong};
use crate::{Failure, Gateway};

/// Parameters of the past.
pub(super) const KNOWN: [&str; 7] = [
    "timerel",
    "timeAt",
    "endTimeAt",
    "timeproperty",
    "lastN",
    "aggrMethods",
    "aggrPeriodDuration",
];

/// Which instances.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only its schema is used")]
pub(super) struct TemporalParams {
    /// `before`, `after` or `between`.
    timerel: Option<String>,
    /// A `DateTime` in UTC: the end of `before` (excluded), the beginning of the others (included).
    #[param(rename = "timeAt")]
    time_at: Option<String>,
    /// The end of `between`, excluded.
    #[param(rename = "endTimeAt")]
    end_time_at: Option<String>,
    /// `observedAt` (if left out), `createdAt`, `modifiedAt` or `deletedAt`.
    timeproperty: Option<String>,
    /// Only so many instances of each attribute, the latest first.
    #[param(rename = "lastN")]
    last_n: Option<u32>,
    /// `totalCount`, `distinctCount`, `sum`, `avg`, `min`, `max`, `stddev`, `sumsq`, comma-separated; with `options=aggregatedValues`.
    #[param(rename = "aggrMethods")]
    aggr_methods: Option<String>,
    /// Length of a period, e.g. `PT1H`; `PT0S` (if left out) is one period over all.
    #[param(rename = "aggrPeriodDuration")]
    aggr_period_duration: Option<String>,
}

/// What the parameters ask for.
pub(super) fn read(
    gateway: &Gateway,
    params: &Params,
    context: &Context,
    media: Media,
) -> Result<(Temporal, RenderOptions), Failure> {
    let mut options =
        representation::options(&params.without(&["options", "format"]), context, media)?;
    let mut form = TemporalForm::Instances;
    let mut aggregated = false;
    let mut choose = |name: &str| {
        (form, aggregated) = (TemporalForm::Instances, false);
        match name {
            "temporalValues" | "simplified" | "keyValues" => form = TemporalForm::Values,
            "aggregatedValues" => aggregated = true,
            "normalized" => options.format = Format::Normalized,
            "concise" => options.format = Format::Concise,
            _ => return false,
        }
        true
    };
    for option in params.list("options")? {
        match option {
            "sysAttrs" | "count" => {}
            _ if choose(option) => {}
            _ => {
                return Err(wrong(
                    "options",
                    "is a list of normalized, concise, temporalValues, aggregatedValues, sysAttrs",
                ));
            }
        }
    }
    // Where both speak, this one wins (clause 6.3.7).
    if let Some(format) = params.get("format")
        && !choose(format)
    {
        return Err(wrong("format", "is normalized, concise, temporalValues or aggregatedValues"));
    }
    options.sys_attrs = params.list("options")?.contains(&"sysAttrs");
    let mut query = TemporalQuery::read(
        params.get("timerel"),
        params.get("timeAt"),
        params.get("endTimeAt"),
        params.get("timeproperty"),
    )?;
    query.last = params.get("lastN").map(last).transpose()?;
    let methods = params.list("aggrMethods")?.into_iter().map(Method::from_name);
    let methods: Vec<Method> = methods.collect::<Result<_, _>>()?;
    let every = params.get("aggrPeriodDuration").map(Duration::parse).transpose()?;
    if aggregated && methods.is_empty() {
        let detail = "aggregated values need methods; add aggrMethods, for example avg";
        return Err(Problem::new(ProblemCode::BadRequestData, detail).at("aggrMethods").into());
    }
    let temporal = Temporal {
        query,
        form,
        methods: if aggregated { methods } else { Vec::new() },
        every: every.unwrap_or_default(),
        most: gateway.limits.max_instances.max(1),
    };
    Ok((temporal, options))
}

/// A positive whole number.
fn last(text: &str) -> Result<usize, Failure> {
    text.parse().ok().filter(|n| *n > 0).ok_or_else(|| {
        let detail = "the parameter lastN is a whole number from 1 on";
        Problem::new(ProblemCode::BadRequestData, detail).at("lastN").into()
    })
}
