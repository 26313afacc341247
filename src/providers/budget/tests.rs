//! Limits are never exceeded, nearly used up, and nobody waits longer than need be.

use futures::FutureExt;
use proptest::prelude::*;

use super::*;
use crate::clock::ManualClock;

fn start() -> DateTime<Utc> {
    "2024-01-01T00:00:00Z".parse().unwrap()
}

fn budget(limits: &[&str], burst: u32) -> (Arc<ManualClock>, Budget) {
    with_log(limits, burst, None)
}

fn with_log(
    limits: &[&str],
    burst: u32,
    log: Option<Arc<dyn SpendLog>>,
) -> (Arc<ManualClock>, Budget) {
    let clock = Arc::new(ManualClock::at(start()));
    let limits: Vec<Limit> = limits.iter().map(|limit| limit.parse().unwrap()).collect();
    let account = ProviderId::from_static("test");
    let burst = NonZeroU32::new(burst).unwrap();
    let budget = Budget::new(&account, (&limits, burst), clock.clone(), log);
    (clock, budget)
}

/// Whether a request is granted at once.
fn is_granted(budget: &Budget, lane: Lane) -> bool {
    matches!(budget.acquire(lane).now_or_never(), Some(Ok(_)))
}

/// The most requests that any stretch of `span` holds; `sent` ascends.
fn most_within(sent: &[DateTime<Utc>], span: TimeDelta) -> usize {
    let mut from = 0;
    let mut most = 0;
    for (at, until) in sent.iter().enumerate() {
        while sent[from] + span <= *until {
            from += 1;
        }
        most = most.max(at - from + 1);
    }
    most
}

#[test]
fn t57_an_hour_of_backfill_uses_75_a_minute_to_99_percent_and_live_polls_wait_for_one_request() {
    let (clock, budget) = budget(&["75/min"], 5);
    let mut sent = Vec::new();
    let mut live_since: Option<DateTime<Utc>> = None;
    let mut longest = TimeDelta::zero();
    let (mut overtaken, mut most_overtaken) = (0, 0);
    // The first minute fills the log; after it the limit is what it is.
    for step in 0..61 * 60 * 100 {
        let now = clock.now();
        if step % 700 == 0 {
            live_since = Some(now);
            overtaken = 0;
        }
        if let Some(since) = live_since
            && is_granted(&budget, Lane::Live)
        {
            longest = longest.max(now - since);
            live_since = None;
            sent.push(now);
        }
        if is_granted(&budget, Lane::Backfill) {
            sent.push(now);
            overtaken += 1;
        }
        most_overtaken = most_overtaken.max(if live_since.is_some() { overtaken } else { 0 });
        clock.advance(Duration::from_millis(10));
    }
    let hour = start() + TimeDelta::minutes(1);
    let used = sent.iter().filter(|at| **at >= hour).count();
    assert!(used >= 4_455, "{used} of 4500 requests were used");
    assert!(most_within(&sent, TimeDelta::minutes(1)) <= 75);
    assert!(most_overtaken <= 1, "a live poll waited for {most_overtaken} backfills");
    assert!(longest <= TimeDelta::milliseconds(920), "a live poll waited {longest}");
}

proptest! {
    #[test]
    fn no_limit_is_ever_exceeded_whoever_asks_and_whenever(
        steps in prop::collection::vec((0_u64..900, 0_usize..3, 1_usize..8), 1..300),
        per_second in 1_u32..6,
        per_minute in 5_u32..60,
    ) {
        let limits = [format!("{per_second}/s"), format!("{per_minute}/min")];
        let (clock, budget) = budget(&[&limits[0], &limits[1]], 4);
        let mut sent = Vec::new();
        for (wait, lane, tries) in steps {
            clock.advance(Duration::from_millis(wait));
            for _ in 0..tries {
                if is_granted(&budget, Lane::ALL[lane]) {
                    sent.push(clock.now());
                }
            }
        }
        prop_assert!(most_within(&sent, TimeDelta::seconds(1)) <= per_second as usize);
        prop_assert!(most_within(&sent, TimeDelta::minutes(1)) <= per_minute as usize);
    }
}

#[tokio::test]
async fn lanes_are_served_in_order_and_none_starves() {
    let (clock, budget) = budget(&["1/s"], 1);
    assert!(is_granted(&budget, Lane::Backfill));
    let mut backfill = Box::pin(budget.acquire(Lane::Backfill));
    assert!(backfill.as_mut().now_or_never().is_none());
    let mut served = 0;
    // Live polls without end: the backfill is passed over, but not for ever.
    loop {
        let mut live = Box::pin(budget.acquire(Lane::Live));
        assert!(live.as_mut().now_or_never().is_none());
        clock.advance(Duration::from_millis(1_010));
        if backfill.as_mut().now_or_never().is_some() {
            break;
        }
        assert!(live.as_mut().now_or_never().is_some());
        served += 1;
        assert!(served <= PATIENCE, "the backfill starves");
    }
    assert_eq!(served, PATIENCE);
}

/// The floor of a lane is one request in `PATIENCE` + 1.
#[test]
fn t57_an_hour_of_live_polls_without_end_leaves_repairs_and_a_backfill_their_floor() {
    let (clock, budget) = budget(&["75/min"], 5);
    let mut waiting = Lane::ALL.map(|lane| Box::pin(budget.acquire(lane)));
    let mut granted = [0_u32; 3];
    for _ in 0..3_600 * 10 {
        for lane in Lane::ALL {
            let at = lane as usize;
            // Whoever is served asks again at once.
            while waiting[at].as_mut().now_or_never().is_some() {
                granted[at] += 1;
                waiting[at] = Box::pin(budget.acquire(lane));
            }
        }
        clock.advance(Duration::from_millis(100));
    }
    let [live, repair, backfill] = granted;
    let all = live + repair + backfill;
    assert!(all >= 4_455, "{granted:?}");
    let floor = all / (PATIENCE + 2);
    assert!(repair >= floor && backfill >= floor, "{granted:?}, the floor is {floor}");
    assert!(live >= all - 2 * (floor + floor / 5), "live polls come first: {granted:?}");
}

#[test]
fn t18_a_pause_holds_every_lane_and_afterwards_the_rate_is_halved_for_a_while() {
    let (clock, budget) = budget(&["10/s"], 1);
    budget.throttled(Some(Duration::from_secs(30)));
    assert!(Lane::ALL.into_iter().all(|lane| !is_granted(&budget, lane)));
    clock.advance(Duration::from_secs(30));
    let granted_in_a_second = || {
        let tick = |_: &i32| {
            clock.advance(Duration::from_millis(1));
            is_granted(&budget, Lane::Backfill)
        };
        (0..1_000).filter(tick).count()
    };
    assert!((5..=6).contains(&granted_in_a_second()));
    clock.advance(Duration::from_mins(6));
    assert_eq!(granted_in_a_second(), 10);
}

#[test]
fn t04_a_backfill_leaves_live_polls_their_share_of_the_day_and_then_says_until_when() {
    let (clock, budget) = budget(&["25/day"], 5);
    let granted = (0..100).filter(|_| is_granted(&budget, Lane::Backfill)).count();
    assert_eq!(granted, 20);
    let Some(Err(Exhausted { until })) = budget.acquire(Lane::Backfill).now_or_never() else {
        panic!("a backfill waits for tomorrow");
    };
    assert!(until > start() + TimeDelta::hours(24) && until < start() + TimeDelta::hours(25));
    assert_eq!((0..100).filter(|_| is_granted(&budget, Lane::Live)).count(), 5);
    clock.set(until);
    assert!(is_granted(&budget, Lane::Backfill));
}

/// The oldest request may have reached the provider a moment ago, whenever it was sent.
#[test]
fn a_request_counts_until_it_is_answered_and_a_span_longer() {
    let (clock, budget) = budget(&["2/min"], 2);
    let slow = budget.acquire(Lane::Live).now_or_never().unwrap().unwrap();
    assert!(is_granted(&budget, Lane::Live));
    clock.advance(Duration::from_secs(61));
    assert!(is_granted(&budget, Lane::Live), "the second was answered a minute ago");
    assert!(!is_granted(&budget, Lane::Live), "the first is under way");
    drop(slow);
    clock.advance(Duration::from_secs(59));
    assert!(!is_granted(&budget, Lane::Live));
    clock.advance(Duration::from_secs(2));
    assert!(is_granted(&budget, Lane::Live));
}

#[test]
fn a_clock_that_is_set_back_holds_nothing_up() {
    let (clock, budget) = budget(&["10/s"], 1);
    assert!(is_granted(&budget, Lane::Live));
    clock.set(clock.now() - TimeDelta::hours(5));
    assert!(!is_granted(&budget, Lane::Live), "nor does it give anything twice");
    clock.advance(Duration::from_millis(110));
    assert!(is_granted(&budget, Lane::Live));
}

#[derive(Debug, Default)]
struct Memory(Mutex<Vec<Spent>>);

impl SpendLog for Memory {
    fn spent<'a>(
        &'a self,
        _account: &'a ProviderId,
    ) -> futures::future::BoxFuture<'a, anyhow::Result<Vec<Spent>>> {
        let spent = self.0.lock().unwrap().clone();
        Box::pin(async move { Ok(spent) })
    }

    fn remember<'a>(
        &'a self,
        _account: &'a ProviderId,
        spent: Vec<Spent>,
    ) -> futures::future::BoxFuture<'a, anyhow::Result<()>> {
        *self.0.lock().unwrap() = spent;
        Box::pin(async { Ok(()) })
    }
}

#[test]
fn a_restart_does_not_spend_the_minute_or_the_day_twice() {
    let log = Arc::new(Memory::default());
    let mut granted = 0;
    for _ in 0..10 {
        let (_, budget) = with_log(&["5/min", "12/day"], 20, Some(log.clone()));
        granted += (0..20).filter(|_| is_granted(&budget, Lane::Live)).count();
    }
    assert_eq!(granted, 5);
    let (clock, budget) = with_log(&["5/min", "12/day"], 20, Some(log));
    for _ in 0..10 {
        clock.advance(Duration::from_secs(61));
        granted += (0..20).filter(|_| is_granted(&budget, Lane::Live)).count();
    }
    assert_eq!(granted, 12);
}
