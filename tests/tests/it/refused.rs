//! Refused edits: what their author can do about them, what a supervisor makes of them, and that they hold nothing up.

use gridledger_client::{ClientError, Intents, RecordId, SentState, Why};
use gridledger_schema::code::Code;
use gridledger_schema::entry::{Entry, Op, Target};
use gridledger_schema::limits::{PUSH_ENTRIES, RIGHTS_GRACE_MS};
use gridledger_server::desk::refused;
use gridledger_server::desk::refused::{Question, Ruled};
use gridledger_server::store::rows::refusals::RulingRow;
use gridledger_tests::attacker::{Attacker, intent, put};
use gridledger_tests::desk::{Answer, Desk};
use gridledger_tests::forms;
use gridledger_tests::json::items;
use gridledger_tests::json::{number, text};
use gridledger_tests::world::{Line, Phone, World};
use serde_json::{Value, json};

/// A town in which a worker has come back after the grace was over: a household and two edits of it were refused, and
/// an edit of what was there before.
struct Scene {
    world: World,
    phone: Phone,
    known: RecordId,
    lost: RecordId,
}

fn scene() -> Scene {
    let world = World::staffed(
        2,
        &[("w1", "grid_worker", "G1"), ("gg", "general_grid_head", "C"), ("g2", "general_grid_head", "G2")],
    );
    let mut phone = world.enrolled_phone("w1");
    let dwelling = world.dwelling("G1");
    let known = phone.creates("household", "G1", forms::household(dwelling, "老户"));
    phone.syncs(&world);
    world.pass(1);
    world.take("w1", "grid_worker", "G1");
    let lost = phone.creates("household", "G1", forms::household(dwelling, "新户 13812341234"));
    phone.edits(lost, Intents::new().append("notes", "家中有老人"));
    phone.edits(known, forms::put("label", "改名").put("status", "vacant"));
    world.pass(RIGHTS_GRACE_MS);
    let report = phone.syncs(&world);
    assert_eq!((report.decided, report.refused), (3, 3));
    Scene { world, phone, known, lost }
}

impl Scene {
    /// The refused entries that a supervisor may see: those asked about, or all.
    #[track_caller]
    fn list(&self, login: &str, asked: bool) -> Vec<Value> {
        match self.try_list(login, asked) {
            Ok(listed) => listed,
            Err(code) => panic!("{login} may not see the list: {code:?}"),
        }
    }

    fn try_list(&self, login: &str, asked: bool) -> Result<Vec<Value>, Code> {
        let question = Question { asked, ..Question::default() };
        let shown = refused::list(&self.world.clerk(login).reader(), &question);
        shown.map(|shown| items(&shown["refused"]).clone()).map_err(|error| error.code())
    }

    fn admit(&self, login: &str, item: &Value) -> Result<Ruled, Code> {
        let clerk = self.world.clerk(login);
        refused::admit_one(&clerk.reader(), &clerk.user, which(item), "当面核实过")
            .map_err(|error| error.code())
    }

    fn decline(&self, login: &str, item: &Value) -> Result<Ruled, Code> {
        let clerk = self.world.clerk(login);
        refused::decline_one(&clerk.reader(), &clerk.user, which(item), "请本人到站办理")
            .map_err(|error| error.code())
    }
}

fn which(item: &Value) -> (gridledger_schema::ids::FeedId, u64) {
    (text(&item["feed"]).parse().expect("the feed's id"), number(&item["n"]))
}

/// The entry of a number in a list.
#[track_caller]
fn find(listed: &[Value], n: u64) -> &Value {
    listed.iter().find(|item| item["n"] == n).expect("the list has the entry")
}

/// The ruling, which stands.
#[track_caller]
fn stands(ruled: Result<Ruled, Code>) -> RulingRow {
    match ruled {
        Ok(Ruled::Stands(ruling)) => ruling,
        other => panic!("it should stand: {other:?}"),
    }
}

#[test]
fn what_was_meant_why_not_and_what_is_there_now() {
    let mut scene = scene();
    let attention = scene.phone.attention();
    let told: Vec<(u64, Code, bool)> =
        attention.iter().map(|item| (item.id.n, item.refusal.code, item.here)).collect();
    assert_eq!(
        told,
        [(2, Code::GraceOver, false), (3, Code::RecordUnknown, false), (4, Code::GraceOver, false)]
    );
    assert_eq!(attention[0].why, Why::Refused);
    assert_eq!(attention[1].why, Why::GroundGone { after: attention[0].id });
    assert!(
        attention[1].zh.starts_with("这次操作以第 2 笔为基础，而那一笔未被接受。"),
        "{}",
        attention[1].zh
    );
    assert!(attention[1].en.starts_with("This built on edit 2, which was refused."), "{}", attention[1].en);
    assert_eq!(attention[2].zh, Code::GraceOver.zh());
    // The area comes back: what each field holds now stands beside what was meant.
    scene.world.give("w1", "grid_worker", "G1");
    scene.phone.syncs(&scene.world);
    let attention = scene.phone.attention();
    assert_eq!(json!(attention[2].now), json!({ "label": "老户", "status": null }));
    let copied = scene.phone.copies(attention[2].id);
    assert_eq!(copied.zh, "户名：改名\n状态：vacant\n");
    assert_eq!(copied.en, "Label: 改名\nStatus: vacant\n");
    assert_eq!(items(&copied.json["intents"]).len(), 2);
    let refused = scene.phone.record(scene.known);
    assert_eq!(refused.view["label"], "老户", "a refused value is not shown");
}

#[test]
fn saving_again_and_taking_off_the_list_is_one_thing() {
    let mut scene = scene();
    let ids: Vec<_> = scene.phone.attention().iter().map(|item| item.id).collect();
    // It may still not be done, or has no ground: nothing is saved and nothing is lost.
    scene.phone.cannot_apply_again(ids[0], Code::GrantEnded);
    scene.phone.cannot_apply_again(ids[1], Code::RecordUnknown);
    assert_eq!(scene.phone.attention().len(), 3);
    scene.world.give("w1", "grid_worker", "G1");
    scene.phone.syncs(&scene.world);
    scene.phone.cannot_apply_again(ids[1], Code::RecordUnknown);
    let again = scene.phone.applies_again(ids[0]);
    assert!(again.record != scene.lost);
    // The edit that built on it lands on the new record.
    let built = scene.phone.applies_again(ids[1]);
    assert_eq!(built.record, again.record);
    assert!(matches!(scene.phone.engine().apply_again(ids[1]), Err(ClientError::Missing(_))));
    scene.phone.applies_again(ids[2]);
    let report = scene.phone.syncs(&scene.world);
    assert_eq!((report.decided, report.refused), (3, 0));
    assert_eq!(scene.phone.attention(), []);
    let view = scene.phone.record(again.record).view;
    assert_eq!(view["notes"], json!(["家中有老人"]));
    let states = scene.phone.receipts();
    let states: Vec<SentState> = states.into_iter().map(|edit| edit.state).collect();
    let (ledger, gone) = (SentState::InLedger, SentState::Dismissed);
    assert_eq!(states, [ledger, ledger, ledger, gone, gone, gone, ledger]);
}

#[test]
fn a_supervisor_admits_under_their_own_name_and_the_author_is_told() {
    let mut scene = scene();
    let ids: Vec<_> = scene.phone.attention().iter().map(|item| item.id).collect();
    assert!(scene.list("gg", true).is_empty());
    scene.phone.asks(ids[0], "住户当面确认过");
    scene.phone.asks(ids[2], "已核对");
    // The question goes until it has arrived, and costs little once it has.
    scene.phone.syncs_over(&scene.world, Line::AnswerLost);
    let told = scene.phone.syncs(&scene.world).bytes_up;
    let again = scene.phone.syncs(&scene.world).bytes_up;
    assert!(again < told, "{again} {told}");
    let listed = scene.list("gg", true);
    assert_eq!(listed.len(), 2);
    let creation = find(&listed, 2);
    assert_eq!(creation["asked"]["note"], "住户当面确认过");
    assert_eq!(
        (&creation["author"], &creation["area"], &creation["type"], &creation["creates"]),
        (&json!("w1"), &json!("G1"), &json!("household"), &json!(true))
    );
    assert_eq!(creation["refusal"]["message"]["zh"], Code::GraceOver.zh());
    let label = &creation["intents"][1];
    assert_eq!(label["value"], "新户 ***", "masked as in a ledger: {label}");
    // Not everybody's business, and not twice.
    assert_eq!(scene.try_list("w1", true), Err(Code::Forbidden));
    assert!(scene.list("g2", true).is_empty());
    assert_eq!(scene.admit("g2", creation).map(drop), Err(Code::NotFound));
    let ruling = stands(scene.admit("gg", creation));
    assert_eq!(ruling, stands(scene.admit("gg", creation)));
    assert_eq!(scene.decline("gg", creation).map(drop), Err(Code::AlreadyRuled));
    let (feed, n) = ruling.admitted_as.expect("it was admitted as an entry");
    let record = RecordId::created_by(feed, n);
    let row = scene.world.row(record);
    assert_eq!((row.created_by.as_str(), row.record_type.as_str()), ("gg", "household"));
    let edit = find(&listed, 4);
    stands(scene.decline("gg", edit));
    assert!(scene.list("gg", true).is_empty());
    // The author hears of both, once, and the list says so until it is cleared.
    scene.phone.syncs(&scene.world);
    let attention = scene.phone.attention();
    assert!(attention[0].zh.ends_with("已由上级代为录入（gg）：当面核实过"), "{}", attention[0].zh);
    assert!(attention[0].en.ends_with("Admitted by gg: 当面核实过"), "{}", attention[0].en);
    assert!(attention[2].zh.ends_with("上级未予采纳（gg）：请本人到站办理"), "{}", attention[2].zh);
    assert!(scene.phone.engine().ask(ids[0], "").is_err(), "it was ruled on");
    for id in ids {
        scene.phone.dismisses(id);
    }
    assert_eq!(scene.phone.attention(), []);
}

#[test]
fn an_edit_is_admitted_on_what_its_author_had_seen() {
    let mut scene = scene();
    let listed = scene.list("gg", false);
    let edit = find(&listed, 4);
    // Somebody wrote the field meanwhile: admitting does not overrule what the author had not seen.
    scene.world.user("h1", "grid_head", "G1");
    let clerk = scene.world.clerk("h1");
    let newer = clerk.edit(scene.known, json!([{ "op": "put", "field": "label", "value": "站里改的" }]));
    assert_eq!(newer.refused, None);
    stands(scene.admit("gg", edit));
    let mut head = scene.world.enrolled_phone("gg");
    let view = head.view(scene.known);
    assert_eq!(items(&view["_conflicts"]["label"]).len(), 2, "{view}");
    assert_eq!(view["status"], "vacant");
    // An edit that built on a record that was never made cannot be admitted.
    let built = find(&listed, 3);
    let Ok(Ruled::Refused(refusal)) = scene.admit("gg", built) else { panic!("refused") };
    assert_eq!(refusal.code, Code::RecordUnknown);
    assert_eq!(scene.phone.syncs(&scene.world).healed, 0);
}

#[test]
fn questions_about_what_is_not_ones_own_are_passed_over() {
    let scene = scene();
    let listed = scene.list("gg", false);
    let (feed, n) = which(&listed[0]);
    scene.world.user("evil", "grid_worker", "G1");
    let mut evil = Attacker::enrol(&scene.world, "evil", 9);
    let ask = |feed, n| gridledger_schema::wire::Ask { feed, n, note: "假的".into() };
    let request = gridledger_schema::wire::Request {
        asks: vec![ask(feed, n), ask(evil.feed, 1), ask(feed, u64::MAX)],
        ..gridledger_schema::wire::Request::default()
    };
    assert_eq!(evil.send(&scene.world, &request).codes(), []);
    assert!(scene.list("gg", true).is_empty());
}

/// A patrol, or one with an operation that its field does not take.
fn patrol(attacker: &Attacker, world: &World, n: u64, good: bool) -> Entry {
    let mut entry = attacker.patrol(world);
    entry.n = n;
    if !good {
        entry.intents.push(put("posters_removed", json!(1)));
    }
    entry
}

#[test]
fn one_bad_entry_never_holds_up_the_others() {
    let world = World::staffed(1, &[("evil", "grid_worker", "G1"), ("good", "grid_worker", "G1")]);
    let mut evil = Attacker::enrol(&world, "evil", 9);
    let mut stored = 0;
    // At every place of a small push; then in a thousand, alone and in crowds.
    let mut pushes: Vec<(usize, Vec<usize>)> = (0..12).map(|at| (12, vec![at])).collect();
    pushes.push((PUSH_ENTRIES, vec![0, 499, PUSH_ENTRIES - 1]));
    pushes.push((PUSH_ENTRIES, (0..PUSH_ENTRIES).step_by(3).collect()));
    for (count, bad) in pushes {
        let first = evil.head.0 + 1;
        let make = |i: usize| patrol(&evil, &world, first + i as u64, !bad.contains(&i));
        let entries: Vec<Entry> = (0..count).map(make).collect();
        let outcome = evil.try_entries(&world, entries);
        let refused: Vec<u64> = outcome.receipts()[0].refused.iter().map(|(n, _)| *n).collect();
        let wanted: Vec<u64> = bad.iter().map(|i| first + *i as u64).collect();
        assert_eq!(refused, wanted);
        assert!(outcome.codes().iter().all(|code| *code == Code::OperationMismatch));
        assert_eq!(evil.head.0, first + count as u64 - 1, "all of them are decided");
        stored += count - bad.len();
    }
    let mut other = world.phone("good", 0);
    assert_eq!(other.syncs(&world).changed, stored as u64);
}

#[test]
fn what_stood_on_a_refused_step_is_refused_with_it_and_nothing_else() {
    let world = World::staffed(1, &[("evil", "grid_worker", "G1")]);
    let mut evil = Attacker::enrol(&world, "evil", 9);
    let started = evil.patrol(&world);
    let record = started.record(evil.feed);
    let splice = |pos, insert: &str| Op::Splice { pos, delete: 0, insert: insert.into() };
    let ticket = vec![
        put("kind", json!("incident")),
        put("title", json!("灯")),
        put("address_text", json!("1号")),
        intent("events", Op::Event { verb: "report".into(), args: serde_json::Map::new() }),
    ];
    let target = Target::Create { record_type: "ticket".into(), area: world.area("G1") };
    let mut ticket = evil.entry(target, ticket);
    ticket.n = 2;
    let on = |n: u64, intents| {
        let record = ticket.record(evil.feed);
        let mut entry = evil.entry(Target::Edit { record }, intents);
        entry.n = n;
        entry
    };
    let item = |value: Value| Op::SetChild { child: "form".into(), value: forms::object(value) };
    let entries = vec![
        started,
        ticket.clone(),
        // Refused: the second intent is none; so the text is not there for the next, nor the child for the one after.
        on(3, vec![intent("description", splice(0, "很暗")), put("nothing", json!(1))]),
        on(4, vec![intent("description", splice(2, "了"))]),
        on(5, vec![intent("checklist", item(json!({ "item": "表" }))), put("nothing", json!(1))]),
        on(6, vec![intent("checklist", item(json!({ "done": true })))]),
        on(7, vec![put("title", json!("路灯"))]),
    ];
    let outcome = evil.try_entries(&world, entries);
    let refused: Vec<(u64, Code)> =
        outcome.receipts()[0].refused.iter().map(|(n, refusal)| (*n, refusal.code)).collect();
    assert_eq!(
        refused,
        [(3, Code::FieldUnknown), (4, Code::ValueInvalid), (5, Code::FieldUnknown), (6, Code::ValueInvalid)]
    );
    assert!(world.holds(record));
}

const PASSWORD: &str = "not a real one";

fn post(desk: &Desk, token: &str, path: &str, body: &Value) -> Answer {
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    desk.ask_with("POST", path, &headers, body.to_string().as_bytes())
}

#[test]
fn over_http_a_supervisor_lists_admits_and_declines() {
    let desk = Desk::open();
    desk.person("w1", PASSWORD, "grid_worker", "G1");
    desk.person("gg", PASSWORD, "general_grid_head", "C");
    desk.person("g2", PASSWORD, "general_grid_head", "G2");
    let [worker, head, other] = ["w1", "gg", "g2"].map(|login| desk.sign_in(login, PASSWORD).0);
    let bad = |address: &str| {
        json!({
            "create": { "type": "ticket", "area": "G1" }, "role": "grid_head",
            "intents": [
                { "op": "put", "field": "kind", "value": "incident" },
                { "op": "put", "field": "title", "value": "灯" },
                { "op": "put", "field": "address_text", "value": address },
                { "op": "event", "field": "events", "verb": "report", "args": {} },
            ],
        })
    };
    for address in ["滨河路1号2栋3单元401", "滨河路2号"] {
        let answer = post(&desk, &worker, "/v1/entries", &bad(address));
        assert_eq!(answer.json()["verdicts"][0]["refused"]["code"], "role_not_held");
    }
    assert_eq!(desk.ask("GET", "/v1/refused", "").status, 401);
    assert_eq!(desk.get_as(&worker, "/v1/refused").json()["code"], "forbidden");
    assert_eq!(desk.get_as(&other, "/v1/refused").json()["refused"], json!([]));
    assert_eq!(desk.get_as(&other, "/v1/refused?area=G1").status, 404);
    for bad in ["/v1/refused?before=x", "/v1/refused?nothing=1"] {
        assert_eq!(desk.get_as(&head, bad).json()["code"], "bad_request");
    }
    let page = desk.get_as(&head, "/v1/refused?limit=1").json();
    let rest = desk.get_as(&head, &format!("/v1/refused?area=G1&limit=1&before={}", text(&page["before"])));
    let (last, first) = (page["refused"][0].clone(), rest.json()["refused"][0].clone());
    assert_eq!((last["n"].as_u64(), first["n"].as_u64()), (Some(2), Some(1)));
    assert_eq!(first["intents"][2]["value"], "滨河路1号2栋", "masked: {first}");
    let path = |item: &Value, what: &str| format!("/v1/refused/{}/{}/{what}", text(&item["feed"]), item["n"]);
    let words = json!({ "note": "属实" });
    assert_eq!(post(&desk, &other, &path(&first, "admit"), &words).status, 404);
    assert_eq!(post(&desk, &worker, &path(&first, "admit"), &words).status, 404);
    for bad in ["/v1/refused/x/1/admit", "/v1/refused/00/1/admit"] {
        assert_eq!(post(&desk, &head, bad, &words).status, 404);
    }
    let admitted = post(&desk, &head, &path(&first, "admit"), &words).json();
    assert_eq!((&admitted["stored"], &admitted["ruling"]["by"]), (&json!(true), &json!("gg")));
    assert_eq!(post(&desk, &head, &path(&first, "admit"), &words).json(), admitted, "again");
    let conflict = post(&desk, &head, &path(&first, "decline"), &words);
    assert_eq!((conflict.status, &conflict.json()["code"]), (409, &json!("already_ruled")));
    let declined = post(&desk, &head, &path(&last, "decline"), &words).json();
    assert_eq!(declined["ruling"]["admitted"], false);
    let long = json!({ "note": "长".repeat(201) });
    assert_eq!(post(&desk, &head, &path(&last, "decline"), &long).json()["code"], "limit_exceeded");
    let tickets = desk.get_as(&head, "/v1/ledgers/ticket").json();
    assert_eq!(items(&tickets["rows"]).len(), 1);
}
