//! Times as people type them: `yesterday`, `2 weeks ago`, `monday 10:30`, `last month`, `2026-11`.
//!
//! Only what has one meaning is read. The crate `interim` reads more, because it guesses: it takes `monday` for the next one,
//! a day without a year for one of this year, and the order of day and month from a setting.

use chrono::{Datelike, Days, Months, NaiveDate, NaiveTime, TimeDelta, TimeZone, Weekday};

use crate::{Bound, Duration, TimeError, TimeInterval, Timestamp};

/// What an error says would be right.
pub(crate) const EXAMPLES: &str = "write 2026-01-05 09:30, a day or month such as yesterday, monday or 2026-01, or a span back from now such as 2h, 7d or \
     2 weeks ago";

/// Reads what people type and programs do not. `None` where it is none of these forms.
///
/// - `now`, and spans back from it, with or without `ago`: `2 weeks`, `1 day 4 hours ago`, `3 months ago` (of the calendar).
/// - A day: `today`, `yesterday`, `monday` (the last one, today included), `last monday` (before today), `5 Jan 2026`,
///   `2026-01-05`. With a time of day behind it, that minute; alone, its first second.
/// - `10:30`: today's, which must be over.
/// - A longer time, of which the first second is meant: `this week` (from Monday), `last month`, `this year`, `2026-01`.
pub(crate) fn read<Z: TimeZone>(text: &str, now: Timestamp, zone: &Z) -> Option<Result<Bound, String>> {
    let text = text.replace(',', " ");
    // A unit stays as it is: `5M` may be months, and is read nowhere.
    let is_word = |word: &str| word.len() > 1 && word.bytes().all(|letter| letter.is_ascii_alphabetic());
    let lower = |word: &str| if is_word(word) { word.to_ascii_lowercase() } else { word.to_owned() };
    let words: Vec<String> = text.split_whitespace().map(lower).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let typed = Typed { now, zone, today: now.to_datetime().with_timezone(zone).date_naive() };
    match words.as_slice() {
        ["now"] => Some(Ok(Bound::Ago(Duration::default()))),
        [time] if time.contains(':') => typed.time_of_today(time),
        [count, "month" | "months"] | [count, "month" | "months", "ago"]
            if let Some(months) = typed.months_ago(count) =>
        {
            Some(months)
        }
        [span @ .., "ago"] | span if let Some(span) = span_of_words(span) => Some(Ok(Bound::Ago(span))),
        [day @ .., time] if time.contains(':') => typed.day(day).map(|date| typed.time(date, time)),
        day => typed.day(day).or_else(|| typed.beginning(day)).map(|date| typed.start(date)),
    }
}

/// The clock, and the zone of what is typed.
struct Typed<'a, Z> {
    now: Timestamp,
    zone: &'a Z,
    today: NaiveDate,
}

impl<Z: TimeZone> Typed<'_, Z> {
    /// A day in the zone.
    fn day(&self, words: &[&str]) -> Option<NaiveDate> {
        match words {
            ["today"] => Some(self.today),
            ["yesterday"] => self.today.checked_sub_days(Days::new(1)),
            [date] if date.len() == 10 && date.starts_with(|first: char| first.is_ascii_digit()) => date.parse().ok(),
            [day] => self.last(day.parse().ok()?, self.today),
            ["last", day] => self.last(day.parse().ok()?, self.today.checked_sub_days(Days::new(1))?),
            // The year may be short nowhere: %Y takes 26 as the year 26.
            [_, _, year] if year.len() == 4 => {
                let date = words.join(" ");
                ["%d %B %Y", "%B %d %Y"].iter().find_map(|form| NaiveDate::parse_from_str(&date, form).ok())
            }
            _ => None,
        }
    }

    /// The last such day, `from` included.
    fn last(&self, day: Weekday, from: NaiveDate) -> Option<NaiveDate> {
        from.checked_sub_days(Days::new(from.weekday().days_since(day).into()))
    }

    /// The first day of a week, month or year.
    fn beginning(&self, words: &[&str]) -> Option<NaiveDate> {
        let month = self.today.with_day(1)?;
        let year = month.with_month(1)?;
        match words {
            ["this", "week"] => self.last(Weekday::Mon, self.today),
            ["last", "week"] => self.last(Weekday::Mon, self.today.checked_sub_days(Days::new(7))?),
            ["this", "month"] => Some(month),
            ["last", "month"] => month.checked_sub_months(Months::new(1)),
            ["this", "year"] => Some(year),
            ["last", "year"] => year.checked_sub_months(Months::new(12)),
            [month] if month.len() == 7 && month.as_bytes().get(4) == Some(&b'-') => format!("{month}-01").parse().ok(),
            _ => None,
        }
    }

    fn start(&self, date: NaiveDate) -> Result<Bound, String> {
        start_of_day(date, self.zone).map(Bound::At).map_err(|error| error.to_string())
    }

    /// A minute or second of a day.
    fn time(&self, date: NaiveDate, time: &str) -> Result<Bound, String> {
        let time = if time.find(':') == Some(1) { format!("0{time}") } else { time.to_owned() };
        TimeInterval::read(&format!("{date} {time}"), self.zone).map(Bound::At).map_err(|error| match error {
            TimeError::Malformed(_) => format!("is not a time of day: {time:?}; write 09:30, of 24 hours"),
            error => error.to_string(),
        })
    }

    /// A time of today, which must be over: of one to come, nobody can tell whether yesterday's is meant.
    fn time_of_today(&self, time: &str) -> Option<Result<Bound, String>> {
        let is_alone = time.bytes().all(|byte| byte.is_ascii_digit() || byte == b':');
        let read = is_alone.then(|| self.time(self.today, time))?;
        Some(read.and_then(|bound| match bound {
            Bound::At(interval) if interval.start > self.now => {
                Err(format!("is still to come today: {time}; write \"yesterday {time}\" or \"today {time}\""))
            }
            bound => Ok(bound),
        }))
    }

    /// The same day and time, so many months ago; the last day of a month that is shorter.
    fn months_ago(&self, count: &str) -> Option<Result<Bound, String>> {
        let count = if count == "a" { 1 } else { count.parse().ok()? };
        let local = self.now.to_datetime().with_timezone(self.zone).naive_local();
        let Some(before) = local.checked_sub_months(Months::new(count)) else {
            return Some(Err(TimeError::OutOfRange.to_string()));
        };
        // Where clocks were put back or forward over it, an hour does not matter.
        let time = (0..8).find_map(|quarter| {
            self.zone.from_local_datetime(&(before + TimeDelta::minutes(15 * quarter))).earliest()
        })?;
        let at = Timestamp::try_from(time.to_utc()).map_err(|error| error.to_string());
        Some(at.map(|at| Bound::At(TimeInterval { start: at, end: at })))
    }
}

/// The first second of a day, which is later than midnight where clocks skip that.
pub(crate) fn start_of_day<Z: TimeZone>(date: NaiveDate, zone: &Z) -> Result<TimeInterval, TimeError> {
    let mut quarters = (0..96).map(|quarter| date.and_time(NaiveTime::MIN) + TimeDelta::minutes(15 * quarter));
    let first = quarters.find_map(|local| zone.from_local_datetime(&local).earliest()).ok_or(TimeError::OutOfRange)?;
    let start = Timestamp::try_from(first.to_utc())?;
    Ok(TimeInterval { start, end: Timestamp::from_micros(start.micros() + 999_999)? })
}

/// `2h`, `1h 30m`, `2 weeks`, `1 day 4 hours`, `a week`.
fn span_of_words(words: &[&str]) -> Option<Duration> {
    let mut short = String::new();
    for word in words {
        short.push_str(match *word {
            "a" | "an" => "1",
            "second" | "seconds" | "sec" | "secs" => "s",
            "minute" | "minutes" | "min" | "mins" => "m",
            "hour" | "hours" => "h",
            "day" | "days" => "d",
            "week" | "weeks" => "w",
            "year" | "years" => "y",
            other => other,
        });
    }
    short.parse().ok().filter(|_| short.ends_with(char::is_alphabetic))
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::Utc;

    /// A Monday.
    fn now() -> Timestamp {
        "2026-01-05 09:30:00".parse().unwrap()
    }

    fn typed(text: &str) -> Result<String, String> {
        let bound = Bound::typed(text, now(), &Utc)?;
        Ok(bound.start(now()).unwrap().to_seconds_text())
    }

    #[test]
    fn what_people_type() {
        for (text, expected) in [
            ("now", "2026-01-05 09:30:00"),
            ("2h ago", "2026-01-05 07:30:00"),
            ("2 h ago", "2026-01-05 07:30:00"),
            ("2 weeks ago", "2025-12-22 09:30:00"),
            ("2 weeks", "2025-12-22 09:30:00"),
            ("2 Weeks Ago", "2025-12-22 09:30:00"),
            ("a day ago", "2026-01-04 09:30:00"),
            ("an hour ago", "2026-01-05 08:30:00"),
            ("1 day 4 hours ago", "2026-01-04 05:30:00"),
            ("10 mins ago", "2026-01-05 09:20:00"),
            ("7d", "2025-12-29 09:30:00"),
            ("1y", "2025-01-05 09:30:00"),
            ("a month ago", "2025-12-05 09:30:00"),
            ("11 months ago", "2025-02-05 09:30:00"),
            ("3 months", "2025-10-05 09:30:00"),
            ("Today", "2026-01-05 00:00:00"),
            ("yesterday", "2026-01-04 00:00:00"),
            ("monday", "2026-01-05 00:00:00"),
            ("last monday", "2025-12-29 00:00:00"),
            ("tue", "2025-12-30 00:00:00"),
            ("sunday", "2026-01-04 00:00:00"),
            ("last sunday", "2026-01-04 00:00:00"),
            ("this week", "2026-01-05 00:00:00"),
            ("last week", "2025-12-29 00:00:00"),
            ("this month", "2026-01-01 00:00:00"),
            ("last month", "2025-12-01 00:00:00"),
            ("this year", "2026-01-01 00:00:00"),
            ("last year", "2025-01-01 00:00:00"),
            ("2025-11", "2025-11-01 00:00:00"),
            ("2026-01-03", "2026-01-03 00:00:00"),
            ("5 Nov 2025", "2025-11-05 00:00:00"),
            ("November 5, 2025", "2025-11-05 00:00:00"),
            ("5 november 2025 10:30", "2025-11-05 10:30:00"),
            ("2025-11-01 10:00", "2025-11-01 10:00:00"),
            ("9:15", "2026-01-05 09:15:00"),
            ("09:15:30", "2026-01-05 09:15:30"),
            ("today 10:30", "2026-01-05 10:30:00"),
            ("yesterday 10:30", "2026-01-04 10:30:00"),
            ("last friday 8:05", "2026-01-02 08:05:00"),
        ] {
            assert_eq!(typed(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn refuses_what_it_would_have_to_guess() {
        for text in [
            "",
            "ago",
            "5 ago",
            "weeks ago",
            "in 2h",
            "-2h ago",
            "5",
            "2026",
            "26-11",
            "2026-13",
            "2026-1",
            "11/2026",
            "05/11/2025",
            "5/11",
            "5 nov",
            "nov",
            "november 2025",
            "5 nov 25",
            "31 feb 2025",
            "last",
            "last day",
            "next monday",
            "tomorrow",
            "noon",
            "10",
            "5pm",
            "10:30 pm",
            "25:00",
            "10:60",
            "yesterday 25:00",
            "1.5h",
            "5M",
            "5 M ago",
            "mo",
            "1 month 2 days ago",
            "-1 months ago",
            "last mondays",
            "monday monday",
            "2 fortnights ago",
        ] {
            assert!(typed(text).is_err(), "{text:?} is {:?}", typed(text));
        }
        let soon = typed("10:30").unwrap_err();
        assert_eq!(soon, "is still to come today: 10:30; write \"yesterday 10:30\" or \"today 10:30\"");
        assert!(typed("9999999 months ago").unwrap_err().contains("1970"));
        assert!(typed("next monday").unwrap_err().contains(EXAMPLES));
    }

    #[test]
    fn a_month_ago_ends_with_a_shorter_month() {
        let now: Timestamp = "2026-03-31 09:30:00".parse().unwrap();
        let typed = |text| Bound::typed(text, now, &Utc).unwrap().start(now).unwrap().to_seconds_text();
        assert_eq!(typed("a month ago"), "2026-02-28 09:30:00");
        assert_eq!(typed("last month"), "2026-02-01 00:00:00");
        assert_eq!(typed("monday"), "2026-03-30 00:00:00");
    }

    #[test]
    fn days_are_those_of_the_zone() {
        let start =
            |text: &str, zone| Bound::typed(text, now(), &zone).unwrap().start(now()).unwrap().to_seconds_text();
        assert_eq!(start("2026-10-25", chrono_tz::Europe::Berlin), "2026-10-24 22:00:00");
        assert_eq!(start("today", chrono_tz::Europe::Berlin), "2026-01-04 23:00:00");
        assert_eq!(start("10:15", chrono_tz::Europe::Berlin), "2026-01-05 09:15:00");
        // It is 23:30 of Sunday there.
        assert_eq!(start("today", chrono_tz::Pacific::Honolulu), "2026-01-04 10:00:00");
        assert_eq!(start("yesterday", chrono_tz::Pacific::Honolulu), "2026-01-03 10:00:00");
        assert_eq!(start("monday", chrono_tz::Pacific::Honolulu), "2025-12-29 10:00:00");
        // Clocks went from 0:00 to 1:00.
        assert_eq!(start("2025-03-30", chrono_tz::Asia::Beirut), "2025-03-29 22:00:00");
        // Clocks went from 24:00 back to 23:00.
        assert_eq!(start("2025-10-26", chrono_tz::Asia::Beirut), "2025-10-25 22:00:00");
        let twice = Bound::typed("26 oct 2025 02:30", now(), &chrono_tz::Europe::Berlin).unwrap_err();
        assert!(twice.contains("clocks were put back"), "{twice}");
    }
}
