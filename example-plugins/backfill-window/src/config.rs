//! What a class may configure.

use arcane_plugin_sdk::{Error, Weekday};
use serde::Deserialize;

use crate::clock;
use crate::window::{DAY, Window};

/// `spec.plugin.config` of the class.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Config {
    /// When backfills may begin; at least one.
    pub windows: Vec<WindowConfig>,
    /// How far the clock of the windows is ahead of UTC: `Z`, `+02:00`, `-05:30`. Default `Z`.
    #[serde(default = "utc")]
    pub utc_offset: String,
    /// Which backfills have to wait. Default: all of them.
    #[serde(default = "all_triggers")]
    pub hold: Vec<Hold>,
    /// After how many seconds a backfill that waits is looked at again, to see whether it has become
    /// urgent meanwhile: 60 or more. Default: when the window opens.
    #[serde(default)]
    pub look_again_seconds: Option<u64>,
    /// Annotation on a definition whose backfills need not wait: `true` for all of them, or the
    /// name of a BackfillRequest for that one. Default `backfill-window/urgent`.
    #[serde(default = "urgent_annotation")]
    pub urgent_annotation: String,
    /// Annotation on a definition whose data is already there: with `true` its first backfill is
    /// skipped. Default `backfill-window/data-present`.
    #[serde(default = "data_present_annotation")]
    pub data_present_annotation: String,
}

/// A time of the week at which backfills may begin.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WindowConfig {
    /// The days on which it opens: `monday` to `sunday`. Default: every day.
    #[serde(default = "every_day")]
    pub days: Vec<Weekday>,
    /// When it opens, such as `22:00`.
    pub from: String,
    /// When it closes: on the day after where that is not later than `from`. `24:00` is midnight.
    pub to: String,
}

/// The backfills that may have to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Hold {
    /// The first one of a new stream.
    Initial,
    /// One that somebody has asked for with a BackfillRequest.
    Requested,
    /// One that follows a change of the source's schema.
    SchemaChange,
}

fn every_day() -> Vec<Weekday> {
    clock::DAYS.to_vec()
}

fn utc() -> String {
    "Z".to_owned()
}

fn all_triggers() -> Vec<Hold> {
    vec![Hold::Initial, Hold::Requested, Hold::SchemaChange]
}

fn urgent_annotation() -> String {
    "backfill-window/urgent".to_owned()
}

fn data_present_annotation() -> String {
    "backfill-window/data-present".to_owned()
}

/// What the configuration says about time, ready for use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// The windows, each day of each of them.
    pub windows: Vec<Window>,
    /// Seconds that their clock is ahead of UTC.
    pub offset: i32,
}

impl Config {
    /// Reads the windows and the offset.
    ///
    /// # Errors
    /// Something is no day, no time or no offset, or there are no windows.
    pub fn schedule(&self) -> Result<Schedule, Error> {
        if self.windows.is_empty() {
            return Err(Error::field(
                "windows",
                "is empty, so that no backfill would ever run: name at least one window",
            ));
        }
        let offset = clock::parse_offset(&self.utc_offset).ok_or_else(|| {
            let given = &self.utc_offset;
            Error::field(
                "utcOffset",
                format_args!("`{given}` is no offset from UTC: give one such as Z, +02:00 or -05:30, at most 14:00"),
            )
        })?;
        if self.look_again_seconds.is_some_and(|seconds| seconds < 60) {
            return Err(Error::field(
                "lookAgainSeconds",
                "must be at least 60: each look is an event; leave it out to look when the window opens",
            ));
        }
        let mut windows = Vec::new();
        for (index, window) in self.windows.iter().enumerate() {
            window.read(&format!("windows[{index}]"), &mut windows)?;
        }
        Ok(Schedule { windows, offset })
    }
}

impl WindowConfig {
    fn read(&self, path: &str, windows: &mut Vec<Window>) -> Result<(), Error> {
        let from = time(&self.from, &format!("{path}.from"))?;
        let to = time(&self.to, &format!("{path}.to"))?;
        if from == DAY {
            return Err(Error::field(
                &format!("{path}.from"),
                "24:00 is where a day ends: give 00:00, and the day after in `days`",
            ));
        }
        if self.days.is_empty() {
            return Err(Error::field(
                &format!("{path}.days"),
                "is empty, so that it would never open: name a day, or leave it out for every day",
            ));
        }
        let length = if to > from {
            to - from
        } else {
            to + DAY - from
        };
        windows.extend(self.days.iter().map(|day| Window {
            opens: clock::since_monday(*day) * DAY + from,
            length,
        }));
        Ok(())
    }
}

fn time(text: &str, path: &str) -> Result<u64, Error> {
    clock::parse_time(text).ok_or_else(|| {
        Error::field(
            path,
            format_args!("`{text}` is no time of day: give one from 00:00 to 24:00, such as 22:30"),
        )
    })
}
