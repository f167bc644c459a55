//! The proof that the policies are safe, by machine and for every request there can be: `cedar-policy-symcc` turns policies into
//! formulas, cvc5 decides them. Seeded wrong policies show that the proof can fail.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::str::FromStr as _;

use cedar_policy::{Authorizer, Decision, PolicySet, RequestEnv, Schema};
use cedar_policy_symcc::solver::LocalSolver;
use cedar_policy_symcc::{CedarSymCompiler, CompiledPolicy, CompiledPolicySet, Env};

const SCHEMA: &str = include_str!("../policies/tsunagu.cedarschema");
const POLICIES: &str =
    concat!(include_str!("../policies/personal.cedar"), include_str!("../policies/open.cedar"));
const SAFETY: &str = include_str!("proof/safety.cedar");

struct Prover {
    schema: Schema,
    safety: PolicySet,
    compiler: CedarSymCompiler<LocalSolver>,
}

impl Prover {
    fn new() -> Self {
        let solver = LocalSolver::cvc5().expect("cvc5 is needed (on Debian: apt-get install cvc5)");
        Self {
            schema: Schema::from_cedarschema_str(SCHEMA).unwrap().0,
            safety: PolicySet::from_str(SAFETY).unwrap(),
            compiler: CedarSymCompiler::new(solver).unwrap(),
        }
    }

    /// Every kind of request: who, what, with what.
    fn kinds(&self) -> Vec<RequestEnv> {
        let kinds: Vec<_> = self.schema.request_envs().collect();
        assert!(kinds.len() >= 11, "only {} kinds of requests", kinds.len());
        kinds
    }

    fn compiled(&self, policies: &PolicySet, kind: &RequestEnv) -> CompiledPolicySet {
        CompiledPolicySet::compile(policies, kind, &self.schema).unwrap()
    }

    /// A request that the policies allow and safety does not.
    async fn unsafe_request(&mut self, policies: &PolicySet) -> Option<Env> {
        for kind in self.kinds() {
            let (all, safe) = (self.compiled(policies, &kind), self.compiled(&self.safety, &kind));
            let found = self.compiler.check_implies_with_counterexample_opt(&all, &safe).await;
            if let Some(found) = found.unwrap() {
                return Some(found);
            }
        }
        None
    }

    /// A request on which a policy fails instead of having its say.
    async fn failing_request(&mut self, policies: &PolicySet) -> Option<(String, Env)> {
        for policy in policies.policies() {
            for kind in self.kinds() {
                let compiled = CompiledPolicy::compile(policy, &kind, &self.schema).unwrap();
                let found =
                    self.compiler.check_never_errors_with_counterexample_opt(&compiled).await;
                if let Some(found) = found.unwrap() {
                    return Some((policy.annotation("id").unwrap_or_default().to_owned(), found));
                }
            }
        }
        None
    }
}

fn decision(policies: &PolicySet, found: &Env) -> Decision {
    Authorizer::new().is_authorized(&found.request, policies, &found.entities).decision()
}

#[tokio::test]
async fn whatever_is_allowed_is_safe() {
    let policies = PolicySet::from_str(POLICIES).unwrap();
    let found = Prover::new().unsafe_request(&policies).await;
    assert!(found.is_none(), "allowed, and not safe:\n{}", found.unwrap());
}

/// A forbid that failed would forbid nothing.
#[tokio::test]
async fn no_policy_can_fail() {
    let policies = PolicySet::from_str(POLICIES).unwrap();
    let found = Prover::new().failing_request(&policies).await;
    assert!(found.is_none(), "{} fails:\n{}", found.as_ref().unwrap().0, found.as_ref().unwrap().1);
}

/// What denies everything would be safe too.
#[tokio::test]
async fn every_kind_of_request_can_be_allowed() {
    let policies = PolicySet::from_str(POLICIES).unwrap();
    let mut prover = Prover::new();
    for kind in prover.kinds() {
        let compiled = prover.compiled(&policies, &kind);
        let never = prover.compiler.check_always_denies_opt(&compiled).await.unwrap();
        assert!(!never, "{} is always denied to {}", kind.action(), kind.principal());
    }
}

/// The platform is asked about once, so nothing in a request may matter to it.
#[tokio::test]
async fn the_platform_is_always_allowed() {
    let policies = PolicySet::from_str(POLICIES).unwrap();
    let mut prover = Prover::new();
    let tasks = prover.kinds().into_iter().filter(|kind| kind.principal().to_string() == "Task");
    let tasks: Vec<_> = tasks.collect();
    assert!(!tasks.is_empty());
    for kind in tasks {
        let compiled = prover.compiled(&policies, &kind);
        assert!(prover.compiler.check_always_allows_opt(&compiled).await.unwrap());
    }
}

/// What somebody could get wrong: what it is, what stands in the policies, and what would stand there.
const WRONG: &[(&str, &str, &str)] = &[
    ("the vendor is not checked", "context.consent.client == principal &&", ""),
    ("another resident's consent counts", "context.consent.subject == context.subject &&", ""),
    ("a paused or withdrawn consent counts", "context.consent.live &&", ""),
    (
        "a consent counts at its last moment",
        "context.now < context.consent",
        "context.now <= context.consent",
    ),
    ("a consent counts before its time", "context.consent.from <= context.now &&", ""),
    ("level 1 of identity is enough", "context.login.identity >= 2", "context.login.identity >= 1"),
    (
        "level 1 of authentication is enough",
        "context.login.authentication >= 2",
        "context.login.authentication >= 1",
    ),
    (
        "any purpose will do",
        "context.purpose != context.consent.purpose",
        "context.purpose == \"\"",
    ),
    (
        "individual numbers are only kept from being written",
        "when { resource.individualNumber };",
        "when { resource.individualNumber && action == Action::\"write\" };",
    ),
    (
        "everything is read under any consent",
        "context has consent && context.consent.reads.contains(resource)",
        "context has consent",
    ),
    ("another member's case counts", "context.case.member == principal &&", ""),
    ("a closed case counts", "context.case.open &&", ""),
    (
        "a case counts at its last moment",
        "context.now < context.case",
        "context.now <= context.case",
    ),
    ("a case about one resident opens another", "&& context.case.subject == resource", ""),
    ("one person opens everything", "when { context.case.approved }", "when { context.case.open }"),
    ("what may be read may be written", "context.consent.writes", "context.consent.reads"),
    (
        "a back door for the operator's own app",
        "// --- residents",
        "permit (principal == Consumer::\"town-app\", action, resource is Attribute);\n// --- residents",
    ),
    (
        "what was forbidden is only forbidden at night",
        "unless {\n    context has consent &&",
        "when { context.now > 0 }\nunless {\n    context has consent &&",
    ),
    ("residents see their neighbours", "when { principal == resource }", "when { true }"),
    (
        "publishers write every type",
        "when { context.publishes.contains(resource) }",
        "when { true }",
    ),
    ("everybody reads open data", "when { context.registration.readsOpenData }", "when { true }"),
];

#[tokio::test]
async fn wrong_policies_are_refuted() {
    let mut prover = Prover::new();
    for (fault, right, wrong) in WRONG {
        assert_eq!(POLICIES.matches(right).count(), 1, "{fault}: where is {right}?");
        let policies = PolicySet::from_str(&POLICIES.replace(right, wrong)).unwrap();
        let found = prover.unsafe_request(&policies).await;
        let found = found.unwrap_or_else(|| panic!("nobody noticed that {fault}"));
        println!("{fault}:\n{found}\n");
        assert_eq!(decision(&policies, &found), Decision::Allow, "{fault}");
        assert_eq!(decision(&prover.safety, &found), Decision::Deny, "{fault}");
    }
}

/// Adding a day to the end of time is more than a number holds.
#[tokio::test]
async fn a_policy_that_can_fail_is_refuted() {
    let (right, wrong) = (
        "context.now < context.consent.until",
        "context.now < context.consent.until + 86400000000",
    );
    assert_eq!(POLICIES.matches(right).count(), 1);
    let policies = PolicySet::from_str(&POLICIES.replace(right, wrong)).unwrap();
    let (policy, found) = Prover::new().failing_request(&policies).await.expect("it can fail");
    println!("{policy} fails:\n{found}");
    assert_eq!(policy, "no-live-consent");
    let answer = Authorizer::new().is_authorized(&found.request, &policies, &found.entities);
    assert!(answer.diagnostics().errors().next().is_some());
}
