//! Logins of staff: who begins a session, and what is written down of who does not.

use tsunagu_domain::{Assurance, Level};
use tsunagu_identity::Authenticated;
use tsunagu_staff::NewStaffSession;
use tsunagu_store::access::{Action, Decision};

use super::world::{ISSUER, World};

#[tokio::test]
async fn a_login_that_is_refused_is_one_entry() {
    let world = World::new().await;
    for (subject, aal, actor, why) in [
        ("s-9", Level::High, "platform:staff-login", "staff-login unknown"),
        ("s-1", Level::Low, "staff:counter", "staff-login too-weak"),
    ] {
        let assurance = Assurance { ial: Level::High, aal, ..Assurance::default() };
        let (issuer, subject) = (ISSUER.to_owned(), subject.to_owned());
        let who = Authenticated { issuer, subject, assurance };
        let before = world.logged().await.len();
        let begun = world.office.sessions.begin(&world.tenant, &who, "r-3").await.unwrap();
        assert!(!matches!(begun, NewStaffSession::Begun(_)), "{why}");
        let logged = world.logged().await;
        assert_eq!(logged.len(), before + 1, "{why}");
        let last = logged.last().unwrap();
        assert_eq!((last.actor.as_str(), last.reason.as_str()), (actor, why));
        assert_eq!((last.action, last.decision), (Action::Identify, Decision::Denied));
        assert_eq!(last.request, "r-3");
    }
}
