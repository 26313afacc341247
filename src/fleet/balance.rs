//! How duties are spread: pure decisions, of which every replica makes its own.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};

use super::Duty;
use crate::store::LeaseRecord;

/// What a replica does next.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Moves {
    /// One at a time, and only while there is nothing to be had that would do as well.
    pub(super) give_up: Option<Duty>,
    pub(super) take: Vec<Duty>,
}

/// The world as one replica sees it.
pub(super) struct View<'a> {
    pub(super) me: &'a str,
    pub(super) duties: &'a [Duty],
    /// Everybody who lives, also `me`.
    pub(super) live: &'a BTreeSet<String>,
    pub(super) leases: &'a [LeaseRecord],
    pub(super) now: DateTime<Utc>,
    pub(super) lease: TimeDelta,
}

impl View<'_> {
    pub(super) fn moves(&self) -> Moves {
        let mut counts: BTreeMap<&str, usize> =
            self.live.iter().map(|name| (name.as_str(), 0)).collect();
        counts.entry(self.me).or_default();
        let (mut own, mut free) = (Vec::new(), Vec::new());
        for duty in self.duties {
            let lease = self.leases.iter().find(|lease| lease.duty == duty.to_string());
            match lease.filter(|lease| !lease.is_free(self.now)) {
                None => free.push((duty, lease.map(|lease| lease.until))),
                Some(lease) => {
                    if let Some(count) = counts.get_mut(lease.holder.as_str()) {
                        *count += 1;
                    }
                    if lease.holder == self.me {
                        own.push(duty);
                    }
                }
            }
        }
        let give_up = if free.is_empty() { self.surplus(&counts, &own) } else { None };
        let mut take = Vec::new();
        for (duty, since) in free {
            let fewest = counts.values().min().copied().unwrap_or(0);
            let mine = counts.get_mut(self.me);
            // Those who have less come first; what they leave is for everybody.
            let is_left = since.is_none_or(|since| since + self.lease <= self.now);
            if let Some(mine) = mine
                && (*mine <= fewest || is_left)
            {
                *mine += 1;
                take.push(duty.clone());
            }
        }
        Moves { give_up, take }
    }

    /// Of those who have most the first gives up one, if somebody has two less.
    fn surplus(&self, counts: &BTreeMap<&str, usize>, own: &[&Duty]) -> Option<Duty> {
        let fewest = *counts.values().min()?;
        let most = *counts.values().max()?;
        let first = counts.iter().find(|(_, count)| **count == most)?.0;
        if *first != self.me || most < fewest + 2 {
            return None;
        }
        own.last().map(|duty| (*duty).clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_700_000_000 + seconds, 0).unwrap()
    }

    fn duties() -> Vec<Duty> {
        let provider = |name: &str| Duty::Provider(name.parse().unwrap());
        vec![provider("alpha_vantage"), provider("coinbase"), provider("oanda"), Duty::Lake]
    }

    /// Beats of the replicas in `live`, in turns, until nothing moves any more; how many moves.
    fn settle(leases: &mut Vec<LeaseRecord>, live: &[&str], mut now: i64) -> usize {
        let names: BTreeSet<String> = live.iter().map(|name| (*name).to_owned()).collect();
        for lease in leases.iter_mut().filter(|lease| names.contains(&lease.holder)) {
            lease.until = at(now + 15);
        }
        let mut moved = 0;
        for round in 0..20 {
            let before = moved;
            for me in live {
                now += 1;
                for lease in leases.iter_mut().filter(|lease| lease.holder == *me) {
                    lease.until = at(now + 15);
                }
                let duties = duties();
                let lease = TimeDelta::seconds(15);
                let view = View { me, duties: &duties, live: &names, leases, now: at(now), lease };
                let Moves { give_up, take } = view.moves();
                moved += take.len() + usize::from(give_up.is_some());
                if let Some(duty) = give_up {
                    let given = leases.iter_mut().find(|one| one.duty == duty.to_string());
                    let given = given.unwrap();
                    (given.holder, given.until) = (String::new(), at(now));
                }
                for duty in take {
                    leases.retain(|lease| lease.duty != duty.to_string());
                    leases.push(LeaseRecord {
                        duty: duty.to_string(),
                        holder: (*me).to_owned(),
                        incarnation: 1,
                        until: at(now + 15),
                        token: 1,
                    });
                }
            }
            if moved == before && round > 0 {
                return moved;
            }
        }
        panic!("it does not come to rest: {leases:?}");
    }

    fn count(leases: &[LeaseRecord], holder: &str) -> usize {
        leases.iter().filter(|lease| lease.holder == holder).count()
    }

    #[test]
    fn one_takes_all_two_share_and_three_too() {
        let mut leases = Vec::new();
        assert_eq!(settle(&mut leases, &["a"], 0), 4);
        assert_eq!(count(&leases, "a"), 4);
        // Two are given up and taken.
        assert_eq!(settle(&mut leases, &["a", "b"], 100), 4);
        assert_eq!((count(&leases, "a"), count(&leases, "b")), (2, 2));
        assert_eq!(settle(&mut leases, &["a", "b", "c"], 200), 2);
        let mut counts = ["a", "b", "c"].map(|name| count(&leases, name));
        counts.sort_unstable();
        assert_eq!(counts, [1, 1, 2]);
    }

    #[test]
    fn what_a_dead_replica_had_is_taken_by_those_who_live() {
        let mut leases = Vec::new();
        settle(&mut leases, &["a", "b", "c"], 0);
        settle(&mut leases, &["a", "c"], 200);
        assert_eq!((count(&leases, "a"), count(&leases, "c")), (2, 2));
        settle(&mut leases, &["c"], 400);
        assert_eq!(count(&leases, "c"), 4);
    }

    #[test]
    fn more_replicas_than_duties_leave_some_idle_and_nothing_moves() {
        let mut leases = Vec::new();
        let all = ["a", "b", "c", "d", "e", "f"];
        settle(&mut leases, &all, 0);
        assert_eq!(settle(&mut leases, &all, 100), 0);
        assert!(all.iter().all(|name| count(&leases, name) <= 1));
    }
}
