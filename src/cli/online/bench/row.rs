//! A row of figures, for people and for programs.

use serde_json::{Map, Value, json};

use super::process::Took;

/// One thing that was measured.
#[derive(Default)]
pub struct Row {
    /// Stable name, for programs.
    pub name: &'static str,
    /// What it is, in words.
    pub words: String,
    /// How many.
    pub count: f64,
    /// Of what.
    pub unit: &'static str,
    /// In how many seconds.
    pub seconds: f64,
    /// How long single requests took, sorted, in seconds.
    pub waits: Vec<f64>,
    /// Processor seconds of this program, which makes the load.
    pub generator_cpu: Option<f64>,
    /// Processor seconds of the service.
    pub service_cpu: Option<f64>,
    /// What else there is to say of it.
    pub more: Map<String, Value>,
}

impl Row {
    /// A figure.
    pub fn new(name: &'static str, words: impl Into<String>, unit: &'static str) -> Row {
        Row {
            name,
            words: words.into(),
            unit,
            ..Row::default()
        }
    }

    /// So many each second.
    pub fn rate(&self) -> f64 {
        self.count / self.seconds.max(1e-9)
    }

    /// Keeps what a stopwatch counted.
    pub fn keep_time(&mut self, took: Took) {
        self.seconds = took.seconds;
        self.generator_cpu = took.own;
        self.service_cpu = took.service;
    }

    /// Says something more of it.
    pub fn say(&mut self, name: &str, value: impl Into<Value>) {
        self.more.insert(name.to_owned(), value.into());
    }

    /// Keeps how long requests took.
    pub fn keep_waits(&mut self, mut waits: Vec<f64>) {
        waits.sort_by(f64::total_cmp);
        self.waits = waits;
    }

    fn wait(&self, share: f64) -> Option<f64> {
        let last = self.waits.len().checked_sub(1)?;
        self.waits
            .get((last as f64 * share).round() as usize)
            .copied()
    }

    /// For programs.
    pub fn to_json(&self) -> Value {
        let ms = |share| self.wait(share).map(|seconds| seconds * 1e3);
        let mut value = json!({
            "name": self.name, "what": self.words, "count": self.count, "unit": self.unit, "seconds": self.seconds,
            "per_second": self.rate(), "p50_ms": ms(0.5), "p99_ms": ms(0.99),
            "generator_cpu_seconds": self.generator_cpu, "service_cpu_seconds": self.service_cpu,
        });
        for (name, more) in &self.more {
            value[name] = more.clone();
        }
        value
    }
}

/// The rows as a table, with what is said of each below it.
pub fn table(rows: &[Row]) -> String {
    let wide = rows
        .iter()
        .map(|row| row.words.chars().count())
        .max()
        .unwrap_or(0);
    let mut text = format!(
        "{:wide$}  {:>22}  {:>9}  {:>9}  {:>9}  {:>15}\n",
        "", "each second", "half in", "99% in", "seconds", "cpu load/service"
    );
    for row in rows {
        let ms = |share| {
            row.wait(share)
                .map_or(String::new(), |s| format!("{:.2} ms", s * 1e3))
        };
        let share = |cpu: Option<f64>| {
            cpu.map_or("-".to_owned(), |cpu| format!("{:.2}", cpu / row.seconds))
        };
        text.push_str(&format!(
            "{:wide$}  {:>22}  {:>9}  {:>9}  {:>9.2}  {:>15}\n",
            row.words,
            format!("{} {}", number(row.rate()), row.unit),
            ms(0.5),
            ms(0.99),
            row.seconds,
            format!("{}/{}", share(row.generator_cpu), share(row.service_cpu)),
        ));
        for (name, value) in &row.more {
            let shown = match value.as_f64() {
                Some(value) => number(value),
                None => value
                    .as_str()
                    .map_or_else(|| value.to_string(), str::to_owned),
            };
            text.push_str(&format!("    {}: {shown}\n", name.replace('_', " ")));
        }
    }
    text
}

/// Three figures that count, or all before the point.
fn number(value: f64) -> String {
    let size = value.abs();
    match size {
        _ if size >= 100.0 || size == 0.0 => format!("{value:.0}"),
        _ if size >= 10.0 => format!("{value:.1}"),
        _ if size >= 0.1 => format!("{value:.2}"),
        _ => format!("{value:.3e}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{Row, table};

    #[test]
    fn a_row_says_its_rate_and_its_waits() {
        let mut row = Row::new("x", "a thing", "things");
        (row.count, row.seconds) = (200.0, 2.0);
        row.keep_waits((1..=101).rev().map(|n| f64::from(n) / 1e3).collect());
        row.say("fraction_of_floor", 0.25);
        let value = row.to_json();
        assert_eq!(value["per_second"], 100.0);
        assert_eq!(value["p50_ms"], 51.0);
        assert_eq!(value["p99_ms"], 100.0);
        assert_eq!(value["fraction_of_floor"], 0.25);
        let table = table(&[row]);
        assert!(
            table.contains("a thing") && table.contains("100 things"),
            "{table}"
        );
    }
}
